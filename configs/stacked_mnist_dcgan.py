"""DCGAN on stacked MNIST, 28x28 in colour, 1,000 modes: how many of them it finds, alone or with PacGAN's packing.

The data: MNIST as tensorflow-datasets prepares it, `--config.data.data_dir=DIR` with `mnist/3.0.1/` in it.

Source: the experiment of PacGAN (Lin et al. 2018, arXiv:1712.04086, section 4.2, after VEEGAN) and its published code:
128,000 images of three digits of both splits, the networks, 100 latents, the same for D and G, batch 64, Adam 2e-4 with
b1 = 0.5, 50 epochs, samples from the last parameters; 26,000 of them are classified. `--config.system.packing=2
--config.batch_size=128` is its PacDCGAN2, of 64 packs a batch; the paper has packs of 3 and 4, too.

Ours: latents are normal (theirs uniform in [-1, 1]), images lie in [-1, 1] as G's do (theirs in [0, 1]), and G makes
one update a step (theirs two, by the code and not the paper); the classifier is ours.

Command: `jaxgan train --config stacked_mnist_dcgan --config.data.data_dir=DIR --workdir runs/stacked`.
Cost and result: not yet measured, a GPU's work. (Published: 99 modes alone, by VEEGAN; all 1,000 in packs of 2.) On a
CPU, narrower and shorter, `--config.generator.width=16 --config.discriminator.width=16 --config.steps=12500`: 40 modes,
KL 4.23, in 12 min on one core.
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
        metrics=("modes26k_stacked_mnist",),
        data=dict(name="stacked_mnist", num=128_000, split="train+test"),
        system=dict(name="gan", latent_size=100, average_half_life=0),
        objective=dict(name="non_saturating"),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        **PRESETS["pacgan_stacked_mnist"],
    )
