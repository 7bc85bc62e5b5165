"""What is compiled for a run: the program of many steps, and the state that it begins with."""

import bisect
import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.data import DataSpec, Feed, Source
from jaxgan.devices import Devices
from jaxgan.systems import System
from jaxgan.training import tally
from jaxgan.training.checkpoints import Checkpoints
from jaxgan.training.seeds import as_array, keys, make_init, over_seeds, run_of, seeds_of
from jaxgan.training.tally import Tally

Call: TypeAlias = Callable[[Any, Tally, np.ndarray, Any, Any], tuple[Any, Tally, jax.Array]]


class Program:
    """A call that is compiled ahead of its first use, so that what it takes is known before it runs; only once, since
    what it is given later must be alike.

    Args:
      call: to be compiled.
      told: of the compiled program and the arguments of its first use.
    """

    def __init__(self, call: Any, told: Callable[..., None] | None = None):
        self._call, self._told = call, told
        self._compiled: jax.stages.Compiled | None = None

    def compiled(self, *arguments: Any) -> jax.stages.Compiled:
        """The program for such arguments."""
        if self._compiled is None:
            self._compiled = self._call.lower(*arguments).compile()
            if self._told:
                self._told(self._compiled, *arguments)
        return self._compiled

    def __call__(self, *arguments: Any) -> Any:
        """Runs it."""
        return self.compiled(*arguments)(*arguments)


def make_call(
    system: System,
    feed: Feed,
    seeds: list[int],
    devices: Devices,
    stage: int = 0,
    told: Callable[..., None] | None = None,
) -> Program:
    """The program of a stage: (state, tally, seeds, resident data, one item of the feed) -> (state, tally, step).

    State and tally are donated: their memory is reused. The step comes back once more, as something to wait for.
    `told` is told of the program when it is compiled.
    """

    def advance(seed: jax.Array, state: Any, batch: Any) -> tuple[Any, list[jax.Array]]:
        state, metrics = system.update(state, batch, jax.random.fold_in(keys(seed)[1], state.step), stage=stage)
        return state, list(metrics.values())  # in the system's order; a dict that leaves vmap comes back sorted

    def call(state: Any, sums: Tally, seed: np.ndarray, constants: Any, items: Any) -> tuple[Any, Tally, jax.Array]:
        def one_step(carry: tuple[Any, Tally], item: Any) -> tuple[tuple[Any, Tally], None]:
            state, sums = carry
            state, values = over_seeds(advance, seeds)(seed, state, feed.batch(constants, item))
            state = jax.lax.with_sharding_constraint(state, devices.of_state(state))
            return (state, tally.add(sums, values, jnp.max(state.step))), None

        with jax.sharding.use_abstract_mesh(devices.mesh.abstract_mesh):  # for what is drawn inside; see `over_devices`
            (state, sums), _ = jax.lax.scan(one_step, (state, sums), items)
        sums = jax.lax.with_sharding_constraint(sums, devices.everywhere)
        return state, sums, jnp.max(state.step) + 0

    return Program(jax.jit(call, donate_argnums=(0, 1)), told)


Hook: TypeAlias = Callable[[Program], Call]
"""Wraps the compiled call, to watch it."""


class Programs:
    """The programs of a run, one a stage, each built when it is first used.

    Args:
      system: what is trained.
      feed: that hands it batches.
      seeds: of the runs that are trained together.
      devices: that share the work.
      last: step at which training ends.
      watch: wraps each of them.
      told: of the one that takes the most memory, when it is compiled.
    """

    def __init__(
        self,
        system: System,
        feed: Feed,
        seeds: list[int],
        devices: Devices,
        last: int,
        watch: Hook,
        told: Callable[..., None],
    ):
        self._stages = system.stages
        self._largest = self._stage_of(last - 1)
        self._made = functools.cache(
            lambda stage: make_call(system, feed, seeds, devices, stage, told if stage == self._largest else None)
        )
        self._watched = functools.cache(lambda stage: watch(self._made(stage)))

    def __call__(self, step: int, *arguments: Any) -> tuple[Any, Tally, jax.Array]:
        """Runs the program of the stage that a step is of."""
        if len(self._stages) > 1:
            # The last stage takes the most memory: whether there is enough is known at the start, not after days.
            self._made(self._largest).compiled(*arguments)
        return self._watched(self._stage_of(step))(*arguments)

    def _stage_of(self, step: int) -> int:
        return bisect.bisect_right(self._stages, step) - 1


class Untrained:
    """A run at step 0: what its state and tally are like, which is known without computing them, and they themselves.

    Args:
      system: what is to be trained.
      spec: of the real examples.
      batch_size: of one batch.
      seeds: of the runs that are trained together.

    Attributes:
      state: shapes and dtypes.
      tally: empty, of NumPy's arrays.
      names: of the metrics, in the system's order.
    """

    def __init__(self, system: System, spec: DataSpec, batch_size: int, seeds: list[int]):
        micro, self._seed = system.micro_batches, as_array(seeds)
        batch = spec.zeros(*([micro] if micro > 1 else []), batch_size)
        self._make = make_init(system, batch, seeds)
        self.state = jax.eval_shape(self._make, self._seed)
        one = jax.eval_shape(lambda state: run_of(state, seeds, seeds[0]), self.state)
        key = jax.eval_shape(keys, np.uint32(0))[1]
        self.names = tally.metric_names(system.update, one, batch, key)
        self.tally = tally.empty(len(self.names), len(seeds))

    def on(self, devices: Devices) -> tuple[Any, Tally]:
        """State and tally, computed where they are to lie."""
        # It runs once: less optimized it has the same bits, and is compiled in half the time.
        options = {"xla_backend_optimization_level": 1}
        init = jax.jit(self._make, out_shardings=devices.of_state(self.state), compiler_options=options)
        return init(self._seed), devices.put(self.tally, devices.everywhere)


def begin(
    config: Mapping[str, Any],
    source: Source,
    system: System,
    devices: Devices,
    checkpoints: Checkpoints,
    report: Callable[[str], None],
) -> tuple[int, Any, Tally, list[str]]:
    """Step, state and tally of the newest whole checkpoint, or of the start, and the names of the metrics.

    Args:
      config: resolved settings.
      source: of the real examples.
      system: what is trained.
      devices: on which the state is to lie.
      checkpoints: of the run.
      report: told of each checkpoint that had to be stepped over.

    Raises:
      JaxganError: there are checkpoints, and none can be restored.
    """
    untrained = Untrained(system, source.spec, config["batch_size"], seeds_of(config))
    wanted = {"state": devices.placed(untrained.state), "tally": devices.placed(untrained.tally)}
    step, trees = checkpoints.restore_newest(wanted, report) or (0, {})
    state, sums = (trees["state"], trees["tally"]) if trees else untrained.on(devices)
    return step, state, sums, untrained.names
