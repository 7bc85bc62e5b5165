"""Augmentation: small images by hand, how often what is drawn, derivatives, and what can and cannot be undone."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.augment import AUGMENTATIONS, adjusted, blitting, check, colour, diffaugment, geometry, resampling
from jaxgan.augment.draws import in_turn
from jaxgan.errors import JaxganError
from jaxgan.registry import build, complete

KEY = jax.random.key(0)
TRANSFORMS = {name: jax.jit(AUGMENTATIONS[name]().apply) for name in ("flip", "diffaugment", "bgc")}
MANY = 4000  # draws; a frequency is then known to 0.8 %, and 4 of these are allowed below
CLOSE = 0.032


def images(*shape, seed=1):
    return jax.random.uniform(jax.random.key(seed), shape, minval=-1)


def each(image, count):
    """`count` copies of one image, each of which draws its own parameters."""
    return jnp.broadcast_to(jnp.asarray(image, jnp.float32)[None], (count, *np.shape(image)))


def drawn(transform, image, p, count=MANY):
    """What a transform makes of `count` copies of an image."""
    return np.asarray(jax.jit(transform)(each(image, count), jnp.float32(p), KEY))


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

    L is found column by column, all at once under vmap, and the penalty is differentiated as R1 is, in a scan.
    """
    shape, p, apply = (4, 4, 3), jnp.float32(0.9), AUGMENTATIONS[name]().apply

    def transform(x, key):
        return apply(x.reshape(1, *shape), p, key).reshape(-1)

    def penalty(x, key):
        gradient = jax.grad(lambda x: jnp.sum(transform(x, key) ** 2) / 2)(x)
        return jnp.sum(gradient**2) / 2, gradient

    x, keys = images(48), jax.random.split(KEY, 4)
    columns = jax.jit(jax.vmap(jax.vmap(transform, (0, None)), (None, 0)))(jnp.eye(49, 48), keys)  # the last one is 0
    _, (seconds, gradients) = jax.jit(
        lambda: jax.lax.scan(lambda _, key: (None, jax.grad(penalty, has_aux=True)(x, key)), None, keys)
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


def test_bgc_is_blitting_then_geometry_then_colour():
    p, x = jnp.float32(0.9), images(6, 8, 8, 3)
    by_hand = in_turn(blitting.blit, geometry.geometric, colour.recolour)
    np.testing.assert_allclose(TRANSFORMS["bgc"](x, p, KEY), jax.jit(by_hand)(x, p, KEY), atol=1e-6)
    plain = AUGMENTATIONS["ada"](blit=False, geometry=False).apply
    constant = drawn(plain, np.full((3, 4, 3), [0.5, 0.1, -0.2]), 1.0, 5)
    assert np.ptp(constant, axis=(1, 2)).max() == 0  # colour alone leaves an even image even
    assert np.abs(constant - [0.5, 0.1, -0.2]).max() > 0.1


# pixel blitting

COUNTED = np.arange(6.0).reshape(2, 3)  # 0 1 2 / 3 4 5


def test_mirror_and_turns_by_hand():
    x = each(COUNTED[..., None], 2)
    mirrored = blitting.mirrored(x, jnp.asarray([True, False]))[..., 0]
    assert mirrored.tolist() == [[[2, 1, 0], [5, 4, 3]], [[0, 1, 2], [3, 4, 5]]]
    half = blitting.turned(x, jnp.asarray([2, 0]))[..., 0]
    assert half.tolist() == [[[5, 4, 3], [2, 1, 0]], [[0, 1, 2], [3, 4, 5]]]
    square = np.arange(9.0).reshape(3, 3)
    turned = blitting.turned(each(square[..., None], 4), jnp.arange(4))[..., 0]
    np.testing.assert_array_equal(turned, [np.rot90(square, k) for k in range(4)])


def test_shifts_by_hand():
    x, shifts = each(COUNTED[..., None], 3), jnp.asarray([[1, 0], [0, -1], [-1, 1]])
    with_zeros = blitting.shifted(x, shifts, (1, 1), "constant")[..., 0]
    assert with_zeros.tolist() == [[[0, 0, 0], [0, 1, 2]], [[1, 2, 0], [4, 5, 0]], [[0, 3, 4], [0, 0, 0]]]
    mirrored = blitting.shifted(x, shifts, (1, 1), "reflect")[..., 0]
    assert mirrored.tolist() == [[[3, 4, 5], [0, 1, 2]], [[1, 2, 1], [4, 5, 4]], [[4, 3, 4], [1, 0, 1]]]


def shares(outputs, candidates):
    """How often each of some images is met; together they must be all there are."""
    hits = np.stack([(outputs == candidate).all(axis=(1, 2, 3)) for candidate in candidates])
    assert hits.any(axis=0).all()
    return hits.mean(axis=1)


@pytest.mark.parametrize("p", [0.4, 1.0])
def test_how_often_pixels_are_moved(p):
    square, wide = np.arange(1.0, 10).reshape(3, 3, 1), np.arange(1.0, 7).reshape(2, 3, 1)
    found = shares(drawn(blitting.mirror, wide, p), [wide, wide[:, ::-1]])
    np.testing.assert_allclose(found, [1 - p / 2, p / 2], atol=CLOSE)
    found = shares(drawn(blitting.turn, square, p), [np.rot90(square, k) for k in range(4)])
    np.testing.assert_allclose(found, [1 - 3 * p / 4, p / 4, p / 4, p / 4], atol=CLOSE)
    found = shares(drawn(blitting.turn, wide, p), [wide, wide[::-1, ::-1]])  # of quarter turns, those that fit
    np.testing.assert_allclose(found, [1 - p / 2, p / 2], atol=CLOSE)
    # round(U(-1, 1)) is -1, 0 and 1 with probabilities 1/4, 1/2 and 1/4 along eight columns; one row stays.
    line = np.arange(8.0).reshape(1, 8, 1)
    moved = [
        line,
        np.pad(line, ((0, 0), (1, 0), (0, 0)), "reflect")[:, :-1],
        np.pad(line, ((0, 0), (0, 1), (0, 0)), "reflect")[:, 1:],
    ]
    np.testing.assert_allclose(shares(drawn(blitting.shift, line, p), moved), [1 - p / 2, p / 4, p / 4], atol=CLOSE)


# leaks: what the distribution of T(x) tells of that of x

BINARY = np.asarray(list(itertools.product([0.0, 1.0], repeat=4))).reshape(16, 2, 2, 1)


def position(image):
    return int(np.argmax((np.asarray(image) == BINARY).all(axis=(1, 2, 3))))


def quarter_turns(p):
    """(1 - p) I + p mean_k R^k on distributions of 2x2 binary images: column i is the distribution of T(image i)."""
    operator = np.zeros((16, 16))
    for quarters in range(4):
        turned = blitting.turned(jnp.asarray(BINARY, jnp.float32), jnp.full(16, quarters))
        for start, image in enumerate(turned):
            operator[position(image), start] += p / 4 + (1 - p) * (quarters == 0)
    return operator


def test_quarter_turns_can_be_undone_in_distribution_unless_they_always_happen():
    """The eigenvalues are 1 on distributions that turning leaves alone and 1 - p on what is orthogonal to them."""
    for p in (0.0, 0.5, 0.8, 0.95):
        assert np.linalg.cond(quarter_turns(p)) == pytest.approx(1 / (1 - p))
    assert np.linalg.matrix_rank(quarter_turns(1.0)) == 6  # necklaces of four beads of two colours

    upright, any_way = np.zeros(16), np.zeros(16)
    corners = [position(np.rot90(BINARY[8], k)) for k in range(4)]  # one white pixel, in the first corner
    upright[8], any_way[corners] = 1, 1 / 4
    distance = [np.abs(quarter_turns(p) @ (upright - any_way)).sum() / 2 for p in (0.0, 0.8, 1.0)]
    np.testing.assert_allclose(distance, [0.75, 0.15, 0.0], atol=1e-12)


def test_what_is_drawn_has_that_distribution_and_solving_gives_the_images_back():
    """At p = 0.8 one can tell from T(x) alone that x was always upright; solving amplifies the noise by 5."""
    outputs = drawn(blitting.turn, BINARY[8], 0.8)
    found = np.bincount([position(image) for image in outputs], minlength=16) / MANY
    np.testing.assert_allclose(found, quarter_turns(0.8)[:, 8], atol=CLOSE)
    upright = np.linalg.solve(quarter_turns(0.8), found)
    np.testing.assert_allclose(upright, np.eye(16)[8], atol=5 * CLOSE)


# resampling and geometry


def test_the_filter_is_orthogonal_and_sees_no_polynomial_of_degree_five_as_detail():
    taps, k = np.asarray(resampling.SYM6), np.arange(12.0)
    assert taps.sum() == pytest.approx(math.sqrt(2), abs=1e-9)
    for shift in range(6):
        assert taps[2 * shift :] @ taps[: 12 - 2 * shift] == pytest.approx(float(shift == 0), abs=1e-9)
    for degree in range(6):
        assert ((-1) ** k * (k - 5.5) ** degree) @ taps == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("side", [1, 2, 5, 8])
def test_the_way_up_and_back_is_the_identity(side):
    period = 2 * resampling.mirror_period(side)
    inner = np.arange(-resampling.REACH, 2 * side + resampling.REACH) % period
    back = resampling.down_matrix(side) @ resampling.up_matrix(side)[inner]
    np.testing.assert_allclose(back, np.eye(side), atol=1e-6)


def warp(x, matrix, offset):
    matrix, offset = (
        jnp.broadcast_to(jnp.asarray(v, jnp.float32)[None], (len(x), *np.shape(v))) for v in (matrix, offset)
    )
    return np.asarray(WARPED(x, matrix, offset))


WARPED = jax.jit(geometry.warped)


def test_parity_with_torch_of_the_whole_resampling():
    """Reflection, transposed convolution, grid_sample, convolution: the definition, written with PyTorch's parts."""
    torch = pytest.importorskip("torch")
    height, width, margin = 6, 9, 24
    x = images(2, height, width, 3)
    matrix, offset = np.asarray([[0.9, -0.6], [0.5, 1.2]]), np.asarray([1.3, -2.45])
    taps = torch.tensor(resampling.SYM6)
    kernel = torch.outer(taps, taps)[None, None]
    padded = np.pad(np.asarray(x), ((0, 0), (margin, margin), (margin, margin), (0, 0)), "reflect")
    planes = torch.from_numpy(padded.transpose(0, 3, 1, 2).reshape(6, 1, *padded.shape[1:3]))
    fine = torch.nn.functional.conv_transpose2d(planes, 2 * kernel, stride=2, padding=5)

    def coordinates(side):  # of what the way back needs, from the centre
        return np.arange(-5, 2 * side + 5) - (side - 1 + resampling.LAG)

    grid = np.stack(np.meshgrid(coordinates(height), coordinates(width), indexing="ij"), -1)
    centre = 2 * margin + np.asarray([height, width]) - 1 + resampling.LAG
    points = (grid - 2 * offset) @ matrix.T + centre
    relative = 2 * points / (np.asarray(fine.shape[2:]) - 1) - 1
    relative = torch.from_numpy(relative[..., ::-1].astype(np.float32).copy()).expand(6, -1, -1, -1)
    moved = torch.nn.functional.grid_sample(fine, relative, align_corners=True)
    expected = torch.nn.functional.conv2d(moved, kernel / 2, stride=2).reshape(2, 3, height, width)
    np.testing.assert_allclose(warp(x, matrix, offset), expected.permute(0, 2, 3, 1), atol=2e-5)


def test_parity_with_torch_of_the_interpolation_anywhere():
    """grid_sample's reflection about the end pixels is the mirrored image without end, here up to four images away."""
    torch = pytest.importorskip("torch")
    x, sides = np.asarray(images(2, 5, 7, 3)), np.asarray([5, 7])
    points = np.asarray(jax.random.uniform(KEY, (2, 40, 2), minval=-20, maxval=25))
    grid = torch.from_numpy((2 * points / (sides - 1) - 1)[:, None, :, ::-1].astype(np.float32).copy())
    planes = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
    expected = torch.nn.functional.grid_sample(planes, grid, padding_mode="reflection", align_corners=True)
    period = np.pad(x, ((0, 0), (0, 4), (0, 6), (0, 0)), "reflect")  # and the first sample of the next
    corners = np.floor(points)
    found = resampling.interpolated(
        (9, 13), period, jnp.asarray(corners % (2 * sides - 2), jnp.int32), jnp.asarray(points - corners)
    )
    np.testing.assert_allclose(found, expected[:, :, 0].permute(0, 2, 1), atol=2e-5)


def test_shifts_by_whole_pixels_and_by_half_ones():
    """Whole ones are exact; half a pixel leaves a wave of four pixels nearly all, where plain bilinear leaves 0.71."""
    x = images(2, 8, 8, 3)
    expected = blitting.shifted(x, jnp.asarray([[2, -1], [2, -1]]), (2, 2), "reflect")
    np.testing.assert_allclose(warp(x, np.eye(2), [2.0, -1.0]), expected, atol=2e-6)
    wave = np.cos(np.pi / 2 * np.arange(33)).reshape(1, 1, 33, 1).astype(np.float32)
    half = warp(wave, np.eye(2), [0.0, 0.5])[0, 0, 8:24, 0]
    assert math.sqrt(2) * np.std(half) > 0.95


@pytest.mark.parametrize(
    ("matrix", "offset"),
    [
        (np.eye(2) / 1.3, (0, 0)),
        (np.diag([1 / 1.25, 1.25]), (1.5, 0)),
        ([[math.cos(0.7), -math.sin(0.7)], [math.sin(0.7), math.cos(0.7)]], (0, 0)),
        ([[math.cos(0.7), -math.sin(0.7)], [math.sin(0.7), math.cos(0.7)]], (-2.3, 1.7)),
    ],
)
def test_a_spot_goes_where_the_map_takes_it(matrix, offset):
    """From r to inv(A) r + t, and its spread S to inv(A) S inv(A)'; the interpolation blurs a little."""
    place = np.stack(np.meshgrid(np.arange(25), np.arange(21), indexing="ij"), -1).reshape(-1, 2) - [12, 10]
    start, inverse = np.asarray([2.0, -3.0]), np.linalg.inv(matrix)
    spot = np.exp(-np.sum((place - start) ** 2, -1) / (2 * 1.5**2)).reshape(1, 25, 21, 1).astype(np.float32)
    near = np.sum((place - inverse @ start - offset) ** 2, -1) < 6**2  # farther off there may be mirror images
    moved = warp(spot, matrix, offset).reshape(-1) * near
    mean = moved @ place / moved.sum()
    np.testing.assert_allclose(mean, inverse @ start + offset, atol=0.02)
    spread = (place - mean).T @ ((place - mean) * moved[:, None]) / moved.sum()
    np.testing.assert_allclose(spread, 1.5**2 * inverse @ inverse.T, atol=0.3)


@pytest.mark.parametrize("p", [0.4, 1.0])
def test_how_often_and_how_far_images_are_mapped(p):
    """In the inverse map A = R diag(1 / r, r) R / s: det A = 1 / s^2, and its singular values have the ratio r^2."""
    matrix, offset = map(np.asarray, jax.jit(geometry.draw_maps, static_argnums=2)(p, KEY, (MANY, 32, 64, 3)))
    scale = -np.log2(np.linalg.det(matrix)) / 2
    singular = np.linalg.svd(matrix, compute_uv=False)
    stretch = np.log2(singular[:, 0] / singular[:, 1]) / 2
    kinds = {
        "scale": (np.abs(scale) > 1e-5, scale, 0.2),
        "stretch": (stretch > 1e-5, stretch, 0.2),
        "down": (offset[:, 0] != 0, offset[:, 0], 4.0),
        "right": (offset[:, 1] != 0, offset[:, 1], 8.0),
    }
    for used, values, deviation in kinds.values():
        assert used.mean() == pytest.approx(p, abs=CLOSE)
        assert np.sqrt(np.mean(values[used] ** 2)) == pytest.approx(deviation, rel=0.1)
    turned = np.abs(matrix[:, 0, 1]) > 1e-5
    assert turned.mean() == pytest.approx(p, abs=CLOSE)
    quadrants = np.histogram(np.arctan2(matrix[turned, 1, 0], matrix[turned, 0, 0]), 4, (-np.pi, np.pi))[0]
    np.testing.assert_allclose(quadrants / turned.sum(), 1 / 4, atol=0.06)
    assert ((offset[:, 0] != 0) == (offset[:, 1] != 0)).all()


# colour

AXIS = np.asarray([1, 1, 1, 0]) / math.sqrt(3)


def by_the_paper(brightness, contrast, flip, hue, saturation):
    """The five 4x4 matrices in the order of the released code, the last one leftmost."""
    along = np.outer(AXIS, AXIS)
    x, y, z = AXIS[:3]
    cross = np.asarray([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    shift, scale, turn, saturate = np.eye(4), np.diag([contrast] * 3 + [1]), np.eye(4), np.eye(4)
    shift[:3, 3] = brightness
    turn[:3, :3] += math.sin(hue) * cross + (1 - math.cos(hue)) * cross @ cross  # Rodrigues
    saturate[:3, :3] = along[:3, :3] + saturation * (np.eye(4) - along)[:3, :3]
    return saturate @ turn @ (np.eye(4) - (1 - flip) * along) @ scale @ shift


def matrix_of(*parameters):
    return np.asarray(colour.colour_matrix(*(jnp.asarray([v], jnp.float32) for v in parameters)))[0]


def test_one_matrix_is_the_product_of_the_papers():
    for flip, brightness in ((1.0, 0.3), (-1.0, -0.2)):
        whole = by_the_paper(brightness, 1.4, flip, 0.9, 0.6)
        np.testing.assert_allclose(matrix_of(1.4, flip, 0.9, 0.6), whole[:3, :3], atol=1e-6)
        np.testing.assert_allclose(matrix_of(1.4, flip, 0.9, 0.6) @ ([brightness] * 3), whole[:3, 3], atol=1e-6)


def test_closed_forms_of_hue_luma_and_saturation():
    hue = matrix_of(1, 1, 2 * math.pi / 3, 1)
    np.testing.assert_allclose(hue, [[0, 0, 1], [1, 0, 0], [0, 1, 0]], atol=1e-6)  # red to green to blue to red
    rotation = matrix_of(1, 1, 1.1, 1)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(rotation @ [0.4, 0.4, 0.4], [0.4, 0.4, 0.4], atol=1e-6)
    assert np.linalg.det(rotation) == pytest.approx(1, abs=1e-6)
    # White becomes black, and the mean of (0.9, 0, 0), which is 0.3, becomes -0.3.
    np.testing.assert_allclose(matrix_of(1, -1, 0, 1) @ [1, 1, 1], [-1, -1, -1], atol=1e-6)
    np.testing.assert_allclose(matrix_of(1, -1, 0, 1) @ [0.9, 0, 0], [0.3, -0.6, -0.6], atol=1e-6)
    np.testing.assert_allclose(matrix_of(1, 1, 0, 0.5) @ [0.9, 0, 0], [0.6, 0.15, 0.15], atol=1e-6)


@pytest.mark.parametrize("p", [0.4, 1.0])
def test_how_often_and_how_far_colours_change(p):
    """Pixels 0, red, green and blue give away M and M b; c f is M along the grey axis, c s R(t) across it."""
    pixels = drawn(colour.recolour, np.eye(4, 3, -1).reshape(2, 2, 3), p).reshape(-1, 4, 3).astype(np.float64)
    matrix = (pixels[:, 1:] - pixels[:, :1]).swapaxes(1, 2)
    brightness = np.linalg.solve(matrix, pixels[:, 0, :, None])[:, :, 0]
    assert np.ptp(brightness, axis=1).max() < 1e-3
    grey = np.ones(3) / math.sqrt(3)
    plane = np.asarray([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])
    along = np.einsum("i,bij,j->b", grey, matrix, grey)
    across = np.einsum("mi,bij,nj->bmn", plane, matrix, plane)
    contrast = np.log2(np.abs(along))
    saturation = np.log2(np.linalg.det(across)) / 2 - contrast
    hue = np.arctan2(across[:, 1, 0] - across[:, 0, 1], across[:, 0, 0] + across[:, 1, 1])
    kinds = [(brightness[:, 0], 0.2), (contrast, 0.5), (saturation, 1.0), (hue, math.pi / math.sqrt(3))]
    for values, deviation in kinds:
        used = np.abs(values) > 2e-4
        assert used.mean() == pytest.approx(p, abs=CLOSE)
        assert np.std(values[used]) == pytest.approx(deviation, rel=0.1)
    assert np.mean(along < 0) == pytest.approx(p / 2, abs=CLOSE)


def test_grey_images_get_contrast_brightness_and_negatives_and_others_no_negative():
    for channels, negatives in ((1, 0.5), (2, 0.0)):
        steps = np.asarray([0.0, 1.0, 0.5]).reshape(1, 3, 1) * np.ones((1, 1, channels))
        black, white, mid = drawn(colour.recolour, steps, 1.0)[:, 0].swapaxes(0, 1).astype(np.float64)
        np.testing.assert_allclose(mid, (black + white) / 2, atol=1e-5)  # c f (x + b)
        factor = (white - black)[:, 0]
        assert np.mean(factor < 0) == pytest.approx(negatives, abs=CLOSE)
        assert np.std(np.log2(np.abs(factor))) == pytest.approx(0.5, rel=0.1)
        assert np.std(black[:, 0] / factor) == pytest.approx(0.2, rel=0.1)
        assert np.ptp(black, axis=1).max() == 0


# DiffAugment


@pytest.mark.parametrize("p", [0.4, 1.0])
def test_colours_of_diffaugment(p):
    """Each parameter is found from one image: x + b, s (x - m) + m by pixel, c (x - m) + m by image."""
    image = np.asarray([[[0.9, 0.0, 0.0], [0.0, 0.0, 0.6]]])
    brighter, saturated, contrasted = (
        drawn(f, image, p) for f in (diffaugment.brighten, diffaugment.saturate, diffaugment.change_contrast)
    )
    found = [
        (brighter - image, 0.0, -0.5, 0.5),
        ((saturated - [[[0.3], [0.2]]]) / (image - [[[0.3], [0.2]]]), 1.0, 0.0, 2.0),
        ((contrasted - 0.25) / (image - 0.25), 1.0, 0.5, 1.5),
    ]
    for parameters, neutral, low, high in found:
        values = parameters.reshape(MANY, -1)
        assert np.ptp(values, axis=1).max() < 1e-5
        used = values[np.abs(values[:, 0] - neutral) > 1e-5, 0]
        assert len(used) / MANY == pytest.approx(p, abs=CLOSE)
        quarters = np.histogram(used, 4, (low - 1e-5, high + 1e-5))[0]
        np.testing.assert_allclose(quarters / len(used), 1 / 4, atol=0.05)


@pytest.mark.parametrize("p", [0.4, 1.0])
def test_translations_of_diffaugment(p):
    """An eighth of 8 rows is one, of 7 columns none: three places, as likely as one another."""
    image = np.arange(1.0, 57).reshape(8, 7, 1)
    zeros = np.zeros((1, 7, 1))
    down, up = np.concatenate([zeros, image[:-1]]), np.concatenate([image[1:], zeros])
    found = shares(drawn(diffaugment.translate(0.125), image, p), [image, down, up])
    np.testing.assert_allclose(found, [1 - 2 * p / 3, p / 3, p / 3], atol=CLOSE)


@pytest.mark.parametrize("p", [0.4, 1.0])
def test_cutouts_of_diffaugment(p):
    """Half of 4 rows is two, with five places for the centre; half of 2 columns is one, with two."""
    candidates = [np.ones((4, 2, 1))]
    for centre, column in itertools.product(range(5), range(2)):
        hole = np.ones((4, 2, 1))
        hole[max(centre - 1, 0) : centre + 1, column] = 0
        candidates.append(hole)
    found = shares(drawn(diffaugment.cut_out(0.5), np.ones((4, 2, 1)), p), candidates)
    np.testing.assert_allclose(found, [1 - p] + [p / 10] * 10, atol=CLOSE)


def test_diffaugment_changes_colours_first_and_leaves_holes_of_zeros():
    outputs = drawn(AUGMENTATIONS["diffaugment"]().apply, np.full((8, 8, 3), 0.9), 1.0, 50)
    for output in outputs:
        values = set(output[output != 0].round(5).tolist())
        assert len(values) == 1  # an even image stays even, and zeros that moved in or were cut out stay zeros
        assert 0.4 <= values.pop() <= 1.4
    assert (outputs == 0).mean() > 0.15
