"""Schedules on the clock of images shown, by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.errors import JaxganError
from jaxgan.schedules import check_schedule, value_at


@pytest.mark.parametrize(
    ("schedule", "values"),  # at 0, 25, 50, 100 and 1,000 images
    [
        (0.3, [0.3] * 5),
        (("linear", 2.0, 0.0, 100.0), [2.0, 1.5, 1.0, 0.0, 0.0]),
        (("cosine", 2.0, 0.0, 100.0), [2.0, 1 + np.cos(np.pi / 4), 1.0, 0.0, 0.0]),
        (("cosine", 0.0, 3.0, 50.0), [0.0, 1.5, 3.0, 3.0, 3.0]),
    ],
)
def test_values_by_hand(schedule, values):
    seen = jax.jit(lambda images: jnp.stack([value_at(schedule, image) for image in images]))(
        jnp.asarray([0.0, 25, 50, 100, 1000])
    )
    np.testing.assert_allclose(seen, values, atol=1e-6)


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (-1.0, r"rate is -1.0, but must be in \[0, 1\]"),
        (("linear", 0.5, 2.0, 10.0), "rate is 2.0"),
        (("cosine", 0.5, float("nan"), 10.0), "rate is nan"),
        (("linear", 0.5, 1.0, 0.0), "rate: images of the schedule is 0.0"),
    ],
)
def test_what_leaves_the_range_is_refused(schedule, message):
    with pytest.raises(JaxganError, match=message):
        check_schedule("rate", schedule, 0, 1)
