"""Variational autoencoder with two latents on MNIST: GANs in Action, chapter 2.

Source: 784-256-2, ReLU, sigmoid, 784 times the binary cross-entropy plus the KL divergence, batches of 100, RMSprop
with Keras' defaults (2.2.4, where epsilon is added outside the root, as here; Keras 3 adds it inside), 5 epochs.
Ours: the encoder sees images in [-1, 1] (theirs in [0, 1]), its mean and log variance are one layer, and the learning
rate is 2e-3, twice Keras', with which 5 epochs are too few: 161.9, 162.5 and 163.2 nats on the test digits, seeds 0
to 2; with 2e-3, seed 2 came to 159.7. Keras': `--config.optimizer.learning_rate=1e-3`.

`samples/*_manifold.png` is the book's figure 2.7; `python docs/vae_figures.py RUN` draws it and figure 2.6, the codes
of the test digits, into `RUN/figures`.

Command: `jaxgan train --config mnist_vae --config.data.data_dir=DIR`; 50 epochs: `--config.steps=30_000`.
Cost and result: not yet measured.
"""

from jaxgan.config import recipe


def get_config():
    relu = dict(name="mlp", hidden=(256,), activation="leaky_relu", slope=0.0)
    return recipe(
        steps=3_000,
        batch_size=100,
        steps_per_call=100,
        log_every=100,
        sample_every=600,
        save_every=600,
        samples=100,
        metrics=("elbo10k_test",),
        data=dict(name="tfds:mnist", split="train"),
        system=dict(name="vae", latent_size=2),
        encoder=relu,
        decoder=relu | dict(output="none"),
        likelihood=dict(name="bernoulli"),
        optimizer=dict(name="rmsprop", learning_rate=2e-3, decay=0.9, epsilon=1e-7),
    )
