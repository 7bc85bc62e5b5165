"""Semi-supervised GAN on MNIST: D classifies digits, having been told the labels of 100, ten of each.

Source: Salimans et al. 2016 (arXiv:1606.03498), section 6.1, and the authors' code: K + 1 classes, feature matching,
100 labels; they report 93 ± 6.5 errors on the 10,000 test digits. Ours: the convolutional networks of `mnist_nsgan`
instead of fully connected ones with noise on every layer, D without normalisation, and 3 epochs instead of 300.

Command: `jaxgan train --config mnist_semisupervised --config.data.data_dir=DIR`; with 1,000 labels,
`--config.data.labels=1000`. Cost and result: not yet measured.
"""

from jaxgan.config import load


def get_config():
    config = load("mnist_nsgan")
    config.steps = 3_000
    config.metrics = ("accuracy_test",)
    config.data = dict(name="few_labels:tfds:mnist", labels=100)
    config.system = dict(name="semisupervised", latent_size=64)
    config.discriminator.update(normalise=False, conditioning="classifier")
    return config
