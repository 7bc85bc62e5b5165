"""Runs for `docs/faults.py`: one a system, small, in processes that can be killed, and what is compared of them."""

import contextlib
import json
import multiprocessing
import os
import random
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from PIL import Image

from jaxgan import cli, config
from jaxgan.data.digits import digits
from jaxgan.sampling import load_all
from jaxgan.training.run_directory import RunDirectory, read_lines

CLOCK = ("seconds", "images_per_second", "data_wait")
"""What may differ between the lines of two equal runs."""

BASE = (
    "steps=60",
    "steps_per_call=1",
    "batch_size=4",
    "log_every=2",
    "sample_every=10",
    "save_every=3",
    "samples=9",
    "metrics=()",
)
DIGITS = ("data=dict(name='digits', image_size=8)",)
PAIRS = ("data=dict(name='unpaired', data_dir='{pairs}')",)
DCGAN = ("generator=dict(name='dcgan', width=2, multipliers=(1,))",
         "discriminator=dict(name='dcgan', width=2, multipliers=(1,))", "system.latent_size=2")  # fmt: skip
PERCEPTRONS = ("generator.hidden=(4,)", "discriminator.hidden=(4,)", "system.latent_size=4")
CODERS = (*DIGITS, "encoder.hidden=(4,)", "decoder.hidden=(4,)", "system.latent_size=2")

# fmt: off
SUBJECTS: Mapping[str, tuple[str, Sequence[str]]] = {
    "autoencoder": ("mnist_autoencoder", CODERS),
    "began": (
        "mnist_began",
        (
            *DIGITS,
            "system.latent_size=4",
            *(f"{n}.{o}" for n in ("generator", "encoder", "decoder") for o in ("width=2", "multipliers=(1, 1)")),
        ),
    ),
    "cyclegan": (
        "mnist_cyclegan",
        (*PAIRS, "generator.width=2", "generator.blocks=1", "discriminator.width=2", "discriminator.layers=1"),
    ),
    "gan": ("digits_cgan", (*DIGITS, *DCGAN)),
    "gan_adaptive": ("digits_cgan", (*DIGITS, *DCGAN, "augmentation=dict(name='ada', speed_images=500)")),
    "gan_best": (
        "ring_gan",
        (
            *PERCEPTRONS,
            "metrics=('modes2500_ring',)",
            "evaluate_every=6",
            "keep_best='modes2500_ring'",
            "roll_back_on=('regressed', 'saturated', 'runaway', 'still')",
        ),
    ),
    "gan_seeds": ("ring_gan", (*PERCEPTRONS, "seeds=3")),
    "gan_spectral": (
        "mnist_sngan",
        (*DIGITS, *DCGAN[:1], *DCGAN[2:], "discriminator.width=2", "discriminator.multipliers=(1,)"),
    ),
    "gan_streaming": ("digits_cgan", (*DIGITS, *DCGAN, "device_limit_mib=0", "batch_size=7")),
    "infogan": ("mnist_infogan", (*DIGITS, *DCGAN, "posterior.hidden=(4,)")),
    "lapgan": (
        "mnist_lapgan",
        (*DIGITS, "system.levels=2", *PERCEPTRONS, "band_generator.width=2", "band_discriminator.width=2"),
    ),
    "pix2pix": (
        "mnist_pix2pix",
        (
            "data=dict(name='paired', data_dir='{pairs}', first='trainA', second='trainB')",
            "generator.width=2",
            "generator.multipliers=(1, 2)",
            "discriminator.width=2",
            "discriminator.layers=1",
        ),
    ),
    "progressive": (
        "mnist_progressive",
        (
            *DIGITS,
            "system.latent_size=4",
            "system.fade_steps=20",
            "system.stable_steps=10",
            "generator.channel_max=4",
            "discriminator.channel_max=4",
        ),
    ),
    "semisupervised": (
        "digits_semisupervised",
        (
            "data.image_size=8",
            "system.latent_size=2",
            *(f"{n}.{o}" for n in ("generator", "discriminator") for o in ("width=2", "multipliers=(1,)")),
        ),
    ),
    "unrolled": ("ring_unrolled", PERCEPTRONS),
    "vae": ("mnist_vae", CODERS),
}
# fmt: on
"""Name -> a recipe, and what is changed of it besides `BASE`: smaller networks, data that is at hand."""

MOMENTS = ("sheet", "checkpoint", "start", "line", "training")
"""Where kills are aimed: into a write of each kind, before the first line, at any time.

A sheet comes first: by then two checkpoints are due, so that one is whole, and what follows goes on from it.
"""

NOISE = re.compile(
    r"Traceback \(most recent call last\):\n"
    r"  File \".*/asyncio/base_events\.py\", line \d+, in call_soon_threadsafe\n"
    r"    self\._check_closed\(\)\n(?: +[~^]+\n)?"
    r"  File \".*/asyncio/base_events\.py\", line \d+, in _check_closed\n"
    r"    raise RuntimeError\('Event loop is closed'\)\n"
    r"RuntimeError: Event loop is closed\n"
)
"""What a thread of Tensorstore prints whose save has failed."""


def settings(name: str, folder: Path, more: Sequence[str] = ()) -> config.Settings:
    """The resolved recipe of a subject."""
    recipe, changes = SUBJECTS[name]
    texts = [text.replace("{pairs}", str(folder / "pairs")) for text in (*BASE, *changes, *more)]
    return config.resolve(config.override(config.load(recipe), texts))


def write_recipe(name: str, folder: Path, more: Sequence[str] = ()) -> Path:
    """A recipe file of a subject, and the pictures that it may read."""
    if not (folder / "pairs").is_dir():
        source = digits(0, image_size=8)
        for side in ("trainA", "trainB"):
            (folder / "pairs" / side).mkdir(parents=True)
            for i in range(20):
                image = source[i]["image"][..., 0]
                Image.fromarray(255 - image if side == "trainB" else image).save(folder / f"pairs/{side}/{i}.png")
    path = folder / f"{name}.py"
    path.write_text(
        f"from ml_collections import ConfigDict\n\n\ndef get_config():\n"
        f"    return ConfigDict({settings(name, folder, more)!r})\n"
    )
    return path


def _train(arguments: Sequence[str], log: str) -> None:
    """What a process of a run does: the command line, with what it says in a file."""
    with open(log, "w", buffering=1) as file:
        for number in (1, 2):
            os.dup2(file.fileno(), number)
        sys.stdout, sys.stderr = file, file
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.exit(cli.main(arguments))


_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["fault_runs", "jaxgan.training.start", "jaxgan.config"])


class Training:
    """`jaxgan train` in a process of its own, a copy of one that has imported everything and computed nothing.

    Args:
      recipe: of `write_recipe`.
      workdir: the run directory.
      log: what it says goes there.
    """

    def __init__(self, recipe: Path, workdir: Path, log: Path, *options: str):
        self.began, self._log = time.time(), log
        log.write_text("")
        arguments = ["train", "--config", str(recipe), "--workdir", str(workdir), *options]
        self.process = _SERVER.Process(target=_train, args=(arguments, str(log)))
        self.process.start()

    def said(self) -> str:
        """What it has said, without `NOISE`."""
        return NOISE.sub("", self._log.read_text())

    def trains(self) -> bool:
        """Whether it has written a line of metrics."""
        return "\nstep " in self.said()

    def wait(self, seconds: float = 300) -> int:
        """Its exit code, -n for signal n.

        Raises:
          TimeoutError: it goes on for longer.
        """
        self.process.join(seconds)
        code = self.process.exitcode
        if code is None:
            raise TimeoutError(f"still running after {seconds} s: {self.said()}")
        return code

    def until(self, condition: Any, pause: float = 0.0005) -> bool:
        """Waits until something is so; False if the process has ended before."""
        while not condition():
            if not self.process.is_alive():
                return False
            time.sleep(pause)
        return True

    def send(self, number: int) -> None:
        """Sends it a signal, if it is still there."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid or 0, number)

    def freeze(self) -> None:
        """Halts it until it is sent SIGCONT; when this returns, none of its threads runs any more."""
        self.send(signal.SIGSTOP)
        self.until(lambda: set(self.threads()) <= {"T"})

    def threads(self) -> list[str]:
        """What each of its threads does, as Linux says it in one letter; R runs, T is halted."""
        states = []
        for path in Path(f"/proc/{self.process.pid}/task").glob("*/stat"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
                states.append(path.read_text().rpartition(") ")[2][0])
        return states


def unfinished(workdir: Path) -> set[tuple[str, int, int]]:
    """Checkpoints that are being written, or were when their writer was killed: name, inode, time of last change."""
    found = set()
    with contextlib.suppress(FileNotFoundError):
        for path in (workdir / "checkpoints").iterdir():
            if "tmp" in path.name:
                found.add((path.name, path.stat().st_ino, path.stat().st_ctime_ns))
    return found


def reach(training: Training, workdir: Path, moment: str, chance: random.Random, spread: float) -> bool:
    """Waits for a moment of a run, of `MOMENTS`; False if it ended before.

    Args:
      training: the run.
      workdir: its directory.
      moment: where to.
      chance: decides when exactly.
      spread: seconds over which that may be, from the start, or from the first line.
    """

    def size(path: Path) -> tuple[float, ...]:
        with contextlib.suppress(FileNotFoundError):
            return path.stat().st_size, path.stat().st_mtime_ns
        return ()

    if moment == "start":
        end = time.time() + chance.uniform(0, spread)
        return training.until(lambda: time.time() > end)
    if not training.until(training.trains):
        return False
    if moment == "training":
        end = time.time() + chance.uniform(0, spread)
        return training.until(lambda: time.time() > end)
    if moment == "checkpoint":
        met = training.until(lambda: unfinished(workdir), 0)
    else:
        path = workdir / ("metrics.jsonl" if moment == "line" else "samples")
        before = size(path)
        met = training.until(lambda: size(path) != before, 0)
    time.sleep(chance.choice((0, chance.uniform(0, 0.05))))
    return met


def arrays(workdir: Path) -> dict[str, bytes]:
    """The bytes of every array of a run's last state, and of its best one where such are kept."""
    found = {}
    for which in ("last", "best") if RunDirectory(workdir).config()["keep_best"] else ("last",):
        for seed, trained in load_all(workdir, which).items():
            for path, leaf in jax.tree_util.tree_leaves_with_path(trained.state):
                found[f"{which} {seed}{jax.tree_util.keystr(path)}"] = np.asarray(leaf).tobytes()
    return found


def left_behind(workdir: Path) -> dict[str, bytes]:
    """Everything of a run that must not depend on what befell it, by name, as bytes.

    Arrays of the last and the best state; lines without what the clock says; sheets; and of all checkpoints there are
    the table of contents, which has the SHA-256 of their arrays.
    """
    run = RunDirectory(workdir)
    found = arrays(workdir)
    for path in (run.metrics, run.evaluations, run.alarms):
        lines = [{k: v for k, v in line.items() if k not in CLOCK} for line in read_lines(path)]
        found[path.name] = "\n".join(map(json.dumps, lines)).encode()
    for path in run.samples.rglob("*.png"):
        found[str(path.relative_to(workdir))] = path.read_bytes()
    for path in (*run.checkpoints.iterdir(), *workdir.glob("best/*/*")):
        table = json.loads((path / "contents" / "metadata").read_text())
        found[str(path.relative_to(workdir))] = json.dumps(table, sort_keys=True).encode()
    return found


def differing(a: Mapping[str, bytes], b: Mapping[str, bytes]) -> dict[str, int]:
    """Bytes that differ, by the name of what they are in; what one of the two lacks counts as a whole."""
    found = {}
    for name in a.keys() | b.keys():
        x, y = (np.frombuffer(side.get(name, b""), np.uint8) for side in (a, b))
        both = min(len(x), len(y))
        count = int((x[:both] != y[:both]).sum()) + max(len(x), len(y)) - both + ((name in a) != (name in b))
        if count:
            found[name] = count
    return found


class Whole(NamedTuple):
    """An undisturbed run.

    Attributes:
      left: of `left_behind`.
      first: seconds from its start to its first line.
      duration: seconds from there to its end.
      clock: step -> seconds, of its lines.
    """

    left: dict[str, bytes]
    first: float
    duration: float
    clock: dict[int, float]


def undisturbed(recipe: Path, workdir: Path, log: Path) -> Whole:
    """Makes the run that others are compared with, twice: the second time programs are compiled already, as for them.

    Raises:
      RuntimeError: it failed.
    """
    for attempt in ("once", "again"):
        training = Training(recipe, workdir / attempt, log)
        training.until(training.trains)
        first = time.time() - training.began
        if training.wait():
            raise RuntimeError(training.said())
        duration = time.time() - training.began - first
    once, again = (left_behind(workdir / attempt) for attempt in ("once", "again"))
    if different := differing(once, again):
        raise RuntimeError(f"two undisturbed runs differ: {different}")
    clock = {line["step"]: line["seconds"] for line in read_lines(workdir / "again" / "metrics.jsonl")}
    return Whole(again, first, duration, clock)


def traceback(said: str) -> str:
    """The first traceback in what a run has said without `NOISE`, and what follows; empty if there is none."""
    found = re.search(r"^(?:Traceback \(|Exception ignored).*", said, re.MULTILINE | re.DOTALL)
    return found[0] if found else ""


def continued_at(said: str) -> int:
    """The step that a run went on from, by what it said."""
    found = re.search(r"^(?:continuing at|already trained to) step (\d+)", said, re.MULTILINE)
    return int(found[1]) if found else 0


@contextlib.contextmanager
def compiled_once(folder: Path) -> Iterator[None]:
    """Processes that are started meanwhile share compiled programs, on a CPU."""
    given = {
        "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "JAX_PLATFORMS": "cpu",
    }
    before = {name: os.environ.get(name) for name in (*given, "PYTHONPATH")}
    os.environ.update({name: before[name] or value for name, value in given.items()})
    # For the process that is copied: it imports before it is told this one's path.
    here = [str(folder) for folder in (Path(__file__).parent, Path(__file__).parents[1])]
    os.environ["PYTHONPATH"] = os.pathsep.join([*here, *filter(None, [before["PYTHONPATH"]])])
    yield
    for name, value in before.items():
        if value is None:
            del os.environ[name]
