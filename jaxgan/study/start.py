"""Carrying a study out, cell by cell, and going on where an earlier start left off."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jaxgan import plotting
from jaxgan.config import Settings, differences, images_per_step
from jaxgan.data import Source, open_source
from jaxgan.errors import Diverged, JaxganError
from jaxgan.evaluation import make_metrics
from jaxgan.evaluation.metric import Aim
from jaxgan.study import results
from jaxgan.study.plan import Cell
from jaxgan.systems import build_system
from jaxgan.training.run_directory import RunDirectory, append_line, read_lines, write_text
from jaxgan.training.seeds import seeds_of
from jaxgan.training.start import run

AS_BEFORE = "give the settings that it was made with"


class Finished(NamedTuple):
    """How a study ended.

    Attributes:
      signal: that stopped it, or None.
      report: the tables of the cells that have a result, as Markdown; "" if none has.
      files: that hold the report, its pictures and the results.
    """

    signal: int | None
    report: str
    files: list[Path]


def carry_out(cells: Mapping[Cell, Settings], workdir: Path, command: str) -> Finished:
    """Trains the cells that have no result yet, each in a run directory of its own, and compares all methods.

    Args:
      cells: with their resolved recipes, all of the same seeds and metrics.
      workdir: of the study: `cells/METHOD/SETTING/`, `results.jsonl`, `report.md`, `METRIC.png`.
      command: that the user typed, for the cells' `run.json`.

    Raises:
      JaxganError: anything the user can put right; what was on disk before is still there.
    """
    try:
        return _carry_out(cells, workdir, command)
    except BrokenPipeError:  # of the console, not of the study
        raise
    except OSError as error:
        raise JaxganError(
            f"cannot write to {workdir}: {error.strerror or error}. Put that right and run the same command again; it "
            "goes on with the next cell."
        ) from error


def _carry_out(cells: Mapping[Cell, Settings], workdir: Path, command: str) -> Finished:
    directories = {
        cell: RunDirectory(workdir / "cells" / _folder(cell.method) / _folder(cell.setting)) for cell in cells
    }
    if len({str(directory.path).casefold() for directory in directories.values()}) < len(cells):
        raise JaxganError("two cells of the study have names that make the same folder; rename one.")
    for cell, settings in cells.items():
        directories[cell].check(settings, AS_BEFORE)
    kept = workdir / "results.jsonl"
    done = {Cell(line["method"], line["setting"]): line for line in read_lines(kept, *results.NAMES)}
    if strange := [str(cell) for cell in done.keys() - cells.keys()]:
        raise JaxganError(
            f"{workdir} has results of {'; '.join(sorted(strange))}, not of this study; choose another --workdir."
        )
    aims = _aims(cells)
    for cell, line in done.items():
        if not results.is_of(line, cells[cell], aims):
            raise JaxganError(
                f"{workdir} has a result of cell {cell} with other steps, seeds or metrics; choose another --workdir, "
                f"or {AS_BEFORE}."
            )
    finished = _reported(cells, done, workdir, aims)
    for number, (cell, settings) in enumerate(cells.items(), 1):
        if cell in done:
            continue
        print(f"\ncell {number} of {len(cells)}: {cell}, {settings['steps']} steps", flush=True)
        result, signal = _train(cell, settings, directories[cell], command, aims)
        if result is not None:
            append_line(kept, result)
            done[cell] = result
            finished = _reported(cells, done, workdir, aims)
        if signal is not None:
            return finished._replace(signal=signal)
    return finished


def _aims(cells: Mapping[Cell, Settings]) -> dict[str, Aim]:
    """The aims of the metrics that rank. On the way all systems are built, and metrics of each kind of them.

    Raises:
      JaxganError: a cell cannot be had, or is scored by another protocol than those before it, which does not compare.
    """
    aims: dict[str, Aim] = {}
    protocols: dict[str, Mapping[str, Any]] = {}
    sources: dict[str, Source] = {}
    made: set[tuple[str, str, int]] = set()
    for cell, settings in cells.items():
        data = repr(settings["data"])
        try:
            if data not in sources:
                sources[data] = open_source(
                    settings["data"], settings["seed"], functools.partial(build_system, settings)
                )
            source = sources[data]
            system = build_system(settings, source.spec)
            kind = (data, settings["system"]["name"], system.num_classes)
            if kind not in made:
                made.add(kind)
                metrics = make_metrics(settings["metrics"], source.spec, system, settings["data"])
                aims = {name: metric.aim for name, metric in metrics.items() if metric.aim is not None}
                for name, metric in metrics.items():
                    if other := differences(protocols.setdefault(name, metric.protocol), metric.protocol):
                        told = "; ".join(other).replace("config.", "")
                        raise JaxganError(f"{name} of the cells before it does not compare with its own: {told}.")
        except JaxganError as error:
            raise JaxganError(f"cell {cell}: {error}") from error
        if not aims:
            raise JaxganError(f"none of the study's metrics, {', '.join(settings['metrics'])}, ranks states; add one.")
    return aims


def _train(
    cell: Cell, settings: Settings, directory: RunDirectory, command: str, aims: Mapping[str, Aim]
) -> tuple[dict[str, Any] | None, int | None]:
    """The line of a cell, if it came to its end, and the signal that came meanwhile, if any."""
    try:
        result = run(settings, directory.path, command)
    except Diverged as error:
        return results.diverged(cell, settings["steps"], _seconds(directory), str(error).splitlines()[0]), None
    step, stopped_by = result.outcome
    signal = None if stopped_by is None else int(stopped_by)  # no alarm stops a cell
    if not result.finished:
        return None, signal
    asked = seeds_of(settings), settings["metrics"], aims
    return results.trained(cell, step, _seconds(directory), directory.scores(), *asked), signal


def _seconds(directory: RunDirectory) -> float:
    lines = read_lines(directory.metrics)
    return lines[-1]["seconds"] if lines else 0.0


def _folder(name: str) -> str:
    """A name as that of a folder, on any system."""
    return "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name)


def _reported(
    cells: Mapping[Cell, Settings], done: Mapping[Cell, Mapping[str, Any]], workdir: Path, aims: Mapping[str, Aim]
) -> Finished:
    """Writes what the cells that have a result say of their methods."""
    if not done:
        return Finished(None, "", [])
    lines, settings = [done[cell] for cell in cells if cell in done], [cells[cell] for cell in cells if cell in done]
    seeds = settings[0]["seeds"]
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
    counts = {of["steps"] * images_per_step(of) for of in settings}
    images = " to ".join(f"{count:,}" for count in sorted({min(counts), max(counts)}))
    which = f"{len(lines)} cells" if len(lines) == len(cells) else f"{len(lines)} of {len(cells)} cells so far,"
    facts = (
        f"{which} of {seeds} {'seed' if seeds == 1 else 'seeds'}, on {images} images a seed. Medians, and "
        "quartiles in brackets. `tuned`: each seed's score under the setting that is best for the others; `with it`: "
        "scores under the setting that is best for all, which flatters. `minutes`: of training, of all settings.\n"
    )
    report = "\n".join([facts, *parts])
    write_text(files[0], report)
    return Finished(None, report, files)
