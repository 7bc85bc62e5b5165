"""SNGAN on MNIST: the hinge objective with a spectrally normalised D.

Source: Miyato et al. 2018; the hinge of Lim & Ye 2017. The rest is that of `mnist_nsgan`.
"""

from jaxgan.config import load


def get_config():
    config = load("mnist_nsgan")
    config.discriminator.update(normalise=False, spectral=True)
    config.objective = dict(name="hinge")
    return config
