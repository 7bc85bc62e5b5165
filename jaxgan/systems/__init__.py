"""What is trained: frozen objects with pure `init`, `update` and `sample`; the contract is `System`."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import flax.linen as nn
import jax

from jaxgan.data.spec import DataSpec
from jaxgan.systems.gan import Gan


class System(Protocol):
    """A method of training, built from a recipe; holds modules and functions, no arrays.

    `PARTS` names the other settings of the recipe that it is made of, with the table each is looked up in.
    """

    PARTS: ClassVar[dict[str, Any]]
    num_classes: int

    @property
    def micro_batches(self) -> int:
        """Batches that one step consumes."""
        ...

    def networks(self) -> dict[str, tuple[nn.Module, tuple[Any, ...]]]:
        """Each network with example arguments, for tables of layers."""
        ...

    def init(self, key: jax.Array, batch: Mapping[str, Any]) -> Any:
        """State at step 0; arrays only, with a field `step`."""
        ...

    def update(
        self, state: Any, batch: Mapping[str, Any], key: jax.Array, *, stage: Any = 0
    ) -> tuple[Any, dict[str, jax.Array]]:
        """One step: the next state and float32 [] metrics, in the order in which they are computed."""
        ...

    def latents(self, key: jax.Array, indices: jax.Array, truncation: float | None = None) -> jax.Array:
        """Latents [n, ...] of the samples with these indices, int32 [n]; truncated, if the system's are."""
        ...

    def settled(self, state: Any) -> Any:
        """The state with what is computed once before samples are drawn."""
        ...

    def generate(self, state: Any, latents: jax.Array, labels: jax.Array, truncation: float | None = None) -> jax.Array:
        """Examples [n, *shape] from latents and labels int32 [n] (not looked at where there are no classes)."""
        ...

    def sample(self, state: Any, key: jax.Array, labels_or_count: jax.Array | int) -> jax.Array:
        """Examples [n, *shape]; sample i depends only on (key, i) and its label."""
        ...


SYSTEMS: dict[str, Any] = {"gan": Gan}


def build_system(config: Mapping[str, Any], spec: DataSpec) -> System:
    """The system of a resolved recipe, for data of this kind.

    Raises:
      JaxganError: the recipe asks for what this data does not allow.
    """
    return SYSTEMS[config["system"]["name"]].from_config(config, spec)


__all__ = ["SYSTEMS", "Gan", "System", "build_system"]
