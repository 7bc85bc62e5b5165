"""Minimax GAN on MNIST: the original objective, whose G stops learning once D has found it out.

Source: Goodfellow et al. 2014, algorithm 1. All but the objective is that of `mnist_nsgan`.
"""

from jaxgan.config import load


def get_config():
    config = load("mnist_nsgan")
    config.objective = dict(name="minimax")
    return config
