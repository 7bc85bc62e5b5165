"""The autoencoder: steps by hand, what it is to principal components, what corruptions do and leave alone."""

from math import log

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from coders import LINEAR, make, weights, with_weights

from jaxgan.errors import JaxganError
from jaxgan.systems.corruptions import CORRUPTIONS
from jaxgan.systems.likelihoods import LOSSES, cross_entropy, squared_error

KEY = jax.random.key(0)


def test_a_step_by_hand():
    """Of y = D(E(x)) with z = x . e = 0.5 and y = z d: the gradients of |y - x|^2."""
    system = make("autoencoder", (1, 2, 1), system=dict(latent_size=1))
    e, d, x = np.array([0.5, -0.25]), np.array([1.0, 2.0]), np.array([0.5, -1.0])
    state = with_weights(system.init(KEY, None), (e[:, None], [0.0]), (d[None], [0.0, 0.0]))
    state, metrics = jax.jit(system.update)(state, {"image": x.reshape(1, 1, 2, 1).astype(np.float32)}, KEY)
    z = 0.5
    residual = z * d - x  # (0, 2)
    assert metrics == {"reconstruction_loss": pytest.approx(4.0)}
    back = 2 * residual @ d  # 8
    kernel, bias = weights(state.encoder)
    np.testing.assert_allclose(kernel[:, 0], e - 0.1 * back * x, atol=1e-6)
    np.testing.assert_allclose(bias, [-0.1 * back], atol=1e-6)
    kernel, bias = weights(state.decoder)
    np.testing.assert_allclose(kernel[0], d - 0.1 * 2 * residual * z, atol=1e-6)
    np.testing.assert_allclose(bias, -0.1 * 2 * residual, atol=1e-6)
    assert state.step == 1


def test_a_linear_one_spans_the_principal_components():
    """Baldi & Hornik 1989: the subspace of the first components, the mean in the bias, the rest as the loss."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(48, 6)) * [0.4, 0.3, 0.1, 0.08, 0.05, 0.02] @ np.linalg.qr(rng.normal(size=(6, 6)))[0]
    points = (points + np.linspace(-0.2, 0.2, 6)).astype(np.float32)
    adam = dict(name="adam", learning_rate=("cosine", 0.05, 0.0, 48.0 * 800), b1=0.9)
    system = make("autoencoder", (2, 3, 1), batch_size=48, system=dict(latent_size=2), optimizer=adam)
    batch = {"image": jnp.asarray(points.reshape(-1, 2, 3, 1))}

    def step(state, _):
        state, metrics = system.update(state, batch, KEY)
        return state, metrics["reconstruction_loss"]

    state, losses = jax.jit(lambda state: jax.lax.scan(step, state, length=800))(system.init(KEY, None))
    centred = points - points.mean(axis=0)
    _, values, components = np.linalg.svd(centred, full_matrices=False)
    learnt = np.linalg.qr(weights(state.decoder)[0].T)[0]
    cosines = np.linalg.svd(components[:2] @ learnt, compute_uv=False)  # of the principal angles
    assert np.degrees(np.arccos(np.clip(cosines, 0, 1))).max() < 0.5
    assert losses[-1] == pytest.approx((values[2:] ** 2).sum() / 48, rel=3e-3)
    made = system.translate(state, batch["image"], "reconstruction").reshape(-1, 6)
    projected = centred @ components[:2].T @ components[:2] + points.mean(axis=0)
    np.testing.assert_allclose(made, projected, atol=0.02)


def test_losses_by_hand():
    output = jnp.array([[0.5, -1.0], [0.0, 2.0]])
    images = jnp.array([[1.0, -1.0], [-0.5, 1.0]])
    np.testing.assert_allclose(LOSSES["squared"].loss(output, images), [0.25, 1.25])
    np.testing.assert_allclose(LOSSES["absolute"].loss(output, images), [0.5, 1.5])
    logits = jnp.array([[0.0, log(3.0)], [-log(3.0), 100.0]])
    # Targets are 1, 0 and 1/4, 1; probabilities 1/2, 3/4 and 1/4, 1.
    expected = [log(2) + log(4), -0.25 * log(0.25) - 0.75 * log(0.75)]
    np.testing.assert_allclose(cross_entropy(logits, images), expected, rtol=1e-6)
    np.testing.assert_allclose(LOSSES["cross_entropy"].images(logits), [[0, 0.5], [-0.5, 1]], atol=1e-6)
    np.testing.assert_allclose(LOSSES["squared"].images(output), [[0.5, -1], [0, 1]])


def test_images_of_another_shape_are_not_compared():
    with pytest.raises(ValueError, match=r"images of its shape \(2, 3\), not \(2, 1\)"):
        squared_error(jnp.zeros((2, 3)), jnp.zeros((2, 1)))


def test_what_is_encoded_is_corrupted_and_what_it_is_compared_with_is_not():
    """With every pixel dropped E sees black, and D, which makes grey at first, is asked for the image."""
    masked = make("autoencoder", (1, 2, 1), system=dict(latent_size=1), corruption=dict(name="masking", share=1.0))
    start = with_weights(masked.init(KEY, None), ([[0.5], [0.5]], [1.0]), ([[1.0, 1.0]], [0.0, 0.0]))  # z = y = 0
    images = np.float32([[0.5, -0.25], [1.0, 0.5]]).reshape(2, 1, 2, 1)
    state, metrics = jax.jit(masked.update)(start, {"image": images}, KEY)
    assert metrics["reconstruction_loss"] == pytest.approx((0.3125 + 1.25) / 2)
    kernel, bias = weights(state.encoder)
    moved = 0.1 * 2 * images.sum() / 2
    np.testing.assert_allclose(bias - 1, [moved], atol=1e-6)
    np.testing.assert_allclose(kernel - 0.5, [[-moved], [-moved]], atol=1e-6)  # the input is -1 everywhere


def test_noise_has_its_deviation_and_stays_in_range():
    images, noise = jnp.zeros((4, 32, 32, 1)), CORRUPTIONS["noise"]
    noisy = noise(std=0.2)(images, KEY)
    assert float(jnp.std(noisy)) == pytest.approx(0.2, rel=0.05)
    assert abs(float(jnp.mean(noisy))) < 0.02
    strong = noise(std=2.0)(images, KEY)
    assert jnp.abs(strong).max() == 1
    np.testing.assert_array_equal(noise(std=0.0)(images, KEY), images)


def test_masking_drops_whole_pixels_in_their_share():
    images = jax.random.uniform(jax.random.key(1), (4, 32, 32, 3), minval=-0.9)
    masked = CORRUPTIONS["masking"](share=0.3)(images, KEY)
    dropped = masked == -1
    assert bool(jnp.all(dropped.all(axis=-1) == dropped.any(axis=-1)))
    np.testing.assert_array_equal(masked[~dropped], images[~dropped])
    assert float(dropped.mean()) == pytest.approx(0.3, abs=0.03)


def test_grey_is_the_luminance_in_every_channel():
    grey = CORRUPTIONS["grey"](shape=(1, 3, 3))
    images = jnp.array([[[[1.0, -1, -1], [0.25, 0.25, 0.25], [-1, 1, 0]]]])
    levels = [0.299 - 0.587 - 0.114, 0.25, -0.299 + 0.587]
    np.testing.assert_allclose(grey(images, KEY)[0, 0], np.repeat(np.array(levels)[:, None], 3, axis=1), atol=1e-6)


def test_previews_show_images_what_is_encoded_and_what_is_made():
    images = np.random.default_rng(0).integers(0, 256, (12, 4, 4, 1), dtype=np.uint8)
    clean = images.astype(np.float32) / 127.5 - 1
    system = make("autoencoder", (4, 4, 1), system=dict(latent_size=2), corruption=dict(name="noise", std=0.3))
    state = system.init(KEY, None)
    shown = system.previews(state, {"image": images}, KEY)
    noisy = system.corrupted(jnp.asarray(clean), KEY)
    assert np.abs(noisy - clean).max() > 0.1
    made = system.translate(state, noisy, "reconstruction")
    rows = np.stack([clean[:10], noisy[:10], made[:10]])
    np.testing.assert_allclose(shown["reconstruction"], rows, atol=1e-5)
    np.testing.assert_allclose(shown["codes"], system.encode(state, jnp.asarray(clean)), atol=1e-5)
    plain = make("autoencoder", (4, 4, 1), system=dict(latent_size=3))
    shown = plain.previews(plain.init(KEY, None), {"image": images}, KEY)
    assert {name: len(rows) for name, rows in shown.items()} == {"reconstruction": 2}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(system=dict(latent_size=0)), r"config\.system\.latent_size is 0, but must be at least 1"),
        (dict(system=dict(loss="cross_entropy"), decoder=LINEAR), r"cross_entropy takes logits.*decoder\.output=none"),
        (dict(system=dict(loss="entropy")), "one of 'squared', 'absolute', 'cross_entropy'"),
        (dict(corruption=dict(name="grey")), r"grey needs images with 3 channels, not 1.*corruption\.name=noise"),
        (dict(corruption=dict(name="noise", std=-0.1)), r"config\.corruption: std is -0\.1"),
        (dict(corruption=dict(name="masking", share=1.5)), r"share is 1\.5, but must be in \[0, 1\]"),
        (dict(corruption=dict(name="mask")), "Did you mean 'masking'"),
    ],
)
def test_what_cannot_work_is_refused(settings, message):
    with pytest.raises(JaxganError, match=message):
        make("autoencoder", (4, 4, 1), **settings)


@pytest.mark.parametrize("name", ["autoencoder", "vae"])
def test_points_are_refused(name):
    with pytest.raises(JaxganError, match=rf"config\.system={name} learns images, not examples of shape \(2,\)"):
        make(name, (2,))
