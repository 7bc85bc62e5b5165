"""Wasserstein GAN with gradient penalty on a ring of eight Gaussians, between the networks of `ring_gan`.

Source: Gulrajani et al. 2017, algorithm 1: five critic steps, Adam with b1 = 0, b2 = 0.9. Ours: lambda 0.1, as
in their toy experiments; a fifth of the steps, so that the critic learns as often as D in `ring_gan`.
"""

from jaxgan.config import load


def get_config():
    config = load("ring_gan")
    config.steps = 80_000
    config.system.critic_steps = 5
    config.objective = dict(name="wasserstein")
    config.penalties = dict(wgan_gp=dict(weight=0.1))
    for player in ("generator", "discriminator"):
        config[f"{player}_optimizer"] = dict(name="adam", learning_rate=1e-4, b1=0.0, b2=0.9)
    return config
