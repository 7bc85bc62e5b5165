"""Random weights under the names of the published Inception."""

import hashlib

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
