"""The benchmarks compare the same work: equal losses from equal weights, and costs equal to hand-computed numbers."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import cost
from benchmarks.cost import Cost
from benchmarks.measure import Pair, compare
from jaxgan import config
from jaxgan.networks import DISCRIMINATORS, GENERATORS, PRESETS
from jaxgan.objectives import non_saturating
from jaxgan.ops.conv import conv, conv_transpose
from jaxgan.registry import build

pytestmark = pytest.mark.usefixtures("drawn")

BATCH = 5
NARROW = ("generator.width=4", "discriminator.width=4", f"batch_size={BATCH}")
BOOK_BATCH = 128

# Pairs of an output position and a kernel entry that meet a pixel, along one axis: 3 for each position, but for one at
# each padded end. 28 -> 14 and 14 -> 7 at stride 2 pad one end; 7 -> 4 at stride 2 and 14 at stride 1 pad both.
TO_14, TO_7, TO_4, AT_14 = 3 * 14 - 1, 3 * 7 - 1, 3 * 4 - 2, 3 * 14 - 2
GENERATOR_PRODUCTS = 100 * 256 * 49 + TO_7**2 * 256 * 128 + AT_14**2 * 128 * 64 + TO_14**2 * 64 * 1
DISCRIMINATOR_PRODUCTS = TO_14**2 * 1 * 32 + TO_7**2 * 32 * 64 + TO_4**2 * 64 * 128 + 2048


def book(player):
    """A network of GANs in Action, chapter 4, with variables and an input of the book's batch."""
    table, inputs = {"generator": (GENERATORS, (100,)), "discriminator": (DISCRIMINATORS, (28, 28, 1))}[player]
    options = PRESETS["gans_in_action_dcgan"][player]
    module = build(options, table, "config", shape=(28, 28, 1), num_classes=0, dtype=jnp.float32)
    x = jax.ShapeDtypeStruct((BOOK_BATCH, *inputs), jnp.float32)
    return module, jax.eval_shape(lambda: module.init(jax.random.key(0), jnp.zeros(x.shape), train=False)), x


@pytest.mark.parametrize(
    ("player", "products"), [("generator", GENERATOR_PRODUCTS), ("discriminator", DISCRIMINATOR_PRODUCTS)]
)
def test_flops_of_the_books_networks(player, products):
    module, variables, x = book(player)
    forward = cost.count(lambda v, x: module.apply(v, x, train=False), variables, x)
    assert forward.flops == 2 * BOOK_BATCH * products


def test_flops_of_gradients_leave_out_what_is_not_used():
    module, variables, x = book("discriminator")

    def gradient(variables, x):
        return jax.grad(lambda v: module.apply(v, x, train=False).sum())(variables)

    first = TO_14**2 * 1 * 32  # nobody asks for the gradient of the images
    assert cost.count(gradient, variables, x).flops == 2 * BOOK_BATCH * (3 * DISCRIMINATOR_PRODUCTS - first) - (
        2 * BOOK_BATCH * 2048  # nor is the logit itself needed for the gradient of its sum
    )


def test_flops_are_those_of_xla_and_the_same_for_both_directions():
    x, w = jnp.zeros((2, 9, 8, 3)), jnp.zeros((4, 4, 3, 5))
    y = conv(x, w, 2)
    down = cost.count(lambda x, w: conv(x, w, 2), x, w)
    up = cost.count(lambda y, w: conv_transpose(y, w, 2, output_size=(9, 8)), y, w)

    def direct(x, w):
        return jax.lax.conv_general_dilated(x, w, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    assert down == up
    assert down.flops == jax.jit(direct).lower(x, w).cost_analysis()["flops"]
    assert down.bytes == 2 * 4 * (x.size + w.size + y.size)  # into and out of the product, and of the program


def test_loops_count_every_turn_and_unknown_ones_are_refused():
    x = jnp.zeros((3, 3))
    product = 2 * 27.0
    looped = cost.count(lambda x: jax.lax.scan(lambda c, _: (c @ x, None), x, length=5)[0], x)
    assert looped.flops == 5 * product
    with pytest.raises(ValueError, match="turns"):
        cost.count(lambda x: jax.lax.while_loop(lambda c: c.sum() > 0, lambda c: c @ x, x), x)


def test_floor_is_the_longer_of_computing_and_moving():
    assert Cost(flops=6, bytes=8).floor(rate=2, bandwidth=4) == 3
    assert Cost(flops=2, bytes=8).floor(rate=2, bandwidth=4) == 2


def test_ratios_are_those_of_neighbours(monkeypatch):
    clock, now = itertools.cycle([1.0, 2.0, 1.0, 4.0]), [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])

    def run():
        now[0] += next(clock)

    timing = compare(Pair("", run, run, 1), 4)  # after a first of each: 1 4 1 2 1 4 1 2
    assert (timing.ours, timing.theirs) == (1.0, 3.0)
    assert (timing.low, timing.ratio, timing.high) == (0.25, 0.25, 0.5)


def losses(settings, variables, real, fake, labels):
    """Losses of D and of G in train mode, on one batch."""
    objective, shape = non_saturating(), real.shape[1:]
    classes = 10 if labels is not None else 0
    module = build(settings["discriminator"], DISCRIMINATORS, "c", shape=shape, num_classes=classes, dtype=jnp.float32)

    def logits(images):
        return module.apply(variables, images, labels, train=True, mutable=["batch_stats"])[0]

    halves = [half(logits(real), logits(fake), jax.random.key(0)) for half in objective[:2]]
    return [jnp.mean(half) for half in halves]


@pytest.mark.parametrize(
    ("recipe", "shape", "conditional"),
    [("digits_cgan", (32, 32, 1), True), ("mnist_dcgan", (28, 28, 1), False), ("cifar10_dcgan64", (64, 64, 3), False),
     ("points", (2,), False)],
)  # fmt: skip
def test_peers_compute_the_same_losses(recipe, shape, conditional):
    torch = pytest.importorskip("torch")
    from benchmarks import peers, workloads
    from benchmarks.peer_networks import copy_parameters

    task = workloads.POINTS if recipe == "points" else workloads.Task(recipe, 1, toy=NARROW)
    settings = task.resolved(toy=True)
    rng, classes = np.random.default_rng(0), 10 if conditional else 0
    real = rng.normal(size=(BATCH, *shape)).astype(np.float32).clip(-1, 1)
    z = rng.normal(size=(BATCH, settings["system"]["latent_size"])).astype(np.float32)
    labels = np.arange(BATCH, dtype=np.int32) if conditional else None
    given = dict(shape=shape, num_classes=classes, dtype=jnp.float32)
    modules = {
        player: build(settings[player], table, "config", **given)
        for player, table in (("generator", GENERATORS), ("discriminator", DISCRIMINATORS))
    }
    inputs = {"generator": z, "discriminator": real}
    variables = {
        player: scaled(jax.jit(lambda x, m=module: m.init(jax.random.key(1), x, labels, train=False))(inputs[player]))
        for player, module in modules.items()
    }
    fake = jax.jit(lambda v, z: modules["generator"].apply(v, z, labels, train=True, mutable=["batch_stats"])[0])(
        variables["generator"], z
    )
    ours = jax.jit(losses, static_argnums=0)(Frozen(settings), variables["discriminator"], real, fake, labels)

    step = peers.GanStep(settings, real, labels, classes, exact=True)
    for player in modules:
        copy_parameters(getattr(step, player), variables[player]["params"])
    order = (0, 3, 1, 2) if len(shape) == 3 else (0, 1)
    their_labels = None if labels is None else torch.from_numpy(labels).long().to(step.device)
    their_fake = step.generator(torch.from_numpy(z).to(step.device), their_labels)
    np.testing.assert_allclose(np.transpose(fake, order), their_fake.detach().cpu(), atol=1e-4)
    their_real = torch.from_numpy(real.transpose(order).copy()).to(step.device)
    theirs = (
        step.discriminator_loss(their_real, their_fake, their_labels),
        step.generator_loss(their_fake, their_labels),
    )
    for mine, other in zip(ours, theirs, strict=True):
        assert float(mine) == pytest.approx(other.item(), rel=1e-4)


class Frozen(dict):
    """Settings that a jitted function can be keyed by."""

    def __hash__(self):
        return id(self)


def scaled(variables):
    """Weights large enough for every layer to matter to the losses."""
    large = jax.tree.map(lambda x: 5 * x if x.ndim > 1 else x, variables["params"])
    return dict(variables) | {"params": large}


def test_peer_computes_the_same_critic_loss():
    torch = pytest.importorskip("torch")
    from benchmarks import ours, peers
    from benchmarks.peer_networks import copy_parameters

    narrow = ("discriminator.normalise=False", "discriminator.width=4")
    settings = config.resolve(config.override(config.load("cifar10_dcgan64"), narrow))
    real, fake = np.random.default_rng(0).uniform(-1, 1, (2, BATCH, 64, 64, 3)).astype(np.float32)
    module = build(
        settings["discriminator"], DISCRIMINATORS, "config", shape=(64, 64, 3), num_classes=0, dtype=jnp.float32
    )
    params = scaled(jax.jit(lambda: module.init(jax.random.key(1), real, train=True))())["params"]
    key = jax.random.key(2)
    mine = jax.jit(lambda p: ours.critic_loss(p, module, real, fake, peers.PENALTY_WEIGHT, key))(params)

    step = peers.CriticStep(settings["discriminator"], settings["discriminator_optimizer"], real[None], fake[None])
    copy_parameters(step.critic, params)
    share = torch.tensor(np.asarray(jax.random.uniform(key, (BATCH, 1, 1, 1))), device=step.device)
    assert float(mine) == pytest.approx(step.loss(share).item(), rel=1e-4)


def test_a_comparison_runs_and_is_written(tmp_path):
    pytest.importorskip("torch")
    from benchmarks.__main__ import main

    assert main(["--toy", "--only", "plain_lax", "--out", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"results.json", "results.png"}


def test_what_jaxgan_takes_is_among_the_lowerings_that_are_timed():
    pytest.importorskip("torch")
    from benchmarks import convolutions

    for layer in (*convolutions.LAYERS, *convolutions.TOY_LAYERS):
        for taken, timed in zip(convolutions.chosen(layer), convolutions.candidates(layer).values(), strict=True):
            assert taken in timed


@pytest.mark.parametrize("read", [0, 1])
def test_a_loop_over_a_lowering_computes_every_turn(read):
    """XLA moves what does not change out of a loop, and the lowering would look as many times as fast."""
    pytest.importorskip("torch")
    from benchmarks import convolutions

    calls = []

    def lowering(geometry, *operands):
        a, shape = operands[read], jax.ShapeDtypeStruct(operands[read].shape, jnp.float32)
        return jax.pure_callback(lambda a: calls.append(1) or np.asarray(a), shape, a)

    layer = convolutions.TOY_LAYERS[0]
    convolutions.looped(lowering, layer.geometry, *layer.arrays()[:2])()
    assert len(calls) == convolutions.TURNS
