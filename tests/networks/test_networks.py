"""Networks: every size builds, impossible ones are refused, labels and precision do what they say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from long_forms import thinned

from jaxgan.errors import JaxganError
from jaxgan.networks import DISCRIMINATORS, ENCODERS, GENERATORS
from jaxgan.networks.dcgan import default_multipliers
from jaxgan.networks.layers import Head, batch_norm, join_labels, leaky_relu
from jaxgan.registry import build

LATENT = 5


def make(table, shape, num_classes=0, dtype=jnp.float32, outputs=1, **options):
    given = dict(shape=shape, num_classes=num_classes, dtype=dtype, outputs=outputs)
    return build(options, table, "config.network", **given)


def output_of(module, inputs, labels=None):
    """Shape and dtype of what a network returns, without computing it."""
    labels = None if labels is None else jnp.zeros(len(inputs), jnp.int32)
    return jax.eval_shape(lambda: module.init_with_output(jax.random.key(0), inputs, labels, train=True)[0])


SMALL = {
    "dcgan": dict(name="dcgan", width=4),
    "mlp": dict(name="mlp", hidden=(6, 7), normalise=True),
    "r3gan": dict(name="r3gan", width=4, blocks=1, group_size=4),
    "resnet": dict(name="resnet", width=2, spectral=True),
    "stylegan2": dict(name="stylegan2", channel_base=128, channel_max=4, mapping_layers=1),
}
SHAPES = [(1, 1, 1), (2, 9, 3), (3, 5, 2), (17, 8, 1), (28, 28, 1), (33, 64, 3), (100, 37, 4)]


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("shape", thinned(SHAPES, (0, 1, 4, 6)))
@pytest.mark.parametrize("num_classes", [0, 3])
def test_any_shape_builds(name, shape, num_classes):
    labels = True if num_classes else None
    images = output_of(make(GENERATORS, shape, num_classes, **SMALL[name]), jnp.zeros((2, LATENT)), labels)
    logits = output_of(make(DISCRIMINATORS, shape, num_classes, **SMALL[name]), jnp.zeros((2, *shape)), labels)
    assert (images.shape, images.dtype) == ((2, *shape), jnp.float32)
    assert (logits.shape, logits.dtype) == ((2,), jnp.float32)
    if name in ENCODERS:
        options = SMALL[name]
        codes = output_of(make(ENCODERS, shape, num_classes, outputs=3, **options), jnp.zeros((2, *shape)), labels)
        assert (codes.shape, codes.dtype) == ((2, 3), jnp.float32)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("stride", [(1, 2), (3, 1)])
def test_kernels_and_strides_are_taken_a_layer(stride, padding):
    options = dict(name="dcgan", width=4, multipliers=(2, 1), kernel=(5, 3), stride=stride)
    assert output_of(make(GENERATORS, (13, 20, 2), **options), jnp.zeros((2, LATENT))).shape == (2, 13, 20, 2)
    output_of(make(DISCRIMINATORS, (13, 20, 2), padding=padding, **options), jnp.zeros((2, 13, 20, 2)))


def test_points_are_no_images():
    assert output_of(make(GENERATORS, (2,), name="mlp"), jnp.zeros((4, LATENT))).shape == (4, 2)
    assert output_of(make(DISCRIMINATORS, (2,), name="mlp"), jnp.zeros((4, 2))).shape == (4,)
    for table in (GENERATORS, DISCRIMINATORS):
        for name in ("dcgan", "resnet"):
            with pytest.raises(JaxganError, match=rf"{name} makes images of \(height, width, channels\).*\(2,\)"):
                make(table, (2,), name=name)


@pytest.mark.parametrize(
    ("size", "multipliers"),
    [
        ((64, 64), (1, 2, 4, 8)),
        ((28, 28), (1, 2)),
        ((32, 100), (1, 2, 4)),
        ((7, 7), (1,)),
        ((8, 8), (1,)),
        ((1, 1), (1,)),
    ],
)
def test_default_depth_halves_the_short_side_until_it_is_under_eight(size, multipliers):
    assert default_multipliers(*size) == multipliers


@pytest.mark.parametrize(
    ("options", "size", "nearest"),
    [
        # Backwards from one pixel: 1 <- 4 <- 10 <- 22, each 2 (n - 1) + 4.
        (dict(multipliers=(1, 1, 1)), (10, 10), (22, 22)),
        (dict(multipliers=(1, 1, 1)), (10, 100), (22, 100)),
        (dict(multipliers=(1, 1, 1)), (21, 21), (22, 22)),
        # 1 <- 3 <- 5, then stride 2 and kernel 4: 2 (5 - 1) + 4.
        (dict(multipliers=(1, 1, 1), kernel=(4, 3, 3), stride=(2, 1, 1)), (30, 11), (30, 12)),
        # Padding in the first layer only: 1 <- 4 <- 7, because ceil(7 / 2) = 4.
        (dict(multipliers=(1, 1), padding=("SAME", "VALID")), (6, 6), (7, 7)),
    ],
)
def test_an_impossible_image_is_refused_with_the_nearest_size_that_works(options, size, nearest):
    options = dict(name="dcgan", width=2, padding="VALID") | options
    with pytest.raises(JaxganError, match=rf"{size[0]}x{size[1]} is used up.*is {nearest[0]}x{nearest[1]}\."):
        make(DISCRIMINATORS, (*size, 1), **options)
    works = make(DISCRIMINATORS, (*nearest, 1), **options)
    assert output_of(works, jnp.zeros((2, *nearest, 1))).shape == (2,)


@pytest.mark.parametrize("table", [GENERATORS, DISCRIMINATORS], ids=["generator", "discriminator"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(name="dcgan", kernel=(4, 4, 4)), "kernel has 3 entries for 2 layers; give one number or 2"),
        (dict(name="dcgan", multipliers=(1,), stride=(2, 2)), "stride has 2 entries for 1 layers"),
        (dict(name="dcgan", kernel=0), "kernel is 0, but must be at least 1"),
        (dict(name="dcgan", stride=(2, -1)), "stride is .*, but must be at least 1"),
        (dict(name="dcgan", width=0), "width is 0, but must be at least 1"),
        (dict(name="dcgan", multipliers=(2, 0)), "multipliers is .*, but must be at least 1"),
        (dict(name="dcgan", momentum=1.0), r"momentum is 1.0, but must be in \[0, 0.999999\]"),
        (dict(name="dcgan", epsilon=0.0), r"epsilon is 0.0, but must be in \[1e-08, 1000000.0\]"),
        (dict(name="resnet", width=0), "width is 0, but must be at least 1"),
        (dict(name="resnet", multipliers=(2, 0)), r"multipliers is \(2, 0\), but must be \(\) or at least"),
        (dict(name="resnet", residual_gain=0), "residual_gain is 0, but must be in"),
        (dict(name="resnet", attention=(9,)), "no map has a short side of 9; the nearest is 8 of"),
        (dict(name="mlp", activation="maxout", pieces=0), r"pieces is 0, but must be in \[1, 1000\]"),
        (dict(name="mlp", hidden=(8, 0)), r"hidden is \(8, 0\), but every width must be at least 1"),
    ],
)
def test_numbers_that_build_no_layers_are_refused_at_construction(table, options, message):
    with pytest.raises(JaxganError, match=message):
        make(table, (16, 16, 1), **options)


def test_a_list_of_paddings_has_one_entry_a_layer():
    with pytest.raises(JaxganError, match="padding has 1 entries for 2 layers"):
        make(DISCRIMINATORS, (16, 16, 1), name="dcgan", padding=("SAME",))


# labels


@pytest.mark.parametrize("name", SMALL)
def test_labels_change_what_conditional_networks_return(name):
    shape, labels = (8, 8, 1), jnp.asarray([0, 1, 2, 2])
    same = jnp.ones((4, LATENT)), jnp.full((4, *shape), 0.5)
    for table, inputs in zip((GENERATORS, DISCRIMINATORS), same, strict=True):
        module = make(table, shape, 3, **SMALL[name])

        def trained(x, module=module):
            variables = module.init(jax.random.key(0), x, labels, train=False)
            # Moved, as tables of scales and shifts start alike for every class.
            moved = jax.tree.map(lambda x: x + 0.1 * jnp.sin(jnp.arange(x.size)).reshape(x.shape), variables["params"])
            return module.apply(variables | {"params": moved}, x, labels, train=False)

        out = np.asarray(jax.jit(trained)(inputs)).reshape(4, -1)
        assert np.abs(out[0] - out[1]).max() > 1e-5
        np.testing.assert_array_equal(out[2], out[3])


def test_labels_are_appended_to_the_latents_as_one_hot_codes():
    joined = join_labels(jnp.asarray([[0.5, -2], [7, 8]]), jnp.asarray([2, 0]), 3)
    assert joined.tolist() == [[0.5, -2, 0, 0, 1], [7, 8, 1, 0, 0]]
    assert join_labels(joined, None, 0) is joined


def test_the_head_projects_the_class_on_the_features():
    """The logit is w . h + b + v_y . h, worked out by hand for w = (1, -2), b = 0.5, v = ((0, 0), (3, 0), (0, -1))."""
    params = {
        "Dense_0": {"kernel": jnp.asarray([[1.0], [-2.0]]), "bias": jnp.asarray([0.5])},
        "Embed_0": {"embedding": jnp.asarray([[0.0, 0], [3, 0], [0, -1]])},
    }
    features = jnp.asarray([[2.0, 1], [2, 1], [2, 1]])
    init = jax.nn.initializers.zeros
    logits = Head(3, True, init).apply({"params": params}, features, jnp.asarray([0, 1, 2]))
    assert logits.tolist() == [0.5, 6.5, -0.5]
    without = Head(0, True, init).apply({"params": {"Dense_0": params["Dense_0"]}}, features, None)
    assert without.tolist() == [0.5, 0.5, 0.5]


# arithmetic


def test_a_generator_without_hidden_layers_is_linear():
    module = make(GENERATORS, (2,), name="mlp", hidden=(), output="none")
    z = jax.random.normal(jax.random.key(1), (6, 3))
    w, b = jnp.arange(6.0).reshape(3, 2), jnp.asarray([1.0, -2.0])
    out = module.apply({"params": {"Dense_0": {"kernel": w, "bias": b}}}, z, train=True)
    np.testing.assert_allclose(out, np.asarray(z) @ np.asarray(w) + np.asarray(b), rtol=1e-5, atol=1e-5)


def test_perceptron_by_hand():
    """tanh(0.5 * 2 - 1) = 0 and leaky_relu(-3) = -0.03 in the hidden layer, then 1 - 2 h."""
    params = {
        "_Trunk_0": {"Dense_0": {"kernel": jnp.asarray([[2.0, 0.0]]), "bias": jnp.asarray([-1.0, -3.0])}},
        "Head_0": {"Dense_0": {"kernel": jnp.asarray([[5.0], [-2.0]]), "bias": jnp.asarray([1.0])}},
    }
    x = jnp.asarray([[0.5]])
    leaky = make(DISCRIMINATORS, (1,), name="mlp", hidden=(2,), slope=0.01)
    bent = make(DISCRIMINATORS, (1,), name="mlp", hidden=(2,), activation="tanh")
    np.testing.assert_allclose(leaky.apply({"params": params}, x, train=True), [1.06], rtol=1e-6)
    np.testing.assert_allclose(bent.apply({"params": params}, x, train=True), [1 + 2 * np.tanh(3)], rtol=1e-6)


def test_a_maxout_unit_is_the_largest_of_its_pieces():
    """Unit 0 is max(x, -x) and unit 1 is max(2 x, 1), so the logit |x| - 3 max(2 x, 1) at -2, 0 and 2 is known."""
    kernel, bias = jnp.asarray([[1.0, 2, -1, 0]]), jnp.asarray([0.0, 0, 0, 1])  # first pieces, then second ones
    params = {
        "_Trunk_0": {"Dense_0": {"kernel": kernel, "bias": bias}},
        "Head_0": {"Dense_0": {"kernel": jnp.asarray([[1.0], [-3.0]]), "bias": jnp.zeros(1)}},
    }
    net = make(DISCRIMINATORS, (1,), name="mlp", hidden=(2,), activation="maxout", pieces=2)
    assert net.apply({"params": params}, jnp.asarray([[-2.0], [0], [2]]), train=True).tolist() == [-1, -3, -10]


def test_weights_of_fixed_length_are_the_kernels_directions():
    """A kernel of (3, 4) is (0.6, 0.8): tanh(0.6 * 2 + 0.8 - 1) = tanh(1), however long the kernel is."""
    net = make(DISCRIMINATORS, (2,), name="mlp", hidden=(1,), activation="tanh", weight_norm=True)
    for length in (1.0, 100.0):
        params = {
            "_Trunk_0": {"Dense_0": {"kernel": length * jnp.asarray([[3.0], [4.0]]), "bias": jnp.asarray([-1.0])}},
            "Head_0": {"Dense_0": {"kernel": jnp.asarray([[1.0]]), "bias": jnp.zeros(1)}},
        }
        np.testing.assert_allclose(net.apply({"params": params}, jnp.asarray([[2.0, 1]]), train=True), [np.tanh(1)])


def test_a_perceptron_adds_noise_of_the_width_asked_for_in_training_only():
    """Features are tanh(x + 2 n1) + 0.5 n2 in one layer that changes nothing else."""
    net = make(DISCRIMINATORS, (1,), name="mlp", hidden=(1,), activation="tanh", input_noise=2.0, noise=0.5)
    one = {"kernel": jnp.ones((1, 1)), "bias": jnp.zeros(1)}
    variables = {"params": {"_Trunk_0": {"Dense_0": one}, "Head_0": {"Dense_0": one}}}
    x = jnp.full((20_000, 1), 0.3)
    np.testing.assert_allclose(net.apply(variables, x, train=False), np.tanh(0.3), rtol=1e-6)
    seen = net.apply(variables, x, train=True, rngs={"noise": jax.random.key(1)})
    bent = np.tanh(0.3 + 2 * np.random.default_rng(0).standard_normal(400_000))
    assert np.mean(seen) == pytest.approx(bent.mean(), abs=0.03)
    assert np.std(seen) == pytest.approx(np.hypot(bent.std(), 0.5), abs=0.02)
    for negative in ("input_noise", "noise"):
        with pytest.raises(JaxganError, match=rf"{negative} is -0.5, but must be in \[0, 1000\]"):
            make(DISCRIMINATORS, (1,), name="mlp", **{negative: -0.5})


def test_pacgans_discriminator_has_three_maxout_layers_of_200_units_with_5_pieces():
    net = make(DISCRIMINATORS, (2,), name="mlp", hidden=(200, 200, 200), activation="maxout", pieces=5)
    params = jax.eval_shape(lambda: net.init(jax.random.key(0), jnp.zeros((1, 2)), train=False))["params"]
    shapes = [layer["kernel"].shape for layer in params["_Trunk_0"].values()]
    assert shapes == [(2, 1000), (200, 1000), (200, 1000)]
    assert params["Head_0"]["Dense_0"]["kernel"].shape == (200, 1)


def test_slopes():
    x = jnp.asarray([-2.0, 3.0])
    assert leaky_relu(x, 0).tolist() == [0, 3]
    np.testing.assert_allclose(leaky_relu(x, 0.2), [-0.4, 3])


def test_running_statistics_keep_the_share_of_the_old_that_momentum_says():
    norm, x = batch_norm(True, 0.9, 1e-5, "normal", jnp.float32), 2 + 3 * jax.random.normal(jax.random.key(0), (50, 4))
    variables = norm.init(jax.random.key(1), x)
    variables = {
        "params": {"scale": jnp.full(4, 2.0), "bias": jnp.full(4, -1.0)},
        "batch_stats": variables["batch_stats"],
    }
    out, moved = norm.apply(variables, x, mutable=["batch_stats"])
    mean, var = np.asarray(x).mean(0), np.asarray(x).var(0)
    np.testing.assert_allclose(out, 2 * (np.asarray(x) - mean) / np.sqrt(var + 1e-5) - 1, atol=1e-4)
    np.testing.assert_allclose(moved["batch_stats"]["mean"], 0.1 * mean, rtol=1e-4)
    np.testing.assert_allclose(moved["batch_stats"]["var"], 0.9 + 0.1 * var, rtol=1e-4)
    still = batch_norm(False, 0.9, 1e-5, "normal", jnp.float32).apply(variables, x)  # mean 0, variance 1 so far
    np.testing.assert_allclose(still, 2 * np.asarray(x) - 1, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("kernel_init", "spread"), [("normal", 0.02), ("glorot_uniform", 0.0)])
def test_scales_start_as_in_dcgan_or_at_one(kernel_init, spread):
    norm = batch_norm(True, 0.9, 1e-5, kernel_init, jnp.float32)
    scale = norm.init(jax.random.key(0), jnp.zeros((2, 4000)))["params"]["scale"]
    assert np.std(scale) == pytest.approx(spread, rel=0.1)
    assert np.mean(scale) == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize(
    "options", [dict(name="dcgan", width=4, kernel_init="lecun_normal"), dict(name="mlp"), dict(name="resnet", width=4)]
)
def test_bfloat16_computes_the_same_within_its_digits_and_keeps_float32_parameters(options):
    shape = (8, 8, 1)
    for table, inputs in (
        (GENERATORS, jax.random.normal(jax.random.key(1), (4, LATENT))),
        (DISCRIMINATORS, jax.random.uniform(jax.random.key(2), (4, *shape), minval=-1)),
    ):
        exact, rough = (make(table, shape, dtype=jnp.dtype(dtype), **options) for dtype in ("float32", "bfloat16"))
        variables = jax.jit(lambda module=rough, x=inputs: module.init(jax.random.key(0), x, train=False))()
        assert {leaf.dtype.name for leaf in jax.tree.leaves(variables)} == {"float32"}
        a, b = jax.jit(lambda v, x, e=exact, r=rough: [net.apply(v, x, train=False) for net in (e, r)])(
            variables, inputs
        )
        assert b.dtype == jnp.float32
        assert float(jnp.std(a)) > 0.01
        assert 0 < float(jnp.abs(a - b).max()) < 0.03 * float(jnp.abs(a).max())


@pytest.mark.parametrize("name", SMALL)
def test_logits_are_a_linear_map_of_the_features_that_d_reveals(name):
    module = make(DISCRIMINATORS, (8, 8, 1), **SMALL[name])
    x = jax.random.normal(jax.random.key(1), (200, 8, 8, 1))

    @jax.jit
    def passed():
        variables = module.init(jax.random.key(0), x, train=False)
        assert "features" not in variables
        return module.apply(variables, x, train=False, mutable=["features"])

    logits, revealed = passed()
    (features,) = jax.tree.leaves(revealed)
    inputs = np.concatenate([features, np.ones((200, 1))], axis=1)
    fitted = inputs @ np.linalg.lstsq(inputs, logits, rcond=None)[0]
    np.testing.assert_allclose(fitted, logits, atol=1e-4 * np.abs(logits).max())


def test_dcgan_starts_from_its_papers_distribution():
    module = make(DISCRIMINATORS, (16, 16, 1), name="dcgan", width=64)
    params = jax.jit(lambda: module.init(jax.random.key(0), jnp.zeros((1, 16, 16, 1)), train=False))()["params"]
    kernel, scale = params["Conv_1"]["kernel"], params["BatchNorm_0"]["scale"]
    assert float(kernel.std()) == pytest.approx(0.02, rel=0.05)
    assert abs(float(kernel.mean())) < 1e-3
    assert float(scale.mean()) == pytest.approx(1, abs=0.01)
    assert float(scale.std()) == pytest.approx(0.02, rel=0.3)
    np.testing.assert_array_equal(params["BatchNorm_0"]["bias"], 0)


@pytest.mark.parametrize("table", [GENERATORS, DISCRIMINATORS], ids=["generator", "discriminator"])
def test_dcgan_without_normalisation_has_biases_and_treats_examples_alone(table):
    inputs = jax.random.normal(jax.random.key(1), (6, LATENT) if table is GENERATORS else (6, 16, 16, 1))
    kept, alone = [], []
    for normalise in (True, False):
        net = make(table, (16, 16, 1), name="dcgan", width=4, kernel_init="lecun_normal", normalise=normalise)
        variables = jax.jit(lambda net=net: net.init(jax.random.key(0), inputs, train=False))()
        names = {"BatchNorm" in jax.tree_util.keystr(path) for path, _ in jax.tree.leaves_with_path(variables)}
        assert names == {False, normalise}
        layers = jax.tree.map(np.shape, variables["params"])
        hidden = [k for k in layers if "Conv" in k or k == "Dense_0"]
        assert {"bias" in layers[k] for k in hidden} == {not normalise}
        kept.append({k: layers[k]["kernel"] for k in hidden} | {"head": layers.get("Head_0")})

        def first(x, net=net, variables=variables):
            return net.apply(variables, x, train=True, mutable=["batch_stats"])[0][0]

        change = jax.jit(first)(inputs) - jax.jit(first)(inputs[:2])
        alone.append(float(jnp.abs(change).max()))
    assert kept[0] == kept[1]
    assert alone[0] > 1e-2
    assert alone[1] < 1e-5


def test_a_discriminator_of_dcgan_learns_of_a_grey_image():
    """Leaky ReLU keeps 0 at 0: without an offset D(0) is 0 for good, and G rests there (DRAGAN on MNIST did)."""
    grey, moved = jnp.zeros((1, 8, 8, 1)), []
    for options in (dict(normalise=False), dict(normalise=False, use_bias=False)):
        net = make(DISCRIMINATORS, (8, 8, 1), name="dcgan", width=2, **options)
        params = jax.jit(lambda net=net: net.init(jax.random.key(0), grey, train=False))()["params"]
        gradient = jax.jit(jax.grad(lambda params, net=net: net.apply({"params": params}, grey, train=True)[0]))(params)
        moved.append(max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(gradient)))
    assert moved[0] > 1e-4
    assert moved[1] == 0


@pytest.mark.parametrize(
    "options",
    [
        dict(name="dcgan", width=4, multipliers=(2, 1)),
        dict(name="resnet", width=2, multipliers=(2, 1), spectral=True),
    ],
    ids=["dcgan", "resnet"],
)
@pytest.mark.parametrize("table", [GENERATORS, DISCRIMINATORS], ids=["generator", "discriminator"])
def test_rematerialisation_keeps_less_and_computes_the_same(table, options):
    """What the way back is handed shrinks; values, gradients, statistics and the names of parameters stay."""
    inputs = jax.random.normal(jax.random.key(1), (6, LATENT) if table is GENERATORS else (6, 16, 16, 1))
    plain, again = (make(table, (16, 16, 1), **options, remat=remat) for remat in (False, True))
    variables = jax.jit(lambda: plain.init(jax.random.key(0), inputs, train=False))()
    results, kept = [], []
    for net in (plain, again):

        def loss(params, net=net):
            moving = ["batch_stats", "spectral"]
            y, moved = net.apply(variables | {"params": params}, inputs, train=True, mutable=moving)
            return jnp.sum(jnp.sin(y)), moved

        results.append(jax.jit(jax.value_and_grad(loss, has_aux=True))(variables["params"]))
        pullback = jax.eval_shape(lambda params, loss=loss: jax.vjp(loss, params, has_aux=True)[1], variables["params"])
        kept.append(sum(leaf.size for leaf in jax.tree.leaves(pullback)))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), *results)
    assert kept[1] < 0.7 * kept[0]  # parameters are in both


@pytest.mark.parametrize("name", SMALL)
def test_a_network_with_classes_says_so_when_it_is_given_no_labels(name):
    """As by a penalty's critic that forgets them; before anything is compiled."""
    for table, inputs in ((GENERATORS, jnp.zeros((2, LATENT))), (DISCRIMINATORS, jnp.zeros((2, 8, 8, 1)))):
        with pytest.raises(JaxganError, match="made for 3 classes: it takes labels, and was given none"):
            output_of(make(table, (8, 8, 1), 3, **SMALL[name]), inputs)
