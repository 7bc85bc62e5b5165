"""Convolutional GAN on MNIST: GANs in Action, chapter 4. Settings and differences as in `mnist_gan`."""

from jaxgan.config import recipe
from jaxgan.networks import PRESETS

KERAS_ADAM = dict(name="adam", learning_rate=1e-3, b1=0.9, b2=0.999, epsilon=1e-7)


def get_config():
    return recipe(
        steps=20_000,
        batch_size=128,
        steps_per_call=50,
        log_every=100,
        sample_every=1000,
        save_every=1000,
        data=dict(name="tfds:mnist", split="train"),
        system=dict(name="gan", latent_size=100, fresh_latents=True),
        objective=dict(name="non_saturating"),
        generator_optimizer=KERAS_ADAM,
        discriminator_optimizer=KERAS_ADAM,
        **PRESETS["gans_in_action_dcgan"],
    )
