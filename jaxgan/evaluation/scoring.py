"""Scores of a state: its samples are drawn once, a batch at a time, and every metric sees them on their way."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from tqdm import tqdm

from jaxgan.drawing import Samples
from jaxgan.evaluation.metric import Metric, Seen
from jaxgan.levels import as_written
from jaxgan.rows import Rows

MOST_SAMPLES, MOST_BYTES = 1024, 2**28
"""Of a batch, whichever is less; of samples it is a chunk of the sampler at least."""


def score_all(
    metrics: Mapping[str, Metric], state: Any, draw: Callable[[int], Iterator[Samples]], bar: tqdm
) -> dict[str, dict[str, float]]:
    """The figures of every metric, by its name.

    At any time one batch of samples is held, and what metrics ask for of those before it.

    Args:
      metrics: name -> metric.
      state: of the system.
      draw: gives so many samples, in chunks; the first ones are the same whatever their number.
      bar: moves on by `samples_of(metrics)`, and says what is done.
    """
    bar.set_postfix_str("samples")
    seen, figures = _look(metrics, state, draw, bar), {}
    for name, metric in metrics.items():
        bar.set_postfix_str(name)
        view, num = metric.view, metric.num
        kept = {key: seen[view.name][key].whole()[:num] for key in view.kept} if view else {}
        figures[name] = metric.score(state, kept)
    return figures


def samples_of(metrics: Mapping[str, Metric]) -> int:
    """How many samples of a state are drawn for all of the metrics together: as many as the one that wants the most."""
    return max((metric.num for metric in metrics.values() if metric.view), default=0)


def _look(
    metrics: Mapping[str, Metric], state: Any, draw: Callable[[int], Iterator[Samples]], bar: tqdm
) -> dict[str, dict[str, Rows]]:
    """What is seen, by the names of the view and of the part: of as many samples as any metric wants."""
    views = [(metric.view, metric.num) for metric in metrics.values() if metric.view]
    looks = {view.name: view.look for view, _ in views}  # each once
    counts: dict[str, dict[str, int]] = {name: {} for name in looks}
    for view, num in views:
        counts[view.name] |= {key: max(num, counts[view.name].get(key, 0)) for key in view.kept}
    kept = {name: {key: Rows(count) for key, count in keys.items()} for name, keys in counts.items()}
    drawn, most = 0, samples_of(metrics)
    for batch in _batches(draw(most)) if most else ():
        for name, look in looks.items():
            wanted = max(counts[name].values()) - drawn
            if wanted > 0:
                _fill(kept[name], look(state, Samples(*(part[:wanted] for part in batch))))
        drawn += len(batch.images)
        bar.update(len(batch.images))
    return kept


def _fill(kept: Mapping[str, Rows], seen: Seen) -> None:
    """A function of its own, so that nothing that was seen of one batch waits for the next."""
    for key, rows in kept.items():
        rows.add(seen[key])


def batch_size(shape: tuple[int, ...]) -> int:
    """How many examples of this shape, of numbers of a byte, are looked at together, at least 1."""
    return max(1, min(MOST_SAMPLES, MOST_BYTES // math.prod(shape)))


def _batches(chunks: Iterable[Samples]) -> Iterator[Samples]:
    """Chunks of samples as larger batches, images as levels: networks that look at them work in batches too.

    All batches are the same memory: what is kept of one is copied before the next is asked for.
    """
    batch, count = None, 0
    for chunk in chunks:
        chunk = chunk._replace(images=as_written(chunk.images))
        if batch is None:
            size = max(len(chunk.images), batch_size(chunk.images.shape[1:]))
            batch = Samples(*(np.empty((size, *part.shape[1:]), part.dtype) for part in chunk))
        if count + len(chunk.images) > len(batch.images):
            yield Samples(*(part[:count] for part in batch))
            count = 0
        for whole, part in zip(batch, chunk, strict=True):
            whole[count : count + len(part)] = part
        count += len(chunk.images)
    if batch is not None:
        yield Samples(*(part[:count] for part in batch))
