"""Features of a VGG16, for colour pictures where Inception's weights are not at hand."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict

from jaxgan.errors import JaxganError
from jaxgan.evaluation.features.chunks import as_rgb, repeated, through_network
from jaxgan.evaluation.features.extractor import Extracted, Extractor
from jaxgan.evaluation.kept import fingerprint
from jaxgan.networks.vgg import VGG, activations, convolution
from jaxgan.pretrained import vgg_weights
from jaxgan.pretrained.files import default_weights_folder

LAYER = "relu3_3"
"""It sees 40 pixels at once: textures and parts of things."""

LEAST_SIDE = 4
"""Two poolings leave one position of it."""

PIXELS = 2**17
"""Of the images at a time, for which the network takes a few hundred megabytes; of an image that has more, one."""

MOST = 64
"""Images at a time, however small they are."""


def default_file() -> Path:
    """Where the network is looked for."""
    return default_weights_folder() / "vgg16.safetensors"


def vgg16(weights: Path | None = None) -> Extractor:
    """VGG16 up to relu3_3: vectors are its activations' means over all positions [n, 256]; there are no classes.

    Vectors are in the scale of pictures in 0..1, whatever the file's own is, as numbers of about 1 suit the kernel
    distance. Images keep their size, as the layer sees no more than 40 pixels at once: scores of two sizes are not
    to be compared. Grey ones are repeated. The network is compiled once for every size.

    Args:
      weights: .safetensors file that `jaxgan convert-vgg` made, or .npz file as `vgg_weights.load` takes; by default
        `default_file()`. Layers behind relu3_3 are not looked at, and do not change `weights_sha256`.

    Raises:
      JaxganError: there is no such file, or it is not of this network; of `extract`: the images are not uint8, not
        grey or RGB, smaller than 4x4, or none.

    Source: Simonyan & Zisserman 2015 (arXiv:1409.1556).
    """
    params, unit = _load(weights or default_file())
    digest = fingerprint({**flatten_dict(params, sep="/"), "unit": np.asarray(unit, np.float32)})
    params = jax.device_put(params)

    def vectors_of(images: np.ndarray) -> np.ndarray:
        height, width = images.shape[1:3]
        if min(height, width) < LEAST_SIDE:
            raise JaxganError(f"vgg16: images must be {LEAST_SIDE}x{LEAST_SIDE} or more, and are {height}x{width}.")
        chunk = max(1, min(MOST, PIXELS // (height * width)))
        (vectors,) = through_network(_features, params, images, chunk)
        return vectors * np.float32(unit / 255)

    def extract(images: np.ndarray) -> Extracted:
        vectors = vectors_of(as_rgb(images))
        return Extracted(vectors, np.zeros((len(vectors), 0), np.float32))

    def unrounded(images: np.ndarray) -> np.ndarray:
        return vectors_of(repeated(images))

    protocol = {
        "weights_sha256": digest,
        "layer": f"{LAYER}, mean over positions",
        "resize": "none",
        "version": 1,
        "input_range": "[-1, 1]",
        "quantisation": "uint8",
    }
    return Extractor("vgg16", extract, unrounded, protocol)


def _load(path: Path) -> tuple[dict[str, Any], float]:
    """The parameters up to the layer, and the file's `vgg_weights.Weights.unit`."""
    if not path.is_file():
        out = path.with_suffix(".safetensors")
        raise JaxganError(
            f"there are no weights of VGG16 at {path}, and its scores need them. Where there is internet, get\n"
            f"torchvision's vgg16-397923af.pth; then run: jaxgan convert-vgg vgg16-397923af.pth --out {out}"
        )
    loaded = vgg_weights.load(path)
    if loaded.depth != 16 or LAYER not in loaded.layers:
        raise JaxganError(
            f"vgg16: {path} is of a VGG{loaded.depth} up to {loaded.layers[-1]}, and should be of a VGG16 up to "
            f"{LAYER} or further."
        )
    layers = activations(16)[: activations(16).index(LAYER) + 1]
    return {name: loaded.params[name] for name in ("mean", *map(convolution, layers))}, loaded.unit


@jax.jit
def _features(params: dict[str, Any], images: jax.Array) -> tuple[jax.Array]:
    """RGB images in 0..255 [b, h, w, 3] -> vectors [b, 256]."""
    scaled = images.astype(jnp.float32) / 127.5 - 1
    asked: Any = VGG(16, (LAYER,)).apply({"params": params}, scaled)
    return (jnp.mean(asked[LAYER], axis=(1, 2)),)
