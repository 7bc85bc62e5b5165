"""A convolutional classifier of MNIST's digits, for scores. Trained on first use, then kept in the user's cache folder.

Up to a processor's rounding, its weights are a pure function of the data, the settings below and this file's code. A
file is named by the hash of these, and what it holds is trusted only if it has the hash that was written with it.
"""

import functools
import hashlib
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxgan.compilation import default_folder
from jaxgan.data.order import indices
from jaxgan.networks.layers import Conv

VERSION = 1
"""Of the network and the training in this file: raised with every change that changes the weights."""

SIDE = 28
CHUNK = 1000  # images that are judged at a time

Weights = Mapping[str, np.ndarray]
"""By path in the network, "Conv_0/kernel"; float32."""


class Training(NamedTuple):
    """The settings of the training; with the data, they decide the weights.

    Attributes:
      steps: of Adam; by default four epochs of 60,000.
      batch_size: images a step.
      learning_rate: at the start; it falls to 0 by half a cosine.
      dropout: share of the last hidden layer's units that are dropped.
      shift: images are moved by up to this many pixels along each axis, at random.
      seed: of the initial weights, the order of the images, dropout and shifts.
    """

    steps: int = 1875
    batch_size: int = 128
    learning_rate: float = 2e-3
    dropout: float = 0.3
    shift: int = 1
    seed: int = 0


TRAINING = Training()
"""99.2 % on the test split, in about a minute on two CPU cores."""


class Network(nn.Module):
    """Images [b, 28, 28, 1] in [0, 1] to the logits of ten digits, [b, 10].

    Attributes:
      dropout: see `Training`.
    """

    dropout: float

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        init = nn.initializers.he_normal()
        for features in (32, 64):
            x = nn.relu(Conv(features, 5, 2, "SAME", True, init, jnp.float32)(x))
        x = nn.relu(nn.Dense(128, kernel_init=init)(x.reshape(len(x), -1)))
        return nn.Dense(10)(nn.Dropout(self.dropout, deterministic=not train)(x))


def train(images: np.ndarray, labels: np.ndarray, training: Training) -> Weights:
    """Trains the classifier.

    Args:
      images: uint8 [n, 28, 28, 1].
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
            logits = network.apply({"params": params}, x, train=True, rngs={"dropout": dropout_key})
            return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, labels[batch]))

        updates, state = optimizer.update(jax.grad(loss)(params), state)
        return (optax.apply_updates(params, updates), state), None

    params = network.init(init_key, jnp.zeros((1, SIDE, SIDE, 1)), train=False)["params"]
    (params, _), _ = jax.lax.scan(step, (params, optimizer.init(params)), (jnp.arange(training.steps), order))
    return params


def _to_unit(images: jax.Array) -> jax.Array:
    return images.astype(jnp.float32) / 255


def shifted(images: jax.Array, key: jax.Array, most: int) -> jax.Array:
    """Moves every image [28, 28, 1] of a batch on its own by -most..most pixels along each axis; black comes in."""
    padded = jnp.pad(images, ((0, 0), (most, most), (most, most), (0, 0)))
    corners = jax.random.randint(key, (len(images), 2), 0, 2 * most + 1)
    return jax.vmap(lambda image, at: jax.lax.dynamic_slice(image, (at[0], at[1], 0), (SIDE, SIDE, 1)))(padded, corners)


def probabilities(weights: Weights, images: np.ndarray) -> np.ndarray:
    """Probabilities of the ten digits, float32 [n, 10].

    Args:
      weights: of the classifier.
      images: uint8 [n, 28, 28, 1], white on black.
    """
    padded = np.zeros((-(-len(images) // CHUNK) * CHUNK, *images.shape[1:]), np.uint8)  # one shape, one compilation
    padded[: len(images)] = images
    with jax.default_matmul_precision("float32"):
        chunks = [_judge(weights, padded[first : first + CHUNK]) for first in range(0, len(padded), CHUNK)]
    return np.concatenate(chunks)[: len(images)]


@jax.jit
def _judge(weights: Weights, images: jax.Array) -> jax.Array:
    logits = Network(0).apply({"params": unflatten_dict(weights, sep="/")}, _to_unit(images), train=False)
    return jax.nn.softmax(jnp.asarray(logits))


def load_or_train(images: np.ndarray, labels: np.ndarray, training: Training, folder: Path) -> Weights:
    """The weights that `train` gives for these arguments: read, if they were kept, or else trained and kept.

    A file that is not what was written is told to the user and replaced; a folder that cannot be written is told.

    Args:
      images: uint8 [n, 28, 28, 1].
      labels: int32 [n], 0..9.
      training: settings.
      folder: of the files; made if it is not there.
    """
    data = fingerprint({"image": images, "label": labels})
    name = hashlib.sha256(repr((VERSION, tuple(training), data)).encode()).hexdigest()[:16]
    path = folder / f"mnist-{name}.npz"
    weights = _read(path) if path.exists() else None
    if weights is None:
        _tell("training the classifier of MNIST's digits that the score needs; it is kept for the next time ...")
        weights = train(images, labels, training)
        try:
            _write(path, weights)
        except OSError as error:
            _tell(f"the classifier is not kept: cannot write {path}: {error.strerror or error}.")
    return weights


def default_weights_folder() -> Path:
    """Beside the compiled programs: `jaxgan/classifiers` in the user's cache folder."""
    return default_folder().parent / "classifiers"


def fingerprint(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of arrays by name: of names, types, shapes and bytes, whatever their order in the mapping."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        total.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        total.update(array.data)
    return total.hexdigest()


def _read(path: Path) -> Weights | None:
    """The weights in a file, or None if it is not what `_write` wrote."""
    try:
        with path.open("rb") as raw, np.load(raw) as file:  # given a path, NumPy leaves a damaged file open
            arrays = dict(file)
        if str(arrays.pop("sha256")) == fingerprint(arrays):
            return arrays
        reason = "its hash is not the one written with it"
    except Exception as error:  # whatever zipfile and NumPy make of damaged bytes
        reason = f"{type(error).__name__}: {error}"
    _tell(f"{path} is damaged ({reason}); the classifier is trained anew.")
    return None


def _write(path: Path, weights: Weights) -> None:
    """Writes a file that is whole or not there: under another name first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.stem, suffix=".tmp", delete=False) as file:
        try:
            np.savez(file, sha256=np.array(fingerprint(weights)), **weights)  # type: ignore[arg-type]
            file.close()
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def _tell(message: str) -> None:
    print(message, file=sys.stderr)
