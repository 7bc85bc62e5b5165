"""A history of generated images, which D learns from besides the newest ones (Shrivastava et al. 2017, section 2.3)."""

from typing import Any

import flax
import jax
import jax.numpy as jnp


@flax.struct.dataclass
class Pool:
    """Images that were generated earlier: float32 [size, h, w, c], of which the first `count`, int32 [], are filled."""

    images: jax.Array
    count: jax.Array


def empty_pool(size: int, shape: tuple[int, ...]) -> Pool:
    """A pool with room for `size` images of this shape."""
    return Pool(jnp.zeros((size, *shape)), jnp.zeros((), jnp.int32))


def exchanged(pool: Pool, images: jax.Array, key: jax.Array) -> tuple[Pool, jax.Array]:
    """Puts new images into the pool and takes as many out, one after another, as CycleGAN's authors do.

    While there is room an image is stored and comes back itself. Then, with probability 1/2, it takes the place of one
    drawn from the pool, which comes back in its stead; otherwise it comes back and is not stored.

    Args:
      pool: before; one without room gives the images back.
      images: [b, h, w, c].
      key: draws for each image of the batch.

    Returns:
      the pool after the batch, and [b, h, w, c].
    """
    size = len(pool.images)
    if not size:
        return pool, images

    def exchange(pool: Pool, item: tuple[jax.Array, jax.Array]) -> tuple[Pool, Any]:
        image, key = item
        swap_key, slot_key = jax.random.split(key)
        has_room = pool.count < size
        swaps = ~has_room & jax.random.bernoulli(swap_key)
        slot = jnp.where(has_room, pool.count, jax.random.randint(slot_key, (), 0, size))
        old = pool.images[slot]
        stored = pool.images.at[slot].set(jnp.where(has_room | swaps, image, old))
        return Pool(stored, pool.count + has_room), jnp.where(swaps, old, image)

    return jax.lax.scan(exchange, pool, (images, jax.random.split(key, len(images))))
