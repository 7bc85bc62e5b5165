"""Scoring what is finished: checkpoints of a run, or any two folders of images."""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import jax

from jaxgan.data.folder import folder
from jaxgan.errors import JaxganError, unknown
from jaxgan.evaluation import Metric, comparisons, make_metrics
from jaxgan.evaluation.progress import progress
from jaxgan.evaluation.references import real_features, vectors_of
from jaxgan.evaluation.scoring import samples_of
from jaxgan.training.run_directory import append_line, read_lines
from jaxgan.training.saved import Checkpoint, Saved, open_run
from jaxgan.training.scores import score_lines, states_scored
from jaxgan.training.seeds import seeds_of


def evaluate(
    directory: str | Path,
    names: Sequence[str],
    checkpoint: Checkpoint | Literal["all"] = "last",
    data_dir: str | None = None,
) -> Iterator[dict[str, Any]]:
    """Scores checkpoints of a run; every line is also added to its `evaluations.jsonl`.

    References are loaded first, and what cannot be scored is refused before anything is drawn. All metrics of a
    checkpoint see the same samples, drawn once. A progress bar over those of all checkpoints and seeds is shown.

    Args:
      directory: a run directory.
      names: of metrics; of none those of the recipe.
      checkpoint: which one, or "all" that there are.
      data_dir: where the run's data are now, if they have moved.

    Yields:
      lines as of `score_lines`: of several seeds one each, and one of their means. The protocol of the best state also
      says by which metric it was picked, `best_by`, and among how many, `best_of`, as of `states_scored`.

    Raises:
      JaxganError: no run there, no such checkpoint, no metric, or one that is unknown or cannot score the run.
    """
    saved = open_run(directory)
    which: Sequence[Checkpoint] = saved.steps() if checkpoint == "all" else [checkpoint]
    if not which:
        raise JaxganError(f"{directory} has no checkpoint yet.")
    restored = saved.restore(which[0])  # there is one, then, before references are made
    metrics = _metrics(saved, names, data_dir)
    seeds, judge = seeds_of(saved.config), saved.config["keep_best"]
    with progress("", len(which) * len(seeds) * samples_of(metrics), "sample") as bar:
        for number, one in enumerate(which):
            step, state = saved.restore(one) if number else restored
            with jax.default_matmul_precision(saved.config["matmul_precision"]):
                lines = list(score_lines(metrics, saved.config, step, state, saved.sampler, bar))
            if one == "best":  # picked among others: that is part of the score
                among = states_scored(read_lines(saved.run.evaluations), judge, step, seeds)
                picked = {"best_by": judge, "best_of": among}
                lines = [line | {"protocol": line["protocol"] | picked} for line in lines]
            for line in lines:
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
    return make_metrics(wanted, saved.spec, saved.system, data)


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
    made, real = (folder(0, data_dir=str(place), image_size=image_size, memory_gib=0.0) for place in (images, against))
    if made.spec.shape != real.spec.shape:
        raise JaxganError(
            f"{images} has images of {made.spec.shape} and {against} of {real.spec.shape}: their scores would be about "
            "that. Fit them to one size with --image-size, and convert the grey or the coloured ones."
        )
    library = comparisons.Library({"name": "tfds:mnist", "data_dir": data_dir}, made.spec.shape)
    network = library.network(features)
    reference = functools.cache(lambda: real_features(network.extractor, real, str(against)))
    count, vectors = (lambda split: real.spec.size), (lambda split: reference().vectors)
    asked = comparisons.Asked("", made.spec.size, count, lambda: network, vectors)
    for name in statistics:
        comparisons.STATISTICS[name].check(asked)
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
