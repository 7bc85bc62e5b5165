"""StyleGAN2-ADA on CIFAR-10 at 32x32 by class: style-based G, adaptive augmentation, lazy R1.

The data: as for `cifar10_dcgan64`, a folder or zip of images, `train/<class>/<n>.jpg`.

Source: Karras et al. 2020 (arXiv:2006.06676), with the settings of the official code's `cifar` configuration: batch 64,
512 latents, new ones for G, R1 of weight 0.01 at every 16th update of D, neither path lengths nor mixed styles, Adam
0.0025 with b1 = 0 and b2 = 0.99, augmentation "bgc" with target 0.6 and 500,000 images from 0 to 1, an average of
half-life 500,000 images or a twentieth of those shown, 100 million images.

The official code penalises in updates of their own, one after every n ordinary ones, and to make up for them multiplies
the learning rate by n / (n + 1) and raises b1 and b2 to that power. Here R1 joins D's loss at every 16th update: there
are no updates to make up for, and D keeps 0.0025 and 0.99. G, with n = 4, is scaled in the official code although its
own updates of that kind change nothing without path lengths; so it is scaled here.

Ours: the sign that augmentation looks at is a running mean (theirs is the mean of 4 updates); D moves before G; float32
(theirs has float16 at every size, to which `--config.precision=bfloat16` comes near).

They report an FID of 2.42.

Command: `jaxgan train --config cifar10_stylegan2 --config.data.data_dir=FOLDER_OR_ZIP --workdir runs/stylegan2`.
Cost and result: not yet measured, a GPU's work.
"""

from jaxgan.config import recipe
from jaxgan.networks import PRESETS


def get_config():
    rate, b2, lazy = 0.0025, 0.99, 4 / (4 + 1)
    return recipe(
        steps=1_562_500,
        batch_size=64,
        steps_per_call=50,
        log_every=500,
        sample_every=2500,
        save_every=2500,
        samples=100,
        data=dict(name="folder", data_dir="data/cifar10", split="train", image_size=32, channels=3),
        system=dict(
            name="gan",
            latent_size=512,
            conditional=True,
            fresh_latents=True,
            average_half_life=500_000,
            average_rampup=0.05,
        ),
        augmentation=dict(name="ada"),
        objective=dict(name="non_saturating"),
        penalties=dict(r1=dict(weight=0.01, every=16)),
        generator_optimizer=dict(name="adam", learning_rate=rate * lazy, b1=0.0, b2=b2**lazy),
        discriminator_optimizer=dict(name="adam", learning_rate=rate, b1=0.0, b2=b2),
        **PRESETS["stylegan2_cifar"],
    )
