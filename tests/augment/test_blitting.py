"""Pixels that are copied, by hand and in frequency, and what turning them leaks."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from many_draws import CLOSE, MANY, drawn, each, shares

from jaxgan.augment import blitting

COUNTED = np.arange(6.0).reshape(2, 3)  # 0 1 2 / 3 4 5


def test_mirror_and_turns_by_hand():
    x = each(COUNTED[..., None], 2)
    mirrored = blitting.mirrored(x, jnp.asarray([True, False]))[..., 0]
    assert mirrored.tolist() == [[[2, 1, 0], [5, 4, 3]], [[0, 1, 2], [3, 4, 5]]]
    half = blitting.turned(x, jnp.asarray([2, 0]))[..., 0]
    assert half.tolist() == [[[5, 4, 3], [2, 1, 0]], [[0, 1, 2], [3, 4, 5]]]
    square = np.arange(9.0).reshape(3, 3)
    turned = blitting.turned(each(square[..., None], 4), jnp.arange(4))[..., 0]
    np.testing.assert_array_equal(turned, [np.rot90(square, k) for k in range(4)])


def test_shifts_by_hand():
    x, shifts = each(COUNTED[..., None], 3), jnp.asarray([[1, 0], [0, -1], [-1, 1]])
    with_zeros = blitting.shifted(x, shifts, (1, 1), "constant")[..., 0]
    assert with_zeros.tolist() == [[[0, 0, 0], [0, 1, 2]], [[1, 2, 0], [4, 5, 0]], [[0, 3, 4], [0, 0, 0]]]
    mirrored = blitting.shifted(x, shifts, (1, 1), "reflect")[..., 0]
    assert mirrored.tolist() == [[[3, 4, 5], [0, 1, 2]], [[1, 2, 1], [4, 5, 4]], [[4, 3, 4], [1, 0, 1]]]


@pytest.mark.parametrize("p", [0.4, 1.0])
def test_how_often_pixels_are_moved(p):
    square, wide = np.arange(1.0, 10).reshape(3, 3, 1), np.arange(1.0, 7).reshape(2, 3, 1)
    found = shares(drawn(blitting.mirror, wide, p), [wide, wide[:, ::-1]])
    np.testing.assert_allclose(found, [1 - p / 2, p / 2], atol=CLOSE)
    found = shares(drawn(blitting.turn, square, p), [np.rot90(square, k) for k in range(4)])
    np.testing.assert_allclose(found, [1 - 3 * p / 4, p / 4, p / 4, p / 4], atol=CLOSE)
    found = shares(drawn(blitting.turn, wide, p), [wide, wide[::-1, ::-1]])  # of quarter turns, those that fit
    np.testing.assert_allclose(found, [1 - p / 2, p / 2], atol=CLOSE)
    # round(U(-1, 1)) is -1, 0 and 1 with probabilities 1/4, 1/2 and 1/4 along eight columns; one row stays.
    line = np.arange(8.0).reshape(1, 8, 1)
    moved = [
        line,
        np.pad(line, ((0, 0), (1, 0), (0, 0)), "reflect")[:, :-1],
        np.pad(line, ((0, 0), (0, 1), (0, 0)), "reflect")[:, 1:],
    ]
    np.testing.assert_allclose(shares(drawn(blitting.shift, line, p), moved), [1 - p / 2, p / 4, p / 4], atol=CLOSE)


# leaks: what the distribution of T(x) tells of that of x

BINARY = np.asarray(list(itertools.product([0.0, 1.0], repeat=4))).reshape(16, 2, 2, 1)


def position(image):
    return int(np.argmax((np.asarray(image) == BINARY).all(axis=(1, 2, 3))))


def quarter_turns(p):
    """(1 - p) I + p mean_k R^k on distributions of 2x2 binary images: column i is the distribution of T(image i)."""
    operator = np.zeros((16, 16))
    for quarters in range(4):
        turned = blitting.turned(jnp.asarray(BINARY, jnp.float32), jnp.full(16, quarters))
        for start, image in enumerate(turned):
            operator[position(image), start] += p / 4 + (1 - p) * (quarters == 0)
    return operator


def test_quarter_turns_can_be_undone_in_distribution_unless_they_always_happen():
    """The eigenvalues are 1 on distributions that turning leaves alone and 1 - p on what is orthogonal to them."""
    for p in (0.0, 0.5, 0.8, 0.95):
        assert np.linalg.cond(quarter_turns(p)) == pytest.approx(1 / (1 - p))
    assert np.linalg.matrix_rank(quarter_turns(1.0)) == 6  # necklaces of four beads of two colours

    upright, any_way = np.zeros(16), np.zeros(16)
    corners = [position(np.rot90(BINARY[8], k)) for k in range(4)]  # one white pixel, in the first corner
    upright[8], any_way[corners] = 1, 1 / 4
    distance = [np.abs(quarter_turns(p) @ (upright - any_way)).sum() / 2 for p in (0.0, 0.8, 1.0)]
    np.testing.assert_allclose(distance, [0.75, 0.15, 0.0], atol=1e-12)


def test_what_is_drawn_has_that_distribution_and_solving_gives_the_images_back():
    """At p = 0.8 one can tell from T(x) alone that x was always upright; solving amplifies the noise by 5."""
    outputs = drawn(blitting.turn, BINARY[8], 0.8)
    found = np.bincount([position(image) for image in outputs], minlength=16) / MANY
    np.testing.assert_allclose(found, quarter_turns(0.8)[:, 8], atol=CLOSE)
    upright = np.linalg.solve(quarter_turns(0.8), found)
    np.testing.assert_allclose(upright, np.eye(16)[8], atol=5 * CLOSE)
