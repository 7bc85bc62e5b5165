"""Data: sources that are read by position, the exact order of batches, and feeding the compiled step."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from jaxgan.data import digits, few_labels, folder, mnist_domains, pairs, stacked, tfds, toys
from jaxgan.data.feed import Feed, ResidentFeed, StreamingFeed, make_feed
from jaxgan.data.spec import Accept, DataSpec, Example, Source
from jaxgan.errors import JaxganError
from jaxgan.registry import build, lookup

__all__ = [
    "SOURCES",
    "Accept",
    "DataSpec",
    "Example",
    "Feed",
    "ResidentFeed",
    "Source",
    "StreamingFeed",
    "make_feed",
    "open_source",
]

SOURCES: dict[str, Callable[..., Source]] = {
    "digits": digits.digits,
    "tfds": tfds.tfds,
    "folder": folder.folder,
    "unpaired": pairs.unpaired,
    "paired": pairs.paired,
    "combined": pairs.combined,
    "few_labels": few_labels.few_labels,
    "gaussian": toys.gaussian,
    "ring": toys.ring,
    "grid": toys.grid,
    "stacked_mnist": stacked.stacked_mnist,
    "mnist_domains": mnist_domains.mnist_domains,
}


class _Unaccepted(Exception):
    """What `accept` refused: not for a reason of the data, whose name does not belong before it."""


def _anything(spec: DataSpec) -> None:
    """Any examples will do."""


def open_source(options: Mapping[str, Any], seed: int, accept: Accept = _anything) -> Source:
    """Opens the source that a recipe's `config.data` names.

    Args:
      options: `{"name": ..., option: value}`; `"tfds:mnist"` names the data set `"mnist"` of the source `"tfds"`.
      seed: the run's; what is drawn of a set (gaussian, ring, grid, stacked_mnist, mnist_domains, unpaired,
        few_labels) is drawn from it.
      accept: is told what the examples will be like before images are decoded, by sources that decode them all to begin
        with; what it raises goes to the caller.

    Raises:
      JaxganError: an unknown name or option, or data that is missing or unusable.
    """
    factory = lookup(options, SOURCES, "config.data")
    name, _, dataset = options["name"].partition(":")
    of_many = "dataset" in inspect.signature(factory).parameters
    if of_many and not dataset:
        raise JaxganError(f"config.data.name is {options['name']!r}, but must have the form '{name}:NAME'.")
    given = {"dataset": dataset} if of_many else {}

    def asked(spec: DataSpec) -> None:
        try:
            accept(spec)
        except JaxganError as error:
            raise _Unaccepted(error) from error

    try:
        return build(options, SOURCES, "config.data", seed=seed, accept=asked, **given)
    except _Unaccepted as refusal:
        raise refusal.args[0] from None
