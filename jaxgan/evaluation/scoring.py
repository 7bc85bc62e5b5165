"""Scores of a state: its samples are drawn once, a batch at a time, and every metric sees them on their way."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from jaxgan.drawing import Samples
from jaxgan.evaluation.metric import Metric, Seen, View
from jaxgan.levels import as_written

MOST_SAMPLES, MOST_BYTES = 1024, 2**28
"""Of a batch, whichever is less; of samples it is a chunk of the sampler at least."""


def score_all(
    metrics: Mapping[str, Metric], state: Any, draw: Callable[[int], Iterator[Samples]]
) -> dict[str, dict[str, float]]:
    """The figures of every metric, by its name.

    At any time one batch of samples is held, and what the views have kept of those before it.

    Args:
      metrics: name -> metric.
      state: of the system.
      draw: gives so many samples, in chunks; the first ones are the same whatever their number.
    """
    seen = _look({name: metric for name, metric in metrics.items() if metric.view}, state, draw)
    return {name: metric.score(state, seen.get(name, {})) for name, metric in metrics.items()}


def _look(metrics: Mapping[str, Metric], state: Any, draw: Callable[[int], Iterator[Samples]]) -> dict[str, Seen]:
    """What each metric sees, by its name."""
    views: dict[str, tuple[View, int]] = {}  # each once, for as many samples as the metric that wants the most
    for metric in metrics.values():
        assert metric.view is not None
        _, num = views.get(metric.view.name, (metric.view, 0))
        views[metric.view.name] = metric.view, max(num, metric.num)
    if not views:
        return {}
    kept: dict[str, list[Seen]] = {name: [] for name in views}
    drawn = 0
    for batch in _batches(draw(max(num for _, num in views.values()))):
        for name, (view, num) in views.items():
            if drawn < num:
                kept[name].append(view.look(state, Samples(*(part[: num - drawn] for part in batch))))
        drawn += len(batch.images)
    whole = {name: {key: np.concatenate([s[key] for s in parts]) for key in parts[0]} for name, parts in kept.items()}
    return {
        name: {key: values[: metric.num] for key, values in whole[metric.view.name].items()}
        for name, metric in metrics.items()
        if metric.view
    }


def batch_size(shape: tuple[int, ...]) -> int:
    """How many examples of this shape, of numbers of a byte, are looked at together, at least 1."""
    return max(1, min(MOST_SAMPLES, MOST_BYTES // math.prod(shape)))


def _batches(chunks: Iterable[Samples]) -> Iterator[Samples]:
    """Chunks of samples as larger batches, images as levels: networks that look at them work in batches too."""
    waiting: list[Samples] = []
    count = 0
    for chunk in chunks:
        waiting.append(chunk._replace(images=as_written(chunk.images)))
        count += len(chunk.images)
        if count + len(chunk.images) > batch_size(chunk.images.shape[1:]):
            yield _joined(waiting)
            waiting, count = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(chunks: list[Samples]) -> Samples:
    return Samples(*map(np.concatenate, zip(*chunks, strict=True)))
