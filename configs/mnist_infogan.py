"""InfoGAN on MNIST: a code of ten categories and two continuous ones find digits, slant and width without labels.

Source: Chen et al. 2016 (arXiv:1606.03657), section 7.1 and appendix C.1, and the authors' code: 62 latents, lambda 1,
Q a hidden layer of 128 with batch normalisation on D's features, a learning rate of G five times that of D. Ours: the
noise is normal, not uniform; networks, batch and the number of steps are those of `mnist_nsgan`.

Command: `jaxgan train --config mnist_infogan --config.data.data_dir=DIR`. Cost and result: not yet measured.
"""

from jaxgan.config import load


def get_config():
    config = load("mnist_nsgan")
    config.steps = 6_000
    config.metrics = ("codes10k_mnist",)
    config.system = dict(name="infogan", latent_size=62, categorical=(10,), continuous=2)
    config.posterior = dict(name="mlp", hidden=(128,), slope=0.1, normalise=True)
    config.generator_optimizer.learning_rate = 1e-3
    config.discriminator_optimizer.learning_rate = 2e-4
    return config
