"""R3GAN on CIFAR-10 at 32x32 by class: relativistic pairs with R1 and R2, networks without normalisation.

The data: as for `cifar10_dcgan64`, a folder or zip of images, `train/<class>/<n>.jpg`.

Source: Huang et al. 2024 (arXiv:2501.05441), configuration E, with the settings of its authors' code for CIFAR-10:
batch 512, 64 latents, new ones for G, Adam with b1 = 0. Over the first 20 million images, by half a cosine, the
learning rate falls from 2e-4 to 5e-5 and the weight of both penalties from 0.05 to 0.005, b2 rises from 0.9 to 0.99,
the probability of each augmentation from 0 to 0.55 and the average's half-life from 0 to 5 million images. The paper
shows 250 million images (its table 9).

Ours: the half-life grows in proportion to the images shown; colours change with the probability of the other transforms
(theirs with half of it), nothing is cut out, and the data is not doubled by its mirror images; G's update sees the real
batch of D's (theirs another one); float32 (theirs has float16 in both players; `--config.precision=bfloat16` comes
near).

Command: `jaxgan train --config cifar10_r3gan --config.data.data_dir=FOLDER_OR_ZIP --workdir runs/r3gan`. Where memory
is short: `--config.system.accumulate=8`, or `--config.generator.remat=True --config.discriminator.remat=True`.
Cost and result: not yet measured, a GPU's work. (The paper's FID is 1.96.)
"""

from jaxgan.config import recipe
from jaxgan.networks import PRESETS


def get_config():
    batch, images = 512, 2e7  # shown while the schedules move
    gamma = ("cosine", 0.05, 0.005, images)
    adam = dict(name="adam", learning_rate=("cosine", 2e-4, 5e-5, images), b1=0.0, b2=("cosine", 0.9, 0.99, images))
    return recipe(
        steps=250_000_000 // batch // 1000 * 1000,
        batch_size=batch,
        steps_per_call=10,
        log_every=100,
        sample_every=1000,
        save_every=1000,
        samples=100,
        data=dict(name="folder", data_dir="data/cifar10", split="train", image_size=32, channels=3),
        system=dict(
            name="gan",
            latent_size=64,
            conditional=True,
            fresh_latents=True,
            average_half_life=5e6,
            average_rampup=5e6 / images,
        ),
        augmentation=dict(name="bgc", p=("cosine", 0.0, 0.55, images)),
        objective=dict(name="relativistic"),
        penalties=dict(r1=dict(weight=gamma), r2=dict(weight=gamma)),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        **PRESETS["r3gan_cifar"],
    )
