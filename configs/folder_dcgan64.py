"""DCGAN on a folder or zip of your own images at 64x64, such as cartoon faces: `--config.data.data_dir=FOLDER_OR_ZIP`.

Source: label noise (real 0.8..1, generated 0..0.2, for G as for real), momentum 0.5 in batch normalisation,
Adam 1.5e-4 with b1 = 0.5, 16 fixed latents, a sheet every 100 steps.

Cost: 0.5 s a step on 2 CPU cores. Result: not yet measured to the end.
"""

from jaxgan.config import recipe
from jaxgan.networks import PRESETS


def get_config():
    adam = dict(name="adam", learning_rate=1.5e-4, b1=0.5)
    return recipe(
        steps=10_000,
        batch_size=64,
        steps_per_call=10,
        log_every=50,
        sample_every=100,
        save_every=500,
        samples=16,
        data=dict(name="folder", data_dir="data/images", image_size=64, channels=3),
        system=dict(name="gan", latent_size=100),
        generator=PRESETS["pytorch_dcgan"]["generator"] | dict(momentum=0.5),
        discriminator=PRESETS["pytorch_dcgan"]["discriminator"] | dict(momentum=0.5),
        objective=dict(
            name="non_saturating", real_labels=(0.8, 1.0), fake_labels=(0.0, 0.2), generator_labels=(0.8, 1.0)
        ),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
    )
