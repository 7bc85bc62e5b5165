"""Scoring what is finished: checkpoints of a run, or any two folders of images."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax

from jaxgan.data.folder import folder
from jaxgan.errors import JaxganError, unknown
from jaxgan.evaluation import Metric, comparisons, make_metric
from jaxgan.evaluation.references import real_features
from jaxgan.training.run_directory import append_line
from jaxgan.training.saved import Checkpoint, Saved, open_run
from jaxgan.training.scores import score_lines


def evaluate(
    directory: str | Path, names: Sequence[str], checkpoint: Checkpoint | None = "last", data_dir: str | None = None
) -> Iterator[dict[str, Any]]:
    """Scores checkpoints of a run; every line is also added to its `evaluations.jsonl`.

    References are loaded first, and what cannot be scored is refused before anything is drawn. All metrics of a
    checkpoint see the same samples, drawn once.

    Args:
      directory: a run directory.
      names: of metrics; of none those of the recipe.
      checkpoint: which one; None for all that there are.
      data_dir: where the run's data are now, if they have moved.

    Yields:
      lines as of `score_lines`: of several seeds one each, and one of their means.

    Raises:
      JaxganError: no run there, no such checkpoint, no metric, or one that is unknown or cannot score the run.
    """
    saved = open_run(directory)
    metrics = _metrics(saved, names, data_dir)
    which: Sequence[Checkpoint] = saved.steps() if checkpoint is None else [checkpoint]
    if not which:
        raise JaxganError(f"{directory} has no checkpoint yet.")
    for one in which:
        step, state = saved.restore(one)
        with jax.default_matmul_precision(saved.config["matmul_precision"]):
            for line in score_lines(metrics, saved.config, step, state, saved.sampler):
                append_line(saved.run.evaluations, line)
                yield line


def _metrics(saved: Saved, names: Sequence[str], data_dir: str | None) -> dict[str, Metric]:
    wanted = names or saved.config["metrics"]
    if not wanted:
        raise JaxganError("the run has no metrics of its own; name some with --metrics.")
    data = dict(saved.config["data"])
    if data_dir is not None:
        if "data_dir" not in data:
            raise JaxganError(f"the run's data, {data['name']}, come from no folder; leave --data-dir out.")
        data["data_dir"] = data_dir
    return {name: make_metric(name, saved.spec, saved.system, data) for name in wanted}


def compare(
    images: Path, against: Path, statistics: Sequence[str], features: str, image_size: int = 0, data_dir: str = ""
) -> dict[str, Any]:
    """Scores a folder or `.zip` of images by another one, whoever made them.

    Args:
      images: that are scored.
      against: real ones.
      statistics: of `comparisons.COMPARISONS`.
      features: the feature network.
      image_size: that both are fitted to, cut square in the middle; 0 for images all of one size.
      data_dir: where tensorflow-datasets has prepared MNIST, for its features.

    Returns:
      the figures by name, `fid_inception` say, and their `protocol`.

    Raises:
      JaxganError: no images there, of several sizes or of two kinds, an unknown statistic or network, or too few.
    """
    for statistic in statistics:
        if statistic not in comparisons.COMPARISONS:
            raise unknown("statistic", statistic, comparisons.COMPARISONS)
    made, real = (folder(0, data_dir=str(place), image_size=image_size) for place in (images, against))
    if made.spec.shape != real.spec.shape:
        raise JaxganError(
            f"{images} has images of {made.spec.shape} and {against} of {real.spec.shape}: their scores would be about "
            "that. Fit them to one size with --image-size, and convert the grey or the coloured ones."
        )
    extractor = comparisons.features(features, {"name": "tfds:mnist", "data_dir": data_dir})
    generated, references = real_features(extractor, made), real_features(extractor, real)
    figures: dict[str, float] = {}
    for statistic in statistics:
        make, _ = comparisons.COMPARISONS[statistic]
        figures |= make(references, made.spec.size)(generated)
    protocol = {
        **extractor.protocol,
        "features": extractor.name,
        "images": f"{images} ({made.spec.size:,})",
        "reference": f"{against} ({real.spec.size:,})",
        "image_size": made.spec.shape,
        "statistics_seed": comparisons.SEED,
    }
    return {**{f"{name}_{extractor.name}": value for name, value in figures.items()}, "protocol": protocol}
