"""What reaches the compiled step is decided by (seed, step) alone, whichever way it travels."""

import itertools

import jax
import numpy as np
import pytest

from jaxgan.data import ResidentFeed, StreamingFeed, make_feed
from jaxgan.data.feed import decoded_bytes
from jaxgan.data.memory import ArraySource
from jaxgan.data.order import indices

SIZE = 11


def numbered() -> ArraySource:
    """Example i is a 2x3 picture of value i, with label i % 4."""
    images = np.broadcast_to(np.arange(SIZE, dtype=np.uint8)[:, None, None, None], (SIZE, 2, 3, 1))
    return ArraySource(images, np.arange(SIZE) % 4, ("a", "b", "c", "d"))


def feed_of(kind: type, batch_size: int = 4, micro_batches: int = 1, seed: int = 0):
    limit = {ResidentFeed: decoded_bytes(numbered().spec), StreamingFeed: decoded_bytes(numbered().spec) - 1}[kind]
    feed = make_feed(numbered(), batch_size, micro_batches, (seed,), limit)
    assert isinstance(feed, kind)
    return feed


def batches(feed, first_step: int, steps_per_call: int, calls: int) -> list[dict[str, np.ndarray]]:
    """The batches of `calls` compiled calls, one a step, in order."""

    @jax.jit
    def call(constants, item):
        return jax.lax.scan(lambda carry, step: (carry, feed.batch(constants, step)), None, item)[1]

    stacked = [call(feed.constants, item) for item in itertools.islice(feed.items(first_step, steps_per_call), calls)]
    return [{key: np.asarray(array[i]) for key, array in one.items()} for one in stacked for i in range(steps_per_call)]


@pytest.mark.parametrize("kind", [ResidentFeed, StreamingFeed])
@pytest.mark.parametrize(("batch_size", "micro_batches"), [(4, 1), (4, 3), (1, 1), (30, 1), (1, 2)])
def test_a_step_sees_its_own_positions(kind, batch_size, micro_batches):
    feed = feed_of(kind, batch_size, micro_batches, seed=9)
    leading = (batch_size,) if micro_batches == 1 else (micro_batches, batch_size)
    per_step = batch_size * micro_batches
    for step, batch in enumerate(batches(feed, 0, steps_per_call=2, calls=3)):
        expected = indices(9, step * per_step, per_step, SIZE).reshape(leading)
        assert batch["image"].shape == (*leading, 2, 3, 1)
        assert batch["image"].dtype == np.uint8
        assert batch["label"].dtype == np.int32
        np.testing.assert_array_equal(
            batch["image"], np.broadcast_to(expected[..., None, None, None], (*leading, 2, 3, 1))
        )
        np.testing.assert_array_equal(batch["label"], expected % 4)


@pytest.mark.parametrize("kind", [ResidentFeed, StreamingFeed])
@pytest.mark.parametrize("steps_per_call", [1, 3, 6])
def test_starting_at_a_step_equals_skipping_to_it(kind, steps_per_call):
    whole = batches(feed_of(kind, micro_batches=2), 0, 1, 12)
    resumed = batches(feed_of(kind, micro_batches=2), 6, steps_per_call, 6 // steps_per_call)
    for batch, expected in zip(resumed, whole[6:], strict=True):
        jax.tree.map(np.testing.assert_array_equal, batch, expected)


def test_the_seed_decides_the_order():
    first, second = (batches(feed_of(ResidentFeed, seed=seed), 0, 4, 1) for seed in (0, 1))
    assert any(not np.array_equal(a["label"], b["label"]) for a, b in zip(first, second, strict=True))


def test_an_unlabelled_set_gives_images_only():
    source = ArraySource(np.zeros((5, 2), np.float32))
    for limit in (0, 10**6):
        batch = batches(make_feed(source, 2, 1, (0,), limit), 0, 1, 1)[0]
        assert batch.keys() == {"image"}
        assert batch["image"].dtype == np.float32


def test_a_start_far_into_training_reads_only_what_it_needs():
    class Counting(ArraySource):
        reads = 0

        def __getitem__(self, index):
            Counting.reads += 1
            return super().__getitem__(index)

    source = Counting(np.zeros((5, 2), np.float32))
    items = make_feed(source, 2, 1, (0,), device_limit=0).items(10**9, 1)
    next(items)
    items.close()
    assert 2 <= Counting.reads < 100


def test_an_example_that_cannot_be_read_stops_the_consumer():
    class Vanishing(ArraySource):
        def __getitem__(self, index):
            if index == 3:
                raise FileNotFoundError("three.png")
            return super().__getitem__(index)

    items = make_feed(Vanishing(np.zeros((5, 2), np.float32)), 5, 1, (0,), device_limit=0).items(0, 1)
    with pytest.raises(FileNotFoundError, match=r"three\.png"):
        next(items)


def test_decoded_bytes():
    assert decoded_bytes(numbered().spec) == 11 * 2 * 3
    assert decoded_bytes(ArraySource(np.zeros((5, 2), np.float32)).spec) == 40
