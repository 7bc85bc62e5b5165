"""Scoring what is finished: checkpoints of a run, or any two folders of images."""

import contextlib
import functools
import itertools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import jax
from tqdm import tqdm

from jaxgan.data import Source
from jaxgan.data.files import open_files
from jaxgan.data.folder import Undecoded
from jaxgan.errors import JaxganError, unknown
from jaxgan.evaluation import Metric, comparisons, make_metrics
from jaxgan.evaluation.progress import progress
from jaxgan.evaluation.references import real_features, vectors_of
from jaxgan.evaluation.scoring import samples_of
from jaxgan.training.checkpoints import OtherStructureError
from jaxgan.training.run_directory import append_line, check_lines
from jaxgan.training.saved import Checkpoint, Saved, open_run
from jaxgan.training.scores import of_training, score_lines, states_scored
from jaxgan.training.seeds import seeds_of


def evaluate(
    directory: str | Path,
    names: Sequence[str],
    checkpoint: Checkpoint | Literal["all"] = "last",
    data_dir: str | None = None,
    seed: int | None = None,
) -> Iterator[dict[str, Any]]:
    """Scores checkpoints of a run; every line is also added to its `evaluations.jsonl`.

    References are loaded first, and what cannot be scored is refused before anything is drawn. All metrics of a
    checkpoint see the same samples, drawn once. A progress bar over those of all checkpoints and seeds is shown.

    Args:
      directory: a run directory.
      names: of metrics; of none those of the recipe.
      checkpoint: which one, or "all" that there are; of these, one that is damaged, or that training removes meanwhile,
        is told of and left out.
      data_dir: where the run's data are now, if they have moved.
      seed: that samples are drawn with; None for the run's own.

    Yields:
      lines as of `score_lines`: of several seeds one each, and one of their means. The protocol of the best state also
      says by which metric it was picked, `best_by`, and among how many, `best_of`, as of `states_scored`.

    Raises:
      JaxganError: no run there, no such checkpoint, no metric, or one that is unknown or cannot score the run; its
        `evaluations.jsonl` cannot be written.
    """
    saved = open_run(directory)
    which: Sequence[Checkpoint] = saved.steps() if checkpoint == "all" else [checkpoint]
    states = _readable(saved, which) if checkpoint == "all" else iter([saved.restore(checkpoint)])
    states = itertools.chain([next(states)], states)  # there is one, then, before references are made
    try:
        check_lines(saved.run.evaluations)
    except OSError as error:
        raise _unwritable(saved.run.evaluations, error) from error
    metrics = _metrics(saved, names, data_dir)
    seeds, judge = seeds_of(saved.config), saved.config["keep_best"]
    samples_seed = saved.config["seed"] if seed is None else seed
    with progress("", len(which) * len(seeds) * samples_of(metrics), "sample") as bar:
        for step, state in states:
            with jax.default_matmul_precision(saved.config["matmul_precision"]):
                lines = list(score_lines(metrics, saved.config, step, state, saved.sampler, samples_seed, bar))
            if checkpoint == "best":  # picked among others: that is part of the score
                scored = of_training(saved.run.scores(), saved.config, saved.run.best_steps(judge))
                picked = {"best_by": judge, "best_of": states_scored(scored, judge, step, seeds)}
                lines = [line | {"protocol": line["protocol"] | picked} for line in lines]
            for line in lines:
                try:
                    append_line(saved.run.evaluations, line)
                except OSError as error:
                    yield line  # it has taken long, and is shown all the same
                    raise _unwritable(saved.run.evaluations, error) from error
                yield line


def _readable(saved: Saved, steps: Sequence[Checkpoint]) -> Iterator[tuple[int, Any]]:
    """Steps and states of the checkpoints that can be read, at least one."""
    none = True
    for step in steps:
        try:
            found = saved.restore(step)
        except OtherStructureError:
            raise
        except JaxganError as error:
            tqdm.write(f"step {step} is left out: {error}", file=sys.stderr)
        else:
            none = False
            yield found
    if none:
        raise JaxganError(f"{saved.run.path} has no checkpoint that can be read{'' if steps else ' yet'}.")


def _unwritable(path: Path, error: OSError) -> JaxganError:
    return JaxganError(f"cannot add scores to {path}: {error.strerror or error}.")


def _metrics(saved: Saved, names: Sequence[str], data_dir: str | None) -> dict[str, Metric]:
    wanted = names or saved.config["metrics"]
    if not wanted:
        raise JaxganError("the run has no metrics of its own; name some with --metrics.")
    data = dict(saved.config["data"])
    if data_dir is not None:
        if "data_dir" not in data:
            raise JaxganError(f"the run's data, {data['name']}, come from no folder; leave --data-dir out.")
        data["data_dir"] = data_dir
    return make_metrics(wanted, saved.spec, saved.system, data)


def _pictures(images: Path, against: Path, image_size: int) -> tuple[Source, Source]:
    """The images of two folders or zips, which are of one shape."""
    made, real = (_undecoded(place, image_size) for place in (images, against))
    if made.spec.shape != real.spec.shape:
        sizes = made.spec.shape[:2] != real.spec.shape[:2]
        what_to_do = "Fit them to one size with --image-size." if sizes else "Convert the grey or the coloured ones."
        raise JaxganError(
            f"{images} has images of {made.spec.shape} and {against} of {real.spec.shape}: their scores would be about "
            f"that. {what_to_do}"
        )
    with _our_words(images):
        first = made.decoded(memory_gib=0.0)
    with _our_words(against):
        return first, real.decoded(memory_gib=0.0)


def _undecoded(place: Path, image_size: int) -> Undecoded:
    if (place / "config.json").is_file():
        raise JaxganError(
            f"{place} is a run directory, not images: draw some first, jaxgan sample {place} --num 10000 --out FOLDER"
        )
    if not place.exists():
        raise JaxganError(f"there is no directory or .zip at {place.absolute()}.")
    with _our_words(place):
        return Undecoded(open_files(str(place), split=""), image_size, "crop", channels=0, broken="refuse")


@contextlib.contextmanager
def _our_words(place: Path) -> Iterator[None]:
    """What is refused of the images there is refused in words of options that this verb has."""
    try:
        yield
    except JaxganError as error:
        wrong, _, advice = str(error).partition("\n")
        ours = "\n--image-size fits them to one size; what cannot be read must be repaired or removed."
        raise JaxganError(f"{place}: {wrong}{ours if advice else ''}") from error


def compare(
    images: Path, against: Path, statistics: Sequence[str], features: str, image_size: int = 0, data_dir: str = ""
) -> dict[str, Any]:
    """Scores a folder or `.zip` of images by another one, whoever made them.

    Args:
      images: that are scored.
      against: real ones.
      statistics: of `comparisons.STATISTICS`, those that are named with a split.
      features: the feature network.
      image_size: that both are fitted to, cut square in the middle; 0 for images all of one size.
      data_dir: where tensorflow-datasets has prepared MNIST, for its features.

    Returns:
      the figures by the name of the metric, `fid5000_inception` say, and the `protocol` of each.

    Raises:
      JaxganError: no images there, of several sizes or of two kinds, an unknown statistic or network, or too few.
    """
    known = [name for name, statistic in comparisons.STATISTICS.items() if statistic.compared]
    for name in statistics:
        if name not in known:
            raise unknown("statistic of two folders", name, known)
    made, real = _pictures(images, against, image_size)
    library = comparisons.Library({"name": "tfds:mnist", "data_dir": data_dir}, made.spec.shape)
    network = library.network(features)
    reference = functools.cache(lambda: real_features(network.extractor, real, str(against)))
    count, vectors = (lambda split: real.spec.size), (lambda split: reference().vectors)
    asked = comparisons.Asked("", made.spec.size, count, lambda: network, vectors)
    for name in statistics:
        try:
            comparisons.STATISTICS[name].check(asked)
        except JaxganError as error:
            sizes_of_sets = f"{made.spec.size:,} images in {images}, {real.spec.size:,} in {against}"
            raise JaxganError(f"{name} of {sizes_of_sets}: {error}") from error
    scorers = {name: comparisons.STATISTICS[name].make(asked) for name in statistics}
    generated = vectors_of(network.extractor, made, str(images))
    fitted = {"shape": made.spec.shape, "fitted": f"cropped to {image_size}" if image_size else "as they are"}
    return {
        f"{name}{made.spec.size}_{network.extractor.name}": {
            **scorer(generated),
            "protocol": comparisons.protocol_of(network.extractor, comparisons.STATISTICS[name], [reference()])
            | fitted
            | {"images": str(images), "num": made.spec.size},
        }
        for name, scorer in scorers.items()
    }
