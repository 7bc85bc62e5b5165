"""PyTorch's DCGAN on CIFAR-10 enlarged to 64x64.

`--config.data.data_dir=FOLDER_OR_ZIP` names a folder or zip of images (`train/<class>/<n>.jpg`); with
`--config.data.name=tfds:cifar10` the data comes from tensorflow-datasets instead.
"""

from jaxgan.config import recipe
from jaxgan.networks import PRESETS

ADAM = dict(name="adam", learning_rate=2e-4, b1=0.5)


def get_config():
    return recipe(
        steps=25_000,
        batch_size=64,
        steps_per_call=50,
        log_every=50,
        sample_every=500,
        save_every=500,
        data=dict(name="folder", data_dir="data/cifar10", split="train", image_size=64, channels=3),
        system=dict(name="gan", latent_size=100),
        objective=dict(name="non_saturating"),
        generator_optimizer=ADAM,
        discriminator_optimizer=ADAM,
        **PRESETS["pytorch_dcgan"],
    )
