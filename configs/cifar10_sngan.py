"""SNGAN on CIFAR-10 at 32x32: residual networks, hinge loss, spectral normalisation in D.

The data: as for `cifar10_dcgan64`, a folder or zip of images, `train/<class>/<n>.jpg`.

Source: Miyato et al. 2018 (arXiv:1802.05957), with the settings of its authors' code for CIFAR-10 (sngan_projection,
`sn_cifar10_unconditional.yml`): batch 64, 5 updates of D for one of G, Adam 2e-4 with b1 = 0 and b2 = 0.9, the learning
rate falling linearly to 0 over 50,000 updates of G, samples from the last parameters. With labels, by
`--config.system.conditional=True`, it is that code's projection discriminator (Miyato & Koyama 2018).

Ours: G's batch is 64 (theirs 128), and D moves before G.

Command: `jaxgan train --config cifar10_sngan --config.data.data_dir=FOLDER_OR_ZIP --workdir runs/sngan`.
Cost and result: not yet measured, a GPU's work.
"""

from jaxgan.config import recipe
from jaxgan.networks import PRESETS


def get_config():
    adam = dict(name="adam", learning_rate=("linear", 2e-4, 0.0), b1=0.0, b2=0.9)
    return recipe(
        steps=50_000,
        batch_size=64,
        steps_per_call=50,
        log_every=100,
        sample_every=1000,
        save_every=1000,
        data=dict(name="folder", data_dir="data/cifar10", split="train", image_size=32, channels=3),
        system=dict(name="gan", latent_size=128, critic_steps=5, fresh_latents=True, average_half_life=0),
        objective=dict(name="hinge"),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        **PRESETS["sngan_cifar"],
    )
