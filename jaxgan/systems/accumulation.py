"""A batch computed in parts, one after another: the memory of a part, the gradient of the whole."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

Part = Callable[[Any, Any], tuple[Any, Any, Any]]


def split(arrays: Any, parts: int) -> Any:
    """Arrays [b, ...] of a tree as [parts, b / parts, ...]."""
    return jax.tree.map(lambda x: x.reshape(parts, -1, *x.shape[1:]), arrays)


def part_keys(key: jax.Array, parts: int) -> jax.Array:
    """One key a part, [parts]; of a single part, the key itself."""
    return jax.random.split(key, parts) if parts > 1 else key[None]


def accumulated(part: Part, carry: Any, items: Any) -> tuple[Any, Any, Any]:
    """Gradients of the mean loss of a batch, from those of its parts.

    Args:
      part: `(carry, item) -> (carry, gradients, outputs)`, with gradients of the part's mean loss.
      carry: into the first part, e.g. running statistics.
      items: tree of arrays [parts, ...].

    Returns:
      the last carry, the mean of the gradients, and the outputs with a leading axis [parts].
    """
    parts = len(jax.tree.leaves(items)[0])
    first = jax.tree.map(lambda x: x[0], items)
    if parts == 1:
        carry, gradients, outputs = part(carry, first)
        return carry, gradients, jax.tree.map(lambda x: x[None], outputs)

    def add(state: tuple[Any, Any], item: Any) -> tuple[tuple[Any, Any], Any]:
        carry, gradients, outputs = part(state[0], item)
        return (carry, jax.tree.map(jnp.add, state[1], gradients)), outputs

    nothing = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(part, carry, first)[1])
    (carry, total), outputs = jax.lax.scan(add, (carry, nothing), items)
    return carry, jax.tree.map(lambda g: g / parts, total), outputs
