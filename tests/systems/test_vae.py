"""The variational autoencoder: its divergence, its bounds where the truth is known, its step beside PyTorch's."""

from math import e, log, pi

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from coders import LINEAR, make, weights, with_weights

from jaxgan.config import load, resolve
from jaxgan.data import DataSpec
from jaxgan.errors import JaxganError
from jaxgan.evaluation.likelihoods import importance_weighted, lower_bound
from jaxgan.systems import build_system
from jaxgan.systems.likelihoods import LIKELIHOODS
from jaxgan.systems.vae import drawn, kl_to_prior

KEY = jax.random.key(0)


def test_kl_by_hand():
    mean = jnp.array([[0.0, 0.0], [1.0, -2.0], [0.0, 0.0]])
    log_variance = jnp.array([[0.0, 0.0], [0.0, 0.0], [1.0, log(0.25)]])
    expected = [0, (1 + 4) / 2, (e - 2 + 0.25 - 1 + log(4)) / 2]
    np.testing.assert_allclose(kl_to_prior(mean, log_variance), expected, rtol=1e-6)


def test_kl_is_the_mean_of_log_ratios():
    mean, log_variance = jnp.array([0.7, -1.2, 0.1]), jnp.array([0.3, -1.0, 0.8])
    noise = jax.random.normal(KEY, (50_000, 3))
    z = drawn(*(jnp.broadcast_to(x, noise.shape) for x in (mean, log_variance)), noise)
    log_q = jax.scipy.stats.norm.logpdf(noise).sum(axis=1) - log_variance.sum() / 2
    ratios = np.asarray(log_q - jax.scipy.stats.norm.logpdf(z).sum(axis=1))
    expected = float(kl_to_prior(mean[None], log_variance[None])[0])
    assert ratios.mean() == pytest.approx(expected, abs=4 * float(ratios.std()) / 50_000**0.5)


def test_the_gaussian_is_a_density():
    images = jnp.array([[0.5, -0.25]])
    output = jnp.array([[0.3, 0.0]])
    log_density = jax.scipy.stats.norm.logpdf(images, output, 0.2).sum()
    assert float(LIKELIHOODS["gaussian"](sigma=0.2).loss(output, images)[0]) == pytest.approx(-float(log_density))


# Linear and Gaussian: p(x) = N(b, W^T W + sigma^2 I), and with orthogonal rows of W the posterior is diagonal too.

W = np.array([[0.6, 0.6, 0.0], [-0.2, 0.2, 0.5]])
B = np.array([0.1, -0.2, 0.0])
SIGMA = 0.5


def linear_gaussian(shift=0.0, shrink=1.0):
    """The system, a state, and the posterior's variances; `shift` and `shrink` change q's means and deviations."""
    system = make("vae", (1, 3, 1), likelihood=dict(name="gaussian", sigma=SIGMA))
    variance = 1 / (1 + (W**2).sum(axis=1) / SIGMA**2)
    to_mean = W.T * variance / SIGMA**2
    kernel = np.concatenate([to_mean, np.zeros((3, 2))], axis=1)
    bias = np.concatenate([shift - B @ to_mean, np.log(shrink**2 * variance)])
    return system, with_weights(system.init(KEY, None), (kernel, bias), (W, B)), variance


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(64, 192, (40, 1, 3, 1), dtype=np.uint8)


def log_density(images):
    """Log p(x) of each image."""
    x = images.reshape(-1, 3) / 127.5 - 1 - B
    covariance = W.T @ W + SIGMA**2 * np.eye(3)
    squares = (x @ np.linalg.inv(covariance) * x).sum(axis=1)
    return -(squares + 3 * log(2 * pi) + np.linalg.slogdet(covariance)[1]) / 2


def test_of_the_true_posterior_every_weight_is_the_probability(images):
    """So the bound is tight: p(x, z) / p(z | x) = p(x), whatever z."""
    system, state, _ = linear_gaussian()
    x = jnp.asarray(images / 127.5 - 1, jnp.float32)
    for seed in range(2):
        noise = jax.random.normal(jax.random.key(seed), (len(x), 2))
        np.testing.assert_allclose(system.log_weights(state, x, noise), log_density(images), atol=2e-5)


def test_lower_bound_below_importance_weighted_below_log_likelihood(images):
    """And the lower bound misses by KL(q || p(z | x)), known in closed form."""
    shift, shrink = 0.4, 0.9
    system, state, variance = linear_gaussian(shift, shrink)
    truth = log_density(images).mean()
    few, many = (importance_weighted(system, draws)(state, images) for draws in (8, 400))
    gap = (shift**2 / variance + shrink**2 - 1 - 2 * log(shrink)).sum() / 2
    assert many["elbo"] == pytest.approx(truth - gap, abs=0.03)
    assert many["elbo"] + 0.1 < few["log_likelihood"] < many["log_likelihood"] < truth + 0.01
    assert many["log_likelihood"] == pytest.approx(truth, abs=0.05)


def test_the_lower_bound_is_the_sum_of_its_terms(images):
    system, state, variance = linear_gaussian(0.4, 0.9)
    bound = lower_bound(system)(state, images)
    means = (images.reshape(-1, 3) / 127.5 - 1 - B) @ (W.T * variance / SIGMA**2) + 0.4
    kl = (means**2 + 0.81 * variance - 1 - np.log(0.81 * variance)).sum(axis=1).mean() / 2
    assert bound["kl_divergence"] == pytest.approx(kl, rel=1e-5)
    assert bound["elbo"] == pytest.approx(-bound["reconstruction_loss"] - bound["kl_divergence"])
    repeated = np.tile(images, (40, 1, 1, 1))  # 40 draws for each
    expected = importance_weighted(system, 400)(state, images)["elbo"]
    assert lower_bound(system)(state, repeated)["elbo"] == pytest.approx(expected, abs=0.06)


def test_the_chapters_step_is_that_of_torch():
    """784-256-2 and back: losses and every parameter after a step, from equal weights and equal noise."""
    torch = pytest.importorskip("torch")
    config = load("mnist_vae")
    config.optimizer = dict(name="sgd", learning_rate=0.01)
    system = build_system(resolve(config), DataSpec((28, 28, 1), "uint8", (), 100))
    rng = np.random.default_rng(0)
    images, key = rng.integers(0, 256, (8, 28, 28, 1), dtype=np.uint8), jax.random.key(3)
    start = jax.jit(system.init)(KEY, None)
    state, metrics = jax.jit(system.update)(start, {"image": images}, key)
    assert metrics.keys() == {"reconstruction_loss", "kl_divergence"}

    def tensors(player):
        layers = (player.params["_Trunk_0"]["Dense_0"], player.params["Dense_0"])
        return [torch.tensor(np.asarray(layer[name])) for layer in layers for name in ("kernel", "bias")]

    parameters = [tensor.requires_grad_() for tensor in tensors(start.encoder) + tensors(start.decoder)]
    w1, b1, w2, b2, w3, b3, w4, b4 = parameters
    x = torch.tensor(images.reshape(8, 784) / 255, dtype=torch.float32)  # as the chapter's encoder sees it
    noise = torch.tensor(np.asarray(jax.random.normal(jax.random.fold_in(key, 0), (8, 2))))
    mean, log_variance = (torch.relu(x @ w1 + b1) @ w2 + b2).split(2, dim=1)
    z = mean + torch.exp(log_variance / 2) * noise
    made = torch.sigmoid(torch.relu(z @ w3 + b3) @ w4 + b4)
    reconstruction = 784 * torch.nn.functional.binary_cross_entropy(made, x)
    kl = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(dim=1).mean()
    (reconstruction + kl).backward()
    assert float(metrics["reconstruction_loss"]) == pytest.approx(reconstruction.item(), rel=1e-5)
    assert float(metrics["kl_divergence"]) == pytest.approx(kl.item(), rel=1e-4, abs=1e-5)
    for after, before in zip(tensors(state.encoder) + tensors(state.decoder), parameters, strict=True):
        assert before.grad.abs().max() > 1e-2
        np.testing.assert_allclose(after, (before - 0.01 * before.grad).detach(), atol=2e-5)


def test_beta_weighs_the_divergence_on_the_clock_of_images():
    """Where the image does not depend on z, E follows the divergence alone: mu <- mu - 0.1 beta mu."""
    system = make("vae", (1, 2, 1), system=dict(latent_size=1, beta=("linear", 0.0, 2.0, 100.0)))
    start = with_weights(system.init(KEY, None), (np.zeros((2, 2)), [3.0, 0.0]), (np.zeros((1, 2)), [0.0, 0.0]))
    batch = {"image": np.zeros((5, 1, 2, 1), np.float32)}
    update = jax.jit(system.update)
    for step, beta in ((0, 0.0), (10, 1.0), (40, 2.0)):
        state, metrics = update(start.replace(step=jnp.int32(step)), batch, KEY)
        np.testing.assert_allclose(weights(state.encoder)[1], [3 - 0.1 * beta * 3, 0], atol=1e-6)
        assert float(metrics["kl_divergence"]) == pytest.approx(4.5)  # without its weight


def test_the_manifold_lies_as_the_codes_do():
    """Z = (x, y) as an image of two pixels: x grows to the right, y upwards, between the quantiles of 5 and 95 %."""
    system = make("vae", (1, 2, 1))
    state = with_weights(system.init(KEY, None), (np.zeros((2, 4)), np.zeros(4)), (0.5 * np.eye(2), [0.0, 0.0]))
    manifold = np.asarray(system.manifold(state))
    assert manifold.shape == (15, 15, 1, 2, 1)
    x, y = 2 * manifold[:, :, 0, 0, 0], 2 * manifold[:, :, 0, 1, 0]
    np.testing.assert_allclose(x[3, [0, 7, 14]], [-1.644854, 0, 1.644854], atol=1e-5)
    np.testing.assert_allclose(y[[0, 7, 14], 3], [1.644854, 0, -1.644854], atol=1e-5)
    assert (np.diff(x, axis=1) > 0).all()
    assert (np.diff(y, axis=0) < 0).all()
    with pytest.raises(ValueError, match="of 2 latents, not of 3"):
        make("vae", (1, 2, 1), system=dict(latent_size=3)).manifold(state)


def test_a_reconstruction_is_of_the_mean_and_the_codes_are_the_means():
    system = make("vae", (1, 2, 1))
    kernel = np.concatenate([np.eye(2), np.zeros((2, 2))], axis=1)
    state = with_weights(system.init(KEY, None), (kernel, [0.25, 0, 5, 5]), (np.eye(2), [0.0, 0.0]))
    images = jnp.array([[[[0.5], [-0.5]]], [[[0.9], [1.0]]]])
    np.testing.assert_allclose(system.encode(state, images), [[0.75, -0.5], [1.15, 1.0]], atol=1e-6)
    made = system.translate(state, images, "reconstruction").reshape(2, 2)
    np.testing.assert_allclose(made, [[0.75, -0.5], [1, 1]], atol=1e-6)


def test_truncated_latents_are_bounded_and_others_are_normal():
    system = make("vae", (1, 2, 1))
    indices = jnp.arange(2000, dtype=jnp.int32)
    latents = system.latents(KEY, indices)
    assert float(jnp.std(latents)) == pytest.approx(1, abs=0.05)
    assert jnp.abs(system.latents(KEY, indices, 0.5)).max() <= 0.5 < jnp.abs(latents).max()
    np.testing.assert_array_equal(system.latents(KEY, indices[7:9]), latents[7:9])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(likelihood=dict(name="bernoulli"), decoder=LINEAR), r"bernoulli takes logits.*decoder\.output=none"),
        (dict(likelihood=dict(name="bernoulli"), decoder=dict(name="resnet")), "takes logits"),
        (dict(likelihood=dict(name="gaussian", sigma=0.0)), r"config\.likelihood: sigma is 0\.0"),
        (dict(system=dict(beta=-1.0)), r"config\.system\.beta is -1\.0"),
        (dict(system=dict(latent_size=0)), r"config\.system\.latent_size is 0"),
    ],
)
def test_what_cannot_work_is_refused(settings, message):
    with pytest.raises(JaxganError, match=message):
        make("vae", (8, 8, 1), **settings)
