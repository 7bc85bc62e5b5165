"""Layers: spectral normalisation against an SVD, labels in the discriminators, resampling by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.networks import DISCRIMINATORS
from jaxgan.networks.layers import (
    INITIALISERS,
    Conv,
    Dense,
    Embed,
    Head,
    join_labels,
    max_pool,
    mean_pool,
    upsample_nearest,
)
from jaxgan.registry import build

INIT, RNG = INITIALISERS["lecun_normal"], np.random.default_rng(0)

# spectral normalisation

LAYERS = {
    "dense": (lambda spectral: Dense(7, False, INIT, jnp.float32, spectral), jnp.asarray(RNG.normal(size=(3, 5)))),
    "conv": (
        lambda spectral: Conv(6, 3, 1, "SAME", False, INIT, jnp.float32, spectral),
        jnp.asarray(RNG.normal(size=(2, 4, 4, 2))),
    ),
    "embed": (lambda spectral: Embed(4, 9, INIT, spectral), jnp.asarray([0, 3, 1])),
}


def initial(name):
    """A layer with and without the normalisation, its input, parameters and vectors."""
    make, x = LAYERS[name]
    variables = jax.jit(lambda: make(True).init(jax.random.key(3), x))()
    return make(True), make(False), x, variables["params"], variables["spectral"]


def matrix_of(params):
    (kernel,) = params.values()
    return np.asarray(kernel).reshape(-1, kernel.shape[-1])


def sigma(matrix, vectors):
    return np.asarray(vectors["u"]) @ matrix @ np.asarray(vectors["v"])


def unit(x):
    return x / np.linalg.norm(x)


def after_passes(layer, params, vectors, *inputs, **options):
    """The vectors after 100 passes that may change them."""

    def again(_, vectors):
        variables = {"params": params, "spectral": vectors}
        return layer.apply(variables, *inputs, mutable=["spectral"], **options)[1]["spectral"]

    return jax.jit(lambda vectors: jax.lax.fori_loop(0, 100, again, vectors))(vectors)


@pytest.mark.parametrize("name", LAYERS)
def test_a_kernel_is_divided_by_its_largest_singular_value(name):
    layer, plain, x, params, vectors = initial(name)
    matrix = matrix_of(params)
    largest = np.linalg.svd(matrix, compute_uv=False)[0]
    assert largest > 1.1  # else the division would not show
    assert sigma(matrix, vectors) == pytest.approx(largest, rel=0.02)  # from the start

    vectors = after_passes(layer, params, vectors, x)
    assert sigma(matrix, vectors) == pytest.approx(largest, rel=1e-4)
    normalised = jax.tree.map(lambda kernel: kernel / largest, params)
    assert np.linalg.svd(matrix_of(normalised), compute_uv=False)[0] == pytest.approx(1, rel=1e-4)
    out = layer.apply({"params": params, "spectral": vectors}, x)
    np.testing.assert_allclose(out, plain.apply({"params": normalised}, x), rtol=1e-3, atol=1e-4)


def test_the_vectors_make_one_iteration_where_they_may_change_and_none_elsewhere():
    layer, plain, x, params, _ = initial("dense")
    matrix, u, v = matrix_of(params), unit(RNG.normal(size=5)), unit(RNG.normal(size=7))
    vectors = {"u": jnp.asarray(u, jnp.float32), "v": jnp.asarray(v, jnp.float32)}
    variables = {"params": params, "spectral": vectors}
    product = np.asarray(plain.apply({"params": params}, x))

    out, moved = layer.apply(variables, x, mutable=["batch_stats"])
    assert "spectral" not in moved
    np.testing.assert_allclose(out, product / (u @ matrix @ v), rtol=1e-4)

    out, moved = layer.apply(variables, x, mutable=["spectral"])
    new_v = unit(u @ matrix)
    new_u = unit(matrix @ new_v)
    np.testing.assert_allclose(moved["spectral"]["v"], new_v, rtol=1e-4)
    np.testing.assert_allclose(moved["spectral"]["u"], new_u, rtol=1e-4)
    np.testing.assert_allclose(out, product / (new_u @ matrix @ new_v), rtol=1e-4)


def test_the_gradient_is_that_of_the_paper():
    """The gradient of <G, W / sigma> is (G - <G, W / sigma> u v^T) / sigma (section 2.3)."""
    layer, _, _, params, vectors = initial("dense")
    weights = RNG.normal(size=(5, 7)).astype(np.float32)

    def loss(params):
        return jnp.vdot(weights, layer.apply({"params": params, "spectral": vectors}, jnp.eye(5)))

    matrix, s = matrix_of(params), sigma(matrix_of(params), vectors)
    outer = np.outer(vectors["u"], vectors["v"])
    expected = (weights - np.sum(weights * matrix) / s * outer) / s
    np.testing.assert_allclose(jax.grad(loss)(params)["kernel"], expected, rtol=1e-3, atol=1e-5)


def test_a_training_pass_is_pytorchs():
    torch = pytest.importorskip("torch")
    layer, _, x, params, vectors = initial("dense")
    peer = torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(5, 7, bias=False))
    norm = peer.parametrizations.weight[0]
    peer.parametrizations.weight.original.data = torch.tensor(matrix_of(params).T.copy())
    norm._u.data, norm._v.data = (torch.tensor(np.array(vectors[name])) for name in ("v", "u"))  # theirs is [out, in]

    def loss(params):
        out, moved = layer.apply({"params": params, "spectral": vectors}, x, mutable=["spectral"])
        return jnp.sum(jnp.sin(out)), moved["spectral"]

    gradient, moved = jax.grad(loss, has_aux=True)(params)
    torch.sin(peer.train()(torch.tensor(np.array(x)))).sum().backward()
    np.testing.assert_allclose(moved["v"], norm._u, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(gradient["kernel"].T, peer.parametrizations.weight.original.grad, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "normalised"),
    [
        (dict(name="dcgan", width=2, normalise=False, use_bias=True), ["Conv_0", "Conv_1", "Head_0"]),
        (dict(name="mlp", hidden=(4, 3)), ["Head_0", "_Trunk_0"]),
    ],
)
def test_under_spectral_every_kernel_of_a_discriminator_has_norm_one(options, normalised):
    """Its logits are those of the plain one with kernels divided by their singular values."""
    x, labels = jax.random.normal(jax.random.key(0), (3, 16, 16, 1)), jnp.asarray([0, 1, 1])
    given = dict(shape=(16, 16, 1), num_classes=2, dtype=jnp.float32)
    spectral, plain = (build(options | dict(spectral=on), DISCRIMINATORS, "D", **given) for on in (True, False))
    variables = jax.jit(lambda: spectral.init(jax.random.key(1), x, labels, train=False))()
    assert sorted(variables["spectral"]) == normalised

    def divided(path, leaf):
        if path[-1].key == "bias":
            return leaf
        return leaf / np.linalg.svd(matrix_of({"kernel": leaf}), compute_uv=False)[0]

    vectors = after_passes(spectral, variables["params"], variables["spectral"], x, labels, train=True)
    params = jax.tree_util.tree_map_with_path(divided, variables["params"])
    given = {"params": variables["params"], "spectral": vectors}, {"params": params}
    out = jax.jit(lambda a, b: (spectral.apply(a, x, labels, train=True), plain.apply(b, x, labels, train=True)))
    np.testing.assert_allclose(*out(*given), rtol=1e-3, atol=1e-6)


# labels


def test_labels_join_every_pixel():
    image = jnp.asarray([[[[5.0], [6.0]]], [[[7.0], [8.0]]]])  # [2, 1, 2, 1]
    joined = join_labels(image, jnp.asarray([1, 0]), 2)
    assert joined.tolist() == [[[[5, 0, 1], [6, 0, 1]]], [[[7, 1, 0], [8, 1, 0]]]]


DISCRIMINATOR_ROWS = {
    "dcgan": dict(name="dcgan", width=2, normalise=False),
    "mlp": dict(name="mlp", hidden=(4,)),
    "resnet": dict(name="resnet", width=2, multipliers=(1,), plain=0),
}


@pytest.mark.parametrize("name", DISCRIMINATOR_ROWS)
def test_concatenation_is_the_plain_network_on_images_with_label_maps(name):
    x, labels = jax.random.normal(jax.random.key(0), (4, 8, 8, 1)), jnp.asarray([0, 2, 1, 2])
    options = DISCRIMINATOR_ROWS[name] | dict(conditioning="concatenation")
    given = dict(dtype=jnp.float32)
    conditional = build(options, DISCRIMINATORS, "D", shape=(8, 8, 1), num_classes=3, **given)
    joined = join_labels(x if name != "mlp" else x.reshape(4, -1), labels, 3)
    plain = build(options, DISCRIMINATORS, "D", shape=joined.shape[1:], num_classes=0, **given)
    variables = jax.jit(lambda: conditional.init(jax.random.key(1), x, labels, train=False))()

    @jax.jit
    def logits(variables):
        given = [conditional.apply(variables, x, given, train=True) for given in (labels, labels[::-1])]
        return *given, plain.apply(variables, joined, train=True)

    out, of_others, expected = logits(variables)
    np.testing.assert_allclose(out, expected, rtol=1e-5)
    assert np.abs(out - of_others).max() > 1e-6


@pytest.mark.parametrize("name", DISCRIMINATOR_ROWS)
def test_a_classifier_tells_the_class_and_its_logit_ignores_the_label(name):
    x, labels = jax.random.normal(jax.random.key(0), (4, 8, 8, 1)), jnp.asarray([0, 2, 1, 2])
    options = DISCRIMINATOR_ROWS[name] | dict(conditioning="classifier")
    net = build(options, DISCRIMINATORS, "D", shape=(8, 8, 1), num_classes=3, dtype=jnp.bfloat16)
    variables = jax.jit(lambda: net.init(jax.random.key(1), x, labels, train=False))()
    assert "classes" not in variables

    @jax.jit
    def judge(variables, labels):
        return net.apply(variables, x, labels, train=True, mutable=["classes"])

    out, revealed = judge(variables, labels)
    (classes,) = jax.tree.leaves(revealed["classes"])
    assert (out.shape, classes.shape, classes.dtype) == ((4,), (4, 3), jnp.float32)
    assert np.abs(classes[0] - classes[1]).max() > 1e-4
    np.testing.assert_array_equal(out, judge(variables, labels[::-1])[0])


def test_the_classifier_is_linear_in_the_features():
    """Class logits h V + c at h = (2, 1), by hand; the logit of the image is w . h."""
    params = {
        "Dense_0": {"kernel": jnp.asarray([[1.0], [-2.0]])},
        "Dense_1": {"kernel": jnp.asarray([[1.0, 0, 3], [0, -1, 1]]), "bias": jnp.asarray([0.0, 0, 0.5])},
    }
    head = Head(3, False, jax.nn.initializers.zeros, conditioning="classifier")
    logits, revealed = head.apply({"params": params}, jnp.asarray([[2.0, 1]]), None, mutable=["classes"])
    assert logits.tolist() == [0]
    assert [found.tolist() for found in jax.tree.leaves(revealed["classes"])] == [[[2, -1, 7.5]]]


# resampling


def test_pooling_by_hand_with_an_odd_edge():
    x = jnp.arange(9.0).reshape(1, 3, 3, 1)
    assert mean_pool(x)[0, :, :, 0].tolist() == [[2, 3.5], [6.5, 8]]
    assert max_pool(x)[0, :, :, 0].tolist() == [[4, 5], [7, 8]]


def test_upsampling_by_hand():
    x = jnp.asarray([[1.0, 2], [3, 4]]).reshape(1, 2, 2, 1)
    assert upsample_nearest(x, (3, 4))[0, :, :, 0].tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4]]


@pytest.mark.parametrize("size", [(1, 1), (4, 5), (7, 2)])
def test_pooling_undoes_upsampling(size):
    x = jax.random.normal(jax.random.key(0), (2, -(-size[0] // 2), -(-size[1] // 2), 3))
    for pool in (mean_pool, max_pool):
        np.testing.assert_array_equal(pool(upsample_nearest(x, size)), x)
