"""Projection: the least squares of a linear generator, own samples found again, and no image disturbs another."""

import jax.numpy as jnp
import numpy as np
import pytest
from small_runs import untrained
from tqdm import tqdm

from jaxgan import projection
from jaxgan.drawing import Samples
from jaxgan.errors import JaxganError
from jaxgan.projection import POOL, _descend, _nearest, project


@pytest.fixture(scope="module")
def linear():
    """G(z, k) = A z + b_k, z of 3 numbers, k of 4 classes."""
    return untrained(hidden=())


def affine(trained, label):
    """A [pixels, latents] and b [pixels] of a class, from what the generator makes of 0 and of the unit vectors."""
    made = trained.generate(np.concatenate([np.zeros((1, 3)), np.eye(3)]), [label]).images.reshape(4, -1)
    return (made[1:] - made[0]).T.astype(np.float64), made[0].astype(np.float64)


IMAGES = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 3, 2, 1)).astype(np.float32)


def test_of_a_linear_generator_it_is_least_squares(linear):
    found, errors = project(linear, IMAGES, labels=[2], pull=0.0)
    a, b = affine(linear, 2)
    for image, latents, made, error in zip(IMAGES, found.latents, found.images, errors, strict=True):
        solution, (residual,), *_ = np.linalg.lstsq(a, image.ravel() - b, rcond=None)
        np.testing.assert_allclose(latents, solution, atol=1e-3)
        assert error == pytest.approx(residual / 6, rel=1e-4)
        assert np.mean((made - image) ** 2) == pytest.approx(error, rel=1e-5)
    np.testing.assert_array_equal(found.labels, [2, 2, 2])


def test_the_pull_is_towards_the_length_of_the_prior(linear):
    """Where the gradient 2/6 A'(Az + b - x) + 4 pull (|z|^2 - m) z / s^2 is 0; of three latents m = 3, s^2 = 6."""
    lengths = np.sum(linear.sample(POOL, labels=[1]).latents ** 2, axis=1)
    mean, variance = np.mean(lengths), np.var(lengths)
    assert (mean, variance) == pytest.approx((3, 6), rel=0.15)
    a, b = affine(linear, 1)
    for pull in (0.1, 10.0):
        (z,) = project(linear, IMAGES[:1], labels=[1], pull=pull).samples.latents.astype(np.float64)
        of_length = 4 * pull * (z @ z - mean) * z / variance
        of_image = a.T @ (a @ z + b - IMAGES[0].ravel()) / 3
        np.testing.assert_allclose(of_length, -of_image, atol=2e-3)
    assert z @ z == pytest.approx(mean, rel=0.01)
    free = project(linear, IMAGES[:1], labels=[1], pull=0.0).samples.latents[0]
    assert abs(free @ free / mean - 1) > 0.1


def test_the_class_is_found(linear):
    drawn = linear.sample(12, seed=5)
    own = linear.generate(drawn.latents / 4, drawn.labels)
    assert np.abs(own.images).max() < 1  # nothing of them is clipped
    found, errors = project(linear, own.images, pull=0.0)
    np.testing.assert_array_equal(found.labels, own.labels)
    np.testing.assert_allclose(found.latents, own.latents, atol=1e-3)
    assert errors.max() < 1e-6
    forced, forced_errors = project(linear, own.images, labels=[0], pull=0.0)
    np.testing.assert_array_equal(forced.labels, np.zeros(12))
    assert (forced_errors[own.labels != 0] > 1e-4).all()


def test_own_samples_of_a_curved_generator_are_found_again():
    trained = untrained(hidden=(32, 32), activation="tanh", output="tanh", kernel_init="he_normal")
    own, pool = trained.sample(6, seed=7), trained.sample(POOL)
    found, errors = project(trained, own.images)
    nearest = [np.mean((pool.images - image) ** 2, axis=(1, 2, 3)).min() for image in own.images]
    assert (errors < 1e-2 * np.asarray(nearest)).all()
    again = trained.generate(found.latents, found.labels)
    np.testing.assert_allclose(again.images, found.images, atol=1e-5)
    np.testing.assert_allclose(np.mean((found.images - own.images) ** 2, axis=(1, 2, 3)), errors, rtol=1e-3, atol=1e-9)


def test_the_result_of_an_image_depends_on_it_and_the_seed_only(linear):
    together, errors = project(linear, IMAGES)
    for order in ([2], [1, 0], [2, 1, 0, 2]):
        alone, alone_errors = project(linear, IMAGES[order])
        np.testing.assert_array_equal(alone_errors, errors[order])
        for one, all_ in zip(alone, together, strict=True):
            np.testing.assert_array_equal(one, all_[order])
    other, _ = project(linear, IMAGES, seed=1)
    assert not (other.latents == together.latents).all()
    mixed = project(linear, IMAGES, labels=[3, 1]).samples
    np.testing.assert_array_equal(mixed.labels, [3, 1, 3])
    for place, label in enumerate(mixed.labels):
        own = project(linear, IMAGES[[place]], labels=[label]).samples
        np.testing.assert_array_equal(own.latents[0], mixed.latents[place])


def test_what_cannot_be_projected(linear):
    with pytest.raises(JaxganError, match=r"the images are \[3, 2, 2, 1\], but must be \[n, 3, 2, 1\]"):
        project(linear, IMAGES[:, :2])
    with pytest.raises(JaxganError, match=r"the images are \[0, 3, 2, 1\]"):
        project(linear, IMAGES[:0])
    with pytest.raises(JaxganError, match=r"the labels are \[4\], but must be in 0..3 \(a, b, c, d\)"):
        project(linear, IMAGES, labels=[4])
    with pytest.raises(JaxganError, match="starts is 0, but must be in"):
        project(linear, IMAGES, starts=0)
    for option in (dict(learning_rate=-0.1), dict(learning_rate=float("nan")), dict(pull=-1.0)):
        with pytest.raises(JaxganError, match=f"{next(iter(option))} is .*, but must be in"):
            project(linear, IMAGES, **option)
    with pytest.raises(JaxganError, match="trained without labels"):
        project(untrained(num_classes=0), IMAGES, labels=[0])


class Fragile:
    """G(z) is every number of z, and nothing finite where z is above a bound."""

    def __init__(self, bound):
        self.bound = bound

    def generate(self, state, latents, labels, truncation=None):
        return jnp.where(latents > self.bound, jnp.nan, latents)


def test_a_descent_that_breaks_does_not_win():
    start = Samples(np.zeros((2, 1), np.float32), np.array([[3.0], [0.5]], np.float32), np.array([0, 1], np.int32))
    image, squares = np.array([0.25], np.float32), np.array([1.0, 2.0], np.float32)
    latents, _, label, error = _descend(Fragile(1.0), 200, 0.1, 0.0, None, image, start, squares)
    assert (float(latents[0]), int(label)) == (pytest.approx(0.25, abs=1e-3), 1)
    assert float(error) < 1e-6


class Endless:
    """G(z) is infinite, which would be 1 if it were clipped."""

    def generate(self, state, latents, labels, truncation=None):
        return jnp.full((len(latents), 1, 1, 1), jnp.inf)


def test_infinite_images_are_no_result():
    start = Samples(np.zeros((1, 1, 1, 1), np.float32), np.ones((1, 1), np.float32), np.zeros(1, np.int32))
    image, squares = np.ones((1, 1, 1), np.float32), np.array([1.0, 2.0], np.float32)
    *_, error = _descend(Endless(), 2, 0.1, 0.0, None, image, start, squares)
    assert not np.isfinite(error)


def test_a_descent_that_overshoots_keeps_the_best_it_has_seen():
    """The first step of Adam goes as far as its rate: from 1 towards 0.25 to -99, never to come back in two."""
    start = Samples(np.zeros((1, 1), np.float32), np.ones((1, 1), np.float32), np.zeros(1, np.int32))
    image, squares = np.array([0.25], np.float32), np.array([1.0, 2.0], np.float32)
    latents, made, _, error = _descend(Fragile(1.0), 2, 100.0, 0.0, None, image, start, squares)
    assert (float(latents[0]), float(made[0]), float(error)) == (1.0, 1.0, 0.75**2)


def test_no_finite_result_is_an_error_and_ends_the_bar(linear, monkeypatch):
    closed = []
    monkeypatch.setattr(projection, "_descend", lambda *_: (np.zeros(3), np.zeros(1), 0, np.float32("nan")))
    monkeypatch.setattr(tqdm, "__exit__", lambda *_: closed.append(True))
    with pytest.raises(JaxganError, match="no start led to a finite image 0; lower the learning rate"):
        project(linear, IMAGES)
    assert closed == [True]


def test_starts_are_the_nearest():
    rng = np.random.default_rng(2)
    pool = Samples(*(rng.normal(size=(50, n)).astype(np.float32) for n in (6, 2)), np.arange(50))
    image = rng.normal(size=6).astype(np.float32)
    expected = np.argsort(np.sum((pool.images - image) ** 2, axis=1))[:5]
    np.testing.assert_array_equal(_nearest(pool, np.sum(pool.images**2, axis=1), image, 5).labels, expected)
