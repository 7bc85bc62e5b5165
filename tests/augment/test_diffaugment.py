"""DiffAugment: each parameter found from its result, and how often it is drawn."""

import itertools

import numpy as np
import pytest
from many_draws import CLOSE, MANY, drawn, shares

from jaxgan.augment import AUGMENTATIONS, diffaugment


@pytest.mark.parametrize("p", [0.4, 1.0])
def test_colours_of_diffaugment(p):
    """Each parameter is found from one image: x + b, s (x - m) + m by pixel, c (x - m) + m by image."""
    image = np.asarray([[[0.9, 0.0, 0.0], [0.0, 0.0, 0.6]]])
    brighter, saturated, contrasted = (
        drawn(f, image, p) for f in (diffaugment.brighten, diffaugment.saturate, diffaugment.change_contrast)
    )
    found = [
        (brighter - image, 0.0, -0.5, 0.5),
        ((saturated - [[[0.3], [0.2]]]) / (image - [[[0.3], [0.2]]]), 1.0, 0.0, 2.0),
        ((contrasted - 0.25) / (image - 0.25), 1.0, 0.5, 1.5),
    ]
    for parameters, neutral, low, high in found:
        values = parameters.reshape(MANY, -1)
        assert np.ptp(values, axis=1).max() < 1e-5
        used = values[np.abs(values[:, 0] - neutral) > 1e-5, 0]
        assert len(used) / MANY == pytest.approx(p, abs=CLOSE)
        quarters = np.histogram(used, 4, (low - 1e-5, high + 1e-5))[0]
        np.testing.assert_allclose(quarters / len(used), 1 / 4, atol=0.05)


@pytest.mark.parametrize("p", [0.4, 1.0])
def test_translations_of_diffaugment(p):
    """An eighth of 8 rows is one, of 3 columns none: three places, as likely as one another."""
    image = np.arange(1.0, 25).reshape(8, 3, 1)
    zeros = np.zeros((1, 3, 1))
    down, up = np.concatenate([zeros, image[:-1]]), np.concatenate([image[1:], zeros])
    found = shares(drawn(diffaugment.translate(0.125), image, p), [image, down, up])
    np.testing.assert_allclose(found, [1 - 2 * p / 3, p / 3, p / 3], atol=CLOSE)


@pytest.mark.parametrize("p", [0.4, 1.0])
def test_cutouts_of_diffaugment(p):
    """Half of 4 rows is two, with five places for the centre; half of 2 columns is one, with two."""
    candidates = [np.ones((4, 2, 1))]
    for centre, column in itertools.product(range(5), range(2)):
        hole = np.ones((4, 2, 1))
        hole[max(centre - 1, 0) : centre + 1, column] = 0
        candidates.append(hole)
    found = shares(drawn(diffaugment.cut_out(0.5), np.ones((4, 2, 1)), p), candidates)
    np.testing.assert_allclose(found, [1 - p] + [p / 10] * 10, atol=CLOSE)


def test_half_a_pixel_is_rounded_up():
    """An eighth of 28 rows is 3.5, hence a shift of up to 4; half of 27 rows is 13.5, hence a hole of 14."""
    rows = np.arange(1.0, 29).reshape(28, 1, 1)
    shifts = {28 - len(set(column.ravel()) - {0.0}) for column in drawn(diffaugment.translate(0.125), rows, 1.0)}
    assert shifts == {0, 1, 2, 3, 4}
    holes = drawn(diffaugment.cut_out(0.5), np.ones((27, 1, 1)), 1.0) == 0
    assert holes.sum(axis=(1, 2, 3)).max() == 14


def test_diffaugment_changes_colours_first_and_leaves_holes_of_zeros():
    outputs = drawn(AUGMENTATIONS["diffaugment"]().apply, np.full((8, 8, 3), 0.9), 1.0, 50)
    for output in outputs:
        values = set(output[output != 0].round(5).tolist())
        assert len(values) == 1  # an even image stays even, and zeros that moved in or were cut out stay zeros
        assert 0.4 <= values.pop() <= 1.4
    assert (outputs == 0).mean() > 0.15
