"""Looking around in the latent space of a trained run: ways between samples, sums of them, and given pictures in it.

Each tool returns samples, and how a sheet lays them out.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxgan import latents, plotting, projection
from jaxgan.drawing import Samples
from jaxgan.errors import JaxganError
from jaxgan.pictures import read_pictures
from jaxgan.sampling import Trained

DRAWN = 64
"""Samples, where no number is given."""

WHITE = 1.0  # what fills up the rows of a sheet


class Explored(NamedTuple):
    """Samples and how they are shown.

    Attributes:
      samples: for a file of arrays or a folder, in this order.
      pictures: float32 [rows, columns, *shape] for a sheet, [frames, rows, columns, *shape] for an animation; None for
        a sheet of the samples in their order.
      more: what a file of arrays holds besides.
      note: what there is to say of them.
    """

    samples: Samples
    pictures: np.ndarray | None = None
    more: Mapping[str, np.ndarray] | None = None
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Wish:
    """What `jaxgan sample` is asked for; the fields are its options, None where one was not given.

    Attributes:
      num: how many samples are drawn, by default `DRAWN`; or pictures projected, by default all.
      seed: of the latents.
      labels: class numbers, used in turn.
      truncations: one, which may be None, or several.
      interpolate: steps from a sample to the next.
      how: of interpolation.
      arithmetic: indices of the samples with, without, and other.
      project: a picture, or a directory or `.zip` of them.

    Raises:
      JaxganError: options that do not go together, or a number out of range.
    """

    num: int | None = None
    seed: int = 0
    labels: Sequence[int] | None = None
    truncations: Sequence[float | None] = (None,)
    interpolate: int | None = None
    how: latents.How | None = None
    arithmetic: Sequence[Sequence[int]] | None = None
    project: str | None = None

    def __post_init__(self) -> None:
        if self.how is not None and self.interpolate is None:
            raise JaxganError("--how says how to --interpolate; give --interpolate STEPS too.")
        if self.project is not None and list(self.truncations) != [None]:
            raise JaxganError("--project takes no --truncation: it finds latents wherever they are.")
        if (self.interpolate is not None or self.arithmetic is not None) and len(self.truncations) > 1:
            raise JaxganError("several truncations make a sheet of their own; give one, or no other tool.")
        for option, value in (("--num", self.num), ("--interpolate", self.interpolate)):
            if value is not None and value < 1:
                raise JaxganError(f"{option} is {value}, but must be at least 1.")
        _check_indices(self._indices, self.num or DRAWN)

    @property
    def drawn(self) -> int:
        """How many samples it takes; of sums no more than up to the last that is named."""
        return max(self._indices) + 1 if self._indices else self.num or DRAWN

    @property
    def _indices(self) -> list[int]:
        return [index for indices in self.arithmetic or () for index in indices]


def explore(trained: Trained, wish: Wish, animated: bool = False) -> Explored:
    """Does with a run what is wished for.

    Args:
      trained: the run.
      wish: at most one tool.
      animated: interpolate along closed ways, for an animation.

    Raises:
      JaxganError: as of the tool.
    """
    if wish.project is not None:
        return project(trained, read_pictures(wish.project, trained, wish.num).scaled, wish.seed, wish.labels)
    if wish.interpolate is not None:
        _check_stops(wish.drawn, wish.labels or range(max(trained.system.num_classes, 1)))
    drawn = [trained.sample(wish.drawn, wish.seed, wish.labels, truncation) for truncation in wish.truncations]
    samples, truncation = drawn[0], wish.truncations[0]
    if wish.interpolate is not None:
        return interpolate(trained, samples, wish.interpolate, wish.how or "slerp", truncation, animated)
    if wish.arithmetic is not None:
        with_, without, other = wish.arithmetic
        return combine(trained, samples, with_, without, other, truncation)
    # Of one truncation a sheet as of any samples; of several, the same samples under each in a row.
    return Explored(_joined(drawn), np.stack([part.images for part in drawn]) if len(drawn) > 1 else None)


def _check_stops(num: int, cycle: Sequence[int]) -> None:
    """Refuses so few samples that one would have no next of its label; their labels are the cycle again and again."""
    _, counts = np.unique(np.resize(cycle, num), return_counts=True)
    if counts.min() < 2:
        raise JaxganError(
            f"--interpolate leads from a sample to the next of its label, and of {num} samples some have none; "
            f"draw {2 * len(cycle)} with --num."
        )


def interpolate(
    trained: Trained,
    samples: Samples,
    steps: int,
    how: latents.How = "slerp",
    truncation: float | None = None,
    closed: bool = False,
) -> Explored:
    """Leads from each sample to the next of the same label; without labels, simply to the next.

    The samples are one way a label, one after another, each by as many stops as the rarest label has. On a sheet there
    is a row from each stop to the next. Closed ways return to where they began, and are an animation of all at once.

    Args:
      trained: what the samples were drawn from.
      samples: the stops.
      steps: from a stop to the next, at least 1.
      how: "slerp" or "linear".
      truncation: that the samples were drawn with.
      closed: whether the ways are.

    Raises:
      JaxganError: fewer than two samples of a label, or a number of steps below 1.
    """
    if steps < 1:
        raise JaxganError(f"cannot interpolate in {steps} steps; ask for at least 1.")
    classes = np.unique(samples.labels)
    members = [np.flatnonzero(samples.labels == label) for label in classes]
    stops = min(map(len, members))
    if stops < 2:
        raise JaxganError("interpolation leads from a sample to the next of its label, and some have none.")
    chains = [jnp.asarray(samples.latents[own[:stops]]) for own in members]
    ways = [np.asarray(latents.path(chain, steps, how, closed)) for chain in chains]
    made = _generate(trained, np.concatenate(ways), classes.repeat(len(ways[0])), truncation)
    shown = made.images.reshape(len(ways), len(ways[0]), *made.images.shape[1:])
    if closed:
        return Explored(made, np.swapaxes(shown, 0, 1)[:, None])
    firsts = range(0, len(ways[0]) - 1, steps)
    return Explored(made, np.stack([way[first : first + steps + 1] for way in shown for first in firsts]))


def combine(
    trained: Trained,
    samples: Samples,
    with_: Sequence[int],
    without: Sequence[int],
    other: Sequence[int],
    truncation: float | None = None,
) -> Explored:
    """Adds averages of samples, with - without + other; the result has the label of the other.

    On a sheet there is a row for each of the three, its samples and at the end their average, and below these the
    result; the samples are the same, in this order.

    Args:
      trained: what the samples were drawn from.
      samples: that are chosen from.
      with_: indices of the samples that have something.
      without: of those that have it not.
      other: of those that are to have it.
      truncation: that the samples were drawn with.

    Raises:
      JaxganError: an index out of range, or an average of several classes, which would have no label.
    """
    parts = [_chosen(trained, samples, indices) for indices in (with_, without, other)]
    means = [part.latents.mean(axis=0) for part in parts]
    result = np.asarray(latents.arithmetic(*(jnp.asarray(part.latents) for part in parts)))
    labels = np.stack([part.labels[0] for part in (*parts, parts[-1])])
    sums = _generate(trained, np.stack([*means, result]), labels, truncation)
    rows = [_joined([part, _at(sums, [row])]) for row, part in enumerate(parts)] + [_at(sums, [-1])]
    columns = max(len(row.labels) for row in rows)
    pictures = [np.concatenate([_blanks(columns - len(row.labels), row.images), row.images]) for row in rows]
    return Explored(_joined(rows), np.stack(pictures))


def _chosen(trained: Trained, samples: Samples, indices: Sequence[int]) -> Samples:
    """The samples with these indices, all of one class."""
    _check_indices(indices, len(samples.labels))
    chosen = _at(samples, indices)
    if len(np.unique(chosen.labels)) > 1:
        names = ", ".join(trained.spec.class_names[label] for label in chosen.labels)
        raise JaxganError(
            f"the samples {', '.join(map(str, indices))} are of the classes {names}, but an average has one; "
            "draw samples of one class with --labels."
        )
    return chosen


def _check_indices(indices: Sequence[int], drawn: int) -> None:
    for index in indices:
        if not 0 <= index < drawn:
            raise JaxganError(f"there is no sample {index}: {drawn} are drawn (--num), and the first is 0.")


def project(trained: Trained, given: np.ndarray, seed: int = 0, labels: Sequence[int] | None = None) -> Explored:
    """Finds the latents of given images; on a sheet they stand above what was found for them.

    Arguments and errors as of `projection.project`; `more` has its `errors`.
    """
    found, errors = projection.project(trained, given, seed, labels)
    note = f", mean squared error {errors.mean():.4f}, the largest {errors.max():.4f}"
    return Explored(found, plotting.above_one_another(given, found.images), {"errors": errors}, note)


def _generate(trained: Trained, points: np.ndarray, labels: np.ndarray, truncation: float | None) -> Samples:
    """As `trained.generate`, where labels that stand for no classes are left out."""
    return trained.generate(points, labels.tolist() if trained.system.num_classes else None, truncation)


def _at(samples: Samples, indices: Sequence[int]) -> Samples:
    return Samples(*(part[list(indices)] for part in samples))


def _joined(parts: Sequence[Samples]) -> Samples:
    return Samples(*map(np.concatenate, zip(*parts, strict=True)))


def _blanks(count: int, like: np.ndarray) -> np.ndarray:
    return np.full((count, *like.shape[1:]), WHITE, np.float32)
