"""R3GAN's objective on a ring: relativistic pairs with R1 and R2."""

from jaxgan.config import recipe


def get_config():
    images = 2_560_000.0
    adam = dict(name="adam", learning_rate=("cosine", 1e-3, 1e-5, images), b1=0.0, b2=0.99)
    return recipe(
        steps=10_000,
        batch_size=256,
        steps_per_call=500,
        log_every=500,
        sample_every=2_500,
        save_every=5_000,
        evaluate_every=2_500,
        samples=2500,
        metrics=("modes2500_ring",),
        data=dict(name="ring"),
        system=dict(name="gan", latent_size=2, average_half_life=50_000, fresh_latents=True),
        generator=dict(name="mlp", hidden=(128,) * 3, slope=0.2, output="none", kernel_init="he_normal"),
        discriminator=dict(name="mlp", hidden=(128,) * 3, slope=0.2, kernel_init="he_normal"),
        objective=dict(name="relativistic"),
        penalties=dict(r1=dict(weight=("cosine", 1.0, 0.01, images)), r2=dict(weight=("cosine", 1.0, 0.01, images))),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
    )
