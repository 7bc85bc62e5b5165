"""Optimizers against PyTorch's, and the parameter average by hand."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.errors import JaxganError
from jaxgan.optim import OPTIMIZERS, adam, exponential_average, rmsprop, sgd

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
    optimizer, other = OPTIMIZERS[name](**options), getattr(torch.optim, peer)([theirs], **peer_options)
    state = optimizer.init(ours)
    for gradient in gradients.astype(np.float32):
        updates, state = optimizer.update(jnp.asarray(gradient), state, ours)
        ours = optax.apply_updates(ours, updates)
        theirs.grad = torch.tensor(gradient)
        other.step()
        np.testing.assert_allclose(ours, theirs.detach(), rtol=1e-4, atol=1e-4 * peer_options["lr"])


@pytest.mark.parametrize(
    ("step", "decay", "expected"),
    [
        (0, 0.999, 0.1 * 1 + 0.9 * 3),  # warm-up: (1 + 0) / (10 + 0)
        (8, 0.999, 0.5 * 1 + 0.5 * 3),  # (1 + 8) / (10 + 8)
        (8, 0.25, 0.25 * 1 + 0.75 * 3),  # past the warm-up
        (1_000_000, 0.75, 0.75 * 1 + 0.25 * 3),
        (5, 0.0, 3.0),
    ],
)
def test_the_average_moves_by_its_formula(step, decay, expected):
    average = {"a": jnp.ones(2), "b": {"c": jnp.ones((2, 2))}}
    current = {"a": jnp.full(2, 3.0), "b": {"c": jnp.full((2, 2), 3.0)}}
    moved = exponential_average(average, current, jnp.int32(step), decay)
    np.testing.assert_allclose(moved["a"], np.full(2, expected), rtol=1e-6)
    np.testing.assert_allclose(moved["b"]["c"], np.full((2, 2), expected), rtol=1e-6)


def test_an_average_without_decay_is_the_current_value_to_the_bit():
    current = {"a": jnp.asarray([0.1, -3.7, 1e-20])}
    np.testing.assert_array_equal(
        exponential_average({"a": jnp.ones(3)}, current, jnp.int32(7), 0.0)["a"], current["a"]
    )


@pytest.mark.parametrize("make", [adam, rmsprop, sgd])
@pytest.mark.parametrize("rate", [-1e-3, float("inf"), float("nan")])
def test_impossible_learning_rates_are_refused(make, rate):
    with pytest.raises(JaxganError, match="learning_rate is "):
        make(learning_rate=rate)


def test_momenta_are_shares():
    with pytest.raises(JaxganError, match=r"b1 is 1\.5, but must be in"):
        adam(b1=1.5)
