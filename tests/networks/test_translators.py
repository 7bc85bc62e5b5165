"""Networks from images to images and their judge: against PyTorch, published sizes, any shape, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.errors import JaxganError
from jaxgan.networks import PATCH_DISCRIMINATORS, TRANSLATORS
from jaxgan.networks.layers import instance_norm, reflect_pad
from jaxgan.registry import build

ALL = {**TRANSLATORS, **PATCH_DISCRIMINATORS}
SMALL = {
    "resnet": dict(name="resnet", width=2, halvings=1, blocks=1),
    "unet": dict(name="unet", width=2),
    "patchgan": dict(name="patchgan", width=2, layers=1),
}


def make(shape, dtype=jnp.float32, **options):
    return build(options, ALL, "config.network", shape=shape, dtype=dtype)


def drawn(module, shape, batch=3):
    """Images in [-1, 1], and parameters N(0, 0.3^2): large enough for every layer to matter to the result."""
    rng = np.random.default_rng(1)
    images = jnp.asarray(rng.uniform(-1, 1, (batch, *shape)), jnp.float32)
    shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), images, train=False))["params"]
    return images, jax.tree.map(lambda x: jnp.asarray(0.3 * rng.normal(size=x.shape), jnp.float32), shapes)


def applied(module, params):
    return jax.jit(lambda images: module.apply({"params": params}, images, train=False))


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("shape", [(3, 3, 1), (5, 9, 2), (28, 28, 3), (33, 64, 3), (100, 37, 4)])
def test_any_shape_of_a_few_pixels_builds(name, shape):
    module = make(shape, jnp.bfloat16, **SMALL[name])
    made = jax.eval_shape(lambda: module.init_with_output(jax.random.key(0), jnp.zeros((2, *shape)), train=False)[0])
    expected = (-(-shape[0] // 2), -(-shape[1] // 2)) if name == "patchgan" else shape
    assert (made.shape, made.dtype) == ((2, *expected), jnp.float32)


@pytest.mark.parametrize(
    ("options", "published", "useless_biases"),
    [
        # What the authors' PyTorch code counts, less the biases that instance normalisation takes away again.
        (dict(name="resnet"), 11_378_179, 2 * (64 + 128) + 256 * 19),
        (dict(name="patchgan"), 2_764_737, 128 + 256 + 512),
        (dict(name="unet"), 54_414_531, 2 * (128 + 256 + 4 * 512 + 4 * 512 + 256 + 128 + 64)),
    ],
)
def test_the_defaults_are_the_published_networks(options, published, useless_biases):
    """The last, published with batch normalisation, has a scale and a shift a channel there instead of a bias."""
    shape = (256, 256, 3)
    module = make(shape, **options)
    variables = jax.eval_shape(lambda: module.init(jax.random.key(0), jnp.zeros((1, *shape)), train=False))
    assert sum(leaf.size for leaf in jax.tree.leaves(variables)) == published - useless_biases


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("shape", [(2, 4, 5, 2), (1, 2, 3, 1)])
def test_reflection_is_numpys(size, shape):
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    rim = ((0, 0), (size, size), (size, size), (0, 0))
    np.testing.assert_array_equal(reflect_pad(jnp.asarray(x), size), np.pad(x, rim, mode="reflect"))


def test_instance_normalisation_by_hand():
    """Two channels of four pixels: mean 2.5 and variance 1.25, and a constant, which becomes 0."""
    x = jnp.stack([jnp.asarray([[1.0, 2], [3, 4]]), jnp.full((2, 2), 7.0)], axis=-1)[None]
    made = np.asarray(instance_norm(x, epsilon=0.01))
    np.testing.assert_allclose(made[0, ..., 0].ravel(), (np.array([1, 2, 3, 4]) - 2.5) / np.sqrt(1.26), rtol=1e-6)
    np.testing.assert_array_equal(made[..., 1], 0)
    assert instance_norm(x.astype(jnp.bfloat16)).dtype == jnp.bfloat16


@pytest.mark.parametrize(("name", "most"), [("resnet", {"halvings": 3}), ("unet", {}), ("patchgan", {"layers": 3})])
def test_what_an_image_becomes_depends_on_it_and_on_nothing_else(name, most):
    """Also with as many halvings as are legal: on a map of one pixel whatever is normalised would be 0."""
    module = make((9, 6, 2), **SMALL[name] | most)
    images, params = drawn(module, (9, 6, 2))
    apply = applied(module, params)
    made, others = (np.asarray(apply(x)) for x in (images, images.at[1:].set(0.5)))
    np.testing.assert_array_equal(others[0], made[0])
    assert np.abs(others[1] - made[1]).max() > 1e-3


def test_dropout_is_drawn_in_training_only():
    module = make((8, 8, 1), name="unet", width=2, dropout=0.5)
    images, params = drawn(module, (8, 8, 1))

    @jax.jit
    def made(key):
        return [module.apply({"params": params}, images, train=train, rngs={"noise": key}) for train in (True, False)]

    first, again, other = (made(jax.random.key(seed)) for seed in (0, 0, 1))
    assert np.abs(first[0] - other[0]).max() > 1e-3
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], other[1])


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        (
            (8, 8, 3),
            dict(name="resnet", halvings=3),
            r"halvings is 3, but must be in \[0, 2\] for images of 8x8; 3 .* 9 ",
        ),
        ((8, 8, 3), dict(name="resnet", halvings=-1), r"halvings is -1, but must be in \[0, 2\]"),
        (
            (8, 8, 3),
            dict(name="patchgan"),
            r"patchgan: layers is 3, but must be in \[1, 2\] for images of 8x8; 3 .* 9 ",
        ),
        ((2, 2, 3), dict(name="patchgan"), r"layers is 3, but no number is legal for images of 2x2; 3 .* side of 9 "),
        ((8, 5, 3), dict(name="unet", multipliers=(1,) * 5), r"multipliers is 5, but must be in \[1, 3\] .* of 17 "),
        ((1, 1, 3), dict(name="unet"), r"multipliers is 1, but no number is legal for images of 1x1; 1 .* side of 2 "),
        ((8, 8, 3), dict(name="unet", multipliers=(1, 0)), r"unet: width is 64 and multipliers \(1, 0\)"),
        ((8, 8, 3), dict(name="unet", dropout=1.0), r"unet: dropout is 1\.0, but must be in \[0, 0\.99\]"),
        ((8, 8, 3), dict(name="resnet", width=0), r"resnet: width is 0 and blocks is 9"),
        ((8, 8, 3), dict(name="patchgan", width=0), r"patchgan: width is 0"),
    ],
)
def test_impossible_settings_are_refused(shape, options, message):
    with pytest.raises(JaxganError, match=message):
        make(shape, **options)


class TestPyTorch:
    """The same parameters and images in PyTorch, where the sizes are such that both pad alike."""

    torch = pytest.importorskip("torch")
    functional = torch.nn.functional

    def kernels(self, params, kind):
        """Kernels of the layers of one kind, [out, in, kh, kw] as PyTorch has them (transposed ones [in, out, ...])."""
        layers = sorted((int(name.rpartition("_")[2]), name) for name in params if name.startswith(f"{kind}_"))
        return [self.torch.tensor(np.transpose(params[name]["kernel"], (3, 2, 0, 1))) for _, name in layers]

    def biases(self, params):
        return {name: self.torch.tensor(np.array(layer["bias"])) for name, layer in params.items() if "bias" in layer}

    def compare(self, module, shape, theirs, tolerance=2e-5):
        images, params = drawn(module, shape, batch=2)
        made = np.asarray(applied(module, params)(images))
        inputs = self.torch.tensor(np.transpose(images, (0, 3, 1, 2)))
        expected = np.moveaxis(theirs(inputs, params).numpy(), 1, -1)
        np.testing.assert_allclose(made.reshape(expected.shape), expected, atol=tolerance)
        assert np.std(expected) > 0.05

    def test_instance_normalisation(self):
        x = np.random.default_rng(0).normal(3, 2, (2, 5, 4, 3)).astype(np.float32)
        expected = self.torch.nn.InstanceNorm2d(3)(self.torch.tensor(x.transpose(0, 3, 1, 2))).numpy()
        np.testing.assert_allclose(instance_norm(jnp.asarray(x)), expected.transpose(0, 2, 3, 1), atol=2e-6)

    def test_the_residual_translator(self):
        f = self.functional

        def mirrored(x, kernel, bias=None):
            n = kernel.shape[-1] // 2
            return f.conv2d(f.pad(x, (n, n, n, n), mode="reflect"), kernel, bias)

        def theirs(x, params):
            kernels, ups = self.kernels(params, "Conv"), self.kernels(params, "ConvTranspose")
            x = f.relu(f.instance_norm(mirrored(x, kernels[0])))
            for kernel in kernels[1:3]:  # 9 -> 5 -> 3
                x = f.relu(f.instance_norm(f.conv2d(x, kernel, stride=2, padding=1)))
            h = f.relu(f.instance_norm(mirrored(x, kernels[3])))
            x = x + f.instance_norm(mirrored(h, kernels[4]))
            for kernel in ups:
                x = f.relu(f.instance_norm(f.conv_transpose2d(x, kernel, stride=2, padding=1)))
            return self.torch.tanh(mirrored(x, kernels[5], *self.biases(params).values()))

        self.compare(make((9, 9, 3), name="resnet", width=3, blocks=1), (9, 9, 3), theirs)

    def test_the_u_net(self):
        f = self.functional

        def theirs(x, params):
            downs, ups, biases = (
                self.kernels(params, "Conv"),
                self.kernels(params, "ConvTranspose"),
                self.biases(params),
            )
            one = f.conv2d(x, downs[0], biases["Conv_0"], 2, 1)
            two = f.instance_norm(f.conv2d(f.leaky_relu(one, 0.2), downs[1], None, 2, 1))
            three = f.conv2d(f.leaky_relu(two, 0.2), downs[2], biases["Conv_2"], 2, 1)
            up = f.instance_norm(f.conv_transpose2d(f.relu(three), ups[0], None, 2, 1))
            up = f.conv_transpose2d(f.relu(self.torch.cat([up, two], 1)), ups[1], None, 2, 1)
            up = f.relu(self.torch.cat([f.instance_norm(up), one], 1))
            return self.torch.tanh(f.conv_transpose2d(up, ups[2], biases["ConvTranspose_2"], 2, 1))

        self.compare(make((8, 8, 3), name="unet", width=2), (8, 8, 3), theirs)

    def test_patchgan(self):
        f = self.functional

        def theirs(x, params):
            kernels, biases = self.kernels(params, "Conv"), self.biases(params)
            x = f.leaky_relu(f.conv2d(x, kernels[0], biases["Conv_0"], 2, 1), 0.2)
            x = f.leaky_relu(f.instance_norm(f.conv2d(x, kernels[1], None, 2, 1)), 0.2)
            x = f.leaky_relu(f.instance_norm(f.conv2d(f.pad(x, (1, 2, 1, 2)), kernels[2])), 0.2)
            return f.conv2d(f.pad(x, (1, 2, 1, 2)), kernels[3], biases["Conv_3"])

        self.compare(make((8, 8, 3), name="patchgan", width=2, layers=2), (8, 8, 3), theirs)
