"""Several seeds at once: n independent runs as one program, every array of the state with a leading axis of n.

Run i is the one that the seed `seed + i` makes alone: the same initial parameters, batches and random numbers. All
learn from one set; points, which are drawn, are those of the first seed. Sums of batched products may be rounded
differently.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from jaxgan.systems import System


def seeds_of(config: Mapping[str, Any]) -> list[int]:
    """The seeds of a recipe's runs."""
    return [config["seed"] + i for i in range(config["seeds"])]


def over_seeds(function: Callable[..., Any], seeds: list[int]) -> Callable[..., Any]:
    """`function`, or where there are several seeds its batched form: a leading axis on all it takes and gives."""
    return function if len(seeds) == 1 else jax.vmap(function)


def as_array(seeds: list[int]) -> np.ndarray:
    """What the programs are handed: uint32, [] of one seed, [n] of several."""
    return np.asarray(seeds if len(seeds) > 1 else seeds[0], np.uint32)


def keys(seed: jax.Array | np.ndarray) -> tuple[jax.Array, jax.Array]:
    """The keys of the state at step 0 and of the steps; made inside the programs, so that they serve every seed."""
    init_key, step_key = jax.random.split(jax.random.key(seed))
    return init_key, step_key


def make_init(system: System, batch: Any, seeds: list[int]) -> Callable[[np.ndarray], Any]:
    """The function from the seeds to the state at step 0."""

    def init(seed: jax.Array | np.ndarray) -> Any:
        return system.init(keys(seed)[0], batch)

    return over_seeds(init, seeds)


def run_of(state: Any, seeds: list[int], seed: int) -> Any:
    """The state of one seed's run: of several, a copy without the leading axis."""
    return state if len(seeds) == 1 else _member(state, np.int32(seeds.index(seed)))


@jax.jit  # one program for every seed, where single indexings would be one for each array
def _member(state: Any, place: jax.Array) -> Any:
    return jax.tree.map(lambda x: x[place], state)
