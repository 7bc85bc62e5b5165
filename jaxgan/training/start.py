"""From a resolved recipe to a trained run directory: what comes before the loop and after it."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax

from jaxgan.data import DataSpec, Source, open_source
from jaxgan.devices import Devices
from jaxgan.errors import JaxganError
from jaxgan.evaluation import Metric, make_metrics
from jaxgan.networks.summary import parameter_counts
from jaxgan.systems import System, build_system
from jaxgan.training import hosts, memory
from jaxgan.training.checkpoints import Checkpoints
from jaxgan.training.loop import Kept, Outcome, steps_per_call, train
from jaxgan.training.profiling import profiled
from jaxgan.training.program import Call, Hook, Program
from jaxgan.training.recorder import Bystander, Recorder, Writer
from jaxgan.training.run_directory import RunDirectory

BEST = 2
"""Of the states that scored better than all before them, how many are kept where nothing rolls back to them."""


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
    config: Mapping[str, Any],
    workdir: Path,
    command: str,
    allow_changes: bool = False,
    profile: bool = False,
    count: int | None = None,
) -> Result:
    """Trains the recipe in its run directory, going on where an earlier start left off.

    Args:
      config: resolved settings.
      workdir: the run directory; made if it is not there.
      command: that the user typed, for `run.json`.
      allow_changes: go on although the directory holds a run with other settings.
      profile: watch two calls of the program on the first host, and tell what takes the time.
      count: of devices that share the work; by default all that JAX sees.

    Raises:
      JaxganError: anything the user can put right; what was on disk before is still there.
    """
    directory = RunDirectory(workdir)
    with hosts.together(), contextlib.ExitStack() as stack:
        hosts.meet()
        with hosts.all_or_none():
            if hosts.primary():
                directory.check_free()
            if not allow_changes:
                directory.check(config)
            devices = Devices.first(count, config["fsdp"])
            devices.check_batch(config["batch_size"])
            source, system = _opened(config)
            scorers = make_metrics(config["metrics"], source.spec, system, config["data"]) if hosts.primary() else {}
            _check(config, system, scorers)
            recorder: Writer = Bystander()
            if hosts.primary():
                recorder = Recorder(config, directory, source, system, scorers, command, devices)
                stack.enter_context(directory.opened())
                if not allow_changes:
                    directory.check(config)  # once more: another process may have trained in it meanwhile
        watch: Hook = _unwatched
        if profile and hosts.primary():  # all hosts run the same program
            watch = stack.enter_context(profiled(directory.profile, recorder.report))
        try:
            hosts.check_shared(workdir)
            recorder.report(_introduction(config, source.spec, system, devices, workdir))
            outcome = _train(config, source, system, devices, directory, recorder, watch)
            pictures = recorder.finish()
            finished = outcome.step == config["steps"]
            if hosts.primary():
                directory.close(outcome.step, "finished" if finished else _reason(outcome), memory.peak())
        except BrokenPipeError:  # of the console, not of the run directory
            raise
        except OSError as error:
            raise JaxganError(
                f"cannot write to {workdir}: {error.strerror or error}.\n"
                f"Put that right and run the same command again; it continues from {directory.goes_on_from()}."
            ) from error
    return Result(outcome, finished, pictures)


def _opened(config: Mapping[str, Any]) -> tuple[Source, System]:
    """What a recipe trains on, and its system; one that these images do not fit is refused before they are decoded."""
    source = open_source(config["data"], config["seed"], lambda spec: build_system(config, spec))
    return source, build_system(config, source.spec)


def _check(config: Mapping[str, Any], system: System, scorers: Mapping[str, Metric]) -> None:
    judge = scorers.get(config["keep_best"])
    if judge is not None and judge.aim is None:
        raise JaxganError(f"config.keep_best: {config['keep_best']} does not rank states; name another metric.")
    if config["roll_back_on"] and len(system.stages) > 1:
        raise JaxganError("config.roll_back_on: a system that grows cannot go back; leave it out, or use stop_on.")


def _unwatched(call: Program) -> Call:
    return call


def _train(
    config: Mapping[str, Any],
    source: Source,
    system: System,
    devices: Devices,
    directory: RunDirectory,
    recorder: Writer,
    watch: Hook,
) -> Outcome:
    best = _best(directory, config) if config["keep_best"] else None
    kept = Kept(Checkpoints(directory.checkpoints, config["keep_checkpoints"]), best)
    with contextlib.ExitStack() as stack:
        for checkpoints in filter(None, kept):
            stack.callback(checkpoints.close)
        try:
            with hosts.noticing(), jax.default_matmul_precision(config["matmul_precision"]):
                return train(config, source, system, devices, kept, recorder, watch)
        except hosts.Gone:
            stack.pop_all()  # what is being written waits for the host that is gone, and to close would be to wait too
            raise


def _best(directory: RunDirectory, config: Mapping[str, Any]) -> Checkpoints:
    folder = directory.best_by(config["keep_best"])
    folder.mkdir(parents=True, exist_ok=True)
    # To roll back as before, a run that goes on from its oldest checkpoint needs the best state from before that.
    return Checkpoints(folder, config["keep_checkpoints"] + 1 if config["roll_back_on"] else BEST)


def _reason(outcome: Outcome) -> str:
    return f"alarm {outcome.stopped_by}" if isinstance(outcome.stopped_by, str) else "signal"


def _classes(names: Sequence[str]) -> str:
    shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    return f"{len(names)} {'class' if len(names) == 1 else 'classes'}: {shown}" if names else "no classes"


def _introduction(config: Mapping[str, Any], spec: DataSpec, system: System, devices: Devices, workdir: Path) -> str:
    counts = parameter_counts(system.networks())
    device, length = jax.devices()[0], steps_per_call(config, system.stages)
    several = f", {devices.count} of them" if devices.count > 1 else ""
    several += f" on {jax.process_count()} hosts" if hosts.several() else ""
    several += ", which share the parameters" if config["fsdp"] else ""
    few = f"; a batch of {config['batch_size']} has some of them twice" if config["batch_size"] > spec.size else ""
    seeds = f", {config['seeds']} seeds together" if config["seeds"] > 1 else ""
    short = "" if length > config["steps_per_call"] // 4 else " (all that divides steps and intervals)"
    return (
        f"data      {config['data']['name']}: {spec.size} examples of {spec.shape} {spec.dtype}, "
        f"{_classes(spec.class_names)}{few}\n"
        f"networks  {', '.join(f'{name} {count:,} parameters' for name, count in counts.items())}\n"
        f"device    {device.device_kind} ({device.platform}){several}, {config['precision']}, "
        f"{length} steps a call{short}{seeds}\n"
        f"run       {workdir}\n"
        "compiling ..."
    )
