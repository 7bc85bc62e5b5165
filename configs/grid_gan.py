"""Plain GAN on a grid of 25 Gaussians. All but the data is that of `ring_gan`."""

from jaxgan.config import load


def get_config():
    config = load("ring_gan")
    config.data = dict(name="grid")
    config.metrics = ("modes2500_grid",)
    return config
