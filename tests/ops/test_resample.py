"""Resampling: impulse responses by hand, constants, adjointness, and the official definition in PyTorch."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.errors import JaxganError
from jaxgan.ops.resample import blur, downsample, upsample

EVEN, ODD, SKEW = (1, 3, 3, 1), (1, 2, 1), (1, 5, 2, 3)
SIX = (1, 5, 10, 10, 5, 1)


def image(*rows):
    return jnp.asarray(rows, jnp.float32)[None, :, :, None]


def doubled(x, taps):
    return upsample(x, (2 * x.shape[1], 2 * x.shape[2]), taps)


def test_impulse_responses_by_hand():
    """One pixel of 64 is spread over 4 x 4; down and blurred, it is met by the taps that reach it."""
    impulse = jnp.zeros((1, 4, 4, 1)).at[0, 1, 2, 0].set(64)
    row = np.array([1, 3, 3, 1])
    up = np.zeros((8, 8))
    up[1:5, 3:7] = 4 * 64 * np.outer(row, row) / 64  # the pixel's own two rows, 2 and 3, get the 3s
    np.testing.assert_allclose(doubled(impulse, EVEN)[0, :, :, 0], up)
    # Row 1 is the third tap's of position 0 (rows -1 to 2) and the first's of position 1 (rows 1 to 4); column 2 the
    # fourth's of position 0 and the second's of position 1.
    np.testing.assert_allclose(downsample(impulse, EVEN)[0, :, :, 0], [[3 * 1, 3 * 3], [1 * 1, 1 * 3]])
    blurred = np.zeros((4, 4))
    blurred[0:3, 1:4] = 4 * np.outer([1, 2, 1], [1, 2, 1])
    np.testing.assert_allclose(blur(impulse, ODD)[0, :, :, 0], blurred)


def test_linear_interpolation_by_hand():
    """With (1, 2, 1) odd pixels are copies and even ones means of two, beginning with half of nothing."""
    up = doubled(image([4, 8, 2]), ODD)[0, :, :, 0]
    np.testing.assert_allclose(up[1], [2, 4, 6, 8, 5, 2])
    np.testing.assert_allclose(up[0], np.array([2, 4, 6, 8, 5, 2]) / 2)


@pytest.mark.parametrize("taps", [EVEN, ODD, SIX])
def test_a_constant_stays_one_in_the_interior(taps):
    x = jnp.full((1, 20, 17, 2), 3.0)
    for y in (upsample(x, (40, 33), taps), downsample(x, taps), blur(x, taps)):
        np.testing.assert_allclose(y[:, 3:-3, 3:-3], 3, rtol=1e-6)
        assert float(y[0, 0, 0, 0]) < 3  # what is outside counts as zero


@pytest.mark.parametrize("size", [(6, 8), (5, 8), (6, 7), (5, 7)])
@pytest.mark.parametrize("taps", [EVEN, (1, 1), SIX])
def test_downsampling_is_a_quarter_of_the_adjoint(size, taps):
    """<upsample(x), y> = 4 <x, downsample(y)>, at the border too."""
    rng = np.random.default_rng(0)
    x, y = (jnp.asarray(rng.normal(size=(2, *side, 3)), jnp.float32) for side in ((3, 4), size))
    left, right = jnp.vdot(upsample(x, size, taps), y), 4 * jnp.vdot(x, downsample(y, taps))
    assert float(left) == pytest.approx(float(right), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("size", [(9, 14), (10, 13), (9, 13)])
def test_an_odd_result_leaves_out_the_last_pixel(size):
    x = jax.random.normal(jax.random.key(0), (2, 5, 7, 3))
    np.testing.assert_array_equal(upsample(x, size, EVEN), doubled(x, EVEN)[:, : size[0], : size[1]])


def test_an_odd_image_is_halved_as_if_zeros_followed():
    x = jax.random.normal(jax.random.key(0), (2, 5, 7, 3))
    followed = jnp.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)))
    np.testing.assert_allclose(downsample(x, EVEN), downsample(followed, EVEN), rtol=1e-6)


def official(torch, x, taps, up, down, padding, gain):
    """`upfirdn2d`: zeros after every pixel, zeros around, convolution with the flipped taps, every `down`-th pixel."""
    b, c, h, w = x.shape
    f = torch.tensor(taps, dtype=x.dtype)
    kernel = (torch.outer(f, f) / f.sum() ** 2 * gain).flip(0, 1).expand(c, 1, -1, -1)
    spread = torch.zeros(b, c, h, up, w, up, dtype=x.dtype)
    spread = torch.cat([x[:, :, :, None, :, None], spread[:, :, :, 1:, :, :1]], 3)
    spread = torch.cat([spread, torch.zeros(b, c, h, up, w, up - 1, dtype=x.dtype)], 5).reshape(b, c, h * up, w * up)
    spread = torch.nn.functional.pad(spread, (*padding, *padding))
    return torch.nn.functional.conv2d(spread, kernel, stride=down, groups=c)


def official_maps(torch, taps):
    """Ours and StyleGAN2's three functions, with its paddings for a filter of K taps."""
    k = len(taps)
    return [
        (functools.partial(doubled, taps=taps), dict(up=2, down=1, padding=((k + 1) // 2, (k - 2) // 2), gain=4)),
        (functools.partial(downsample, taps=taps), dict(up=1, down=2, padding=((k - 1) // 2, (k - 2) // 2), gain=1)),
        (functools.partial(blur, taps=taps), dict(up=1, down=1, padding=(k // 2, (k - 1) // 2), gain=1)),
    ]


@pytest.mark.parametrize("taps", [SKEW, (2, 1, 4), (1,), SIX])
def test_values_and_derivatives_are_those_of_the_official_definition(taps):
    """Values, gradients and the gradient of a squared gradient on an image of even sides, in double precision."""
    torch = pytest.importorskip("torch")
    rng, nchw, nhwc = np.random.default_rng(0), (0, 3, 1, 2), (0, 2, 3, 1)
    pixels = rng.normal(size=(2, 6, 8, 3))

    def penalty(f, x):
        return jnp.sum(jax.grad(lambda x: jnp.sum(jnp.sin(f(x))))(x) ** 2)

    for ours, settings in official_maps(torch, taps):
        with jax.enable_x64(True):
            x = jnp.asarray(pixels)
            value, (square, second) = jax.jit(
                lambda x, f=ours: (f(x), jax.value_and_grad(functools.partial(penalty, f))(x))
            )(x)
        tensor = torch.tensor(pixels.transpose(nchw), requires_grad=True)
        theirs = official(torch, tensor, taps, **settings)
        (first,) = torch.autograd.grad(theirs.sin().sum(), tensor, create_graph=True)
        (twice,) = torch.autograd.grad((first**2).sum(), tensor)
        np.testing.assert_allclose(value, theirs.detach().numpy().transpose(nhwc), atol=1e-12)
        assert float(square) == pytest.approx((first**2).sum().item(), rel=1e-12)
        np.testing.assert_allclose(second, twice.numpy().transpose(nhwc), atol=1e-12)


def test_r3gans_resampler_has_four_taps():
    """Its code convolves (1, 2, 1) with a box of two and takes a transposed convolution of padding 1."""
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(2, 5, 4, 3)).astype(np.float32)
    f = np.convolve((1, 2, 1), (1, 1)) / 8
    kernel = torch.tensor(np.outer(f, f), dtype=torch.float32).expand(3, 1, -1, -1)
    tensor = torch.tensor(x.transpose(0, 3, 1, 2))
    up = torch.nn.functional.conv_transpose2d(tensor, 4 * kernel, stride=2, padding=1, groups=3)
    down = torch.nn.functional.conv2d(up, kernel, stride=2, padding=1, groups=3)
    np.testing.assert_allclose(doubled(x, EVEN), up.numpy().transpose(0, 2, 3, 1), atol=1e-6)
    np.testing.assert_allclose(downsample(doubled(x, EVEN), EVEN), down.numpy().transpose(0, 2, 3, 1), atol=1e-6)


def test_under_vmap_each_member_is_resampled_alone_and_types_stay():
    x = jax.random.normal(jax.random.key(0), (3, 2, 5, 6, 4))

    def slope(x):
        return jax.grad(lambda x: jnp.sum(jnp.sin(downsample(upsample(x, (9, 12), EVEN), SKEW))))(x)

    together = jax.jit(jax.vmap(slope))(x)
    np.testing.assert_allclose(together, jnp.stack([slope(member) for member in x]), atol=1e-6)
    for y in (doubled(x[0].astype(jnp.bfloat16), EVEN), downsample(x[0].astype(jnp.bfloat16), ODD)):
        assert y.dtype == jnp.bfloat16


def test_the_impossible_is_refused():
    x = jnp.zeros((1, 4, 5, 1))
    for size in ((9, 10), (8, 8), (6, 10)):
        with pytest.raises(JaxganError, match="only twice that, or 1 less"):
            upsample(x, size, EVEN)
    for taps in ((), (1, -1)):
        for resampled in (doubled, downsample, blur):
            with pytest.raises(JaxganError, match="sum to nothing"):
                resampled(x, taps)
