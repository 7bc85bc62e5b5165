"""What the cells of a study scored: `results.jsonl`, a line a cell, and the tables that are made of it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxgan.config import Settings
from jaxgan.errors import JaxganError, shown
from jaxgan.evaluation.metric import Aim
from jaxgan.evaluation.statistics.trials import Quartiles, expected_best, quartiles, tuned
from jaxgan.study.plan import Cell
from jaxgan.training.scores import figures_of

Line = Mapping[str, Any]

NAMES = ("method", "setting", "seconds", "diverged", "scores")
"""What a line of `results.jsonl` has besides its step."""


def trained(
    cell: Cell,
    step: int,
    seconds: float,
    evaluations: Sequence[Line],
    seeds: Sequence[int],
    metrics: Sequence[str],
    aims: Mapping[str, Aim],
) -> dict[str, Any]:
    """The line of a cell that was trained to its end.

    Args:
      cell: that it is of.
      step: its last one.
      seconds: that training took.
      evaluations: lines of its `evaluations.jsonl`.
      seeds: that were trained.
      metrics: of the study.
      aims: of the metrics that rank states.

    Returns:
      under `scores`, for each metric: `figures`, name -> [one value a seed], the `protocol`, and the `aim` if it ranks.

    Raises:
      JaxganError: a score is missing.
    """
    own: dict[tuple[str, int], Line] = {}
    for line in evaluations:
        seed = line["protocol"]["seed"]
        if line["step"] == step and seed in seeds:
            own.setdefault((line["metric"], seed), line)  # that of training; later ones are of whoever evaluated since
    scores = {}
    for metric in metrics:
        if missing := [seed for seed in seeds if (metric, seed) not in own]:
            raise JaxganError(
                f"cell {cell} has no score by {metric} of seed {missing[0]} at step {step} in its evaluations.jsonl. "
                "Remove its folder, and it is trained again."
            )
        lines = [own[metric, seed] for seed in seeds]
        figures = {name: [figures_of(line)[name] for line in lines] for name in figures_of(lines[0])}
        aim = {"aim": aims[metric]._asdict()} if metric in aims else {}
        scores[metric] = {"figures": figures, **aim, "protocol": lines[0]["protocol"] | {"seed": list(seeds)}}
    return {**cell._asdict(), "step": step, "seconds": seconds, "diverged": None, "scores": scores}


def diverged(cell: Cell, step: int, seconds: float, message: str) -> dict[str, Any]:
    """The line of a cell of which a seed came to numbers that are not finite: a setting that cannot be relied on.

    Args:
      cell: that it is of.
      step: at which it would have ended.
      seconds: that it took until its last line of metrics.
      message: which numbers they were.
    """
    return {**cell._asdict(), "step": step, "seconds": seconds, "diverged": message, "scores": {}}


def is_of(line: Line, settings: Settings, aims: Mapping[str, Aim]) -> bool:
    """Whether a line, whose run may be gone, is of a cell's settings, and whole.

    Args:
      line: of `results.jsonl`.
      settings: resolved, of the cell.
      aims: of the metrics that rank states.
    """
    if line["step"] != settings["steps"]:
        return False
    if line["diverged"]:
        return True
    figures = {metric: of.get("figures", {}) for metric, of in line["scores"].items()}
    counts = {len(values) for of in figures.values() for values in of.values()}
    ranked = all(aims[metric].figure in figures.get(metric, {}) for metric in aims)
    return ranked and figures.keys() == set(settings["metrics"]) and counts == {settings["seeds"]}


class Method(NamedTuple):
    """How a method did by one figure.

    Attributes:
      name: of the method.
      settings: names of the settings under which it was trained.
      scores: [settings, seeds], infinitely bad where a setting diverged or a score is not finite.
      seconds: that the training of all took.
    """

    name: str
    settings: list[str]
    scores: np.ndarray
    seconds: float


def methods(results: Sequence[Line], metric: str, aim: Aim, seeds: int) -> list[Method]:
    """What the lines say of each method by one metric, in the order in which methods first occur.

    Args:
      results: lines of cells, in any order.
      metric: that ranks.
      aim: of the metric.
      seeds: of each cell.
    """
    found = []
    for name in dict.fromkeys(line["method"] for line in results):
        lines = [line for line in results if line["method"] == name]
        worst = [np.inf if aim.lower else -np.inf] * seeds
        scores = [worst if line["diverged"] else line["scores"][metric]["figures"][aim.figure] for line in lines]
        table = np.array(scores, np.float64)
        table[~np.isfinite(table)] = worst[0]  # a score that is none ranks behind all others
        found.append(Method(name, [line["setting"] for line in lines], table, sum(line["seconds"] for line in lines)))
    return found


def table(found: Sequence[Method], aim: Aim) -> str:
    """Methods as rows of Markdown, the best one first: by each seed's score under the setting picked by the others.

    Args:
      found: of one metric.
      aim: of the metric.
    """
    sign = 1 if aim.lower else -1
    rows = []
    for method in found:
        scores = sign * method.scores
        overall, medians = quartiles(scores), [quartiles(of_setting).median for of_setting in scores]
        best = int(np.argmin(medians))
        fair = quartiles(tuned(scores) if scores.shape[1] > 1 else scores[best])
        gone = np.isinf(scores).all(axis=1).sum()
        cells = [
            _plain(method.name),
            _spread(fair, sign) if scores.shape[1] > 1 else "one seed",
            _spread(overall, sign),
            _plain(method.settings[best]) if np.isfinite(medians[best]) else "none",
            _spread(quartiles(scores[best]), sign),
            f"{gone} of {len(scores)}",
            f"{method.seconds / 60:.1f}",
        ]
        rows.append((fair.median, overall.median, cells))
    head = ["method", "tuned", "all settings", "best setting", "with it", "diverged", "minutes"]
    lines = [head, ["---"] * len(head), *(cells for *_, cells in sorted(rows, key=lambda row: row[:2]))]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _plain(name: str) -> str:
    """A name of the user's in a cell of Markdown: it neither ends the cell nor begins HTML."""
    return shown(name).replace("|", "\\|").replace("<", "&lt;")


def _spread(found: Quartiles, sign: int) -> str:
    """`12.3 (11.9 to 14.0)`: the median, and the quartiles from the better to the worse one."""
    lower, median, upper = (_number(sign * value) for value in found)
    return f"{median} ({lower} to {upper})"


def _number(value: float) -> str:
    return f"{value:.4g}" if np.isfinite(value) else "diverged"


def budgets(method: Method, aim: Aim) -> list[float]:
    """Expected best median over the seeds after 1, 2, ... settings tried; infinite where all of them may diverge."""
    sign = 1 if aim.lower else -1
    medians = [quartiles(sign * scores).median for scores in method.scores]
    return [sign * expected_best(medians, tries) for tries in range(1, len(medians) + 1)]
