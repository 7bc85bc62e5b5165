"""The tally: means by hand, and which term went first."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.errors import JaxganError
from jaxgan.training import tally

NAMES = ["zeta", "alpha", "middle"]  # an order that no sorting gives


def gathered(*rows, start=0):
    sums = tally.empty(len(NAMES))
    for number, row in enumerate(rows, start=start + 1):
        sums = tally.add(sums, {name: jnp.float32(x) for name, x in zip(NAMES, row, strict=True)}, jnp.int32(number))
    return sums


def test_means_by_hand():
    assert tally.means(gathered((1, 10, -1), (2, 20, -1), (6, 0, -1)), NAMES) == {"zeta": 3, "alpha": 10, "middle": -1}


def test_an_empty_tally_has_means():
    assert tally.means(tally.empty(3), NAMES) == {"zeta": 0, "alpha": 0, "middle": 0}


def test_the_order_is_the_systems():
    assert list(tally.means(gathered((1, 2, 3)), NAMES)) == NAMES
    assert tally.metric_names(lambda state: (state, dict.fromkeys(NAMES, jnp.float32(0))), 0) == NAMES


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_first_term_in_time_is_named(value):
    rows = (1, 1, 1), (1, 1, value), (value, value, value)
    with pytest.raises(JaxganError, match=r"middle was not finite at step 2\. ") as error:
        tally.means(gathered(*rows), NAMES)
    assert len(str(error.value).splitlines()) == 2


def test_of_terms_that_went_together_the_first_computed_is_named():
    with pytest.raises(JaxganError, match=r"zeta was not finite at step 1 \(with it: alpha\)"):
        tally.means(gathered((np.nan, np.inf, 1), (1, 1, np.nan)), NAMES)


def test_a_term_that_recovers_is_still_named():
    with pytest.raises(JaxganError, match="alpha was not finite at step 1"):
        tally.means(gathered((1, np.nan, 1), (1, 1, 1)), NAMES)


def test_a_tally_that_was_stored_goes_on_to_the_same_means():
    rows = np.random.default_rng(0).normal(size=(7, 3))
    stored = jax.tree.map(np.asarray, gathered(*rows[:4]))
    for number, row in enumerate(rows[4:], start=5):
        metrics = {name: jnp.float32(x) for name, x in zip(NAMES, row, strict=True)}
        stored = tally.add(stored, metrics, jnp.int32(number))
    assert tally.means(stored, NAMES) == tally.means(gathered(*rows), NAMES)


def test_of_several_seeds_each_has_its_mean_and_the_one_that_broke_is_named():
    def added(sums, step, values):
        return tally.add(sums, {"a": jnp.asarray(values[0]), "b": jnp.asarray(values[1])}, jnp.int32(step))

    sums = added(tally.empty(2, 3), 1, [[1.0, 2.0, 3.0], [0.0, 0.0, 6.0]])
    sums = added(sums, 2, [[3.0, 2.0, 5.0], [1.0, 0.0, 0.0]])
    means = tally.means(sums, ["a", "b"], [7, 8, 9])
    assert {name: values.tolist() for name, values in means.items()} == {"a": [2, 2, 4], "b": [0.5, 0, 3]}
    sums = added(added(sums, 3, [[1.0, np.nan, 1.0], [1.0, np.nan, 1.0]]), 4, [[np.nan] * 3, [1.0] * 3])
    with pytest.raises(JaxganError, match=r"a was not finite at step 3 \(with it: b\), seed 8\."):
        tally.means(sums, ["a", "b"], [7, 8, 9])
