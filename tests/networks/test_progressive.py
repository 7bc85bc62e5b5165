"""Progressive GAN's networks: one for small images is the beginning of a larger one, and fades into it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.errors import JaxganError
from jaxgan.networks.layers import mean_pool, upsample_nearest
from jaxgan.networks.progressive import FADE, ProgressiveDiscriminator, ProgressiveGenerator, sizes_of

SMALL, LARGE = (8, 12, 2), (16, 24, 2)
Z = jax.random.normal(jax.random.key(1), (4, 5))
IMAGES = jax.random.normal(jax.random.key(2), (4, *LARGE))
LABELS = jnp.asarray([0, 2, 1, 2])


def net(kind, shape, **options):
    given = dict(shape=shape, num_classes=3, dtype=jnp.float32, channel_base=64, channel_max=6)
    return kind(**given | options)


@pytest.fixture(scope="module", params=[ProgressiveGenerator, ProgressiveDiscriminator], ids=["generator", "critic"])
def player(request):
    """A network for large images, its compiled pass `(params, alpha, inputs) -> output`, that of the small one."""
    kind, example = request.param, Z if request.param is ProgressiveGenerator else IMAGES
    params = jax.jit(lambda: net(kind, LARGE).init(jax.random.key(0), example, LABELS, train=False))()["params"]

    def run(shape):
        def apply(params, alpha, inputs):
            variables = {"params": params, FADE: {"alpha": alpha}}
            return net(kind, shape).apply(variables, inputs, LABELS, train=False)

        return jax.jit(apply)

    return kind, params, run(LARGE), run(SMALL)


def test_without_its_new_layers_it_is_the_network_of_half_the_size_to_the_bit(player):
    kind, params, large, small = player
    if kind is ProgressiveGenerator:
        np.testing.assert_array_equal(large(params, 0.0, Z), upsample_nearest(small(params, 1.0, Z), LARGE[:2]))
    else:
        np.testing.assert_array_equal(large(params, 0.0, IMAGES), small(params, 1.0, mean_pool(IMAGES)))


def test_with_them_it_is_that_of_its_own_size_alone_to_the_bit(player):
    """The way by half the size has a layer of its own, which does not matter any more."""
    kind, params, large, _ = player
    name, inputs = ("to_image_1", Z) if kind is ProgressiveGenerator else ("from_image_1", IMAGES)
    other = {**params, name: jax.tree.map(lambda x: 3 * x + 1, params[name])}
    np.testing.assert_array_equal(large(params, 1.0, inputs), large(other, 1.0, inputs))
    assert np.abs(large(params, 0.5, inputs) - large(other, 0.5, inputs)).max() > 1e-3


def test_an_image_fades_linearly(player):
    kind, params, large, _ = player
    if kind is ProgressiveDiscriminator:
        pytest.skip("its features do, its logits do not")
    before, after = (np.asarray(large(params, alpha, Z)) for alpha in (0.0, 1.0))
    np.testing.assert_allclose(large(params, 0.25, Z), 0.75 * before + 0.25 * after, rtol=1e-5, atol=1e-6)
    assert np.abs(after - before).max() > 0.1


def test_a_smaller_network_has_the_first_of_the_layers_and_a_new_one_has_all():
    for kind, example in ((ProgressiveGenerator, jnp.zeros((2, 5))), (ProgressiveDiscriminator, None)):
        trees = []
        for shape in (SMALL, LARGE):
            inputs = jnp.zeros((2, *shape)) if example is None else example
            module = net(kind, shape, num_classes=0)
            shapes = jax.eval_shape(lambda m=module, x=inputs: m.init(jax.random.key(0), x, train=False))
            trees.append(jax.tree.map(lambda x: x.shape, shapes["params"]))
        small, large = trees
        assert small == {name: layer for name, layer in large.items() if name in small}
        image = "to_image" if kind is ProgressiveGenerator else "from_image"
        assert large.keys() - small.keys() == {"block_2", f"{image}_2"}
        assert {f"{image}_{k}" for k in range(3)} < large.keys()


def test_the_length_of_a_latent_does_not_matter_and_its_label_does(player):
    kind, params, large, _ = player
    if kind is ProgressiveDiscriminator:
        pytest.skip("it takes none")
    without = {**params, "first": {**params["first"], "kernel": params["first"]["kernel"].at[5:].set(0.0)}}
    codes = jnp.concatenate([Z[:1], Z[:1], Z[1:2], Z[1:2]])  # labels 0, 2 and 1, 2
    made = np.asarray(large(params, 1.0, codes))
    assert np.abs(made[0] - made[1]).max() > 1e-3
    blind = np.asarray(large(without, 1.0, codes))  # the length of (z, code) is that of z and 1
    np.testing.assert_allclose(blind[0], blind[1], rtol=1e-5, atol=1e-6)


def test_of_the_logits_of_all_classes_that_of_the_label_counts(player):
    kind, params, large, _ = player
    if kind is ProgressiveGenerator:
        pytest.skip("it has none")
    moved = {**params, "head": {**params["head"], "bias": params["head"]["bias"] + jnp.asarray([1.0, 20.0, 300.0])}}
    change = large(moved, 1.0, IMAGES) - large(params, 1.0, IMAGES)
    np.testing.assert_allclose(change, [1, 300, 20, 300], rtol=1e-4)  # labels 0, 2, 1, 2


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        ((28, 28), [(7, 7), (14, 14), (28, 28)]),
        ((32, 32), [(4, 4), (8, 8), (16, 16), (32, 32)]),
        ((24, 48), [(6, 12), (12, 24), (24, 48)]),
        ((5, 9), [(5, 9)]),
        ((8, 8), [(4, 4), (8, 8)]),
    ],
)
def test_sizes_double(size, sizes):
    assert list(sizes_of(*size)) == sizes


@pytest.mark.parametrize(
    ("size", "near"),
    [((30, 30), "28x28"), ((100, 100), "96x96"), ((127, 127), "128x128"), ((9, 9), "8x8"), ((32, 33), "32x32")],
)
def test_other_sizes_are_refused_with_the_nearest_legal_one(size, near):
    with pytest.raises(JaxganError, match=f"{size[0]}x{size[1]} cannot be halved .* nearest legal size is {near}"):
        net(ProgressiveGenerator, (*size, 1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(channel_base=15), "channel_base is 15, but must be at least 16"),
        (dict(channel_max=0), "channel_max is 0, but must be at least 1"),
        (dict(shape=(2,)), r"makes images of \(height, width, channels\), not examples of \(2,\)"),
        (dict(group_size=0), "group_size is 0, but must be at least 1"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(JaxganError, match=message):
        net(ProgressiveDiscriminator, **dict(shape=LARGE) | options)
