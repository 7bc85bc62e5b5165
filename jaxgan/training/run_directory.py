"""The run directory: plain files, and the whole interface between the verbs.

`config.json`, `run.json`, `networks.txt`, `checkpoints/<step>/`, `best/<metric>/<step>/`, `metrics.jsonl`,
`evaluations.jsonl`, `alarms.jsonl`, `samples/real.png`, `samples/<step, 7 digits>.png`, `figures/*.png`; `profile/`
where one was asked for.
"""

import contextlib
import datetime
import fcntl
import importlib.metadata
import json
import os
import platform
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import jax

from jaxgan.config import differences, plain_settings, resolve, to_json
from jaxgan.data.spec import DataSpec
from jaxgan.errors import MANY, JaxganError, check_file_name

GO_ON = "add --allow-changes to continue that run with the new settings"

PACKAGES = ("jaxgan", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")

BLOCK = 4096
"""Bytes that are read at once to find the end of the last line."""


class RunDirectory:
    """Reads and writes the files of one run.

    Args:
      path: the directory; nothing is created before it is `opened`.

    Raises:
      JaxganError: the path is an address in an object store.
    """

    def __init__(self, path: str | Path):
        if re.match(r"[a-z][a-z0-9]+:/", str(path)):  # of "gs://bucket" a Path has left "gs:/bucket"
            raise JaxganError(
                f"{path}: a run directory is files and locks, and no object store has them.\n"
                "Mount the bucket and name the folder, or train in a local directory and copy it."
            )
        self.path = Path(path)
        self.checkpoints = self.path / "checkpoints"
        self.samples = self.path / "samples"
        self.figures = self.path / "figures"
        self.profile = self.path / "profile"
        self.metrics = self.path / "metrics.jsonl"
        self.evaluations = self.path / "evaluations.jsonl"
        self.alarms = self.path / "alarms.jsonl"
        self._config = self.path / "config.json"
        self._run = self.path / "run.json"

    def scores(self) -> list[dict[str, Any]]:
        """The lines of `evaluations.jsonl`."""
        return read_lines(self.evaluations, "metric", "protocol")

    def best_by(self, metric: str) -> Path:
        """Where the states are that scored best by a metric.

        Raises:
          JaxganError: a name that leads elsewhere.
        """
        check_file_name("metric", metric)
        return self.path / "best" / metric

    def best_steps(self, metric: str) -> set[int]:
        """The steps of the states there."""
        folder = self.best_by(metric)
        return {int(path.name) for path in folder.iterdir() if path.name.isdecimal()} if folder.is_dir() else set()

    def check(self, config: Mapping[str, Any], way_out: str = GO_ON) -> None:
        """Refuses a directory that holds a run with other settings.

        Args:
          config: resolved settings.
          way_out: what else there is to do than to choose another directory.

        Raises:
          JaxganError: it does; the differences are listed, or if they are many the command that made the run.
        """
        if not self._config.exists() and self.checkpoints.is_dir() and any(self.checkpoints.iterdir()):
            raise JaxganError(
                f"{self.path} has checkpoints but no config.json to say of what; choose another --workdir."
            )
        changed = differences(resolve(self.config()), config) if self._config.exists() else []
        if len(changed) > MANY:
            command = self._starts()[-1]["command"]
            raise JaxganError(
                f"{self.path} holds a run with other settings, {len(changed)} of them. It was made by: {command}\n"
                "Repeat that to continue it, or choose another --workdir."
            )
        if changed:
            raise JaxganError(
                f"{self.path} holds a run with other settings: {'; '.join(changed)}.\n"
                f"Choose another --workdir, or {way_out}."
            )

    def check_free(self) -> None:
        """Refuses a directory that another process is training in, before anything is read for it.

        Raises:
          JaxganError: one is.
        """
        if (self.path / ".lock").exists():
            with self._locked():
                pass

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            lock = (self.path / ".lock").open("w")
        except OSError as error:
            raise self._unwritable(error) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # gone with the process, however it ends
            except BlockingIOError as error:
                raise JaxganError(
                    f"another process is training in {self.path}; wait for it, or choose another --workdir."
                ) from error
            except OSError as error:  # a file system without locks
                raise self._unwritable(error) from error
            yield

    def _unwritable(self, error: OSError) -> JaxganError:
        return JaxganError(f"cannot write the run directory {self.path}: {error.strerror or error}.")

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Makes the directory if it is not there, and keeps other processes from writing it.

        Raises:
          JaxganError: it cannot be written, or another process is writing it.
        """
        try:
            for folder in (self.path, self.checkpoints, self.samples, self.figures):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error
        with self._locked():
            yield

    def goes_on_from(self) -> str:
        """What a run that failed will go on from, to tell the user; only where it is `opened`."""
        if not (self.path / ".lock").exists():  # folders may be there again: Tensorstore makes those that it writes to
            return "its last checkpoint, once the directory is back"
        steps = [int(path.name) for path in self.checkpoints.iterdir() if path.name.isdecimal()]
        return f"the checkpoint of step {max(steps)}" if steps else "the start, as nothing has been saved yet"

    def config(self) -> Mapping[str, Any]:
        """The settings of the run as they were written.

        Raises:
          JaxganError: there is no run here, or its config.json cannot be read.
        """
        return plain_settings(self._read(self._config, "data", "system"))

    def spec(self) -> DataSpec:
        """What the run's data looked like.

        Raises:
          JaxganError: as `config`.
        """
        try:
            return DataSpec.from_json(self._read(self._run, "data", "starts")["data"])
        except ValueError as error:
            raise JaxganError(f"{self._run} is damaged: {error}.") from error

    def _starts(self) -> list[dict[str, Any]]:
        """The run's history, at least one entry."""
        starts = self._read(self._run, "data", "starts")["starts"]
        if not isinstance(starts, list) or not all(isinstance(start, dict) and "command" in start for start in starts):
            raise JaxganError(f"{self._run} is damaged: its starts are not a list of objects with a command.")
        return starts

    def _read(self, path: Path, *needed: str) -> dict[str, Any]:
        try:
            facts = json.loads(path.read_text())
        except (FileNotFoundError, NotADirectoryError) as error:
            raise JaxganError(f"{self.path} is not a run directory: it has no {path.name}.") from error
        except (OSError, ValueError) as error:
            raise JaxganError(f"cannot read {path}: {error}.") from error
        if not isinstance(facts, dict) or not all(facts.get(key) for key in needed):
            raise JaxganError(f"{path} is damaged: it does not state {' and '.join(needed)}.")
        return facts

    def describe(
        self,
        spec: DataSpec,
        config: Mapping[str, Any],
        command: str,
        devices: int,
        networks: str,
        parameters: Mapping[str, int],
    ) -> None:
        """Writes config.json, networks.txt and run.json: where, with what and on what the run was made.

        Each start of the run is an entry of its history in run.json.
        """
        history = self._starts() if self._run.exists() else []
        device = jax.devices()[0]
        start = {
            "command": command,
            "started": _now(),
            "stopped": None,
            "device": f"{device.device_kind} ({device.platform}), {devices} of {jax.device_count()}",
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "python": platform.python_version(),
            "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        }
        facts = {"data": spec._asdict(), "seed": config["seed"], "parameters": parameters, "starts": [*history, start]}
        write_text(self._config, to_json(config))
        write_text(self.path / "networks.txt", networks)
        write_text(self._run, json.dumps(facts, indent=2) + "\n")

    def close(self, step: int, reason: str, peak: int) -> None:
        """Notes when and why training stopped, and the bytes of memory it took at the most."""
        facts = json.loads(self._run.read_text())
        facts["starts"][-1] |= {"stopped": _now(), "step": step, "reason": reason, "peak_mib": peak >> 20}
        write_text(self._run, json.dumps(facts, indent=2) + "\n")

    def cut(self, step: int) -> None:
        """Drops what a killed run wrote after the checkpoint it goes on from, so that no line is ever doubled."""
        with _writing_lines(self.path):
            for path in (self.metrics, self.evaluations, self.alarms):
                kept = [line for line in read_lines(path) if line["step"] <= step]
                write_text(path, "".join(json.dumps(line) + "\n" for line in kept))


def write_text(path: Path, text: str) -> None:
    """Replaces a file as a whole: a kill leaves the old one or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())  # or a loss of power may leave the new name and nothing in it
    temporary.replace(path)


def append_line(path: Path, values: Mapping[str, Any]) -> None:
    """Adds one JSON object a line, in the place of a last line that a kill cut short.

    Raises:
      OSError: the file cannot be written.
    """
    with _writing_lines(path.parent), path.open("ab+") as file:
        end = _end_of_lines(file)
        file.seek(end)
        if _is_whole(file.read()):
            file.write(b"\n")
        else:
            file.truncate(end)
        file.write(f"{json.dumps(values)}\n".encode())
        file.flush()
        os.fsync(file.fileno())  # a checkpoint that outlives a loss of power goes on with all lines before it


def check_lines(path: Path) -> None:
    """Makes sure that lines can be added.

    Raises:
      OSError: the file, or its folder, cannot be written.
    """
    with _writing_lines(path.parent), path.open("ab"):
        pass


@contextlib.contextmanager
def _writing_lines(folder: Path) -> Iterator[None]:
    """Waits until no other process adds lines to the files of a folder or cuts them, which takes a moment.

    A run that is trained is scored at the same time by `jaxgan evaluate`: a line that is added while the file is read,
    cut and replaced would be lost.
    """
    with (folder / ".lines.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # gone with the process, however it ends
        yield


def _end_of_lines(file: IO[bytes]) -> int:
    """Where the last whole line ends."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(end - BLOCK, 0)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _is_whole(tail: str | bytes) -> bool:
    """Whether what follows the last end of a line is a line all the same, as editors leave it."""
    try:
        return isinstance(json.loads(tail), dict)
    except ValueError:
        return False


def read_lines(path: Path, *needed: str) -> list[dict[str, Any]]:
    """The objects of a `.jsonl` file, none if there is no file; a last line that a kill cut short is left out.

    Args:
      path: of the file.
      needed: names that every object must have, besides `step`, a whole number.

    Raises:
      JaxganError: a line before the last is damaged, or lacks something.
    """
    try:
        *complete, tail = path.read_text().split("\n") if path.exists() else [""]
        lines = [json.loads(line) for line in [*complete, *([tail] if _is_whole(tail) else [])]]
        for number, line in enumerate(lines, 1):
            if not isinstance(line, dict) or not isinstance(line.get("step"), int) or not line.keys() >= {*needed}:
                raise ValueError(f"line {number} is not an object with {', '.join(['step', *needed])}")
        return lines
    except ValueError as error:
        raise JaxganError(f"{path} is damaged: {error}. Remove the damaged line.") from error


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
