"""LAPGAN on MNIST: a dense GAN of 7x7 images, and two convolutional ones that add what 14x14 and 28x28 lack.

Source: Denton et al. 2015 (arXiv:1506.05751), which has no MNIST: the networks are those for CIFAR-10, at 7x7 a
quarter and above an eighth as wide. Ours: Adam 2e-4 with b1 = 0.5 for all players (theirs gradient descent with
momentum), averaged generators, normal latents (theirs uniform), no dropout in the smallest D.

Command: `jaxgan train --config mnist_lapgan --config.data.data_dir=DIR`.

Result, seed 0: 10 of 10 digits found among 10,000 samples, the rarest with 1.2 %, KL divergence of their shares 0.27;
46 % get a probability over 0.9 for some digit (real ones 97.8 %). Cost: 28 min of one CPU core (Intel Xeon).
"""

from jaxgan.config import recipe


def get_config():
    adam = dict(name="adam", learning_rate=2e-4, b1=0.5)
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
        system=dict(name="lapgan", levels=3, latent_size=100),
        generator=dict(name="mlp", hidden=(300, 300), slope=0.0),
        discriminator=dict(name="mlp", hidden=(150, 150), slope=0.0),
        band_generator=dict(name="lapgan", width=16),
        band_discriminator=dict(name="lapgan", width=16),
        objective=dict(name="non_saturating"),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
    )
