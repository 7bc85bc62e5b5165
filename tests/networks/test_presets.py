"""Presets against their sources: shapes of every layer, and parameters counted by hand from the text."""

import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest

from jaxgan.networks import DISCRIMINATORS, GENERATORS, PRESETS
from jaxgan.networks.summary import parameter_counts, summarise
from jaxgan.registry import build

# (preset, player): image shape, parameters as a sum over layers, maps after each layer
BY_HAND = {
    # GANs in Action, listings 3.3 and 3.4: dense layers with biases.
    ("gans_in_action_mlp", "generator"): (
        (28, 28, 1),
        (100 * 128 + 128) + (128 * 784 + 784),
        [(128,), (784,)],
    ),
    ("gans_in_action_mlp", "discriminator"): (
        (28, 28, 1),
        (784 * 128 + 128) + (128 * 1 + 1),
        [(128,), (1,)],
    ),
    # Listing 4.3: dense to 7x7x256, then 3x3 kernels, all with biases, two normalisations (scale and shift each).
    ("gans_in_action_dcgan", "generator"): (
        (28, 28, 1),
        (100 * 12544 + 12544)
        + (9 * 256 * 128 + 128) + 2 * 128
        + (9 * 128 * 64 + 64) + 2 * 64
        + (9 * 64 * 1 + 1),
        [(12544,), (14, 14, 128), (14, 14, 64), (28, 28, 1)],
    ),
    # Listing 4.4: normalisation in the second and third layer; padding "same" throughout makes the last map 4x4.
    ("gans_in_action_dcgan", "discriminator"): (
        (28, 28, 1),
        (9 * 1 * 32 + 32)
        + (9 * 32 * 64 + 64) + 2 * 64
        + (9 * 64 * 128 + 128) + 2 * 128
        + (2048 * 1 + 1),
        [(14, 14, 32), (7, 7, 64), (4, 4, 128), (1,)],
    ),
    # PyTorch's DCGAN: 4x4 kernels without biases; the whole-map layers at both ends are dense ones here.
    ("pytorch_dcgan", "generator"): (
        (64, 64, 3),
        16 * 100 * 512 + 2 * 512
        + 16 * 512 * 256 + 2 * 256
        + 16 * 256 * 128 + 2 * 128
        + 16 * 128 * 64 + 2 * 64
        + 16 * 64 * 3,
        [(8192,), (8, 8, 256), (16, 16, 128), (32, 32, 64), (64, 64, 3)],
    ),
    ("pytorch_dcgan", "discriminator"): (
        (64, 64, 3),
        16 * 3 * 64
        + 16 * 64 * 128 + 2 * 128
        + 16 * 128 * 256 + 2 * 256
        + 16 * 256 * 512 + 2 * 512
        + 16 * 512 * 1,
        [(32, 32, 64), (16, 16, 128), (8, 8, 256), (4, 4, 512), (1,)],
    ),
    # TensorFlow avatars: G as PyTorch's; D without padding, every layer normalised, global average, a bias in the head.
    ("tensorflow_avatar_dcgan", "generator"): (
        (64, 64, 3),
        3_576_704,
        [(8192,), (8, 8, 256), (16, 16, 128), (32, 32, 64), (64, 64, 3)],
    ),
    ("tensorflow_avatar_dcgan", "discriminator"): (
        (64, 64, 3),
        16 * 3 * 64 + 2 * 64
        + 16 * 64 * 128 + 2 * 128
        + 16 * 128 * 256 + 2 * 256
        + 9 * 256 * 512 + 2 * 512
        + 9 * 512 * 1024 + 2 * 1024
        + (1024 + 1),
        [(31, 31, 64), (14, 14, 128), (6, 6, 256), (4, 4, 512), (2, 2, 1024), (1,)],
    ),
    # PacGAN's DCGAN for stacked MNIST: 5x5 kernels, biases everywhere, sides 28, 14, 7, 4 and 2.
    ("pacgan_stacked_mnist", "generator"): (
        (28, 28, 3),
        (100 * 2048 + 2048) + 2 * 512
        + (25 * 512 * 256 + 256) + 2 * 256
        + (25 * 256 * 128 + 128) + 2 * 128
        + (25 * 128 * 64 + 64) + 2 * 64
        + (25 * 64 * 3 + 3),
        [(2048,), (4, 4, 256), (7, 7, 128), (14, 14, 64), (28, 28, 3)],
    ),
    ("pacgan_stacked_mnist", "discriminator"): (
        (28, 28, 3),
        (25 * 3 * 64 + 64)
        + (25 * 64 * 128 + 128) + 2 * 128
        + (25 * 128 * 256 + 256) + 2 * 256
        + (25 * 256 * 512 + 512) + 2 * 512
        + (2048 + 1),
        [(14, 14, 64), (7, 7, 128), (4, 4, 256), (2, 2, 512), (1,)],
    ),
}  # fmt: skip

TOTALS = {  # the same sums, as the sources' own summaries print them (but PacGAN's, which prints none)
    ("gans_in_action_mlp", "generator"): 114_064,
    ("gans_in_action_mlp", "discriminator"): 100_609,
    ("gans_in_action_dcgan", "generator"): 1_636_737,
    ("gans_in_action_dcgan", "discriminator"): 95_105,
    ("pytorch_dcgan", "generator"): 3_576_704,
    ("pytorch_dcgan", "discriminator"): 2_765_568,
    ("tensorflow_avatar_dcgan", "generator"): 3_576_704,
    ("tensorflow_avatar_dcgan", "discriminator"): 6_561_665,
    ("pacgan_stacked_mnist", "generator"): 4_514_819,
    ("pacgan_stacked_mnist", "discriminator"): 4_310_401,
}


def conv(kernel, inputs, outputs):
    """Weights of a convolution with biases."""
    return kernel * kernel * inputs * outputs + outputs


def residual(inputs, outputs, *, shortcut=True):
    """Weights of a block's two 3x3 convolutions and its 1x1 shortcut."""
    return conv(3, inputs, outputs) + conv(3, outputs, outputs) + shortcut * conv(1, inputs, outputs)


def attention(channels):
    """1x1 kernels without biases to c / 8 twice, to c / 2 and from c / 2, and gamma."""
    return 2 * channels * channels // 8 + 2 * channels * channels // 2 + 1


# (preset, player): image side, classes, latents, parameters as a sum over layers, sides and channels after each block.
# CIFAR-10 has 10 classes and ImageNet 1000; 128 latents but for BigGAN at 128x128, which has 120.
CIFAR_D = [(16, 128), (8, 128), (8, 128), (8, 128)]
RESIDUAL = {
    # The code of WGAN-GP: normalisations with two rows of 10 classes twice a block, and plain at the end. D is without
    # any; its last layers are a logit and the logits of an auxiliary classifier.
    ("wgan_gp_cifar", "generator"): (
        (32, 10, 128),
        (128 * 2048 + 2048) + 3 * (residual(128, 128) + 2 * 2 * 10 * 128) + 2 * 128 + conv(3, 128, 3),
        [(8, 128), (16, 128), (32, 128)],
    ),
    ("wgan_gp_cifar", "discriminator"): (
        (32, 10, 128),
        residual(3, 128) + residual(128, 128) + 2 * residual(128, 128, shortcut=False) + (128 + 1) + (128 * 10 + 10),
        CIFAR_D,
    ),
    # Table 4 of SNGAN, and the projection of its authors' code, whose last layer has no bias.
    ("sngan_cifar", "generator"): (
        (32, 10, 128),
        (128 * 4096 + 4096) + 3 * (residual(256, 256) + 2 * 2 * 10 * 256) + 2 * 256 + conv(3, 256, 3),
        [(8, 256), (16, 256), (32, 256)],
    ),
    ("sngan_cifar", "discriminator"): (
        (32, 10, 128),
        residual(3, 128) + residual(128, 128) + 2 * residual(128, 128, shortcut=False) + 128 + 10 * 128,
        CIFAR_D,
    ),
    # SAGAN's code: 64 channels times 16, 16, 8, 4, 2, 1, and attention at 32x32 in both.
    ("sagan_128", "generator"): (
        (128, 1000, 128),
        (128 * 16384 + 16384)
        + sum(residual(64 * a, 64 * b) + 2000 * 64 * (a + b) for a, b in ((16, 16), (16, 8), (8, 4), (4, 2), (2, 1)))
        + attention(256) + 2 * 64 + conv(3, 64, 3),
        [(8, 1024), (16, 512), (32, 256), (64, 128), (128, 64)],
    ),
    ("sagan_128", "discriminator"): (
        (128, 1000, 128),
        residual(3, 64)
        + sum(residual(64 * a, 64 * b) for a, b in ((1, 2), (2, 4), (4, 8), (8, 16)))
        + residual(1024, 1024, shortcut=False)
        + attention(128) + (1024 + 1) + 1000 * 1024,
        [(64, 64), (32, 128), (16, 256), (8, 512), (4, 1024), (4, 1024)],
    ),
    # StudioGAN's SAGAN for CIFAR-10: SNGAN's channels, attention after G's second block and D's first.
    ("sagan_cifar", "generator"): (
        (32, 10, 128),
        (128 * 4096 + 4096) + 3 * (residual(256, 256) + 2 * 2 * 10 * 256) + attention(256) + 2 * 256 + conv(3, 256, 3),
        [(8, 256), (16, 256), (32, 256)],
    ),
    ("sagan_cifar", "discriminator"): (
        (32, 10, 128),
        residual(3, 128) + residual(128, 128) + 2 * residual(128, 128, shortcut=False) + attention(128)
        + (128 + 1) + 10 * 128,
        CIFAR_D,
    ),
    # BigGAN: 20 latents to the first map and to each block, whose norms map them and 128 of the class without bias.
    ("biggan_128", "generator"): (
        (128, 1000, 120),
        1000 * 128 + (20 * 24576 + 24576)
        + sum(residual(96 * a, 96 * b) + 2 * 148 * 96 * (a + b) for a, b in ((16, 16), (16, 8), (8, 4), (4, 2), (2, 1)))
        + attention(192) + 2 * 96 + conv(3, 96, 3),
        [(8, 1536), (16, 768), (32, 384), (64, 192), (128, 96)],
    ),
    ("biggan_128", "discriminator"): (
        (128, 1000, 120),
        residual(3, 96)
        + sum(residual(96 * a, 96 * b) for a, b in ((1, 2), (2, 4), (4, 8), (8, 16)))
        + residual(1536, 1536, shortcut=False)
        + attention(96) + (1536 + 1) + 1000 * 1536,
        [(64, 96), (32, 192), (16, 384), (8, 768), (4, 1536), (4, 1536)],
    ),
    # BigGAN's first author for CIFAR-10: neither attention nor parts nor a shared vector.
    ("biggan_cifar", "generator"): (
        (32, 10, 128),
        (128 * 4096 + 4096) + 3 * (residual(256, 256) + 2 * 2 * 10 * 256) + 2 * 256 + conv(3, 256, 3),
        [(8, 256), (16, 256), (32, 256)],
    ),
    ("biggan_cifar", "discriminator"): (
        (32, 10, 128),
        residual(3, 256) + residual(256, 256) + 2 * residual(256, 256, shortcut=False) + (256 + 1) + 10 * 256,
        [(16, 256), (8, 256), (8, 256), (8, 256)],
    ),
}  # fmt: skip


def dense(inputs, outputs):
    return inputs * outputs + outputs


def styled(inputs, outputs, kernel=3):
    """A convolution under a style of 512: with noise of one strength if it is 3x3, and a bias."""
    return dense(512, inputs) + conv(kernel, inputs, outputs) + (kernel == 3)


def synthesis(*channels):
    """The constant, then two layers and the image of each resolution, one layer and the image of the smallest."""
    first = channels[0]
    above = sum(styled(a, b) + styled(b, b) + styled(b, 3, kernel=1) for a, b in itertools.pairwise(channels))
    return 16 * first + styled(first, first) + styled(first, 3, kernel=1) + above


WIDE = conv(1, 768, 1536) + conv(3, 16, 1536) + 1536 * 768  # a block of R3GAN, 16 channels in a group

# (preset, player): image side, classes, latents, parameters as a sum over layers.
STYLES_AND_GROUPS = {
    # StyleGAN2-ADA with 512 channels at 4, 8, 16 and 32. The class is embedded, and in D mapped by eight layers.
    ("stylegan2_cifar", "generator"): (
        (32, 10, 512),
        dense(10, 512) + dense(1024, 512) + dense(512, 512) + synthesis(512, 512, 512, 512),
    ),
    ("stylegan2_cifar", "discriminator"): (
        (32, 10, 512),
        conv(1, 3, 512) + 3 * 2 * conv(3, 512, 512) + conv(3, 513, 512) + dense(16 * 512, 512)
        + dense(512, 512) + dense(10, 512) + 8 * dense(512, 512),
    ),
    # The same for 256x256: 512 channels up to 32, then half of them at twice the size; residual, without biases there.
    ("stylegan2_256", "generator"): (
        (256, 0, 512),
        8 * dense(512, 512) + synthesis(512, 512, 512, 512, 256, 128, 64),
    ),
    ("stylegan2_256", "discriminator"): (
        (256, 0, 512),
        conv(1, 3, 64)
        + sum(conv(3, a, a) + conv(3, a, b) + a * b for a, b in ((64, 128), (128, 256), (256, 512), *3 * [(512, 512)]))
        + conv(3, 513, 512) + dense(16 * 512, 512) + dense(512, 1),
    ),
    # R3GAN's code: four stages of two blocks; 64 latents with 64 of the class weigh a basis of 4x4 maps.
    ("r3gan_cifar", "generator"): ((32, 10, 64), 10 * 64 + 128 * 768 + 16 * 768 + 8 * WIDE + 768 * 3),
    ("r3gan_cifar", "discriminator"): ((32, 10, 64), 3 * 768 + 8 * WIDE + 16 * 768 + 768 * 768 + 10 * 768),
}  # fmt: skip

PUBLISHED = {  # the same sums where others have counted
    # Kurach et al. 2019, compare_gan: the test of its BigGAN.
    ("biggan_128", "generator"): 70_433_988,
    ("biggan_128", "discriminator"): 87_982_370,
    # BigGAN-PyTorch reports "about 4.3M" without the 512 of its last normalisation.
    ("biggan_cifar", "generator"): 4_303_875 + 512,
    # The table that the official code of StyleGAN2-ADA prints when it starts.
    ("stylegan2_256", "generator"): 24_767_458,
    ("stylegan2_256", "discriminator"): 24_001_089,
}


def network(preset, player, shape, classes=0, latents=100, **options):
    table, inputs = {
        "generator": (GENERATORS, jnp.zeros((1, latents))),
        "discriminator": (DISCRIMINATORS, jnp.zeros((1, *shape))),
    }[player]
    options = PRESETS[preset][player] | options
    module = build(options, table, f"config.{player}", shape=shape, num_classes=classes, dtype=jnp.float32)
    return module, (inputs, jnp.zeros(1, jnp.int32)) if classes else (inputs,)


def maps(module, arguments):
    """Shapes of what each layer with weights returns, in the order of computation."""
    found = []

    def note(next_method, args, kwargs, context):
        out = next_method(*args, **kwargs)
        if context.method_name == "__call__" and type(context.module).__name__ in ("Dense", "Conv", "ConvTranspose"):
            found.append(out.shape[1:])
        return out

    with nn.intercept_methods(note):
        jax.eval_shape(lambda: module.init(jax.random.key(0), *arguments, train=False))
    return found


def test_every_preset_is_worked_out():
    assert BY_HAND.keys() == TOTALS.keys()
    tables = BY_HAND.keys() | RESIDUAL.keys() | STYLES_AND_GROUPS.keys()
    assert tables == {(name, player) for name, pair in PRESETS.items() for player in pair}


@pytest.mark.parametrize(("preset", "player"), BY_HAND)
def test_layers_and_parameters_are_the_sources(preset, player):
    shape, parameters, layers = BY_HAND[preset, player]
    module, arguments = network(preset, player, shape)
    assert parameter_counts({"it": (module, arguments)}) == {"it": parameters} == {"it": TOTALS[preset, player]}
    assert maps(module, arguments) == layers


@pytest.mark.parametrize(("preset", "player"), RESIDUAL)
def test_residual_networks_are_the_sources(preset, player):
    (side, classes, latents), parameters, blocks = RESIDUAL[preset, player]
    module, arguments = network(preset, player, (side, side, 3), classes, latents)
    assert parameter_counts({"it": (module, arguments)}) == {"it": parameters}
    assert parameters == PUBLISHED.get((preset, player), parameters)
    kept = jax.eval_shape(
        lambda: module.init_with_output(jax.random.key(0), *arguments, train=False, capture_intermediates=True)[1]
    )["intermediates"]
    shapes = [kept[f"block_{index}"]["__call__"][0].shape for index in range(len(blocks))]
    assert shapes == [(1, side, side, features) for side, features in blocks]


@pytest.mark.parametrize(("preset", "player"), STYLES_AND_GROUPS)
def test_parameters_of_styles_and_groups_are_the_sources(preset, player):
    (side, classes, latents), parameters = STYLES_AND_GROUPS[preset, player]
    module, arguments = network(preset, player, (side, side, 3), classes, latents)
    assert parameter_counts({"it": (module, arguments)}) == {"it": parameters}
    assert parameters == PUBLISHED.get((preset, player), parameters)


@pytest.mark.parametrize(
    ("preset", "places"),
    [
        ("sagan_128", ("block_2", "block_1")),  # 32x32 in both
        ("sagan_cifar", ("block_1", "block_0")),  # 16x16
        ("biggan_128", ("block_3", "block_0")),  # 64x64
        ("biggan_cifar", (None, None)),
    ],
)
def test_attention_stands_where_the_sources_have_it(preset, places):
    for player, place in zip(("generator", "discriminator"), places, strict=True):
        (side, classes, latents), _, _ = RESIDUAL[preset, player]
        module, arguments = network(preset, player, (side, side, 3), classes, latents)
        params = jax.eval_shape(lambda m=module, a=arguments: m.init(jax.random.key(0), *a, train=False))["params"]
        assert [name for name in params if "SelfAttention_0" in params[name]] == [place] * bool(place)


def test_the_prose_of_chapter_4_has_a_last_map_of_3x3():
    """Without padding in the last layer: (7 - 3) // 2 + 1 = 3, and 3 * 3 * 128 = 1,152 weights into the logit."""
    padding = ("SAME", "SAME", "VALID")
    module, arguments = network("gans_in_action_dcgan", "discriminator", (28, 28, 1), padding=padding)
    assert maps(module, arguments) == [(14, 14, 32), (7, 7, 64), (3, 3, 128), (1,)]
    assert parameter_counts({"D": (module, arguments)}) == {"D": 95_105 - 2048 + 1152} == {"D": 94_209}


@pytest.mark.parametrize(
    ("preset", "slopes", "momentum", "epsilon"),
    [
        ("gans_in_action_dcgan", (0.01, 0.01), 0.99, 1e-3),  # Keras' defaults
        ("pytorch_dcgan", (0.0, 0.2), 0.9, 1e-5),  # PyTorch's momentum 0.1 is what the new value weighs
        ("tensorflow_avatar_dcgan", (0.0, 0.2), 0.99, 1e-3),
    ],
)
def test_slopes_and_normalisation_are_the_sources(preset, slopes, momentum, epsilon):
    shape = BY_HAND[preset, "generator"][0]
    generator, discriminator = (network(preset, player, shape)[0] for player in ("generator", "discriminator"))
    assert (generator.slope, discriminator.slope) == slopes
    assert (
        (generator.momentum, generator.epsilon)
        == (discriminator.momentum, discriminator.epsilon)
        == (momentum, epsilon)
    )


def test_the_table_of_layers_states_shapes_and_totals():
    text = summarise({"D": network("gans_in_action_dcgan", "discriminator", (28, 28, 1))})
    assert text.startswith("D\n")
    for words in ("Conv_2", "[1,7,7,64]", "[1,4,4,128]", "kernel: float32[3,3,64,128]", "95,105"):
        assert words in text
