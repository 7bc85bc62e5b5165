"""BEGAN on MNIST: D is an autoencoder, balanced against G; networks of the size of `mnist_nsgan`'s.

Source: Berthelot et al. 2017 (arXiv:1703.10717): 64 latents, uniform in [-1, 1], codes of 64, decoder and generator
alike, no normalisation, lambda_k = 0.001, Adam at 1e-4 for both players. From Lucic et al. 2018 (arXiv:1711.10337) and
its code: batches of 64 and gamma = 0.75. Their best Inception FID on MNIST is 13.1 ± 1.0, against 6.8 ± 0.5 of the
non-saturating GAN.

Ours: strided and transposed convolutions with leaky ReLU (the paper: 3x3 convolutions with ELU and resampling); linear
at the end, as theirs: a tanh gets stuck at black, which is most of a digit; a learning rate of 5e-4 that falls to 5e-5
by a cosine (the paper: halved whenever the convergence measure stalls); Adam with b1 = 0.5; samples of the parameter
average.

Command: `jaxgan train --config mnist_began --config.data.data_dir=DIR`.

Result, seed 0: collapsed. After 3,000 steps, 12 min of one CPU core (Intel Xeon), the 10,000 samples are one and the
same 1, which D reconstructs best; so too with lambda_k = 0.02 and learning rates that stay at 2e-4 for G and 5e-4 for
D. D itself learns: its error on real digits falls from 0.42 to 0.12. With batch normalisation in all three networks
there are two pictures instead of one after 1,500 steps, at many strengths; in G alone it is one. A run of full length
has not been measured.
"""

from jaxgan.config import recipe


def get_config():
    adam = dict(name="adam", learning_rate=("cosine", 5e-4, 5e-5), b1=0.5)
    upwards = dict(
        name="dcgan",
        width=32,
        multipliers=(4, 2, 1),
        slope=0.2,
        normalise=False,
        kernel_init="glorot_uniform",
    )
    downwards = upwards | dict(multipliers=(1, 2, 4))
    upwards["output"] = "none"
    return recipe(
        steps=10_000,
        batch_size=64,
        steps_per_call=50,
        log_every=100,
        sample_every=1000,
        save_every=1000,
        samples=100,
        metrics=("classes10k_mnist",),
        data=dict(name="tfds:mnist", split="train"),
        system=dict(name="began", gamma=0.75),
        generator=upwards,
        encoder=downwards,
        decoder=upwards,
        generator_optimizer=adam,
        discriminator_optimizer=adam,
    )
