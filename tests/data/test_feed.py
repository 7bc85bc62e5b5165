"""What reaches the compiled step is decided by (seed, step) alone, whichever way it travels."""

import itertools
import os
import time

import jax
import numpy as np
import pytest

from jaxgan.data import ResidentFeed, StreamingFeed, make_feed
from jaxgan.data import feed as feeds
from jaxgan.data.feed import decoded_bytes
from jaxgan.data.memory import ArraySource, empty
from jaxgan.data.order import indices
from jaxgan.devices import Devices

SIZE = 11


def numbered() -> ArraySource:
    """Example i is a 2x3 picture of value i, with label i % 4."""
    images = np.broadcast_to(np.arange(SIZE, dtype=np.uint8)[:, None, None, None], (SIZE, 2, 3, 1))
    return ArraySource(images, np.arange(SIZE) % 4, ("a", "b", "c", "d"))


class Counting(ArraySource):
    """Counts the examples that were read one by one."""

    reads = 0

    def __getitem__(self, index):
        self.reads += 1  # the threads' sum may lose some, and never has too many
        return super().__getitem__(index)


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


@pytest.mark.parametrize("kind", [ResidentFeed, StreamingFeed])
@pytest.mark.parametrize("micro_batches", [1, 3])
def test_each_of_many_members_sees_what_its_seed_alone_would_see(kind, micro_batches):
    seeds = [7, 3, 7, 12, 5]
    limit = decoded_bytes(numbered().spec) - (kind is StreamingFeed)
    together = batches(make_feed(numbered(), 4, micro_batches, seeds, limit), 5, 2, 3)
    assert together[0]["label"].shape == ((5, 4) if micro_batches == 1 else (5, 3, 4))
    for member, seed in enumerate(seeds):
        alone = batches(feed_of(kind, 4, micro_batches, seed), 5, 2, 3)
        for batch, expected in zip(together, alone, strict=True):
            for key in ("image", "label"):
                np.testing.assert_array_equal(batch[key][member], expected[key])


@pytest.mark.parametrize("threads", [1, 2, 16])
@pytest.mark.parametrize("piece", [1, 3, 100])
def test_how_many_threads_read_what_at_a_time_does_not_show(monkeypatch, threads, piece):
    monkeypatch.setattr(os, "cpu_count", lambda: threads)
    monkeypatch.setattr(feeds, "_PIECE", piece)
    streamed, resident = (batches(feed_of(kind, 4, 2), 1, 3, 3) for kind in (StreamingFeed, ResidentFeed))
    for batch, expected in zip(streamed, resident, strict=True):
        jax.tree.map(np.testing.assert_array_equal, batch, expected)


def test_an_unlabelled_set_gives_images_only():
    source = ArraySource(np.zeros((5, 2), np.float32))
    for limit in (0, 10**6):
        batch = batches(make_feed(source, 2, 1, (0,), limit), 0, 1, 1)[0]
        assert batch.keys() == {"image"}
        assert batch["image"].dtype == np.float32


def test_a_start_far_into_training_reads_only_what_it_needs():
    source = Counting(np.zeros((5, 2), np.float32))
    items = make_feed(source, 2, 1, (0,), device_limit=0).items(10**9, 1)
    next(items)
    items.close()
    assert 2 <= source.reads < 100


@pytest.mark.parametrize("read_ahead", [1, 2**10, 2**14, 2**20])
def test_what_is_read_ahead_is_bounded_in_bytes(monkeypatch, read_ahead):
    """Whatever the call's size, 2**20 bytes here, and however long the consumer is away."""
    monkeypatch.setattr(feeds, "READ_AHEAD", read_ahead)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    source = Counting(np.zeros((5, 16, 16, 1), np.uint8))
    items = make_feed(source, 64, 1, (0,), device_limit=0).items(0, steps_per_call=64)
    next(items)
    before = -1
    while source.reads > before:  # until the threads have stopped
        before = source.reads
        time.sleep(0.2)
    items.close()
    ahead = (source.reads - 64 * 64) * 16 * 16
    assert 0 < ahead <= max(read_ahead, 4 * 16 * 16)  # each thread reads one example at the least


def test_a_resident_set_stands_in_memory_once():
    images = empty((100, 8, 8, 3), np.uint8)
    images[:] = 7
    feed = make_feed(ArraySource(images), 4, 1, (0,), device_limit=2**20)
    devices = Devices.first(1)
    placed = devices.put(feed.constants, devices.everywhere)["image"]
    if placed.device.platform != "cpu":
        pytest.skip("the device has a memory of its own")
    assert placed.unsafe_buffer_pointer() == images.ctypes.data


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
