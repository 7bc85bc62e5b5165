"""PacGAN on a ring of eight Gaussians: D judges two points at once, so that it sees when they are too much alike.

Source: Lin et al. 2018 (arXiv:1712.04086), section 4.1: PacGAN2, 100 packs a batch. All else is that of `ring_gan`.
"""

from jaxgan.config import load


def get_config():
    config = load("ring_gan")
    config.system.packing = 2
    config.batch_size = 200
    return config
