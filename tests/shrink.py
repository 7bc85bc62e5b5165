"""The one function that makes any recipe small enough to train in a test."""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from jaxgan.config import Settings, resolve

SMALL = dict(steps=2, batch_size=4, steps_per_call=2, log_every=1, sample_every=2, save_every=2, samples=4)
NARROW: dict[str, Any] = dict(width=2, hidden=lambda hidden: tuple(min(width, 4) for width in hidden), latent_size=3)


def shrink(config: Mapping[str, Any]) -> Settings:
    """The recipe with few steps, small batches and narrow networks, resolved; its structure is left as it is."""
    settings = resolve(config if isinstance(config, ConfigDict) else ConfigDict(config)) | SMALL
    for thing in settings.values():
        if isinstance(thing, dict):
            for key in thing.keys() & NARROW.keys():
                thing[key] = NARROW[key](thing[key]) if callable(NARROW[key]) else NARROW[key]
    data = settings["data"]
    if "num" in data:
        data["num"] = 16
    if data["name"].startswith("tfds:"):
        data["split"] += "[:16]"
    return settings
