"""Convolutional GAN on MNIST: GANs in Action, chapter 4. All but the networks is that of `mnist_gan`.

Cost: 0.11 s a step on 2 CPU cores. Result after 2,000 steps: the sheet in `docs/recipes.md`.
"""

from jaxgan.config import load
from jaxgan.networks import PRESETS


def get_config():
    config = load("mnist_gan")
    config.steps_per_call = 50
    for player, network in PRESETS["gans_in_action_dcgan"].items():
        config[player] = network
    return config
