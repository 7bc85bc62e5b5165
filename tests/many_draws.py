"""Random transforms tried many times: what they make of copies of one image, and how often."""

import jax
import jax.numpy as jnp
import numpy as np

KEY = jax.random.key(0)
MANY = 4000  # draws; a frequency is then known to 0.8 %
CLOSE = 0.032  # four times as much


def images(*shape, seed=1):
    """Images [b, h, w, c] in [-1, 1]."""
    return jax.random.uniform(jax.random.key(seed), shape, minval=-1)


def each(image, count):
    """`count` copies of one image, each of which draws its own parameters."""
    return jnp.broadcast_to(jnp.asarray(image, jnp.float32)[None], (count, *np.shape(image)))


def drawn(transform, image, p, count=MANY):
    """What a transform makes of `count` copies of an image."""
    return np.asarray(jax.jit(transform)(each(image, count), jnp.float32(p), KEY))


def shares(outputs, candidates):
    """How often each of some images is met; together they must be all there are."""
    hits = np.stack([(outputs == candidate).all(axis=(1, 2, 3)) for candidate in candidates])
    assert hits.any(axis=0).all()
    return hits.mean(axis=1)
