"""How much memory training takes: told once its program is compiled, before it runs."""

import resource
import sys
from pathlib import Path
from typing import Any

import jax


def needed(program: jax.stages.Compiled, state: Any) -> int:
    """Bytes that one device is to hold at the most: what the program is given, makes and works with, and of the state
    the copy that is written to disk while training goes on. 0 where the compiler does not tell.

    Args:
      program: of many steps, compiled.
      state: that it is given, arrays on the devices.
    """
    sizes = program.memory_analysis()
    if sizes is None:
        return 0
    copied = sum(leaf.addressable_shards[0].data.nbytes for leaf in jax.tree.leaves(state))
    return held(sizes) + sizes.temp_size_in_bytes + copied


def held(sizes: Any) -> int:
    """Bytes of what a program is given and makes, by its `memory_analysis`; what it may overwrite counts once."""
    return int(sizes.argument_size_in_bytes + sizes.output_size_in_bytes - sizes.alias_size_in_bytes)


def peak() -> int:
    """Bytes that this host's busiest device has held at the most; on a CPU, whose memory is this process', that the
    process has held.
    """
    if jax.default_backend() == "cpu":
        return _of_this_process()
    return max((device.memory_stats() or {}).get("peak_bytes_in_use", 0) for device in jax.local_devices())


def _of_this_process() -> int:
    if sys.platform == "linux":  # whose getrusage counts what the process was a copy of before it ran this program
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):  # which a sandbox may leave out
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def estimate(program: jax.stages.Compiled, state: Any, constants: Any) -> int:
    """What `peak` is to be at the end of training, in bytes, known before the first step.

    On a CPU the process has the state and the examples already, and works for all its devices.

    Args:
      program: as of `needed`.
      state: likewise.
      constants: that the devices keep, arrays on the devices.
    """
    if jax.default_backend() != "cpu":
        return needed(program, state)
    leaves = jax.tree.leaves((state, constants))
    there = sum(leaf.addressable_shards[0].data.nbytes for leaf in leaves)
    return peak() + max(needed(program, state) - there, 0) * len(leaves[0].addressable_shards)
