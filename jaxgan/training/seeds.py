"""Several seeds at once: n independent runs as one program, every array of the state with a leading axis of n.

Run i is the run that the seed `seed + i` makes alone: the same initial parameters, batches and keys.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np


def seeds_of(config: Mapping[str, Any]) -> list[int]:
    """The seeds of a recipe's runs."""
    return [config["seed"] + i for i in range(config["seeds"])]


def over_seeds(function: Callable[..., Any], count: int) -> Callable[..., Any]:
    """`function`, or its batched form that takes and gives everything with a leading axis of `count` > 1."""
    return function if count == 1 else jax.vmap(function, axis_size=count)


def run_keys(seeds: list[int]) -> tuple[jax.Array, jax.Array]:
    """Keys for the initial state and for the steps: scalars of one seed, [n] of several."""
    keys = jax.vmap(lambda seed: jax.random.split(jax.random.key(seed)))(np.asarray(seeds, np.uint32))
    return (keys[0, 0], keys[0, 1]) if len(seeds) == 1 else (keys[:, 0], keys[:, 1])


def runs_of(state: Any, seeds: list[int]) -> dict[int, Any]:
    """Seed -> the state of its run, without the leading axis."""
    if len(seeds) == 1:
        return {seeds[0]: state}
    return {seed: jax.tree.map(lambda x, i=i: x[i], state) for i, seed in enumerate(seeds)}
