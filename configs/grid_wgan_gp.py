"""Wasserstein GAN with gradient penalty on a grid of 25 Gaussians. All but the data is that of `ring_wgan_gp`."""

from jaxgan.config import load


def get_config():
    config = load("ring_wgan_gp")
    config.data = dict(name="grid")
    config.metrics = ("modes2500_grid",)
    return config
