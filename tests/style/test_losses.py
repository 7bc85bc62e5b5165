"""Gram matrices and losses by hand, beside PyTorch's lines of source 004, and their gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.errors import JaxganError
from jaxgan.style.losses import content_loss, gram, style_loss

# Two channels over 1 x 3 positions: (1, 2, 3) and (0, -1, 4).
F = jnp.asarray([[[[1.0, 0], [2, -1], [3, 4]]]])


def test_gram_by_hand():
    """(1 + 4 + 9) / 3, (0 - 2 + 12) / 3, (0 + 1 + 16) / 3."""
    np.testing.assert_allclose(gram(F), [[[14 / 3, 10 / 3], [10 / 3, 17 / 3]]], rtol=1e-6)


def test_gram_knows_no_places():
    x = jax.random.normal(jax.random.key(0), (2, 4, 6, 3))
    moved = jax.random.permutation(jax.random.key(1), x.reshape(2, 24, 3), axis=1).reshape(2, 8, 3, 3)
    np.testing.assert_allclose(gram(moved), gram(x), rtol=1e-5, atol=1e-6)


def test_losses_by_hand():
    """((1 - 1)^2 + 1 + (3 - 3)^2 + 4 + 0 + 0) / 6 of content; Gram (14/3, 10/3, 10/3, 17/3) against the unit matrix."""
    content = jnp.asarray([[[[1.0, 1], [2, 1], [3, 4]]]])
    np.testing.assert_allclose(content_loss(F, content), [(1 + 4) / 6], rtol=1e-6)
    expected = ((11 / 3) ** 2 + 2 * (10 / 3) ** 2 + (14 / 3) ** 2) / 4
    np.testing.assert_allclose(style_loss(F, jnp.eye(2)[None]), [expected], rtol=1e-6)


def test_losses_and_gradients_are_those_of_source_004():
    torch = pytest.importorskip("torch")
    x, p, s = (jax.random.normal(jax.random.key(i), (2, 5, 4, 7)) for i in range(3))
    a = gram(s)

    def source_gram(features):
        b, c, h, w = features.size()
        flat = features.reshape(b, c, h * w)
        return torch.bmm(flat, flat.transpose(1, 2)) / (h * w)

    def tensor(values):
        return torch.tensor(np.array(values).transpose(0, 3, 1, 2))

    made, mse = tensor(x).requires_grad_(), torch.nn.MSELoss()
    total = 3 * mse(made, tensor(p)) + 5 * mse(source_gram(made), source_gram(tensor(s)))
    total.backward()
    ours, gradient = jax.value_and_grad(lambda x: 3 * content_loss(x, p).mean() + 5 * style_loss(x, a).mean())(x)
    assert float(ours) == pytest.approx(float(total.detach()), rel=1e-5)
    np.testing.assert_allclose(gradient, made.grad.numpy().transpose(0, 2, 3, 1), rtol=1e-4, atol=1e-6)


def test_gradients_are_finite_where_there_is_nothing():
    zeros = jnp.zeros((1, 2, 2, 3))
    for loss, target in ((content_loss, zeros), (style_loss, gram(zeros))):
        gradient = jax.grad(lambda x, loss=loss, target=target: loss(x, target).sum())(zeros)
        np.testing.assert_array_equal(gradient, 0)


def test_shapes_that_would_broadcast_are_refused():
    with pytest.raises(JaxganError, match=r"content loss: \(1, 1, 3, 2\) cannot be compared with \(1, 1, 1, 2\)"):
        content_loss(F, F[:, :, :1])
    with pytest.raises(JaxganError, match=r"style loss: \(1, 2, 2\) cannot be compared with \(2, 2\)"):
        style_loss(F, jnp.eye(2))
