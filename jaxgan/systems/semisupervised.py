"""A semi-supervised classifier: D tells K classes of real examples, and these from what G makes, as class K + 1.

    p(k | x) = exp l_k / (Z + 1),  p(K + 1 | x) = 1 / (Z + 1),  Z = sum_k exp l_k

The logit of class K + 1 is fixed at 0, which loses nothing. So D(x) = Z / (Z + 1) = sigmoid(log Z), and log Z, the
logsumexp of the class logits, takes the place of D's logit in any objective.

    L_D = -E log p(y | x, y <= K) + w (-E log D(x) - E log(1 - D(G(z)))) / 2
    L_G = mean over features of (E f(x) - E f(G(z)))^2

The first term is of the few examples with a label; the half is that of the authors' code (openai/improved-gan), whose
L_G is this one on MNIST, and on CIFAR-10 the mean of |E f(x) - E f(G(z))|.

Source: Salimans et al. 2016 (arXiv:1606.03498), sections 3.1 and 5.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

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
from jaxgan.optim import OPTIMIZERS
from jaxgan.systems.averages import averaged, with_singular_vectors
from jaxgan.systems.building import check_numbers, given_of, options_of, parts_of
from jaxgan.systems.features import classes_of, sizes
from jaxgan.systems.inputs import Batch, Metrics, Sampling, examples_of, normal_latents, scaled
from jaxgan.systems.judging import class_loss, judgement
from jaxgan.systems.players import CLASSES, Pass, Player, Variables, fakes_of, new_players, passes, stepped


@flax.struct.dataclass
class SemiSupervisedState:
    """Everything that training changes.

    `average` and `classifier` are the exponential averages of G's and D's params, with running statistics: what samples
    and what classifies.
    """

    step: jax.Array  # int32 []
    generator: Player
    discriminator: Player
    average: Variables
    classifier: Variables


def adversarial_logits(classes: jax.Array) -> jax.Array:
    """Of being real, [b], from class logits [b, K]: log Z = log sum_k exp l_k."""
    return jax.nn.logsumexp(classes, axis=-1)


def feature_distance(real: jax.Array, fake: jax.Array) -> jax.Array:
    """Mean over features [b, d] of the squared difference of their means over the batch, []."""
    return jnp.mean(jnp.square(jnp.mean(real, axis=0) - jnp.mean(fake, axis=0)))


@dataclasses.dataclass(frozen=True)
class SemiSupervised(Sampling):
    """A generator and a classifier of K + 1 classes: modules and functions, no arrays.

    Attributes:
      generator: Linen module, latents to examples.
      discriminator: Linen module with class logits, of examples; its own logit is not looked at.
      objective: what D minimises on examples without a label, in logits log Z; G as well, if it is adversarial.
      generator_optimizer: moves G, and nothing else.
      discriminator_optimizer: moves D, and nothing else.
      shape: of one example.
      latent_size: number of latents, z ~ N(0, I).
      unlabelled_weight: w, of what D learns from examples without a label.
      generator_loss: "feature_matching", the means of D's features, or "adversarial", the objective's.
      average_half_life: of the averages of both players' parameters, in images shown; 0 uses the last ones.
      average_rampup: the half-life is at most this share of the images shown so far; 0 is no warm-up.
    """

    micro_batches: ClassVar[int] = 1
    stages: ClassVar[tuple[int, ...]] = (0,)
    num_classes: ClassVar[int] = 0  # that G makes examples by
    PARTS: ClassVar[dict[str, Any]] = {
        "generator": GENERATORS,
        "discriminator": DISCRIMINATORS,
        "objective": OBJECTIVES,
        "generator_optimizer": OPTIMIZERS,
        "discriminator_optimizer": OPTIMIZERS,
    }

    generator: nn.Module
    discriminator: nn.Module
    objective: Objective
    generator_optimizer: optax.GradientTransformation
    discriminator_optimizer: optax.GradientTransformation
    shape: tuple[int, ...]
    latent_size: int = 100
    unlabelled_weight: float = 1.0
    generator_loss: Literal["feature_matching", "adversarial"] = "feature_matching"
    average_half_life: float = 50_000.0
    average_rampup: float = 0.05

    @classmethod
    def from_config(cls, config: Mapping[str, Any], spec: DataSpec) -> "SemiSupervised":
        """Builds the system that a recipe describes, for data of this kind.

        Raises:
          JaxganError: data without labelled examples, a D without classes, an objective of which logits mean nothing
            alone, a number out of range, or a part refuses the shape of the data.
        """
        options = options_of(cls, config)
        if spec.other != spec.shape or not spec.num_classes:
            raise JaxganError(
                "semisupervised needs a few labelled examples beside all of the others: "
                f"set --config.data.name=few_labels:{config['data']['name']}."
            )
        check_numbers(options, "latent_size", unlabelled_weight=1e6)
        built = parts_of(cls, config, given_of(config, spec), discriminator=dict(num_classes=spec.num_classes))
        if built["objective"].relative:
            raise JaxganError(
                f"config.objective={config['objective']['name']} looks at differences of logits only, and here the "
                "sign of log Z says whether an example is real; set --config.objective.name=non_saturating."
            )
        arguments = (np.zeros((1, *spec.shape), np.float32), np.zeros(1, np.int32))
        if CLASSES not in sizes(built["discriminator"], *arguments):
            raise JaxganError(
                "semisupervised reads class logits, and this D has none: "
                "set --config.discriminator.conditioning=classifier (dcgan, mlp, resnet)."
            )
        return cls(**built, shape=spec.shape, **options)

    def networks(self) -> dict[str, tuple[nn.Module, tuple[Any, ...]]]:
        """Each player's module with example arguments, for initialisation and for tables of layers."""
        return {
            "generator": (self.generator, (np.zeros((1, self.latent_size), np.float32),)),
            "discriminator": (self.discriminator, (np.zeros((1, *self.shape), np.float32),)),
        }

    def init(self, key: jax.Array, batch: Batch) -> SemiSupervisedState:
        """A state at step 0; the shapes of the parameters follow from the recipe, the batch is not looked at."""
        optimizers = (self.generator_optimizer, self.discriminator_optimizer)
        generator, discriminator = new_players(self.networks(), optimizers, key)
        # copies: a buffer that stands in the state twice cannot be donated
        average, classifier = (jax.tree.map(jnp.copy, player.variables) for player in (generator, discriminator))
        return SemiSupervisedState(jnp.zeros((), jnp.int32), generator, discriminator, average, classifier)

    def update(
        self, state: SemiSupervisedState, batch: Batch, key: jax.Array, *, stage: int = 0
    ) -> tuple[SemiSupervisedState, Metrics]:
        """One step: D learns from labelled, unlabelled and generated examples, then G from the last two.

        Args:
          state: before the step.
          batch: `image` [b, *shape], whose labels are not known, `other` [b, *shape] and its `label` int32 [b]; both
            uint8 in 0..255 or float32 as the networks take them.
          key: of this step.
          stage: not used; this system has one.

        Returns:
          the state after the step, and one float32 number a metric, in the order in which they are computed.
        """
        latent_key, fake_key, d_key, g_key = jax.random.split(key, 4)
        real, labelled = scaled(batch["image"]), scaled(batch["other"])
        z = self.latents(latent_key, jnp.arange(len(real), dtype=jnp.int32))
        fakes = fakes_of(self.generator, state.generator, (z,), fake_key)
        examples = (labelled, real, fakes.images)
        discriminator, metrics = self._update_discriminator(state.discriminator, examples, batch["label"], d_key)

        def loss_of(images: jax.Array) -> jax.Array:
            # D's statistics move in D's update only: here they are computed and dropped.
            own = jax.random.fold_in(g_key, 1)
            on_real, on_fake = self._seen(discriminator, discriminator.params, (real, images), own, advance=False)
            if self.generator_loss == "feature_matching":
                return feature_distance(on_real.features, on_fake.features)
            logits = (adversarial_logits(on_real.classes), adversarial_logits(on_fake.classes))
            return jnp.mean(self.objective.generator(*logits, jax.random.fold_in(g_key, 0)))

        metrics["generator_loss"], cotangent = jax.value_and_grad(loss_of)(fakes.images)
        grads = fakes.pullback(cotangent)[0]
        generator = stepped(state.generator, grads, fakes.statistics, self.generator_optimizer)
        settings = (state.step, len(real), self.average_half_life, self.average_rampup)
        average = averaged(state.average, generator, *settings)
        classifier = averaged(state.classifier, discriminator, *settings)
        return SemiSupervisedState(state.step + 1, generator, discriminator, average, classifier), metrics

    def _update_discriminator(
        self, player: Player, examples: tuple[jax.Array, ...], labels: jax.Array, key: jax.Array
    ) -> tuple[Player, Metrics]:
        """D after its update from examples with these labels, real ones without, and generated ones."""

        def loss_of(params: Any) -> tuple[jax.Array, tuple[list[Pass], Metrics]]:
            seen = self._seen(player, params, examples, jax.random.fold_in(key, 1), advance=True)
            on_labelled, on_real, on_fake = (one.classes for one in seen)
            logits = (adversarial_logits(on_real), adversarial_logits(on_fake))
            losses = self.objective.discriminator(*logits, jax.random.fold_in(key, 0))
            supervised = class_loss(on_labelled, labels)
            terms = {"supervised_loss": supervised, "unlabelled_loss": self.unlabelled_weight * jnp.mean(losses) / 2}
            return sum(terms.values(), jnp.zeros(())), (seen, terms)

        grads, (seen, terms) = jax.grad(loss_of, has_aux=True)(player.params)
        on_labelled, on_real, on_fake = (one.classes for one in seen)
        right = jnp.mean(jnp.argmax(on_labelled, axis=-1) == labels, dtype=jnp.float32)
        metrics = {"labelled_accuracy": right} | judgement(adversarial_logits(on_real), adversarial_logits(on_fake))
        return stepped(player, grads, seen[-1].statistics, self.discriminator_optimizer), metrics | terms

    def _seen(
        self, player: Player, params: Any, batches: tuple[jax.Array, ...], key: jax.Array, *, advance: bool
    ) -> list[Pass]:
        inputs = [(batch,) for batch in batches]
        return passes(self.discriminator, params, player.statistics, inputs, key, advance=advance)

    def settled(self, state: SemiSupervisedState) -> SemiSupervisedState:
        """The state with the vectors of spectral normalisation, if there are any, of the averaged players."""
        networks = self.networks()
        return state.replace(  # type: ignore[attr-defined]
            average=with_singular_vectors(state.average, *networks["generator"]),
            classifier=with_singular_vectors(state.classifier, *networks["discriminator"]),
        )

    def classify(self, state: SemiSupervisedState, examples: jax.Array) -> jax.Array:
        """Class logits [n, classes] float32 of examples [n, *shape] float32, each of its own, by the averaged D."""
        return classes_of(self.discriminator, state.classifier, examples)

    def latents(self, key: jax.Array, indices: jax.Array, truncation: float | None = None) -> jax.Array:
        """Latents [n, latent_size] of the samples with these indices, int32 [n]; see `normal_latents`."""
        return normal_latents(self.generator, key, indices, self.latent_size, truncation)

    def generate(
        self, state: SemiSupervisedState, latents: jax.Array, labels: jax.Array, truncation: float | None = None
    ) -> jax.Array:
        """Examples [n, *shape] float32 of latents [n, latent_size]; G knows no labels."""
        return examples_of(self.generator, state.average, (latents,), truncation)
