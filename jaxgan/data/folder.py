"""A user's own images, checked before training starts."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from jaxgan.data import images
from jaxgan.data.classes import check_classes, leaving_out
from jaxgan.data.feed import decoded_bytes
from jaxgan.data.files import Files, open_files
from jaxgan.data.memory import ArraySource, empty, stack
from jaxgan.data.spec import Accept, DataSpec, Example, Source
from jaxgan.data.workers import Workers
from jaxgan.errors import JaxganError, check_range, shown

T = TypeVar("T")
Decode = Callable[[bytes, images.Shape, images.Resize], np.ndarray]

_SHOWN = 10  # names in a message, then a count
_PIECE = 64  # files that a thread is given at a time: enough that handing them over costs little
SPLITS = frozenset(("test", "train", "val", "valid", "validation"))
"""Names of top folders that are no classes."""


def folder(
    seed: int,
    accept: Accept,
    *,
    data_dir: str = "",
    split: str = "",
    image_size: images.ImageSize = 0,
    resize: images.Resize = "crop",
    channels: Literal[0, 1, 3] = 0,
    broken: Literal["refuse", "skip"] = "refuse",
    memory_gib: float = 4.0,
    without: tuple[str, ...] = (),
) -> Source:
    """A directory or `.zip` of images at any depth, sorted by path; the first-level folder of an image is its class.

    Every file is decoded once here, so that no broken one is met in the middle of training.

    Args:
      seed: not used; the set is fixed.
      accept: is asked when the headers are read, before any image is decoded.
      data_dir: the directory, or the `.zip`, which is read without being unpacked.
      split: sub-folder that holds the images or the class folders, e.g. "train"; "" = `data_dir` itself.
      image_size: 0 = as they are, all of one size; n = n x n; or (height, width).
      resize: how an image is fitted to `image_size`: "crop", "stretch", "pad" or "exact"; see `images.fit`.
      channels: 1 or 3; 0 = 3 if any image is stored with colour, otherwise 1.
      broken: "refuse" to train with unreadable images, or "skip" them; both list them.
      memory_gib: a decoded set up to this size, in GiB, stays in memory; a larger one is decoded again when read.
      without: names of classes to leave out.

    Raises:
      JaxganError: no images, unreadable ones, images beside class folders, sizes that differ without a policy, or an
        unknown class.
    """
    check_range("config.data.memory_gib", memory_gib, 0, 2**20)
    undecoded = Undecoded(open_files(data_dir, split), image_size, resize, channels, broken, without)
    accept(undecoded.spec)
    return undecoded.decoded(memory_gib)


class Undecoded:
    """Images whose headers have been read.

    Args:
      files: that hold them.
      image_size: as of `folder`, like all that follow but the last.
      resize: how an image is fitted to `image_size`.
      channels: 1, 3 or 0.
      broken: "refuse" or "skip" unreadable images.
      without: names of classes to leave out.
      decode: makes an image of a file's bytes.

    Attributes:
      spec: of the images, counting those of classes that are left out, and those of which only the header is readable.

    Raises:
      JaxganError: as of `folder`; for images that cannot be read only if no header can.
    """

    def __init__(
        self,
        files: Files,
        image_size: images.ImageSize,
        resize: images.Resize,
        channels: int,
        broken: Literal["refuse", "skip"],
        without: tuple[str, ...] = (),
        decode: Decode = images.decode,
    ):
        images.target_size(image_size, native=(1, 1))  # what is wrong is refused now, not when all have been read
        class_names, self._label_of = classes_of(files.names)
        check_classes(without, class_names)
        headers, self._failures = try_each(lambda name: images.probe(files.read(name)), files.names, "reading headers")
        if not headers:
            _report(self._failures, readable=0, broken=broken)  # raises
        shape = common_shape(headers, image_size, resize, channels)
        self.spec = DataSpec(shape, "uint8", class_names, len(headers))
        self._names, self._decode = list(headers), _Decoder(files, shape, resize, decode)
        self._broken, self._without = broken, without

    def decoded(self, memory_gib: float) -> Source:
        """The source of these images. Every one is decoded once here.

        Args:
          memory_gib: as of `folder`.

        Raises:
          JaxganError: unreadable images, or none that are not left out.
        """
        fits = decoded_bytes(self.spec) <= memory_gib * 2**30
        pixels = empty((self.spec.size if fits else 0, *self.spec.shape), np.uint8)
        rows = {name: row for row, name in enumerate(self._names)}

        def check(name: str) -> None:
            image = self._decode.one(name)
            if fits:
                pixels[rows[name]] = image

        checked, damaged = try_each(check, self._names, "checking images")
        _report(self._failures | damaged, len(checked), self._broken)
        names = list(checked)
        labels = np.array([self._label_of[name] for name in names], np.int32) if self._label_of else None
        source: Source
        if fits:
            kept = pixels[[rows[name] for name in names]] if damaged else pixels
            source = ArraySource(kept, labels, self.spec.class_names)
        else:
            source = _FolderSource(self._decode, names, labels, self.spec._replace(size=len(names)))
        return leaving_out(source, self._without, lambda: np.asarray(labels))


@dataclass(frozen=True)
class _Decoder:
    """Reads images by name, in this process or another: uint8 `[n, *shape]`."""

    files: Files
    shape: images.Shape
    resize: images.Resize
    decode: Decode

    def __call__(self, names: Sequence[str]) -> np.ndarray:
        return np.stack([self._again(name) for name in names])

    def one(self, name: str) -> np.ndarray:
        """uint8 `shape`; raises one of `images.UNREADABLE`."""
        return self.decode(self.files.read(name), self.shape, self.resize)

    def _again(self, name: str) -> np.ndarray:
        try:
            return self.one(name)
        except images.UNREADABLE as error:
            raise JaxganError(f"{name} was readable when the run started and is not now: {error}.") from error


class _FolderSource:
    """Images that are decoded whenever they are read."""

    def __init__(self, decode: _Decoder, names: Sequence[str], labels: np.ndarray | None, spec: DataSpec) -> None:
        self.spec = spec
        self._decode, self._names, self._labels = decode, names, labels
        self._workers = Workers(decode)

    def __getitem__(self, index: int) -> Example:
        return self._with_label(self._decode([self._names[index]])[0], index)

    def __getitems__(self, indices: Sequence[int]) -> list[Example]:
        pixels = self._workers([self._names[index] for index in indices])
        return [self._with_label(image, index) for image, index in zip(pixels, indices, strict=True)]

    def arrays(self) -> Example:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return stack(pool.map(self.__getitem__, range(self.spec.size)), self.spec, self.spec.size)

    def _with_label(self, image: np.ndarray, index: int) -> Example:
        return {"image": image} if self._labels is None else {"image": image, "label": self._labels[index]}


def try_each(work: Callable[[str], T], names: Sequence[str], title: str) -> tuple[dict[str, T], dict[str, str]]:
    """Applies `work` to every name, in threads, with a progress bar on a terminal.

    Args:
      work: raises one of `images.UNREADABLE` for a file that cannot be read.
      names: of files.
      title: of the bar.

    Returns:
      what it gave, by name, in the order of `names`; and why it could not, for the others.
    """
    from tqdm import tqdm

    results: dict[str, T] = {}
    failures: dict[str, str] = {}

    def attempt(some: Sequence[str]) -> list[tuple[bool, T | str]]:
        return [_attempt(work, name) for name in some]

    pieces = [names[start : start + _PIECE] for start in range(0, len(names), _PIECE)]
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        with tqdm(desc=title, total=len(names), disable=None) as bar:
            for some, outcomes in zip(pieces, pool.map(attempt, pieces), strict=True):
                for name, (worked, outcome) in zip(some, outcomes, strict=True):
                    (results if worked else failures)[name] = outcome  # type: ignore[assignment]
                bar.update(len(some))
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C need not wait for the files that are left
    return results, failures


def _attempt(work: Callable[[str], T], name: str) -> tuple[bool, T | str]:
    try:
        return True, work(name)
    except images.UNREADABLE as error:
        return False, images.reason(error)


def common_shape(
    headers: Mapping[str, images.Header], image_size: images.ImageSize, resize: images.Resize, channels: int
) -> images.Shape:
    """The shape that all images get.

    Raises:
      JaxganError: sizes that differ where no setting says what to do about it.
    """
    first, header = next(iter(headers.items()))
    size = images.target_size(image_size, native=header.size)
    others = [f"{name} ({size_text(other.size)})" for name, other in headers.items() if other.size != size]
    if others and image_size == 0:
        raise JaxganError(
            f"images differ in size: {first} ({size_text(size)}) and {listing(others, most=1)}.\n"
            "Set config.data.image_size, and config.data.resize to crop, stretch or pad."
        )
    if others and resize == "exact":
        raise JaxganError(
            f"{len(others)} of {len(headers)} images are not {size_text(size)}: {listing(others)}.\n"
            "Set config.data.resize to crop, stretch or pad, or another config.data.image_size."
        )
    colour = any(header.colour for header in headers.values())
    return (*size, channels or (3 if colour else 1))


def _report(failures: Mapping[str, str], readable: int, broken: Literal["refuse", "skip"]) -> None:
    """Lists unreadable files: as an error, or on stderr where they are to be skipped and something is left."""
    if not failures:
        return
    reasons = [f"{name} ({reason})" for name, reason in sorted(failures.items())]
    text = f"{len(failures)} of {len(failures) + readable} images cannot be read: {listing(reasons)}."
    if not readable:
        raise JaxganError(text)
    if broken == "refuse":
        raise JaxganError(f'{text}\nRepair or remove them, or set config.data.broken="skip".')
    print(f"Skipped: {text}", file=sys.stderr)


def classes_of(names: Sequence[str]) -> tuple[tuple[str, ...], dict[str, int]]:
    """Class names, sorted, and the label of each image; both empty where no image is in a folder.

    Raises:
      JaxganError: images beside class folders, folders that are no classes, or names that cannot be shown.
    """
    loose = [name for name in names if "/" not in name]
    if len(loose) == len(names):
        return (), {}
    if loose:
        raise JaxganError(
            f"{len(loose)} of {len(names)} images lie beside the class folders: {listing(loose)}.\n"
            "Move them into a folder each class, or move all images out of the folders for a set without classes."
        )
    class_of = {name: name.partition("/")[0] for name in names}
    class_names = tuple(sorted(set(class_of.values())))
    if SPLITS.issuperset(class_names):
        raise JaxganError(
            f"the folders {', '.join(class_names)} look like splits, not classes.\n"
            f'Choose one, e.g. config.data.split="{class_names[-1]}".'
        )
    if len(class_names) == 1 and all(name.count("/") > 1 for name in names):
        raise JaxganError(
            f"all images lie in sub-folders of the one folder {class_names[0]!r}, which would be one class.\n"
            f'To make those sub-folders the classes, set config.data.split="{class_names[0]}".'
        )
    for class_name in class_names:
        if shown(class_name) != class_name:  # it goes into files, figures and terminals
            raise JaxganError(
                f"the class folder {shown(class_name)!r} has a name that is not UTF-8 or has control characters; "
                "rename it."
            )
    label = {class_name: index for index, class_name in enumerate(class_names)}
    return class_names, {name: label[class_name] for name, class_name in class_of.items()}


def listing(items: Sequence[str], most: int = _SHOWN) -> str:
    """The first names of a list, then a count of the others."""
    more = len(items) - most
    return ", ".join(map(shown, items[:most])) + (f" and {more} more" if more > 0 else "")


def size_text(size: tuple[int, int]) -> str:
    """(height, width) as messages have it: `64x96`."""
    return f"{size[0]}x{size[1]}"
