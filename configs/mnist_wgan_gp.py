"""Wasserstein GAN with gradient penalty on MNIST.

Source: Gulrajani et al. 2017, algorithm 1, and the authors' code for MNIST: lambda 10, five critic steps, Adam with
b1 = 0.5, b2 = 0.9, no batch normalisation in the critic. Ours: a learning rate of 3e-4, three times theirs, for fewer
steps. Networks and the rest are those of `mnist_nsgan`.
"""

from jaxgan.config import load


def get_config():
    config = load("mnist_nsgan")
    config.steps = 1_500
    config.system.critic_steps = 5
    config.discriminator.normalise = False
    config.objective = dict(name="wasserstein")
    config.penalties = dict(wgan_gp=dict(weight=10.0))
    for player in ("generator", "discriminator"):
        config[f"{player}_optimizer"] = dict(name="adam", learning_rate=3e-4, b1=0.5, b2=0.9)
    return config
