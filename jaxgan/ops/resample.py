"""Resampling of images by two with a low-pass filter, as in StyleGAN2 and R3GAN; derivatives of every order stay fast.

On each axis a filter f with K taps makes one of two maps between a coarse side n and a fine side m, zero outside:

    gather: y[i] = sum_k f[k] x[s i + k - low]       (filter, then every s-th pixel)
    spread: x[j] = sum_i f[j + low - s i] y[i]       (s - 1 zeros after every pixel, then filter)

Each is the adjoint of the other, so the pair is closed under differentiation as the maps of `conv.py` are, and like
them it refuses forward mode.

Both are shifted sums, not convolutions. On 2 Zen 5 cores, inside a loop, 16x32x32x64 float32 up to 64x64 and back with
(1, 3, 3, 1): a value, a gradient and a second derivative (of a sum of cubes) took 2, 2 and 11 ms up, 6, 4 and 11 ms
down. Through `conv`, one axis at a time with one channel, they took 10, 21, 49 and 14, 23, 50 ms; with the channels
folded into the batch twice that; as products with banded matrices 12, 8, 17 and 10, 15, 25 ms, growing with the side.
Left to autodiff the sums too are up to 4 times as slow: the adjoint of a strided slice is a dilated padding.

Source: `upfirdn2d` of Karras et al. 2020 (StyleGAN2) for sides, order of the taps and alignment.
"""

import dataclasses
import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

from jaxgan.errors import JaxganError
from jaxgan.ops.geometry import Pair


@dataclasses.dataclass(frozen=True)
class _Filter:
    """One axis of a map: its taps, its stride s, its first tap's place, the coarse and the fine side."""

    axis: int
    taps: tuple[float, ...]
    stride: int
    low: int
    coarse: int
    fine: int


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _gather(f: _Filter, x: jax.Array) -> jax.Array:
    """y[i] = sum_k f[k] x[s i + k - low]."""
    reach = f.stride * (f.coarse - 1) + 1
    x = _padded(x, f.axis, f.low, reach + len(f.taps) - 1 - f.low - f.fine)
    terms = [tap * lax.slice_in_dim(x, k, k + reach, f.stride, f.axis) for k, tap in enumerate(f.taps)]
    return functools.reduce(jnp.add, terms)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _spread(f: _Filter, y: jax.Array) -> jax.Array:
    """x[j] = sum_i f[j + low - s i] y[i], one phase j mod s after the other."""
    positions = -(-f.fine // f.stride)
    phases = []
    for phase in range(f.stride):
        # At j = s q + phase tap k meets y[q - d] with k = s d + phase + low.
        places = [(tap, *divmod(k - phase - f.low, f.stride)) for k, tap in enumerate(f.taps)]
        terms = [tap * _padded(y, f.axis, d, positions - f.coarse - d) for tap, d, rest in places if rest == 0]
        phases.append(functools.reduce(jnp.add, terms or [jnp.zeros_like(_padded(y, f.axis, 0, positions - f.coarse))]))
    x = jnp.stack(phases, f.axis + 1)
    x = x.reshape(*y.shape[: f.axis], positions * f.stride, *y.shape[f.axis + 1 :])
    return lax.slice_in_dim(x, 0, f.fine, axis=f.axis)


_gather.defvjp(lambda f, x: (_gather(f, x), None), lambda f, _, g: (_spread(f, g),))
_spread.defvjp(lambda f, y: (_spread(f, y), None), lambda f, _, g: (_gather(f, g),))


def upsample(x: jax.Array, size: Pair, taps: Sequence[float]) -> jax.Array:
    """Doubles both sides: zeros between the pixels, then the filter with gain 2 an axis, so that a constant stays one.

    y[j] = 2 sum_i f[j + low - 2 i] x[i] on each axis, low = floor((K - 2) / 2), f = taps / sum(taps)

    Pixels outside the image count as zero, so a constant fades towards the border.

    Args:
      x: images [b, h, w, c] of any floating type.
      size: (height, width) of the result, each 2 n or 2 n - 1 of the side n; 2 n - 1 leaves out the last pixel.
      taps: K numbers, the same for both axes, e.g. (1, 3, 3, 1).

    Returns:
      [b, *size, c].

    Raises:
      JaxganError: an impossible size, or taps that sum to nothing.
    """
    for side, result in zip(x.shape[1:3], size, strict=True):
        if result not in (2 * side - 1, 2 * side):
            raise JaxganError(
                f"upsample cannot make a side of {result} from one of {side}: only twice that, or 1 less."
            )
    weights, low = tuple(2 * tap for tap in _normalised(taps)), (len(taps) - 2) // 2
    for axis in (1, 2):
        x = _spread(_Filter(axis, weights, 2, low, x.shape[axis], size[axis - 1]), x)
    return x


def downsample(x: jax.Array, taps: Sequence[float]) -> jax.Array:
    """Halves both sides: the filter, then every second pixel.

    y[i] = sum_k f[K - 1 - k] x[2 i + k - floor((K - 1) / 2)] on each axis, f = taps / sum(taps)

    Pixels outside the image count as zero, as in the official code: a constant stays one in the interior and fades
    towards the border. With an even number of taps, the same in both directions, this is a quarter of the adjoint of
    `upsample`.

    Args:
      x: images [b, h, w, c] of any floating type.
      taps: K numbers, the same for both axes, e.g. (1, 3, 3, 1).

    Returns:
      [b, ceil(h / 2), ceil(w / 2), c].

    Raises:
      JaxganError: taps that sum to nothing.
    """
    return _filtered(x, taps, 2, (len(taps) - 1) // 2)


def blur(x: jax.Array, taps: Sequence[float]) -> jax.Array:
    """Filters at the same size; a constant stays one in the interior.

    y[i] = sum_k f[K - 1 - k] x[i + k - floor(K / 2)] on each axis, f = taps / sum(taps), x zero outside

    Args:
      x: images [b, h, w, c] of any floating type.
      taps: K numbers, the same for both axes, e.g. (1, 2, 1).

    Returns:
      [b, h, w, c].

    Raises:
      JaxganError: taps that sum to nothing.
    """
    return _filtered(x, taps, 1, len(taps) // 2)


def _filtered(x: jax.Array, taps: Sequence[float], stride: int, low: int) -> jax.Array:
    weights = _normalised(taps)[::-1]
    for axis in (1, 2):
        x = _gather(_Filter(axis, weights, stride, low, -(-x.shape[axis] // stride), x.shape[axis]), x)
    return x


def _normalised(taps: Sequence[float]) -> tuple[float, ...]:
    if not taps or sum(taps) == 0:
        raise JaxganError(f"taps {tuple(taps)} sum to nothing, but a constant image is to stay one.")
    return tuple(tap / sum(taps) for tap in taps)


def _padded(x: jax.Array, axis: int, low: int, high: int) -> jax.Array:
    """Zeros before and after one axis; a negative number crops."""
    padding = [(0, 0, 0)] * x.ndim
    padding[axis] = (low, high, 0)
    return lax.pad(x, jnp.zeros((), x.dtype), padding)
