"""Semi-supervised GAN on MNIST: D classifies digits, having been told the labels of 100, ten of each.

Source: Salimans et al. 2016 (arXiv:1606.03498), section 6.1, and the authors' code: K + 1 classes, feature matching,
dense networks; D with noise on its input and on every layer, and weights of fixed length; Adam 0.003 with b1 = 0.5,
batches of 100. They report 93 ± 6.5 errors on the 10,000 test digits after 300 epochs, 99.1 % right.

Ours: 20 epochs; images in [-1, 1], so twice the noise on them (0.6); ReLU in G (theirs softplus) and normal latents
(theirs uniform); layers that are not scaled by the first batch; the rate falls by a cosine (theirs by a line);
the classifier is an average of D's parameters.

Command: `jaxgan train --config mnist_semisupervised --config.data.data_dir=DIR`; with 1,000 labels,
`--config.data.labels=1000`.

Result at 100 labels, seed 0: 96.0 % of the 10,000 test digits, 400 errors; 84.5 % after 2,000 steps of a run of that
length, and as much by the convolutional networks of `mnist_nsgan`, without noise, in 3,000 steps of 64 (11 min). Linear
probes of a D that knew no labels come to 89 % (`mnist_probe`), the same layers trained by these labels alone to 80 %.
At 1,000 labels, seed 0: 97.0 %, 300 errors. Cost: 21 min on one CPU core.
"""

from jaxgan.config import recipe


def get_config():
    adam = dict(name="adam", learning_rate=("cosine", 3e-3, 3e-5), b1=0.5)
    dense = dict(name="mlp", slope=0.0)
    return recipe(
        steps=12_000,
        batch_size=100,
        steps_per_call=50,
        log_every=100,
        sample_every=1_000,
        save_every=1_000,
        samples=100,
        metrics=("accuracy_test",),
        data=dict(name="few_labels:tfds:mnist", labels=100),
        system=dict(name="semisupervised", latent_size=100),
        generator=dense | dict(hidden=(500, 500), normalise=True),
        discriminator=dense
        | dict(
            hidden=(1000, 500, 250, 250, 250), weight_norm=True, input_noise=0.6, noise=0.5, conditioning="classifier"
        ),
        objective=dict(name="non_saturating"),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
    )
