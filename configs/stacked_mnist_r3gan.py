"""R3GAN on stacked MNIST, 28x28 in colour, 1,000 modes: relativistic pairs with R1 and R2.

The data and the score are those of `stacked_mnist_dcgan`.

Source: objective and networks of Huang et al. 2024 (arXiv:2501.05441). Their code has no settings for stacked MNIST, so
these are ours, after those for CIFAR-10: 64 latents, new ones for G, Adam with b1 = 0, and by half a cosine over the
whole run the learning rate from 1e-3 to 2.5e-4, b2 from 0.9 to 0.99 and the weight of both penalties from 1 to 0.1
(theirs is 0.05 for CIFAR-10 by class, 2 for faces at 64x64). The networks have a twelfth of the width, and residual
branches, which start at 0, grow with rate times width, hence five times the paper's rate; the batch has half the size,
and nothing is augmented: a digit that is mirrored or turned is none.

Command: `jaxgan train --config stacked_mnist_r3gan --config.data.data_dir=DIR --workdir runs/stacked_r3gan`.
Cost and result: not yet measured, a GPU's work. (Published for the wide networks: all 1,000 modes.) On a CPU the
networks of `mnist_r3gan` take their place, docs/recipes.md has the command: all 1,000 modes, KL 0.081, in 9 min on one
core.
"""

from jaxgan.config import recipe


def get_config():
    gamma = ("cosine", 1.0, 0.1)
    adam = dict(name="adam", learning_rate=("cosine", 1e-3, 2.5e-4), b1=0.0, b2=("cosine", 0.9, 0.99))
    return recipe(
        steps=40_000,
        batch_size=256,
        steps_per_call=50,
        log_every=100,
        sample_every=1000,
        save_every=1000,
        metrics=("modes26k_stacked_mnist",),
        data=dict(name="stacked_mnist", num=128_000, split="train+test"),
        system=dict(name="gan", latent_size=64, fresh_latents=True, average_half_life=500_000),
        generator=dict(name="r3gan", width=64),
        discriminator=dict(name="r3gan", width=64),
        objective=dict(name="relativistic"),
        penalties=dict(r1=dict(weight=gamma), r2=dict(weight=gamma)),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
    )
