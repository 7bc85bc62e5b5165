"""The network of FID: every block beside pytorch-fid's with the same random weights, and what sets it apart."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict
from inceptions import random_files
from peers import peer

from jaxgan.errors import JaxganError
from jaxgan.evaluation.features import inception_weights
from jaxgan.networks import inception
from jaxgan.networks.inception import BlockE, Inception, max_pool, mean_pool


def torch_results(torch, path, images):
    """Results of every module of pytorch-fid's network, by name, as [b, h, w, c]."""
    package = peer("pytorch_fid.inception")
    patch = pytest.MonkeyPatch()
    patch.setattr(package, "load_state_dict_from_url", lambda *_, **__: torch.load(path, weights_only=True))
    network = package.fid_inception_v3().eval()
    patch.undo()
    found = {}
    for name, module in network.named_modules():
        if name:
            module.register_forward_hook(lambda _, __, result, name=name: found.setdefault(name, result))
    with torch.no_grad():
        network(torch.tensor(np.array(images.transpose(0, 3, 1, 2))))
    return {name: np.asarray(x.permute(0, 2, 3, 1) if x.ndim == 4 else x) for name, x in found.items()}


def test_every_block_is_pytorch_fids(tmp_path):
    torch = pytest.importorskip("torch")
    peer("pytorch_fid.inception")
    theirs, ours = random_files(tmp_path)
    images = np.random.default_rng(1).uniform(-1, 1, (1, 75, 91, 3)).astype(np.float32)
    expected = torch_results(torch, theirs, images)
    params = inception_weights.load(ours).params

    @jax.jit
    def every(params, images):
        return Inception().apply({"params": params}, images, capture_intermediates=True, mutable=["intermediates"])

    result, seen = every(params, images)
    calls = {
        name.removesuffix(".__call__"): x for name, (x, *_) in flatten_dict(seen["intermediates"], sep=".").items()
    }
    blocks = {name: x for name, x in calls.items() if name.startswith(("Conv2d", "Mixed"))}
    assert len(blocks) == 94 + 11  # convolutions and the blocks of them
    for name, x in blocks.items():
        scale = np.abs(expected[name]).max()
        assert x.shape == expected[name].shape, name
        np.testing.assert_allclose(x / scale, expected[name] / scale, atol=1e-4, err_msg=name)
    scale = np.abs(expected["fc"]).max()
    np.testing.assert_allclose(result["pool3"], expected["avgpool"][:, 0, 0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(result["logits"] / scale, expected["fc"] / scale, atol=1e-4)
    bias = np.broadcast_to(params["fc"]["bias"], (1, 1008))
    np.testing.assert_allclose(result["logits"] - result["logits_unbiased"], bias, atol=1e-5)


def test_mean_pooling_does_not_count_the_padding():
    """Of ones it is one everywhere; counting zeros would make 4/9 of a corner, as torchvision's network does."""
    np.testing.assert_allclose(mean_pool(jnp.ones((1, 4, 5, 2))), 1, rtol=1e-6)
    corner = mean_pool(jnp.arange(9.0).reshape(1, 3, 3, 1))[0, 0, 0, 0]
    assert float(corner) == pytest.approx((0 + 1 + 3 + 4) / 4)


def test_max_pooling_keeps_the_size_or_takes_whole_windows():
    x = jnp.arange(-36.0, 0).reshape(1, 6, 6, 1)
    assert max_pool(x, 1)[0, :, :, 0].shape == (6, 6)
    assert float(max_pool(x, 1)[0, 0, 0, 0]) == -29  # the padding is not 0, which would be the largest
    np.testing.assert_array_equal(max_pool(x, 2)[0, :, :, 0], [[-22, -20], [-10, -8]])


def test_the_last_block_pools_by_maximum_unlike_the_one_before_it():
    x = jnp.abs(jax.random.normal(jax.random.key(0), (1, 3, 3, 4)))
    kernel = jnp.eye(4, 192).reshape(1, 1, 4, 192)
    for pooling, middle in (("mean", x[0].mean((0, 1))), ("max", x[0].max((0, 1)))):
        block = BlockE(pooling)
        shapes = jax.eval_shape(lambda block=block: block.init(jax.random.key(0), x))["params"]
        params = jax.tree.map(lambda s: jnp.zeros(s.shape), shapes) | {
            "branch_pool": {"kernel": kernel, "bias": jnp.zeros(192)}
        }
        result = jax.jit(block.apply)({"params": params}, x)
        np.testing.assert_allclose(result[0, 1, 1, -192:-188], middle, rtol=1e-5)


def test_only_the_last_block_pools_by_maximum(monkeypatch):
    made = []
    monkeypatch.setattr(inception, "BlockE", lambda pool, name: made.append((name, pool)) or BlockE(pool, name=name))
    jax.eval_shape(Inception().init, jax.random.key(0), jnp.zeros((1, 75, 75, 3)))
    assert made == [("Mixed_7b", "mean"), ("Mixed_7c", "max")]


def test_images_too_small_for_the_last_maps_are_refused():
    with pytest.raises(JaxganError, match="must be 75x75 or more, and are 75x74"):
        jax.eval_shape(Inception().init, jax.random.key(0), jnp.zeros((1, 75, 74, 3)))
