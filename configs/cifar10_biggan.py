"""BigGAN on CIFAR-10 at 32x32 by class: wide residual networks with spectral normalisation, hinge loss, averaged G.

The data: as for `cifar10_dcgan64`, a folder or zip of images, `train/<class>/<n>.jpg`.

Source: Brock et al. 2019 (arXiv:1809.11096), networks and settings of its first author's script for CIFAR-10
(BigGAN-PyTorch, `launch_cifar_ema.sh`): batch 50, 4 updates of D for one of G, Adam 2e-4 with b1 = 0 and b2 = 0.999,
N(0, 0.02) initialisation, no orthogonal regularisation, 500 epochs, that is 125,000 updates of G, and an average that
keeps 0.9999 of itself at each of them, running statistics included.

Ours: the average is short until 1.4 million images have been shown (theirs starts at update 1,000, at full length).

Command: `jaxgan train --config cifar10_biggan --config.data.data_dir=FOLDER_OR_ZIP --workdir runs/biggan`.
Cost and result: not yet measured, a GPU's work.
"""

import math

from jaxgan.config import recipe
from jaxgan.networks import PRESETS


def get_config():
    batch, critic_steps = 50, 4
    half_life = batch * critic_steps * math.log(0.5) / math.log(0.9999)  # in images
    adam = dict(name="adam", learning_rate=2e-4, b1=0.0, b2=0.999)
    return recipe(
        steps=125_000,
        batch_size=batch,
        steps_per_call=50,
        log_every=100,
        sample_every=1000,
        save_every=1000,
        samples=100,
        data=dict(name="folder", data_dir="data/cifar10", split="train", image_size=32, channels=3),
        system=dict(
            name="gan",
            latent_size=128,
            conditional=True,
            critic_steps=critic_steps,
            fresh_latents=True,
            average_half_life=half_life,
            average_rampup=1.0,
        ),
        objective=dict(name="hinge"),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        **PRESETS["biggan_cifar"],
    )
