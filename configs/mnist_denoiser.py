"""Denoising autoencoder on MNIST: digits under Gaussian noise of half the range from black to white.

Source: GANs in Action, section 2.5; the noise of Keras' example, 0.5 of [0, 1], clipped. All but the corruption and
the convolutional networks is that of `mnist_autoencoder`.

Command: `jaxgan train --config mnist_denoiser --config.data.data_dir=DIR`; pixels dropped instead (Vincent et al.
2008): `--config.corruption.name=masking --config.corruption.share=0.5`.

Result on the 10,000 test digits, seed 0: a peak signal-to-noise ratio of 20.14 dB, where the noisy digits have 9.38 dB.
Cost: 10 min of one CPU core.
"""

from jaxgan.config import load


def get_config():
    config = load("mnist_autoencoder")
    config.steps_per_call = 50
    config.corruption = dict(name="noise", std=1.0)
    config.encoder = config.decoder = dict(name="dcgan", width=32)
    return config
