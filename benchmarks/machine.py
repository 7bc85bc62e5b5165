"""What the figures were measured on: names, versions, and the rates that the floors are computed from."""

import datetime
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import torch

from benchmarks.measure import fastest


@dataclass(frozen=True)
class Machine:
    """A machine and its software.

    Attributes:
      cpu: model.
      cores: that this process may use.
      device: JAX's, and PyTorch's.
      versions: of Python, jax and torch.
      date: UTC.
      load: processes that wanted a core in the minute before; PyTorch's threads wait for each other, so that others'
        work slows it more than jaxgan, and a ratio means little where this is not near 0.
      flops: FLOP/s of a matrix product in jax, by precision.
      bandwidth: bytes/s of a copy in jax that fits a cache, reads and writes together; what a program keeps in the
        cache does not wait for the memory, so only this rate makes a floor.
      memory_bandwidth: the same of a copy that fits no cache.
    """

    cpu: str
    cores: int
    device: str
    versions: Mapping[str, str]
    date: str
    load: float
    flops: Mapping[str, float]
    bandwidth: float
    memory_bandwidth: float

    def header(self) -> str:
        """Two lines for people, and a warning."""
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        rates = ", ".join(f"{rate / 1e9:.0f} GFLOP/s {precision}" for precision, rate in self.flops.items())
        busy = "\nthis machine is busy: the ratios favour jaxgan" if self.load > self.cores / 2 else ""
        return (
            f"{self.cpu}, {self.cores} cores; {self.device}; {versions}; {self.date}, load {self.load:.1f}\n"
            f"matrix products {rates}, "
            f"copies {self.bandwidth / 1e9:.0f} GB/s in the cache, {self.memory_bandwidth / 1e9:.1f} GB/s outside{busy}"
        )


def this_machine(toy: bool) -> Machine:
    """Measures and describes this machine, in about two seconds."""
    precisions = ("float32", "bfloat16") if toy or torch.cuda.is_available() else ("float32",)
    theirs = torch.cuda.get_device_name() if torch.cuda.is_available() else f"cpu, {torch.get_num_threads()} threads"
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        device=f"jax on {jax.devices()[0].device_kind}, torch on {theirs}",
        versions={"python": platform.python_version(), "jax": jax.__version__, "torch": torch.__version__},
        date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        load=os.getloadavg()[0],
        flops={precision: product_rate(precision, toy) for precision in precisions},
        bandwidth=max(copy_rate(2**exponent) for exponent in (20, 22, 24)),
        memory_bandwidth=copy_rate(2**24 if toy else 2**28),
    )


def product_rate(precision: str, toy: bool) -> float:
    """FLOP/s of the best of a few square matrix products."""
    large = jax.devices()[0].platform != "cpu"
    sizes = (128,) if toy else (4096, 8192) if large else (512, 1024, 2048)
    product, rates = jax.jit(jnp.matmul), []
    for size in sizes:
        matrix = jnp.ones((size, size), precision)
        rates.append(2 * size**3 / fastest(lambda a=matrix: product(a, a).block_until_ready(), 5))  # type: ignore[misc]
    return max(rates)


def copy_rate(size: int) -> float:
    """Bytes/s read and written by a copy of an array of so many bytes."""
    numbers = jnp.zeros(size // 4)
    copy = jax.jit(jnp.copy)
    return 2 * numbers.nbytes / fastest(lambda: copy(numbers).block_until_ready(), 5)


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
