"""The loop: compiled calls of many steps, and at four intervals a line, a picture, a score, a checkpoint.

It names no player and no system. What it computes depends on the settings and the step alone, so that a run that was
killed goes on from its last checkpoint to the same bits as one that was not.
"""

import bisect
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.data import Feed, Source, make_feed
from jaxgan.optim import with_clocks_of
from jaxgan.systems import System
from jaxgan.training import tally
from jaxgan.training.checkpoints import Checkpoints
from jaxgan.training.recorder import Recorder
from jaxgan.training.seeds import as_array, keys, make_init, over_seeds, run_of, seeds_of
from jaxgan.training.stopping import Stop
from jaxgan.training.tally import Tally

Call: TypeAlias = Callable[[Any, Tally, np.ndarray, Any, Any], tuple[Any, Tally, jax.Array]]
Hook: TypeAlias = Callable[[Call], Call]  # wraps the compiled call, to watch it


class Kept(NamedTuple):
    """The checkpoints of a run: of its last states, and, if asked for, of those that scored better than all before."""

    last: Checkpoints
    best: Checkpoints | None


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


def make_call(system: System, feed: Feed, seeds: list[int], stage: int = 0) -> Call:
    """The program of a stage: (state, tally, seeds, resident data, one item of the feed) -> (state, tally, step).

    State and tally are donated: their memory is reused. The step comes back once more, as something to wait for.
    """

    def advance(seed: jax.Array, state: Any, batch: Any) -> tuple[Any, list[jax.Array]]:
        state, metrics = system.update(state, batch, jax.random.fold_in(keys(seed)[1], state.step), stage=stage)
        return state, list(metrics.values())  # in the system's order; a dict that leaves vmap comes back sorted

    def call(state: Any, sums: Tally, seed: np.ndarray, constants: Any, items: Any) -> tuple[Any, Tally, jax.Array]:
        def one_step(carry: tuple[Any, Tally], item: Any) -> tuple[tuple[Any, Tally], None]:
            state, sums = carry
            state, values = over_seeds(advance, seeds)(seed, state, feed.batch(constants, item))
            return (state, tally.add(sums, values, jnp.max(state.step))), None

        (state, sums), _ = jax.lax.scan(one_step, (state, sums), items)
        return state, sums, jnp.max(state.step) + 0

    return jax.jit(call, donate_argnums=(0, 1))


def _begin(
    config: Mapping[str, Any], source: Source, system: System, checkpoints: Checkpoints, recorder: Recorder
) -> tuple[int, Any, Tally, list[str]]:
    """Step, state and tally of the newest whole checkpoint, or of the start, and the names of the metrics."""
    seeds, micro = seeds_of(config), system.micro_batches
    batch = source.spec.zeros(*([micro] if micro > 1 else []), config["batch_size"])
    # It runs once: less optimized it has the same bits, and is compiled in half the time.
    init = jax.jit(make_init(system, batch, seeds), compiler_options={"xla_backend_optimization_level": 1})
    abstract_state, (_, key) = jax.eval_shape(init, as_array(seeds)), jax.eval_shape(keys, np.uint32(0))
    first = jax.eval_shape(lambda state: run_of(state, seeds, seeds[0]), abstract_state)
    names = tally.metric_names(system.update, first, batch, key)
    sums = tally.empty(len(names), len(seeds))
    abstract = {"state": abstract_state, "tally": sums}
    step, trees = checkpoints.restore_newest(abstract, recorder.report) or (0, {})
    if not trees:
        return 0, init(as_array(seeds)), sums, names
    state, sums = jax.device_put((trees["state"], trees["tally"]))
    return step, state, sums, names


def _is_best(step: int, state: Any, best: Checkpoints | None, recorder: Recorder) -> bool:
    """Scores a state, and keeps it if it is better than all before and such states are kept."""
    if not recorder.evaluate(step, state) or best is None:
        return False
    best.save(step, {"state": state})
    best.wait()  # before a checkpoint from which it would not be made again
    return True


def _rolled_back(best: Checkpoints, step: int, state: Any, recorder: Recorder) -> Any:
    """The best state, if there is one yet, but for its clocks: time goes on, so that other batches and keys follow."""
    abstract = {"state": jax.eval_shape(lambda: state)}
    found = best.restore_newest(abstract, recorder.report)
    if found is None:
        recorder.report("there is no best state yet to roll back to: the run goes on as it is.")
        return state
    if found[0] == step:
        recorder.report("the best state is the one that set the alarm off: the run goes on as it is.")
        return state
    recorder.report(f"rolled back to the best state, of step {found[0]}.")
    best_state = jax.device_put(found[1]["state"])
    return with_clocks_of(best_state, state).replace(step=state.step)


def train(
    config: Mapping[str, Any], source: Source, system: System, kept: Kept, recorder: Recorder, watch: Hook
) -> Outcome:
    """Trains from the newest whole checkpoint, or from the start, to the last step, a signal or an alarm that stops it.

    Args:
      config: resolved settings.
      source: of the real examples.
      system: what is trained.
      kept: checkpoints of this run.
      recorder: writes what the run leaves, and tells the user.
      watch: wraps the compiled call, e.g. to profile it.

    Raises:
      JaxganError: a metric was not finite, the data failed, or a checkpoint could not be written.
    """
    seeds, last = seeds_of(config), config["steps"]
    feed = make_feed(source, config["batch_size"], system.micro_batches, seeds, config["device_limit_mib"] * 2**20)
    step, state, sums, names = _begin(config, source, system, kept.last, recorder)
    kept.last.set_aside(after=step)
    if kept.best:
        kept.best.forget(after=step)  # a run that fell back behind its best states makes them again
    recorder.begin(step)

    length = steps_per_call(config, system.stages, step)
    program = functools.cache(lambda stage: watch(make_call(system, feed, seeds, stage)))
    items, running, stopped_by = feed.items(step, length), None, None
    with Stop() as stop, recorder.progress(step, last) as bar:
        while step < last and stopped_by is None:
            item = recorder.waiting(lambda: next(items))
            call = program(bisect.bisect_right(system.stages, step) - 1)
            state, sums, latest = call(state, sums, as_array(seeds), feed.constants, item)
            jax.block_until_ready(running)  # the call before: one is queued while the item after it is prepared
            running = latest
            step += length
            bar.update(length)

            logging, drawing, scoring, saving = (
                due(step, config[name], last) for name in ("log_every", "sample_every", "evaluate_every", "save_every")
            )
            if logging or drawing or scoring:
                means = tally.means(sums, names, seeds)  # raises if a term has gone: nothing is made of such a state
            if logging:
                recorder.log(step, means)
                sums = tally.empty(len(names), len(seeds))
            if drawing:
                recorder.draw(step, state)
            if scoring and _is_best(step, state, kept.best, recorder):
                saving |= bool(config["roll_back_on"])  # it may push an older one out that would be rolled back to
            alarms = recorder.begun()
            if kept.best and step < last and not alarms.isdisjoint(config["roll_back_on"]):
                state = _rolled_back(kept.best, step, state, recorder)
            # Read once: a later signal is obeyed, and saved, after the next call.
            stopped_by = stop.signal or next((alarm for alarm in config["stop_on"] if alarm in alarms), None)
            if saving or stopped_by is not None:
                if not (logging or drawing or scoring):
                    tally.means(sums, names, seeds)  # the same
                kept.last.save(step, {"state": state, "tally": sums})
        kept.last.wait()
    return Outcome(step, stopped_by)
