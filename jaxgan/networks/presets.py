"""The networks of published sources, as options of the general ones.

Each entry is a generator and a discriminator, ready for `recipe(**PRESETS[name])`. The tests compare layer shapes and
parameter counts with numbers worked out by hand from the sources.
"""

from typing import Any

_KERAS_NORM = dict(momentum=0.99, epsilon=1e-3)  # the defaults of Keras' BatchNormalization

# Glorot's kernels, with the variance of He's where a ReLU comes before them.
_RELU_GAIN = dict(kernel_init="glorot_uniform", residual_gain=2**0.5)

_PYTORCH_GENERATOR = dict(name="dcgan", width=64, multipliers=(8, 4, 2, 1))

PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    # GANs in Action, chapter 3: listings 3.3 and 3.4.
    "gans_in_action_mlp": dict(
        generator=dict(name="mlp", hidden=(128,), slope=0.01, output="tanh"),
        discriminator=dict(name="mlp", hidden=(128,), slope=0.01),
    ),
    # GANs in Action, chapter 4: listings 4.3 and 4.4. The listing pads every layer of D "same", so that its last map is
    # 4x4x128; the prose says 3x3x128, which is padding=("SAME", "SAME", "VALID").
    "gans_in_action_dcgan": dict(
        generator=dict(
            name="dcgan", width=64, multipliers=(4, 2, 1), kernel=3, stride=(2, 1, 2), slope=0.01,
            normalise_projection=False, use_bias=True, kernel_init="glorot_uniform", **_KERAS_NORM,
        ),
        discriminator=dict(
            name="dcgan", width=32, multipliers=(1, 2, 4), kernel=3, slope=0.01,
            use_bias=True, head_bias=True, kernel_init="glorot_uniform", **_KERAS_NORM,
        ),
    ),
    # The PyTorch DCGAN for 64x64 images. Its first and last layers are whole-map convolutions, that is, dense ones.
    "pytorch_dcgan": dict(
        generator=_PYTORCH_GENERATOR,
        discriminator=dict(name="dcgan", width=64, multipliers=(1, 2, 4, 8)),
    ),
    # The TensorFlow DCGAN for 64x64 cartoon avatars: the same generator (without the ReLU that the source applies to
    # the latents, which throws half of them away), a discriminator without padding.
    "tensorflow_avatar_dcgan": dict(
        generator=_PYTORCH_GENERATOR | _KERAS_NORM | dict(kernel_init="glorot_uniform"),
        discriminator=dict(
            name="dcgan", width=64, multipliers=(1, 2, 4, 8, 16), kernel=(4, 4, 4, 3, 3), stride=(2, 2, 2, 1, 1),
            padding="VALID", normalise_first=True, pool="mean", head_bias=True,
            kernel_init="glorot_uniform", **_KERAS_NORM,
        ),
    ),
    # PacGAN's for stacked MNIST at 28x28 (Lin et al. 2018 and its code, of VEEGAN's experiment).
    "pacgan_stacked_mnist": dict(
        generator=dict(name="dcgan", width=64, multipliers=(8, 4, 2, 1), kernel=5, use_bias=True),
        discriminator=dict(
            name="dcgan", width=64, multipliers=(1, 2, 4, 8), kernel=5, use_bias=True, head_bias=True,
        ),
    ),
    # WGAN-GP's residual networks for CIFAR-10 (Gulrajani et al. 2017 and its code); with labels D classifies as well.
    "wgan_gp_cifar": dict(
        generator=dict(name="resnet", width=128, multipliers=(1, 1, 1, 1), **_RELU_GAIN),
        discriminator=dict(
            name="resnet", width=128, multipliers=(1, 1, 1, 1), plain=2, pool="mean", conditioning="classifier",
            **_RELU_GAIN,
        ),
    ),
    # SNGAN's for CIFAR-10 (Miyato et al. 2018, table 4), and with labels those of Miyato & Koyama 2018.
    "sngan_cifar": dict(
        generator=dict(name="resnet", width=256, multipliers=(1, 1, 1, 1), **_RELU_GAIN),
        discriminator=dict(
            name="resnet", width=128, multipliers=(1, 1, 1, 1), plain=2, spectral=True, head_bias=False, **_RELU_GAIN,
        ),
    ),
    # SAGAN's for ImageNet at 128x128 (Zhang et al. 2019), and as StudioGAN takes them to CIFAR-10.
    "sagan_128": dict(
        generator=dict(name="resnet", width=64, attention=(32,), spectral=True),
        discriminator=dict(name="resnet", width=64, attention=(32,), spectral=True),
    ),
    "sagan_cifar": dict(
        generator=dict(
            name="resnet", width=256, multipliers=(1, 1, 1, 1), attention=(16,), spectral=True,
            kernel_init="orthogonal",
        ),
        discriminator=dict(
            name="resnet", width=128, multipliers=(1, 1, 1, 1), plain=2, attention=(16,), spectral=True,
            kernel_init="orthogonal",
        ),
    ),
    # BigGAN's for ImageNet at 128x128, of 120 latents (Brock et al. 2019, appendix B), and those that its first
    # author's code trains on CIFAR-10.
    "biggan_128": dict(
        generator=dict(
            name="resnet", width=96, attention=(64,), class_embedding=128, hierarchical=True, spectral=True,
            kernel_init="orthogonal",
        ),
        discriminator=dict(name="resnet", width=96, attention=(64,), spectral=True, kernel_init="orthogonal"),
    ),
    "biggan_cifar": dict(
        generator=dict(name="resnet", width=64, multipliers=(4, 4, 4, 4), spectral=True, kernel_init="normal"),
        discriminator=dict(
            name="resnet", width=64, multipliers=(4, 4, 4, 4), plain=2, spectral=True, kernel_init="normal",
        ),
    ),
    # StyleGAN2-ADA's for CIFAR-10, and for 256x256 (Karras et al. 2020).
    "stylegan2_cifar": dict(
        generator=dict(name="stylegan2", mapping_layers=2, mixing=0.0, w_decay=0.995),
        discriminator=dict(name="stylegan2", group_size=32, residual=False),
    ),
    "stylegan2_256": dict(
        generator=dict(name="stylegan2", channel_base=16384, w_decay=0.995),
        discriminator=dict(name="stylegan2", channel_base=16384, group_size=8),
    ),
    # R3GAN's for CIFAR-10 (Huang et al. 2024): 64 latents, 2 blocks a stage.
    "r3gan_cifar": dict(
        generator=dict(name="r3gan", width=768),
        discriminator=dict(name="r3gan", width=768),
    ),
}  # fmt: skip
