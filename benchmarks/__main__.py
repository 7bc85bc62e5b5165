"""`python -m benchmarks`: jaxgan's time beside PyTorch's, in the same minutes, and beside the machine's floor."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", "0.4")  # of a GPU, where PyTorch needs its share

try:
    import torch  # noqa: F401
except ImportError:
    sys.exit("the benchmarks compare with PyTorch: pip install torch")

from benchmarks import check, convolutions, peers, report, scaling
from benchmarks.machine import Machine, this_machine
from benchmarks.workloads import WORKLOADS

TABLES = {"convolutions": "GFLOP/s of every lowering of the convolutions, layer by layer (only where it is named)"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what is asked for; the exit code is 1 where `--check` finds jaxgan too slow."""
    options = _parser().parse_args(arguments)
    known = {name: workload.what for name, workload in WORKLOADS.items()} | TABLES
    if options.list:
        print("\n".join(f"{name:16} {what}" for name, what in known.items()))
        return 0
    peers.tune()
    if options.check:
        failures = check.failures()
        print("\n".join(failures))
        return 1 if failures else 0
    everything = [*WORKLOADS, *(TABLES if options.toy else ())]
    names = options.only.split(",") if options.only else [] if options.scaling else everything
    unknown = [name for name in names if name not in known]
    if unknown:
        _parser().error(f"unknown workloads {', '.join(unknown)}; there are {', '.join(known)}")
    machine = this_machine(options.toy)
    print(machine.header(), flush=True)
    run(names, options, machine)
    if options.scaling or (options.toy and not options.only):
        points = scaling.sweep(machine, options.toy)
        report.save(options.out, "scaling", machine, points)
        scaling.draw(options.out / "scaling.png", points)
    print(f"written to {options.out}")
    return 0


def run(names: Sequence[str], options: argparse.Namespace, machine: Machine) -> None:
    """Measures the workloads of these names; `results.json` and the figure are complete after each."""
    if any(name in WORKLOADS for name in names):
        print(report.HEADINGS)
    results: list[report.Result] = []
    for name in names:
        if name in TABLES:
            report.save(options.out, name, machine, convolutions.table(options.toy))
            continue
        workload = WORKLOADS[name]
        rounds = options.rounds or (1 if options.toy else workload.rounds)
        for pair in workload.pairs(options.toy):
            results.append(report.measure(name, workload.unit, pair, rounds, machine))
            print(results[-1].line(), flush=True)
        report.save(options.out, "results", machine, results)
        report.draw(options.out / "results.png", machine, results)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__, allow_abbrev=False)
    parser.add_argument("--list", action="store_true", help="list the workloads")
    parser.add_argument("--only", metavar="NAME[,NAME]", help="these workloads (default: all)")
    parser.add_argument("--rounds", type=int, help="measurements of each side (default: what the workload says)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder of the results")
    parser.add_argument("--toy", action="store_true", help="tiny sizes: whether everything runs, not how fast")
    parser.add_argument("--scaling", action="store_true", help="how a step grows with batch, resolution and width")
    parser.add_argument(
        "--check", action="store_true", help="fail where jaxgan is slower than it was against its peers"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
