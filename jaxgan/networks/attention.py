"""Self-attention over the positions of a map."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.networks.layers import Conv, Init, max_pool


def attention_weights(queries: jax.Array, keys: jax.Array) -> jax.Array:
    """beta_ij = exp(f_i . g_j) / sum_j exp(f_i . g_j): where each query looks.

    Args:
      queries: f, [b, n, d].
      keys: g, [b, m, d].

    Returns:
      [b, n, m] float32; each query's weights sum to 1.
    """
    return jax.nn.softmax(jnp.einsum("bnd,bmd->bnm", queries, keys, preferred_element_type=jnp.float32), axis=-1)


class SelfAttention(nn.Module):
    """Every position adds what it finds at the others: [b, h, w, c] -> [b, h, w, c].

    y = x + gamma W_o (sum_j beta_ij h(x_j)), beta_ij = softmax_j(f(x_i) . g(x_j))

    f and g are 1x1 convolutions to c / 8 channels, h to c / 2 and W_o back to c, all without bias; g and h are pooled
    by 2, as in the authors' code. gamma starts at 0, so that the layer starts as the identity.

    Source: Zhang et al. 2019 (SAGAN), section 3.

    Attributes:
      kernel_init: of the kernels.
      dtype: of the arithmetic; the weights are computed in float32.
      spectral: divide each kernel by its largest singular value.
    """

    kernel_init: Init
    dtype: Any
    spectral: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        b, height, width, c = x.shape

        def project(x: jax.Array, features: int, name: str) -> jax.Array:
            conv = Conv(features, 1, 1, "SAME", False, self.kernel_init, self.dtype, self.spectral, name=name)
            return jnp.asarray(conv(x))

        narrow, half = max(c // 8, 1), max(c // 2, 1)
        queries = project(x, narrow, "f").reshape(b, -1, narrow)
        keys = max_pool(project(x, narrow, "g")).reshape(b, -1, narrow)
        values = max_pool(project(x, half, "h")).reshape(b, -1, half)
        weights = attention_weights(queries, keys).astype(self.dtype)
        found = jnp.einsum("bnm,bmd->bnd", weights, values).reshape(b, height, width, half)
        gamma = self.param("gamma", nn.initializers.zeros, ())
        return x + gamma.astype(self.dtype) * project(found, c, "o")
