"""Unrolled GAN on a ring of eight Gaussians: how many modes G keeps, by the number of D's steps that it looks ahead.

Source: Metz et al. 2017 (arXiv:1611.02163), settings of the authors' code (github.com/poolio/unrolled_gan): the minimax
loss, both players of two layers of 128 tanh units with orthogonal kernels, 256 latents, batches of 512, Adam with
b1 = 0.5, 1e-3 for G and 1e-4 for D, 25,000 steps, 5 of them unrolled. Samples are drawn from G's last parameters.

Ours: eight Gaussians (in theirs the first and the last of the eight are the same); kernels of gain 1 (theirs 1.4); D
moves before G, as in the paper (their code moves both at once).

Commands, of which the first is the plain GAN with the same networks:
`jaxgan train --config ring_unrolled --config.seeds=10 --config.system.unroll=0`
`jaxgan train --config ring_unrolled --config.seeds=10 --config.system.unroll=5`
`jaxgan train --config ring_unrolled --config.seeds=10 --config.system.unroll=10`
Cost and result: not yet measured.
"""

from jaxgan.config import recipe


def get_config():
    perceptron = dict(name="mlp", hidden=(128, 128), activation="tanh", kernel_init="orthogonal")
    return recipe(
        steps=25_000,
        batch_size=512,
        steps_per_call=500,
        log_every=500,
        sample_every=5_000,
        save_every=5_000,
        evaluate_every=5_000,
        samples=1000,
        metrics=("modes2500_ring",),
        data=dict(name="ring"),
        system=dict(name="unrolled", unroll=5, latent_size=256, average_half_life=0),
        generator=perceptron | dict(output="none"),
        discriminator=perceptron,
        objective=dict(name="minimax"),
        generator_optimizer=dict(name="adam", learning_rate=1e-3, b1=0.5),
        discriminator_optimizer=dict(name="adam", learning_rate=1e-4, b1=0.5),
    )
