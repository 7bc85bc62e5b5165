"""Other libraries that jaxgan is compared with, where they are installed."""

import importlib.util
import warnings

import pytest

OF_TORCHVISION = ("pytorch_fid", "torch_fidelity")


def peer(name):
    """A module of another library, which may warn as it likes; a skip where it is not installed."""
    package = name.partition(".")[0]
    needed = ("torch", "torchvision", package) if package in OF_TORCHVISION else (package,)
    for other in needed:
        if importlib.util.find_spec(other) is None:
            pytest.skip(f"no {other}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if package in OF_TORCHVISION:
            _import_torchvision()
        return importlib.import_module(name)


def _import_torchvision():
    """Where it was built for another PyTorch, of CUDA beside one of CPUs, say, it does without its own operators, which
    no Inception needs, but not without their names.
    """
    import torch

    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        for operator in ("nms", "qnms"):
            signature = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            torch.library.define(f"torchvision::{operator}", signature)
