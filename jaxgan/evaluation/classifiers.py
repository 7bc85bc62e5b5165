"""Convolutional classifiers of grey digits, for scores. Trained on first use, then kept in the user's cache folder.

Up to a processor's rounding, its weights are a pure function of the data, the settings below and this file's code. A
file is named by the hash of these, and what it holds is trusted only if it has the hash that was written with it.
"""

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax.traverse_util import flatten_dict, unflatten_dict
from PIL import Image

from jaxgan.compilation import cache_folder
from jaxgan.data import Example
from jaxgan.data.images import FILTER, fit
from jaxgan.data.order import indices
from jaxgan.errors import JaxganError
from jaxgan.evaluation.features import Extracted, Extractor
from jaxgan.evaluation.features.chunks import through_network
from jaxgan.evaluation.kept import fingerprint, kept_or_made
from jaxgan.networks.layers import Conv

VERSION = 1
"""Of the network and the training in this file: raised with every change that changes the weights."""

CHUNK = 1024  # images that are judged at a time

Weights = Mapping[str, np.ndarray]
"""By path in the network, "Conv_0/kernel"; float32."""


class Training(NamedTuple):
    """The settings of the training; with the data, they decide the weights.

    Attributes:
      steps: of Adam.
      batch_size: images a step.
      learning_rate: at the start; it falls to 0 by half a cosine.
      dropout: share of the last hidden layer's units that are dropped.
      shift: images are moved by up to this many pixels along each axis, at random.
      seed: of the initial weights, the order of the images, dropout and shifts.
    """

    steps: int
    batch_size: int = 128
    learning_rate: float = 2e-3
    dropout: float = 0.3
    shift: int = 1
    seed: int = 0


MNIST = Training(steps=1875)
"""Four epochs of the 60,000: 99.2 % on the test split, in about a minute on two CPU cores."""

DIGITS = Training(steps=600)
"""Of scikit-learn's 1,437."""


class Network(nn.Module):
    """Images [b, h, w, 1] in [0, 1] to the hidden layer that the digits are told by, [b, 128], and logits, [b, 10].

    Attributes:
      dropout: see `Training`.
    """

    dropout: float

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> tuple[jax.Array, jax.Array]:
        init = nn.initializers.he_normal()
        for features in (32, 64):
            x = nn.relu(Conv(features, 5, 2, "SAME", True, init, jnp.float32)(x))
        x = nn.relu(nn.Dense(128, kernel_init=init)(x.reshape(len(x), -1)))
        return x, nn.Dense(10)(nn.Dropout(self.dropout, deterministic=not train)(x))


def train(images: np.ndarray, labels: np.ndarray, training: Training) -> Weights:
    """Trains the classifier.

    Args:
      images: uint8 [n, h, w, 1].
      labels: int32 [n], 0..9.
      training: settings.
    """
    order = indices(training.seed, 0, training.steps * training.batch_size, len(images))
    with jax.default_matmul_precision("float32"):
        params = _fit(images, labels, order.reshape(training.steps, -1).astype(np.int32), training)
    return {name: np.asarray(value) for name, value in flatten_dict(params, sep="/").items()}


@functools.partial(jax.jit, static_argnums=3)
def _fit(images: jax.Array, labels: jax.Array, order: jax.Array, training: Training) -> dict[str, jax.Array]:
    network = Network(training.dropout)
    init_key, step_key = jax.random.split(jax.random.key(training.seed))
    optimizer = optax.adam(optax.cosine_decay_schedule(training.learning_rate, training.steps))

    def step(carry: tuple[Any, Any], item: tuple[jax.Array, jax.Array]) -> tuple[tuple[Any, Any], None]:
        params, state = carry
        number, batch = item
        shift_key, dropout_key = jax.random.split(jax.random.fold_in(step_key, number))
        x = _to_unit(shifted(images[batch], shift_key, training.shift))

        def loss(params: dict[str, jax.Array]) -> jax.Array:
            _, logits = network.apply({"params": params}, x, train=True, rngs={"dropout": dropout_key})
            return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, labels[batch]))

        updates, state = optimizer.update(jax.grad(loss)(params), state)
        return (optax.apply_updates(params, updates), state), None

    params = network.init(init_key, jnp.zeros((1, *images.shape[1:])), train=False)["params"]
    (params, _), _ = jax.lax.scan(step, (params, optimizer.init(params)), (jnp.arange(training.steps), order))
    return params


def _to_unit(images: jax.Array) -> jax.Array:
    return images.astype(jnp.float32) / 255


def shifted(images: jax.Array, key: jax.Array, most: int) -> jax.Array:
    """Moves every image [h, w, 1] of a batch on its own by -most..most pixels along each axis; black comes in."""
    padded = jnp.pad(images, ((0, 0), (most, most), (most, most), (0, 0)))
    corners = jax.random.randint(key, (len(images), 2), 0, 2 * most + 1)
    size = images.shape[1:]
    return jax.vmap(lambda image, at: jax.lax.dynamic_slice(image, (at[0], at[1], 0), size))(padded, corners)


def judged(weights: Weights, images: np.ndarray) -> Extracted:
    """Probabilities of the ten digits, and the 128 numbers that they are told by.

    Args:
      weights: of the classifier.
      images: in 0..255 [n, h, w, 1], white on black, as large as those it was trained on.
    """
    return Extracted(*through_network(_judge, weights, images, CHUNK))


@jax.jit
def _judge(weights: Weights, images: jax.Array) -> tuple[jax.Array, jax.Array]:
    hidden, logits = Network(0).apply({"params": unflatten_dict(weights, sep="/")}, _to_unit(images), train=False)
    return hidden, jax.nn.softmax(jnp.asarray(logits))


def load_or_train(name: str, images: np.ndarray, labels: np.ndarray, training: Training, folder: Path) -> Weights:
    """The weights that `train` gives for these arguments: read, if they were kept, or else trained and kept.

    Args:
      name: of the data.
      images: uint8 [n, h, w, 1].
      labels: int32 [n], 0..9.
      training: settings.
      folder: of the files; made if it is not there.
    """
    data = fingerprint({"image": images, "label": labels})
    settings = hashlib.sha256(repr((VERSION, tuple(training), data)).encode()).hexdigest()[:16]
    what = f"the classifier of {name}"
    return kept_or_made(folder / f"{name}-{settings}.npz", what, lambda: train(images, labels, training))


def extractor_of(name: str, train: Example, training: Training) -> Extractor:
    """The classifier of a data set as a feature network, for grey images of any size.

    Args:
      name: of the data.
      train: all that it learns from: `image` uint8 [n, h, w, 1], `label` int32 [n].
      training: settings.
    """
    height, width = train["image"].shape[1:3]
    weights = load_or_train(name, train["image"], train["label"], training, classifiers_folder())
    protocol = {
        "classifier": f"convolutional, version {VERSION}, {training.steps} steps",
        "weights_sha256": fingerprint(weights),
        "fitted_on": f"{name} train ({len(train['image'])})",
        "resize": f"PIL's Lanczos, antialiased, to {height}x{width}",
        "quantisation": "uint8",
    }

    def extract(images: np.ndarray) -> Extracted:
        if images.shape[-1] != 1:
            raise JaxganError(f"the features of {name} are of grey images, and these have {images.shape[-1]} channels.")
        return judged(weights, to_size(images, (height, width)))

    def unrounded(images: np.ndarray) -> np.ndarray:
        return judged(weights, to_size_unrounded(images, (height, width))).vectors

    return Extractor(name, extract, unrounded, protocol)


def classifiers_folder() -> Path:
    """`jaxgan/classifiers` in the user's cache folder."""
    return cache_folder() / "classifiers"


def to_size(digits: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Images uint8 [n, h, w, 1] at the size that the classifier knows, [n, *size, 1]."""
    if digits.shape[1:3] == size:
        return digits
    return np.stack([fit(Image.fromarray(digit[..., 0]), (*size, 1), "stretch") for digit in digits])


def to_size_unrounded(digits: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The same of images float32 [n, h, w, 1], by the same filter; nothing is rounded to levels."""
    if digits.shape[1:3] == size:
        return digits
    height, width = size
    resized = [Image.fromarray(digit[..., 0]).resize((width, height), FILTER) for digit in digits]
    return np.stack([np.asarray(image)[..., None] for image in resized])
