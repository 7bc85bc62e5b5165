"""One-class detection on MNIST: an autoencoder that has never seen a digit, and how well it tells it from the others.

Source: GANs in Action, section 2.5, whose one-class classifier searches the latent space. Scored in the test split by
the error of the reconstruction, by the distance of the code to those of the train split, and by both.
Ours: a code of 16 numbers, or the digit left out would be given back as well as the others.

Command: one run a digit, here the 3; any of them by its name:
`for d in 0 1 2 3 4 5 6 7 8 9; do jaxgan train --config mnist_anomaly --config.data.data_dir=DIR
--config.data.without="('$d',)" --workdir runs/anomaly_$d; done`.
Cost and result: not yet measured.
"""

from jaxgan.config import load


def get_config():
    config = load("mnist_autoencoder")
    config.metrics = ("anomaly_test_5nn",)
    config.data.without = ("3",)
    config.system.latent_size = 16
    return config
