"""Non-saturating GAN on MNIST with DCGAN's networks: the base of the `mnist_*gan` family, one objective a recipe.

Source: Goodfellow et al. 2014; networks of Radford et al. 2016 from 4x4 pixels, a quarter as wide; Adam with their
b1 = 0.5. Ours: a learning rate of 5e-4, with which 3,000 steps of 64 digits are enough to read them by.
"""

from jaxgan.config import recipe


def get_config():
    adam = dict(name="adam", learning_rate=5e-4, b1=0.5)
    return recipe(
        steps=3_000,
        batch_size=64,
        steps_per_call=50,
        log_every=100,
        sample_every=500,
        save_every=500,
        samples=100,
        metrics=("classes10k_mnist",),
        data=dict(name="tfds:mnist", split="train"),
        system=dict(name="gan", latent_size=64),
        generator=dict(name="dcgan", width=32, multipliers=(4, 2, 1)),
        discriminator=dict(name="dcgan", width=32, multipliers=(1, 2, 4)),
        objective=dict(name="non_saturating"),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
    )
