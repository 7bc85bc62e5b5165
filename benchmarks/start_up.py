"""From the command to the end of the first 50 steps, in a fresh process, and the memory that took.

jaxgan: `python train.py`, the default recipe as it stands, until its first line of metrics; cold with an empty cache of
compiled programs, warm with that of the start before. PyTorch: the same networks and steps in a script that reads the
same images from a file.
"""

import functools
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.measure import Pair
from jaxgan import config
from jaxgan.data import open_source

ROOT = Path(__file__).parents[1]


class Starter:
    """Starts a command, waits for its first line that begins with "step ", and ends it.

    Args:
      command: given an empty folder, a command that prints such a line.
      warm: one cache of compiled programs for all starts; otherwise each begins with an empty one.
    """

    def __init__(self, command: Callable[[Path], Sequence[str]], warm: bool) -> None:
        self._command, self._warm = command, warm
        self._cache = tempfile.TemporaryDirectory()
        self.peak_mib = 0.0

    def __call__(self) -> None:
        """One start; remembers the largest peak memory.

        Raises:
          RuntimeError: the command ended without such a line.
        """
        with tempfile.TemporaryDirectory() as scratch:
            command = self._command(Path(scratch, "run"))
            environment = _environment(self._cache.name if self._warm else str(Path(scratch, "cache")))
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line)
                if line.startswith("step "):
                    break
            self.peak_mib = max(self.peak_mib, _peak_mib(process.pid))
            process.kill()
            process.wait()
            process.stdout.close()
        if not lines or not lines[-1].startswith("step "):
            raise RuntimeError(f"{' '.join(command)} made no step:\n{''.join(lines)}")


def _peak_mib(process: int) -> float:
    """Largest resident memory of a running process; Linux only. Its `ru_maxrss` would include ours, before the exec."""
    status = Path(f"/proc/{process}/status")
    peaks = re.findall(r"VmHWM:\s*(\d+) kB", status.read_text() if status.is_file() else "")
    return float(peaks[0]) / 1024 if peaks else math.nan


def _environment(cache: str) -> dict[str, str]:
    """Ours, with another folder for what jaxgan keeps between starts."""
    kept = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "XDG_CACHE_HOME": cache}


def _overrides(toy: bool) -> list[str]:
    return ["generator.width=2", "discriminator.width=2", "steps_per_call=5", "log_every=5"] if toy else []


def _our_command(toy: bool, scratch: Path) -> list[str]:
    overrides = [f"--config.{setting}" for setting in _overrides(toy)]
    return [sys.executable, "train.py", f"--workdir={scratch}", *overrides]


@functools.cache
def _peer_folder(toy: bool) -> tempfile.TemporaryDirectory[str]:
    """A folder with what the PyTorch script reads: settings and images. It is removed when this process ends."""
    folder = tempfile.TemporaryDirectory()
    settings = config.resolve(config.override(config.load("digits_cgan"), _overrides(toy)))
    Path(folder.name, "settings.json").write_text(config.to_json(settings))
    np.savez(Path(folder.name, "images.npz"), **dict(open_source(settings["data"], 0).arrays()))  # type: ignore[arg-type]
    return folder


def _peer_command(toy: bool, scratch: Path) -> list[str]:
    files = [str(Path(_peer_folder(toy).name, name)) for name in ("settings.json", "images.npz")]
    return [sys.executable, "-m", "benchmarks.peers", *files, "5" if toy else "50"]


def pairs(warm: bool, toy: bool) -> list[Pair]:
    """The start of jaxgan, with compiled programs kept from the start before or not, and that of a PyTorch script."""
    ours, theirs = (
        Starter(functools.partial(_our_command, toy), warm),
        Starter(functools.partial(_peer_command, toy), warm),
    )

    def peaks() -> dict[str, float]:
        return {"our_peak_mib": ours.peak_mib, "their_peak_mib": theirs.peak_mib}

    return [Pair("PyTorch script", ours, theirs, 1, facts=peaks)]
