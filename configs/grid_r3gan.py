"""R3GAN's objective on a grid of 25 Gaussians. All but the data is that of `ring_r3gan`."""

from jaxgan.config import load


def get_config():
    config = load("ring_r3gan")
    config.data = dict(name="grid")
    config.metrics = ("modes2500_grid",)
    return config
