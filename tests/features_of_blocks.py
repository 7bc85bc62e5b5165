"""A feature network that is known by heart: the mean grey of the four quarters of an image, and two classes of it."""

import numpy as np

from jaxgan.evaluation.features import Extracted, Extractor

LARGEST: list[int] = []
"""How many images were given at once, of every call."""


def extract(images):
    LARGEST.append(len(images))
    n, height, width, _ = images.shape
    quarters = images[:, : height // 2 * 2, : width // 2 * 2].astype(np.float32)
    means = quarters.reshape(n, 2, height // 2, 2, width // 2, -1).mean(axis=(2, 4, 5)).reshape(n, 4)
    light = means.mean(axis=1, keepdims=True) / 255
    return Extracted(means, np.concatenate([light, 1 - light], axis=1).astype(np.float32))


def vectors_of(images):
    return extract(images).vectors


BLOCKS = Extractor("blocks", extract, vectors_of, {"weights_sha256": "none", "resize": "none"})
