"""BEGAN on MNIST: D is a shallow autoencoder with codes of 32, balanced against G.

Source: Berthelot et al. 2017 (arXiv:1703.10717): 64 latents, uniform in [-1, 1], lambda_k = 0.001, L1. Of Lucic et al.
2018 (arXiv:1711.10337) and its code: batches of 64, gamma = 0.75, Adam at 2e-4 with b1 = 0.5, and a D of one strided
convolution down to a code of 32 and one up again, with batch normalisation. Their best Inception FID on MNIST is
13.1 ± 1.0, against 6.8 ± 0.5 of the non-saturating GAN.

Ours: no layers between code and maps but one; leaky ReLU; linear at the end (theirs a sigmoid): a tanh gets stuck at
black, which is most of a digit; 3,000 steps; samples of the parameter average.

Command: `jaxgan train --config mnist_began --config.data.data_dir=DIR`.

Result, seeds 0 to 2, 4 to 7 min of one CPU core each (Intel Xeon): all ten digits, of 10,000 samples the rarest digit
1.2, 1.7 and 0.9 %, KL divergence of the digits from MNIST's own shares 0.49, 0.40 and 0.38 nats; the classifier is sure
of 45, 40 and 44 % of them (of MNIST 98 %): many are between two digits. Means: 1.3 ± 0.2 %, 0.42 ± 0.03, 43 ± 1 %. D's
error on real digits falls from 0.33 to 0.10.

With a deep D (three levels, codes of 64, no normalisation, as in the paper) G collapses to one and the same 1, which D
reconstructs best, within 3,000 steps; with lambda_k = 0.02 too, and with batch normalisation in G alone.
"""

from jaxgan.config import recipe


def get_config():
    adam = dict(name="adam", learning_rate=2e-4, b1=0.5)
    player = dict(name="dcgan", width=64, slope=0.2, normalise=True, kernel_init="glorot_uniform")
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
        system=dict(name="began", gamma=0.75, code_size=32),
        generator=player | dict(multipliers=(2, 1), output="none"),
        encoder=player | dict(multipliers=(1,)),
        decoder=player | dict(multipliers=(1,), output="none"),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
    )
