"""InfoGAN on MNIST: a code of ten categories and two continuous ones find digits, slant and width without labels.

Source: Chen et al. 2016 (arXiv:1606.03657), section 7.1, networks of table 1, and the authors' code: lambda 1, Q a
hidden layer of 128 with batch normalisation on D's features, a learning rate of G five times that of D. Ours:
networks half as wide, batches of 64 (theirs 128), and 6 latents of normal noise (theirs 62, uniform): with more of
them G draws the digit by the noise, and hides the category where D does not look.

Command: `jaxgan train --config mnist_infogan --config.data.data_dir=DIR`.

Result: agreement of category and digit after one-to-one matching, seeds 0 to 2: 85.8, 93.2 and 79.6 % of 10,000 samples
(real digits by the same categories: 77.9, 86.9 and 73.9 %), mean 86.2 ± 3.9 %. So 90 % depend on the seed. Where it
is less, two or three digits share as many categories: with seed 0 the 3 and the 5, with seed 2 the 2, the 3 and the 8,
told apart by slant. With G at D's learning rate, 2e-4, seeds 1 and 2 had 65.3 and 91.0 %; with the numbers' information
weighted by a tenth at that rate (`--config.system.continuous_weight=0.1`) seeds 0 and 1 had 81.2 and 84.4 %.
Cost: 12 to 19 min of one core of an Intel Xeon with other jobs beside it.
"""

from jaxgan.config import load


def get_config():
    config = load("mnist_nsgan")
    config.steps = 5_000
    config.metrics = ("codes10k_mnist",)
    config.system = dict(name="infogan", latent_size=6, categorical=(10,), continuous=2)
    # Dense layers of 512, from the latents and to Q, are (transposed) convolutions of the whole 7x7 map.
    config.generator = dict(name="dcgan", width=32, multipliers=(16, 2, 1), kernel=(7, 4, 4), stride=(7, 2, 2))
    config.discriminator = dict(name="dcgan", width=32, multipliers=(1, 2, 16), kernel=(4, 4, 7), stride=(2, 2, 7))
    config.posterior = dict(name="mlp", hidden=(128,), slope=0.1, normalise=True)
    config.generator_optimizer.learning_rate = 1e-3
    config.discriminator_optimizer.learning_rate = 2e-4
    return config
