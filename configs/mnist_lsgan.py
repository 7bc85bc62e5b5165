"""Least squares GAN on MNIST.

Source: Mao et al. 2017 (arXiv:1611.04076). All but the objective is that of `mnist_nsgan`.
"""

from jaxgan.config import load


def get_config():
    config = load("mnist_nsgan")
    config.objective = dict(name="least_squares")
    return config
