"""Are GANs created equal? The quick form: eight methods, three learning rates, three seeds, on scikit-learn's digits.

As the study `mnist`, on 64,000 images of 16x16 pixels, between networks of half the width.

Command: `jaxgan study digits --workdir runs/study_digits`. Cost: 43 min on one core of an Intel Xeon, with other
jobs beside it. Result, Fréchet distance of 1,000 digits by a classifier's features, tuned, median of the seeds:
R3GAN's objective 6.1, least squares 8.9, non-saturating 9.5, WGAN-GP 11.2, WGAN 13.7, DRAGAN 18.5, SNGAN 26.2, minimax
116.7; but of all settings least squares has the best median, 11.3, and R3GAN's 79.7 (`docs/studies.md`).
"""

import dataclasses

from jaxgan.study.plan import load


def get_study():
    mnist = load("mnist")
    for recipe in mnist.cells.values():
        recipe.data = dict(name="digits", image_size=16)
        recipe.generator.width = recipe.discriminator.width = 16
    return dataclasses.replace(mnist, images=64_000, seeds=3, metrics=("fid1k_test_digits", "dc1k_test_digits"))
