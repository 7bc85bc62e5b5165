"""LAPGAN on CIFAR-10: a dense GAN of 8x8 images, and two convolutional ones that add what 16x16 and 32x32 lack.

The data: as for `cifar10_dcgan64`, a folder or zip of images, `train/<class>/<n>.jpg`; by class with
`--config.system.conditional=True`.

Source: Denton et al. 2015 (arXiv:1506.05751), section 4.1: two hidden layers of 1200 units in the smallest G and of 600
in its D, 100 latents; widths, kernels and dropout of the other levels are those of the authors' code. Ours: 8, 16 and
32 pixels (theirs 8, 14 and 28, of crops), Adam 2e-4 with b1 = 0.5 for all players (theirs gradient descent with
momentum), averaged generators, normal latents (theirs uniform), no dropout in the smallest D.

Command: `jaxgan train --config cifar10_lapgan --config.data.data_dir=FOLDER_OR_ZIP --workdir runs/lapgan`.
Cost and result: not yet measured, a GPU's work.
"""

from jaxgan.config import recipe


def get_config():
    adam = dict(name="adam", learning_rate=2e-4, b1=0.5)
    return recipe(
        steps=100_000,
        batch_size=128,
        steps_per_call=50,
        log_every=100,
        sample_every=1000,
        save_every=1000,
        samples=100,
        data=dict(name="folder", data_dir="data/cifar10", split="train", image_size=32, channels=3),
        system=dict(name="lapgan", levels=3, latent_size=100),
        generator=dict(name="mlp", hidden=(1200, 1200), slope=0.0),
        discriminator=dict(name="mlp", hidden=(600, 600), slope=0.0),
        band_generator=dict(name="lapgan", width=128),
        band_discriminator=dict(name="lapgan", width=128),
        objective=dict(name="non_saturating"),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
    )
