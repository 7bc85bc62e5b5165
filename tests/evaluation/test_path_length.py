"""Perceptual path length: a linear G whose speed is known, rounding, trimming, and what is refused."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from features_of_blocks import BLOCKS, vectors_of
from small_runs import settings
from subjects import system_of

from jaxgan.data import SOURCES, DataSpec
from jaxgan.errors import JaxganError
from jaxgan.evaluation import METRICS, comparisons, path_length
from jaxgan.evaluation.path_length import ppl10k, squared_speeds, trimmed_mean
from jaxgan.registry import complete
from jaxgan.systems import build_system

SIZE = 3
SHAPE = (4, 4, 1)
DATA = complete({"name": "digits", "image_size": 16}, SOURCES, "config.data")
SPEC = DataSpec((16, 16, 1), "uint8", tuple("0123456789"), 1437)


@dataclasses.dataclass(frozen=True)
class Linear:
    """G(z) = z W + the label: latents of one length, so that ways are circles."""

    num_classes: int = 0

    def latents(self, key, indices, truncation=None):
        keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(indices)
        z = jax.vmap(lambda key: jax.random.normal(key, (SIZE,)))(keys)
        return z / jnp.linalg.norm(z, axis=1, keepdims=True)

    def generate(self, state, latents, labels, truncation=None):
        return (latents @ state).reshape(-1, *SHAPE) + labels[:, None, None, None]


def weights(seed=0):
    return jax.random.normal(jax.random.key(seed), (SIZE, 16))


def speeds(state, num=200, system=None):
    return squared_speeds(system or Linear(), SHAPE, vectors_of, num)(state)


def test_the_speed_of_a_linear_generator_on_circles():
    """f(G(z)) = 127.5 z W M: of orthonormal W M every way is as fast as its angle is wide."""
    means = np.zeros((16, 4))  # of quarters
    for row, column in np.ndindex(4, 4):
        means[4 * row + column, row // 2 * 2 + column // 2] = 1 / 4
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((4, 4)))[0][:SIZE]
    found = speeds(jnp.asarray(rotation @ np.linalg.pinv(means), jnp.float32))
    keys = jax.random.split(jax.random.key(path_length.SEED), 3)
    a, b = (np.asarray(Linear().latents(key, jnp.arange(200))) for key in keys[:2])
    angles = np.arccos((a * b).sum(axis=1))
    np.testing.assert_allclose(found, (127.5 * angles) ** 2, rtol=0.05)  # of float32, whose numbers are 1e-5 apart
    assert found.mean() == pytest.approx(((127.5 * angles) ** 2).mean(), rel=2e-3)


def test_speeds_grow_with_the_square_of_the_contrast_and_know_no_offset():
    plain = speeds(weights())
    np.testing.assert_allclose(speeds(3 * weights()), 9 * plain, rtol=0.05)
    np.testing.assert_allclose(speeds(weights(), system=Linear(num_classes=3)), plain, rtol=0.05)


def test_a_generator_that_has_collapsed_does_not_move():
    assert (speeds(jnp.zeros((SIZE, 16))) == 0).all()


def test_ways_depend_on_their_number_alone_and_batches_make_no_difference(monkeypatch):
    whole = speeds(weights(), 200)
    np.testing.assert_array_equal(speeds(weights(), 30), whole[:30])
    monkeypatch.setattr(path_length, "batch_size", lambda shape: 1)
    np.testing.assert_array_equal(speeds(weights(), 200), whole)


def test_pictures_are_not_rounded_to_levels():
    """They differ by less than a level: rounded ones would be equal, or a whole level apart."""
    rounded = squared_speeds(Linear(), SHAPE, lambda images: vectors_of(np.rint(images)), 200)(weights())
    plain = speeds(weights())
    assert np.median(rounded) == 0
    assert rounded.max() > 100 * plain.max()


def test_the_outer_hundredths_are_left_out():
    values = np.arange(1000.0)
    values[0], values[-1] = -1e9, 1e9
    # Percentiles are at 9.99 and 989.01 of the sorted numbers: 9 and 990 stay.
    assert trimmed_mean(values) == np.arange(9, 991).mean()
    assert trimmed_mean(np.array([5.0])) == 5


@pytest.fixture
def blocks(monkeypatch):
    monkeypatch.setitem(comparisons.FEATURES, "blocks", lambda data: BLOCKS)
    monkeypatch.setitem(METRICS, "ppl10k_blocks", ppl10k("blocks"))


@pytest.fixture(scope="module")
def state():
    """As at the start, but for weights so large that pictures move more than float32 is coarse."""
    start = jax.jit(system_of(10).init)(jax.random.key(0), {})
    return start.replace(average=jax.tree.map(lambda x: 20 * x, start.average))


def test_a_state_is_scored_the_same_each_time(blocks, state):
    first, second = (path_length.path_length("ppl64_blocks", 64, "blocks", SPEC, system_of(10), DATA) for _ in "ab")
    figures = first.score(state, {})
    assert figures["ppl"] > 0
    assert figures["ppl_median"] > 0
    assert second.score(state, {}) == figures


def test_the_protocol_says_how_it_was_computed(blocks):
    metric = METRICS["ppl10k_blocks"](SPEC, system_of(10), DATA)
    assert (metric.num, metric.view, metric.aim) == (10_000, None, None)
    assert (metric.protocol["epsilon"], metric.protocol["features"]) == (1e-4, "blocks")
    assert metric.protocol["quantisation"] == "none, float32 without TF32"
    assert "not LPIPS" in metric.protocol["distance"]


def test_there_is_one_of_each_network_of_features():
    assert {name for name in METRICS if name.startswith("ppl")} == {f"ppl10k_{name}" for name in comparisons.FEATURES}


@pytest.mark.parametrize(
    ("spec", "data", "message"),
    [
        (SPEC._replace(shape=(2,)), DATA, "ppl10k_digits scores images, and this run makes points"),
        (SPEC._replace(shape=(16, 16, 3)), DATA, "ppl10k_digits: the features of digits are of grey images"),
    ],
)
def test_what_cannot_be_scored_is_refused(spec, data, message):
    with pytest.raises(JaxganError, match=message):
        METRICS["ppl10k_digits"](spec, system_of(10), data)


def test_a_network_of_another_set_is_refused():
    with pytest.raises(JaxganError, match=r"config\.data\.name=tfds:mnist, not digits"):
        METRICS["ppl10k_mnist"](SPEC, system_of(10), DATA)


def test_bfloat16_is_refused(blocks):
    system = build_system(settings("images", precision="bfloat16"), SPEC)
    with pytest.raises(JaxganError, match=r"ppl10k_blocks is of pictures that differ by less than .*bfloat16 resolves"):
        METRICS["ppl10k_blocks"](SPEC, system, DATA)


def test_a_state_that_is_not_finite_is_refused(blocks, state):
    broken = jax.tree.map(lambda x: jnp.full_like(x, jnp.nan) if x.dtype == jnp.float32 else x, state)
    metric = path_length.path_length("ppl64_blocks", 64, "blocks", SPEC, system_of(10), DATA)
    with pytest.raises(JaxganError, match="ppl64_blocks: what the generator makes is not finite"):
        metric.score(broken, {})
