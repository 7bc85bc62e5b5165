"""Non-saturating GAN on MNIST with DCGAN's networks: the base of the `mnist_*gan` family, one objective a recipe.

Source: Goodfellow et al. 2014, networks and Adam of Radford et al. 2016. Ours: width 32, 10,000 steps of batch 64.
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
