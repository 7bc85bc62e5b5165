"""Fully connected GAN on MNIST: GANs in Action, chapter 3.

Source: 20,000 iterations of batch 128, Adam with Keras' defaults, a sheet every 1,000 iterations, new latents for G.
Ours: one update of D on real and generated examples together (the listing makes two), and samples are drawn from the
parameter average.

Cost: 27 s on 2 CPU cores. Result: the sheet in `docs/recipes.md`.
"""

from jaxgan.config import recipe
from jaxgan.networks import PRESETS


def get_config():
    adam = dict(name="adam", learning_rate=1e-3, b1=0.9, b2=0.999, epsilon=1e-7)  # Keras' defaults
    return recipe(
        steps=20_000,
        batch_size=128,
        steps_per_call=100,
        log_every=100,
        sample_every=1000,
        save_every=1000,
        data=dict(name="tfds:mnist", split="train"),
        system=dict(name="gan", latent_size=100, fresh_latents=True),
        objective=dict(name="non_saturating"),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        **PRESETS["gans_in_action_mlp"],
    )
