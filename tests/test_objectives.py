"""Adversarial objectives: numbers worked out by hand, gradients in closed form, PyTorch's numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.errors import JaxganError
from jaxgan.objectives import OBJECTIVES, cross_entropy, minimax, non_saturating

KEY = jax.random.key(0)

# softplus(x) = log(1 + e^x): softplus(0) = ln 2, softplus(-1) = 0.3132617, softplus(1) = 1.3132617,
# softplus(2) = 2.1269280, softplus(-3) = 0.0485874.
# BCE against y is softplus(x) - y x.
BY_HAND = [
    # objective, options, real logit, fake logit, L_D, L_G
    ("non_saturating", {}, 0.0, 0.0, 1.3862944, 0.6931472),
    ("non_saturating", {}, 1.0, -1.0, 0.6265234, 1.3132617),
    ("non_saturating", {}, 2.0, -3.0, 0.1755154, 3.0485874),  # softplus(-2) = 0.1269280
    ("minimax", {}, 0.0, 0.0, 1.3862944, -0.6931472),
    ("minimax", {}, 1.0, -1.0, 0.6265234, -0.3132617),
    ("minimax", {}, 2.0, -3.0, 0.1755154, -0.0485874),
    ("wasserstein", {}, 2.0, -3.0, -5.0, 3.0),
    ("wasserstein", {}, -1.5, 0.25, 1.75, -0.25),
    ("least_squares", {}, 2.0, -3.0, 5.0, 8.0),  # (1 + 9) / 2, 16 / 2
    ("least_squares", {"fake_target": -1.0, "generator_target": 0.0}, 0.5, 2.0, 4.625, 2.0),  # (1/4 + 9) / 2
    ("hinge", {}, 0.5, -2.0, 0.5, 2.0),
    ("hinge", {}, 2.0, 0.25, 1.25, -0.25),
    ("relativistic", {}, 0.0, 0.0, 0.6931472, 0.6931472),
    ("relativistic", {}, 2.0, -1.0, 0.0485874, 3.0485874),
    ("relativistic_average", {}, 2.0, -1.0, 0.0971748, 6.0971748),  # twice the relativistic one where all are equal
    # Where sigmoid(x) is 0 or 1 in float32, log(sigmoid(x)) would be infinite.
    ("non_saturating", {}, 100.0, -100.0, 0.0, 100.0),
    ("non_saturating", {}, -100.0, 100.0, 200.0, 0.0),
    ("minimax", {}, 100.0, -100.0, 0.0, 0.0),
    ("minimax", {}, -100.0, 100.0, 200.0, -100.0),
    # Smoothing: 2.1269280 - 0.9 * 2 = 0.3269280;  0.0485874 - 0.1 * (-3) = 0.3485874.
    ("non_saturating", {"real_labels": (0.9, 0.9)}, 2.0, 0.0, 0.3269280 + 0.6931472, 0.6931472),
    ("minimax", {"real_labels": (0.9, 0.9), "fake_labels": (0.1, 0.1)}, 2.0, -3.0, 0.6755154, -0.0485874),
    ("non_saturating", {"generator_labels": (0.9, 0.9)}, 0.0, 2.0, 0.6931472 + 2.1269280, 0.3269280),
]


@pytest.mark.parametrize(("name", "options", "real", "fake", "d_loss", "g_loss"), BY_HAND)
def test_both_halves_give_the_numbers_worked_out_by_hand(name, options, real, fake, d_loss, g_loss):
    objective = OBJECTIVES[name](**options)
    logits = jnp.full(3, real), jnp.full(3, fake)
    np.testing.assert_allclose(objective.discriminator(*logits, KEY), np.full(3, d_loss), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(objective.generator(*logits, KEY), np.full(3, g_loss), rtol=1e-6, atol=1e-6)


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


def test_gradients_have_their_closed_forms():
    """The derivative of BCE by the logit is sigmoid(logit) - label, for every half and on the right side."""
    real, fake = jnp.asarray([-3.0, 0.0, 0.5, 8.0]), jnp.asarray([2.0, -0.1, -7.0, 0.3])
    smooth = {"real_labels": (0.9, 0.9), "fake_labels": (0.2, 0.2)}

    def gradients(half):
        return jax.grad(lambda r, f: half(r, f, KEY).sum(), argnums=(0, 1))(real, fake)

    for objective in (minimax(**smooth), non_saturating(**smooth)):
        on_real, on_fake = gradients(objective.discriminator)
        np.testing.assert_allclose(on_real, sigmoid(real) - 0.9, atol=1e-6)
        np.testing.assert_allclose(on_fake, sigmoid(fake) - 0.2, atol=1e-6)
    for objective, closed_form in ((minimax(), -sigmoid(fake)), (non_saturating(), sigmoid(fake) - 1)):
        on_real, on_fake = gradients(objective.generator)
        np.testing.assert_array_equal(on_real, np.zeros(4))
        np.testing.assert_allclose(on_fake, closed_form, atol=1e-6)


@pytest.mark.parametrize("half", ["discriminator", "generator"])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_gradients_are_those_of_the_loss(name, half):
    """Of the mean, by central differences: no gradient is stopped on the way to either side."""
    loss = getattr(OBJECTIVES[name](), half)
    logits = jnp.asarray([[-1.5, 0.2, 0.7], [0.4, -0.3, 2.0]])

    def mean(logits):
        return jnp.mean(loss(logits[0], logits[1], KEY))

    steps = 1e-2 * jnp.eye(6).reshape(6, 2, 3)
    differences = [(mean(logits + step) - mean(logits - step)) / 2e-2 for step in steps]
    np.testing.assert_allclose(jax.grad(mean)(logits).ravel(), differences, atol=3e-5)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_only_differences_of_logits_count_where_an_objective_says_so(name):
    objective, logits = OBJECTIVES[name](), jnp.asarray([[-1.5, 0.2], [0.4, -0.3]])

    def losses(logits):
        return [float(jnp.mean(half(logits[0], logits[1], KEY))) for half in objective[:2]]

    # What a constant adds to L_G alone moves nothing: Wasserstein's L_G is -D(G(z)).
    assert objective.relative == (losses(logits + 1)[0] == pytest.approx(losses(logits)[0], abs=1e-6))


@pytest.mark.parametrize("name", ["minimax", "wasserstein"])
def test_a_zero_sum_game_has_one_value_which_d_raises_and_g_lowers(name):
    objective, logits = OBJECTIVES[name](), jnp.asarray([[-1.5, 0.2, 3.0], [0.4, -0.3, -2.0]])
    np.testing.assert_allclose(objective.saddle(*logits, KEY), -objective.discriminator(*logits, KEY), rtol=1e-6)
    slopes = [jax.grad(lambda f, h=h: h(logits[0], f, KEY).sum())(logits[1]) for h in (objective.saddle, objective[1])]
    np.testing.assert_allclose(*slopes, rtol=1e-6)


def test_a_smoothed_d_plays_for_the_same_value():
    logits = jnp.asarray([[-1.5, 0.2], [0.4, -0.3]])
    np.testing.assert_array_equal(minimax((0.9, 0.9)).saddle(*logits, KEY), minimax().saddle(*logits, KEY))


def test_only_minimax_stops_teaching_a_generator_that_is_found_out():
    fake = jnp.asarray([-20.0])

    def gradient(objective):
        return float(jax.grad(lambda f: objective.generator(f, f, KEY)[0])(fake)[0])

    assert -1e-8 < gradient(minimax()) < 0
    assert gradient(non_saturating()) == pytest.approx(-1, abs=1e-6)


def labels_drawn(half, side, key, n=2000):
    """The labels a half draws, read off its gradient at logit 0: y = sigmoid(0) - gradient."""
    zeros = jnp.zeros(n)
    return 0.5 - np.asarray(jax.grad(lambda *logits: half(*logits, key).sum(), argnums=side)(zeros, zeros))


def test_random_labels_fill_their_range_and_follow_the_key():
    objective = non_saturating((0.8, 1.0), (0.0, 0.2), (0.5, 0.7))
    drawn = {
        "real": (labels_drawn(objective.discriminator, 0, KEY), 0.8),
        "fake": (labels_drawn(objective.discriminator, 1, KEY), 0.0),
        "generator": (labels_drawn(objective.generator, 1, KEY), 0.5),
    }
    for labels, low in drawn.values():
        assert low - 1e-6 <= labels.min() < low + 0.01
        assert low + 0.19 < labels.max() <= low + 0.2 + 1e-6
        assert labels.mean() == pytest.approx(low + 0.1, abs=0.005)  # standard error 0.0013
    assert abs(np.corrcoef(drawn["real"][0], drawn["fake"][0])[0, 1]) < 0.1  # not the same draw twice
    again, other = (labels_drawn(objective.discriminator, 0, jax.random.key(seed)) for seed in (0, 1))
    np.testing.assert_array_equal(again, drawn["real"][0])
    assert abs(np.corrcoef(again, other)[0, 1]) < 0.1


def test_equal_ends_are_one_label_whatever_the_key():
    logits = jnp.linspace(-5, 5, 11)
    losses = [cross_entropy(logits, (0.9, 0.9), jax.random.key(seed)) for seed in (0, 1)]
    np.testing.assert_array_equal(*losses)


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize(
    ("real", "fake"),
    [
        (jnp.zeros(4), jnp.zeros((4, 1))),
        (jnp.zeros((4, 1)), jnp.zeros(4)),
        (jnp.zeros((4, 1)), jnp.zeros((4, 1))),
        (jnp.zeros(4), jnp.zeros(1)),
        (jnp.zeros(4, jnp.bfloat16), jnp.zeros(4)),
    ],
)
def test_logits_that_would_broadcast_or_round_are_refused(name, real, fake):
    for half in OBJECTIVES[name]()[:2]:
        with pytest.raises(ValueError, match="logits"):
            half(real, fake, KEY)


def test_cross_entropy_is_pytorchs():
    torch = pytest.importorskip("torch")
    logits = np.linspace(-30, 30, 41, dtype=np.float32)
    for label in (0.0, 0.1, 0.9, 1.0):
        theirs = torch.nn.functional.binary_cross_entropy_with_logits(
            torch.tensor(logits), torch.full((41,), label), reduction="none"
        )
        ours = cross_entropy(jnp.asarray(logits), (label, label), KEY)
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("labels", [(1.0, 0.8), (-0.1, 1.0), (0.5, 1.5), (float("nan"), 1.0)])
@pytest.mark.parametrize(("make", "name"), [(minimax, "real_labels"), (minimax, "fake_labels"),
                                            (non_saturating, "generator_labels")])  # fmt: skip
def test_label_ranges_upside_down_or_outside_are_refused(make, name, labels):
    with pytest.raises(JaxganError, match=f"^{name} is "):
        make(**{name: labels})


def test_relativistic_average_compares_with_means():
    """Real 0 and 2, mean 1; generated 1 and -1, mean 0: differences 0, 2 and 0, -2."""
    real, fake = jnp.asarray([0.0, 2.0]), jnp.asarray([1.0, -1.0])
    objective = OBJECTIVES["relativistic_average"]()
    np.testing.assert_allclose(objective.discriminator(real, fake, KEY), [1.3862944, 0.2538560], rtol=1e-6)
    np.testing.assert_allclose(objective.generator(real, fake, KEY), [1.3862944, 4.2538560], rtol=1e-6)
