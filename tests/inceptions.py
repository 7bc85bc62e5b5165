"""Random weights under the names of the published Inception, and the packages that it is compared with."""

import hashlib
import importlib.util
import warnings

import numpy as np
import pytest

from jaxgan.evaluation.features.inception_weights import convert, published_shapes


def random_state(seed=0):
    """Arrays by the published names: kernels that keep the size of activations, and statistics of every kind."""
    rng = np.random.default_rng(seed)
    drawn = {
        "conv.weight": lambda shape: rng.standard_normal(shape, np.float32) * (2 / np.prod(shape[1:])) ** 0.5,
        "fc.weight": lambda shape: rng.standard_normal(shape, np.float32) * 0.02,
        "bn.weight": lambda shape: rng.uniform(0.8, 1.2, shape),
        "bn.running_var": lambda shape: rng.uniform(0.5, 1.5, shape),
        "bias": lambda shape: rng.normal(0, 0.2, shape),
        "bn.running_mean": lambda shape: rng.normal(0, 0.2, shape),
    }
    return {
        name: np.asarray(next(draw(shape) for end, draw in drawn.items() if name.endswith(end)), np.float32)
        for name, shape in published_shapes().items()
    }


def random_files(folder):
    """The same random weights as the published file and as ours."""
    torch = pytest.importorskip("torch")
    theirs, ours = folder / "random.pth", folder / "random.safetensors"
    state = {name: torch.tensor(array) for name, array in random_state().items()}
    state["Conv2d_1a_3x3.bn.num_batches_tracked"] = torch.tensor(3)  # newer versions count
    torch.save(state, theirs)
    convert(theirs, ours, hashlib.sha256(theirs.read_bytes()).hexdigest()[:8])
    return theirs, ours


def peer(name):
    """A package that imports torchvision, or a skip."""
    torch = pytest.importorskip("torch")
    for package in ("torchvision", name.partition(".")[0]):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"no {package}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            importlib.import_module("torchvision")
        except RuntimeError:
            # It was built for another PyTorch, of CUDA beside one of CPUs, say. It then does without its own operators,
            # which no Inception needs, but not without their names.
            for operator in ("nms", "qnms"):
                signature = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
                torch.library.define(f"torchvision::{operator}", signature)
        return importlib.import_module(name)
