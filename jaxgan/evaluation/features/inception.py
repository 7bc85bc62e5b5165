"""Features of the Inception network, which FID, the kernel distance and the Inception score are defined by."""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxgan.evaluation.features import inception_weights
from jaxgan.evaluation.features.chunks import as_rgb, repeated, through_network
from jaxgan.evaluation.features.extractor import Extracted, Extractor
from jaxgan.evaluation.features.resizing import resized
from jaxgan.networks.inception import SIDE, Inception

CHUNK = 16
"""Images at a time: as many keep two cores as busy as more would, and the last ones of a set wait for few others."""


def inception(weights: Path | None = None, chunk: int = CHUNK) -> Extractor:
    """The Inception network of FID: vectors are its pooled features [n, 2048], probabilities of its 1008 classes.

    Images of any size are resized to 299x299 as by TensorFlow 1; grey ones are repeated. The network is compiled once,
    the resize once for every size. Probabilities are the softmax of logits without their bias, as in the Inception
    score's own code.

    Args:
      weights: file that `jaxgan convert-inception` made; by default `inception_weights.default_file()`.
      chunk: images at a time; another number may change the last bits.

    Raises:
      JaxganError: there is no such file, or it is not of this network; of `extract`: the images are not uint8, not
        grey or RGB, or none.

    Source: Heusel et al. 2017 (arXiv:1706.08500); Salimans et al. 2016 (arXiv:1606.03498).
    """
    loaded = inception_weights.load(weights or inception_weights.default_file())
    params = jax.device_put(loaded.params)

    def of(images: np.ndarray) -> Extracted:
        return Extracted(*through_network(_looked_at, params, images, chunk))

    def extract(images: np.ndarray) -> Extracted:
        return of(as_rgb(images))

    def unrounded(images: np.ndarray) -> np.ndarray:
        return of(repeated(images)).vectors

    protocol = {
        "weights_sha256": loaded.sha256,
        "resize": "TensorFlow 1 bilinear to 299x299",
        "version": 1,
        "input_range": "(x - 128) / 128",
        "quantisation": "uint8",
    }
    return Extractor("inception", extract, unrounded, protocol)


def _looked_at(params: inception_weights.Params, images: np.ndarray) -> tuple[jax.Array, jax.Array]:
    """RGB images in 0..255 [b, h, w, 3]; the resize is a program of its own, as the network's is one for all sizes."""
    return _features(params, resized(images, SIDE))


@jax.jit
def _features(params: inception_weights.Params, images: jax.Array) -> tuple[jax.Array, jax.Array]:
    """RGB images float32 [b, 299, 299, 3] in 0..255 -> vectors [b, 2048] and probabilities [b, 1008]."""
    found: Any = Inception().apply({"params": params}, (images - 128) / 128)
    return found["pool3"], jax.nn.softmax(found["logits_unbiased"])
