"""BEGAN on CIFAR-10 at 32x32: D is an autoencoder, balanced against G.

The data: as for `cifar10_dcgan64`, a folder or zip of images, `train/<class>/<n>.jpg`.

Source: Berthelot et al. 2017 (arXiv:1703.10717): batches of 16, maps of 8x8 pixels at the smallest, codes and latents
of 64, decoder and generator alike, no normalisation, gamma = 0.5, lambda_k = 0.001, Adam at 1e-4 for both players.

Ours: strided and transposed convolutions with leaky ReLU, linear at the end, as in `mnist_began`; a learning rate that
falls by a cosine; 300,000 steps; samples of the parameter average. It may collapse, as deep networks did on MNIST.

Command: `jaxgan train --config cifar10_began --config.data.data_dir=FOLDER_OR_ZIP --workdir runs/began`.
Cost and result: not yet measured, a GPU's work.
"""

from jaxgan.config import load


def get_config():
    config = load("mnist_began")
    config.steps, config.batch_size = 300_000, 16
    config.save_every = config.sample_every = 10_000
    config.metrics = ()
    config.data = dict(name="folder", data_dir="data/cifar10", split="train", image_size=32, channels=3)
    config.system.update(gamma=0.5, code_size=64)
    for half in ("generator", "decoder"):
        config[half].update(width=128, multipliers=(2, 1), normalise=False)
    config.encoder.update(width=128, multipliers=(1, 2), normalise=False)
    adam = dict(name="adam", learning_rate=("cosine", 1e-4, 1e-5), b1=0.9)
    config.generator_optimizer = config.discriminator_optimizer = adam
    return config
