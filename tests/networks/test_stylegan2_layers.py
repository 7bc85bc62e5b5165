"""Layers of StyleGAN2 against the paper's definitions, in PyTorch and by hand."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.networks.stylegan2_layers import (
    EqualisedConv,
    EqualisedDense,
    MappingNetwork,
    SynthesisLayer,
    activate,
    minibatch_deviation,
    modulated_conv,
    pixel_norm,
)

KEY = jax.random.key(0)


def normal(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


# convolutions, against their definition in PyTorch


def low_pass(torch, x, pad, gain=1.0):
    """The filter (1, 3, 3, 1)/8 of both axes on NCHW images padded by (before, after)."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    kernel = gain * torch.outer(taps, taps).expand(x.shape[1], 1, 4, 4)
    padded = torch.nn.functional.pad(x, (*pad, *pad))
    return torch.nn.functional.conv2d(padded, kernel, groups=x.shape[1])


def one_kernel_an_example(torch, x, kernel, style, demodulate, size):
    """Equations 1 and 3, example by example; x NHWC, kernel [k, k, in, out]."""
    results = []
    for image, s in zip(x.permute(0, 3, 1, 2), style, strict=True):
        w = kernel.permute(3, 2, 0, 1) * s[None, :, None, None]
        if demodulate:
            w = w / torch.sqrt((w**2).sum(dim=(1, 2, 3), keepdim=True) + 1e-8)
        if size is None:
            y = torch.nn.functional.conv2d(image[None], w, padding=kernel.shape[0] // 2)
        else:
            y = torch.nn.functional.conv_transpose2d(image[None], w.transpose(0, 1), stride=2)
            y = low_pass(torch, y, (1, 1), gain=4.0)[:, :, : size[0], : size[1]]
        results.append(y)
    return torch.cat(results).permute(0, 2, 3, 1)


@pytest.mark.parametrize(
    ("side", "demodulate", "size"),
    [(3, True, None), (1, False, None), (3, True, (10, 8)), (3, False, (9, 7))],
)
def test_a_modulated_convolution_is_one_with_a_kernel_of_its_own_for_each_example(side, demodulate, size):
    torch = pytest.importorskip("torch")
    arrays = normal(1, 3, 5, 4, 6), normal(2, side, side, 6, 7) / 5, 1 + normal(3, 3, 6)
    result, pullback = jax.vjp(lambda x, w, s: modulated_conv(x, w, s, demodulate=demodulate, size=size), *arrays)
    cotangent = normal(4, *result.shape)

    tensors = [torch.tensor(np.asarray(array), requires_grad=True) for array in arrays]
    expected = one_kernel_an_example(torch, *tensors, demodulate, size)
    gradients = torch.autograd.grad(expected, tensors, torch.tensor(np.asarray(cotangent)))
    np.testing.assert_allclose(result, expected.detach(), atol=1e-5)
    for ours, theirs in zip(pullback(cotangent), gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=3e-5)


@pytest.mark.parametrize("height", [8, 9])
@pytest.mark.parametrize("side", [1, 3])
def test_a_reducing_convolution_is_a_low_pass_filter_and_a_strided_convolution(side, height):
    """Each result is centred between the two pixels of the input that it stands for, as in the official padding."""
    torch = pytest.importorskip("torch")
    x = normal(1, 2, height, 8, 3)
    layer = EqualisedConv(4, side, jnp.float32, down=True, active=False)
    params = layer.init(KEY, x)
    kernel = torch.tensor(np.asarray(params["params"]["kernel"])).permute(3, 2, 0, 1) / math.sqrt(3 * side**2)
    images = torch.tensor(np.asarray(x)).permute(0, 3, 1, 2)
    images = torch.nn.functional.pad(images, (0, 0, 0, height % 2))
    filtered = low_pass(torch, images, (side // 2 + 1, side // 2 + 1))
    expected = torch.nn.functional.conv2d(filtered, kernel, stride=2).permute(0, 2, 3, 1)
    assert expected.shape == (2, (height + 1) // 2, 4, 4)
    np.testing.assert_allclose(layer.apply(params, x), expected, atol=1e-5)


def test_demodulated_outputs_have_unit_variance_whatever_the_style():
    x, kernel = normal(1, 200, 6, 6, 8), 3 * normal(2, 3, 3, 8, 4)
    style = jnp.exp(normal(3, 200, 8))
    y = modulated_conv(x, kernel, style)[:, 1:-1, 1:-1]  # inside, where no zeros are seen
    np.testing.assert_allclose(jnp.var(y, axis=(0, 1, 2)), 1, rtol=0.1)
    np.testing.assert_allclose(modulated_conv(x, kernel, 10 * style)[:, 1:-1, 1:-1], y, rtol=1e-3, atol=1e-4)


# equalised learning rate and normalisation


@pytest.mark.parametrize("rate", [1.0, 0.01])
def test_equalised_kernels_are_scaled_when_they_are_used(rate):
    """Nine ones under a kernel of ones: 9 rate / sqrt(9); the bias of 2 is 2 rate."""
    dense = EqualisedDense(2, rate=rate)
    params = {"kernel": jnp.ones((9, 2)), "bias": jnp.full(2, 2.0)}
    np.testing.assert_allclose(dense.apply({"params": params}, jnp.ones((1, 9))), [[5 * rate] * 2], rtol=1e-6)
    start = EqualisedDense(300, rate=rate, bias=1.0).init(KEY, jnp.ones((1, 100)))["params"]
    assert float(start["kernel"].std()) == pytest.approx(1 / rate, rel=0.02)
    np.testing.assert_allclose(rate * start["bias"], 1, rtol=1e-6)
    conv = EqualisedConv(2, 3, jnp.float32, active=False)
    y = conv.apply({"params": {"kernel": jnp.ones((3, 3, 4, 2))}}, jnp.ones((1, 3, 3, 4)))
    np.testing.assert_allclose(y[0, 1, 1], 36 / math.sqrt(36), rtol=1e-6)


def test_activations_and_normalisation_by_hand():
    np.testing.assert_allclose(activate(jnp.asarray([-5.0, 3.0])), [-math.sqrt(2), 3 * math.sqrt(2)], rtol=1e-6)
    np.testing.assert_allclose(pixel_norm(jnp.asarray([[3.0, 4.0]])), [[3 / 12.5**0.5, 4 / 12.5**0.5]], rtol=1e-6)


def test_latent_and_class_are_normalised_apart_before_the_mapping():
    """Without layers the network returns its input: both halves of mean square 1, whatever their scale."""
    network, z, labels = MappingNetwork(6, 0, 3), normal(1, 4, 5), jnp.asarray([0, 1, 2, 0])
    joined = network.apply(network.init(KEY, z, labels), 100 * z, labels)
    latents, classes = joined[:, :5], joined[:, 5:]
    np.testing.assert_allclose(latents, pixel_norm(z), rtol=1e-4)
    np.testing.assert_allclose(jnp.mean(classes**2, axis=1), 1, rtol=1e-4)
    np.testing.assert_array_equal(classes[0], classes[3])
    assert float(jnp.abs(classes[0] - classes[1]).max()) > 0.1


# minibatch standard deviation


def test_minibatch_deviation_by_hand():
    """Groups {0, 2} and {1, 3}. Deviations (1, 3) and (0, 5) over two channels: means 2 and 2.5."""
    x = jnp.asarray([[1.0, 0], [7, 10], [3, 6], [7, 0]]).reshape(4, 1, 1, 2)
    y = minibatch_deviation(x, 2)
    np.testing.assert_array_equal(y[..., :2], x)
    np.testing.assert_allclose(y[:, 0, 0, 2], [2, 2.5, 2, 2.5], rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize(("count", "group_size", "used"), [(8, 4, 4), (6, 4, 3), (5, 4, 1), (3, 4, 3), (10, 4, 2)])
def test_groups_are_the_greatest_that_divide_the_batch(count, group_size, used):
    x = normal(1, count, 3, 2, 5)
    groups = np.asarray(x, np.float64).reshape(used, count // used, 30)
    expected = np.tile(np.sqrt(groups.var(axis=0) + 1e-8).mean(axis=1), used)
    got = minibatch_deviation(x, group_size)[..., -1]
    np.testing.assert_allclose(got, np.broadcast_to(expected[:, None, None], (count, 3, 2)), rtol=1e-5)


# noise


def test_noise_is_one_number_a_pixel_at_a_strength_that_starts_at_zero():
    """A layer that sees nothing else returns the noise, the same in all channels; in evaluation the same everywhere."""
    layer = SynthesisLayer(3, (40, 50), jnp.float32, index=2)
    params = {
        "style": {"kernel": jnp.zeros((6, 4)), "bias": jnp.zeros(4)},
        "kernel": jnp.zeros((3, 3, 4, 3)),
        "noise_strength": jnp.asarray(2.0),
        "bias": jnp.zeros(3),
    }
    x, w = jnp.ones((2, 40, 50, 4)), jnp.ones((2, 6))
    assert layer.init(KEY, x, w, False)["params"]["noise_strength"] == 0
    drawn = layer.apply({"params": params}, x, w, True, rngs={"noise": KEY})
    fixed = layer.apply({"params": params}, x, w, False)
    other = layer.clone(index=3).apply({"params": params}, x, w, False)
    for y in (drawn, fixed, other):
        noise = jnp.where(y > 0, y, 5 * y) / math.sqrt(2)  # the leaky ReLU undone
        assert float(noise.std()) == pytest.approx(2, rel=0.05)
        np.testing.assert_array_equal(y[..., 0], y[..., 2])
    np.testing.assert_array_equal(fixed[0], fixed[1])
    for a, b in ((drawn[0], drawn[1]), (drawn[0], fixed[0]), (fixed[0], other[0])):
        assert abs(np.corrcoef(a[..., 0].ravel(), b[..., 0].ravel())[0, 1]) < 0.1
