"""Scores of the states of a run's seeds, as lines of `evaluations.jsonl` and as what the user is told."""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from jaxgan.drawing import Sampler, Samples
from jaxgan.evaluation import Metric
from jaxgan.evaluation.metric import Aim
from jaxgan.evaluation.scoring import score_all
from jaxgan.training.seeds import run_of, seeds_of


def score_lines(
    metrics: Mapping[str, Metric],
    config: Mapping[str, Any],
    step: int,
    state: Any,
    sampler: Sampler,
    samples_seed: int,
    bar: tqdm | None = None,
) -> Iterator[dict[str, Any]]:
    """Scores a state by metrics: of each a line with its protocol.

    Of several seeds, for each metric a line a seed, and then one of their means, with standard errors.

    Args:
      metrics: name -> metric with its reference loaded.
      config: resolved settings of the run.
      step: of the state.
      state: of all seeds of the run.
      sampler: of the run's system.
      samples_seed: that samples are drawn with.
      bar: moves on by `samples_of(metrics)` a seed; by default nobody is told.
    """
    bar = tqdm(disable=True) if bar is None else bar
    seeds = seeds_of(config)
    found = []
    for seed in seeds:
        bar.set_description(f"step {step}, seed {seed}")
        run = run_of(state, seeds, seed)
        found.append(score_all(metrics, run, _drawing(sampler, run, samples_seed), bar))
    for name, metric in metrics.items():
        for seed, figures in zip(seeds, found, strict=True):
            yield _line(step, name, metric, figures[name], seed, config, samples_seed)
        if len(seeds) > 1:
            values = {key: np.asarray([figures[name][key] for figures in found]) for key in found[0][name]}
            means = {key: value for figure, v in values.items() for key, value in with_spread(figure, v).items()}
            yield _line(step, name, metric, means, seeds, config, samples_seed)


def _drawing(sampler: Sampler, state: Any, seed: int) -> Callable[[int], Iterator[Samples]]:
    return lambda num: sampler.chunks(state, seed, num)


def _line(
    step: int,
    name: str,
    metric: Metric,
    figures: Mapping[str, float],
    seed: int | list[int],
    config: Mapping[str, Any],
    samples_seed: int,
) -> dict[str, Any]:
    facts = {
        "num": metric.num,
        "seed": seed,
        "precision": config["precision"],
        "matmul_precision": config["matmul_precision"],
        **{key: value for key, value in config["system"].items() if key.startswith("average_")},
    }
    if metric.view is not None:
        facts |= {"samples_seed": samples_seed, "truncation": None, "labels": "the classes in turn"}
    return {"step": step, "metric": name, **figures, "protocol": {**facts, **metric.protocol}}


def figures_of(line: Mapping[str, Any]) -> dict[str, float]:
    """The figures of a line of `evaluations.jsonl`, by name, in its order."""
    return {key: value for key, value in line.items() if key not in ("step", "metric", "protocol")}


def describe(line: Mapping[str, Any]) -> str:
    """A line of `evaluations.jsonl` for the user: `modes 7.667 ± 0.33, high_quality 0.912 ± 0.0041`."""
    return ", ".join(f"{key} {value}" for key, value in _texts(line).items())


def _texts(line: Mapping[str, Any]) -> dict[str, str]:
    """Figure -> value, with its error if it has one."""
    figures = figures_of(line)
    errors = {key: figures.pop(f"{key}_se") for key in list(figures) if f"{key}_se" in figures}
    return {key: f"{value:.4g}" + (f" ± {errors[key]:.2g}" if key in errors else "") for key, value in figures.items()}


def table(lines: Sequence[Mapping[str, Any]]) -> str:
    """Lines of `evaluations.jsonl` for the user: a row for every step and metric, a column for every figure.

    Of several seeds it has their means, and the last row says so.

    Args:
      lines: as of `score_lines`, of one run, at least one.
    """
    last = {(line["step"], line["metric"]): line for line in lines}  # of several seeds the means
    found = {place: _texts(line) for place, line in last.items()}
    figures = list(dict.fromkeys(figure for texts in found.values() for figure in texts))
    rows = [["step", "metric", *figures]]
    rows += [[str(step), name, *(texts.get(figure, "") for figure in figures)] for (step, name), texts in found.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    seed = lines[-1]["protocol"]["seed"]
    whose = f"seed {seed}" if isinstance(seed, int) else f"means of {len(seed)} seeds ± standard errors"
    shown = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join([*shown, whose])


def earlier_scores(lines: Sequence[Mapping[str, Any]], line: Mapping[str, Any], aim: Aim) -> list[float]:
    """What earlier states scored under the very protocol of a line; those that are not finite are left out.

    Args:
      lines: of `evaluations.jsonl`, written before.
      line: of the state that is compared with them; of several seeds that of the means.
      aim: of the metric.
    """
    same = [old for old in lines if (old["metric"], old["protocol"]) == (line["metric"], line["protocol"])]
    return [old[aim.figure] for old in same if old["step"] < line["step"] and math.isfinite(old[aim.figure])]


def score_curve(lines: Sequence[Mapping[str, Any]], metric: str) -> list[Mapping[str, Any]]:
    """What states scored under the protocol that was the last one of a metric, one line a step, ascending.

    Args:
      lines: of `evaluations.jsonl`; of several seeds those of the means count.
      metric: its name.
    """
    own = [line for line in lines if line["metric"] == metric]
    latest = {line["step"]: line for line in own if line["protocol"] == own[-1]["protocol"]}
    return [latest[step] for step in sorted(latest)]


def of_training(
    lines: Sequence[Mapping[str, Any]], config: Mapping[str, Any], kept: Collection[int]
) -> list[Mapping[str, Any]]:
    """The lines of states among which the best one is picked; others are of whoever evaluated the run otherwise.

    Args:
      lines: of `evaluations.jsonl`.
      config: resolved settings of the run, which keeps the best states.
      kept: steps of the states that have been picked.
    """
    every, last = config["evaluate_every"], config["steps"]
    return [line for line in lines if line["step"] in kept or line["step"] == last or line["step"] % every == 0]


def states_scored(lines: Sequence[Mapping[str, Any]], metric: str, step: int, seeds: list[int]) -> int:
    """Among how many states one was picked: those scored under the very protocol that it was first scored under.

    Args:
      lines: as of `of_training`.
      metric: by which it was picked.
      step: of the state.
      seeds: of the run; of several the means are counted.

    Returns:
      that number, the state included; 0 if the lines know nothing of it.
    """
    whose = seeds if len(seeds) > 1 else seeds[0]
    judged = [line for line in lines if line["metric"] == metric and line["protocol"]["seed"] == whose]
    protocol = next((line["protocol"] for line in judged if line["step"] == step), None)
    return len({line["step"] for line in judged if line["protocol"] == protocol})


def improved(score: float, earlier: Sequence[float], aim: Aim) -> bool:
    """Whether a score is better than all before it."""
    return math.isfinite(score) and all(score < old if aim.lower else score > old for old in earlier)


def with_spread(name: str, values: np.ndarray) -> dict[str, float]:
    """A figure of one seed, [1], or the mean of several with its standard error, as `name_se`."""
    if len(values) == 1:
        return {name: float(values[0])}
    return {name: float(np.mean(values)), f"{name}_se": float(np.std(values, ddof=1) / np.sqrt(len(values)))}
