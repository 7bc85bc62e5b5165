"""StyleGAN2: noise, styles, whole networks, published sizes."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_stylegan2_layers import KEY, low_pass, normal

from jaxgan.errors import JaxganError
from jaxgan.networks.stylegan2 import RunningMean, StyleGAN2Discriminator, StyleGAN2Generator
from jaxgan.networks.stylegan2_layers import MappingNetwork
from jaxgan.penalties import path_lengths

NOISE = {"noise": jax.random.key(7)}
LATENT, BATCH, W = 5, 4, 6
CLASSES = jnp.asarray([0, 1, 2, 2])
Z = normal(1, BATCH, LATENT)
X = normal(2, BATCH, 8, 8, 2)


def generator(shape=(9, 8, 2), num_classes=0, dtype="float32", **options):
    options = dict(channel_base=64, w_dim=W, mapping_layers=2) | options
    return StyleGAN2Generator(shape, num_classes, jnp.dtype(dtype), **options)


def discriminator(shape=(8, 8, 2), num_classes=0, dtype="float32", **options):
    options = dict(channel_base=64, mapping_layers=2) | options
    return StyleGAN2Discriminator(shape, num_classes, jnp.dtype(dtype), **options)


def start(net, *inputs, seed=0):
    """Variables of the distribution that `init` draws them from (all biases 0.1), without the time to compile it."""
    random = np.random.default_rng(seed)

    def draw(path, leaf):
        names = [entry.key for entry in path]
        if names[-1] == "bias":
            return jnp.full(leaf.shape, 1.1 if "style" in names else 0.1)
        if names[-1] not in ("kernel", "constant"):
            return jnp.zeros(leaf.shape)
        slow = "apping" in "".join(names) and "embed" not in names
        return jnp.asarray(random.normal(scale=100 if slow else 1, size=leaf.shape), jnp.float32)

    return jax.tree.map_with_path(draw, jax.eval_shape(lambda: net.init(KEY, *inputs, train=False)))


@functools.partial(jax.jit, static_argnames=("net", "train"))
def compiled(net, variables, inputs, labels, key, train, options):
    return net.apply(variables, inputs, labels, train=train, rngs={"noise": key}, **options)


def run(net, variables, inputs, labels=None, key=KEY, train=False, **options):
    """What a network returns, compiled once for all the tests that use it."""
    if isinstance(net, StyleGAN2Generator):
        options = dict(truncation=1.0) | options
    return compiled(net, variables, inputs, labels, key, train, options)


def with_noise(variables, strength):
    """The same parameters, every layer's noise at this strength."""
    return jax.tree.map_with_path(
        lambda path, leaf: jnp.full_like(leaf, strength) if path[-1].key == "noise_strength" else leaf, variables
    )


@pytest.fixture(scope="module")
def variables():
    return start(generator(), Z)


# noise


def test_training_noise_depends_on_the_key_once_it_has_strength(variables):
    net = generator(mixing=0.0)
    a, b = (run(net, variables, Z, train=True, key=key) for key in jax.random.split(KEY))
    np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(a, run(generator(), variables, Z), rtol=1e-4, atol=1e-5)
    a, b = (run(net, with_noise(variables, 0.3), Z, train=True, key=key) for key in jax.random.split(KEY))
    assert float(jnp.abs(a - b).max()) > 0.01


def test_a_sample_depends_on_its_latent_alone(variables):
    """In evaluation, with noise: not on its neighbours or their number, nor on a key."""
    noisy, net = with_noise(variables, 0.5), generator()
    images = run(net, noisy, Z)
    assert float(jnp.abs(images - run(net, variables, Z)).max()) > 0.01
    np.testing.assert_array_equal(run(net, noisy, Z.at[:2].set(3.0), key=NOISE["noise"])[2:], images[2:])
    np.testing.assert_allclose(run(net, noisy, Z[2:3])[0], images[2], rtol=1e-4, atol=1e-5)


# styles


def test_mixing_crosses_from_one_latents_style_to_anothers_at_one_layer(variables):
    z = normal(3, 200, LATENT)
    net = generator(mixing=1.0)
    w = np.asarray(net.apply(variables, z, method="mapping"))
    styles = np.asarray(net.apply(variables, z, train=True, rngs=NOISE, method="styles"))
    assert styles.shape == (200, net.layers, W)
    changes = np.any(styles[:, 1:] != styles[:, :-1], axis=2)
    assert (changes.sum(axis=1) == 1).all()
    assert set(np.argmax(changes, axis=1)) == set(range(net.layers - 1))  # every place, also the first and the last
    np.testing.assert_allclose(styles[:, 0], w, rtol=1e-5, atol=1e-6)
    assert len(np.unique(styles[:, -1], axis=0)) == 200  # each image has a second latent of its own


@pytest.mark.parametrize(("mixing", "low", "high"), [(0.0, 0, 0), (0.25, 0.15, 0.35)])
def test_the_share_of_mixed_images_is_the_setting(variables, mixing, low, high):
    styles = generator(mixing=mixing).apply(variables, normal(3, 200, LATENT), train=True, rngs=NOISE, method="styles")
    assert low <= float(jnp.mean(jnp.any(styles[:, 0] != styles[:, -1], axis=1))) <= high


def test_the_running_mean_of_w_moves_in_training_only(variables):
    np.testing.assert_array_equal(RunningMean(0.75).init(KEY, Z, True)["batch_stats"]["mean"], np.zeros(LATENT))
    net, old = generator(w_decay=0.75), jnp.arange(6.0)
    variables = variables | {"batch_stats": {"w_mean": {"mean": old}}}

    def moved(train, **options):
        _, moved = net.apply(variables, Z, train=train, mutable=["batch_stats"], rngs=NOISE, method="styles")
        return moved["batch_stats"]["w_mean"]["mean"]

    w = net.apply(variables, Z, method="mapping")
    np.testing.assert_allclose(moved(True), 0.75 * old + 0.25 * jnp.mean(w, axis=0), rtol=1e-6)
    np.testing.assert_array_equal(moved(False), old)


def test_truncation_pulls_styles_to_the_mean(variables):
    net, mean = generator(), jnp.linspace(-1, 1, 6)
    variables = variables | {"batch_stats": {"w_mean": {"mean": mean}}}
    w = np.asarray(net.apply(variables, Z, method="mapping"))
    for psi in (0.0, 0.3, 1.0):
        styles = net.apply(variables, Z, train=False, truncation=psi, method="styles")
        expected = np.asarray(mean) + psi * (w - np.asarray(mean))
        np.testing.assert_allclose(styles, np.repeat(expected[:, None], net.layers, axis=1), rtol=1e-4, atol=1e-6)
    one, many = (run(net, variables, Z, truncation=psi) for psi in (0.0, 1.0))
    assert float(jnp.ptp(one, axis=0).max()) < 1e-5
    assert float(jnp.ptp(many, axis=0).max()) > 0.1


# whole networks


def test_the_image_is_the_sum_of_what_the_resolutions_draw(variables):
    """With biases alone each resolution is one colour; enlarging keeps it, away from the border."""
    params = jax.tree.map(jnp.copy, variables["params"])
    for k in (0, 1):
        draws = params["synthesis_network"][f"ToRGB_{k}"]
        draws["kernel"], draws["bias"] = jnp.zeros_like(draws["kernel"]), jnp.asarray([1.0, 10.0]) * (k + 1)
    image = run(generator(), variables | {"params": params}, Z)
    np.testing.assert_allclose(image[0, 2:-2, 2:-2], np.broadcast_to([3.0, 30.0], (5, 4, 2)), rtol=1e-5)


def test_the_discriminator_is_the_papers():
    """One residual block from 8x8 to 4x4, written down in PyTorch with the same weights."""
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    net = discriminator(group_size=2)
    params = start(net, X)["params"]

    def tensor(array):
        return torch.tensor(np.asarray(array))

    def conv(name, images, down=False, active=True):
        kernel = tensor(params[name]["kernel"]).permute(3, 2, 0, 1)
        kernel, pad = kernel / math.sqrt(kernel[0].numel()), kernel.shape[-1] // 2
        if down:
            y = functional.conv2d(low_pass(torch, images, (pad + 1, pad + 1)), kernel, stride=2)
        else:
            y = functional.conv2d(images, kernel, padding=pad)
        return act(y + tensor(params[name]["bias"])[:, None, None]) if active else y

    def dense(name, y):
        return y @ tensor(params[name]["kernel"]) / math.sqrt(y.shape[1]) + tensor(params[name]["bias"])

    def act(y):
        return functional.leaky_relu(y, 0.2) * math.sqrt(2)

    y = conv("from_rgb", tensor(X).permute(0, 3, 1, 2))
    deep = conv("EqualisedConv_1", conv("EqualisedConv_0", y), down=True)
    y = (deep + conv("EqualisedConv_2", y, down=True, active=False)) / math.sqrt(2)
    groups = y.reshape(2, 2, -1)
    spread = torch.sqrt(groups.var(dim=0, correction=0) + 1e-8).mean(dim=1).repeat(2)
    y = conv("EqualisedConv_3", torch.cat([y, spread[:, None, None, None].expand(4, 1, 4, 4)], dim=1))
    y = act(dense("EqualisedDense_0", y.permute(0, 2, 3, 1).reshape(4, -1)))
    expected = dense("EqualisedDense_1", y)[:, 0]
    np.testing.assert_allclose(run(net, {"params": params}, X), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [generator, discriminator])
def test_labels_change_images_and_logits(make):
    net, same = make(num_classes=3), jnp.ones((BATCH, LATENT) if make is generator else X.shape)
    out = np.asarray(run(net, start(net, same, CLASSES), same, CLASSES)).reshape(BATCH, -1)
    assert np.abs(out[0] - out[1]).max() > 1e-2
    np.testing.assert_allclose(out[2], out[3], rtol=1e-5, atol=1e-6)


def test_a_conditional_logit_is_the_features_product_with_the_mapped_class():
    """It is linear in the last layer: 16 features, all 3, give 3 sum(class) / sqrt(16)."""
    net = discriminator(num_classes=3)
    params = start(net, X, CLASSES)["params"]
    params["EqualisedDense_1"] = {"kernel": jnp.zeros((16, 16)), "bias": jnp.full(16, 3.0)}
    mapped = MappingNetwork(16, 2, 3).apply({"params": params["MappingNetwork_0"]}, None, CLASSES)
    logits = run(net, {"params": params}, X, CLASSES)
    np.testing.assert_allclose(logits, 3 * mapped.sum(axis=1) / 4, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [generator, discriminator])
def test_bfloat16_computes_the_same_within_its_digits(make):
    inputs = Z if make is generator else X
    variables = start(make(), inputs)
    exact, rough = run(make(), variables, inputs), run(make(dtype="bfloat16"), variables, inputs)
    assert rough.dtype == jnp.float32
    assert 0 < float(jnp.abs(exact - rough).max()) < 0.05 * float(jnp.abs(exact).max())


def finite_and_not_zero(gradients):
    leaves = jax.tree.leaves(gradients)
    return (
        all(bool(jnp.isfinite(leaf).all()) for leaf in leaves) and max(float(jnp.abs(x).max()) for x in leaves) > 1e-3
    )


def test_a_gradient_penalty_is_differentiable_also_where_deviations_are_zero():
    critic, same = discriminator(), jnp.zeros_like(X)

    def r1(variables):
        slopes = jax.grad(lambda x: jnp.sum(critic.apply(variables, x, train=True)))(same)
        return jnp.sum(jnp.square(slopes))

    assert finite_and_not_zero(jax.jit(jax.grad(r1))(start(critic, X)))


def test_path_lengths_are_differentiable(variables):
    net, w = generator(), normal(3, BATCH, 4, W)

    def mean_length(params):
        def synthesis(w):
            return net.apply({"params": params}, w, train=False, method="synthesis")

        return jnp.mean(path_lengths(synthesis, w, KEY))

    assert finite_and_not_zero(jax.jit(jax.grad(mean_length))(variables["params"])["synthesis_network"])


def test_several_seeds_are_computed_together():
    net, keys = generator(mixing=0.0), jax.random.split(KEY)
    seeds = [with_noise(start(net, Z, seed=seed), 0.3) for seed in (0, 1)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *seeds)
    together = jax.vmap(lambda variables, key: run(net, variables, Z, key=key, train=True))(stacked, keys)
    for i in (0, 1):
        alone = run(net, seeds[i], Z, key=keys[i], train=True)
        np.testing.assert_allclose(together[i], alone, rtol=1e-3, atol=1e-4)


# sizes


def count(module, *inputs):
    shapes = jax.eval_shape(lambda: module.init(KEY, *inputs, train=False))["params"]
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))


@pytest.mark.parametrize(
    ("side", "layers", "of_generator", "of_discriminator"),
    [(1024, 2, 28_794_124, 29_012_513), (32, 8, 21_523_475, 21_507_073)],
)
def test_parameters_are_as_many_as_the_official_implementation_reports(side, layers, of_generator, of_discriminator):
    """The totals of its tables of layers at 1024x1024, with StyleGAN2-ADA's 2 mapping layers, and at 32x32."""
    shape = (side, side, 3)
    net = StyleGAN2Generator(shape, 0, jnp.float32, mapping_layers=layers)
    assert count(net, jnp.zeros((1, 512))) == of_generator
    assert count(StyleGAN2Discriminator(shape, 0, jnp.float32), jnp.zeros((4, *shape))) == of_discriminator


def test_without_skip_connections_their_kernels_are_gone():
    shape, x = (32, 32, 3), jnp.zeros((1, 32, 32, 3))
    nets = (StyleGAN2Discriminator(shape, 0, jnp.float32, residual=residual) for residual in (True, False))
    with_skips, without = (count(net, x) for net in nets)
    assert with_skips - without == 3 * 512 * 512


@pytest.mark.parametrize(
    ("shape", "smallest", "channels"),
    [
        ((1, 1, 1), (1, 1), [16]),
        ((7, 20, 1), (7, 20), [16]),
        ((8, 9, 1), (4, 5), [16, 8]),
        ((33, 100, 2), (5, 13), [16, 8, 4, 2]),
    ],
)
def test_sides_are_halved_rounding_up_and_channels_with_them(shape, smallest, channels):
    net, critic = generator(shape), discriminator(shape)
    shapes = jax.eval_shape(lambda: net.init_with_output(KEY, Z, train=False))
    synthesis = shapes[1]["params"]["synthesis_network"]
    assert shapes[0].shape == (BATCH, *shape)
    assert synthesis["constant"].shape == (*smallest, channels[0])
    assert [synthesis[f"ToRGB_{k}"]["kernel"].shape[2] for k in range(len(channels))] == channels
    assert net.layers == 2 * len(channels)
    logits, params = jax.eval_shape(lambda: critic.init_with_output(KEY, jnp.zeros((3, *shape)), train=True))
    assert logits.shape == (3,)
    assert params["params"]["from_rgb"]["kernel"].shape == (1, 1, shape[2], channels[-1])
    assert params["params"]["EqualisedDense_0"]["kernel"].shape == (math.prod(smallest) * channels[0], channels[0])


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (generator, dict(shape=(2,)), r"makes images of \(height, width, channels\), not examples of \(2,\)"),
        (discriminator, dict(shape=(8, 0, 1)), r"not examples of \(8, 0, 1\)"),
        (generator, dict(mapping_layers=0), "mapping_layers is 0, but must be at least 1"),
        (discriminator, dict(channel_max=0), "channel_max is 0, but must be at least 1"),
        (generator, dict(w_dim=0), "w_dim is 0, but must be at least 1"),
        (generator, dict(shape=(32, 32, 1), channel_base=31), "channel_base is 31.* at 32x32; the least is 32"),
        (generator, dict(mixing=1.5), r"mixing is 1.5, but must be in \[0, 1\]"),
        (generator, dict(w_decay=-0.1), r"w_decay is -0.1, but must be in \[0, 0.999999\]"),
        (generator, dict(w_decay=1.0), "w_decay is 1.0, but must be in"),
        (discriminator, dict(group_size=0), "group_size is 0, but must be at least 1"),
    ],
)
def test_impossible_settings_are_refused_at_construction(make, options, message):
    with pytest.raises(JaxganError, match=message):
        make(**options)
