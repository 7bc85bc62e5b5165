"""Features of real images, which generated ones are compared with; computed once for every content."""

import hashlib
import json
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from jaxgan.compilation import cache_folder
from jaxgan.data import Source
from jaxgan.data.memory import read
from jaxgan.evaluation.features import Extractor
from jaxgan.evaluation.kept import kept_or_made
from jaxgan.evaluation.progress import progress
from jaxgan.evaluation.scoring import batch_size
from jaxgan.rows import Rows


class Reference(NamedTuple):
    """Real images as a feature network sees them.

    Attributes:
      name: of the data and the part of them, with their number.
      sha256: of the images as the network got them, and of all that decides what it says.
      vectors: float32 [n, d] of all images, in their order.
    """

    name: str
    sha256: str
    vectors: np.ndarray


def real_features(extractor: Extractor, source: Source, name: str) -> Reference:
    """The vectors that a feature network makes of all images of a source.

    They are kept under the hash of the images as the network gets them and of its protocol: data that have changed, or
    been fitted to another size, are other data, whatever their name.

    Args:
      extractor: the network.
      source: of uint8 images, of which one batch is asked for at a time.
      name: of the data and the part of them.
    """
    content = hashlib.sha256(json.dumps([extractor.name, dict(extractor.protocol)], sort_keys=True).encode())
    for images in _batches(source):
        content.update(f"{images.shape}".encode())
        content.update(np.ascontiguousarray(images).data)
    path = cache_folder() / "features" / f"{extractor.name}-{content.hexdigest()[:16]}.npz"
    count = f"{source.spec.size:,}"
    what = f"{extractor.name}'s features of {count} real images"
    kept = kept_or_made(path, what, lambda: {"vectors": vectors_of(extractor, source, name)})
    return Reference(f"{name} ({count})", content.hexdigest(), kept["vectors"])


def vectors_of(extractor: Extractor, source: Source, name: str) -> np.ndarray:
    """What a feature network makes of all images of a source: float32 [n, d], in its order.

    Args:
      extractor: the network.
      source: of uint8 images, of which one batch is asked for at a time.
      name: of the source, for a progress bar.
    """
    vectors = Rows(source.spec.size)
    with progress(f"{extractor.name}'s features of {name}", source.spec.size, "image") as bar:
        for images in _batches(source):
            vectors.add(extractor.extract(images).vectors)
            bar.update(len(images))
    return vectors.whole()


def _batches(source: Source) -> Iterator[np.ndarray]:
    size, some = source.spec.size, batch_size(source.spec.shape)
    for first in range(0, size, some):
        yield np.stack([example["image"] for example in read(source, range(first, min(first + some, size)))])
