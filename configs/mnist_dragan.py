"""DRAGAN on MNIST: the non-saturating objective with a gradient penalty around real images.

Source: Kodali et al. 2017 (arXiv:1705.07215): lambda 10. Ours: no batch normalisation in D, which would give every
image a share in every other's gradient. The rest is that of `mnist_nsgan`.
"""

from jaxgan.config import load


def get_config():
    config = load("mnist_nsgan")
    config.discriminator.normalise = False
    config.penalties = dict(dragan=dict(weight=10.0))
    return config
