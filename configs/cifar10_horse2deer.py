"""CycleGAN between two classes of CIFAR-10: horses and deer, 32x32, 5,000 of each.

The data: `--config.data.data_dir=FOLDER_OR_ZIP` names a folder or zip of images, `train/<class>/<n>.jpg`. For other
domains `--config.data.first=FOLDER --config.data.second=FOLDER` names two of its sub-folders; other sizes are had by
`--config.data.image_size=128`.

Source: Zhu et al. 2017: residual translators with 6 blocks, PatchGAN, least squares, pools of 50, one pair a step, Adam
2e-4 with b1 = 0.5. The weights of cycles and identity are 5 and 2.5 beside our halved squares, which is the paper's 10
and 5. Ours: D has two strided layers, patches of 34x34, which is the whole image; the learning rate falls linearly to 0
over the whole run, 200 passes, not over the second hundred; images are shown as they are, not enlarged, cropped at
random and mirrored; who is paired with whom is fixed.

Command: `jaxgan train --config cifar10_horse2deer --config.data.data_dir=FOLDER_OR_ZIP --workdir runs/horse2deer`.
Cost and result: not yet measured, a GPU's work. On a CPU a quarter of the width and 5 passes show the direction:
`--config.steps=6000 --config.batch_size=4 --config.generator.width=16 --config.discriminator.width=16` comes to a cycle
of 0.087 of the way from black to white in 25 min of one core (Intel Xeon, seed 0); what comes out are still horses.
"""

from jaxgan.config import recipe


def get_config():
    adam = dict(name="adam", learning_rate=("linear", 2e-4, 0.0), b1=0.5)
    return recipe(
        steps=200 * 5_000,
        batch_size=1,
        steps_per_call=100,
        log_every=500,
        sample_every=5_000,
        save_every=5_000,
        data=dict(
            name="unpaired",
            data_dir="data/cifar10",
            first="train/horse",
            second="train/deer",
            image_size=32,
            channels=3,
        ),
        system=dict(name="cyclegan"),
        generator=dict(name="resnet", blocks=6),
        discriminator=dict(name="patchgan", layers=2),
        objective=dict(name="least_squares"),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
    )
