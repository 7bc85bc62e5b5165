"""Denoising autoencoder on CIFAR-10 at 32x32: Gaussian noise of a quarter of the range from black to white.

The data: as for `cifar10_dcgan64`, a folder or zip of images, `train/<class>/<n>.jpg`, and `test/...` for the score.

Source: GANs in Action, section 2.5; networks of Radford et al. 2016. Ours: a code of 1,024 numbers, a third of the
pixels', which noise does not fit through; 40 epochs of batches of 128.

Command: `jaxgan train --config cifar10_denoiser --config.data.data_dir=FOLDER_OR_ZIP`.
To the end not yet measured, a GPU's work. A tenth of the steps on a CPU, `--config.steps=1500`, seed 0: a peak
signal-to-noise ratio of 22.11 dB on the 10,000 test images, where the noisy ones have 13.16 dB. Cost: 19 min of one CPU
core.
"""

from jaxgan.config import recipe


def get_config():
    network = dict(name="dcgan", width=64)
    return recipe(
        steps=15_600,
        batch_size=128,
        steps_per_call=20,
        log_every=100,
        sample_every=1_200,
        save_every=1_200,
        metrics=("reconstruction10k_test",),
        data=dict(name="folder", data_dir="data/cifar10", split="train", image_size=32, channels=3),
        system=dict(name="autoencoder", latent_size=1024, loss="squared"),
        corruption=dict(name="noise", std=0.5),
        encoder=network,
        decoder=network,
        optimizer=dict(name="adam", learning_rate=("cosine", 1e-3, 0.0), b1=0.9),
    )
