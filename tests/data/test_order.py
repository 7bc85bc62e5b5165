"""The order of examples is exact, complete and fixed for good."""

import numpy as np
import pytest

from jaxgan.data.order import CHOSEN_LABELS, HUES, PARTNERS, STACKED_DIGITS, epoch_permutation, indices


def test_the_order_is_pinned():
    # A change here breaks the resumption of every existing run.
    assert epoch_permutation(0, 0, 8).tolist() == [0, 2, 1, 5, 4, 3, 6, 7]


def test_what_sources_draw_has_streams_of_its_own():
    words = (STACKED_DIGITS, HUES, CHOSEN_LABELS, PARTNERS)
    assert len(set(words)) == len(words)
    assert min(words) >= 2**63  # far from every epoch's number


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_each_epoch_draws_every_example_once(size):
    for epoch in range(3):
        drawn = indices(5, epoch * size, size, size)
        assert sorted(drawn) == list(range(size))


def test_a_batch_straddles_two_epochs():
    first, second = epoch_permutation(3, 0, 5), epoch_permutation(3, 1, 5)
    assert indices(3, 3, 4, 5).tolist() == [first[3], first[4], second[0], second[1]]


def test_a_batch_may_exceed_the_set():
    epochs = [epoch_permutation(3, epoch, 3) for epoch in range(4)]
    assert indices(3, 2, 8, 3).tolist() == np.concatenate(epochs)[2:10].tolist()


@pytest.mark.parametrize("start", [0, 1, 6, 7, 8, 20, 50])
def test_resuming_anywhere_gives_the_same_order(start):
    whole = indices(11, 0, 60, 7)
    np.testing.assert_array_equal(indices(11, start, 60 - start, 7), whole[start:])


def test_seeds_and_epochs_have_orders_of_their_own():
    orders = {tuple(epoch_permutation(seed, epoch, 50)) for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25


def test_no_position_is_favoured():
    first = [epoch_permutation(seed, 0, 4)[0] for seed in range(2000)]
    # 500 each expected, standard deviation 19.4
    assert np.all(np.abs(np.bincount(first) - 500) < 4 * 19.4)


def test_a_cached_order_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        epoch_permutation(0, 0, 8)[0] = 1


def test_a_far_position_costs_one_epoch():
    assert sorted(indices(0, 10**12, 10, 10)) == list(range(10))
