"""jaxgan's side of the comparisons: calls of the training loop's own compiled program."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks import cost
from benchmarks.cost import Cost
from benchmarks.measure import Run
from jaxgan.config import Settings
from jaxgan.data import Source, make_feed
from jaxgan.devices import Devices
from jaxgan.networks import DISCRIMINATORS
from jaxgan.objectives import wasserstein
from jaxgan.optim import OPTIMIZERS
from jaxgan.penalties import Recent, wgan_gp
from jaxgan.registry import build
from jaxgan.systems import System, build_system
from jaxgan.training.program import Untrained, make_call
from jaxgan.training.seeds import as_array, seeds_of


class Ours(NamedTuple):
    """jaxgan's half of a pair.

    Attributes:
      run: one call's work.
      cost: least work of one step.
      params: initial parameters by player, for the peer.
    """

    run: Run
    cost: Cost
    params: Mapping[str, Any]


def training(settings: Settings, source: Source, steps: int, calls: int = 1) -> Ours:
    """`calls` calls of the loop's program, of `steps` steps each, fed and waited for as the loop does.

    Args:
      settings: resolved recipe.
      source: of real examples.
      steps: in one call.
      calls: in one run.
    """
    system = build_system(settings, source.spec)
    seeds, batch = seeds_of(settings), source.spec.zeros(settings["batch_size"])
    seed, devices = as_array(seeds), Devices.first(1)
    limit = settings["device_limit_mib"] * 2**20
    feed = make_feed(source, settings["batch_size"], system.micro_batches, seeds, limit)
    carry = state, _ = Untrained(system, source.spec, settings["batch_size"], seeds).on(devices)
    params = {player: jax.device_get(getattr(state, player).params) for player in ("generator", "discriminator")}
    call, items = make_call(system, feed, seeds, devices), feed.items(0, steps)
    constants = devices.put(feed.constants, devices.everywhere)

    def run() -> None:
        nonlocal carry
        running = None
        for _ in range(calls):
            item = devices.join(next(items), feed.batch_axis)
            state, sums, latest = call(*carry, seed, constants, item)
            carry = (state, sums)
            jax.block_until_ready(running)
            running = latest
        jax.block_until_ready(running)

    return Ours(run, step_cost(system, batch) * len(seeds), params)


def step_cost(system: System, batch: Mapping[str, Any]) -> Cost:
    """Least work of one step; the batch is read once."""
    state = jax.eval_shape(lambda: system.init(jax.random.key(0), {}))
    return cost.count(system.update, state, batch, jax.random.key(0))


def critic(settings: Settings, real: np.ndarray, fake: np.ndarray, weight: float) -> Ours:
    """WGAN-GP updates of a critic on given images, one a batch, in one call.

    Args:
      settings: resolved recipe; its discriminator, without batch normalisation, and its optimizer are used.
      real: float32 [n, b, h, w, c] in [-1, 1]: n batches.
      fake: the same.
      weight: of the penalty.
    """
    module = build(
        settings["discriminator"],
        DISCRIMINATORS,
        "config.discriminator",
        shape=real.shape[2:],
        num_classes=0,
        dtype=jnp.dtype(settings["precision"]),
    )
    shown = dict(images_per_update=real.shape[1])
    optimizer = build(settings["discriminator_optimizer"], OPTIMIZERS, "config.discriminator_optimizer", **shown)
    params = jax.jit(lambda: module.init(jax.random.key(0), real[0], train=True)["params"])()

    def step(carry: tuple[Any, Any], key: jax.Array, real: Any, fake: Any) -> tuple[tuple[Any, Any], jax.Array]:
        params, opt_state = carry
        loss, grads = jax.value_and_grad(critic_loss)(params, module, real, fake, weight, key)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), loss

    @jax.jit
    def call(carry: tuple[Any, Any], key: jax.Array, real: Any, fake: Any) -> tuple[tuple[Any, Any], jax.Array]:
        items = jax.random.split(key, len(real)), real, fake
        return jax.lax.scan(lambda carry, item: step(carry, *item), carry, items)

    on_device = jax.device_put((real, fake))
    carry = (params, optimizer.init(params))

    def run() -> None:
        nonlocal carry
        carry, losses = call(carry, jax.random.key(1), *on_device)
        jax.block_until_ready(losses)

    one_step = cost.count(step, carry, jax.random.key(0), real[0], fake[0])
    return Ours(run, one_step, {"discriminator": jax.device_get(params)})


def critic_loss(params: Any, module: Any, real: Any, fake: Any, weight: float, key: jax.Array) -> jax.Array:
    """Loss mean D(fake) - mean D(real) + weight * mean penalty, []."""

    def logits(images: jax.Array) -> jax.Array:
        return module.apply({"params": params}, images, train=True)

    gap = wasserstein().discriminator(logits(real), logits(fake), key)
    return jnp.mean(gap) + weight * jnp.mean(wgan_gp().term(logits, real, fake, Recent(0.0, 0.0), key))
