"""Which way each map of `conv.py` is computed, by shape and backend: measured on 2 Zen 5 cores, float32, jax 0.10.2,
inside a loop, where a training step runs; the figures are in docs/performance.md.

XLA's own convolution reaches half the speed of its matrix product on a CPU, so there each map is made of matrix
products; but large kernels at stride 1 have too many patches. GPUs and TPUs take the direct forms, which cuDNN and the
TPU compiler recognise.
"""

import functools
import math

import jax
import jax.numpy as jnp
from jax import lax

from jaxgan.ops import winograd
from jaxgan.ops.geometry import Geometry
from jaxgan.ops.lowerings import (
    C_direct,
    C_matrix,
    C_patches,
    C_taps,
    C_winograd,
    Lowering,
    W_direct,
    W_matrix,
    W_mirrored,
    W_patches,
    W_rows,
    W_winograd,
    X_direct,
    X_fold,
    X_matrix,
    X_taps,
    X_winograd,
    block_convolution,
    flipped,
    tiles_of,
)

_FEW = 4  # channels, as of a picture
_BROAD = 25  # pixels of a kernel, whose patches are copied slower than they are met one by one


def apply_C(geometry: Geometry, x: jax.Array, w: jax.Array) -> jax.Array:
    """C(x, w) in the way that is the fastest where it runs."""
    if geometry.is_matrix:
        return C_matrix(geometry, x, w)
    return _by_backend(cpu_C(geometry, *w.shape[2:], dtype=x.dtype), C_direct, geometry, x, w)


def apply_X(geometry: Geometry, g: jax.Array, w: jax.Array) -> jax.Array:
    """X(g, w) in the way that is the fastest where it runs."""
    if geometry.is_matrix:
        return X_matrix(geometry, g, w)
    return _by_backend(cpu_X(geometry, *w.shape[2:], dtype=g.dtype), X_direct, geometry, g, w)


def apply_W(geometry: Geometry, x: jax.Array, g: jax.Array) -> jax.Array:
    """W(x, g) in the way that is the fastest where it runs."""
    if geometry.is_matrix:
        return W_matrix(geometry, x, g)
    return _by_backend(cpu_W(geometry, x.shape[3], g.shape[3], dtype=x.dtype), W_direct, geometry, x, g)


def cpu_C(geometry: Geometry, channels: int, features: int, *, dtype: jnp.dtype) -> Lowering:
    """The lowering of C on a CPU; at stride 1 many channels are better not copied for the sake of few features."""
    if _saves_products(geometry, geometry, channels, features, dtype):
        return C_winograd
    if _is_broad(geometry):
        return C_direct
    return C_taps if geometry.strides == (1, 1) and features <= _FEW < channels else C_patches


def cpu_X(geometry: Geometry, channels: int, features: int, *, dtype: jnp.dtype) -> Lowering:
    """The lowering of X on a CPU.

    A dilated input wastes all but 1 in s s products; whole blocks of a stride by a stride are added the quickest.
    """
    (height, width), (s, t) = geometry.kernel, geometry.strides
    if (s, t) == (1, 1):
        return X_mirrored
    if _saves_products(geometry, block_convolution(geometry)[0], channels, features, dtype):
        return X_winograd
    return X_taps if height % s or width % t else X_fold


def cpu_W(geometry: Geometry, channels: int, features: int, *, dtype: jnp.dtype) -> Lowering:
    """The lowering of W on a CPU.

    Copies of the image are cheap while a patch is short; at stride 1 the cotangent can be the one that is copied.
    """
    if _saves_products(geometry, geometry, channels, features, dtype):
        return W_winograd
    if _is_broad(geometry):
        return W_rows
    return W_mirrored if geometry.strides == (1, 1) and features <= _FEW < channels else W_patches


def X_mirrored(geometry: Geometry, g: jax.Array, w: jax.Array) -> jax.Array:
    """At stride 1 the adjoint is a convolution too."""
    return cpu_C(geometry.mirror, g.shape[3], w.shape[2], dtype=g.dtype)(geometry.mirror, g, flipped(w))


def _is_broad(geometry: Geometry) -> bool:
    return geometry.strides == (1, 1) and math.prod(geometry.kernel) >= _BROAD


def _saves_products(geometry: Geometry, tiled: Geometry, channels: int, features: int, dtype: jnp.dtype) -> bool:
    """Whether Winograd saves enough products, of a map of `geometry` by tiles of `tiled`, to pay for its sums.

    Strided, the sums are more, and take a second more to compile, which a narrow layer would not win back in a run. In
    half precision they would lose digits.
    """
    if any(r not in (2, 3) for r in tiled.blocks) or jnp.finfo(dtype).bits < 32:
        return False
    block = math.prod(geometry.strides)
    products = winograd.TILE**2 * math.prod(tiles_of(tiled)) * block
    is_wide = min(block * channels, features) >= (16 if block == 1 else 128)
    return is_wide and products <= 0.7 * math.prod((*geometry.output_size, *geometry.kernel))


def _by_backend(cpu: Lowering, default: Lowering, geometry: Geometry, a: jax.Array, b: jax.Array) -> jax.Array:
    """Applies `cpu` where the program is compiled for a CPU, and `default` anywhere else.

    Under `vmap` over both arguments, as in training several seeds at once, the members are computed in turn: a
    convolution with a kernel for each member would be a grouped one, which is slow on every backend.
    """

    def apply(a: jax.Array, b: jax.Array) -> jax.Array:
        choices = {"cpu": functools.partial(cpu, geometry), "default": functools.partial(default, geometry)}
        return lax.platform_dependent(a, b, **choices)

    def batched(size: int, is_batched: list[bool], a: jax.Array, b: jax.Array) -> tuple[jax.Array, bool]:
        if all(is_batched):
            return lax.map(lambda ab: applied(*ab), (a, b)), True
        return jax.vmap(apply, [0 if flag else None for flag in is_batched])(a, b), True

    applied = jax.custom_batching.custom_vmap(apply)
    applied.def_vmap(batched)
    return applied(a, b)
