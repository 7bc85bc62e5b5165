"""Convolutional variational autoencoder on MNIST: 16 latents, the weight of the KL divergence rising from 0 to 1.

Source: networks of Radford et al. 2016 without normalisation; the rise over the first 5 of 20 epochs after Sønderby et
al. 2016. Scores: the evidence lower bound of the test digits, and the log-likelihood of 1,000 of them by importance
weights (Burda et al. 2016); pixels are grey, not binarised, so that figures of binarised MNIST do not compare.

Command: `jaxgan train --config mnist_conv_vae --config.data.data_dir=DIR`; Higgins et al. 2017:
`--config.system.beta=4`.

Result with seed 0: evidence lower bound -98.2 nats (10,000 test digits), log-likelihood -94.2 nats (1,000 of them with
1,000 draws each). Cost: 18 min of one CPU core.
"""

from jaxgan.config import load


def get_config():
    config = load("mnist_vae")
    config.update(steps=12_000, steps_per_call=50, sample_every=1_200, save_every=1_200)
    config.metrics = ("elbo10k_test", "likelihood1k_test_iw1000")
    config.system = dict(name="vae", latent_size=16, beta=("linear", 0.0, 1.0, 300_000.0))
    plain = dict(name="dcgan", width=32, slope=0.0, normalise=False, kernel_init="glorot_uniform")
    config.encoder = plain
    config.decoder = plain | dict(output="none")
    config.optimizer = dict(name="adam", learning_rate=1e-3, b1=0.9)
    return config
