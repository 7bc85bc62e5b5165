"""Strided convolution and its transpose, with derivatives of every order that stay fast.

A convolution `C(x, w)` is linear in each argument. Call its adjoints `X(g, w)` (with respect to x: the transposed
convolution of a generator) and `W(x, g)` (with respect to w). Every derivative of the three is again one of the three:

| map                     | toward the 1st argument | toward the 2nd |
|-------------------------|-------------------------|----------------|
| `C(x, w)`, cotangent g  | `X(g, w)`               | `W(x, g)`      |
| `X(g, w)`, cotangent t  | `C(t, w)`               | `W(t, g)`      |
| `W(x, g)`, cotangent t  | `X(g, t)`               | `C(x, t)`      |

Left to autodiff, the weight gradient of a transposed convolution is a doubly dilated convolution, which XLA's CPU
backend runs 40 times slower than the same numbers written as `W`. `cpu_C`, `cpu_X` and `cpu_W` alone decide how each
map is computed. Forward mode (`jax.jvp`, `jax.linearize`, `jax.hessian`) is refused by JAX with a TypeError, as for
every `custom_vjp`: write a Hessian product as the gradient of a gradient.
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import overload

import jax
import jax.numpy as jnp
from jax import lax

from jaxgan.errors import JaxganError, unknown

Pair = tuple[int, int]
Padding = str | int | tuple[Pair, Pair]
Lowering = Callable[["Geometry", jax.Array, jax.Array], jax.Array]

_NHWC = ("NHWC", "HWIO", "NHWC")
_UNPADDED = ((0, 0), (0, 0))


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
        return whole and self.padding == _UNPADDED


# The three maps, and the table above as code.


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def C(geometry: Geometry, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolution: y[b, p, q, o] = sum_{i, j, c} x[b, p s + i - top, q s + j - left, c] w[i, j, c, o]."""
    if geometry.is_matrix:
        matrix = w.reshape(-1, w.shape[3])
        return (x.reshape(-1, len(matrix)) @ matrix).reshape(-1, *geometry.output_size, w.shape[3])
    return _by_backend(cpu_C(geometry), _C_direct, geometry, x, w)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def X(geometry: Geometry, g: jax.Array, w: jax.Array) -> jax.Array:
    """Adjoint of C in its image: <C(x, w), g> = <x, dx> for dx = X(g, w)."""
    if geometry.is_matrix:
        matrix = w.reshape(-1, w.shape[3])
        return (g.reshape(-1, w.shape[3]) @ matrix.T).reshape(-1, *geometry.size, w.shape[2])
    return _by_backend(cpu_X(geometry, w.shape[2]), _X_direct, geometry, g, w)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def W(geometry: Geometry, x: jax.Array, g: jax.Array) -> jax.Array:
    """Adjoint of C in its kernel: <C(x, w), g> = <w, dw> for dw = W(x, g)."""
    if geometry.is_matrix:
        positions = g.reshape(-1, g.shape[3])
        return (x.reshape(len(positions), -1).T @ positions).reshape(*geometry.kernel, x.shape[3], g.shape[3])
    return _by_backend(cpu_W(geometry, x.shape[3], g.shape[3]), _W_direct, geometry, x, g)


C.defvjp(lambda geo, x, w: (C(geo, x, w), (x, w)), lambda geo, xw, g: (X(geo, g, xw[1]), W(geo, xw[0], g)))
X.defvjp(lambda geo, g, w: (X(geo, g, w), (g, w)), lambda geo, gw, t: (C(geo, t, gw[1]), W(geo, t, gw[0])))
W.defvjp(lambda geo, x, g: (W(geo, x, g), (x, g)), lambda geo, xg, t: (X(geo, xg[1], t), C(geo, xg[0], t)))


# Which lowering: measured on 2 Zen 5 cores, float32, jax 0.10.2, inside a loop (where a training step runs). GPUs and
# TPUs always take the direct forms, which cuDNN and the TPU compiler recognise.


def cpu_C(geometry: Geometry) -> Lowering:
    """Without padding XLA hands the convolution to a kernel 3 times slower, so then a row is padded and dropped."""
    return _C_row_added if geometry.padding == _UNPADDED else _C_direct


def cpu_X(geometry: Geometry, channels: int) -> Lowering:
    """A dilated input wastes all but 1 in s s products; `channels` are those of the result."""
    kernel, strides = geometry.kernel, geometry.strides
    if channels <= 4 or kernel == strides or kernel[0] < strides[0] or kernel[1] < strides[1]:
        return _X_fold
    if strides == (1, 1):
        return _X_direct
    if kernel[0] % strides[0] or kernel[1] % strides[1]:
        return _X_phases
    # The block form computes a margin of blocks - 1 around the result, which is dear where the result is small.
    return _X_fold if math.prod(geometry.output_size) <= 64 else _X_blocks


def cpu_W(geometry: Geometry, channels: int, features: int) -> Lowering:
    """Copies of the image are cheap while a patch is short; one product per offset wants many channels."""
    if geometry.strides == (1, 1) and features <= 4 < channels:
        return _W_mirrored
    if geometry.kernel[0] * geometry.kernel[1] * channels <= 320:
        return _W_patches
    return _W_offsets if channels >= 128 or geometry.padding == _UNPADDED else _W_transposed


def _by_backend(cpu: Lowering, default: Lowering, geometry: Geometry, a: jax.Array, b: jax.Array) -> jax.Array:
    if cpu is default:
        return default(geometry, a, b)
    choices = {"cpu": functools.partial(cpu, geometry), "default": functools.partial(default, geometry)}
    return lax.platform_dependent(a, b, **choices)


# Lowerings of C.


def _C_direct(geometry: Geometry, x: jax.Array, w: jax.Array) -> jax.Array:
    return lax.conv_general_dilated(x, w, geometry.strides, geometry.padding, dimension_numbers=_NHWC)


def _C_row_added(geometry: Geometry, x: jax.Array, w: jax.Array) -> jax.Array:
    return _C_direct(dataclasses.replace(geometry, padding=((0, 1), (0, 0))), x, w)[:, : geometry.output_size[0]]


# Lowerings of X.


def _X_direct(geometry: Geometry, g: jax.Array, w: jax.Array) -> jax.Array:
    axes = zip(geometry.size, geometry.kernel, geometry.strides, geometry.padding, geometry.output_size, strict=True)
    padding = [(k - 1 - lo, n - 1 + lo - (out - 1) * s) for n, k, s, (lo, _), out in axes]
    w = _flipped(w)
    return lax.conv_general_dilated(g, w, (1, 1), padding, lhs_dilation=geometry.strides, dimension_numbers=_NHWC)


def _X_fold(geometry: Geometry, g: jax.Array, w: jax.Array) -> jax.Array:
    """One matrix product gives what each position adds to each block around it; shifted sums put that in place."""
    w = _block_kernel(geometry, w)
    (rows, cols), wide = geometry.blocks, jnp.promote_types(g.dtype, jnp.float32)
    parts = jnp.dot(g.reshape(-1, g.shape[3]), w.reshape(-1, w.shape[3]).T, preferred_element_type=wide)
    parts = parts.reshape(*g.shape[:3], rows, cols, w.shape[2])
    shifts = [(i, j) for i in range(rows) for j in range(cols)]
    shifted = [_pad(parts[:, :, :, i, j], ((i, rows - 1 - i), (j, cols - 1 - j))) for i, j in shifts]
    return _depth_to_space(geometry, functools.reduce(jnp.add, shifted)).astype(g.dtype)


def _X_blocks(geometry: Geometry, g: jax.Array, w: jax.Array) -> jax.Array:
    """One stride-1 convolution gives all sub-pixels of a position as its channels."""
    padding = [(m - 1, m - 1) for m in geometry.blocks]
    w = _flipped(_block_kernel(geometry, w))
    return _depth_to_space(geometry, lax.conv_general_dilated(g, w, (1, 1), padding, dimension_numbers=_NHWC))


def _X_phases(geometry: Geometry, g: jax.Array, w: jax.Array) -> jax.Array:
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


def _W_direct(
    geometry: Geometry, x: jax.Array, g: jax.Array, layout: tuple[str, str, str] = ("CHWN", "IHWO", "HWNC")
) -> jax.Array:
    """The image convolved with the cotangent: batch and channels change places."""
    axes = zip(geometry.kernel, geometry.strides, geometry.padding, geometry.output_size, geometry.size, strict=True)
    padding = [(lo, k + (out - 1) * s - n - lo) for k, s, (lo, _), out, n in axes]
    return lax.conv_general_dilated(x, g, (1, 1), padding, rhs_dilation=geometry.strides, dimension_numbers=layout)


def _W_transposed(geometry: Geometry, x: jax.Array, g: jax.Array) -> jax.Array:
    """The same with explicit transposes, which XLA:CPU makes itself, but not inside a loop: 200 times slower there."""
    return _W_direct(geometry, x.transpose(3, 1, 2, 0), g.transpose(1, 2, 0, 3), _NHWC).transpose(1, 2, 0, 3)


def _W_patches(geometry: Geometry, x: jax.Array, g: jax.Array) -> jax.Array:
    """One matrix product with the patches of the image. Stacked before the channels, XLA copies them in one loop."""
    patches = jnp.stack(_offsets(geometry, x), 3)
    patches = patches.reshape(-1, patches.shape[3] * patches.shape[4])
    return (patches.T @ g.reshape(-1, g.shape[3])).reshape(*geometry.kernel, x.shape[3], g.shape[3])


def _W_offsets(geometry: Geometry, x: jax.Array, g: jax.Array) -> jax.Array:
    """One matrix product for each entry of the kernel."""
    products = [pixels.reshape(-1, x.shape[3]).T @ g.reshape(-1, g.shape[3]) for pixels in _offsets(geometry, x)]
    return jnp.stack(products).reshape(*geometry.kernel, x.shape[3], g.shape[3])


def _W_mirrored(geometry: Geometry, x: jax.Array, g: jax.Array) -> jax.Array:
    """At stride 1 image and cotangent may change places: then the patches are those of the few features."""
    (top, bottom), (left, right) = geometry.padding
    rows, columns = geometry.kernel[0] - 1, geometry.kernel[1] - 1
    padding = ((rows - top, rows - bottom), (columns - left, columns - right))
    mirror = dataclasses.replace(geometry, size=geometry.output_size, padding=padding)
    return _flipped(_W_patches(mirror, g, x))


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


# The public functions.


def conv(x: jax.Array, kernel: jax.Array, strides: int | Pair = 1, padding: Padding = "SAME") -> jax.Array:
    """Two-dimensional convolution (cross-correlation, as everywhere in deep learning).

    y[b, p, q, o] = sum_{i, j, c} x[b, p s + i - top, q s + j - left, c] kernel[i, j, c, o]

    Args:
      x: images [b, h, w, in] of any floating type; two different types are promoted as in `jnp`.
      kernel: [kh, kw, in, out].
      strides: one number or (vertical, horizontal).
      padding: "SAME" (result ceil(h / s), an odd row of zeros at the end), "VALID" (none), a number for all four
        sides, or ((top, bottom), (left, right)).

    Returns:
      [b, oh, ow, out], sized by `conv_output_size`.

    Raises:
      JaxganError: shapes that do not fit together, an unknown padding, a kernel larger than the padded image.
    """
    _check_channels("conv", x, kernel, kernel.shape[-2:-1])
    return C(_geometry(_pair(x.shape[1:3]), _pair(kernel.shape), _pair(strides), padding), *_promoted(x, kernel))


def conv_transpose(
    x: jax.Array, kernel: jax.Array, strides: int | Pair = 1, padding: Padding = "SAME", output_size: Pair | None = None
) -> jax.Array:
    """Transposed convolution: the adjoint, with respect to its image, of `conv` with the same kernel and padding.

    <conv(y, kernel), x> = <y, conv_transpose(x, kernel)> for every y [b, *output_size, out]

    Args:
      x: images [b, h, w, in] of any floating type; two different types are promoted as in `jnp`.
      kernel: [kh, kw, out, in], that of the forward convolution (`lax.conv_transpose` with `transpose_kernel=True`;
        PyTorch's is [in, out, kh, kw]).
      strides: one number or (vertical, horizontal).
      padding: that of the forward convolution, as in PyTorch; for its forms see `conv`.
      output_size: (height, width) of the result: any size that the forward convolution takes to (h, w). By default
        h s for "SAME", else the least, (h - 1) s + kh - top - bottom. (With "VALID" and kh < s that is PyTorch's size;
        `lax.conv_transpose` appends zeros up to h s, which `output_size` gives too.)

    Returns:
      [b, *output_size, out].

    Raises:
      JaxganError: shapes that do not fit together, an unknown padding, an impossible `output_size`.
    """
    _check_channels("conv_transpose", x, kernel, kernel.shape[-1:])
    legal = list(map(_legal_sizes, x.shape[1:3], kernel.shape[:2], _pair(strides), _sides(padding)))
    if output_size is None:
        output_size = (legal[0][-1], legal[1][-1]) if padding == "SAME" else (legal[0][0], legal[1][0])
    if output_size[0] not in legal[0] or output_size[1] not in legal[1]:
        heights, widths = (f"{sizes[0]} to {sizes[-1]}" for sizes in legal)
        raise JaxganError(
            f"conv_transpose of images {x.shape} with kernel {kernel.shape}, strides {strides} and padding {padding!r} "
            f"cannot make size {tuple(output_size)}: legal heights are {heights}, widths {widths}."
        )
    return X(_geometry(_pair(output_size), _pair(kernel.shape), _pair(strides), padding), *_promoted(x, kernel))


@overload
def conv_output_size(size: int, kernel: int, strides: int = 1, padding: Padding = "SAME") -> int: ...
@overload
def conv_output_size(size: Pair, kernel: int | Pair, strides: int | Pair = 1, padding: Padding = "SAME") -> Pair: ...
def conv_output_size(
    size: int | Pair, kernel: int | Pair, strides: int | Pair = 1, padding: Padding = "SAME"
) -> int | Pair:
    """Size of the result of `conv`: ceil(size / s) for "SAME", else floor((size + low + high - kernel) / s) + 1.

    Args:
      size: one number (then the result is one, of the first axis) or (height, width).
      kernel: one number or (height, width).
      strides: one number or (vertical, horizontal).
      padding: as in `conv`.

    Raises:
      JaxganError: an unknown padding, a kernel larger than the padded image.
    """
    result = _geometry(_pair(size), _pair(kernel), _pair(strides), padding).output_size
    return result[0] if isinstance(size, int) else result


def _geometry(size: Pair, kernel: Pair, strides: Pair, padding: Padding) -> Geometry:
    top_bottom, left_right = map(_axis_padding, size, kernel, strides, _sides(padding))
    geometry = Geometry(size, kernel, strides, (top_bottom, left_right))
    if min(geometry.output_size) < 1:
        raise JaxganError(f"a kernel of {kernel} does not fit into an image of {size} with padding {padding!r}.")
    return geometry


def _pair(value: int | tuple[int, ...]) -> Pair:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def _sides(padding: Padding) -> tuple[Pair | None, Pair | None]:
    """Explicit padding of both axes; None stands for "SAME", which depends on the size."""
    if isinstance(padding, str):
        if padding not in ("SAME", "VALID"):
            raise unknown("padding", padding, ("SAME", "VALID"))
        return (None, None) if padding == "SAME" else _UNPADDED
    top_bottom, left_right = _pair(padding) if isinstance(padding, int) else padding
    return _pair(top_bottom), _pair(left_right)


def _axis_padding(n: int, k: int, s: int, sides: Pair | None) -> Pair:
    if sides is not None:
        return sides
    total = max((-(-n // s) - 1) * s + k - n, 0)
    return total // 2, total - total // 2


def _legal_sizes(n: int, k: int, s: int, sides: Pair | None) -> range:
    """Sizes that a convolution takes to n."""
    least = (n - 1) * s + (1 if sides is None else k - sum(sides))
    if least + s <= 1:
        raise JaxganError(f"no image has size {n} after a kernel of {k} with stride {s} and padding {sides}.")
    return range(max(least, 1), least + s)


def _check_channels(name: str, x: jax.Array, kernel: jax.Array, channels: tuple[int, ...]) -> None:
    if x.ndim != 4 or kernel.ndim != 4 or x.shape[3:] != channels:
        raise JaxganError(f"{name}: images {x.shape}, as [b, h, w, in], do not fit a kernel {kernel.shape}.")


def _promoted(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, jax.Array]:
    dtype = jnp.result_type(x, kernel)
    return jnp.asarray(x, dtype), jnp.asarray(kernel, dtype)
