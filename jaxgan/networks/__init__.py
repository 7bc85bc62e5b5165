"""Generators, discriminators and encoders: Flax Linen modules from arrays to arrays.

Generator: `(z [b, d], labels=None, *, train) -> examples [b, *shape]`, images in [-1, 1] where it ends in tanh.
Discriminator: `(x [b, *shape], labels=None, *, train) -> logits [b]` float32.
Encoder: `(x [b, *shape], labels=None, *, train) -> [b, outputs]` float32.
Translator: `(x [b, *shape], *, train) -> images [b, *shape]`, all in [-1, 1], each made of its own image only.
Patch discriminator: `(x [b, *shape], *, train) -> logits [b, h', w']` float32, one a patch.
Of a level of a pyramid, whose players are also given a low-pass image: `(z, low, labels=None, *, train)` and
`(high, low, labels=None, *, train)`.
Fields without a default (`shape`, `num_classes`, `outputs`, `dtype`) come from the data and the recipe; others are
options.
"""

import flax.linen as nn

from jaxgan.networks.cyclegan import ResNetTranslator
from jaxgan.networks.dcgan import DCGANDiscriminator, DCGANEncoder, DCGANGenerator
from jaxgan.networks.lapgan import LAPGANDiscriminator, LAPGANGenerator
from jaxgan.networks.mlp import MLPDiscriminator, MLPEncoder, MLPGenerator
from jaxgan.networks.pix2pix import PatchDiscriminator, UNetTranslator
from jaxgan.networks.presets import PRESETS
from jaxgan.networks.progressive import ProgressiveDiscriminator, ProgressiveGenerator
from jaxgan.networks.r3gan import R3GANDiscriminator, R3GANGenerator
from jaxgan.networks.resnet import ResNetDiscriminator, ResNetGenerator
from jaxgan.networks.stylegan2 import StyleGAN2Discriminator, StyleGAN2Generator

GENERATORS: dict[str, type[nn.Module]] = {
    "dcgan": DCGANGenerator,
    "mlp": MLPGenerator,
    "progressive": ProgressiveGenerator,
    "r3gan": R3GANGenerator,
    "resnet": ResNetGenerator,
    "stylegan2": StyleGAN2Generator,
}
DISCRIMINATORS: dict[str, type[nn.Module]] = {
    "dcgan": DCGANDiscriminator,
    "mlp": MLPDiscriminator,
    "progressive": ProgressiveDiscriminator,
    "r3gan": R3GANDiscriminator,
    "resnet": ResNetDiscriminator,
    "stylegan2": StyleGAN2Discriminator,
}
ENCODERS: dict[str, type[nn.Module]] = {
    "dcgan": DCGANEncoder,
    "mlp": MLPEncoder,
}
TRANSLATORS: dict[str, type[nn.Module]] = {
    "resnet": ResNetTranslator,
    "unet": UNetTranslator,
}
PATCH_DISCRIMINATORS: dict[str, type[nn.Module]] = {"patchgan": PatchDiscriminator}
BAND_GENERATORS: dict[str, type[nn.Module]] = {"lapgan": LAPGANGenerator}
BAND_DISCRIMINATORS: dict[str, type[nn.Module]] = {"lapgan": LAPGANDiscriminator}

__all__ = [
    "BAND_DISCRIMINATORS",
    "BAND_GENERATORS",
    "DISCRIMINATORS",
    "ENCODERS",
    "GENERATORS",
    "PATCH_DISCRIMINATORS",
    "PRESETS",
    "TRANSLATORS",
]
