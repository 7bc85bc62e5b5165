"""The loop: compiled calls of many steps, and at four intervals a line, a picture, a score, a checkpoint.

It names no player and no system. What it computes depends on the settings and the step alone, so that a run that was
killed goes on from its last checkpoint to the same bits as one that was not.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan.config import ALARMS
from jaxgan.data import Feed, Source, make_feed
from jaxgan.devices import Devices
from jaxgan.optim import with_clocks_of
from jaxgan.systems import System
from jaxgan.training import hosts, tally
from jaxgan.training.checkpoints import Checkpoints
from jaxgan.training.program import Hook, Programs, begin
from jaxgan.training.recorder import Writer
from jaxgan.training.seeds import as_array, seeds_of
from jaxgan.training.stopping import Stop


class Kept(NamedTuple):
    """The checkpoints of a run: of its last states, and, if asked for, of those that scored better than all before."""

    last: Checkpoints
    best: Checkpoints | None

    def go_on(self, step: int) -> None:
        """Makes way for the states after a step: of the last ones those there are damaged, the best are made again."""
        self.last.set_aside(after=step)
        self.last.thin()
        if self.best:
            self.best.forget(after=step)
            self.best.thin()


class Outcome(NamedTuple):
    """How training ended: the step it reached, and the signal or the alarm that came there, also at the last one."""

    step: int
    stopped_by: int | str | None


def due(step: int, every: int, last: int) -> bool:
    """Whether what happens every so many steps is due after `step`: at multiples and at the last; 0: only there."""
    return step == last or (every > 0 and step % every == 0)


def steps_per_call(config: Mapping[str, Any], stages: Sequence[int] = (0,), step: int = 0) -> int:
    """Steps in one compiled call: the most, up to the setting, with which every interval, stage and the end can be met.

    One length for the whole run means one compilation, and a resumed run executes the very program of the first. The
    step it resumes at decides only where the settings have been changed since.
    """
    intervals = [config[name] for name in ("steps", "log_every", "sample_every", "save_every", "evaluate_every")]
    common = math.gcd(step, *intervals, *stages)  # an interval of 0 does not bind: gcd(n, 0) = n
    return max(n for n in range(1, min(config["steps_per_call"], common) + 1) if common % n == 0)


class Due(NamedTuple):
    """What is to be done after a step: a line, a picture, a score, a checkpoint."""

    logging: bool
    drawing: bool
    scoring: bool
    saving: bool

    @classmethod
    def at(cls, step: int, config: Mapping[str, Any]) -> "Due":
        """After a step, by the settings."""
        every = (config[name] for name in ("log_every", "sample_every", "evaluate_every", "save_every"))
        return cls(*(due(step, one, config["steps"]) for one in every))


def _noted(
    now: Due,
    step: int,
    state: Any,
    means: Mapping[str, np.ndarray],
    devices: Devices,
    best: Checkpoints | None,
    recorder: Writer,
) -> tuple[bool, frozenset[str]]:
    """Writes what is due; returns whether the state is the best so far, and is kept, and which alarms have begun."""
    if now.logging:
        recorder.log(step, means)
    whole = devices.one(state) if now.drawing or now.scoring else None
    if now.drawing:
        recorder.draw(step, whole)
    better, begun = now.scoring and recorder.evaluate(step, whole), recorder.begun()
    better, *flags = hosts.agreed([better, *(alarm in begun for alarm in ALARMS)])
    if better and best:
        best.save(step, {"state": state})
        best.wait(recorder.report)  # before a checkpoint from which it would not be made again
    return better, frozenset(alarm for alarm, flag in zip(ALARMS, flags, strict=True) if flag)


def _rolled_back(best: Checkpoints, step: int, state: Any, devices: Devices, recorder: Writer) -> Any:
    """The best state, if there is one yet, but for its clocks: time goes on, so that other batches and keys follow."""
    abstract = {"state": devices.placed(jax.eval_shape(lambda: state))}
    found = best.restore_newest(abstract, recorder.report)
    if found is None:
        recorder.report("there is no best state yet to roll back to: the run goes on as it is.")
        return state
    if found[0] == step:
        recorder.report("the best state is the one that set the alarm off: the run goes on as it is.")
        return state
    recorder.report(f"rolled back to the best state, of step {found[0]}.")
    return with_clocks_of(found[1]["state"], state).replace(step=state.step)


def _feed(config: Mapping[str, Any], source: Source, system: System, devices: Devices) -> Feed:
    size, limit = config["batch_size"], config["device_limit_mib"] * 2**20
    return make_feed(source, size, system.micro_batches, seeds_of(config), limit, devices.rows(size))


def train(
    config: Mapping[str, Any],
    source: Source,
    system: System,
    devices: Devices,
    kept: Kept,
    recorder: Writer,
    watch: Hook,
) -> Outcome:
    """Trains from the newest whole checkpoint, or from the start, to the last step, a signal or an alarm that stops it.

    Args:
      config: resolved settings.
      source: of the real examples.
      system: what is trained.
      devices: that share the work.
      kept: checkpoints of this run.
      recorder: writes what the run leaves, and tells the user.
      watch: wraps the compiled call, e.g. to profile it.

    Raises:
      JaxganError: a metric was not finite, the data failed, or a checkpoint could not be written.
    """
    seeds, last = seeds_of(config), config["steps"]
    feed = _feed(config, source, system, devices)
    step, state, sums, names = begin(config, source, system, devices, kept.last, recorder.report)
    kept.go_on(step)
    recorder.begin(step)

    length = steps_per_call(config, system.stages, step)
    programs = Programs(system, feed, seeds, devices, last, watch, recorder.compiled)
    constants = devices.put(feed.constants, devices.everywhere)
    items, heard, running, stopped_by = feed.items(step, length), hosts.Heard(devices), None, None
    with Stop() as stop, recorder.progress(step, last) as bar:
        while step < last and stopped_by is None:
            item = devices.join(recorder.waiting(lambda: next(items)), feed.batch_axis)
            state, sums, latest = programs(step, state, sums, as_array(seeds), constants, item)
            jax.block_until_ready(running)  # the call before: one is queued while the item after it is prepared
            running = latest
            step += length
            bar.update(length)

            now, better, alarms = Due.at(step, config), False, frozenset[str]()
            if any(now):
                means = tally.means(sums, names, seeds)  # raises if a term has gone: nothing is made of such a state
                better, alarms = _noted(now, step, state, means, devices, kept.best, recorder)
            if now.logging:
                sums = devices.put(tally.empty(len(names), len(seeds)), devices.everywhere)
            if kept.best and step < last and not alarms.isdisjoint(config["roll_back_on"]):
                state = _rolled_back(kept.best, step, state, devices, recorder)
            # Read once: a later signal is obeyed, and saved, after the next call.
            stopped_by = heard(stop.signal) or next((alarm for alarm in config["stop_on"] if alarm in alarms), None)
            # A better state may push an older one out that would be rolled back to: it is saved with it.
            if now.saving or stopped_by is not None or (better and config["roll_back_on"]):
                if not any(now):
                    tally.means(sums, names, seeds)  # the same
                kept.last.save(step, {"state": state, "tally": sums}, recorder.report)
        kept.last.wait()
    return Outcome(step, stopped_by)
