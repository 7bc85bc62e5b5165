"""How a generator's maps depend on the class and on parts of the latents."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.errors import JaxganError
from jaxgan.networks.layers import Dense, Embed, Init


class ConditionalBatchNorm(nn.Module):
    """Batch normalisation with a scale and a shift for every example: [b, h, w, c] -> [b, h, w, c].

    y = (s_c + A v) (x - mean) / sqrt(var + 1e-5) + t_c + B v

    The statistics are those of the whole batch, whatever the classes. s_c and t_c are a table's rows for the class c
    (de Vries et al. 2017), which start at 1 and 0; A and B are linear maps of a vector v without bias (Brock et al.
    2019), such as a shared class embedding. Without labels s is 1 and t is 0, without a vector A v and B v are none;
    with neither, this is ordinary batch normalisation.

    Attributes:
      train: use the batch's statistics and move the running ones; otherwise use the running ones.
      momentum: share of the old running statistics that stays.
      num_classes: rows of the tables.
      kernel_init: of A and B.
      dtype: of the result; statistics are float32.
      spectral: divide A and B, but not the tables, by their largest singular values.
    """

    train: bool
    momentum: float
    num_classes: int
    kernel_init: Init
    dtype: Any
    spectral: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, labels: jax.Array | None = None, vector: jax.Array | None = None) -> jax.Array:
        """Maps [b, h, w, c], labels int32 [b] and vectors [b, d] -> maps of the same shape."""
        plain = labels is None and vector is None
        norm = nn.BatchNorm(
            not self.train, momentum=self.momentum, epsilon=1e-5, dtype=self.dtype, use_scale=plain, use_bias=plain
        )
        if plain:
            return norm(x)
        scale = self._per_example("scale", 1.0, x.shape[-1], labels, vector)
        shift = self._per_example("shift", 0.0, x.shape[-1], labels, vector)
        return norm(x) * scale + shift

    def _per_example(
        self, name: str, start: float, features: int, labels: jax.Array | None, vector: jax.Array | None
    ) -> jax.Array:
        """[b, 1, 1, features]: the table's rows for the labels, or its start without labels, plus the map of v."""
        value: jax.Array | float = start
        if labels is not None:
            value = Embed(self.num_classes, features, nn.initializers.constant(start), name=name)(labels)
        if vector is not None:
            project = Dense(features, False, self.kernel_init, jnp.float32, self.spectral, name=f"{name}_projection")
            value = value + project(vector)
        return jnp.asarray(value, self.dtype).reshape(-1, 1, 1, features)


def split_latents(z: jax.Array, blocks: int) -> list[jax.Array]:
    """Hierarchical latents (Brock et al. 2019): a part for the first map, then one for each block.

    Args:
      z: [b, d].
      blocks: each gets d // (blocks + 1) latents, the first map what is left: as many and the remainder.

    Raises:
      JaxganError: there are fewer latents than parts.
    """
    size = z.shape[-1] // (blocks + 1)
    if not size:
        raise JaxganError(
            f"hierarchical: {z.shape[-1]} latents for {blocks} blocks, but at least {blocks + 1} are needed."
        )
    first = z.shape[-1] - blocks * size
    return jnp.split(z, [first + i * size for i in range(blocks)], axis=-1)
