"""Kills, damages and starves runs of every system, and compares them with runs that were left alone: `docs/faults.md`.

Command: `python docs/faults.py --out DIR [--only kills_gan,damage_flip,...] [--kills 25] [--toy]`. It prints a table;
what it found of each part is `DIR/found/PART.json`, and the same command again goes on with the parts that lack.
"""

import argparse
import contextlib
import functools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import fault_runs as runs
from fault_checks import table, unmet
from fault_runs import MOMENTS, SUBJECTS, Training, Whole

from jaxgan.training.stopping import ASKING

MOST_STATEFUL = ("gan_best", "gan_adaptive", "progressive")
"""Killed `--kills` times; the others a fifth as often."""

OTHER_FAULTS = "gan"
"""What all other faults are done to."""

TOY = ("steps=24",)

Found = dict[str, Any]


class Bench:
    """A place for runs of one subject: its undisturbed run, and directories for others.

    Args:
      name: of the subject.
      folder: made if it is not there.
      more: settings besides.

    Attributes:
      whole: the undisturbed run.
    """

    def __init__(self, name: str, folder: Path, more: Sequence[str] = ()):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.recipe = runs.write_recipe(name, folder, more)
        # At once: whoever asked for it while another run trains would wait until that has ended.
        self.whole = runs.undisturbed(self.recipe, folder / "whole", folder / "log")

    def start(self, workdir: Path, log: str = "log", *options: str) -> Training:
        """Starts a run, or goes on with it."""
        return Training(self.recipe, workdir, self.folder / log, *options)

    def end(self, workdir: Path) -> Found:
        """Starts a run once more without any fault: whether it was lost, how much differs, where it went on."""
        training = self.start(workdir)
        training.until(training.trains)
        back = time.time() - training.began
        if training.wait():
            return {"lost": 1, "differing": 0, "said": training.said()[-500:]}
        said = training.said()
        different = runs.differing(self.whole.left, runs.left_behind(workdir))
        return {
            "lost": 0,
            "differing": sum(different.values()),
            "where": sorted(different)[:9],
            "printed": runs.traceback(said),
            "continued_at": runs.continued_at(said),
            "seconds_to_train_again": round(back, 3),
        }


def kills(bench: Bench, count: int, seed: int) -> Found:
    """Kills a run at moments of every kind, as often as asked, and lets it finish."""
    workdir, chance, whole = bench.folder / "killed", random.Random(seed), bench.whole
    hits: list[Found] = []
    finished: list[Found] = []
    pace = 2 * whole.duration / count
    for number in range(count):
        moment = MOMENTS[number % len(MOMENTS)]
        left = runs.unfinished(workdir)
        training = bench.start(workdir)
        reached = runs.reach(training, workdir, moment, chance, 1.2 * whole.first if moment == "start" else pace)
        trained = training.trains()
        training.send(signal.SIGKILL)
        code, said = training.wait(), training.said()
        (hits if code == -signal.SIGKILL else finished).append(
            {
                "moment": moment,
                "reached": reached,
                "code": code,
                "continued_at": runs.continued_at(said) if trained else None,
                "printed": runs.traceback(said),
                **_at_a_kill(workdir, left, trained, whole),
            }
        )
        if finished:
            break
    return {**bench.end(workdir), "hits": hits, "finished": finished}


def _at_a_kill(workdir: Path, left: set[tuple[str, int, int]], trained: bool, whole: Whole) -> Found:
    """What a kill met, and what it costs: steps and seconds since the checkpoint that the next start goes on from.

    Args:
      workdir: of the run.
      left: checkpoints that were unfinished when the process began.
      trained: whether it had come to a line.
      whole: the undisturbed run.
    """
    lines = workdir / "metrics.jsonl"
    raw = lines.read_bytes() if lines.exists() else b""
    steps = [json.loads(line)["step"] for line in raw.split(b"\n")[:-1]]
    reached, kept = max(steps, default=0), max(_steps(workdir), default=0)
    lost = max(reached - kept, 0) if trained else 0
    clock = whole.clock | {0: 0.0}
    before = max(step for step in clock if step <= kept)
    return {
        # A process that has not trained may have been removing what was left, which changes that.
        "in_checkpoint": trained and bool(runs.unfinished(workdir) - left),
        "step": reached,
        "kept": kept,
        "line_cut_short": bool(raw) and not raw.endswith(b"\n"),
        "steps_lost": lost,
        "seconds_lost": round(max(clock[reached] - clock[before], 0.0), 3) if lost else 0.0,
    }


def _half_way(bench: Bench) -> Path:
    """A run that was killed after at least two checkpoints; each caller gets a copy.

    One that is asked to stop would save there too, and a short run would still have that checkpoint at its end.
    """
    model = bench.folder / "half"
    if not (model / "run.json").exists():
        training = bench.start(model)
        training.until(lambda: "\nstep 20/" in training.said())
        training.send(signal.SIGKILL)
        training.wait()
    copy = bench.folder / "damaged"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(model, copy)
    return copy


def _flip(path: Path, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


DAMAGES: Mapping[str, Callable[[Path, random.Random], None]] = {
    "flip": _flip,
    "truncate": lambda path, chance: os.truncate(path, chance.randrange(path.stat().st_size)),
    "remove": lambda path, chance: path.unlink(),
}


def damage(bench: Bench, kind: str, most: int, seed: int) -> Found:
    """Damages each file of the newest checkpoint in turn, and lets the run finish each time."""
    chance, each = random.Random(seed), []
    steps = _steps(_half_way(bench))
    newest = bench.folder / "damaged" / "checkpoints" / str(steps[-1])
    files = [path.relative_to(newest) for path in sorted(newest.rglob("*")) if path.is_file()]
    for name in files if len(files) <= most else chance.sample(files, most):
        workdir = _half_way(bench)
        DAMAGES[kind](newest / name, chance)
        found = bench.end(workdir)
        aside = (workdir / "damaged_checkpoints" / newest.name).is_dir()
        each.append({"file": str(name), "newest": steps[-1], "before": steps[-2], "set_aside": aside, **found})
    return {"each": each, **_sums(each), "stepped_over": sum(one["set_aside"] for one in each)}


def _steps(workdir: Path) -> list[int]:
    """Of the checkpoints that are whole, ascending."""
    folder = workdir / "checkpoints"
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal()) if folder.is_dir() else []


def _sums(each: Sequence[Found]) -> Found:
    return {key: sum(one[key] for one in each) for key in ("lost", "differing")}


def signals(bench: Bench, numbers: Sequence[signal.Signals], seed: int) -> Found:
    """Sends a signal while a run trains: the exit code, and how long the process is still there."""
    chance, each = random.Random(seed), []
    for number in numbers:
        workdir = bench.folder / f"signal_{number.name}"
        training = bench.start(workdir)
        # Early, so that what it saves there has gone by the end, as newer ones push it out.
        runs.reach(training, workdir, "training", chance, bench.whole.duration / 4)
        sent = time.time()
        training.send(number)
        code, took = training.wait(), time.time() - sent
        saved = re.search(r"^stopped and saved at step (\d+)", training.said(), re.MULTILINE)
        each.append(
            {
                "signal": number.name,
                "code": code,
                "seconds": round(took, 3),
                "saved": saved and int(saved[1]),
                **bench.end(workdir),
            }
        )
    return {"each": each, **_sums(each), "slowest": max(one["seconds"] for one in each)}


def twice(bench: Bench, seed: int) -> Found:
    """Sends a second signal after the first, the sooner the nearer to the save."""
    chance, each = random.Random(seed), []
    for number in (signal.SIGINT, signal.SIGTERM):
        workdir = bench.folder / f"twice_{number.name}"
        training = bench.start(workdir)
        runs.reach(training, workdir, "training", chance, bench.whole.duration / 2)
        training.send(number)
        training.until(lambda training=training: "stopping after" in training.said(), 0)
        sent = time.time()
        training.send(number)
        code, took = training.wait(), time.time() - sent
        each.append({"signal": number.name, "code": code, "seconds": round(took, 3), **bench.end(workdir)})
    return {"each": each, **_sums(each), "slowest": max(one["seconds"] for one in each)}


def second_process(bench: Bench) -> Found:
    """Starts a run twice at a time: the second is refused, the first goes on."""
    workdir = bench.folder / "shared"
    first = bench.start(workdir, "first")
    first.until(first.trains)
    second = bench.start(workdir, "second")
    refused = second.wait() == 1 and "another process is training in" in second.said()
    alive = first.process.is_alive()
    code = first.wait()
    return {**bench.end(workdir), "code": code, "refused": refused, "while_the_first_ran": alive}


@contextlib.contextmanager
def mounted(*options: str) -> Iterator[Path | None]:
    """A folder that something is mounted on; None where that is not permitted."""
    place = Path(tempfile.mkdtemp(prefix="faults-"))
    done = subprocess.run(["mount", *options, place], capture_output=True).returncode == 0
    try:
        yield place if done else None
    finally:
        if done:
            subprocess.run(["umount", "-l", place], check=True)
        place.rmdir()


def _failed(training: Training) -> Found:
    """How a run ended whose directory failed: its code, and what it said last."""
    code = training.wait()
    error = training.said().partition("\nerror: ")[2].strip()
    return {
        "code": code,
        "message": error,
        "lines": len(error.splitlines()),
        "traceback": runs.traceback(training.said()),
    }


def full_disk(bench: Bench, room: int) -> Found:
    """Fills the disk while a run trains, but for so many bytes; then makes room and goes on."""
    with mounted("-t", "tmpfs", "-o", "size=64m", "none") as disk:
        if disk is None:
            return {"skipped": "no right to mount"}
        training = bench.start(disk / "run")
        training.until(lambda: "\nstep 20/" in training.said())
        with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as filler:
            filler.write(bytes(max(shutil.disk_usage(disk).free - room, 0)))
        failed = _failed(training)
        (disk / "filler").unlink()
        return {**bench.end(disk / "run"), **failed}


def read_only(bench: Bench) -> Found:
    """Makes the directory of a run read-only while it trains; then writable again, and goes on."""
    workdir = bench.folder / "read_only"
    training = bench.start(workdir)
    training.until(lambda: "\nstep 20/" in training.said())
    training.freeze()  # or it may open a file between the two, and the second is refused
    bind = ["mount", "--bind", str(workdir), str(workdir)]  # over itself, as its files are open in what is below
    if subprocess.run(bind, capture_output=True).returncode:
        training.send(signal.SIGKILL)
        return {"skipped": "no right to mount"}
    try:
        try:
            subprocess.run(["mount", "-o", "remount,bind,ro", workdir], check=True)
        finally:
            training.send(signal.SIGCONT)
        failed = _failed(training)
    finally:
        subprocess.run(["umount", "-l", workdir], check=True)
    return {**bench.end(workdir), **failed}


def vanished(bench: Bench) -> Found:
    """Moves the directory of a run away while it trains; then back, and goes on."""
    workdir, away = bench.folder / "vanishing", bench.folder / "away"
    training = bench.start(workdir)
    training.until(lambda: "\nstep 20/" in training.said())
    workdir.rename(away)
    failed = _failed(training)
    in_its_place = sorted(str(path.relative_to(workdir)) for path in workdir.rglob("*")) if workdir.exists() else []
    shutil.rmtree(workdir, ignore_errors=True)
    away.rename(workdir)
    return {**bench.end(workdir), **failed, "made_in_its_place": in_its_place[:9]}


def faults(toy: bool) -> dict[str, Callable[[Bench], Found]]:
    """The faults besides kills, by name; a toy run has fewer of each."""
    most, numbers = (1, [signal.SIGTERM]) if toy else (12, ASKING)
    return {
        **{f"damage_{kind}": functools.partial(damage, kind=kind, most=most, seed=7) for kind in DAMAGES},
        "signals": lambda bench: signals(bench, numbers, 8),
        "twice": lambda bench: twice(bench, 9),
        "second_process": second_process,
        "full_at_a_save": lambda bench: full_disk(bench, 2**16),
        "full_at_a_line": lambda bench: full_disk(bench, 0),
        "read_only": read_only,
        "vanished": vanished,
    }


def parts(names: Sequence[str], count: int, toy: bool) -> dict[str, Callable[[Path], Found]]:
    """Name of a part -> what it does in a folder: kills of every system, and of one of them all other faults."""
    more = TOY if toy else ()

    def killed(name: str) -> Callable[[Path], Found]:
        often = count if name in MOST_STATEFUL or toy else max(count // 5, 1)
        return lambda folder: kills(
            Bench(name, folder / f"kills_{name}", more), often, 1 + sorted(SUBJECTS).index(name)
        )

    other: Bench | None = None

    def faulted(fault: Callable[[Bench], Found]) -> Callable[[Path], Found]:
        def carry_out(folder: Path) -> Found:
            nonlocal other
            if other is None:
                shutil.rmtree(folder / "faults", ignore_errors=True)  # of an earlier start that was cut short
                other = Bench(OTHER_FAULTS, folder / "faults", more)
            return fault(other)

        return carry_out

    return {f"kills_{name}": killed(name) for name in names} | {
        name: faulted(fault) for name, fault in faults(toy).items()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what is asked for and prints the table, and below it what is not as it should be; 1 if anything is not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs and of what was found")
    parser.add_argument("--only", help="parts, with commas: kills_SYSTEM, damage_flip, signals, ...; by default all")
    parser.add_argument("--kills", type=int, default=25, help="of the systems with most state; a fifth of the others")
    parser.add_argument("--toy", action="store_true", help="few kills and short runs, to see that everything runs")
    options = parser.parse_args(arguments)
    everything = parts(list(SUBJECTS), options.kills, options.toy)
    names = options.only.split(",") if options.only else list(everything)
    if unknown := [name for name in names if name not in everything]:
        parser.error(f"unknown parts {', '.join(unknown)}; there are {', '.join(everything)}")
    out, found = options.out.absolute(), {}
    (out / "found").mkdir(parents=True, exist_ok=True)
    with runs.compiled_once(out):
        for name in names:
            path = out / "found" / f"{name}.json"
            if not path.exists():
                began = time.time()
                shutil.rmtree(out / name, ignore_errors=True)  # of a part that was cut short
                result = everything[name](out)
                path.write_text(json.dumps(result | {"took": round(time.time() - began, 1)}, indent=1) + "\n")
            found[name] = json.loads(path.read_text())
            print(f"{name}: {len(unmet(name, found[name]))} unmet", flush=True)
    failures = [f"- `{name}`: {sentence}" for name, one in found.items() for sentence in unmet(name, one)]
    print("\n".join([table(found), *([""] if failures else []), *failures]))
    return int(bool(failures))


if __name__ == "__main__":
    raise SystemExit(main())
