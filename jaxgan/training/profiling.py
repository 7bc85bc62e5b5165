"""Where the time of a step goes: a trace of two calls of the compiled program, and a table of its operations."""

import contextlib
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax

from jaxgan.errors import JaxganError
from jaxgan.training import memory
from jaxgan.training.program import Call, Program

FIRST, LAST = 2, 3
"""The calls that are traced: the first one has the compilation and the warming up in it."""

ROWS = 10

# `%name = shape opcode(...), ..., metadata={op_name="path of the code that asked for it" ...}`; a tuple is no shape.
INSTRUCTION = re.compile(r"^\s*(?:ROOT )?%?(\S+) = (?:\(.*?\)|(\S+?)(?:\{\S*)?) ([\w-]+)\(.*?(?:op_name=\"(.*?)\"|$)")

CONTROL = ("while", "call", "conditional")  # they last as long as what runs inside, which has events of its own
MACHINERY = ("jit(call)", "while", "body", "closed_call")  # of every operation of a step: the scan around it


class Operation(NamedTuple):
    """What a compiled program says of one of its operations.

    Attributes:
      shape: of its result, as `f32[64,32,32,1]`.
      opcode: as `fusion`.
      source: the modules and functions that asked for it, as `jvp(DCGANGenerator)/ConvTranspose_1/dot_general`.
    """

    shape: str
    opcode: str
    source: str


class Cost(NamedTuple):
    """Time in an operation, in nanoseconds, and how often it ran."""

    name: str
    nanoseconds: float
    runs: int


def operations(program: str) -> dict[str, Operation]:
    """Name -> operation, from the text of a compiled program."""
    found = (INSTRUCTION.match(line) for line in program.splitlines())
    return {
        match[1]: Operation(
            match[2] or "",
            match[3],
            "/".join(part for part in (match[4] or "").split("/") if part not in MACHINERY),
        )
        for match in found
        if match
    }


def costs(trace: jax.profiler.ProfileData, module: str) -> list[Cost]:
    """Time in every operation of a module, on all its devices and threads, the most first; control flow included."""
    nanoseconds: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for event in (event for plane in trace.planes for line in plane.lines for event in line.events):
        facts = dict(event.stats)
        if "hlo_op" in facts and facts.get("hlo_module") == module:
            nanoseconds[facts["hlo_op"]] += event.duration_ns
            counts[facts["hlo_op"]] += 1
    return [Cost(name, total, counts[name]) for name, total in nanoseconds.most_common()]


def table(program: str, trace: jax.profiler.ProfileData, steps: int) -> str:
    """The operations of a program that took the most time.

    Args:
      program: the text of the compiled program.
      trace: in which it ran.
      steps: that it made meanwhile.

    Raises:
      JaxganError: the trace has nothing of the program.
    """
    known, module = operations(program), program.split(maxsplit=2)[1].rstrip(",")
    spent = [cost for cost in costs(trace, module) if cost.name not in known or known[cost.name].opcode not in CONTROL]
    if not spent:
        raise JaxganError("JAX's profiler recorded no operation of the program on this device.")
    total = sum(cost.nanoseconds for cost in spent)
    lines = [f"{'ms/step':>9} {'share':>6} {'count':>6}  operation"]
    for name, nanoseconds, runs in spent[:ROWS]:
        shape, _, source = known.get(name, Operation("", "", ""))
        lines.append(f"{_time(nanoseconds, steps, total)} {runs / steps:6.3g}  {name} {shape}  {source}")
    rest = sum(cost.nanoseconds for cost in spent[ROWS:])
    lines.append(f"{_time(rest, steps, total)} {'':6}  {len(spent[ROWS:])} other operations")
    return "\n".join(lines)


def _time(nanoseconds: float, steps: int, total: float) -> str:
    return f"{nanoseconds / steps / 1e6:9.3f} {nanoseconds / total:6.1%}"


class Profiler:
    """Stands in the place of the compiled call and traces some of its calls.

    Args:
      folder: of the trace; made if it is not there.
      report: tells the user.
    """

    def __init__(self, folder: Path, report: Callable[[str], None]):
        self._folder, self._report = folder, report
        self.calls = 0
        self.tracing = False

    def __call__(self, call: Program) -> Call:
        """The call, watched."""

        def watched(*arguments: Any) -> Any:
            program = call.compiled(*arguments)
            self.calls += 1
            if self.calls == FIRST:
                self._begin(arguments)
            result = program(*arguments)
            if self.calls == LAST:
                self._end(result, program, len(jax.tree.leaves(arguments[-1])[0]))
            return result

        return watched

    def _begin(self, arguments: Any) -> None:
        jax.block_until_ready(arguments)  # the call before has ended: it is not in the trace
        options = jax.profiler.ProfileOptions()
        options.python_tracer_level = 0
        jax.profiler.start_trace(self._folder, profiler_options=options)
        self.tracing, self._started = True, time.perf_counter()

    def _end(self, result: Any, program: jax.stages.Compiled, length: int) -> None:
        jax.block_until_ready(result)
        steps = length * (LAST - FIRST + 1)
        wall = (time.perf_counter() - self._started) / steps
        self.stop()
        trace = max(self._folder.rglob("*.xplane.pb"), key=lambda path: path.stat().st_mtime)
        self._report(
            f"profile   {steps} steps, {wall * 1e3:.3f} ms each; {_memory(program)}\n"
            f"{table(program.as_text() or '', jax.profiler.ProfileData.from_file(str(trace)), steps)}\n"
            f"          {trace}"
        )

    def stop(self) -> None:
        """Ends the trace if there is one."""
        if self.tracing:
            self.tracing = False
            jax.profiler.stop_trace()


@contextlib.contextmanager
def profiled(folder: Path, report: Callable[[str], None]) -> Iterator[Profiler]:
    """Wraps a run's compiled call, to trace two calls and report on them, or at the end on why there were none.

    Args:
      folder: of the trace.
      report: tells the user.
    """
    profiler = Profiler(folder, report)
    try:
        yield profiler
    finally:
        profiler.stop()
    if profiler.calls < LAST:
        report(
            f"nothing to profile: calls {FIRST} to {LAST} of the program are traced, and this start of the run made "
            f"{profiler.calls}. Raise config.steps, or lower config.steps_per_call in another --workdir."
        )


def _memory(program: jax.stages.Compiled) -> str:
    sizes = program.memory_analysis()
    if sizes is None:  # not every backend tells
        return "memory unknown"
    held, working = memory.held(sizes) / 2**20, sizes.temp_size_in_bytes / 2**20
    return f"memory {held:.1f} MiB of state and data, {working:.1f} MiB while it runs"
