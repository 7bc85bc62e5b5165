"""Winograd's minimal filtering F(5 - r, r): a convolution in fewer products (Lavin & Gray, arXiv:1509.09308).

Polynomials with r and 5 - r coefficients have a product with 4, which its values at 0, 1, -1 and infinity fix: 4
products instead of r (5 - r) = 6, and 16 instead of 36 in two dimensions. A filter of r taps that slides over a tile of
4 pixels and gives 5 - r results is the adjoint of that product. With d the pixels, w the taps and y the results,

    y = transform_output(transform_input(d) * transform_filter(w), 5 - r)
    w = adjoint_filter(transform_input(d) * adjoint_output(y), r)    (the gradient of the taps)

In the paper's letters these are B'd, Gw, A'm, G'm and Ay; the last row of B' has the other sign here. No constant but
1/2 occurs, so rounding errors stay about those of the plain sums.

A signal is a list along its axis; `on_both_axes` applies a transform to a list of lists.
"""

from collections.abc import Callable, Iterable

import jax

TILE = 4

Line = list[jax.Array]
Grid = list[Line]


def transform_input(d: Line) -> Line:
    """The 4 pixels of a tile, as they meet the filter's values."""
    return [d[0] - d[2], d[1] + d[2], d[2] - d[1], d[3] - d[1]]


def transform_filter(w: Line) -> Line:
    """The filter's values at the points; those at 1 and -1 halved."""
    return _halved(adjoint_output(w))


def transform_output(m: Line, count: int) -> Line:
    """The `count` results of a tile from its 4 products."""
    y = [m[1] + m[2] if k % 2 == 0 else m[1] - m[2] for k in range(count)]
    return [y[0] + m[0], *y[1:-1], y[-1] + m[3]]


def adjoint_output(y: Line) -> Line:
    """Values at the points of the polynomial with these coefficients."""
    even, odd = sum(y[2::2], y[0]), sum(y[3::2], y[1])
    return [y[0], even + odd, even - odd, y[-1]]


def adjoint_filter(m: Line, count: int) -> Line:
    """The `count` taps from 4 products."""
    return transform_output(_halved(m), count)


def _halved(m: Line) -> Line:
    return [m[0], m[1] / 2, m[2] / 2, m[3]]


def on_both_axes(
    rows: Callable[[Line], Line], columns: Callable[[Line], Line], grid: Iterable[Iterable[jax.Array]]
) -> Grid:
    """`columns` along every row of the grid and `rows` along every column of what that gives."""
    across = [columns(list(row)) for row in grid]
    down = [rows(list(column)) for column in zip(*across, strict=True)]
    return [list(row) for row in zip(*down, strict=True)]
