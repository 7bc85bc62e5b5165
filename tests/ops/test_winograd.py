"""The transforms by hand: three taps, and two, over four pixels."""

import numpy as np
import pytest

from jaxgan.ops.winograd import adjoint_filter, adjoint_output, transform_filter, transform_input, transform_output

PIXELS = [3.0, -1.0, 4.0, 2.0]


@pytest.mark.parametrize(
    ("taps", "results"),
    [
        ([2.0, 1.0, -3.0], [2 * 3 - 1 - 3 * 4, 2 * -1 + 4 - 3 * 2]),
        ([5.0, -2.0], [5 * 3 + 2 * 1, 5 * -1 - 2 * 4, 5 * 4 - 2 * 2]),
    ],
)
def test_filtering_is_the_sliding_product(taps, results):
    products = np.multiply(transform_input(PIXELS), transform_filter(taps))
    np.testing.assert_allclose(transform_output(list(products), len(results)), results)


@pytest.mark.parametrize(
    ("cotangent", "taps"),
    [
        ([2.0, 7.0], [3 * 2 - 1 * 7, -1 * 2 + 4 * 7, 4 * 2 + 2 * 7]),
        ([2.0, 7.0, 1.0], [3 * 2 - 1 * 7 + 4 * 1, -1 * 2 + 4 * 7 + 2 * 1]),
    ],
)
def test_gradient_of_the_taps(cotangent, taps):
    products = np.multiply(transform_input(PIXELS), adjoint_output(cotangent))
    np.testing.assert_allclose(adjoint_filter(list(products), len(taps)), taps)
