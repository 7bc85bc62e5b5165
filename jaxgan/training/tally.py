"""Metrics between two log points: summed on the device, fetched once, and watched for the first non-finite term."""

from collections.abc import Callable, Sequence
from typing import Any

import flax
import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.errors import Diverged

NEVER = np.iinfo(np.int32).max


@flax.struct.dataclass
class Tally:
    """What has gathered since the last log point; part of a checkpoint, so that a resumed run logs the same means.

    Of m metrics, [m]; of n seeds trained together, [m, n].
    """

    count: jax.Array | np.ndarray  # int32 [], steps
    sums: jax.Array | np.ndarray  # float32
    broke_at: jax.Array | np.ndarray  # int32, first step with a non-finite value, NEVER if there was none


def empty(metrics: int, seeds: int = 1) -> Tally:
    """A tally at a log point, of NumPy's arrays: a program that fills a few numbers takes longer than to copy them."""
    size = (metrics,) if seeds == 1 else (metrics, seeds)
    return Tally(np.zeros((), np.int32), np.zeros(size, np.float32), np.full(size, NEVER, np.int32))


def add(tally: Tally, metrics: Sequence[jax.Array], step: jax.Array) -> Tally:
    """Adds one step's metrics, m numbers (or m arrays [n]) in the system's order; `step` counts that step, int32 []."""
    values = jnp.stack([value.astype(jnp.float32) for value in metrics])
    newly = ~jnp.isfinite(values) & (tally.broke_at == NEVER)
    return Tally(tally.count + 1, tally.sums + values, jnp.where(newly, step, tally.broke_at))


def means(tally: Tally, names: Sequence[str], seeds: Sequence[int] = (0,)) -> dict[str, np.ndarray]:
    """Means over the steps of a tally, one a seed: float32 [n].

    Args:
      tally: on the host or the device; this is the only transfer of a log interval.
      names: of the metrics, in the order in which a step computes them.
      seeds: of the runs that are trained together.

    Raises:
      Diverged: a metric was not finite; it names the step and the term that went first, and whose.
    """
    count, sums, broke_at = jax.device_get((tally.count, tally.sums, tally.broke_at))
    sums, broke_at = (array.reshape(len(names), len(seeds)) for array in (sums, broke_at))
    first = broke_at.min()
    if first != NEVER:
        run = int(broke_at.min(axis=0).argmin())
        went = [name for name, step in zip(names, broke_at[:, run], strict=True) if step == first]
        also = f" (with it: {', '.join(went[1:])})" if went[1:] else ""
        whose = f", seed {seeds[run]}" if len(seeds) > 1 else ""
        raise Diverged(
            f"training diverged: {went[0]} was not finite at step {first}{also}{whose}. The last checkpoint from "
            "before is kept.\nLower the learning rate of the player it belongs to, or clip or smooth its objective."
        )
    return {name: total / np.float32(max(count, 1)) for name, total in zip(names, sums, strict=True)}


def metric_names(update: Callable[..., tuple[Any, dict[str, jax.Array]]], *arguments: Any) -> list[str]:
    """Names of the metrics that an update returns, in its own order (a dict that leaves a trace comes back sorted)."""
    names: list[str] = []

    def trace(*args: Any) -> None:
        names.extend(update(*args)[1])

    jax.eval_shape(trace, *arguments)
    return names
