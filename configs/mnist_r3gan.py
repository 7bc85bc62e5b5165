"""R3GAN on MNIST: relativistic pairs with R1 and R2, networks without any normalisation.

Source: Huang et al. 2024 (arXiv:2501.05441): its networks, narrow; Adam with b1 = 0, schedules of rate, b2 and gamma.
"""

from jaxgan.config import load


def get_config():
    config = load("mnist_nsgan")
    images = 640_000.0
    gamma = ("cosine", 2.0, 0.2, images)
    config.system.fresh_latents = True
    config.generator = dict(name="r3gan", width=16, multipliers=(4, 4, 2, 1), blocks=1)
    config.discriminator = dict(name="r3gan", width=16, multipliers=(1, 2, 4, 4), blocks=1)
    config.objective = dict(name="relativistic")
    config.penalties = dict(r1=dict(weight=gamma), r2=dict(weight=gamma))
    for player in ("generator", "discriminator"):
        config[f"{player}_optimizer"] = dict(
            name="adam", learning_rate=("cosine", 5e-4, 1e-4, images), b1=0.0, b2=("cosine", 0.9, 0.99, images)
        )
    return config
