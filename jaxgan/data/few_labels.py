"""Data for semi-supervised learning: every example without its label, beside one of a few that keep theirs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from jaxgan.data import digits, folder, images, tfds
from jaxgan.data.memory import read
from jaxgan.data.order import CHOSEN_LABELS, epoch_permutation
from jaxgan.data.spec import Accept, DataSpec, Example, Source
from jaxgan.errors import JaxganError
from jaxgan.registry import build, lookup, options_of

LABELLED: dict[str, Callable[..., Source]] = {"digits": digits.digits, "folder": folder.folder, "tfds": tfds.tfds}


def few_labels(
    seed: int,
    accept: Accept,
    dataset: str,
    *,
    labels: int = 100,
    split: str = "train",
    data_dir: str = "",
    image_size: images.ImageSize = 0,
    resize: images.Resize = "crop",
    channels: Literal[0, 1, 3] = 0,
) -> Source:
    """Pairs of any example, whose label is not told, and one of a few examples with a label, as many of each class.

    Example i is `image`, the set's example i, with `other` and `label`, the labelled example i modulo their number. The
    labelled examples are among the images too, as in the authors' code of Salimans et al. 2016.

    Args:
      seed: the labelled examples are chosen by it; all seeds of one run learn from the same.
      accept: is asked as of the set.
      dataset: "digits", "folder" or "tfds:NAME".
      labels: how many examples keep their label; a multiple of the number of classes.
      split: of the set.
      data_dir: of the set, where it has one.
      image_size: as of the set.
      resize: as of the set.
      channels: of a folder.

    Raises:
      JaxganError: what the set refuses, a set without classes, or one with too few examples of a class.
    """
    settings = dict(split=split, data_dir=data_dir, image_size=image_size, resize=resize, channels=channels)
    whole = underlying({"name": f"few_labels:{dataset}", **settings})

    def asked(spec: DataSpec) -> None:
        check_count(spec.num_classes, labels, "config.data.labels")
        accept(_told(spec))

    source = build(whole, LABELLED, "config.data", seed=seed, dataset=dataset.partition(":")[2], accept=asked)
    return _FewLabels(source, choose(source, labels, seed, "config.data.labels"))


def underlying(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the set that labels were taken from, given those of `few_labels`; any others as they are.

    Raises:
      JaxganError: no set of that name.
    """
    kind, _, dataset = settings["name"].partition(":")
    if kind != "few_labels":
        return dict(settings)
    known = options_of(lookup({"name": dataset}, LABELLED, "config.data"))
    kept = {key: settings[key] for key in settings.keys() - {"name", "labels"} if key in known or settings[key]}
    return {"name": dataset, **kept}


def check_count(classes: int, count: int, setting: str) -> None:
    """Refuses a number of labels that is not as many of each class.

    Raises:
      JaxganError: it is no multiple of the number of classes, or there are none.
    """
    if not classes:
        raise JaxganError("config.data: there are no labels to learn from; put the images into one folder a class.")
    if count < classes or count % classes:
        low = max(count // classes, 1) * classes
        raise JaxganError(f"{setting} is {count}, but must be a multiple of {classes} classes, such as {low}.")


def choose(source: Source, count: int, seed: int, setting: str) -> list[Example]:
    """As many examples of each class, in an order that is drawn from the seed, the classes in turn.

    Args:
      source: of examples with labels.
      count: how many to choose, all classes together.
      seed: of the choice.
      setting: what the count is called in messages.

    Raises:
      JaxganError: the number is no multiple of that of the classes, or a class has too few examples.
    """
    classes = source.spec.num_classes
    check_count(classes, count, setting)
    each = count // classes
    found: list[list[Example]] = [[] for _ in range(classes)]
    for index in epoch_permutation(seed, CHOSEN_LABELS, source.spec.size):
        example = source[int(index)]
        members = found[int(example["label"])]
        if len(members) < each:
            members.append(example)
        if sum(map(len, found)) == count:
            return [members[rank] for rank in range(each) for members in found]
    fewest = min(range(classes), key=lambda label: len(found[label]))
    name, most = source.spec.class_names[fewest], len(found[fewest])
    raise JaxganError(
        f"{setting} is {count}, {each} examples of each class, but {name} has {most}; the most is {most * classes}."
    )


def _told(spec: DataSpec) -> DataSpec:
    """What examples are like of a set of which few labels are told."""
    return spec._replace(other=spec.shape)


class _FewLabels:
    """A set without its labels, and labelled examples."""

    def __init__(self, source: Source, labelled: Sequence[Example]) -> None:
        self.spec = _told(source.spec)
        self._source = source
        self._other = np.stack([example["image"] for example in labelled])
        self._labels = np.array([example["label"] for example in labelled], np.int32)

    def __getitem__(self, index: int) -> Example:
        return self._pair(self._source[index], index)

    def __getitems__(self, indices: Sequence[int]) -> list[Example]:
        examples = read(self._source, indices)
        return [self._pair(example, index) for example, index in zip(examples, indices, strict=True)]

    def arrays(self) -> Example:
        turns = np.arange(self.spec.size) % len(self._other)
        return {"image": self._source.arrays()["image"], "other": self._other[turns], "label": self._labels[turns]}

    def _pair(self, example: Example, index: int) -> Example:
        turn = index % len(self._other)
        return {"image": example["image"], "other": self._other[turn], "label": self._labels[turn]}
