"""From a resolved recipe to a trained run directory: what comes before the loop and after it."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax

from jaxgan.data import DataSpec, open_source
from jaxgan.errors import JaxganError
from jaxgan.evaluation import make_metrics
from jaxgan.networks.summary import parameter_counts
from jaxgan.systems import System, build_system
from jaxgan.training.checkpoints import Checkpoints
from jaxgan.training.loop import Kept, Outcome, steps_per_call, train
from jaxgan.training.profiling import profiled
from jaxgan.training.recorder import Recorder
from jaxgan.training.run_directory import RunDirectory

BEST = 2
"""Of the states that scored better than all before them, how many are kept."""


class Result(NamedTuple):
    """What training came to.

    Attributes:
      outcome: the step it reached, and what came there to stop it.
      finished: whether that was the last step, where it came too late.
      pictures: every picture of the run.
    """

    outcome: Outcome
    finished: bool
    pictures: list[Path]


def run(
    config: Mapping[str, Any], workdir: Path, command: str, allow_changes: bool = False, profile: bool = False
) -> Result:
    """Trains the recipe in its run directory, going on where an earlier start left off.

    Args:
      config: resolved settings.
      workdir: the run directory; made if it is not there.
      command: that the user typed, for `run.json`.
      allow_changes: go on although the directory holds a run with other settings.
      profile: watch two calls of the program, and tell what takes the time.

    Raises:
      JaxganError: anything the user can put right; what was on disk before is still there.
    """
    directory = RunDirectory(workdir)
    if not allow_changes:
        directory.check(config)
    source = open_source(config["data"], config["seed"])
    system = build_system(config, source.spec)
    scorers = make_metrics(config["metrics"], source.spec, system, config["data"])
    if config["keep_best"] and scorers[config["keep_best"]].aim is None:
        raise JaxganError(f"config.keep_best: {config['keep_best']} does not rank states; name another metric.")
    if config["roll_back_on"] and len(system.stages) > 1:
        raise JaxganError("config.roll_back_on: a system that grows cannot go back; leave it out, or use stop_on.")
    recorder = Recorder(config, directory, source, system, scorers, command)
    watching = profiled(directory.profile, recorder.report) if profile else contextlib.nullcontext(lambda call: call)
    with directory.opened(), watching as watch:
        recorder.report(_introduction(config, source.spec, system, workdir))
        try:
            best = _best(directory, config["keep_best"]) if config["keep_best"] else None
            kept = Kept(Checkpoints(directory.checkpoints, config["keep_checkpoints"]), best)
            try:
                with jax.default_matmul_precision(config["matmul_precision"]):
                    outcome = train(config, source, system, kept, recorder, watch)
            finally:
                for checkpoints in filter(None, kept):
                    checkpoints.close()
            pictures = recorder.finish()
            finished = outcome.step == config["steps"]
            directory.close(outcome.step, "finished" if finished else _reason(outcome))
        except BrokenPipeError:  # of the console, not of the run directory
            raise
        except OSError as error:
            raise JaxganError(
                f"cannot write to {workdir}: {error.strerror or error}. Put that right and run the same command again; "
                "it continues from the last checkpoint."
            ) from error
    return Result(outcome, finished, pictures)


def _best(directory: RunDirectory, metric: str) -> Checkpoints:
    folder = directory.best_by(metric)
    folder.mkdir(parents=True, exist_ok=True)
    return Checkpoints(folder, BEST)


def _reason(outcome: Outcome) -> str:
    return f"alarm {outcome.stopped_by}" if isinstance(outcome.stopped_by, str) else "signal"


def _classes(names: Sequence[str]) -> str:
    shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    return f"{len(names)} {'class' if len(names) == 1 else 'classes'}: {shown}" if names else "no classes"


def _introduction(config: Mapping[str, Any], spec: DataSpec, system: System, workdir: Path) -> str:
    counts = parameter_counts(system.networks())
    device, length = jax.devices()[0], steps_per_call(config, system.stages)
    seeds = f", {config['seeds']} seeds together" if config["seeds"] > 1 else ""
    short = "" if length > config["steps_per_call"] // 4 else " (all that divides steps and intervals)"
    return (
        f"data      {config['data']['name']}: {spec.size} examples of {spec.shape} {spec.dtype}, "
        f"{_classes(spec.class_names)}\n"
        f"networks  {', '.join(f'{name} {count:,} parameters' for name, count in counts.items())}\n"
        f"device    {device.device_kind} ({device.platform}), {config['precision']}, {length} steps a call{short}"
        f"{seeds}\n"
        f"run       {workdir}\n"
        "compiling ..."
    )
