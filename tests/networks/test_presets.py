"""Presets against their sources: shapes of every layer, and parameters counted by hand from the text."""

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
}  # fmt: skip

TOTALS = {  # the same sums, as the sources' own summaries print them
    ("gans_in_action_mlp", "generator"): 114_064,
    ("gans_in_action_mlp", "discriminator"): 100_609,
    ("gans_in_action_dcgan", "generator"): 1_636_737,
    ("gans_in_action_dcgan", "discriminator"): 95_105,
    ("pytorch_dcgan", "generator"): 3_576_704,
    ("pytorch_dcgan", "discriminator"): 2_765_568,
    ("tensorflow_avatar_dcgan", "generator"): 3_576_704,
    ("tensorflow_avatar_dcgan", "discriminator"): 6_561_665,
}


def network(preset, player, shape, **options):
    table, inputs = {
        "generator": (GENERATORS, jnp.zeros((1, 100))),
        "discriminator": (DISCRIMINATORS, jnp.zeros((1, *shape))),
    }[player]
    options = PRESETS[preset][player] | options
    return build(options, table, f"config.{player}", shape=shape, num_classes=0, dtype=jnp.float32), (inputs,)


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
    assert BY_HAND.keys() == TOTALS.keys() == {(name, player) for name, pair in PRESETS.items() for player in pair}


@pytest.mark.parametrize(("preset", "player"), BY_HAND)
def test_layers_and_parameters_are_the_sources(preset, player):
    shape, parameters, layers = BY_HAND[preset, player]
    module, arguments = network(preset, player, shape)
    assert parameter_counts({"it": (module, arguments)}) == {"it": parameters} == {"it": TOTALS[preset, player]}
    assert maps(module, arguments) == layers


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
