"""Ways to compute the three maps of `conv.py`; `choice.py` says which is taken where.

C(x, w) is the convolution, X(g, w) its adjoint in the image, W(x, g) its adjoint in the kernel. Every lowering of a map
computes the same numbers, with images [b, h, w, c] and kernels [kh, kw, c, o]; they differ in what XLA makes of them.
"""

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from jaxgan.devices import sharing
from jaxgan.ops import winograd
from jaxgan.ops.geometry import Geometry, Pair

Lowering = Callable[[Geometry, jax.Array, jax.Array], jax.Array]

BLOCK_BYTES = 2**22
"""Patches computed at a time: what fits the last-level cache of a small machine."""
TILES_BYTES = 2 * BLOCK_BYTES
"""The same for Winograd's tiles: twice as much, because each of the 16 products reads one sixteenth of them."""

_NHWC = ("NHWC", "HWIO", "NHWC")
_SWAPPED = ("CHWN", "IHWO", "HWNC")  # batch and channels


# Lowerings of C.


def C_matrix(geometry: Geometry, x: jax.Array, w: jax.Array) -> jax.Array:
    """One product, where every pixel meets the kernel once."""
    matrix = w.reshape(-1, w.shape[3])
    return (x.reshape(-1, len(matrix)) @ matrix).reshape(len(x), *geometry.output_size, w.shape[3])


def C_direct(geometry: Geometry, x: jax.Array, w: jax.Array) -> jax.Array:
    """XLA's own convolution."""
    return lax.conv_general_dilated(x, w, geometry.strides, geometry.padding, dimension_numbers=_NHWC)


def C_patches(geometry: Geometry, x: jax.Array, w: jax.Array) -> jax.Array:
    """The patches of the image, as rows, times the kernel, as a matrix; a block of images at a time."""
    matrix = w.reshape(-1, w.shape[3])

    def block(x: jax.Array) -> jax.Array:
        return (_patches(geometry, x) @ matrix).reshape(len(x), *geometry.output_size, w.shape[3])

    return _in_blocks(block, _expanded_bytes(geometry, x.shape[3], x.dtype), x, BLOCK_BYTES)


def C_taps(geometry: Geometry, x: jax.Array, w: jax.Array) -> jax.Array:
    """At stride 1 the convolution is an adjoint too."""
    return X_taps(geometry.mirror, x, flipped(w))


def C_winograd(geometry: Geometry, x: jax.Array, w: jax.Array) -> jax.Array:
    """Winograd's filtering after space-to-depth, which makes a strided convolution one of stride 1."""
    (height, width), (m, n), tiles, o = geometry.output_size, _tile_results(geometry), tiles_of(geometry), w.shape[3]
    transform = winograd.transform_filter
    kernel = winograd.on_both_axes(transform, transform, _block_kernel(geometry, w))

    def block(x: jax.Array) -> jax.Array:
        pairs = zip(_image_tiles(geometry, x), kernel, strict=True)
        products = [[(a @ b).reshape(len(x), *tiles, o) for a, b in zip(*ab, strict=True)] for ab in pairs]
        rows, columns = (functools.partial(winograd.transform_output, count=count) for count in (m, n))
        y = jnp.stack([jnp.stack(row, 3) for row in winograd.on_both_axes(rows, columns, products)], 2)
        return y.reshape(len(x), y.shape[1] * m, y.shape[3] * n, o)[:, :height, :width]

    return _in_blocks(block, _tiles_bytes(geometry, x), x, TILES_BYTES)


# Lowerings of X.


def X_matrix(geometry: Geometry, g: jax.Array, w: jax.Array) -> jax.Array:
    """One product, where every pixel meets the kernel once."""
    positions, matrix = g.reshape(-1, w.shape[3]), w.reshape(-1, w.shape[3])
    return (positions @ matrix.T).reshape(len(g), *geometry.size, w.shape[2])


def X_direct(geometry: Geometry, g: jax.Array, w: jax.Array) -> jax.Array:
    """A convolution of the cotangent with strides - 1 zeros between its pixels."""
    axes = zip(geometry.size, geometry.kernel, geometry.strides, geometry.padding, geometry.output_size, strict=True)
    padding = [(k - 1 - lo, n - 1 + lo - (out - 1) * s) for n, k, s, (lo, _), out in axes]
    w = flipped(w)
    return lax.conv_general_dilated(g, w, (1, 1), padding, lhs_dilation=geometry.strides, dimension_numbers=_NHWC)


def X_fold(geometry: Geometry, g: jax.Array, w: jax.Array) -> jax.Array:
    """One matrix product gives what each position adds to each block around it; shifted sums put that in place."""
    w = _block_kernel(geometry, w)
    (rows, columns), matrix = geometry.blocks, w.reshape(-1, w.shape[3])

    def block(g: jax.Array) -> jax.Array:
        parts = _contributions(g, matrix).reshape(*g.shape[:3], rows, columns, w.shape[2])
        shifts = [(i, j) for i in range(rows) for j in range(columns)]
        shifted = [_pad(parts[:, :, :, i, j], ((i, rows - 1 - i), (j, columns - 1 - j))) for i, j in shifts]
        return _depth_to_space(geometry, functools.reduce(jnp.add, shifted)).astype(g.dtype)

    return _in_blocks(block, _expanded_bytes(geometry, w.shape[2], _wide(g)), g, BLOCK_BYTES)


def X_taps(geometry: Geometry, g: jax.Array, w: jax.Array) -> jax.Array:
    """One matrix product gives what each position adds to each pixel it reaches; each sub-pixel sums its share."""
    (height, width), (s, t), (kh, kw, c, o) = geometry.size, geometry.strides, w.shape
    matrix = w.reshape(-1, o)

    def block(g: jax.Array) -> jax.Array:
        parts = _contributions(g, matrix).reshape(*g.shape[:3], kh, kw, c)

        def sub_pixel(rows: list[tuple[int, Pair]], columns: list[tuple[int, Pair]]) -> jax.Array:
            taps = [_pad(parts[:, :, :, i, j], (p, q)) for i, p in rows for j, q in columns]
            nothing = jnp.zeros((len(g), -(-height // s), -(-width // t), c), parts.dtype)  # kernels below the stride
            return functools.reduce(jnp.add, taps) if taps else nothing

        rows, columns = _taps(geometry, 0), _taps(geometry, 1)
        y = jnp.stack([jnp.stack([sub_pixel(i, j) for j in columns], 3) for i in rows], 2)
        return y.reshape(len(g), y.shape[1] * s, y.shape[3] * t, c)[:, :height, :width].astype(g.dtype)

    return _in_blocks(block, _expanded_bytes(geometry, c, _wide(g)), g, BLOCK_BYTES)


def X_winograd(geometry: Geometry, g: jax.Array, w: jax.Array) -> jax.Array:
    """Winograd's filtering makes the blocks, a stride by a stride, of the image from the cotangent."""
    convolution, first = block_convolution(geometry)
    return _depth_to_space(geometry, C_winograd(convolution, g, flipped(_block_kernel(geometry, w))), first)


def block_convolution(geometry: Geometry) -> tuple[Geometry, Pair]:
    """X as a convolution at stride 1, from the cotangent to blocks of the padded image, and the first of these."""
    axes = zip(geometry.size, geometry.strides, geometry.padding, strict=True)
    (top, bottom), (left, right) = ((lo // s, (lo + n - 1) // s) for n, s, (lo, _) in axes)  # where the image lies
    (rows, columns), (height, width) = geometry.blocks, geometry.output_size
    padding = (rows - 1 - top, bottom + 1 - height), (columns - 1 - left, right + 1 - width)
    return Geometry(geometry.output_size, geometry.blocks, (1, 1), padding), (top, left)


def _taps(geometry: Geometry, axis: int) -> list[list[tuple[int, Pair]]]:
    """For each sub-pixel of one axis: the kernel entries that reach it, each with the padding that moves it there."""
    n, k, s = geometry.size[axis], geometry.kernel[axis], geometry.strides[axis]
    top, positions, out = geometry.padding[axis][0], -(-n // s), geometry.output_size[axis]
    # Position p of the output adds entry i to pixel p s + i - top = (p + shift) s + pixel.
    shifts = [[(i, (i - top - pixel) // s) for i in range(k) if (i - top - pixel) % s == 0] for pixel in range(s)]
    return [[(i, (shift, positions - out - shift)) for i, shift in entries] for entries in shifts]


# Lowerings of W.


def W_matrix(geometry: Geometry, x: jax.Array, g: jax.Array) -> jax.Array:
    """One product, where every pixel meets the kernel once."""
    positions = g.reshape(-1, g.shape[3])
    patches = x.reshape(len(positions), math.prod(geometry.kernel) * x.shape[3])
    return (patches.T @ positions).reshape(*geometry.kernel, x.shape[3], g.shape[3])


def W_direct(geometry: Geometry, x: jax.Array, g: jax.Array) -> jax.Array:
    """The image convolved with the cotangent: batch and channels change places."""
    axes = zip(geometry.kernel, geometry.strides, geometry.padding, geometry.output_size, geometry.size, strict=True)
    padding = [(lo, k + (out - 1) * s - n - lo) for k, s, (lo, _), out, n in axes]
    return lax.conv_general_dilated(x, g, (1, 1), padding, rhs_dilation=geometry.strides, dimension_numbers=_SWAPPED)


def W_patches(geometry: Geometry, x: jax.Array, g: jax.Array) -> jax.Array:
    """The patches of the image, as columns, times the cotangent, summed over blocks of images."""
    c, o = x.shape[3], g.shape[3]

    def block(x: jax.Array, g: jax.Array) -> jax.Array:
        # Turned while they are in the cache. Without the barrier XLA would hand the product to a slower kernel, and if
        # the product were turned instead, XLA would read it across the grain in every pass of the optimizer.
        columns = lax.optimization_barrier(_patches(geometry, x).T)
        return jnp.dot(columns, g.reshape(-1, o), preferred_element_type=_wide(x))

    matrix = _summed_blocks(block, _expanded_bytes(geometry, c, x.dtype), x, g, BLOCK_BYTES)
    return matrix.reshape(*geometry.kernel, c, o).astype(x.dtype)


def W_rows(geometry: Geometry, x: jax.Array, g: jax.Array) -> jax.Array:
    """At stride 1: patches one row high times the cotangent, moved down by every row of the kernel, side by side.

    A large kernel's patches would be many times the image; here the image is copied once a column of the kernel, the
    cotangent once a row.
    """
    (kh, kw), c, o, width = geometry.kernel, x.shape[3], g.shape[3], geometry.output_size[1]
    height = geometry.output_size[0] + kh - 1

    def block(x: jax.Array, g: jax.Array) -> jax.Array:
        x, positions = _pad(x, geometry.padding), len(x) * height * width
        patches = jnp.stack([x[:, :height, j : j + width] for j in range(kw)], 3)
        moved = jnp.stack([_pad(g, ((i, kh - 1 - i), (0, 0))) for i in range(kh)], 3)
        columns = lax.optimization_barrier(patches.reshape(positions, kw * c).T)  # as in `W_patches`
        return jnp.dot(columns, moved.reshape(positions, kh * o), preferred_element_type=_wide(x))

    image_bytes = height * width * (kw * c + kh * o) * x.dtype.itemsize
    matrix = _summed_blocks(block, image_bytes, x, g, BLOCK_BYTES)
    return jnp.moveaxis(matrix.reshape(kw, c, kh, o), 2, 0).astype(x.dtype)


def W_mirrored(geometry: Geometry, x: jax.Array, g: jax.Array) -> jax.Array:
    """At stride 1 image and cotangent may change places: then the patches are those of the few features."""
    return flipped(W_patches(geometry.mirror, g, x))


def W_winograd(geometry: Geometry, x: jax.Array, g: jax.Array) -> jax.Array:
    """The adjoint of `C_winograd` in its kernel, summed over blocks of images."""
    (s, t), (kh, kw), c, o = geometry.strides, geometry.kernel, x.shape[3], g.shape[3]

    def block(x: jax.Array, g: jax.Array) -> jax.Array:
        pairs = zip(_image_tiles(geometry, x), _cotangent_tiles(geometry, g), strict=True)
        return jnp.stack([jnp.stack([a.T @ b for a, b in zip(*ab, strict=True)]) for ab in pairs])

    products = _summed_blocks(block, _tiles_bytes(geometry, x), x, g, TILES_BYTES)
    rows, columns = (functools.partial(winograd.adjoint_filter, count=count) for count in geometry.blocks)
    w = jnp.stack([jnp.stack(row) for row in winograd.on_both_axes(rows, columns, products)])
    w = w.reshape(*w.shape[:2], s, t, c, o).swapaxes(1, 2)
    return w.reshape(w.shape[0] * s, w.shape[2] * t, c, o)[:kh, :kw]


# What they share.


def _in_blocks(block: Callable[[jax.Array], jax.Array], image_bytes: int, x: jax.Array, budget: int) -> jax.Array:
    """`block(x)`, computed for so many images at a time that what it expands them to stays in the cache."""
    size, count = _blocking(len(x), image_bytes, budget)
    if count == 1:
        return block(x)
    shape = jax.eval_shape(block, x[:size]).shape[1:]

    def add(index: jax.Array, y: jax.Array) -> jax.Array:
        some = block(lax.dynamic_slice_in_dim(x, index * size, size))
        return lax.dynamic_update_slice_in_dim(y, some, index * size, 0)

    y = lax.fori_loop(0, count, add, lax.empty((size * count, *shape), x.dtype))
    return y if size * count == len(x) else jnp.concatenate([y, block(x[size * count :])])


def _summed_blocks(
    block: Callable[[jax.Array, jax.Array], jax.Array], image_bytes: int, x: jax.Array, g: jax.Array, budget: int
) -> jax.Array:
    """`block(x, g)`, a sum over images, computed for some of them at a time as in `_in_blocks`."""
    size, count = _blocking(len(x), image_bytes, budget)
    if count == 1:
        return block(x, g)
    rest = block(x[size * count :], g[size * count :])  # of no images: zeros
    blocks = (a[: size * count].reshape(count, size, *a.shape[1:]) for a in (x, g))
    return lax.scan(lambda total, xg: (total + block(*xg), None), rest, tuple(blocks))[0]


def _blocking(images: int, image_bytes: int, budget: int) -> Pair:
    """Images in a block, and the number of whole blocks: 1 if one more loop would not pay.

    Where devices share a batch each has a block of its own already, and one across them would have to be sent.
    """
    if sharing() > 1 or images * image_bytes <= 2 * budget:
        return images, 1
    most = max(1, min(images, budget // image_bytes))
    size = next(n for n in range(most, 0, -1) if images % n == 0)
    size = size if 2 * size > most else most  # rather a remainder than many small blocks
    return size, images // size


def _expanded_bytes(geometry: Geometry, channels: int, dtype: jnp.dtype) -> int:
    """Of the patches of one image."""
    return math.prod((*geometry.output_size, *geometry.kernel, channels)) * jnp.dtype(dtype).itemsize


def _tile_results(geometry: Geometry) -> Pair:
    """(height, width) of what one of Winograd's tiles gives."""
    return winograd.TILE + 1 - geometry.blocks[0], winograd.TILE + 1 - geometry.blocks[1]


def tiles_of(geometry: Geometry) -> Pair:
    """Winograd's tiles, down and across, that cover the result."""
    height, width = (-(-n // m) for n, m in zip(geometry.output_size, _tile_results(geometry), strict=True))
    return height, width


def _tiles_bytes(geometry: Geometry, x: jax.Array) -> int:
    """Of the tiles of one image."""
    return math.prod((winograd.TILE**2, *tiles_of(geometry), *geometry.strides, x.shape[3])) * x.dtype.itemsize


def _image_tiles(geometry: Geometry, x: jax.Array) -> winograd.Grid:
    """The image's transformed tiles after space-to-depth: 4 x 4 matrices [b p q, s t c]."""
    (p, q), (m, n) = tiles_of(geometry), _tile_results(geometry)
    (s, t), (rows, columns) = geometry.strides, geometry.blocks
    needed = (p * m + rows - 1) * s, (q * n + columns - 1) * t
    axes = zip(needed, geometry.size, geometry.padding, strict=True)
    vertical, horizontal = ((lo, whole - size - lo) for whole, size, (lo, _) in axes)
    x = _pad(x, (vertical, horizontal))

    def of_sub_pixel(row: int, column: int) -> winograd.Grid:
        starts = [[(i * s + row, j * t + column) for j in range(winograd.TILE)] for i in range(winograd.TILE)]
        pixels = [[_every(x, start, (m * s, n * t), (p, q)) for start in line] for line in starts]
        return winograd.on_both_axes(winograd.transform_input, winograd.transform_input, pixels)

    grids = [of_sub_pixel(row, column) for row in range(s) for column in range(t)]
    lines = [[jnp.stack(same, 3) for same in zip(*line, strict=True)] for line in zip(*grids, strict=True)]
    return [[a.reshape(len(x) * p * q, s * t * x.shape[3]) for a in line] for line in lines]


def _cotangent_tiles(geometry: Geometry, g: jax.Array) -> winograd.Grid:
    """The cotangent's transformed tiles: 4 x 4 matrices [b p q, o]."""
    (p, q), (m, n), (b, height, width, o) = tiles_of(geometry), _tile_results(geometry), g.shape
    g = _pad(g, ((0, p * m - height), (0, q * n - width)))
    pixels = [[_every(g, (i, j), (m, n), (p, q)) for j in range(n)] for i in range(m)]
    lines = winograd.on_both_axes(winograd.adjoint_output, winograd.adjoint_output, pixels)
    return [[a.reshape(b * p * q, o) for a in line] for line in lines]


def _every(x: jax.Array, start: Pair, steps: Pair, count: Pair) -> jax.Array:
    """`count` rows and columns of the image, `steps` apart."""
    ends = [a + (n - 1) * step + 1 for a, step, n in zip(start, steps, count, strict=True)]
    return lax.slice(x, (0, *start, 0), (len(x), *ends, x.shape[3]), (1, *steps, 1))


def _patches(geometry: Geometry, x: jax.Array) -> jax.Array:
    """[b oh ow, kh kw c]: the pixels that each position meets. Stacked before the channels, XLA copies whole pixels."""
    patches = jnp.stack(_offsets(geometry, x), 3)
    return patches.reshape(math.prod(patches.shape[:3]), math.prod(patches.shape[3:]))


def _contributions(g: jax.Array, matrix: jax.Array) -> jax.Array:
    """[b oh ow, rows of the matrix]: every position's pixel times the transposed matrix, which is never laid out."""
    positions, contract = g.reshape(-1, g.shape[3]), (((1,), (1,)), ((), ()))
    return lax.dot_general(positions, matrix, contract, preferred_element_type=_wide(g))


def _wide(x: jax.Array) -> jnp.dtype:
    """The type of sums that more sums follow: float32 at least."""
    return jnp.promote_types(x.dtype, jnp.float32)


def flipped(w: jax.Array) -> jax.Array:
    """The kernel of the adjoint convolution: upside down, channels and features swapped."""
    return jnp.flip(w, (0, 1)).swapaxes(2, 3)


def _pad(x: jax.Array, padding: tuple[Pair, Pair]) -> jax.Array:
    (top, bottom), (left, right) = padding
    return lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), (top, bottom, 0), (left, right, 0), (0, 0, 0)))


def _offsets(geometry: Geometry, x: jax.Array) -> list[jax.Array]:
    """For each entry of the kernel, the pixels that it meets: kh kw arrays [b, oh, ow, c]."""
    (kh, kw), x = geometry.kernel, _pad(x, geometry.padding)
    return [_every(x, (i, j), geometry.strides, geometry.output_size) for i in range(kh) for j in range(kw)]


def _block_kernel(geometry: Geometry, w: jax.Array) -> jax.Array:
    """The kernel cut into blocks of a stride by a stride: [kh, kw, c, o] -> [rows, columns, s t c, o], rows s >= kh."""
    (rows, columns), (s, t), (kh, kw, c, o) = geometry.blocks, geometry.strides, w.shape
    w = jnp.pad(w, ((0, rows * s - kh), (0, columns * t - kw), (0, 0), (0, 0)))
    return w.reshape(rows, s, columns, t, c, o).transpose(0, 2, 1, 3, 4, 5).reshape(rows, columns, s * t * c, o)


def _depth_to_space(geometry: Geometry, y: jax.Array, first: Pair = (0, 0)) -> jax.Array:
    """Lays out the blocks of the padded image from the first on and removes the padding: [b, p, q, s t c] -> image."""
    (b, p, q, channels), (s, t) = y.shape, geometry.strides
    c = channels // (s * t)
    y = y.reshape(b, p, q, s, t, c).transpose(0, 1, 3, 2, 4, 5).reshape(b, p * s, q * t, c)
    top, left = geometry.padding[0][0] - first[0] * s, geometry.padding[1][0] - first[1] * t
    return _pad(y, ((-top, geometry.size[0] + top - p * s), (-left, geometry.size[1] + left - q * t)))
