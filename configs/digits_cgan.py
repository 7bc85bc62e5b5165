"""Class-conditional DCGAN on scikit-learn's handwritten digits, 32x32: the default recipe.

Command: `python train.py`. Cost: 78 s on 2 CPU cores, 0.83 GiB. Result (3 seeds): 99.5 % of 1,000 digits agree with
their label, 88 % with a probability over 0.9 (real: 81 %), distances within a class 86 % of real ones.
"""

from jaxgan.config import recipe


def get_config():
    return recipe(
        steps=2500,
        batch_size=64,
        steps_per_call=50,
        log_every=50,
        sample_every=500,
        save_every=500,
        samples=100,
        metrics=("svm1k_digits",),
        data=dict(name="digits", image_size=32),
        system=dict(name="gan", latent_size=64, conditional=True, average_half_life=10_000),
        generator=dict(name="dcgan", width=32),
        discriminator=dict(name="dcgan", width=32),
        objective=dict(name="non_saturating"),
        generator_optimizer=dict(name="adam", learning_rate=2e-4, b1=0.5),
        discriminator_optimizer=dict(name="adam", learning_rate=2e-4, b1=0.5),
    )
