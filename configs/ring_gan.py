"""Plain GAN on a ring of eight Gaussians, by PacGAN's protocol: modes, share of high quality, reverse KL divergence.

Source: Lin et al. 2018 (arXiv:1712.04086), section 4.1, and the authors' code: G 2-400-400-400-400-2 with batch
normalisation, D of three maxout layers of 200 units in 5 pieces, N(0, 0.02^2), Adam 1e-4 with b1 = 0.8, 400 epochs of
100,000 points in batches of 100. Samples are drawn from G's last parameters, with its running statistics.
Ours: D moves first and G against the D that has moved, where their code moves both at once; running statistics keep
0.9, where theirs keep 0.95; and of packs G normalises all points together, where theirs treats each place alone.

Command: `jaxgan train --config ring_gan --config.seeds=10`. Cost: 87 min a seed on one CPU core. Result: not yet
measured to the end; docs/results.md has the first 5,000 steps.
"""

from jaxgan.config import recipe


def get_config():
    adam = dict(name="adam", learning_rate=1e-4, b1=0.8)
    return recipe(
        steps=400_000,
        batch_size=100,
        steps_per_call=500,
        log_every=1_000,
        sample_every=10_000,
        save_every=10_000,
        evaluate_every=10_000,
        samples=1000,
        metrics=("modes2500_ring",),
        data=dict(name="ring"),
        system=dict(name="gan", latent_size=2, average_half_life=0),
        generator=dict(name="mlp", hidden=(400,) * 4, slope=0.0, normalise=True, output="none", kernel_init="normal"),
        discriminator=dict(name="mlp", hidden=(200,) * 3, activation="maxout", pieces=5, kernel_init="normal"),
        objective=dict(name="non_saturating"),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
    )
