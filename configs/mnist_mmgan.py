"""Minimax GAN on MNIST: the original objective, whose G stops learning once D has found it out.

Source: Goodfellow et al. 2014, algorithm 1. All but the objective is that of `mnist_nsgan`.

Result of seeds 0 to 2: all ten digits, the rarest 6.6 ± 0.1 % of 10,000 samples; a classifier is over 90 % sure of
73.2 ± 1.5 % (real: 97.9 %). Cost: 2 min 20 s on one CPU core. Command: `jaxgan train --config mnist_mmgan
--config.data.data_dir=DIR`.
"""

from jaxgan.config import load


def get_config():
    config = load("mnist_nsgan")
    config.objective = dict(name="minimax")
    return config
