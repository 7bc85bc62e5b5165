"""Are GANs created equal? The quick form: eight methods, three learning rates, three seeds, on scikit-learn's digits.

As the study `mnist`, on 64,000 images of 16x16 pixels, between networks of half the width.

Command: `jaxgan study digits --workdir runs/study_digits`. Cost and result: not yet measured.
"""

import dataclasses

from jaxgan.study.plan import load


def get_study():
    mnist = load("mnist")
    for recipe in mnist.cells.values():
        recipe.data = dict(name="digits", image_size=16)
        recipe.generator.width = recipe.discriminator.width = 16
    return dataclasses.replace(mnist, images=64_000, seeds=3, metrics=("fid1k_test_digits", "dc1k_test_digits"))
