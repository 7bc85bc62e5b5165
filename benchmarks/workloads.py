"""What is compared: one table. A workload makes pairs of calls; nothing is built before it is asked for."""

import dataclasses
import functools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from jax import lax

from benchmarks import cost, ours, peers, start_up
from benchmarks.measure import Pair, Run, fastest
from benchmarks.peer_networks import copy_parameters
from jaxgan import config
from jaxgan.config import Settings
from jaxgan.data import Source, open_source
from jaxgan.data.memory import ArraySource
from jaxgan.drawing import CHUNK, Sampler
from jaxgan.ops.conv import conv_transpose
from jaxgan.systems import build_system

ROUNDS = 7
STILL = tuple(f"{player}_optimizer.learning_rate=1e-12" for player in ("generator", "discriminator"))


@dataclass(frozen=True)
class Workload:
    """Something whose time is compared.

    Attributes:
      name: for `--only`.
      what: one line.
      pairs: builds the pairs; given whether sizes are to be tiny.
      unit: of the work.
      rounds: measurements of each side, unless `--rounds` says otherwise.
    """

    name: str
    what: str
    pairs: Callable[[bool], Sequence[Pair]]
    unit: str = "step"
    rounds: int = ROUNDS


@dataclass(frozen=True)
class Task:
    """Training of a recipe, at a learning rate that changes nothing.

    On noise D soon wins, gradients become denormal numbers, and PyTorch slows down up to ten times: that would be
    timed, instead of the work.

    Attributes:
      recipe: its name, or the recipe.
      steps: in one call.
      shape: of synthetic images, uint8; None: the recipe's own data.
      settings: overrides, as on the command line.
      toy: further overrides, for tiny sizes.
    """

    recipe: str | config.ConfigDict
    steps: int
    shape: tuple[int, int, int] | None = None
    settings: tuple[str, ...] = ()
    toy: tuple[str, ...] = ("batch_size=4", "generator.width=2", "discriminator.width=2")

    def resolved(self, toy: bool, precision: str = "float32") -> Settings:
        """Complete settings."""
        loaded = config.load(self.recipe) if isinstance(self.recipe, str) else self.recipe
        return config.resolve(
            config.override(loaded, [*STILL, *self.settings, *(self.toy if toy else ()), f"precision={precision}"])
        )

    def source(self, settings: Settings) -> Source:
        """Real examples."""
        return synthetic(self.shape) if self.shape else open_source(settings["data"], 0)

    def ours(self, toy: bool, precision: str = "float32", calls: int = 1) -> ours.Ours:
        """Half of a pair by jaxgan: the same steps in so many calls."""
        settings = self.resolved(toy, precision)
        return ours.training(settings, self.source(settings), self.call_steps(toy) // calls, calls)

    def theirs(self, toy: bool, params: Mapping[str, Any], variant: peers.Variant) -> Run:
        """PyTorch's, from the same weights."""
        settings = self.resolved(toy)
        source = self.source(settings)
        examples, classes = source.arrays(), source.spec.num_classes if settings["system"]["conditional"] else 0
        step = peers.GanStep(settings, examples["image"], examples.get("label"), classes, precision=variant.precision)
        copy_parameters(step.generator, params["generator"])
        copy_parameters(step.discriminator, params["discriminator"])
        return peers.runner(step, variant, self.call_steps(toy))

    def call_steps(self, toy: bool) -> int:
        """Steps in one call."""
        return 2 if toy else self.steps


def synthetic(shape: tuple[int, int, int], number: int = 1024) -> ArraySource:
    """Noise, uint8 [number, *shape]: for time only."""
    return ArraySource(np.random.default_rng(0).integers(0, 256, (number, *shape), dtype=np.uint8))


def training_pairs(task: Task, toy: bool) -> list[Pair]:
    """The task against each of PyTorch's variants, in the same precision."""
    half_of = functools.cache(functools.partial(task.ours, toy))
    pairs = []
    for variant in peers.variants(toy):
        half = half_of(variant.precision)
        theirs = task.theirs(toy, half.params, variant)
        pairs.append(Pair(variant.name, half.run, theirs, task.call_steps(toy), half.cost, variant.precision))
    return pairs


def dispatch_pairs(task: Task, toy: bool) -> list[Pair]:
    """Many steps a call against one step a call: what scanning saves."""
    scanned = task.ours(toy)
    single = task.ours(toy, calls=task.call_steps(toy))
    return [Pair("jaxgan, one step a call", scanned.run, single.run, task.call_steps(toy), scanned.cost)]


def seeds_pairs(task: Task, seeds: int, toy: bool) -> list[Pair]:
    """Several seeds in one program against a single one: below their number, training them together pays."""
    together = dataclasses.replace(task, settings=(*task.settings, f"seeds={seeds}")).ours(toy)
    single = task.ours(toy)
    return [Pair("jaxgan, one seed", together.run, single.run, task.call_steps(toy))]


def critic_pairs(toy: bool) -> list[Pair]:
    """WGAN-GP updates of DCGAN-64's critic without batch normalisation."""
    task = Task("cifar10_dcgan64", 10, settings=("discriminator.normalise=False",))
    batch = 4 if toy else 32
    real, fake = np.random.default_rng(0).uniform(-1, 1, (2, task.call_steps(toy), batch, 64, 64, 3)).astype(np.float32)
    pairs = []
    for variant in peers.variants(toy):
        settings = task.resolved(toy, variant.precision)
        step = peers.CriticStep(
            settings["discriminator"], settings["discriminator_optimizer"], real, fake, variant.precision
        )
        if variant.compiler and not step.networks():
            continue
        half = ours.critic(settings, real, fake, peers.PENALTY_WEIGHT)
        copy_parameters(step.critic, half.params["discriminator"])
        theirs = peers.runner(step, variant, task.call_steps(toy))
        pairs.append(Pair(variant.name, half.run, theirs, task.call_steps(toy), half.cost, variant.precision))
    return pairs


def sampling_pairs(toy: bool) -> list[Pair]:
    """28x28 images as numpy arrays, by the generator in evaluation mode; PyTorch in our batches and in its best."""
    number = 2 * CHUNK if toy else 10_000
    settings, source = MNIST.resolved(toy), synthetic((28, 28, 1))
    system = build_system(settings, source.spec)
    state = jax.jit(lambda: system.init(jax.random.key(0), {}))()
    sampler, step = Sampler(system), peers.GanStep(settings, source.arrays()["image"])
    copy_parameters(step.generator, jax.device_get(state.generator.params))
    step.generator.eval()

    def drawing(batch: int, number: int) -> Run:
        @torch.inference_mode()
        def run() -> np.ndarray:
            sizes = [min(batch, number - first) for first in range(0, number, batch)]
            latents = (torch.randn(size, step.latents, device=step.device) for size in sizes)
            return np.concatenate([step.generator(z).permute(0, 2, 3, 1).cpu().numpy() for z in latents])

        return run

    best = min((16, 64, 256, 1024), key=lambda batch: fastest(drawing(batch, min(number, 1024)), 3))
    work = cost.count(
        lambda state, z: system.generate(state, z, jnp.zeros(len(z), jnp.int32)), state, np.zeros((CHUNK, step.latents))
    )
    return [
        Pair(name, lambda: sampler(state, 0, number), drawing(batch, number), number, work * (1 / CHUNK))
        for name, batch in ((f"PyTorch, batches of {CHUNK}", CHUNK), (f"PyTorch, its best batch {best}", best))
    ]


def plain_lax_pairs(toy: bool) -> list[Pair]:
    """A generator's layer, 256 -> 128 channels at 8x8 -> 16x16, and its two gradients, against JAX's own derivative."""
    batch, inputs, features = (2, 4, 2) if toy else (64, 256, 128)
    rng = np.random.default_rng(0)
    x = jax.device_put(rng.normal(size=(batch, 8, 8, inputs)).astype(np.float32))
    kernel = jax.device_put(rng.normal(size=(4, 4, features, inputs)).astype(np.float32))

    def gradients(layer: Callable[[jax.Array, jax.Array], jax.Array]) -> Callable[[Any, Any], Any]:
        return jax.value_and_grad(lambda x, kernel: (layer(x, kernel) ** 2).mean(), (0, 1))

    def plain(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return lax.conv_transpose(x, kernel, (2, 2), "SAME", transpose_kernel=True)

    def waiting(layer: Callable[[jax.Array, jax.Array], jax.Array]) -> Run:
        compiled = jax.jit(gradients(layer))
        return lambda: jax.block_until_ready(compiled(x, kernel))

    primitive = functools.partial(conv_transpose, strides=2)
    work = cost.count(gradients(primitive), x, kernel)
    return [Pair("lax.conv_transpose, autodiff", waiting(primitive), waiting(plain), 1, work)]


def feeding_pairs(function: str, sizes: Mapping[str, int], toy: bool) -> list[Pair]:
    """Pairs of `benchmarks.feeding`; a call returns the number of images that it fed."""
    from benchmarks import feeding  # slow to import

    if function == "mnist_pair" and "JAXGAN_TEST_DATA" not in os.environ:
        print("feed_mnist is left out: JAXGAN_TEST_DATA names no folder of prepared data")
        return []
    mine, theirs = getattr(feeding, function)(toy, **sizes)
    return [Pair("PyTorch DataLoader", mine, theirs, mine())]


def _ring() -> config.ConfigDict:
    adam = dict(name="adam", learning_rate=1e-3, b1=0.5)
    network = dict(name="mlp", hidden=(128, 128, 128), slope=0.0)
    return config.recipe(
        batch_size=256,
        data=dict(name="ring"),
        system=dict(name="gan", latent_size=2),
        generator=network | dict(output="none"),
        discriminator=network,
        objective=dict(name="non_saturating"),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
    )


_TOY_POINTS = ("batch_size=8", "generator.hidden=(4,4,4)", "discriminator.hidden=(4,4,4)", "data.num=64")
DIGITS = Task("digits_cgan", 20)
MNIST = Task("mnist_dcgan", 10, (28, 28, 1))
DCGAN64 = Task("cifar10_dcgan64", 10, (64, 64, 3))
DCGAN64_128 = Task("cifar10_dcgan64", 10, (64, 64, 3), ("batch_size=128",))
POINTS = Task(_ring(), 200, toy=_TOY_POINTS)

_TRAINING: tuple[tuple[str, str, Task], ...] = (
    ("digits", "the default recipe digits_cgan: conditional DCGAN, 32x32, batch 64", DIGITS),
    ("mnist_dcgan", "GANs in Action ch. 4 DCGAN, 28x28, batch 128", MNIST),
    ("dcgan64_b64", "PyTorch's DCGAN, 64x64, batch 64", DCGAN64),
    ("dcgan64_b128", "PyTorch's DCGAN, 64x64, batch 128", DCGAN64_128),
    ("mlp_2d", "perceptrons 3 x 128 on a ring of 8 Gaussians, batch 256", POINTS),
)
_SEEDS = (("seeds_16_mlp_2d", "mlp_2d", POINTS, 16), ("seeds_4_digits", "digits", DIGITS, 4))
_DISPATCH = (("dispatch_mlp_2d", "mlp_2d", POINTS), ("dispatch_digits", "digits", DIGITS))
_START_UP = (
    ("start_up_cold", "no compiled programs kept", False),
    ("start_up_warm", "compiled programs kept from the start before", True),
)
_FEEDING: tuple[tuple[str, str, str, Mapping[str, int]], ...] = (
    ("feed_mnist", "MNIST", "mnist_pair", {}),
    ("feed_zip", "a zip of 50,000 JPEGs, 72x72 to 64x64", "zip_pair", dict(side=72, count=50_000)),
    ("feed_zip_256", "a zip of 10,000 JPEGs, 256x256 to 64x64", "zip_pair", dict(side=256, count=10_000)),
)

_ALL: tuple[Workload, ...] = (
    *(Workload(name, what, functools.partial(training_pairs, task)) for name, what, task in _TRAINING),
    Workload("wgan_gp_critic", "one WGAN-GP update of a critic at 64x64, batch 32", critic_pairs),
    Workload("sample_10k", "10,000 images 28x28 of mnist_dcgan's generator", sampling_pairs, "image", 3),
    *(
        Workload(name, f"{of}: a scan over the steps of a call", functools.partial(dispatch_pairs, task))
        for name, of, task in _DISPATCH
    ),
    *(
        Workload(name, f"{of}: {count} seeds in one program", functools.partial(seeds_pairs, task, count))
        for name, of, task, count in _SEEDS
    ),
    Workload("plain_lax", "a transposed convolution 4x4 stride 2 with its gradients", plain_lax_pairs, "call"),
    *(
        Workload(
            name, f"command to the first 50 steps of digits, {of}", functools.partial(start_up.pairs, warm), "start", 2
        )
        for name, of, warm in _START_UP
    ),
    *(
        Workload(name, f"reading and batching {of}", functools.partial(feeding_pairs, function, sizes), "image")
        for name, of, function, sizes in _FEEDING
    ),
)
WORKLOADS: dict[str, Workload] = {workload.name: workload for workload in _ALL}
