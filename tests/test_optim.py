"""Optimizers against PyTorch's, and the parameter average by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.errors import JaxganError
from jaxgan.optim import OPTIMIZERS, adam, exponential_average, forgotten, has_slope, rmsprop, sgd, with_clocks_of

ROWS = [
    # ours, options, PyTorch's class, its options
    ("adam", {}, "Adam", dict(lr=2e-4, betas=(0.5, 0.999), eps=1e-8)),
    (
        "adam",
        dict(learning_rate=0.05, b1=0.9, b2=0.95, epsilon=1e-3),
        "Adam",
        dict(lr=0.05, betas=(0.9, 0.95), eps=1e-3),
    ),
    ("rmsprop", {}, "RMSprop", dict(lr=5e-5, alpha=0.9, eps=1e-8)),
    ("rmsprop", dict(learning_rate=0.1, decay=0.5, epsilon=1e-2), "RMSprop", dict(lr=0.1, alpha=0.5, eps=1e-2)),
    ("sgd", {}, "SGD", dict(lr=1e-2)),
    ("sgd", dict(learning_rate=0.5, momentum=0.9), "SGD", dict(lr=0.5, momentum=0.9)),
]


@pytest.mark.parametrize(("name", "options", "peer", "peer_options"), ROWS)
def test_five_steps_are_pytorchs(name, options, peer, peer_options):
    """Gradients from 1 down to 1e-6, where the place of epsilon, inside or outside the root, decides the step."""
    torch = pytest.importorskip("torch")
    gradients = np.random.default_rng(0).normal(size=(5, 4, 3)) * np.array([1, 1e-3, 1e-6])
    ours, theirs = jnp.zeros((4, 3)), torch.zeros(4, 3, requires_grad=True)
    optimizer, other = OPTIMIZERS[name](1, **options), getattr(torch.optim, peer)([theirs], **peer_options)
    state = optimizer.init(ours)
    for gradient in gradients.astype(np.float32):
        updates, state = optimizer.update(jnp.asarray(gradient), state, ours)
        ours = optax.apply_updates(ours, updates)
        theirs.grad = torch.tensor(gradient)
        other.step()
        np.testing.assert_allclose(ours, theirs.detach(), rtol=1e-4, atol=1e-4 * peer_options["lr"])


@pytest.mark.parametrize(
    ("images", "half_life", "rampup", "expected"),
    [
        (0, 100.0, 0.05, 3.0),  # nothing shown: the warm-up leaves nothing of the start
        (400, 100.0, 0.05, 0.25 * 1 + 0.75 * 3),  # half-life 0.05 * 400 = 20, 40 images a step: 2^-2
        (8000, 40.0, 0.05, 0.5 * 1 + 0.5 * 3),  # past the warm-up
        (0, 40.0, 0.0, 0.5 * 1 + 0.5 * 3),  # without one
        (8000, 0.0, 0.05, 3.0),
    ],
)
def test_the_average_moves_by_its_formula(images, half_life, rampup, expected):
    average = {"a": jnp.ones(2), "b": {"c": jnp.ones((2, 2))}}
    current = {"a": jnp.full(2, 3.0), "b": {"c": jnp.full((2, 2), 3.0)}}
    moved = exponential_average(average, current, jnp.float32(images), 40, half_life, rampup)
    np.testing.assert_allclose(moved["a"], np.full(2, expected), rtol=1e-6)
    np.testing.assert_allclose(moved["b"]["c"], np.full((2, 2), expected), rtol=1e-6)


def test_an_average_without_half_life_is_the_current_value_to_the_bit():
    current = {"a": jnp.asarray([0.1, -3.7, 1e-20])}
    moved = exponential_average({"a": jnp.ones(3)}, current, jnp.float32(7), 64, 0.0, 0.05)
    np.testing.assert_array_equal(moved["a"], current["a"])


def run(optimizer, gradients, start):
    """Parameters after each update."""
    params, state, seen = start, optimizer.init(start), []
    for gradient in gradients:
        updates, state = optimizer.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
        seen.append(params)
    return seen


def test_rates_follow_their_schedules_on_the_clock_of_images():
    """Gradient 1: SGD's steps are the learning rates. 50 images an update, so updates stand at 0, 50, 100, 150."""
    ones = [jnp.ones(())] * 4
    seen = run(sgd(50, ("linear", 0.4, 0.0, 100.0)), ones, jnp.zeros(()))
    np.testing.assert_allclose(-np.diff([0.0, *map(float, seen)]), [0.4, 0.2, 0.0, 0.0], atol=1e-7)
    # Adam with b1 = b2 = 0 steps by the sign.
    moving = run(adam(50, 1.0, 0.0, ("linear", 0.0, 0.5, 100.0), 1e-8), [jnp.float32(g) for g in (1, 3)], jnp.zeros(()))
    # Second update: b2 = 0.25, nu = 0.25 * 1 + 0.75 * 9 = 7, bias correction 1 - 0.25^2: step 3 / sqrt(7 / 0.9375).
    np.testing.assert_allclose(float(moving[0] - moving[1]), 3 / np.sqrt(7 / 0.9375), rtol=1e-5)


def test_a_schedule_that_does_not_move_is_the_number():
    gradients = list(jax.random.normal(jax.random.key(0), (5, 3)))
    for fixed, moving in ((adam(7), adam(7, ("cosine", 2e-4, 2e-4, 30.0), ("linear", 0.5, 0.5, 9.0))),
                          (rmsprop(7), rmsprop(7, ("linear", 5e-5, 5e-5, 30.0)))):  # fmt: skip
        a, b = (run(optimizer, gradients, jnp.ones(3))[-1] for optimizer in (fixed, moving))
        np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "options", "length"),
    [(adam, dict(b1=0.5), 1), (rmsprop, dict(decay=0.75), 2), (sgd, dict(momentum=0.9), 4)],
)
def test_moments_are_forgotten_and_the_clock_of_the_learning_rate_is_not(make, options, length):
    """The third step for a gradient of 4 is a first one, as long as each optimizer makes it, at the third rate."""
    optimizer = make(images_per_update=4, learning_rate=("linear", 1.0, 0.0, 400.0), **options)
    params, state = jnp.zeros(1), optimizer.init(jnp.zeros(1))
    for gradient in (-1.0, 7.0):
        _, state = optimizer.update(jnp.full(1, gradient), state, params)
    steps = [optimizer.update(jnp.full(1, 4.0), s, params)[0][0] for s in (forgotten(state), state)]
    assert steps[0] == pytest.approx(-length * (1 - 2 * 4 / 400), rel=1e-5)
    assert abs(steps[1] - steps[0]) > 0.05  # it does remember


def test_the_clocks_of_schedules_can_be_set_to_those_of_another_state():
    """Of Adam by three updates and by ten: the moments of the first with the learning rate of the second."""
    params = {"w": jnp.ones(2)}
    optimizer = adam(1, learning_rate=("linear", 1.0, 0.0, 20.0), clip=9.0)

    def after(updates):
        state = optimizer.init(params)
        for _ in range(updates):
            _, state = optimizer.update(params, state, params)
        return state

    early, late = after(3), after(10)
    mixed = with_clocks_of({"player": early, "step": 3}, {"player": late, "step": 10})
    assert mixed["step"] == 3  # no clock of an optimizer
    (scheduled, _), (was, _), (now, _) = mixed["player"], early, late
    assert (int(scheduled.count), float(scheduled.hyperparams["learning_rate"])) == (10, pytest.approx(0.55))
    jax.tree.map(np.testing.assert_array_equal, scheduled.inner_state, was.inner_state)
    assert int(now.inner_state[0].count) == 10
    _, following = optimizer.update(params, mixed["player"], params)
    assert float(following[0].hyperparams["learning_rate"]) == pytest.approx(0.5)


def test_clipping_is_the_last_link():
    start = {"kernel": jnp.asarray([[0.5, -0.005]]), "bias": jnp.zeros(1)}
    gradients = {"kernel": jnp.asarray([[1.0, 1.0]]), "bias": jnp.ones(1)}
    (after,) = run(sgd(1, 0.004, clip=0.01), [gradients], start)
    np.testing.assert_allclose(after["kernel"], [[0.01, -0.009]], atol=1e-8)
    np.testing.assert_allclose(after["bias"], [-0.004], atol=1e-8)
    for params in run(adam(1, 0.05, clip=0.01), [gradients] * 5, start):
        assert max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(params)) <= 0.01 + 1e-9


def test_orthogonality_is_the_gradient_of_its_formula():
    rng = np.random.default_rng(0)
    params = {
        "conv": {"kernel": jnp.asarray(rng.normal(size=(3, 3, 2, 4)), jnp.float32), "bias": jnp.ones(4)},
        "embed": {"embedding": jnp.ones((3, 2))},
    }

    def formula(params):
        w = params["conv"]["kernel"].reshape(-1, 4)
        return 0.3 * jnp.sum(jnp.square((w.T @ w) * (1 - jnp.eye(4))))

    zeros = jax.tree.map(jnp.zeros_like, params)
    (after,) = run(sgd(1, 1.0, orthogonal=0.3), [zeros], params)
    expected = jax.tree.map(lambda p, g: p - g, params, jax.grad(formula)(params))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), after, expected)
    np.testing.assert_array_equal(after["conv"]["bias"], params["conv"]["bias"])
    np.testing.assert_array_equal(after["embed"]["embedding"], params["embed"]["embedding"])


@pytest.mark.parametrize("make", [adam, rmsprop, sgd])
@pytest.mark.parametrize("rate", [-1e-3, float("inf"), float("nan")])
def test_impossible_learning_rates_are_refused(make, rate):
    with pytest.raises(JaxganError, match="learning_rate is "):
        make(1, learning_rate=rate)


def test_momenta_are_shares():
    with pytest.raises(JaxganError, match=r"b1 is 1\.5, but must be in"):
        adam(1, b1=1.5)


@pytest.mark.parametrize(
    "make", [lambda: adam(1, b1=1.0), lambda: adam(1, b2=("linear", 0.9, 1.0, 9.0)), lambda: rmsprop(1, decay=1.0),
             lambda: adam(1, epsilon=0.0), lambda: rmsprop(1, epsilon=0.0)]
)  # fmt: skip
def test_what_would_divide_nothing_by_nothing_is_refused(make):
    with pytest.raises(JaxganError, match="but must be in"):
        make()


def test_momentum_and_decay_follow_schedules():
    """Gradient 1, an update every 50 images: velocity 1, then m + 1; mean square .5, then .25 * .5 + .75."""
    ones = [jnp.ones(())] * 2
    fast = run(sgd(50, 1.0, ("linear", 0.0, 0.5, 100.0)), ones, jnp.zeros(()))
    np.testing.assert_allclose(-np.diff([0.0, *map(float, fast)]), [1.0, 1.25], rtol=1e-6)
    slow = run(rmsprop(50, 1.0, ("linear", 0.5, 0.0, 100.0)), ones, jnp.zeros(()))
    np.testing.assert_allclose(-np.diff([0.0, *map(float, slow)]), [0.5**-0.5, (0.25 * 0.5 + 0.75) ** -0.5], rtol=1e-6)


def test_what_is_under_adams_root_changes_no_bit_of_a_step():
    """Of gradients from 1 to those whose squares are 0 in float32, and of 0 itself."""
    gradients = [jnp.asarray([10.0**-n for n in range(0, 30)] + [0.0]) * sign for sign in (1, -1, 0)]
    ours, plain = (run(o, gradients, jnp.zeros(31)) for o in (adam(1), optax.adam(2e-4, b1=0.5)))
    for mine, theirs in zip(ours, plain, strict=True):
        np.testing.assert_array_equal(mine, theirs)


RATE = ("linear", 1e-3, 0.0, 100.0)


@pytest.mark.parametrize(
    "optimizer",
    [adam(1), adam(1, learning_rate=RATE, clip=0.1, orthogonal=0.1), sgd(1), sgd(1, momentum=0.9)],
    ids=["adam", "adam with a schedule and constraints", "sgd", "momentum"],
)
def test_a_step_can_be_differentiated_where_the_gradient_is_0(optimizer):
    assert has_slope(optimizer)


@pytest.mark.parametrize("optimizer", [optax.adam(1e-3), rmsprop(1)], ids=["adam as it is", "rmsprop"])
def test_a_bare_root_has_no_slope_at_0(optimizer):
    assert not has_slope(optimizer)
