"""The loop: compiled calls of many steps, and at four intervals a line, a picture, a score, a checkpoint.

It names no player and no system. What it computes depends on the settings and the step alone, so that a run that was
killed goes on from its last checkpoint to the same bits as one that was not.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

from jaxgan.data import Feed, Source, make_feed
from jaxgan.systems import System
from jaxgan.training import tally
from jaxgan.training.checkpoints import Checkpoints
from jaxgan.training.recorder import Recorder
from jaxgan.training.stopping import Stop
from jaxgan.training.tally import Tally

Call = Callable[[Any, Tally, Any, Any], tuple[Any, Tally, jax.Array]]


class Outcome(NamedTuple):
    """How training ended: the step it reached, and the signal that stopped it before the last one, if any."""

    step: int
    signal: int | None


def due(step: int, every: int, last: int) -> bool:
    """Whether what happens every so many steps is due after `step`: at multiples and at the last; 0: only there."""
    return step == last or (every > 0 and step % every == 0)


def steps_per_call(config: Mapping[str, Any], step: int = 0) -> int:
    """Steps in one compiled call: the most, up to the setting, with which every interval and the end can be met.

    One length for the whole run means one compilation, and a resumed run executes the very program of the first. The
    step it resumes at decides only where the settings have been changed since.
    """
    intervals = [config[name] for name in ("steps", "log_every", "sample_every", "save_every", "evaluate_every")]
    common = math.gcd(step, *intervals)  # an interval of 0 does not bind: gcd(n, 0) = n
    return max(n for n in range(1, min(config["steps_per_call"], common) + 1) if common % n == 0)


def make_call(system: System, feed: Feed, step_key: jax.Array) -> Call:
    """The compiled program: (state, tally, resident data, one item of the feed) -> (state, tally, step).

    State and tally are donated: their memory is reused. The step comes back once more, as something to wait for.
    """

    def call(state: Any, sums: Tally, constants: Any, items: Any) -> tuple[Any, Tally, jax.Array]:
        def one_step(carry: tuple[Any, Tally], item: Any) -> tuple[tuple[Any, Tally], None]:
            state, sums = carry
            batch = feed.batch(constants, item)
            state, metrics = system.update(state, batch, jax.random.fold_in(step_key, state.step))
            return (state, tally.add(sums, metrics, state.step)), None

        (state, sums), _ = jax.lax.scan(one_step, (state, sums), items)
        return state, sums, state.step + 0

    return jax.jit(call, donate_argnums=(0, 1))


def train(
    config: Mapping[str, Any], source: Source, system: System, checkpoints: Checkpoints, recorder: Recorder
) -> Outcome:
    """Trains from the newest whole checkpoint, or from the start, to the last step or to a signal.

    Args:
      config: resolved settings.
      source: of the real examples.
      system: what is trained.
      checkpoints: of this run.
      recorder: writes what the run leaves, and tells the user.

    Raises:
      JaxganError: a metric was not finite, the data failed, or a checkpoint could not be written.
    """
    init_key, step_key = jax.random.split(jax.random.key(config["seed"]))
    micro, last = system.micro_batches, config["steps"]
    batch = source.spec.zeros(*([micro] if micro > 1 else []), config["batch_size"])
    feed = make_feed(source, config["batch_size"], micro, (config["seed"],), config["device_limit_mib"] * 2**20)
    init = jax.jit(lambda: system.init(init_key, batch))
    names = tally.metric_names(system.update, jax.eval_shape(init), batch, step_key)

    abstract = {"state": jax.eval_shape(init), "tally": jax.eval_shape(lambda: tally.empty(len(names)))}
    step, trees = checkpoints.restore_newest(abstract, recorder.report) or (0, {})
    state, sums = jax.device_put((trees["state"], trees["tally"])) if trees else (init(), tally.empty(len(names)))
    checkpoints.set_aside(after=step)
    recorder.begin(step)

    length = steps_per_call(config, step)
    call, items, running = make_call(system, feed, step_key), feed.items(step, length), None
    stopping = False
    with Stop() as stop, recorder.progress(step, last) as bar:
        while step < last and not stopping:
            item = recorder.waiting(lambda: next(items))
            state, sums, latest = call(state, sums, feed.constants, item)
            jax.block_until_ready(running)  # the call before: one is queued while the item after it is prepared
            running = latest
            step += length
            bar.update(length)

            logging, drawing, scoring, saving = (
                due(step, config[name], last) for name in ("log_every", "sample_every", "evaluate_every", "save_every")
            )
            if logging or drawing or scoring:
                means = tally.means(sums, names)  # raises if a term has gone: nothing is made of such a state
            if logging:
                recorder.log(step, means)
                sums = tally.empty(len(names))
            if drawing:
                recorder.draw(step, state)
            if scoring:
                recorder.evaluate(step, state)
            stopping = stop.signal is not None  # read once: a later signal is obeyed, and saved, after the next call
            if saving or stopping:
                tally.means(sums, names)  # the same for what has not been logged yet
                checkpoints.save(step, {"state": state, "tally": sums})
        checkpoints.wait()
    return Outcome(step, stop.signal if step < last else None)
