"""AC-GAN on MNIST: both players are also paid for classes that an auxiliary head of D can tell.

Source: Odena et al. 2017 (arXiv:1610.09585). The rest is that of `mnist_nsgan`.
"""

from jaxgan.config import load


def get_config():
    config = load("mnist_nsgan")
    config.system.conditional = True
    config.discriminator.conditioning = "classifier"
    return config
