"""PyTorch's DCGAN on CIFAR-10 enlarged to 64x64.

The data: `--config.data.data_dir=FOLDER_OR_ZIP` names a folder or zip of images, `train/<class>/<n>.jpg`; or from
tensorflow-datasets, `--config.data.name=tfds:cifar10 --config.data.image_size=64`.

Source: networks, N(0, 0.02) initialisation, Adam with b1 = 0.5 and b2 = 0.95, the same latents for D and G. The
learning rate is that of the DCGAN paper.

Cost: 0.5 s a step on 2 CPU cores. Result: not yet measured to the end, a GPU's work.
"""

from jaxgan.config import recipe
from jaxgan.networks import PRESETS


def get_config():
    adam = dict(name="adam", learning_rate=2e-4, b1=0.5, b2=0.95)
    return recipe(
        steps=25_000,
        batch_size=64,
        steps_per_call=10,
        log_every=50,
        sample_every=500,
        save_every=500,
        data=dict(name="folder", data_dir="data/cifar10", split="train", image_size=64, channels=3),
        system=dict(name="gan", latent_size=100),
        objective=dict(name="non_saturating"),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        **PRESETS["pytorch_dcgan"],
    )
