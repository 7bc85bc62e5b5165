"""Semi-supervised GAN on CIFAR-10 at 32x32: D classifies images, having been told the labels of 4,000.

The data: a folder or zip of images, `train/<class>/<n>.jpg` and `test/<class>/<n>.jpg`.

Source: Salimans et al. 2016 (arXiv:1606.03498), section 6.2, and the authors' code: K + 1 classes, feature matching,
4,000 labels, batch 100, Adam 3e-4 with b1 = 0.5, the learning rate falling linearly to 0; they report an error of
18.63 ± 2.32 % after 1,200 epochs. Ours: the residual networks of SNGAN, D with spectral instead of weight normalisation
and without dropout; the mean squared difference of mean features, as in the paper (their code for CIFAR-10: the mean
absolute one); and 200 epochs, over all of which the learning rate falls (theirs over the last 400).

Command: `jaxgan train --config cifar10_semisupervised --config.data.data_dir=FOLDER_OR_ZIP`. Cost and result: not yet
measured, a GPU's work.
"""

from jaxgan.config import recipe
from jaxgan.networks import PRESETS


def get_config():
    adam = dict(name="adam", learning_rate=("linear", 3e-4, 0.0), b1=0.5)
    config = recipe(
        steps=100_000,
        batch_size=100,
        steps_per_call=50,
        log_every=100,
        sample_every=5_000,
        save_every=5_000,
        evaluate_every=20_000,
        metrics=("accuracy_test",),
        data=dict(name="few_labels:folder", data_dir="data/cifar10", labels=4_000, image_size=32, channels=3),
        system=dict(name="semisupervised", latent_size=100),
        objective=dict(name="non_saturating"),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        **PRESETS["sngan_cifar"],
    )
    config.discriminator.conditioning = "classifier"
    return config
