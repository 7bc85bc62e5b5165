"""R3GAN: sizes, counts and scales worked out by hand, grouped convolutions, and PyTorch with the same weights."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.errors import JaxganError
from jaxgan.networks.r3gan import (
    GroupedConv,
    R3GANDiscriminator,
    R3GANGenerator,
    ResidualBlock,
    default_multipliers,
    grouped_conv,
)
from jaxgan.ops.conv import conv

LATENT, NHWC = 6, (0, 2, 3, 1)
PLAYERS = [R3GANGenerator, R3GANDiscriminator]


def make(player, shape, num_classes=0, dtype=jnp.float32, **options):
    return player(shape, num_classes, dtype, **options)


def inputs_of(module, batch=2, latent=LATENT):
    """Arguments of a player: latents or images, and labels if it has classes."""
    size = (latent,) if isinstance(module, R3GANGenerator) else module.shape
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(batch, *size)), jnp.float32)
    return (x, jnp.arange(batch) % module.num_classes) if module.num_classes else (x, None)


def shapes_of(module, latent=LATENT):
    """What a player returns, and its variables, as shapes."""
    x, labels = inputs_of(module, latent=latent)
    return jax.eval_shape(lambda: module.init_with_output(jax.random.key(0), x, labels, train=True))


def drawn(module):
    """Variables N(0, 0.3^2): no kernel is zero, so that every layer matters."""
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda a: jnp.asarray(rng.normal(size=a.shape) * 0.3, jnp.float32), shapes_of(module)[1])


# sizes


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 4, 2), (33, 64, 3)])
@pytest.mark.parametrize("num_classes", [0, 3])
def test_any_shape_builds(shape, num_classes):
    options = dict(width=4, group_size=4, blocks=1)
    images, _ = shapes_of(make(R3GANGenerator, shape, num_classes, **options))
    logits, _ = shapes_of(make(R3GANDiscriminator, shape, num_classes, **options))
    assert (images.shape, images.dtype) == ((2, *shape), jnp.float32)
    assert (logits.shape, logits.dtype) == ((2,), jnp.float32)


@pytest.mark.parametrize(
    ("size", "multipliers"),
    [
        ((256, 256), (1, 2, 4, 8, 8, 8, 8)),  # 96, 192, 384 and four times 768 in the paper
        ((64, 64), (1, 2, 2, 2, 2)),
        ((32, 32), (1, 1, 1, 1)),
        ((28, 28), (1, 1, 1, 1)),
        ((9, 100), (1, 1, 1)),
        ((4, 4), (1,)),
    ],
)
def test_the_four_smallest_maps_are_the_widest(size, multipliers):
    assert default_multipliers(*size) == multipliers


def test_the_players_mirror_each_other():
    """19 x 34 is 10 x 17 and then 5 x 9 halved; widths and blocks are listed in the order of the way."""
    options = dict(width=4, group_size=2)
    g = make(R3GANGenerator, (19, 34, 1), multipliers=(3, 2, 1), blocks=(1, 2, 3), **options)
    d = make(R3GANDiscriminator, (19, 34, 1), multipliers=(1, 2, 3), blocks=(3, 2, 1), **options)
    of_g, of_d = (shapes_of(module)[1]["params"] for module in (g, d))
    assert of_g["basis"].shape == of_d["basis"].shape == (5, 9, 12)
    hidden_of_g, hidden_of_d = (
        [params[f"ResidualBlock_{i}"]["Conv_0"]["kernel"].shape for i in range(6)] for params in (of_g, of_d)
    )
    assert hidden_of_g == [(1, 1, 12, 24), *[(1, 1, 8, 16)] * 2, *[(1, 1, 4, 8)] * 3]
    assert hidden_of_d == hidden_of_g[::-1]


# A block of 768 channels: 768 to 1536, 16 to a group by 3 x 3, back to 768, and two biases.
WIDE = 2 * 768 * 1536 + 9 * 16 * 1536 + 2 * 1536


@pytest.mark.parametrize(
    ("player", "num_classes", "count"),
    [
        (R3GANGenerator, 0, 8 * WIDE + 16 * 768 + 64 * 768 + 768 * 3),
        (R3GANGenerator, 10, 8 * WIDE + 16 * 768 + 128 * 768 + 768 * 3 + 10 * 64),
        (R3GANDiscriminator, 0, 8 * WIDE + 16 * 768 + 768 + 768 * 3),
        (R3GANDiscriminator, 10, 8 * WIDE + 16 * 768 + 768 * 768 + 768 * 3 + 10 * 768),
    ],
)
def test_parameters_of_the_authors_cifar_networks(player, num_classes, count):
    """Four stages of 768 channels and two blocks, 64 latents; 20.8 million for G, 21.3 for D with classes."""
    _, variables = shapes_of(make(player, (32, 32, 3), num_classes, width=768), latent=64)
    assert sum(leaf.size for leaf in jax.tree.leaves(variables)) == count


@pytest.mark.parametrize("player", PLAYERS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(width=36), "group_size is 16, which does not divide the blocks' 72 hidden channels; .* one is 18"),
        (dict(width=5, multipliers=(1, 3)), "divide the blocks' 10, 30 hidden channels; the nearest legal one is 10"),
        (dict(blocks=(1, 2, 3)), "blocks has 3 entries for 2 stages; give one number or 2"),
        (dict(blocks=(1, 0)), r"blocks is \(1, 0\), but must be at least 1"),
        (dict(group_size=0), "group_size is 0, but must be at least 1"),
        (dict(multipliers=(1, 0)), r"multipliers is \(1, 0\), but must be at least 1"),
        (dict(multipliers=(1,) * 9), "has 9 entries, but 8x8 images are one pixel after 4 stages; give at most 4"),
    ],
)
def test_numbers_that_build_no_layers_are_refused_at_construction(player, options, message):
    with pytest.raises(JaxganError, match=message):
        make(player, (8, 8, 1), **options)


def test_points_are_no_images():
    for player in PLAYERS:
        with pytest.raises(JaxganError, match=r"makes images of \(height, width, channels\).*\(2,\)"):
            make(player, (2,))


# the start


def test_a_block_starts_as_the_identity_with_a_branch_of_a_share_of_the_variance():
    """Behind a last layer of gain 1 instead of 0, the branch of one of L blocks has 1 / L of the second moment."""
    x = 3 * jax.random.normal(jax.random.key(0), (4, 10, 10, 64))
    last = jax.random.normal(jax.random.key(1), (1, 1, 128, 64)) / np.sqrt(128)

    @functools.partial(jax.jit, static_argnums=0)
    def before_and_after(depth):
        block = ResidualBlock(2, 16, depth, jnp.float32)
        y, variables = block.init_with_output(jax.random.key(2), x)
        return y, block.apply({"params": variables["params"] | {"Conv_1": {"kernel": last}}}, x)

    for depth in (1, 8):
        before, after = before_and_after(depth)
        np.testing.assert_array_equal(before, x)
        branch = (after - x)[:, 1:-1, 1:-1]  # at the border the kernels meet zeros
        assert float(jnp.mean(branch**2)) * depth == pytest.approx(9, rel=0.25)


@pytest.mark.parametrize("player", PLAYERS)
def test_second_moments_at_the_start(player):
    """Of images made from N(0, 1) latents, and of logits of white images, over many starts; without resampling.

    An embedding of n classes starts with the second moment 1 / n: appended to the latents, the images have the mean of
    both moments; projected on, the logits have 1 / n of that of the pixels.
    """
    module = make(player, (4, 4, 3), 3, width=64, blocks=1)
    x, labels = inputs_of(module, batch=8)

    def start(key):
        return module.init_with_output(key, x, labels, train=True)[0]

    outputs = jax.jit(jax.vmap(start))(jax.random.split(jax.random.key(0), 100))
    of_inputs = float(jnp.mean(x**2))
    expected = (of_inputs + 1 / 3) / 2 if player is R3GANGenerator else of_inputs / 3
    assert float(jnp.mean(outputs**2)) == pytest.approx(expected, rel=0.2)


# grouped convolutions


@pytest.mark.parametrize(("groups", "c", "o"), [(4, 16, 16), (2, 33, 3), (5, 1, 1)])
def test_a_grouped_convolution_is_a_block_diagonal_one(groups, c, o):
    """Values, gradients, and gradients of a squared gradient, to 1e-5 of the largest."""
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(2, 5, 6, groups * c)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(3, 3, c, groups * o)) / np.sqrt(9 * c), jnp.float32)
    mask = np.kron(np.eye(groups), np.ones((c, o)))[None, None]

    def block_diagonal(x, kernel):
        return conv(x, jnp.tile(kernel, (1, 1, groups, 1)) * mask.astype(np.float32))

    def everything(f):
        def scalar(x, kernel):
            return jnp.sum(jnp.sin(f(x, kernel)))

        def penalty(x, kernel):
            return jnp.sum(jax.grad(scalar)(x, kernel) ** 2)

        return f(x, kernel), jax.grad(scalar, (0, 1))(x, kernel), jax.grad(penalty, (0, 1))(x, kernel)

    both = jax.jit(lambda: (everything(grouped_conv), everything(block_diagonal)))()
    for ours, theirs in zip(*map(jax.tree.leaves, both), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())


# PyTorch


class Peer:
    """The same networks from PyTorch's own functions, with our parameters; images [b, c, h, w]."""

    def __init__(self, torch, params):
        self.torch, self.f = torch, torch.nn.functional
        self.params = jax.tree.map(lambda a: torch.tensor(np.array(a), requires_grad=True), params)
        row = torch.tensor([1.0, 3, 3, 1]) / 8
        self.filter = torch.outer(row, row)

    def conv(self, x, layer, groups=1):
        kernel = layer["kernel"].permute(3, 2, 0, 1)
        return self.f.conv2d(x, kernel, layer.get("bias"), padding="same", groups=groups)

    def block(self, x, layer):
        y = self.f.leaky_relu(self.conv(x, layer["Conv_0"]), 0.2)
        grouped = layer["GroupedConv_0"]
        y = self.conv(y, grouped, y.shape[1] // grouped["kernel"].shape[2])
        return x + self.conv(self.f.leaky_relu(y, 0.2), layer["Conv_1"])

    def resampled(self, f, x, gain):
        kernel = (gain * self.filter).expand(x.shape[1], 1, -1, -1)
        return f(x, kernel, stride=2, padding=1, groups=x.shape[1])

    def generator(self, z, labels):
        p = self.params
        z = z if labels is None else self.torch.cat([z, p["Embed_0"]["embedding"][labels]], 1)
        x = (z @ p["Dense_0"]["kernel"])[:, :, None, None] * p["basis"].permute(2, 0, 1)
        x = self.conv(self.block(x, p["ResidualBlock_0"]), p["Conv_0"])
        x = self.block(self.resampled(self.f.conv_transpose2d, x, 4), p["ResidualBlock_1"])
        return self.conv(x, p["Conv_1"])

    def discriminator(self, x, labels):
        p = self.params
        x = self.block(self.conv(x, p["Conv_0"]), p["ResidualBlock_0"])
        x = self.conv(self.resampled(self.f.conv2d, x, 1), p["Conv_1"])
        x = self.block(x, p["ResidualBlock_1"])
        kernel = p["basis"].permute(2, 0, 1)[:, None]
        features = self.f.conv2d(x, kernel, groups=x.shape[1])[:, :, 0, 0] @ p["Dense_0"]["kernel"]
        return features[:, 0] if labels is None else (features * p["Embed_0"]["embedding"][labels]).sum(1)


def pair_of(player, num_classes):
    """A small module and the same in PyTorch; 8 x 10 halved once, and a change of width."""
    torch = pytest.importorskip("torch")
    multipliers = (2, 1) if player is R3GANGenerator else (1, 2)
    module = make(player, (8, 10, 2), num_classes, width=4, multipliers=multipliers, blocks=1, group_size=4)
    params = drawn(module)["params"]
    peer = Peer(torch, params)
    x, labels = inputs_of(module)
    theirs = torch.tensor(np.asarray(x if x.ndim == 2 else x.transpose(0, 3, 1, 2)), requires_grad=True)
    classes = None if labels is None else torch.tensor(np.array(labels))
    return module, params, x, labels, peer, theirs, classes


def test_a_generator_with_classes_computes_and_learns_as_pytorchs():
    """Images, and gradients in all parameters of a sum."""
    module, params, z, labels, peer, their_z, classes = pair_of(R3GANGenerator, 3)

    def loss(params):
        y = module.apply({"params": params}, z, labels, train=True)
        return jnp.sum(jnp.sin(y)), y

    gradients, images = jax.jit(jax.grad(loss, has_aux=True))(params)
    their_images = peer.generator(their_z, classes)
    their_images.sin().sum().backward()
    close(images, their_images.permute(NHWC))
    for ours, theirs in zip(jax.tree.leaves(gradients), jax.tree.leaves(peer.params), strict=True):
        close(ours, theirs.grad)


def test_a_discriminator_with_classes_computes_and_learns_as_pytorchs():
    """Logits, their gradient in the images, and gradients in all parameters of logits and a gradient penalty."""
    module, params, x, labels, peer, their_x, classes = pair_of(R3GANDiscriminator, 3)

    def loss(params, x):
        y = module.apply({"params": params}, x, labels, train=True)
        return jnp.sum(jnp.sin(y)), y

    def total(params):
        (value, y), slope = jax.value_and_grad(loss, 1, has_aux=True)(params, x)
        return value + jnp.sum(slope**2), (y, slope)

    gradients, (logits, slope) = jax.jit(jax.grad(total, has_aux=True))(params)
    their_logits = peer.discriminator(their_x, classes)
    value = their_logits.sin().sum()
    (their_slope,) = peer.torch.autograd.grad(value, their_x, create_graph=True)
    (value + (their_slope**2).sum()).backward()
    close(logits, their_logits)
    close(slope, their_slope.permute(NHWC))
    for ours, theirs in zip(jax.tree.leaves(gradients), jax.tree.leaves(peer.params), strict=True):
        close(ours, theirs.grad)


def test_without_classes_the_logit_is_a_linear_map_of_the_features():
    module, params, x, _, peer, their_x, _ = pair_of(R3GANDiscriminator, 0)
    close(jax.jit(lambda: module.apply({"params": params}, x, train=True))(), peer.discriminator(their_x, None))


def close(ours, theirs):
    """Within 1e-4 of the largest element, which is not nothing."""
    theirs = theirs.detach().numpy()
    scale = np.abs(theirs).max()
    assert scale > 1e-4
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4 * scale)


# training


def test_a_gradient_penalty_is_finite_from_the_start_and_moves_the_last_layers_first():
    """On white images and on images of zeros, for two starts trained together; A and B do nothing while C is zero."""
    module = make(R3GANDiscriminator, (5, 4, 1), width=8, group_size=4, blocks=1)
    x, _ = inputs_of(module)

    def penalty(params, x):
        def total(x):
            return jnp.sum(module.apply({"params": params}, x, train=True))

        return jnp.sum(jax.grad(total)(x) ** 2)

    @jax.jit
    def gradients(keys, x):
        params = jax.vmap(lambda key: module.init(key, x, train=True)["params"])(keys)
        return jax.vmap(jax.grad(penalty), (0, None))(params, x), jax.grad(penalty)(
            jax.tree.map(lambda a: a[1], params), x
        )

    keys = jax.random.split(jax.random.key(0), 2)
    for images in (x, jnp.zeros_like(x)):
        together, alone = gradients(keys, images)
        assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(together))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a[1], b, atol=1e-5), together, alone)
    block = gradients(keys, x)[1]["ResidualBlock_0"]
    assert float(jnp.abs(block["Conv_1"]["kernel"]).max()) > 1e-3
    assert float(jnp.abs(block["Conv_0"]["kernel"]).max()) == 0


def test_rematerialisation_keeps_less_and_computes_the_same():
    results, kept = [], []
    for remat in (False, True):
        module = make(R3GANGenerator, (4, 4, 1), width=4, group_size=8, remat=remat)
        x, _ = inputs_of(module, batch=16)

        def loss(params, module=module, x=x):
            return jnp.sum(jnp.sin(module.apply({"params": params}, x, train=True)))

        params = drawn(module)["params"]
        results.append(jax.jit(jax.value_and_grad(loss))(params))
        pullback = jax.eval_shape(lambda params, loss=loss: jax.vjp(loss, params)[1], params)
        kept.append(sum(leaf.size for leaf in jax.tree.leaves(pullback)))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), *results)
    assert kept[1] < 0.5 * kept[0]


@pytest.mark.parametrize("player", PLAYERS)
def test_bfloat16_computes_the_same_within_its_digits_and_keeps_float32_parameters(player):
    options = dict(width=4, group_size=8, blocks=1, num_classes=3)
    exact, rough = (make(player, (5, 4, 1), dtype=jnp.dtype(name), **options) for name in ("float32", "bfloat16"))
    assert {leaf.dtype.name for leaf in jax.tree.leaves(shapes_of(rough)[1])} == {"float32"}
    (x, labels), variables = inputs_of(exact, batch=8), drawn(exact)
    a, b = (jax.jit(lambda m=m: m.apply(variables, x, labels, train=True))() for m in (exact, rough))
    assert b.dtype == jnp.float32
    assert 0 < float(jnp.abs(a - b).max()) < 0.05 * float(jnp.abs(a).max())


def test_a_bias_is_added_before_the_activation():
    """One pixel, by hand: 2 - 5 = -3 becomes -0.6; 10 times that plus 1 is -5, which becomes -1."""
    middle = jnp.zeros((3, 3, 1, 1)).at[1, 1].set(10.0)
    params = {
        "Conv_0": {"kernel": jnp.full((1, 1, 1, 1), 2.0), "bias": jnp.asarray([-5.0])},
        "GroupedConv_0": {"kernel": middle, "bias": jnp.asarray([1.0])},
        "Conv_1": {"kernel": jnp.full((1, 1, 1, 1), 7.0)},
    }
    out = ResidualBlock(1, 1, 1, jnp.float32).apply({"params": params}, jnp.ones((1, 1, 1, 1)))
    assert float(out.squeeze()) == pytest.approx(1 + 7 * -1)
    alone = GroupedConv(1, jax.nn.initializers.zeros, jnp.float32).apply(
        {"params": params["GroupedConv_0"]}, jnp.full((1, 1, 1, 1), -0.6)
    )
    assert float(alone.squeeze()) == pytest.approx(-5)
