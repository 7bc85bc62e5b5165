"""VGG: what its layers see and compute, beside PyTorch's of the same weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.errors import JaxganError
from jaxgan.networks.vgg import IMAGENET_MEAN, VGG, activations, receptive_field
from jaxgan.pretrained import vgg_weights

MEAN = np.asarray(IMAGENET_MEAN, np.float32)


def torch_features(torch, params, pixels, depth, pooling, layers):
    """The same network in PyTorch, of pixels [h, w, 3] in 0..255: modules as torchvision numbers them."""
    nn, found = torch.nn, {}
    x = torch.tensor((pixels - np.asarray(params["mean"])).transpose(2, 0, 1)[None])
    for name in activations(depth):
        conv = params[name.replace("relu", "conv")]
        if name.endswith("_1") and name != "relu1_1":
            x = (nn.MaxPool2d if pooling == "max" else nn.AvgPool2d)(2)(x)
        kernel = torch.tensor(np.array(conv["kernel"]).transpose(3, 2, 0, 1))
        x = torch.relu(nn.functional.conv2d(x, kernel, torch.tensor(np.array(conv["bias"])), padding=1))
        if name in layers:
            found[name] = x[0].permute(1, 2, 0).numpy()
        if len(found) == len(layers):
            return found
    raise AssertionError(layers)


@pytest.mark.parametrize(
    ("depth", "pooling", "size", "layers"),
    [(16, "max", (17, 10), ("relu1_2", "relu2_1")), (19, "average", (16, 19), ("relu3_4", "relu4_1"))],
)
def test_activations_are_pytorchs(depth, pooling, size, layers):
    torch = pytest.importorskip("torch")
    net = VGG(depth, layers, pooling)
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.float32)
    images = jnp.asarray(pixels[None] / 127.5 - 1)
    params = jax.jit(lambda: net.init(jax.random.key(0), images))()["params"]
    # Biases too, and another mean than it starts with.
    moved = {1: lambda x: x + jnp.cos(jnp.arange(x.size)), 4: lambda x: x}
    params = jax.tree.map(lambda x: moved[x.ndim](x), params)
    ours = jax.jit(net.apply)({"params": params}, images)
    theirs = torch_features(torch, params, pixels, depth, pooling, layers)
    assert list(ours) == list(layers)
    for layer in layers:
        scale = np.abs(theirs[layer]).max()
        np.testing.assert_allclose(ours[layer][0] / scale, theirs[layer] / scale, atol=1e-5)


def test_trained_weights_give_pytorchs_activations(shared_data):
    """Of the photograph of a flower, in blue, green, red minus the mean, as the weights were trained."""
    torch = pytest.importorskip("torch")
    sklearn = pytest.importorskip("sklearn.datasets")
    path = shared_data / "weights" / "vgg16_to_conv3_3.npz"
    if not path.exists():
        pytest.skip(f"no {path}")
    pixels = sklearn.load_sample_image("flower.jpg")[100:124, 200:232]
    loaded = vgg_weights.load(path)
    assert (loaded.depth, loaded.layers[-1], loaded.unit) == (16, "relu3_3", 1)
    net = VGG(16, ("relu1_2", "relu3_3"))
    ours = jax.jit(net.apply)({"params": loaded.params}, jnp.asarray(pixels[None], jnp.float32) / 127.5 - 1)
    with np.load(path) as file:
        raw = dict(file)
    raw = {conv: {part: raw[f"{conv}/{part}"] for part in ("kernel", "bias")} for conv in {n[:7] for n in raw}}
    theirs = torch_features(torch, raw | {"mean": MEAN[::-1]}, pixels[..., ::-1], 16, "max", ("relu1_2", "relu3_3"))
    for layer, features in theirs.items():
        np.testing.assert_allclose(ours[layer][0] / features.max(), features / features.max(), atol=1e-5)


def test_nothing_behind_the_last_layer_asked_for_is_computed_or_kept():
    for layers, last in ((("relu2_1",), "conv2_1"), (("relu3_1", "relu1_1"), "conv3_1")):
        net = VGG(19, layers)
        shapes = jax.eval_shape(lambda net=net: net.init(jax.random.key(0), jnp.zeros((1, 8, 8, 3))))["params"]
        assert sorted(shapes)[-2:] == [last, "mean"]
        asked = jax.eval_shape(net.apply, {"params": shapes}, jnp.zeros((2, 9, 8, 3)))
        assert set(asked) == set(layers)


@pytest.mark.parametrize(
    ("depth", "layer", "side"),
    # Backwards from one position: two more for a convolution, twice for a pooling.
    [(16, "relu1_1", 3), (16, "relu1_2", 5), (16, "relu2_1", 10), (16, "relu3_3", 40), (19, "relu5_1", 156)],
)
def test_receptive_fields(depth, layer, side):
    assert receptive_field(depth, layer) == side


def test_a_position_sees_its_receptive_field_and_no_further():
    net, side = VGG(16, ("relu2_1",), "average"), receptive_field(16, "relu2_1")
    images = jax.random.uniform(jax.random.key(1), (1, 24, 24, 3), minval=-1)
    variables = jax.jit(lambda: net.init(jax.random.key(0), images))()
    seen = jax.jit(jax.grad(lambda x: net.apply(variables, x)["relu2_1"][0, 5, 5].sum()))(images)[0]
    rows, columns = np.nonzero(np.abs(seen).sum(-1))
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (side, side)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((11, ("relu1_1",)), "no VGG of 11 layers here, only of 16 and 19"),
        ((16, ("relu3_4",)), "unknown activation of VGG16 'relu3_4'. Did you mean 'relu3_3'"),
        ((16, ()), "no activation is asked for"),
        ((16, ("relu1_1",), "median"), "unknown pooling 'median'. Known: average, max"),
    ],
)
def test_impossible_settings_are_refused(arguments, message):
    with pytest.raises(JaxganError, match=message):
        VGG(*arguments)
