"""Two players: a generator and a discriminator (or critic), each moved by its own optimizer.

One step is `critic_steps` updates of D and one of G:

    D <- D - grad_D mean L_D(D(x), D(G(z)))
    G <- G - grad_G mean L_G(D(x), D(G(z)))

D sees real and generated examples in two passes, so that batch normalisation never mixes their statistics, unless
`joint_pass` asks for it. The last batch that D learnt from is also the one G learns from, and G's forward pass, kept as
a pullback, serves both players; `fresh_latents` draws new latents for G instead, as Goodfellow's algorithm 1 does, at
the cost of a second forward pass.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgan.data.spec import DataSpec
from jaxgan.errors import JaxganError
from jaxgan.networks import DISCRIMINATORS, GENERATORS
from jaxgan.objectives import OBJECTIVES, Objective
from jaxgan.optim import OPTIMIZERS, exponential_average
from jaxgan.penalties import PENALTIES, Penalty
from jaxgan.registry import build, complete
from jaxgan.systems.accumulation import accumulated, part_keys, split
from jaxgan.systems.packing import pack, packed_shape

Batch = Mapping[str, Any]
Metrics = dict[str, jax.Array]
Variables = Mapping[str, Any]


@flax.struct.dataclass
class Player:
    """One network's arrays: `params`, `batch_stats` (running statistics, possibly empty) and its optimizer's state."""

    params: Any
    batch_stats: Any
    opt_state: Any

    @property
    def variables(self) -> Variables:
        """What Linen's `apply` takes."""
        return {"params": self.params, "batch_stats": self.batch_stats}


@flax.struct.dataclass
class GanState:
    """Everything that training changes.

    `average` is the exponential average of G's params and running statistics, the generator that is sampled from.
    """

    step: jax.Array  # int32 []
    generator: Player
    discriminator: Player
    average: Variables


class _Fakes(NamedTuple):
    """Generated examples, the way back to G's parameters, and G's running statistics after the pass."""

    images: jax.Array
    pullback: Any
    batch_stats: Any


@dataclasses.dataclass(frozen=True)
class Gan:
    """The two-player system: modules and functions, no arrays.

    Attributes:
      generator: Linen module, latents (and labels) to examples.
      discriminator: Linen module, examples (and labels) to logits.
      objective: what each player minimises.
      penalty: what D pays besides, if anything.
      generator_optimizer: moves G, and nothing else.
      discriminator_optimizer: moves D, and nothing else.
      shape: of one example.
      num_classes: 0 when training without labels.
      latent_size: number of latents, z ~ N(0, I).
      conditional: give both players the labels.
      critic_steps: updates of D a step; a batch then carries a leading axis of that many micro-batches.
      fresh_latents: new latents for G's update instead of those D has just learnt from.
      average_decay: of the parameter average, in [0, 1).
      joint_pass: D's updates see real and generated examples as one batch. Without batch normalisation that is the same
        mathematics; with it, statistics are those of the mixture, in G's update too.
      accumulate: parts that a batch is computed in, one after another, for less memory; gradients are their mean. The
        result is the same where examples are treated alone; batch normalisation uses the statistics of each part, and
        what an objective or a penalty draws is drawn anew for each part.
      packing: examples, all real or all generated, that D judges together with one logit (PacGAN); without labels only.
    """

    PARTS: ClassVar[dict[str, Any]] = {
        "generator": GENERATORS,
        "discriminator": DISCRIMINATORS,
        "objective": OBJECTIVES,
        "penalty": PENALTIES,
        "generator_optimizer": OPTIMIZERS,
        "discriminator_optimizer": OPTIMIZERS,
    }

    generator: nn.Module
    discriminator: nn.Module
    objective: Objective
    penalty: Penalty | None
    generator_optimizer: optax.GradientTransformation
    discriminator_optimizer: optax.GradientTransformation
    shape: tuple[int, ...]
    num_classes: int
    latent_size: int = 100
    conditional: bool = False
    critic_steps: int = 1
    fresh_latents: bool = False
    average_decay: float = 0.999
    joint_pass: bool = False
    accumulate: int = 1
    packing: int = 1

    @classmethod
    def from_config(cls, config: Mapping[str, Any], spec: DataSpec) -> "Gan":
        """Builds the system that a recipe describes, for data of this kind.

        Raises:
          JaxganError: labels are asked for and the data has none, a number is out of range, or a network refuses the
            shape of the data.
        """
        completed = complete(config["system"], {config["system"]["name"]: cls}, "config.system")
        options = {key: value for key, value in completed.items() if key != "name"}
        if options["conditional"] and not spec.num_classes:
            raise JaxganError(
                "config.system.conditional needs labels, and this data has none. Put the images into one sub-folder "
                "a class, or set --config.system.conditional=False."
            )
        for key in ("latent_size", "critic_steps", "accumulate", "packing"):
            if options[key] < 1:
                raise JaxganError(f"config.system.{key} is {options[key]}, but must be at least 1.")
        divisors = [key for key in ("accumulate", "packing") if options[key] > 1]
        parts = " times ".join(f"config.system.{key}={options[key]}" for key in divisors)
        if config["batch_size"] % (options["accumulate"] * options["packing"]):
            raise JaxganError(f"config.batch_size is {config['batch_size']}, which {parts} does not divide.")
        if options["conditional"] and options["packing"] > 1:
            raise JaxganError(
                "config.system.packing needs examples without labels; set config.system.conditional=False."
            )
        if not 0 <= options["average_decay"] < 1:
            raise JaxganError(f"config.system.average_decay is {options['average_decay']}, but must be in [0, 1).")
        num_classes = spec.num_classes if options["conditional"] else 0
        seen = dict(shape=spec.shape, num_classes=num_classes, dtype=jnp.dtype(config["precision"]))
        given = {"generator": seen, "discriminator": seen | dict(shape=packed_shape(spec.shape, options["packing"]))}
        built = {
            key: build(config[key], table, f"config.{key}", **given.get(key, {})) for key, table in cls.PARTS.items()
        }
        return cls(**built, shape=spec.shape, num_classes=num_classes, **options)

    @property
    def micro_batches(self) -> int:
        """Batches that one step consumes."""
        return self.critic_steps

    def networks(self) -> dict[str, tuple[nn.Module, tuple[Any, ...]]]:
        """Each player's module with example arguments, for initialisation and for tables of layers."""
        labels = np.zeros(1, np.int32) if self.num_classes else None
        judged = packed_shape(self.shape, self.packing)
        return {
            "generator": (self.generator, (np.zeros((1, self.latent_size), np.float32), labels)),
            "discriminator": (self.discriminator, (np.zeros((1, *judged), np.float32), labels)),
        }

    def init(self, key: jax.Array, batch: Batch) -> GanState:
        """A state at step 0; the shapes of the parameters follow from the recipe, the batch is not looked at."""
        generator, discriminator = (
            module.init(player_key, *arguments, train=False)
            for player_key, (module, arguments) in zip(jax.random.split(key), self.networks().values(), strict=True)
        )
        g_player = _player(generator, self.generator_optimizer)
        return GanState(
            step=jnp.zeros((), jnp.int32),
            generator=g_player,
            discriminator=_player(discriminator, self.discriminator_optimizer),
            # a copy: a buffer that stands in the state twice cannot be donated
            average=jax.tree.map(jnp.copy, g_player.variables),
        )

    def update(self, state: GanState, batch: Batch, key: jax.Array, *, stage: Any = 0) -> tuple[GanState, Metrics]:
        """One step: `critic_steps` updates of D, then one of G.

        Args:
          state: before the step.
          batch: `image` [b, *shape], uint8 in 0..255 or float32 as the networks take it, and `label` int32 [b]; with
            more than one critic step both with a leading axis of that size.
          key: of this step.
          stage: unused; this system has one.

        Returns:
          the state after the step, and one float32 number a metric, in the order in which they are computed.
        """
        keys = jax.random.split(key, self.critic_steps + 1)
        discriminator = state.discriminator
        if self.critic_steps > 1:
            earlier = jax.tree.map(lambda x: x[:-1], (dict(batch), keys[:-1]))
            batch = jax.tree.map(lambda x: x[-1], dict(batch))

            def critic_step(player: Player, item: tuple[Batch, jax.Array]) -> tuple[Player, None]:
                real, labels = self._prepare(item[0])
                images = self._images(state.generator, self._noise(item[1], len(real)), labels)
                return self._update_discriminator(player, real, images, labels, item[1])[0], None

            discriminator, _ = jax.lax.scan(critic_step, discriminator, earlier)

        real, labels = self._prepare(batch)
        z = self._noise(keys[-2], len(real))
        # One forward pass for both players, where both see the same examples and memory holds what the way back needs.
        shared = None if self.fresh_latents or self.accumulate > 1 else self._generate(state.generator, z, labels)
        images = shared.images if shared else self._images(state.generator, z, labels)
        discriminator, d_metrics = self._update_discriminator(discriminator, real, images, labels, keys[-2])
        if self.fresh_latents:
            z = self._noise(keys[-1], len(real))
        generator, g_metrics = self._update_generator(state.generator, discriminator, shared, real, z, labels, keys[-1])
        average = exponential_average(state.average, generator.variables, state.step, self.average_decay)
        return GanState(state.step + 1, generator, discriminator, average), d_metrics | g_metrics

    def latents(self, key: jax.Array, indices: jax.Array) -> jax.Array:
        """Latents [n, latent_size] of the samples with these indices, int32 [n]; each depends on (key, index) only."""
        return jax.vmap(lambda i: jax.random.normal(jax.random.fold_in(key, i), (self.latent_size,)))(indices)

    def generate(self, state: GanState, latents: jax.Array, labels: jax.Array) -> jax.Array:
        """Examples [n, *shape] float32 of latents [n, latent_size] and labels int32 [n], by the averaged generator."""
        images = self.generator.apply(state.average, latents, self._labels(labels), train=False)
        return jnp.asarray(images)

    def sample(
        self, state: GanState, key: jax.Array, labels_or_count: jax.Array | int, *, first: jax.Array | int = 0
    ) -> jax.Array:
        """Draws examples by the averaged generator with its running statistics.

        Args:
          state: at any step.
          key: sample i depends on (key, i) and on its label, never on how many are drawn together.
          labels_or_count: labels int32 [n], or n; by default sample i has the label i mod number of classes.
          first: index of the first sample.

        Returns:
          [n, *shape] float32, images in [-1, 1].
        """
        if isinstance(labels_or_count, int | np.integer):
            indices = first + jnp.arange(labels_or_count, dtype=jnp.int32)
            labels = indices % max(self.num_classes, 1)
        else:
            indices, labels = first + jnp.arange(len(labels_or_count), dtype=jnp.int32), labels_or_count
        return self.generate(state, self.latents(key, indices), labels)

    def _labels(self, labels: jax.Array | None) -> jax.Array | None:
        return labels if self.num_classes else None

    def _prepare(self, batch: Batch) -> tuple[jax.Array, jax.Array | None]:
        """Images as the networks take them, and labels if they are used."""
        images = batch["image"]
        if images.dtype == jnp.uint8:
            images = images.astype(jnp.float32) / 127.5 - 1
        return images, self._labels(batch.get("label"))

    def _noise(self, key: jax.Array, count: int) -> jax.Array:
        return jax.random.normal(jax.random.fold_in(key, 0), (count, self.latent_size))

    def _generate(self, player: Player, z: jax.Array, labels: jax.Array | None) -> _Fakes:
        def forward(params: Any) -> tuple[jax.Array, Any]:
            variables = {"params": params, "batch_stats": player.batch_stats}
            images, moved = self.generator.apply(variables, z, labels, train=True, mutable=["batch_stats"])
            return images, moved.get("batch_stats", {})

        images, pullback, batch_stats = jax.vjp(forward, player.params, has_aux=True)
        return _Fakes(images, pullback, batch_stats)

    def _images(self, player: Player, z: jax.Array, labels: jax.Array | None) -> jax.Array:
        """Generated examples that no gradient flows through."""
        if self.accumulate == 1:
            return self._generate(player, z, labels).images
        parts = jax.lax.map(lambda item: self._generate(player, *item).images, split((z, labels), self.accumulate))
        return parts.reshape(-1, *self.shape)

    def _apply_discriminator(
        self, params: Any, batch_stats: Any, images: jax.Array, labels: jax.Array | None
    ) -> tuple[jax.Array, Any]:
        """D's logits [b], and its running statistics after the pass."""
        variables = {"params": params, "batch_stats": batch_stats}
        y, moved = self.discriminator.apply(variables, images, labels, train=True, mutable=["batch_stats"])
        if y.shape != images.shape[:1]:  # [b, 1] would broadcast against [b] in a loss
            raise ValueError(f"a discriminator returns logits [b], not {y.shape} for {len(images)} examples")
        return y, moved.get("batch_stats", {})

    def _logits(
        self, params: Any, batch_stats: Any, real: jax.Array, fake: jax.Array, labels: jax.Array | None, joint: bool
    ) -> tuple[jax.Array, jax.Array, Any]:
        """D's logits on real and on generated examples, [b] each, and its running statistics after both."""
        if joint:
            both = None if labels is None else jnp.concatenate([labels, labels])
            y, batch_stats = self._apply_discriminator(params, batch_stats, jnp.concatenate([real, fake]), both)
            return y[: len(real)], y[len(real) :], batch_stats
        on_real, batch_stats = self._apply_discriminator(params, batch_stats, real, labels)
        on_fake, batch_stats = self._apply_discriminator(params, batch_stats, fake, labels)
        return on_real, on_fake, batch_stats

    def _update_discriminator(
        self, player: Player, real: jax.Array, fake: jax.Array, labels: jax.Array | None, key: jax.Array
    ) -> tuple[Player, Metrics]:
        def part(batch_stats: Any, item: Any) -> tuple[Any, Any, Any]:
            real, fake, labels, key = item

            def loss_of(params: Any) -> tuple[jax.Array, Any]:
                on_real, on_fake, moved = self._logits(params, batch_stats, real, fake, labels, self.joint_pass)
                losses = self.objective.discriminator(on_real, on_fake, jax.random.fold_in(key, 1))
                terms = {"discriminator_loss": jnp.mean(losses)}
                if self.penalty:
                    terms["penalty"] = jnp.mean(self.penalty(critic(params), real, fake, jax.random.fold_in(key, 3)))
                return sum(terms.values(), jnp.zeros(())), (on_real, on_fake, terms, moved)

            def critic(params: Any) -> Callable[[jax.Array], jax.Array]:
                return lambda images: self._apply_discriminator(params, batch_stats, images, labels)[0]

            grads, (*judged, moved) = jax.grad(loss_of, has_aux=True)(player.params)
            return moved, grads, judged

        real, fake = pack(real, self.packing), pack(fake, self.packing)
        items = (*split((real, fake, labels), self.accumulate), part_keys(key, self.accumulate))
        batch_stats, grads, (on_real, on_fake, terms) = accumulated(part, player.batch_stats, items)
        metrics = _judgement(on_real.reshape(-1), on_fake.reshape(-1))
        metrics |= {name: jnp.mean(values) for name, values in terms.items()}  # by name, as a dict leaves a trace
        return _step(player, grads, batch_stats, self.discriminator_optimizer), metrics

    def _update_generator(
        self,
        player: Player,
        discriminator: Player,
        shared: _Fakes | None,
        real: jax.Array,
        z: jax.Array,
        labels: jax.Array | None,
        key: jax.Array,
    ) -> tuple[Player, Metrics]:
        """G's update, from the pass that it shares with D's update if there is one."""
        # Without statistics to mix, real examples would only be so many more to compute.
        joint = self.joint_pass and bool(discriminator.batch_stats)

        def part(batch_stats: Any, item: Any) -> tuple[Any, Any, Any]:
            real, z, labels, key = item
            fakes = shared or self._generate(player.replace(batch_stats=batch_stats), z, labels)  # type: ignore[attr-defined]

            def loss_of(images: jax.Array) -> jax.Array:
                # D's statistics move in D's updates only: here they are computed and dropped.
                on_real, on_fake, _ = self._logits(
                    discriminator.params, discriminator.batch_stats, real, pack(images, self.packing), labels, joint
                )
                return jnp.mean(self.objective.generator(on_real, on_fake, jax.random.fold_in(key, 2)))

            loss, cotangent = jax.value_and_grad(loss_of)(fakes.images)
            return fakes.batch_stats, fakes.pullback(cotangent)[0], loss

        items = (*split((pack(real, self.packing), z, labels), self.accumulate), part_keys(key, self.accumulate))
        batch_stats, grads, loss = accumulated(part, player.batch_stats, items)
        return _step(player, grads, batch_stats, self.generator_optimizer), {"generator_loss": jnp.mean(loss)}


def _player(variables: Variables, optimizer: optax.GradientTransformation) -> Player:
    params = variables["params"]
    return Player(params, variables.get("batch_stats", {}), optimizer.init(params))


def _step(player: Player, grads: Any, batch_stats: Any, optimizer: optax.GradientTransformation) -> Player:
    updates, opt_state = optimizer.update(grads, player.opt_state, player.params)
    return Player(optax.apply_updates(player.params, updates), batch_stats, opt_state)


def _judgement(on_real: jax.Array, on_fake: jax.Array) -> Metrics:
    """How D judged a batch: mean logits, accuracies, and the four counts of the confusion matrix."""
    real_right, fake_right = jnp.sum(on_real > 0).astype(jnp.float32), jnp.sum(on_fake < 0).astype(jnp.float32)
    count = len(on_real)
    return {
        "real_logit": jnp.mean(on_real),
        "fake_logit": jnp.mean(on_fake),
        "real_accuracy": real_right / count,
        "fake_accuracy": fake_right / count,
        "real_called_real": real_right,
        "real_called_fake": count - real_right,
        "fake_called_real": count - fake_right,
        "fake_called_fake": fake_right,
    }
