"""Strided convolution and its transpose, with derivatives of every order that stay fast.

A convolution `C(x, w)` is linear in each argument. Call its adjoints `X(g, w)` (with respect to x: the transposed
convolution of a generator) and `W(x, g)` (with respect to w). Every derivative of the three is again one of the three:

| map                     | toward the 1st argument | toward the 2nd |
|-------------------------|-------------------------|----------------|
| `C(x, w)`, cotangent g  | `X(g, w)`               | `W(x, g)`      |
| `X(g, w)`, cotangent t  | `C(t, w)`               | `W(t, g)`      |
| `W(x, g)`, cotangent t  | `X(g, t)`               | `C(x, t)`      |

Left to autodiff, the weight gradient of a transposed convolution is a doubly dilated convolution, which XLA's CPU
backend runs 40 times slower than the same numbers written as `W`. Forward-mode differentiation (`jax.jvp`,
`jax.linearize`, `jax.hessian`) is refused by JAX with a TypeError: write a Hessian product as a gradient of a gradient.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
from jax import lax

from jaxgan.errors import JaxganError

Pair = tuple[int, int]
Padding = str | int | tuple[Pair, Pair]

NHWC = ("NHWC", "HWIO", "NHWC")


@dataclasses.dataclass(frozen=True)
class Geometry:
    """The sizes of one forward convolution, each as (height, width); explicit padding as ((top, bottom), (left, right))."""

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


# The three maps and their derivatives, which are the table above.


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def C(geometry: Geometry, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolution: y[b, p, q, o] = sum_{i, j, c} x[b, p s + i - low, q s + j - low, c] w[i, j, c, o]."""
    return lax.conv_general_dilated(x, w, geometry.strides, geometry.padding, dimension_numbers=NHWC)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def X(geometry: Geometry, g: jax.Array, w: jax.Array) -> jax.Array:
    """Adjoint of C with respect to x: <C(x, w), g> = <x, X(g, w)>."""
    axes = zip(geometry.size, geometry.kernel, geometry.strides, geometry.padding, geometry.output_size, strict=True)
    padding = [(k - 1 - lo, n + lo - (out - 1) * s - 1) for n, k, s, (lo, _), out in axes]
    flipped = jnp.flip(w, (0, 1)).swapaxes(2, 3)
    return lax.conv_general_dilated(g, flipped, (1, 1), padding, lhs_dilation=geometry.strides, dimension_numbers=NHWC)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def W(geometry: Geometry, x: jax.Array, g: jax.Array) -> jax.Array:
    """Adjoint of C with respect to w: <C(x, w), g> = <w, W(x, g)>."""
    axes = zip(geometry.size, geometry.kernel, geometry.strides, geometry.padding, geometry.output_size, strict=True)
    padding = [(lo, k + (out - 1) * s - n - lo) for n, k, s, (lo, _), out in axes]
    return lax.conv_general_dilated(
        x, g, (1, 1), padding, rhs_dilation=geometry.strides, dimension_numbers=("CHWN", "IHWO", "HWNC")
    )


C.defvjp(lambda geo, x, w: (C(geo, x, w), (x, w)), lambda geo, xw, g: (X(geo, g, xw[1]), W(geo, xw[0], g)))
X.defvjp(lambda geo, g, w: (X(geo, g, w), (g, w)), lambda geo, gw, t: (C(geo, t, gw[1]), W(geo, t, gw[0])))
W.defvjp(lambda geo, x, g: (W(geo, x, g), (x, g)), lambda geo, xg, t: (X(geo, xg[1], t), C(geo, xg[0], t)))


# The public functions.


def conv(x: jax.Array, kernel: jax.Array, strides: int | Pair = 1, padding: Padding = "SAME") -> jax.Array:
    """Two-dimensional convolution (cross-correlation, as everywhere in deep learning).

    y[b, p, q, o] = sum_{i, j, c} x[b, p s + i - low, q s + j - low, c] kernel[i, j, c, o]

    Args:
      x: images [b, h, w, in], any floating type; two different types are promoted as `jnp` does.
      kernel: [kh, kw, in, out].
      strides: one number or (vertical, horizontal).
      padding: "SAME" (size ceil(h / s), the odd row of zeros at the end), "VALID" (none), a number for all four
        sides, or ((top, bottom), (left, right)).

    Returns:
      [b, oh, ow, out], with the sizes of `conv_output_size`.

    Raises:
      JaxganError: shapes that do not fit together, or a kernel larger than the padded image.
    """
    _check(x, kernel, "conv", kernel_axis=2)
    geometry = _geometry(x.shape[1:3], kernel.shape[:2], strides, padding)
    return C(geometry, *_promote(x, kernel))


def conv_transpose(
    x: jax.Array,
    kernel: jax.Array,
    strides: int | Pair = 1,
    padding: Padding = "SAME",
    output_size: Pair | None = None,
) -> jax.Array:
    """Transposed convolution: the adjoint, with respect to its input, of `conv` with the same kernel and padding.

    <conv(y, kernel), x> = <y, conv_transpose(x, kernel)> for every y [b, *output_size, out].

    Args:
      x: images [b, h, w, in], any floating type; two different types are promoted as `jnp` does.
      kernel: [kh, kw, out, in], the kernel of the convolution whose adjoint this is (PyTorch's, axes permuted;
        `lax.conv_transpose` calls it `transpose_kernel=True`).
      strides: one number or (vertical, horizontal).
      padding: of the forward convolution, as in PyTorch: "SAME", "VALID", a number, or ((top, bottom), (left, right)).
      output_size: (height, width) of the result; any size that the forward convolution takes to (h, w). By default
        h s for "SAME", else the least one: (h - 1) s + kh - top - bottom. (Where kh < s and padding is "VALID", that
        is PyTorch's size; `lax.conv_transpose` returns h s, its last rows zero: ask for it with `output_size`.)

    Returns:
      [b, *output_size, out].

    Raises:
      JaxganError: shapes that do not fit together, or an impossible `output_size`.
    """
    _check(x, kernel, "conv_transpose", kernel_axis=3)
    sizes, kernel_size, stride = x.shape[1:3], kernel.shape[:2], _pair(strides)
    legal = [_legal_sizes(n, k, s, p) for n, k, s, p in zip(sizes, kernel_size, stride, _sides(padding), strict=True)]
    if output_size is None:
        output_size = tuple(sizes[-1] if padding == "SAME" else sizes[0] for sizes in legal)
    if any(n not in sizes for n, sizes in zip(output_size, legal, strict=True)):
        options = " x ".join(f"{sizes[0]}..{sizes[-1]}" for sizes in legal)
        raise JaxganError(f"conv_transpose cannot return size {tuple(output_size)} from {sizes}: legal are {options}.")
    return X(_geometry(output_size, kernel_size, stride, padding), *_promote(x, kernel))


def conv_output_size(size, kernel, strides=1, padding="SAME"):
    """Sizes of the result of `conv`."""
    if isinstance(size, int):
        return conv_output_size((size, size), kernel, strides, padding)[0]
    return _geometry(size, _pair(kernel), strides, padding).output_size


def _pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def _sides(padding):
    if isinstance(padding, str):
        if padding not in ("SAME", "VALID"):
            raise JaxganError(f"padding {padding!r}")
        return (None, None) if padding == "SAME" else ((0, 0), (0, 0))
    return ((padding, padding),) * 2 if isinstance(padding, int) else tuple(map(tuple, padding))


def _legal_sizes(n, k, s, sides):
    least = (n - 1) * s + (1 if sides is None else k - sum(sides))
    return range(max(least, 1), least + s)


def _geometry(size, kernel, strides, padding) -> Geometry:
    size, kernel, strides = _pair(size), _pair(kernel), _pair(strides)
    sides = []
    for n, k, s, side in zip(size, kernel, strides, _sides(padding), strict=True):
        if side is None:
            total = max((-(-n // s) - 1) * s + k - n, 0)
            side = (total // 2, total - total // 2)
        sides.append(side)
    geometry = Geometry(size, kernel, strides, tuple(sides))
    if min(geometry.output_size) < 1:
        raise JaxganError(f"a {kernel} kernel does not fit into size {size} with padding {sides}.")
    return geometry


def _promote(*arrays):
    dtype = jnp.result_type(*arrays)
    return tuple(jnp.asarray(a, dtype) for a in arrays)


def _check(x, kernel, name, kernel_axis):
    if x.ndim != 4 or kernel.ndim != 4 or x.shape[3] != kernel.shape[kernel_axis]:
        raise JaxganError(f"{name}: images {x.shape} do not fit kernel {kernel.shape}.")
