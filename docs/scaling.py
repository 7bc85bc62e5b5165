"""Measures what `docs/scaling.md` states: what devices tell each other in a step, and what sharing the work costs.

Command: `XLA_FLAGS=--xla_force_host_platform_device_count=8 python docs/scaling.py [--only volume,work] [--toy]`. It
prints tables of Markdown. No data are read: shapes are those of the recipes, examples are zeros.
"""

import argparse
import math
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan import config
from jaxgan.data import DataSpec, make_feed
from jaxgan.data.memory import ArraySource
from jaxgan.devices import Devices
from jaxgan.networks.summary import parameter_counts
from jaxgan.systems import build_system
from jaxgan.training.program import Program, Untrained, make_call
from jaxgan.training.seeds import as_array

SPECS = {
    "mnist_dcgan": DataSpec((28, 28, 1), "uint8", (), 4096),
    "folder_dcgan64": DataSpec((64, 64, 3), "uint8", (), 4096),
    "cifar10_sngan": DataSpec((32, 32, 3), "uint8", (), 4096),
}
STEPS = 2  # in a compiled call

COLLECTIVE = re.compile(r"= (.+?) (all-reduce|all-gather|reduce-scatter|collective-permute|all-to-all)(?:-start)?\(")
SHAPE = re.compile(r"(f32|bf16|f16|s32|u32|pred|u8|s64)\[([\d,]*)\]")
BYTES = {"f32": 4, "bf16": 2, "f16": 2, "s32": 4, "u32": 4, "pred": 1, "u8": 1, "s64": 8}

# Bytes a second that an accelerator sends, seconds that a collective takes beyond them, and how they are connected.
LINKS = {8: (450e9, 10e-6, "NVLink 4"), 64: (50e9, 30e-6, "400 Gbit/s each"), 512: (50e9, 60e-6, "400 Gbit/s each")}
SPEED = 20e12
"""Operations a second that an accelerator is taken to do of such networks."""


class Built(NamedTuple):
    """A recipe's program for some devices, and what it is called with."""

    program: Program
    arguments: list[Any]
    parameters: int
    batch_size: int


def build(recipe: str, count: int, batch_size: int | None, fsdp: bool, toy: bool) -> Built:
    """The program of a recipe for so many devices."""
    loaded = config.load(recipe)
    loaded.metrics, loaded.fsdp = (), fsdp
    if batch_size:
        loaded.batch_size = batch_size
    if toy:
        loaded.batch_size = batch_size or 16
    settings, spec = config.resolve(loaded), SPECS[recipe]
    system, devices = build_system(settings, spec), Devices.first(count, fsdp)
    source = ArraySource(np.zeros((64, *spec.shape), np.uint8))
    feed = make_feed(source, settings["batch_size"], system.micro_batches, [0], 2**30)
    state, sums = Untrained(system, spec, settings["batch_size"], [0]).on(devices)
    constants = devices.put(feed.constants, devices.everywhere)
    item = devices.join(next(feed.items(0, STEPS)), feed.batch_axis)
    program = make_call(system, feed, [0], devices)
    parameters = sum(parameter_counts(system.networks()).values())
    return Built(program, [state, sums, as_array([0]), constants, item], parameters, settings["batch_size"])


def collectives(text: str) -> Iterator[tuple[str, int]]:
    """Kind and bytes of the result of every collective operation in a compiled program.

    Each stands once in the body of the loop over steps. What is in a loop over critic steps is counted once too.
    """
    for result, kind in COLLECTIVE.findall(text):
        sizes = [
            BYTES[name] * math.prod(map(int, filter(None, shape.split(",")))) for name, shape in SHAPE.findall(result)
        ]
        yield kind, sum(sizes)


def volume(recipes: Sequence[str], toy: bool) -> None:
    """Prints what eight devices tell each other in a step, and what follows for more of them.

    Convolutions are those of accelerators: a CPU's come in pieces, whose gradients would be added up one by one.
    """
    choose, jax.lax.platform_dependent = jax.lax.platform_dependent, lambda *a, default, **others: default(*a)
    print(
        "| recipe | parameters | batch | kept | collectives a step | MB a step | of it |\n|---|---|---|---|---|---|---|"
    )
    told: dict[str, tuple[int, float, float]] = {}
    for recipe in recipes:
        for fsdp in (False, True):
            built = build(recipe, 8, None, fsdp, toy)
            compiled = built.program.compiled(*built.arguments)
            found = list(collectives(compiled.as_text() or ""))
            kinds: Counter[str] = Counter()
            for kind, size in found:
                kinds[kind] += size
            total = sum(kinds.values()) / 1e6
            of_it = ", ".join(f"{kind} {size / 1e6:.2f}" for kind, size in kinds.most_common())
            kept = "split" if fsdp else "whole"
            facts = f"{built.parameters:,} | {built.batch_size} | {kept} | {len(found)} | {total:.2f} | {of_it}"
            print(f"| `{recipe}` | {facts} |", flush=True)
            if not fsdp:
                cost: Mapping[str, float] = compiled.cost_analysis() or {}
                told[recipe] = (len(found), total * 1e6, cost.get("flops", 0.0))
    jax.lax.platform_dependent = choose
    heads = " | ".join(f"{count}: {LINKS[count][2]}" for count in LINKS)
    print(f"\n| recipe | operations a device and step | {heads} |\n|---|---|{'---|' * len(LINKS)}")
    for recipe, (number, sent, flops) in told.items():
        cells = [f"{efficiency(count, number, sent, flops):.0%}" for count in LINKS]
        print(f"| `{recipe}` | {flops / 1e9:.2f} G | {' | '.join(cells)} |")


def efficiency(count: int, number: int, size: float, flops: float) -> float:
    """Share of the time that so many accelerators compute, the work of each staying the same: nothing overlaps."""
    rate, latency, _ = LINKS[count]
    computing = flops / SPEED
    talking = 2 * (count - 1) / count * size / rate + number * latency
    return computing / (computing + talking)


def work(recipe: str, toy: bool) -> None:
    """Prints the processor's time by number of devices, which share this machine's cores."""
    print(
        "\n| devices | one batch shared: CPU s per 1,000 images | a batch each: CPU s per 1,000 images |\n|---|---|---|"
    )
    each = 8 if toy else 16
    for count in (1, 2, 4, 8):
        cells = []
        for batch_size in (8 * each, count * each):
            built = build(recipe, count, batch_size, False, toy)
            state, sums, seed, constants, item = built.arguments
            taken = []
            for _ in range(1 + 3):
                before = time.process_time()
                state, sums, latest = built.program(state, sums, seed, constants, item)
                jax.block_until_ready(latest)
                taken.append((time.process_time() - before) / (STEPS * batch_size) * 1000)
            cells.append(f"{np.median(taken[1:]):.2f}")  # the first has the compilation in it
        print(f"| {count} | {cells[0]} | {cells[1]} |", flush=True)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="volume,work")
    parser.add_argument("--toy", action="store_true")
    options = parser.parse_args()
    if jax.device_count() != 8:
        parser.error("start it with XLA_FLAGS=--xla_force_host_platform_device_count=8")
    if "volume" in options.only:
        volume(list(SPECS)[:1] if options.toy else list(SPECS), options.toy)
    if "work" in options.only:
        work("mnist_dcgan", options.toy)


if __name__ == "__main__":
    main()
