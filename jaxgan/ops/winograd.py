"""Winograd's minimal filtering: a convolution with fewer products, in tiles of four (Lavin & Gray, arXiv:1509.09308).

Along one axis r taps, 2 or 3, slide over a tile of 4 pixels and give 5 - r results. Taps and results are coefficients
of polynomials that can be multiplied by their values at four points, 0, 1, -1 and infinity: 4 products instead of 6,
and 16 instead of 36 in two dimensions. With d the pixels, w the taps and y the results,

    y = collect(tile(d) * halved(evaluate(w)), 5 - r)

That is linear in w, and its adjoint is the gradient w = collect(halved(tile(d) * evaluate(y)), r). No constant but 1/2
occurs, so rounding errors stay about those of the plain sums.

A signal is a list along its axis; `on_both_axes` applies one of the functions to a list of lists.
"""

from collections.abc import Callable, Iterable

import jax

TILE = 4

Line = list[jax.Array]
Grid = list[Line]


def tile(d: Line) -> Line:
    """What of 4 neighbouring pixels meets the taps at each point."""
    return [d[0] - d[2], d[1] + d[2], d[2] - d[1], d[3] - d[1]]


def evaluate(v: Line) -> Line:
    """Values of the polynomial with coefficients v at the points."""
    even, odd = sum(v[2::2], v[0]), sum(v[3::2], v[1])
    return [v[0], even + odd, even - odd, v[-1]]


def halved(m: Line) -> Line:
    """The values at 1 and -1, which share their terms, count half."""
    return [m[0], m[1] / 2, m[2] / 2, m[3]]


def collect(m: Line, count: int) -> Line:
    """Adjoint of `evaluate` for `count` coefficients."""
    y = [m[1] + m[2] if k % 2 == 0 else m[1] - m[2] for k in range(count)]
    return [y[0] + m[0], *y[1:-1], y[-1] + m[3]]


def on_both_axes(
    rows: Callable[[Line], Line], columns: Callable[[Line], Line], grid: Iterable[Iterable[jax.Array]]
) -> Grid:
    """`columns` along every row of the grid and `rows` along every column of what that gives."""
    across = [columns(list(row)) for row in grid]
    down = [rows(list(column)) for column in zip(*across, strict=True)]
    return [list(row) for row in zip(*down, strict=True)]
