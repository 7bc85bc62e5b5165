"""What a checkpoint costs: for how long `save` holds the loop, until when it is on disk, and the share of training.

Command: `python docs/fault_cost.py --out DIR`.
"""

import argparse
import shutil
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax

from jaxgan import config
from jaxgan.data import make_feed, open_source
from jaxgan.devices import Devices
from jaxgan.networks import PRESETS
from jaxgan.systems import build_system
from jaxgan.training.checkpoints import Checkpoints
from jaxgan.training.program import Untrained, make_call
from jaxgan.training.seeds import as_array

RECIPES: Mapping[str, Mapping[str, Any]] = {
    "digits_cgan": {},
    # The networks of `mnist_dcgan`, on digits that need no download.
    "mnist_dcgan": dict(data=dict(name="digits", image_size=28), **PRESETS["gans_in_action_dcgan"]),
}

LONGEST = 600
"""Seconds that a checkpoint is waited for."""


class Cost(NamedTuple):
    """Of a recipe: size in MiB; seconds of one step, of `save`, and until it is on disk; steps between saves.

    `save` brings the files of the one before from memory to the disk, which is counted; until then, "on disk" is that
    the checkpoint has its name.
    """

    mib: float
    step: float
    save: float
    done: float
    save_every: int

    def share(self) -> float:
        """Of the time of training."""
        return self.save / (self.save + self.save_every * self.step)


def settings(recipe: str) -> config.Settings:
    """The resolved settings of one of `RECIPES`."""
    loaded = config.load(recipe)
    for key, value in RECIPES[recipe].items():
        loaded[key] = value
    return config.resolve(loaded)


def cost(settings: config.Settings, folder: Path, saves: int = 5) -> Cost:
    """Trains and saves in turn, as training does: calls go on while a checkpoint is written. Takes medians."""
    source = open_source(settings["data"], 0)
    system = build_system(settings, source.spec)
    devices = Devices.first(1)
    state, sums = Untrained(system, source.spec, settings["batch_size"], [0]).on(devices)
    feed = make_feed(source, settings["batch_size"], system.micro_batches, [0], 2**31)
    call, length = make_call(system, feed, [0], devices), 10
    items, constants = feed.items(0, length), devices.put(feed.constants, devices.everywhere)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    checkpoints = Checkpoints(folder, settings["keep_checkpoints"])
    times: dict[str, list[float]] = {"step": [], "save": [], "done": []}
    step = 0

    def train() -> float:
        """Makes a call; seconds of one of its steps."""
        nonlocal state, sums, step
        before = time.perf_counter()
        state, sums, latest = call(state, sums, as_array([0]), constants, devices.join(next(items), feed.batch_axis))
        step = int(latest)
        return (time.perf_counter() - before) / length

    train()  # compiles
    for number in range(saves + 1):
        undisturbed = train()
        began, before = time.time(), time.perf_counter()
        checkpoints.save(step, {"state": state, "tally": sums})
        held = time.perf_counter() - before
        place = folder / str(step)
        while not place.is_dir() and time.time() < began + LONGEST:
            train()
        if number:  # before the first there was none whose files it had to wait for
            times["step"].append(undisturbed)
            times["save"].append(held)
            times["done"].append(place.stat().st_ctime - began)  # its last change is that it got this name
    checkpoints.wait()
    checkpoints.close()
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(state)) / 2**20
    return Cost(
        size, **{key: statistics.median(values) for key, values in times.items()}, save_every=settings["save_every"]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a row a recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoints")
    options = parser.parse_args(arguments)
    print("| recipe | state | a step | `save` holds the loop | on disk after | share of training |")
    print("|---|---|---|---|---|---|")
    for recipe in RECIPES:
        one = cost(settings(recipe), options.out / recipe)
        print(
            f"| {recipe} | {one.mib:.1f} MiB | {one.step:.3f} s | {one.save:.3f} s | {one.done:.2f} s "
            f"| {one.share():.2%} of {one.save_every} steps |",
            flush=True,
        )


if __name__ == "__main__":
    main()
