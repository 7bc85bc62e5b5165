"""Variational autoencoder with two latents on MNIST: GANs in Action, chapter 2.

Source: 784-256-2, ReLU, sigmoid, 784 times the binary cross-entropy plus the KL divergence, batches of 100, RMSprop
with Keras' defaults (2.2.4, where epsilon is added outside the root, as here; Keras 3 adds it inside), 5 epochs.
Ours: mean and log variance are one layer of the encoder, and the learning rate is 2e-3 (theirs 1e-3), chosen of 1e-3,
1.5e-3 and 2e-3 by 10,000 digits that were held out of the train split: 163.0, 161.2 and 160.2 nats after 2,500 steps on
the others.

`samples/*_manifold.png` is the book's figure 2.7; `python docs/vae_figures.py RUN` draws it and figure 2.6, the codes
of the test digits, into `RUN/figures`.

Command: `jaxgan train --config mnist_vae --config.data.data_dir=DIR`; 50 epochs: `--config.steps=30_000`.

Result on the 10,000 test digits, seeds 0 to 2: 159.2 ± 0.2 nats after 5 epochs (159.6, 158.9, 159.2) and 151.1 ± 0.2
after 50 (151.1, 151.4, 150.7); the same model in PyTorch 159.7 and 151.5. Cost: three seeds together in 80 s and 9 min
on two CPU cores. With the source's learning rate (`--config.optimizer.learning_rate=1e-3`) the same seeds had 161.3 ±
0.8 nats after 5 epochs (162.8, 161.3, 159.9).
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
