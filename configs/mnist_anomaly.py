"""One-class detection on MNIST: an autoencoder that has never seen a digit, and how well it tells it from the others.

Source: GANs in Action, section 2.5, whose one-class classifier searches the latent space. Scored in the test split by
the error of the reconstruction, by the distance of the code to those of the train split, and by both.
Ours: a code of 16 numbers, or the digit left out would be given back as well as the others.

Command: one run a digit, here the 3; any of them by its name:
`for d in 0 1 2 3 4 5 6 7 8 9; do jaxgan train --config mnist_anomaly --config.data.data_dir=DIR
--config.data.without="('$d',)" --workdir runs/anomaly_$d; done`.

Result with seed 0, area under the ROC curve by error, by code and by both together, of the digits 0 to 9:
  by error  0.94 0.29 0.95 0.88 0.92 0.90 0.89 0.67 0.94 0.63, mean 0.80
  by code   0.97 0.61 0.99 0.95 0.75 0.95 0.95 0.92 0.96 0.81, mean 0.89
  by both   0.97 0.35 0.97 0.93 0.91 0.94 0.93 0.78 0.97 0.70, mean 0.84
A 1 that was never seen is still a stroke, which is easier than any other digit. Cost: 35 s a digit on one CPU core.
"""

from jaxgan.config import load


def get_config():
    config = load("mnist_autoencoder")
    config.metrics = ("anomaly_test_5nn",)
    config.data.without = ("3",)
    config.system.latent_size = 16
    return config
