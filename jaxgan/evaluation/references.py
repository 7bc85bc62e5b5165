"""Features of real images, which generated ones are compared with; computed once for every content."""

import hashlib
import json
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from jaxgan.compilation import cache_folder
from jaxgan.data import Source
from jaxgan.data.memory import read
from jaxgan.evaluation.features import Extracted, Extractor
from jaxgan.evaluation.kept import kept_or_made
from jaxgan.evaluation.scoring import batch_size


class Reference(NamedTuple):
    """Real images as a feature network sees them.

    Attributes:
      name: of the data and the part of them, with their number.
      sha256: of the images as the network got them, and of all that decides what it says.
      features: of all images, in their order.
    """

    name: str
    sha256: str
    features: Extracted


def real_features(extractor: Extractor, source: Source, name: str) -> Reference:
    """What a feature network says of all images of a source.

    It is kept under the hash of the images as the network gets them and of its protocol: data that have changed, or
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
    kept = kept_or_made(path, what, lambda: features_of(extractor, source)._asdict())
    return Reference(f"{name} ({count})", content.hexdigest(), Extracted(**kept))


def features_of(extractor: Extractor, source: Source) -> Extracted:
    """What a feature network says of all images of a source, in its order."""
    parts = [extractor.extract(images) for images in _batches(source)]
    return Extracted(*map(np.concatenate, zip(*parts, strict=True)))


def _batches(source: Source) -> Iterator[np.ndarray]:
    size, some = source.spec.size, batch_size(source.spec.shape)
    for first in range(0, size, some):
        yield np.stack([example["image"] for example in read(source, range(first, min(first + some, size)))])
