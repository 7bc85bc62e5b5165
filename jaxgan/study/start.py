"""Carrying a study out, cell by cell, and going on where an earlier start left off."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jaxgan import plotting
from jaxgan.config import Settings
from jaxgan.data import open_source
from jaxgan.errors import Diverged, JaxganError
from jaxgan.evaluation import make_metrics
from jaxgan.evaluation.metric import Aim
from jaxgan.study import results
from jaxgan.study.plan import Cell
from jaxgan.systems import build_system
from jaxgan.training.run_directory import RunDirectory, append_line, read_lines, write_text
from jaxgan.training.seeds import seeds_of
from jaxgan.training.start import run


class Finished(NamedTuple):
    """How a study ended.

    Attributes:
      signal: that stopped it, or None.
      report: the tables, as Markdown.
      files: that hold the report, its pictures and the results.
    """

    signal: int | None
    report: str
    files: list[Path]


def carry_out(
    cells: Mapping[Cell, Settings], workdir: Path, command: str, tell: Callable[[str], None] = print
) -> Finished:
    """Trains the cells that have no result yet, each in a run directory of its own, and compares all methods.

    Args:
      cells: with their resolved recipes, all of the same seeds and metrics.
      workdir: of the study: `cells/METHOD/SETTING/`, `results.jsonl`, `report.md`, `METRIC.png`.
      command: that the user typed, for the cells' `run.json`.
      tell: shows the user a line.

    Raises:
      JaxganError: anything the user can put right; what was on disk before is still there.
    """
    directories = {
        cell: RunDirectory(workdir / "cells" / _folder(cell.method) / _folder(cell.setting)) for cell in cells
    }
    if len({directory.path for directory in directories.values()}) < len(cells):
        raise JaxganError("two cells of the study have names that make the same folder; rename one.")
    for cell, settings in cells.items():
        directories[cell].check(settings)
    aims = _aims(cells)
    kept = workdir / "results.jsonl"
    done = {Cell(line["method"], line["setting"]): line for line in read_lines(kept)}
    if strange := [str(cell) for cell in done.keys() - cells.keys()]:
        raise JaxganError(
            f"{workdir} has results of {'; '.join(sorted(strange))}, not of this study; choose another --workdir."
        )
    workdir.mkdir(parents=True, exist_ok=True)
    write_text(kept, "".join(json.dumps(line) + "\n" for line in done.values()))  # without a line that a kill cut short

    for number, (cell, settings) in enumerate(cells.items(), 1):
        if cell in done:
            continue
        tell(f"\ncell {number} of {len(cells)}: {cell}, {settings['steps']} steps")
        line = _train(cell, settings, directories[cell], command, aims)
        if isinstance(line, int):
            return Finished(line, "", [kept])
        append_line(kept, line)
        done[cell] = line
    in_order = [done[cell] for cell in cells]
    return _reported(in_order, workdir, aims, next(iter(cells.values())))


def _aims(cells: Mapping[Cell, Settings]) -> dict[str, Aim]:
    """The aims of the metrics that rank, by the first cell, with which the others share them; and all systems built."""
    aims: dict[str, Aim] = {}
    for cell, settings in cells.items():
        try:
            source = open_source(settings["data"], settings["seed"])
            system = build_system(settings, source.spec)
            if not aims:
                metrics = make_metrics(settings["metrics"], source.spec, system, settings["data"])
                aims = {name: metric.aim for name, metric in metrics.items() if metric.aim is not None}
        except JaxganError as error:
            raise JaxganError(f"cell {cell}: {error}") from error
        if not aims:
            raise JaxganError(f"none of the study's metrics, {', '.join(settings['metrics'])}, ranks states; add one.")
    return aims


def _train(
    cell: Cell, settings: Settings, directory: RunDirectory, command: str, aims: Mapping[str, Aim]
) -> dict[str, Any] | int:
    """The line of a cell, or the signal that stopped it."""
    try:
        outcome = run(settings, directory.path, command).outcome
    except Diverged as error:
        return results.diverged(cell, settings["steps"], _seconds(directory), str(error).splitlines()[0])
    if outcome.stopped_by is not None:
        return int(outcome.stopped_by)  # a signal: no alarm stops a cell
    evaluations = read_lines(directory.evaluations)
    return results.trained(cell, outcome.step, _seconds(directory), evaluations, seeds_of(settings), aims)


def _seconds(directory: RunDirectory) -> float:
    lines = read_lines(directory.metrics)
    return lines[-1]["seconds"] if lines else 0.0


def _folder(name: str) -> str:
    """A name as that of a folder, on any system."""
    return "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name)


def _reported(lines: list[dict[str, Any]], workdir: Path, aims: Mapping[str, Aim], settings: Settings) -> Finished:
    seeds = settings["seeds"]
    parts, files = [], [workdir / "report.md", workdir / "results.jsonl"]
    for metric, aim in aims.items():
        found = results.methods(lines, metric, aim, seeds)
        better = "lower" if aim.lower else "higher"
        parts.append(f"{metric}: {aim.figure}, {better} is better\n\n{results.table(found, aim)}")
        files.append(workdir / f"{metric}.png")
        plotting.save_trials(
            files[-1],
            {method.name: dict(zip(method.settings, method.scores.tolist(), strict=True)) for method in found},
            {method.name: results.budgets(method, aim) for method in found},
            f"{metric}: {aim.figure} ({better} is better)",
        )
    images = settings["steps"] * settings["batch_size"] * settings["system"].get("critic_steps", 1)
    facts = (
        f"{len(lines)} cells of {seeds} {'seed' if seeds == 1 else 'seeds'}, on {images:,} images a seed. Medians, and "
        "quartiles in brackets. `tuned`: each seed's score under the setting that is best for the others; `with it`: "
        "scores under the setting that is best for all, which flatters. `minutes`: of training, of all settings.\n"
    )
    report = "\n".join([facts, *parts])
    write_text(files[0], report)
    return Finished(None, report, files)
