"""Features of real images, which generated ones are compared with; computed once for every content."""

import hashlib
import json
from collections.abc import Iterator

import numpy as np

from jaxgan.data import Source
from jaxgan.data.memory import read
from jaxgan.evaluation.features import Extracted, Extractor
from jaxgan.evaluation.kept import default_folder, kept_or_made
from jaxgan.evaluation.scoring import batch_size


def real_features(extractor: Extractor, source: Source) -> Extracted:
    """What a feature network says of all images of a source, in its order.

    It is kept under the hash of the images as the network gets them and of all that decides what it says of them: data
    that have changed, or been fitted to another size, are other data, whatever their name.

    Args:
      extractor: the network.
      source: of uint8 images, of which one batch is held at a time.
    """
    content = hashlib.sha256(json.dumps([extractor.name, dict(extractor.protocol)], sort_keys=True).encode())
    for images in _batches(source):
        content.update(f"{images.shape}".encode())
        content.update(np.ascontiguousarray(images).data)
    path = default_folder() / "features" / f"{extractor.name}-{content.hexdigest()[:16]}.npz"

    def make() -> dict[str, np.ndarray]:
        parts = [extractor.extract(images) for images in _batches(source)]
        return Extracted(*map(np.concatenate, zip(*parts, strict=True)))._asdict()

    return Extracted(**kept_or_made(path, f"{extractor.name}'s features of {source.spec.size:,} real images", make))


def _batches(source: Source) -> Iterator[np.ndarray]:
    size, some = source.spec.size, batch_size(source.spec.shape)
    for first in range(0, size, some):
        yield np.stack([example["image"] for example in read(source, range(first, min(first + some, size)))])
