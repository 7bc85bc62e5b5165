"""R3GAN's objective on a grid of 25 Gaussians.

All but the data is that of `ring_r3gan`, and gamma, which goes with the square of lengths: modes lie 2 apart here, 0.77
there.
"""

from jaxgan.config import load


def get_config():
    config = load("ring_r3gan")
    config.data = dict(name="grid")
    config.metrics = ("modes2500_grid",)
    gamma = ("cosine", 0.1, 0.002)
    config.penalties = dict(r1=dict(weight=gamma), r2=dict(weight=gamma))
    return config
