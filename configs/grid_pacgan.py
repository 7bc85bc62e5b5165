"""PacGAN on a grid of 25 Gaussians. All but the data is that of `ring_pacgan`."""

from jaxgan.config import load


def get_config():
    config = load("ring_pacgan")
    config.data = dict(name="grid")
    config.metrics = ("modes2500_grid",)
    return config
