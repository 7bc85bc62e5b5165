"""Strided convolution and its transpose, with derivatives of every order that stay fast.

A convolution `C(x, w)` is linear in each argument. Call its adjoints `X(g, w)` (with respect to x: the transposed
convolution of a generator) and `W(x, g)` (with respect to w). Every derivative of the three is again one of the three:

| map                     | toward the 1st argument | toward the 2nd |
|-------------------------|-------------------------|----------------|
| `C(x, w)`, cotangent g  | `X(g, w)`               | `W(x, g)`      |
| `X(g, w)`, cotangent t  | `C(t, w)`               | `W(t, g)`      |
| `W(x, g)`, cotangent t  | `X(g, t)`               | `C(x, t)`      |

Left to autodiff, the weight gradient of a transposed convolution is a doubly dilated convolution, which XLA's CPU
backend runs 40 times slower than the same numbers written as `W`. `choice.py` alone decides how each map is computed on
each backend. Forward mode (`jax.jvp`, `jax.linearize`, `jax.hessian`) is refused by JAX with a TypeError, as for
every `custom_vjp`: write a Hessian product as the gradient of a gradient.
"""

import functools
from typing import overload

import jax
import jax.numpy as jnp

from jaxgan.errors import JaxganError
from jaxgan.ops.choice import apply_C, apply_W, apply_X
from jaxgan.ops.geometry import Geometry, Padding, Pair, geometry_of, legal_sizes, pair, sides_of

# The three maps, and the table above as code.


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def C(geometry: Geometry, x: jax.Array, w: jax.Array) -> jax.Array:
    """Convolution: y[b, p, q, o] = sum_{i, j, c} x[b, p s + i - top, q s + j - left, c] w[i, j, c, o]."""
    return apply_C(geometry, x, w)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def X(geometry: Geometry, g: jax.Array, w: jax.Array) -> jax.Array:
    """Adjoint of C in its image: <C(x, w), g> = <x, dx> for dx = X(g, w)."""
    return apply_X(geometry, g, w)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def W(geometry: Geometry, x: jax.Array, g: jax.Array) -> jax.Array:
    """Adjoint of C in its kernel: <C(x, w), g> = <w, dw> for dw = W(x, g)."""
    return apply_W(geometry, x, g)


C.defvjp(lambda geo, x, w: (C(geo, x, w), (x, w)), lambda geo, xw, g: (X(geo, g, xw[1]), W(geo, xw[0], g)))
X.defvjp(lambda geo, g, w: (X(geo, g, w), (g, w)), lambda geo, gw, t: (C(geo, t, gw[1]), W(geo, t, gw[0])))
W.defvjp(lambda geo, x, g: (W(geo, x, g), (x, g)), lambda geo, xg, t: (X(geo, xg[1], t), C(geo, xg[0], t)))


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
    return C(geometry_of(pair(x.shape[1:3]), pair(kernel.shape), pair(strides), padding), *_promoted(x, kernel))


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
    legal = list(map(legal_sizes, x.shape[1:3], kernel.shape[:2], pair(strides), sides_of(padding)))
    if output_size is None:
        output_size = (legal[0][-1], legal[1][-1]) if padding == "SAME" else (legal[0][0], legal[1][0])
    if output_size[0] not in legal[0] or output_size[1] not in legal[1]:
        heights, widths = (f"{sizes[0]} to {sizes[-1]}" for sizes in legal)
        raise JaxganError(
            f"conv_transpose of images {x.shape} with kernel {kernel.shape}, strides {strides} and padding {padding!r} "
            f"cannot make size {tuple(output_size)}: legal heights are {heights}, widths {widths}."
        )
    return X(geometry_of(pair(output_size), pair(kernel.shape), pair(strides), padding), *_promoted(x, kernel))


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
    result = geometry_of(pair(size), pair(kernel), pair(strides), padding).output_size
    return result[0] if isinstance(size, int) else result


def _check_channels(name: str, x: jax.Array, kernel: jax.Array, channels: tuple[int, ...]) -> None:
    if x.ndim != 4 or kernel.ndim != 4 or x.shape[3:] != channels:
        raise JaxganError(f"{name}: images {x.shape}, as [b, h, w, in], do not fit a kernel {kernel.shape}.")


def _promoted(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, jax.Array]:
    dtype = jnp.result_type(x, kernel)
    return jnp.asarray(x, dtype), jnp.asarray(kernel, dtype)
