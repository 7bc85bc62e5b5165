"""Runs small enough to make by the dozen: their settings, how they are trained, and what they left behind."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from fault_runs import CLOCK

from jaxgan import config
from jaxgan.data.spec import DataSpec
from jaxgan.drawing import Sampler
from jaxgan.sampling import Trained, load_all
from jaxgan.systems import build_system
from jaxgan.training.start import Result, run

ROOT = Path(__file__).parents[1]

INTERVALS = dict(
    steps=12, steps_per_call=2, log_every=4, sample_every=6, save_every=4, batch_size=4, keep_checkpoints=9
)
SETTINGS: dict[str, dict[str, Any]] = {
    "points": INTERVALS
    | dict(
        samples=3,
        data=dict(name="gaussian", num=32),
        system=dict(name="gan", latent_size=2),
        generator=dict(name="mlp", hidden=(4,), output="none"),
        discriminator=dict(name="mlp", hidden=(4,)),
    ),
    # Conditional, with batch normalisation in both players.
    "images": INTERVALS
    | dict(
        samples=10,
        data=dict(name="digits", image_size=16),
        system=dict(name="gan", latent_size=2, conditional=True),
        generator=dict(name="dcgan", width=2),
        discriminator=dict(name="dcgan", width=2),
    ),
    # Two stages, the second from step 4 on.
    "growing": INTERVALS
    | dict(
        samples=3,
        data=dict(name="digits", image_size=8),
        system=dict(name="progressive", latent_size=2, fade_steps=4, stable_steps=4),
        generator=dict(name="progressive", channel_max=2),
        discriminator=dict(name="progressive", channel_max=2),
    ),
}


def settings(kind: str, **changes: Any) -> config.Settings:
    """Resolved settings of a small run; `changes` are merged one level deep."""
    players = dict(
        objective=dict(name="non_saturating"),
        generator_optimizer=dict(name="adam"),
        discriminator_optimizer=dict(name="adam"),
    )
    plain = players | SETTINGS[kind]
    for key, value in changes.items():
        plain[key] = plain.get(key, {}) | value if isinstance(value, dict) and "name" not in value else value
    return config.resolve(config.recipe(**plain))


def train(
    workdir: Path, kind: str = "points", allow_changes: bool = False, profile: bool = False, **changes: Any
) -> Result:
    """Trains a small run in this process."""
    return run(settings(kind, **changes), workdir, "a test", allow_changes, profile)


def untrained(num_classes: int = 4, **generator: Any) -> Trained:
    """A run of step 0, not written anywhere: three latents to images of 3x2 grey pixels by a multilayer perceptron."""
    spec = DataSpec((3, 2, 1), "uint8", tuple("abcdefgh"[:num_classes]), 8)
    config = settings("points", system=dict(latent_size=3, conditional=num_classes > 0), generator=generator)
    system = build_system(config, spec)
    state = jax.jit(system.init)(jax.random.key(3), None)
    return Trained(system, state, 0, spec, config, 0, Sampler(system))


def write_recipe(path: Path, kind: str, **changes: Any) -> Path:
    """A recipe file with the settings of a small run."""
    path.write_text(f"from ml_collections import ConfigDict\n\n\ndef get_config():\n"
                    f"    return ConfigDict({settings(kind, **changes)!r})\n")  # fmt: skip
    return path


def start(*arguments: str | Path, cached: bool = False, program: str | None = None) -> subprocess.Popen[str]:
    """Starts `python train.py ...` and returns at once.

    Args:
      arguments: of it.
      cached: take compiled programs from the folder that the tests share, and keep them there; otherwise compile anew.
      program: Python, in the place of train.py.
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "JAX_PLATFORMS": "cpu"}
    if not cached:
        del environment["JAX_COMPILATION_CACHE_DIR"]
    none = [] if cached else ["--compilation-cache", "off"]
    script = [str(ROOT / "train.py")] if program is None else ["-c", program]
    command = [sys.executable, *script, *none, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def left_behind(workdir: Path) -> dict[str, Any]:
    """Everything of a run that must not depend on whether it was interrupted, as bytes and plain values."""
    runs = load_all(workdir)
    leaves = jax.tree_util.tree_leaves_with_path({seed: trained.state for seed, trained in runs.items()})
    return {
        "step": next(iter(runs.values())).step,
        "state": {jax.tree_util.keystr(path): (leaf.shape, leaf.dtype.str, leaf.tobytes()) for path, leaf in leaves},
        "metrics": [{k: v for k, v in line.items() if k not in CLOCK} for line in metrics(workdir)],
        "sheets": {str(path.relative_to(workdir)): path.read_bytes() for path in (workdir / "samples").rglob("*.png")},
    }


def assert_close(one: Path, other: Path, atol: float = 1e-5, rtol: float = 0.0) -> None:
    """Two runs came to the same states and metrics, but for rounding: by no more than `atol` and `rtol` of a number."""
    a, b = left_behind(one), left_behind(other)
    assert a["step"] == b["step"]
    assert a["state"].keys() == b["state"].keys()
    for path, (*kind, data) in a["state"].items():
        *other_kind, other_data = b["state"][path]
        assert kind == other_kind, path
        x, y = (np.frombuffer(each, kind[1]) for each in (data, other_data))
        if x.dtype.kind == "f":
            np.testing.assert_allclose(x, y, rtol=rtol, atol=atol, err_msg=path)
        else:
            np.testing.assert_array_equal(x, y, err_msg=path)
    for first, second in zip(a["metrics"], b["metrics"], strict=True):
        assert first.keys() == second.keys()
        np.testing.assert_allclose(jax.tree.leaves(first), jax.tree.leaves(second), rtol=rtol, atol=atol)


def metrics(workdir: Path) -> list[dict[str, Any]]:
    """The lines of a run's metrics.jsonl."""
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def checkpoint_steps(workdir: Path) -> list[int]:
    """Names of a run's checkpoint folders."""
    return sorted(int(path.name) for path in (workdir / "checkpoints").iterdir())


# Orbax reads with many coroutines; when one meets a damaged file, others may end after their event loop is closed.
DAMAGE_NOISE = pytest.mark.filterwarnings("ignore:Exception ignored in. None:pytest.PytestUnraisableExceptionWarning")
