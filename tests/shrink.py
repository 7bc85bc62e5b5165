"""The one function that makes any recipe small enough to train in a test."""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from jaxgan.config import Settings, resolve

SMALL = dict(steps=2, batch_size=4, steps_per_call=1, log_every=1, sample_every=2, save_every=2, samples=4)
SIDE = 8  # of images
NARROW: dict[str, Any] = dict(
    width=2,
    hidden=lambda hidden: tuple(min(width, 4) for width in hidden),
    latent_size=lambda size: min(size, 8),  # one a block, where each has its own
    blocks=1,
    layers=1,
    levels=2,
    group_size=2,
    channel_max=4,
    w_dim=4,
    mapping_layers=1,
    class_embedding=lambda length: min(length, 2),
    image_size=SIDE,
    code_size=4,
    num=16,
    labels=10,
    fade_steps=1,
    stable_steps=1,
)
QUICK = ("accuracy_test", "modes2500_grid", "modes2500_ring", "svm1k_digits")
"""Metrics that train nothing first, and read no large test split; `tests/evaluation` tests the others."""


def shrink(config: Mapping[str, Any]) -> Settings:
    """The recipe with few steps, small batches, small images and narrow networks, resolved.

    What it is made of stays as it is, with fewer layers where that is legal.
    """
    settings = resolve(config if isinstance(config, ConfigDict) else ConfigDict(config)) | SMALL
    settings["metrics"] = tuple(metric for metric in settings["metrics"] if metric in QUICK)
    for thing in settings.values():
        if isinstance(thing, dict):
            for key in thing.keys() & NARROW.keys():
                thing[key] = NARROW[key](thing[key]) if callable(NARROW[key]) else NARROW[key]
    for player, ends, side in (("generator", slice(-2, None), SIDE), ("discriminator", slice(2), SIDE // 2)):
        if settings.get(player, {}).get("name") in ("resnet", "r3gan") and "multipliers" in settings[player]:
            _shorten(settings[player], ends, side)
    data = settings["data"]
    if data["name"].startswith("few_labels:tfds:"):
        data["split"] += "[:200]"  # some of each class
    elif data["name"].startswith("tfds:") or data["name"] in ("stacked_mnist", "mnist_domains"):
        data["split"] = data["split"].partition("+")[0] + "[:16]"
    return settings


def _shorten(network: dict[str, Any], ends: slice, side: int) -> None:
    """Leaves the two stages that are nearest to the image, with attention, if there was any, on the maps of this side.

    Of a residual G that is one block, which doubles its map; of D two, the first of which halves it.
    """
    network["multipliers"] = network["multipliers"][ends]
    if "plain" in network:
        network["plain"] = 1
    if network.get("attention"):
        network["attention"] = (side,)
