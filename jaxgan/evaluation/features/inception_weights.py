"""Weights of the Inception network: from the file that everyone's scores are made with, once turned into one that does
without PyTorch.
"""

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import safetensors
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxgan.errors import JaxganError
from jaxgan.evaluation.kept import fingerprint
from jaxgan.networks.inception import LEAST_SIDE, Inception
from jaxgan.pretrained.files import (
    PICKLES,
    Named,
    check_conversion,
    default_weights_folder,
    read_state_dict,
    unreadable,
    write_safetensors,
)

Params = Mapping[str, Any]
Shapes = Mapping[str, tuple[int, ...]]

PUBLISHED = "pt_inception-2015-12-05-6726825d.pth"
"""The usual file, of pytorch-fid; torch-fidelity's `weights-inception-2015-12-05-6726825d.pth` bears the same hash."""

PREFIX = "6726825d"
"""Of its SHA-256, as its name says."""

EPSILON = 1e-3
"""That the network's batch normalisation adds to a variance."""

_STATISTICS = ("weight", "bias", "running_mean", "running_var")


class Weights(NamedTuple):
    """An Inception as `jaxgan.networks.inception.Inception` takes it.

    Attributes:
      params: of the module.
      sha256: of the arrays, their names and shapes, batch normalisation folded in: one file of PyTorch gives one hash,
        whichever machine and version of safetensors wrote it out again.
    """

    params: Params
    sha256: str


def default_file() -> Path:
    """Where `convert-inception` writes and the network is looked for."""
    return default_weights_folder() / "inception.safetensors"


def load(path: Path) -> Weights:
    """Reads what `convert` wrote.

    Raises:
      JaxganError: there is no such file, it cannot be read, is of another network, or is not as it was written.
    """
    if path.suffix.lower() != ".safetensors":
        raise JaxganError(
            f"weights of Inception are read from .safetensors, not from {path.name}; if it is {PUBLISHED}, "
            "`jaxgan convert-inception FILE` makes a file of weights from it."
        )
    if not path.is_file():
        out = "" if path == default_file() else f" --out {path}"
        raise JaxganError(
            f"there are no weights of Inception at {path}, and its scores need them. Where there is internet, get\n"
            f"{PUBLISHED} from the releases of pytorch-fid; then run: jaxgan convert-inception FILE{out}"
        )
    try:
        with safetensors.safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no mapping
    except Exception as error:  # of a damaged file
        raise unreadable(path, "as weights", error) from error
    _check(arrays, _shapes(), path)
    digest = fingerprint(arrays)
    if digest != metadata.get("sha256"):
        raise JaxganError(
            f"{path} is damaged: it is not what was written there; make it again with `jaxgan convert-inception`."
        )
    return Weights(unflatten_dict(arrays, sep="/"), digest)


def convert(source: Path, out: Path, prefix: str = PREFIX) -> None:
    """Writes the published weights as .safetensors for `load`, each convolution with its batch normalisation folded in.

    gamma (w * x - mean) / sqrt(var + eps) + beta = (s w) * x + (beta - s mean)  where s = gamma / sqrt(var + eps)

    Args:
      source: `PUBLISHED`, or a file with the same names and shapes.
      out: ends in .safetensors.
      prefix: that the SHA-256 of `source` must begin with.

    Raises:
      JaxganError: the file cannot be read, is another one, or PyTorch is not installed.
    """
    check_conversion("convert-inception", source, out, PICKLES)
    _check_hash(source, prefix)
    state = {name: array for name, array in read_state_dict(source, _matters).items() if _matters(name)}
    _check(state, published_shapes(), source)
    arrays = {}
    for name in _shapes():
        module, _, part = name.rpartition("/")
        if part == "kernel":
            arrays[name], arrays[f"{module}/bias"] = _folded(state, module)
    write_safetensors(out, arrays, {"sha256": fingerprint(arrays)})


def _matters(name: str) -> bool:
    """Newer versions of PyTorch count the batches that a layer was trained on."""
    return not name.endswith(".num_batches_tracked")


def _check_hash(source: Path, prefix: str) -> None:
    try:
        with source.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(source, "as weights of PyTorch", error) from error
    if not digest.startswith(prefix):
        raise JaxganError(
            f"{source} is damaged, or not {PUBLISHED}: its SHA-256 begins with {digest[:8]}, not with {prefix}."
        )


def _folded(state: Named, module: str) -> tuple[np.ndarray, np.ndarray]:
    """Kernel [h, w, in, out] and bias [out] of a module of ours; in float64, so that only their last bit is rounded."""
    if module == "fc":
        return np.ascontiguousarray(state["fc.weight"].T), state["fc.bias"]
    theirs = module.replace("/", ".")
    gamma, beta, mean, variance = (state[f"{theirs}.bn.{part}"].astype(np.float64) for part in _STATISTICS)
    scale = gamma / np.sqrt(variance + EPSILON)
    kernel = state[f"{theirs}.conv.weight"].transpose(2, 3, 1, 0) * scale
    return np.array(kernel, np.float32, order="C"), np.array(beta - mean * scale, np.float32)


@functools.cache
def _shapes() -> Shapes:
    """Of the network's parameters, by path: "Mixed_5b/branch1x1/kernel"."""
    image = jax.ShapeDtypeStruct((1, LEAST_SIDE, LEAST_SIDE, 3), jnp.float32)
    params = jax.eval_shape(Inception().init, jax.eval_shape(lambda: jax.random.key(0)), image)["params"]
    return {name: array.shape for name, array in flatten_dict(params, sep="/").items()}


def published_shapes() -> Shapes:
    """Of the arrays in the published file, by name: "Mixed_5b.branch1x1.conv.weight"; kernels are [out, in, h, w]."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in _shapes().items():
        module, _, part = name.rpartition("/")
        theirs = module.replace("/", ".")
        if module == "fc":
            shapes |= {"fc.weight": shape[::-1]} if part == "kernel" else {"fc.bias": shape}
        elif part == "kernel":
            shapes[f"{theirs}.conv.weight"] = (shape[3], shape[2], shape[0], shape[1])
        else:
            shapes |= {f"{theirs}.bn.{statistic}": shape for statistic in _STATISTICS}
    return shapes


def _check(arrays: Named, shapes: Shapes, source: Path) -> None:
    """Refuses arrays that are not those of the network, float32 and finite."""
    for kind, names in (("has", arrays.keys() - shapes.keys()), ("lacks", shapes.keys() - arrays.keys())):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise JaxganError(f"{source} is not of FID's Inception network: it {kind} {min(names)}{more}.")
    for name, shape in shapes.items():
        array = arrays[name]
        if array.shape != shape or array.dtype != np.float32:
            raise JaxganError(
                f"{source} is not of FID's Inception network: {name} should be float32 {list(shape)}, and is "
                f"{array.dtype} {list(array.shape)}."
            )
        if not np.isfinite(array).all():
            raise JaxganError(f"{source}: {name} is not finite everywhere.")
