"""Arrays that are filled as their rows come."""

import numpy as np
import pytest

from jaxgan.rows import Rows


def test_rows_come_in_their_order_and_those_beyond_the_last_are_left_out():
    rows = Rows(5)
    for first in (0, 2, 4, 6):
        rows.add(np.arange(first, first + 2, dtype=np.int16)[:, None])
    np.testing.assert_array_equal(rows.whole(), np.arange(5)[:, None])
    assert rows.whole().dtype == np.int16


def test_rows_that_have_not_come_are_missed():
    rows = Rows(3)
    with pytest.raises(ValueError, match="0 rows have come of 3"):
        rows.whole()
    rows.add(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="2 rows have come of 3"):
        rows.whole()
