"""What is trained: frozen objects with pure `init`, `update` and `sample`; the contract is `System`."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

import flax.linen as nn
import jax

from jaxgan.data.spec import DataSpec
from jaxgan.registry import lookup
from jaxgan.systems.autoencoder import Autoencoder
from jaxgan.systems.began import Began
from jaxgan.systems.cyclegan import CycleGan
from jaxgan.systems.gan import Gan
from jaxgan.systems.infogan import InfoGan
from jaxgan.systems.lapgan import Lapgan
from jaxgan.systems.pix2pix import Pix2Pix
from jaxgan.systems.progressive import Progressive
from jaxgan.systems.semisupervised import SemiSupervised
from jaxgan.systems.unrolled import Unrolled
from jaxgan.systems.vae import Vae


class System(Protocol):
    """A method of training, built from a recipe; holds modules and functions, no arrays.

    What it can do besides is said by `Generative`, `Translating`, `Encoding` and `Previewing`.

    Attributes:
      PARTS: the other settings of the recipe that it is made of, with the table each is looked up in.
      num_classes: that it is conditional on; 0 without labels.
    """

    PARTS: ClassVar[dict[str, Any]]
    num_classes: int

    @property
    def micro_batches(self) -> int:
        """Batches that one step consumes."""
        ...

    @property
    def stages(self) -> tuple[int, ...]:
        """Steps after which a new program begins, ascending, the first of them 0: of a network that grows, say."""
        ...

    def networks(self) -> dict[str, tuple[nn.Module, tuple[Any, ...]]]:
        """Each network with example arguments, for tables of layers."""
        ...

    def init(self, key: jax.Array, batch: Mapping[str, Any]) -> Any:
        """State at step 0; arrays only, with a field `step`."""
        ...

    def update(
        self, state: Any, batch: Mapping[str, Any], key: jax.Array, *, stage: int = 0
    ) -> tuple[Any, dict[str, jax.Array]]:
        """One step: the next state and float32 [] metrics, in the order in which they are computed.

        `stage` is static: the index of the last of `stages` that is not after the step. Every stage has the same state
        and the same metrics.
        """
        ...

    def settled(self, state: Any) -> Any:
        """The state with what is computed once before samples are drawn, or images translated."""
        ...


@runtime_checkable
class Generative(System, Protocol):
    """A system that makes examples of latents."""

    def latents(self, key: jax.Array, indices: jax.Array, truncation: float | None = None) -> jax.Array:
        """Latents [n, ...] of the samples with these indices, int32 [n]; truncated, if the system's are."""
        ...

    def generate(self, state: Any, latents: jax.Array, labels: jax.Array, truncation: float | None = None) -> jax.Array:
        """Examples [n, *shape] from latents and labels int32 [n] (not looked at where there are no classes).

        As the generator makes them: images of one that ends in no tanh may leave [-1, 1]; whoever shows them clips.
        """
        ...

    def sample(self, state: Any, key: jax.Array, labels_or_count: jax.Array | int) -> jax.Array:
        """Examples [n, *shape], images in [-1, 1]; sample i depends only on (key, i) and its label."""
        ...


@runtime_checkable
class Translating(System, Protocol):
    """A system that makes images of images."""

    @property
    def translations(self) -> tuple[str, ...]:
        """What they are made into, the usual one first: `("reconstruction",)`, `("AtoB", "BtoA")`."""
        ...

    def translate(self, state: Any, images: jax.Array, translation: str) -> jax.Array:
        """Images [n, h, w, c] float32 in [-1, 1] -> images; each depends on its own image only."""
        ...


@runtime_checkable
class Encoding(System, Protocol):
    """A system that finds codes of images."""

    def encode(self, state: Any, images: jax.Array) -> jax.Array:
        """Images [n, h, w, c] float32 in [-1, 1] -> codes [n, d] float32; each depends on its own image only."""
        ...


@runtime_checkable
class Previewing(System, Protocol):
    """A system that can show what it learns by more than samples."""

    def previews(self, state: Any, batch: Mapping[str, Any], key: jax.Array) -> dict[str, jax.Array]:
        """Sheets by name, [rows, columns, h, w, c] float32 in [-1, 1], or points [n, d]; the examples and the key are
        always the same.
        """
        ...


SYSTEMS: dict[str, Any] = {
    "gan": Gan,
    "autoencoder": Autoencoder,
    "began": Began,
    "cyclegan": CycleGan,
    "infogan": InfoGan,
    "lapgan": Lapgan,
    "pix2pix": Pix2Pix,
    "progressive": Progressive,
    "semisupervised": SemiSupervised,
    "unrolled": Unrolled,
    "vae": Vae,
}


def build_system(config: Mapping[str, Any], spec: DataSpec) -> System:
    """The system of a resolved recipe, for data of this kind.

    Raises:
      JaxganError: there is no such system, or the recipe asks for what this data does not allow.
    """
    return lookup(config["system"], SYSTEMS, "config.system").from_config(config, spec)  # type: ignore[attr-defined]


__all__ = [
    "SYSTEMS",
    "Autoencoder",
    "Began",
    "CycleGan",
    "Encoding",
    "Gan",
    "Generative",
    "InfoGan",
    "Lapgan",
    "Pix2Pix",
    "Previewing",
    "Progressive",
    "SemiSupervised",
    "System",
    "Translating",
    "Unrolled",
    "Vae",
    "build_system",
]
