"""Your own images, a few hundred or many thousand: the recipe to start with, `--config.data.data_dir=FOLDER_OR_ZIP`.

Command: `jaxgan train --config folder --config.data.data_dir=faces.zip --workdir runs/faces`. Any image will do, they
are cropped to 64x64; where sub-folders are classes, `--config.system.conditional=True` makes images by class.

What is in it, and why:
- R3GAN's objective (Huang et al. 2024): relativistic pairs against dropped modes, R1 and R2 for convergence, which is
  proved near the solution. Updates one to one, nothing to balance.
- R3GAN's networks, which fit any size and have no normalisation, so that no image depends on the rest of its batch: 64
  channels at 64x64, 128 below, a sixth of the paper's.
- DiffAugment (Zhao et al. 2020), made for sets down to a hundred images. Not "ada": it goes by the sign of D's logits,
  and relativistic ones have no zero. Where colours matter, `--config.augmentation.color=False`.
- The schedules of R3GAN's code for faces at 64x64, over a third of its images: by half a cosine the weight of both
  penalties falls from 2 to 0.2 and b2 rises from 0.9 to 0.99. The learning rate falls from 1e-3 to 2.5e-4, five times
  the paper's: residual branches start at 0 and grow with rate times width. All of them take the whole run, whatever its
  `steps`.

To change: `--config.data.image_size=128`, with both weights four times as large for twice the side, as in StyleGAN2-ADA
(`--config.penalties.r1.weight="('cosine', 8.0, 0.8)"`, and r2's); larger weights where losses swing, smaller
ones where images stay blurred; `width` of both players for more detail. Where memory is short:
`--config.system.accumulate=4`.

Cost and result: not yet measured, a GPU's work.
"""

from jaxgan.config import recipe


def get_config():
    gamma = ("cosine", 2.0, 0.2)
    adam = dict(name="adam", learning_rate=("cosine", 1e-3, 2.5e-4), b1=0.0, b2=("cosine", 0.9, 0.99))
    return recipe(
        steps=100_000,
        batch_size=64,
        steps_per_call=10,
        log_every=100,
        sample_every=1000,
        save_every=1000,
        data=dict(name="folder", image_size=64),
        system=dict(name="gan", latent_size=64, fresh_latents=True, average_half_life=500_000),
        generator=dict(name="r3gan", width=64),
        discriminator=dict(name="r3gan", width=64),
        augmentation=dict(name="diffaugment"),
        objective=dict(name="relativistic"),
        penalties=dict(r1=dict(weight=gamma), r2=dict(weight=gamma)),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
    )
