"""Weights of a VGG: from a file, or random ones; and what its trainers wanted a picture to look like."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors.numpy

from jaxgan.errors import JaxganError
from jaxgan.networks.vgg import BLOCKS, IMAGENET_MEAN, WIDTHS, Depth, Pooling, activations, block, convolution
from jaxgan.pretrained.files import Named, unreadable

_EXTRAS = {"mean", "unit"}  # what files made by `jaxgan convert-vgg` hold besides convolutions

RANDOM_LAYERS = activations(16)[:7]
"""Those of random weights, up to relu3_3: deeper ones took longer and gave no more of a style."""

RANDOM_UNIT = 10.0
"""Random filters look for nothing and answer less than trained ones: with this unit the same loss weights suit both."""


class Convention(NamedTuple):
    """What a VGG was given of a picture: its channels, in 0..255, minus `mean` and divided by `std`.

    Attributes:
      mean: of red, green, blue.
      std: of red, green, blue.
      reversed: whether the channels came as blue, green, red.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    reversed: bool


ORIGINAL = Convention(IMAGENET_MEAN, (1.0, 1.0, 1.0), reversed=True)
"""Of the authors' own weights, in Caffe and in Keras."""


class Weights(NamedTuple):
    """A VGG as `jaxgan.networks.vgg.VGG` takes it.

    Attributes:
      name: the file, or "random".
      sha256: of the file; of random weights "".
      depth: 16 or 19.
      layers: the activations that can be computed, which may end before the network does.
      params: of the module.
      unit: what to multiply activations by to have those of a picture in 0..255, whatever the convention: 1, or
        the mean of `std`. Losses are of these, so that their weights mean about the same with every file.
      pooling: that suits them best: max, as they were trained.
    """

    name: str
    sha256: str
    depth: Depth
    layers: tuple[str, ...]
    params: dict[str, Any]
    unit: float
    pooling: Pooling


def standard(arrays: Named, convention: Convention) -> Named:
    """Arrays that expect pictures in a convention, as arrays for RGB in 0..255 minus `mean`: the one place of all this.

    The mean stays apart: in the bias it would not be the same at the edges, which are padded with zeros after it.

    Args:
      arrays: `conv1_1/kernel` [3, 3, 3, 64], `conv1_1/bias` [64], and so on.
      convention: that they were trained with.

    Returns:
      the arrays with another first kernel, and `mean` [3] and `unit` [].
    """
    kernel = arrays["conv1_1/kernel"]
    if convention.reversed:
        kernel = kernel[:, :, ::-1]
    kernel = kernel / np.reshape(convention.std, (1, 1, 3, 1))
    added = {"conv1_1/kernel": kernel, "mean": np.asarray(convention.mean), "unit": np.mean(convention.std)}
    return {name: np.array(array, np.float32, order="C") for name, array in {**arrays, **added}.items()}


def check(arrays: Named, source: object) -> Depth:
    """The depth of the VGG that the arrays are of; of a beginning that both have, 16.

    Raises:
      JaxganError: they are of another network, or not all finite.
    """
    found = {name.partition("/")[0] for name in arrays} - _EXTRAS
    for depth in BLOCKS:
        names = [convolution(name) for name in activations(depth)][: max(len(found), 1)]
        if found == set(names):
            break
    else:
        raise JaxganError(
            f"{source} is not of a VGG16 or VGG19: these have the convolutions conv1_1, conv1_2, conv2_1, ... without "
            f"a gap, and it has {', '.join(sorted(found)[:4]) or 'none'}{', ...' if len(found) > 4 else ''}."
        )
    extra = sorted(arrays.keys() - {f"{name}/{part}" for name in names for part in ("kernel", "bias")} - _EXTRAS)
    if extra:
        raise JaxganError(f"{source} is not of a VGG{depth}: it has {extra[0]}, which these have not.")
    channels = 3
    for name in names:
        shapes = {"kernel": (3, 3, channels, WIDTHS[block(name)]), "bias": (WIDTHS[block(name)],)}
        for part, shape in shapes.items():
            array = arrays.get(f"{name}/{part}")
            if array is None or array.shape != shape:
                has = "nothing" if array is None else list(array.shape)
                raise JaxganError(
                    f"{source} is not of a VGG{depth}: {name}/{part} should be {list(shape)}, and is {has}."
                )
            if array.dtype.kind != "f":
                raise JaxganError(f"{source}: {name}/{part} should be of floating-point numbers, and is {array.dtype}.")
            if not np.isfinite(array).all():
                raise JaxganError(f"{source}: {name}/{part} is not finite everywhere.")
        channels = WIDTHS[block(name)]
    return depth


def load(path: Path) -> Weights:
    """Reads a VGG.

    Args:
      path: a .safetensors file made by `jaxgan convert-vgg`, or a .npz file of `conv1_1/kernel` [3, 3, 3, 64],
        `conv1_1/bias` [64], ... in the original convention, up to any convolution.

    Raises:
      JaxganError: it cannot be read, or is of another network.
    """
    arrays = _read(path)
    if any(name.startswith("features.") for name in arrays):
        other = path if path.suffix.lower() == ".safetensors" else path.with_suffix(".pth")
        raise JaxganError(f"{path} has the names of PyTorch's files; {_conversion(other)}")
    depth = check(arrays, path)
    arrays = standard(arrays, ORIGINAL) if _EXTRAS.isdisjoint(arrays) else _own(arrays, path)
    layers = tuple(name for name in activations(depth) if f"{convolution(name)}/kernel" in arrays)
    params: dict[str, Any] = {
        conv: {part: arrays[f"{conv}/{part}"] for part in ("kernel", "bias")} for conv in map(convolution, layers)
    }
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Weights(str(path), digest, depth, layers, params | {"mean": arrays["mean"]}, float(arrays["unit"]), "max")


def _own(arrays: Named, path: Path) -> Named:
    """The arrays of a file made by `jaxgan convert-vgg`, float32."""
    mean, unit = (arrays.get(name, np.empty(0)) for name in ("mean", "unit"))
    fit = (mean.shape, unit.shape, mean.dtype.kind, unit.dtype.kind) == ((3,), (), "f", "f")
    if not (fit and np.isfinite(mean).all() and 0 < unit < np.inf):
        raise JaxganError(
            f"{path}: mean should be [3], finite, and unit [], over 0; make the file again with `jaxgan convert-vgg`."
        )
    return {name: np.asarray(array, np.float32) for name, array in arrays.items()}


def _conversion(path: Path) -> str:
    out = "vgg.safetensors" if path.name != "vgg.safetensors" else "converted.safetensors"
    return f"`jaxgan convert-vgg {path.name} --out {out}` makes a file of weights from it."


def _read(path: Path) -> Named:
    readers: dict[str, Callable[[Path], Named]] = {".npz": _read_npz, ".safetensors": safetensors.numpy.load_file}
    if path.suffix.lower() not in readers:
        raise JaxganError(
            f"weights are read from {' or '.join(readers)}, not from {path.name}; if it is PyTorch's or Keras', "
            f"{_conversion(path)}"
        )
    try:
        return readers[path.suffix.lower()](path)
    except Exception as error:  # of a damaged file
        raise unreadable(path, "as weights", error) from error


def _read_npz(path: Path) -> Named:
    with path.open("rb") as stream:  # of a damaged file NumPy would leave its own open
        file = np.load(stream, allow_pickle=False)
        if not isinstance(file, Mapping):
            raise ValueError("it holds one array, without names")
        return dict(file)


def random() -> Weights:
    """A VGG16 up to relu3_3 with random weights, always the same: kernels N(0, 2 / fan-in), biases 0.

    Random filters keep enough of a picture to give its colours and textures back (Ustyuzhaninov et al. 2016, He et al.
    2016), above all with average pooling, as the largest of random numbers is mostly noise.
    """
    generator, channels = np.random.default_rng(0), 3
    params: dict[str, Any] = {"mean": np.asarray(IMAGENET_MEAN, np.float32)}
    for name in RANDOM_LAYERS:
        shape = (3, 3, channels, WIDTHS[block(name)])
        kernel = generator.standard_normal(shape, np.float32) * np.float32((2 / (9 * channels)) ** 0.5)
        params[convolution(name)] = {"kernel": kernel, "bias": np.zeros(shape[3], np.float32)}
        channels = shape[3]
    return Weights("random", "", 16, RANDOM_LAYERS, params, RANDOM_UNIT, "average")
