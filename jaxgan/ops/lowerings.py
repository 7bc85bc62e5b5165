"""How the three maps of `conv.py` are computed on each backend: one function decides for each map.

C(x, w) is the convolution, X(g, w) its adjoint in the image, W(x, g) its adjoint in the kernel. Every lowering of a map
computes the same numbers, with images [b, h, w, c] and kernels [kh, kw, c, o]; they differ in what XLA makes of them.
"""

import dataclasses
import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

Pair = tuple[int, int]
Lowering = Callable[["Geometry", jax.Array, jax.Array], jax.Array]

UNPADDED = ((0, 0), (0, 0))
_NHWC = ("NHWC", "HWIO", "NHWC")


@dataclasses.dataclass(frozen=True)
class Geometry:
    """One forward convolution: sizes as (height, width), padding ((top, bottom), (left, right)), which crops if < 0."""

    size: Pair
    kernel: Pair
    strides: Pair
    padding: tuple[Pair, Pair]

    @property
    def output_size(self) -> Pair:
        """Size of `C(x, w)`: floor((size + low + high - kernel) / stride) + 1."""
        axes = zip(self.size, self.kernel, self.strides, self.padding, strict=True)
        height, width = ((n + lo + hi - k) // s + 1 for n, k, s, (lo, hi) in axes)
        return height, width

    @property
    def blocks(self) -> Pair:
        """Width of the kernel in strides: ceil(kernel / stride)."""
        height, width = (-(-k // s) for k, s in zip(self.kernel, self.strides, strict=True))
        return height, width

    @property
    def is_matrix(self) -> bool:
        """Whether C is one matrix product: a kernel of 1x1, or one that covers the whole image."""
        whole = self.kernel == self.size or self.kernel == self.strides == (1, 1)
        return whole and self.padding == UNPADDED


# Which lowering: measured on 2 Zen 5 cores, float32, jax 0.10.2, inside a loop (where a training step runs). GPUs and
# TPUs always take the direct forms, which cuDNN and the TPU compiler recognise.


def cpu_C(geometry: Geometry) -> Lowering:
    """Without padding XLA hands the convolution to a kernel 3 times slower, so then a row is padded and dropped."""
    return C_row_added if geometry.padding == UNPADDED else C_direct


def cpu_X(geometry: Geometry, channels: int) -> Lowering:
    """A dilated input wastes all but 1 in s s products; `channels` are those of the result."""
    kernel, strides = geometry.kernel, geometry.strides
    if channels <= 4 or kernel == strides or kernel[0] < strides[0] or kernel[1] < strides[1]:
        return X_fold
    if strides == (1, 1):
        return X_direct
    if kernel[0] % strides[0] or kernel[1] % strides[1]:
        return X_phases
    # The block form computes a margin of blocks - 1 around the result, which is dear where the result is small.
    return X_fold if math.prod(geometry.output_size) <= 64 else X_blocks


def cpu_W(geometry: Geometry, channels: int, features: int) -> Lowering:
    """Copies of the image are cheap while a patch is short; one product per offset wants many channels."""
    if geometry.strides == (1, 1) and features <= 4 < channels:
        return W_mirrored
    if geometry.kernel[0] * geometry.kernel[1] * channels <= 320:
        return W_patches
    return W_offsets if channels >= 128 or geometry.padding == UNPADDED else W_transposed


def by_backend(cpu: Lowering, default: Lowering, geometry: Geometry, a: jax.Array, b: jax.Array) -> jax.Array:
    """Applies `cpu` where the program is compiled for a CPU, and `default` anywhere else."""
    if cpu is default:
        return default(geometry, a, b)
    choices = {"cpu": functools.partial(cpu, geometry), "default": functools.partial(default, geometry)}
    return lax.platform_dependent(a, b, **choices)


# Lowerings of C.


def C_direct(geometry: Geometry, x: jax.Array, w: jax.Array) -> jax.Array:
    """XLA's own convolution."""
    return lax.conv_general_dilated(x, w, geometry.strides, geometry.padding, dimension_numbers=_NHWC)


def C_row_added(geometry: Geometry, x: jax.Array, w: jax.Array) -> jax.Array:
    """The same with a row of zeros below, whose results are dropped."""
    return C_direct(dataclasses.replace(geometry, padding=((0, 1), (0, 0))), x, w)[:, : geometry.output_size[0]]


# Lowerings of X.


def X_direct(geometry: Geometry, g: jax.Array, w: jax.Array) -> jax.Array:
    """A convolution of the cotangent with strides - 1 zeros between its pixels."""
    axes = zip(geometry.size, geometry.kernel, geometry.strides, geometry.padding, geometry.output_size, strict=True)
    padding = [(k - 1 - lo, n - 1 + lo - (out - 1) * s) for n, k, s, (lo, _), out in axes]
    w = _flipped(w)
    return lax.conv_general_dilated(g, w, (1, 1), padding, lhs_dilation=geometry.strides, dimension_numbers=_NHWC)


def X_fold(geometry: Geometry, g: jax.Array, w: jax.Array) -> jax.Array:
    """One matrix product gives what each position adds to each block around it; shifted sums put that in place."""
    w = _block_kernel(geometry, w)
    (rows, cols), wide = geometry.blocks, jnp.promote_types(g.dtype, jnp.float32)
    parts = jnp.dot(g.reshape(-1, g.shape[3]), w.reshape(-1, w.shape[3]).T, preferred_element_type=wide)
    parts = parts.reshape(*g.shape[:3], rows, cols, w.shape[2])
    shifts = [(i, j) for i in range(rows) for j in range(cols)]
    shifted = [_pad(parts[:, :, :, i, j], ((i, rows - 1 - i), (j, cols - 1 - j))) for i, j in shifts]
    return _depth_to_space(geometry, functools.reduce(jnp.add, shifted)).astype(g.dtype)


def X_blocks(geometry: Geometry, g: jax.Array, w: jax.Array) -> jax.Array:
    """One stride-1 convolution gives all sub-pixels of a position as its channels."""
    padding = [(m - 1, m - 1) for m in geometry.blocks]
    w = _flipped(_block_kernel(geometry, w))
    return _depth_to_space(geometry, lax.conv_general_dilated(g, w, (1, 1), padding, dimension_numbers=_NHWC))


def X_phases(geometry: Geometry, g: jax.Array, w: jax.Array) -> jax.Array:
    """One stride-1 convolution for each sub-pixel, with just the kernel entries that reach it."""
    (height, width), (s, t) = geometry.size, geometry.strides

    def phase(i: int, j: int, rows: Pair, columns: Pair) -> jax.Array:
        return lax.conv_general_dilated(g, _flipped(w[i::s, j::t]), (1, 1), (rows, columns), dimension_numbers=_NHWC)

    rows = [jnp.stack([phase(i, j, p, q) for j, q in _phases(geometry, 1)], 3) for i, p in _phases(geometry, 0)]
    y = jnp.stack(rows, 2)
    return y.reshape(y.shape[0], y.shape[1] * s, y.shape[3] * t, y.shape[5])[:, :height, :width]


def _phases(geometry: Geometry, axis: int) -> list[tuple[int, Pair]]:
    """For each sub-pixel of one axis: its first kernel entry, and the padding of g that lines its entries up."""
    n, k, s = geometry.size[axis], geometry.kernel[axis], geometry.strides[axis]
    positions, out, phases = -(-n // s), geometry.output_size[axis], []
    for pixel in range(s):
        shift, first = divmod(pixel + geometry.padding[axis][0], s)
        entries = len(range(first, k, s))
        phases.append((first, (entries - 1 - shift, positions + shift - out)))
    return phases


# Lowerings of W.


def W_direct(
    geometry: Geometry, x: jax.Array, g: jax.Array, layout: tuple[str, str, str] = ("CHWN", "IHWO", "HWNC")
) -> jax.Array:
    """The image convolved with the cotangent: batch and channels change places."""
    axes = zip(geometry.kernel, geometry.strides, geometry.padding, geometry.output_size, geometry.size, strict=True)
    padding = [(lo, k + (out - 1) * s - n - lo) for k, s, (lo, _), out, n in axes]
    return lax.conv_general_dilated(x, g, (1, 1), padding, rhs_dilation=geometry.strides, dimension_numbers=layout)


def W_transposed(geometry: Geometry, x: jax.Array, g: jax.Array) -> jax.Array:
    """The same with explicit transposes, which XLA:CPU makes itself, but not inside a loop: 200 times slower there."""
    return W_direct(geometry, x.transpose(3, 1, 2, 0), g.transpose(1, 2, 0, 3), _NHWC).transpose(1, 2, 0, 3)


def W_patches(geometry: Geometry, x: jax.Array, g: jax.Array) -> jax.Array:
    """One matrix product with the patches of the image. Stacked before the channels, XLA copies them in one loop."""
    patches = jnp.stack(_offsets(geometry, x), 3)
    patches = patches.reshape(-1, patches.shape[3] * patches.shape[4])
    return (patches.T @ g.reshape(-1, g.shape[3])).reshape(*geometry.kernel, x.shape[3], g.shape[3])


def W_offsets(geometry: Geometry, x: jax.Array, g: jax.Array) -> jax.Array:
    """One matrix product for each entry of the kernel."""
    products = [pixels.reshape(-1, x.shape[3]).T @ g.reshape(-1, g.shape[3]) for pixels in _offsets(geometry, x)]
    return jnp.stack(products).reshape(*geometry.kernel, x.shape[3], g.shape[3])


def W_mirrored(geometry: Geometry, x: jax.Array, g: jax.Array) -> jax.Array:
    """At stride 1 image and cotangent may change places: then the patches are those of the few features."""
    (top, bottom), (left, right) = geometry.padding
    rows, columns = geometry.kernel[0] - 1, geometry.kernel[1] - 1
    padding = ((rows - top, rows - bottom), (columns - left, columns - right))
    mirror = dataclasses.replace(geometry, size=geometry.output_size, padding=padding)
    return _flipped(W_patches(mirror, g, x))


def _flipped(w: jax.Array) -> jax.Array:
    return jnp.flip(w, (0, 1)).swapaxes(2, 3)


def _pad(x: jax.Array, padding: tuple[Pair, Pair]) -> jax.Array:
    (top, bottom), (left, right) = padding
    return lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), (top, bottom, 0), (left, right, 0), (0, 0, 0)))


def _offsets(geometry: Geometry, x: jax.Array) -> list[jax.Array]:
    """For each entry of the kernel, the pixels that it meets: kh kw arrays [b, oh, ow, c]."""
    (oh, ow), (s, t), (b, _, _, c) = geometry.output_size, geometry.strides, x.shape
    x, ends = _pad(x, geometry.padding), ((oh - 1) * s + 1, (ow - 1) * t + 1)
    starts = [(i, j) for i in range(geometry.kernel[0]) for j in range(geometry.kernel[1])]
    return [lax.slice(x, (0, i, j, 0), (b, i + ends[0], j + ends[1], c), (1, s, t, 1)) for i, j in starts]


def _block_kernel(geometry: Geometry, w: jax.Array) -> jax.Array:
    """The kernel cut into blocks of a stride by a stride: [kh, kw, c, o] -> [rows, columns, s t c, o], rows s >= kh."""
    (rows, columns), (s, t), (kh, kw, c, o) = geometry.blocks, geometry.strides, w.shape
    w = jnp.pad(w, ((0, rows * s - kh), (0, columns * t - kw), (0, 0), (0, 0)))
    return w.reshape(rows, s, columns, t, c, o).transpose(0, 2, 1, 3, 4, 5).reshape(rows, columns, s * t * c, o)


def _depth_to_space(geometry: Geometry, y: jax.Array) -> jax.Array:
    """Lays out the blocks of the padded image and removes the padding: [b, p, q, s t c] -> [b, h, w, c]."""
    (b, p, q, _), (s, t) = y.shape, geometry.strides
    y = y.reshape(b, p, q, s, t, -1).transpose(0, 1, 3, 2, 4, 5).reshape(b, p * s, q * t, -1)
    (top, _), (left, _) = geometry.padding
    return _pad(y, ((-top, geometry.size[0] + top - p * s), (-left, geometry.size[1] + left - q * t)))
