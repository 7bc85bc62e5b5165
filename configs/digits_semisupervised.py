"""Semi-supervised GAN on scikit-learn's digits: D classifies them, having been told the labels of 50.

Source: Salimans et al. 2016 (arXiv:1606.03498): K + 1 classes and feature matching. Ours: DCGAN's networks, and D
without normalisation.

Command: `jaxgan train --config digits_semisupervised`.

Result at 50 labels, the same 50 for seeds 0 to 2: 84.1 ± 0.7 % of the 360 test digits.
Cost: 200 s of one CPU core for the three.
"""

from jaxgan.config import recipe


def get_config():
    return recipe(
        steps=1_500,
        batch_size=64,
        steps_per_call=50,
        log_every=50,
        sample_every=500,
        save_every=500,
        metrics=("accuracy_test",),
        data=dict(name="few_labels:digits", labels=50, image_size=16),
        system=dict(name="semisupervised", latent_size=32),
        generator=dict(name="dcgan", width=32),
        discriminator=dict(name="dcgan", width=32, normalise=False, conditioning="classifier"),
        objective=dict(name="non_saturating"),
        generator_optimizer=dict(name="adam", learning_rate=5e-4, b1=0.5),
        discriminator_optimizer=dict(name="adam", learning_rate=5e-4, b1=0.5),
    )
