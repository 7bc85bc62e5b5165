"""R3GAN's objective on MNIST: relativistic pairs with R1 and R2.

Source: Huang et al. 2024 (arXiv:2501.05441): Adam with b1 = 0, and by half a cosine over the run the learning rate, b2
and gamma; no normalisation in D. Ours: the rest, G's networks too, is that of `mnist_nsgan`, so that only methods
differ. Their networks are in `stacked_mnist_r3gan`, `cifar10_r3gan` and `folder`.

Result of seeds 0 to 2: all ten digits, the rarest 7.4 ± 0.1 % of 10,000 samples; a classifier is over 90 % sure of
66.6 ± 1.6 % (real: 97.9 %). Cost: 2 min 50 s on one CPU core. Command: `jaxgan train --config mnist_r3gan
--config.data.data_dir=DIR`.
"""

from jaxgan.config import load


def get_config():
    config = load("mnist_nsgan")
    config.steps = 2_000
    gamma = ("cosine", 5.0, 0.5)
    config.system.fresh_latents = True
    config.discriminator.normalise = False
    config.objective = dict(name="relativistic")
    config.penalties = dict(r1=dict(weight=gamma), r2=dict(weight=gamma))
    for player in ("generator", "discriminator"):
        config[f"{player}_optimizer"] = dict(
            name="adam", learning_rate=("cosine", 5e-4, 1e-4), b1=0.0, b2=("cosine", 0.9, 0.99)
        )
    return config
