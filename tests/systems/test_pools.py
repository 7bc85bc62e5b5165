"""The history of generated images: how it fills, what comes out of it and how often, and that a key decides it all."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.systems.pools import Pool, empty_pool, exchanged


def pixels(values):
    """Images of one pixel."""
    return jnp.asarray(values, jnp.float32).reshape(-1, 1, 1, 1)


def full(*values):
    return Pool(pixels(values), jnp.int32(len(values)))


EXCHANGED = jax.jit(exchanged)
DRAWS = 4000


def test_while_there_is_room_images_are_stored_and_come_back_themselves():
    pool, first = EXCHANGED(empty_pool(5, (1, 1, 1)), pixels([1, 2]), jax.random.key(0))
    assert first.ravel().tolist() == [1, 2]
    pool, second = EXCHANGED(pool, pixels([3, 4]), jax.random.key(1))
    assert second.ravel().tolist() == [3, 4]
    assert (pool.images.ravel().tolist(), int(pool.count)) == ([1, 2, 3, 4, 0], 4)


def test_a_batch_may_fill_the_last_place_and_go_on():
    """The first image fills it; whatever happens to the second, nothing is lost."""
    pool = Pool(pixels([1, 0]), jnp.int32(1))
    seen = set()
    for seed in range(20):
        after, back = EXCHANGED(pool, pixels([2, 3]), jax.random.key(seed))
        assert (float(back[0, 0, 0, 0]), int(after.count)) == (2, 2)
        seen.add((*after.images.ravel().tolist(), float(back[1, 0, 0, 0])))
    assert seen == {(1, 2, 3), (3, 2, 1), (1, 3, 2)}  # returned, or in either's place


def test_a_full_pool_gives_back_an_old_image_half_of_the_time():
    old, new = -np.arange(1, 9), np.arange(1, DRAWS + 1)
    pool, back = EXCHANGED(full(*old), pixels(new), jax.random.key(0))
    swapped = np.mean(np.asarray(back).ravel() != new)
    assert abs(swapped - 0.5) < 4 * 0.5 / np.sqrt(DRAWS)
    # Everything is in the pool or came back, once.
    assert sorted(np.concatenate([pool.images.ravel(), back.ravel()])) == sorted([*old, *new])


def test_every_place_is_as_likely():
    keys = jax.random.split(jax.random.key(1), DRAWS)
    pools, back = jax.jit(jax.vmap(lambda key: exchanged(full(1, 2, 3, 4), pixels([9]), key)))(keys)
    taken = np.asarray(pools.images)[:, :, 0, 0, 0] == 9
    np.testing.assert_array_equal(taken.sum(axis=1), np.asarray(back).ravel() != 9)
    np.testing.assert_allclose(taken.mean(axis=0), 1 / 8, atol=4 * np.sqrt(7 / 64 / DRAWS))


def test_the_key_decides():
    images = pixels(range(1, 9))
    one, again, other = (EXCHANGED(full(-1, -2, -3), images, jax.random.key(seed)) for seed in (3, 3, 4))
    jax.tree.map(np.testing.assert_array_equal, one, again)
    assert not np.array_equal(one[1], other[1])


def test_a_pool_without_room_gives_the_images_back():
    pool, back = EXCHANGED(empty_pool(0, (1, 1, 1)), pixels([1, 2]), jax.random.key(0))
    assert (pool.images.shape, back.ravel().tolist()) == ((0, 1, 1, 1), [1, 2])
