"""Weights of PyTorch's torchvision and of Keras, once turned into a file that needs neither to be read."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from jaxgan.errors import JaxganError
from jaxgan.networks.vgg import BLOCKS, Depth, activations, block, convolution
from jaxgan.pretrained.files import PICKLES, Named, check_conversion, read_state_dict, unreadable, write_safetensors
from jaxgan.pretrained.vgg_weights import ORIGINAL, Convention, check, standard

TORCHVISION = Convention((123.675, 116.28, 103.53), (58.395, 57.12, 57.375), reversed=False)
"""Of torchvision's own training: 255 times (0.485, 0.456, 0.406) and 255 times (0.229, 0.224, 0.225)."""

TORCHVISION_FEATURES = Convention((122.99925, 116.9991, 103.9992), (1.0, 1.0, 1.0), reversed=False)
"""Of torchvision's `VGG16_Weights.IMAGENET1K_FEATURES`, 255 times (0.48235, 0.45882, 0.40784) and 255 times 1 / 255."""


def convert(source: Path, out: Path) -> Depth:
    """Writes weights of torchvision (.pth, .pt, .safetensors) or of Keras (.h5) as .safetensors for `vgg_weights.load`.

    Args:
      source: what `torch.save(model.state_dict(), ...)` wrote for `torchvision.models.vgg16` or `vgg19`, as are the
        files that it downloads, or the same as .safetensors, as timm's are; or what Keras' `save_weights` wrote for
        `VGG16` or `VGG19`.
      out: ends in .safetensors.

    Returns:
      the depth of the network.

    Raises:
      JaxganError: the file cannot be read, is of another network, or the library that reads it is not installed.
    """
    readers = dict.fromkeys(PICKLES, _read_pickle) | {".safetensors": _read_safetensors, ".h5": _read_keras}
    check_conversion("convert-vgg", source, out, readers)
    arrays, convention = readers[source.suffix.lower()](source)
    depth = check(arrays, source)
    write_safetensors(out, standard(arrays, convention))
    return depth


# PyTorch


def _read_pickle(path: Path) -> tuple[Named, Convention]:
    """What `torch.save` wrote."""
    return _of_torchvision(read_state_dict(path, lambda name: name.startswith("features.")), path)


def _read_safetensors(path: Path) -> tuple[Named, Convention]:
    try:
        state = safetensors.numpy.load_file(path)
    except Exception as error:  # of a damaged file, or of numbers that NumPy does not have
        raise unreadable(path, "as weights of PyTorch", error) from error
    return _of_torchvision(state, path)


def _of_torchvision(state: Named, path: Path) -> tuple[Named, Convention]:
    """Modules are numbered through, ReLUs and poolings too; kernels are [out, in, h, w]."""
    features = {name: array for name, array in state.items() if name.startswith("features.")}
    for depth in BLOCKS:
        numbers = _numbers(depth)
        if features.keys() == {f"features.{n}.{part}" for n in numbers.values() for part in ("weight", "bias")}:
            break
    else:
        has = f"{', '.join([*state][:3])}, ..." if state else "nothing"
        raise JaxganError(
            f"{path} is not of torchvision's vgg16 or vgg19 (nor are those with _bn): their convolutions are "
            f"features.0, features.2, ..., and it has {has}"
        )
    arrays = {}
    for name, n in numbers.items():
        kernel = features[f"features.{n}.weight"]
        if kernel.ndim != 4:
            raise JaxganError(f"{path}: features.{n}.weight should have 4 axes, and has {kernel.ndim}.")
        arrays[f"{name}/kernel"] = kernel.transpose(2, 3, 1, 0)
        arrays[f"{name}/bias"] = features[f"features.{n}.bias"]
    # That file alone has a classifier, which it cannot leave out, of nothing but NaN.
    only_features = any(name.startswith("classifier.") and bool(np.isnan(state[name]).any()) for name in state)
    return arrays, TORCHVISION_FEATURES if only_features else TORCHVISION


def _numbers(depth: Depth) -> dict[str, int]:
    """Of each convolution among the modules: conv1_1 -> 0, conv1_2 -> 2, conv2_1 -> 5, ..."""
    return {convolution(name): 2 * i + block(name) for i, name in enumerate(activations(depth))}


# Keras


def _read_keras(path: Path) -> tuple[Named, Convention]:
    """A group a layer, `block1_conv1`, with a kernel [h, w, in, out] and a bias in it, under changing names."""
    try:
        import h5py
    except ImportError as error:
        raise JaxganError("a .h5 file is read by h5py, this once: pip install 'jaxgan[keras]'.") from error
    arrays: Named = {}

    def visit(name: str, item: Any) -> None:
        layer = re.search(r"(?:^|/)block(\d)_conv(\d)/", name)
        if layer and isinstance(item, h5py.Dataset):
            arrays[f"conv{layer[1]}_{layer[2]}/{'kernel' if item.ndim == 4 else 'bias'}"] = item[()]

    try:
        with h5py.File(path, "r") as file:
            file.visititems(visit)
    except Exception as error:  # of a damaged file
        raise unreadable(path, "as a file of Keras", error) from error
    return arrays, ORIGINAL
