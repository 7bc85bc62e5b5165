"""The optimisation: the loss falls at every step, the seed decides, the terms are what the formula says."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxgan.errors import JaxganError
from jaxgan.networks.vgg import VGG
from jaxgan.pretrained import vgg_weights
from jaxgan.style import transfer as transfer_module
from jaxgan.style.transfer import Goal, Goals, Settings, terms, transfer

SETTINGS = Settings({"relu1_1": 1.0}, {"relu1_1": 1.0, "relu1_2": 0.5}, steps=13)


@pytest.fixture(scope="module")
def vgg():
    """Random weights, as far as the tests go."""
    params = {name: vgg_weights.random().params[name] for name in ("mean", "conv1_1", "conv1_2")}
    return vgg_weights.random()._replace(params=params, layers=("relu1_1", "relu1_2"), unit=1.0)


@pytest.fixture(scope="module")
def pictures():
    """A content with an edge and a striped style of another size, both with pure black and white."""
    content, style = np.full((12, 16, 3), 255, np.uint8), np.zeros((20, 14, 3), np.uint8)
    content[:, :8], style[::4] = (20, 60, 200), (255, 180, 0)
    return content, style


@pytest.fixture(scope="module")
def made(vgg, pictures):
    told = []
    return transfer(vgg, *pictures, SETTINGS, lambda steps, loss: told.append((steps, loss))), told


def test_the_loss_falls_at_every_iteration(made):
    history = made[0].history
    assert history.shape == (13,)
    assert np.all(np.diff(history) < 0)
    assert history[-1] < 0.05 * history[0]


def test_progress_is_told_to_the_last_step(made):
    result, told = made
    assert [steps for steps, _ in told] == [10, 3]
    assert [loss for _, loss in told] == [result.history[9], result.history[12]]


def test_the_loss_told_is_that_of_the_picture_as_it_is_saved(made, vgg, pictures):
    """Term by term, in NumPy, from the activations of 8-bit pictures."""
    result, (content, style) = made[0], pictures
    net = VGG(vgg.depth, vgg.layers)
    run = jax.jit(lambda images: net.apply({"params": vgg.params}, images))
    f, p, s = (
        {k: np.asarray(v, np.float64) for k, v in run(x[None].astype(np.float32) / 127.5 - 1).items()}
        for x in (result.picture, content, style)
    )

    def gram(x):
        return np.einsum("bhwi,bhwj->ij", x, x) / (x.shape[1] * x.shape[2])

    expected = {"content relu1_1": 10 * np.mean((f["relu1_1"] - p["relu1_1"]) ** 2)} | {
        f"style {layer}": factor * 1e3 / 64**2 * np.mean((gram(f[layer]) - gram(s[layer])) ** 2)
        for layer, factor in (("relu1_1", 1.0), ("relu1_2", 0.5))
    }
    assert result.after.keys() == expected.keys()
    for name, value in expected.items():
        assert result.after[name] == pytest.approx(value, rel=1e-3), name
    assert sum(result.before.values()) == pytest.approx(result.history[0], rel=1e-4)
    assert 0 < result.before["content relu1_1"] < 1e-3 * sum(result.before.values())  # the content at 0.99 of itself
    assert sum(result.after.values()) < 0.05 * sum(result.before.values())


def test_it_takes_the_styles_colours(made, pictures):
    """Stripes of orange on black: the mean of the blue sinks toward the style's, from 228 toward 0."""
    assert made[0].picture.dtype == np.uint8
    assert made[0].picture.shape == pictures[0].shape
    assert made[0].picture[..., 2].mean() < 120


def test_the_same_seed_gives_the_same_bits_and_another_does_not(made, vgg, pictures):
    again = transfer(vgg, *pictures, SETTINGS)
    np.testing.assert_array_equal(again.picture, made[0].picture)
    np.testing.assert_array_equal(again.history, made[0].history)
    noise = [
        transfer(vgg, *pictures, dataclasses.replace(SETTINGS, start="noise", seed=seed, steps=2)) for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(noise[0].picture, noise[1].picture)
    assert (noise[0].picture != noise[2].picture).any()
    assert noise[0].before["content relu1_1"] > 100 * made[0].before["content relu1_1"]


def test_weights_are_linear_in_the_loss(vgg):
    """And a unit of u multiplies content losses by u^2, style losses by u^4."""
    features = {"relu1_1": jax.random.normal(jax.random.key(0), (1, 3, 4, 5))}
    zeros = {"relu1_1": Goal(np.zeros((1, 3, 4, 5), np.float32), np.float32(2))}
    style = {"relu1_1": Goal(np.zeros((1, 5, 5), np.float32), np.float32(3))}
    one = terms(features, Goals(zeros, style, np.float32(1)))
    more = ({"relu1_1": goals["relu1_1"]._replace(weight=np.float32(6))} for goals in (zeros, style))
    two = terms(features, Goals(*more, np.float32(2)))
    assert float(two["content relu1_1"]) == pytest.approx(3 * 4 * float(one["content relu1_1"]), rel=1e-5)
    assert float(two["style relu1_1"]) == pytest.approx(2 * 16 * float(one["style relu1_1"]), rel=1e-5)


def test_everything_is_computed_in_full_precision(vgg, pictures, monkeypatch):
    """Also where a GPU would round what it multiplies: by the time the loss is traced the precision is set."""
    seen = []
    monkeypatch.setattr(transfer_module, "_features", lambda *_: seen.append(jax.config.jax_default_matmul_precision))
    with pytest.raises(TypeError):  # of the features that are not there
        transfer(vgg, *pictures, SETTINGS)
    assert seen
    assert set(seen) == {"float32"}


def test_a_loss_that_overflows_is_an_error(vgg, pictures):
    with pytest.raises(JaxganError, match="no longer a finite number; lower --content-weight and --style-weight"):
        transfer(vgg, *pictures, dataclasses.replace(SETTINGS, style_weight=1e38))
