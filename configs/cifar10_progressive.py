"""Progressive GAN on CIFAR-10 at 32x32, grown from 4x4.

The data: as for `cifar10_dcgan64`, a folder or zip of images, `train/<class>/<n>.jpg`.

Source: Karras et al. 2018 (arXiv:1710.10196), with the settings of the authors' code for CIFAR-10: 128 channels in all
layers and 128 latents, WGAN-GP with gradients of norm 750 and the drift penalty, batch 16, minibatch deviation over all
of it, Adam 1e-3 with b1 = 0 and b2 = 0.99, both players on the same latents, 400,000 images a phase, 20 million in all,
an average that keeps 0.999 of itself at each step. Ours: D moves before G (theirs at once), and the average has a
warm-up.

Your own images: `--config.data.data_dir=FOLDER_OR_ZIP --config.data.image_size=64`, and as there
`--config.penalties.wgan_gp.target=1` and 800,000 images a phase, `--config.system.fade_steps=50_000
--config.system.stable_steps=50_000`; sides of 4 to 7 pixels times a power of two will do.

Command: `jaxgan train --config cifar10_progressive --config.data.data_dir=FOLDER_OR_ZIP --workdir runs/progressive`.
Cost and result: not yet measured, a GPU's work. (The paper's Inception score is 8.80.)
"""

import math

from jaxgan.config import recipe


def get_config():
    batch = 16
    adam = dict(name="adam", learning_rate=1e-3, b1=0.0, b2=0.99)
    network = dict(name="progressive", channel_base=8192, channel_max=128)
    return recipe(
        steps=20_000_000 // batch,
        batch_size=batch,
        steps_per_call=50,
        log_every=500,
        sample_every=5000,
        save_every=5000,
        samples=100,
        data=dict(name="folder", data_dir="data/cifar10", split="train", image_size=32, channels=3),
        system=dict(
            name="progressive",
            fade_steps=400_000 // batch,
            stable_steps=400_000 // batch,
            latent_size=128,
            average_half_life=batch * math.log(0.5) / math.log(0.999),  # in images
            average_rampup=1.0,
        ),
        generator=network,
        discriminator=network | dict(group_size=batch),
        objective=dict(name="wasserstein"),
        penalties=dict(wgan_gp=dict(weight=10.0, target=750.0), drift=dict(weight=0.001)),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
    )
