"""SAGAN on CIFAR-10 at 32x32 by class: self-attention and spectral normalisation in both players, hinge loss.

The data: as for `cifar10_dcgan64`, a folder or zip of images, `train/<class>/<n>.jpg`.

Source: Zhang et al. 2019 (arXiv:1805.08318), which has no CIFAR-10; networks and settings are those of StudioGAN's
SAGAN for it: attention at 16x16, projection of the class, 128 latents, batch 64, 5 updates of D for one of G, Adam 2e-4
with b1 = 0.5 and b2 = 0.999, 100,000 updates of G, random mirror images, samples from the last parameters. (The paper
itself, on ImageNet: Adam 4e-4 for D and 1e-4 for G with b1 = 0 and b2 = 0.9, one update of each.)

Ours: generated images are mirrored as well as real ones, so that G need not learn to make both ways round.

Command: `jaxgan train --config cifar10_sagan --config.data.data_dir=FOLDER_OR_ZIP --workdir runs/sagan`.
Cost and result: not yet measured, a GPU's work.
"""

from jaxgan.config import recipe
from jaxgan.networks import PRESETS


def get_config():
    adam = dict(name="adam", learning_rate=2e-4, b1=0.5, b2=0.999)
    return recipe(
        steps=100_000,
        batch_size=64,
        steps_per_call=50,
        log_every=100,
        sample_every=1000,
        save_every=1000,
        samples=100,
        data=dict(name="folder", data_dir="data/cifar10", split="train", image_size=32, channels=3),
        system=dict(
            name="gan", latent_size=128, conditional=True, critic_steps=5, fresh_latents=True, average_half_life=0
        ),
        augmentation=dict(name="flip"),
        objective=dict(name="hinge"),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        **PRESETS["sagan_cifar"],
    )
