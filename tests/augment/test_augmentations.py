"""The table of augmentations: options, the adaptive probability, and what holds for every transform."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from many_draws import KEY, each, images

from jaxgan.augment import AUGMENTATIONS, adjusted, bgc, check
from jaxgan.augment.draws import in_turn
from jaxgan.errors import JaxganError
from jaxgan.registry import build, complete

TRANSFORMS = {name: jax.jit(AUGMENTATIONS[name]().apply) for name in ("flip", "diffaugment", "bgc")}


# the table and its options


def test_points_are_refused_in_one_line_and_images_are_not():
    for name in set(AUGMENTATIONS) - {"none"}:
        with pytest.raises(
            JaxganError, match=rf"augmentation={name} transforms images .* not examples of shape \(2,\)"
        ):
            check(name, (2,))
        check(name, (28, 28, 1))
    check("none", (2,))
    assert AUGMENTATIONS["none"]() is None


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (dict(name="bgc", p=1.5), r"augmentation\.p is 1\.5, but must be in \[0, 1\]"),
        (dict(name="bgc", p=("linear", 0.0, 2.0, 100.0)), r"augmentation\.p is 2\.0"),
        (dict(name="bgc", p="often"), r"augmentation\.p is 'often', but must be"),
        (dict(name="bgc", blit=False, geometry=False, color=False), "all off"),
        (dict(name="ada", target=3.0), r"augmentation\.target is 3"),
        (dict(name="ada", speed_images=0), r"augmentation\.speed_images is 0, but must be at least 1"),
        (dict(name="ada", p=0.5), "unknown option .* 'p'"),
        (dict(name="diffaugment", translation=-0.1), r"augmentation\.translation is -0\.1"),
        (dict(name="diffaugment", cutout=1.1), r"augmentation\.cutout is 1\.1"),
        (dict(name="diffaugment", color=False, translation=0.0, cutout=0.0), "all off"),
        (dict(name="diffaugmen"), "Did you mean 'diffaugment'"),
    ],
)
def test_options_that_make_no_sense_are_refused(thing, message):
    with pytest.raises(JaxganError, match=message):
        build(thing, AUGMENTATIONS, "config.augmentation")


def test_probabilities_are_fixed_scheduled_or_adaptive():
    schedule = ("linear", 0.0, 0.5, 1e5)
    thing = complete(dict(name="bgc", p=schedule), AUGMENTATIONS, "config.augmentation")
    assert build(thing, AUGMENTATIONS, "config.augmentation").p == schedule
    assert [AUGMENTATIONS[name]().p for name in ("flip", "diffaugment", "bgc", "ada")] == [1.0, 1.0, 0.3, None]


@pytest.mark.parametrize(
    ("p", "sign", "expected"),
    [
        (0.5, 0.61, 0.51),  # 20 images of 2,000
        (0.5, 0.59, 0.49),
        (0.5, 0.6, 0.5),
        (0.995, 1.0, 1.0),
        (0.004, -1.0, 0.0),
    ],
)
def test_the_adaptive_probability_moves_by_images_over_speed_toward_the_target(p, sign, expected):
    adaptive = AUGMENTATIONS["ada"](target=0.6, speed_images=2000)
    moved = jax.jit(lambda p, sign: adjusted(adaptive, p, sign, 20))(jnp.float32(p), jnp.float32(sign))
    assert float(moved) == pytest.approx(expected, abs=1e-6)


def test_by_default_it_takes_half_a_million_images_from_never_to_always():
    p, steps = jnp.float32(0), 0
    while p < 1:
        p, steps = adjusted(AUGMENTATIONS["ada"](), p, jnp.float32(1), 50_000), steps + 1
    assert steps == 10


# all transforms


@pytest.mark.parametrize("shape", [(8, 8, 3), (5, 9, 1), (1, 1, 2)])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_nothing_happens_at_probability_zero_and_a_change_of_it_compiles_nothing(name, shape):
    x, apply = images(6, *shape), TRANSFORMS[name]
    np.testing.assert_allclose(apply(x, jnp.float32(0), KEY), x, atol=1e-6)
    compiled = apply._cache_size()
    outputs = [apply(x, jnp.float32(p), KEY) for p in (0.5, 1.0)]
    assert apply._cache_size() == compiled
    assert all(y.shape == x.shape and y.dtype == x.dtype and jnp.isfinite(y).all() for y in outputs)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_what_is_drawn_depends_on_the_key_alone_and_differs_between_images(name):
    """T is affine in the image: T(a x + (1 - a) y) = a T(x) + (1 - a) T(y) only if all three draw the same."""
    p, apply = jnp.float32(0.8), TRANSFORMS[name]
    x, y = images(6, 8, 8, 3), images(6, 8, 8, 3, seed=2)
    between = apply(0.3 * x + 0.7 * y, p, KEY)
    np.testing.assert_allclose(between, 0.3 * apply(x, p, KEY) + 0.7 * apply(y, p, KEY), atol=1e-5)
    assert jnp.abs(apply(x, p, KEY) - apply(x, p, jax.random.key(9))).max() > 0.1
    alike = apply(each(x[0], 6), p, KEY)
    assert jnp.abs(alike - alike[:1]).max() > 0.1


@pytest.mark.parametrize("name", ["diffaugment", "bgc"])
def test_gradient_and_second_derivative_are_those_of_the_affine_map(name):
    """For T(x) = L x + t and D(y) = |y|^2 / 2: grad D(T(x)) = L'T(x) =: g, and grad |g|^2 / 2 = L'L g.

    L is found column by column, all at once under vmap, for several seeds with their own p; the penalty is
    differentiated as R1 is, in a scan.
    """
    shape, apply = (4, 4, 3), AUGMENTATIONS[name]().apply

    def transform(x, draw):
        return apply(x.reshape(1, *shape), *draw).reshape(-1)

    def penalty(x, draw):
        gradient = jax.grad(lambda x: jnp.sum(transform(x, draw) ** 2) / 2)(x)
        return jnp.sum(gradient**2) / 2, gradient

    x, draws = images(48), (jnp.asarray([0.5, 0.7, 0.9, 1.0]), jax.random.split(KEY, 4))
    columns = jax.jit(jax.vmap(jax.vmap(transform, (0, None)), (None, 0)))(jnp.eye(49, 48), draws)  # the last one is 0
    _, (seconds, gradients) = jax.jit(
        lambda: jax.lax.scan(lambda _, draw: (None, jax.grad(penalty, has_aux=True)(x, draw)), None, draws)
    )()
    for outputs, first, second in zip(np.asarray(columns, np.float64), gradients, seconds, strict=True):
        offset, linear = outputs[48], (outputs[:48] - outputs[48:]).T
        expected = linear.T @ (linear @ np.asarray(x) + offset)
        np.testing.assert_allclose(first, expected, atol=1e-5 * np.abs(expected).max())
        expected = linear.T @ (linear @ expected)
        np.testing.assert_allclose(second, expected, atol=1e-5 * np.abs(expected).max())
    assert np.abs(columns).max() > 0.1


def test_transforms_follow_one_another_in_order_with_keys_of_their_own():
    seen = []
    double = lambda x, p, key: (seen.append(key), 2 * x)[1]  # noqa: E731
    increment = lambda x, p, key: (seen.append(key), x + 1)[1]  # noqa: E731
    assert in_turn(double, increment)(jnp.float32(5), jnp.float32(1), KEY) == 11
    assert (jax.random.key_data(seen[0]) != jax.random.key_data(seen[1])).any()


@pytest.mark.parametrize(
    ("options", "made_of_three"),
    [
        ({}, 64),
        (dict(blit=False), 36),
        (dict(geometry=False), 16),
        (dict(color=False), 8),
        (dict(blit=False, color=False), 6),
    ],
)
def test_bgc_is_blitting_then_geometry_then_colour_and_each_can_be_left_out(monkeypatch, options, made_of_three):
    """With x + 1, 2 x and x^2 in their place, 3 becomes (2 (3 + 1))^2 = 64."""
    monkeypatch.setattr(bgc, "blit_pixels", lambda x, p, key: x + 1)
    monkeypatch.setattr(bgc, "geometric", lambda x, p, key: 2 * x)
    monkeypatch.setattr(bgc, "recolour", lambda x, p, key: x**2)
    for name in ("bgc", "ada"):
        assert AUGMENTATIONS[name](**options).apply(jnp.float32(3), jnp.float32(1), KEY) == made_of_three
