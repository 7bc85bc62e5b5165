"""What systems take and make: real examples as networks see them, latents of samples, generated examples, sheets."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.systems.players import Variables

Batch = Mapping[str, Any]
"""Arrays by name, `image` [b, *shape] and others, as a source gives them."""
Metrics = dict[str, jax.Array]
"""Float32 [] each, by name."""

SHOWN = 10
"""Examples on a preview, at most."""


def scaled(images: jax.Array) -> jax.Array:
    """Images as networks take them: uint8 0..255 becomes float32 in [-1, 1], what is float32 stays as it is."""
    return images.astype(jnp.float32) / 127.5 - 1 if images.dtype == jnp.uint8 else images


def gaussian_latents(key: jax.Array, indices: jax.Array, size: int, truncation: float | None = None) -> jax.Array:
    """Latents z ~ N(0, I), [n, size], of the samples with these indices, int32 [n]; each depends on (key, index) only.

    With `truncation` they are drawn from the normal distribution between -truncation and truncation (Brock et al.
    2019).
    """

    def draw(i: jax.Array) -> jax.Array:
        own = jax.random.fold_in(key, i)
        if truncation is None:
            return jax.random.normal(own, (size,))
        return jax.random.truncated_normal(own, -truncation, truncation, (size,))

    return jax.vmap(draw)(indices)


class Sampling:
    """Of a system that has `latents` and `generate`: `sample`."""

    def sample(
        self: Any, state: Any, key: jax.Array, labels_or_count: jax.Array | int, *, first: jax.Array | int = 0
    ) -> jax.Array:
        """Draws examples; sample i depends on (key, i) and on its label, never on how many are drawn together.

        Args:
          state: at any step; `settled` first, where many are drawn of it.
          key: of all samples.
          labels_or_count: labels int32 [n], or n; by number, sample i has the label i mod number of classes.
          first: index of the first sample.

        Returns:
          [n, *shape] float32, images in [-1, 1].
        """
        if isinstance(labels_or_count, int | np.integer):
            indices = first + jnp.arange(labels_or_count, dtype=jnp.int32)
            labels = indices % max(self.num_classes, 1)
        else:
            indices, labels = first + jnp.arange(len(labels_or_count), dtype=jnp.int32), labels_or_count
        return in_range(self.generate(state, self.latents(key, indices), labels))


def in_range(examples: Any) -> Any:
    """Images [n, h, w, c] clipped to [-1, 1], which those of a G that ends in no tanh may leave; points as they are."""
    return examples.clip(-1, 1) if examples.ndim == 4 else examples


def has_styles(generator: nn.Module) -> bool:
    """Whether a generator has a truncation of its own, that of its styles."""
    return hasattr(generator, "styles")


def normal_latents(
    generator: nn.Module, key: jax.Array, indices: jax.Array, size: int, truncation: float | None
) -> jax.Array:
    """`gaussian_latents` for a generator, which are not truncated if it truncates its styles instead."""
    return gaussian_latents(key, indices, size, None if has_styles(generator) else truncation)


def examples_of(generator: nn.Module, average: Variables, inputs: Any, truncation: float | None) -> jax.Array:
    """Examples [n, *shape] float32 of latents [n, d] and labels int32 [n] or None, by the averaged generator.

    With `truncation` psi the styles of a generator that has any are pulled to their mean (Karras et al. 2019).
    """
    if truncation is not None and has_styles(generator):
        return jnp.asarray(generator.apply(average, *inputs, train=False, truncation=truncation))
    return jnp.asarray(generator.apply(average, *inputs, train=False))


def comparison(*rows: jax.Array) -> jax.Array:
    """A sheet [rows, columns, h, w, c] of the first images of each row, [n, h, w, c] each."""
    return jnp.stack([row[:SHOWN] for row in rows])
