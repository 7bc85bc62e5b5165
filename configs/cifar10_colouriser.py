"""Colouriser on CIFAR-10 at 32x32: an autoencoder that is shown grey images and learns to give the colours back.

Source: GANs in Action, section 2.5. Ours: the networks and settings of `cifar10_denoiser`. Where several colours are
likely, the squared error asks for their mean, which is a faded one.

Command: `jaxgan train --config cifar10_colouriser --config.data.data_dir=FOLDER_OR_ZIP`.
To the end not yet measured, a GPU's work. A tenth of the steps on a CPU, `--config.steps=1500`, seed 0: 21.66 dB on the
10,000 test images, less than the 25.73 dB of the grey ones as they are: the code does not carry their detail yet, and
there are hues of brown and blue only. Cost: 17 min of one CPU core.
"""

from jaxgan.config import load


def get_config():
    config = load("cifar10_denoiser")
    config.corruption = dict(name="grey")
    return config
