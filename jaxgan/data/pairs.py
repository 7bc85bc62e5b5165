"""Images in pairs, {"image", "other"}: of two domains that chance brings together, or an image and what it becomes."""

import posixpath
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from jaxgan.data import images
from jaxgan.data.feed import decoded_bytes
from jaxgan.data.files import Files, open_files
from jaxgan.data.folder import Undecoded, listing
from jaxgan.data.memory import ArraySource, read
from jaxgan.data.order import PARTNERS, epoch_permutation, indices
from jaxgan.data.spec import Accept, DataSpec, Example, Source
from jaxgan.errors import JaxganError, check_range


def unpaired(
    seed: int,
    accept: Accept,
    *,
    data_dir: str = "",
    first: str = "trainA",
    second: str = "trainB",
    image_size: images.ImageSize = 0,
    resize: images.Resize = "crop",
    channels: Literal[0, 1, 3] = 0,
    broken: Literal["refuse", "skip"] = "refuse",
    memory_gib: float = 4.0,
) -> Source:
    """Two sub-folders of a directory or `.zip`, a domain each: `"image"` of the first, `"other"` of the second.

    Of the larger domain each image stands in one pair; of the other they come in turn, in one random order after
    another. Which two meet in a pair is chance, and fixed: an example is a function of its position, so that a run can
    be resumed. CycleGAN's authors draw a new partner every time; here an image of the smaller domain that has had one
    turn more than others has it in every pass.

    Args:
      seed: of that chance.
      accept: is asked when the headers are read, before any image is decoded.
      data_dir: the directory, or the `.zip`.
      first: sub-folder of domain A: "trainA" of CycleGAN's published sets, "train/horse" of a set of class folders.
      second: of domain B.
      image_size: as of `folder`, like all that follow, which hold for both domains.
      resize: how an image is fitted to `image_size`.
      channels: 1 or 3; 0 = 3 if any image of the domain is stored with colour, otherwise 1.
      broken: "refuse" or "skip" unreadable images.
      memory_gib: for both together.

    Raises:
      JaxganError: as of `folder`, or domains that are one, or differ in size or channels.
    """
    _check_places(first, second)
    files = {split: open_files(data_dir, split) for split in (first, second)}
    a, b = _sides(files, image_size, resize, channels, broken, memory_gib, accept)
    size = max(a.spec.size, b.spec.size)
    rows = [indices(seed, 0, size, domain.spec.size, _partners) for domain in (a, b)]
    rows[b.spec.size > a.spec.size] = np.arange(size)
    return PairSource(a, b, np.stack(rows, axis=1))


def _partners(seed: int, turn: int, size: int) -> np.ndarray:
    """The order in which the smaller domain's images are met for the `turn`-th time, int64 [size]."""
    return epoch_permutation(seed, PARTNERS + turn, size)


def paired(
    seed: int,
    accept: Accept,
    *,
    data_dir: str = "",
    first: str = "A/train",
    second: str = "B/train",
    image_size: images.ImageSize = 0,
    resize: images.Resize = "crop",
    channels: Literal[0, 1, 3] = 0,
    memory_gib: float = 4.0,
) -> Source:
    """Two sub-folders of a directory or `.zip` with equal file names: `"image"` of the first, `"other"` of the second.

    Args:
      seed: not used; the set is fixed.
      accept: is asked when the headers are read, before any image is decoded.
      data_dir: the directory, or the `.zip`.
      first: sub-folder of what is given.
      second: sub-folder of what it is to become.
      image_size: as of `folder`, like all that follow, which hold for both.
      resize: how an image is fitted to `image_size`; the two of a pair are cut alike if their proportions are the same.
      channels: 1 or 3; 0 = 3 if any image of the sub-folder is stored with colour, otherwise 1.
      memory_gib: for both together.

    Raises:
      JaxganError: files without a partner, or as of `unpaired`.
    """
    _check_places(first, second)
    files = {split: open_files(data_dir, split) for split in (first, second)}
    for split, other in ((first, second), (second, first)):
        if alone := set(files[split].names) - set(files[other].names):
            raise JaxganError(
                f"{len(alone)} of the images in {split} have no partner of the same name in {other}: "
                f"{listing(sorted(alone))}."
            )
    a, b = _sides(files, image_size, resize, channels, "refuse", memory_gib, accept)
    each = np.arange(a.spec.size)  # a folder is sorted by name
    return PairSource(a, b, np.stack([each, each], axis=1))


def combined(
    seed: int,
    accept: Accept,
    *,
    data_dir: str = "",
    split: str = "train",
    direction: Literal["AtoB", "BtoA"] = "AtoB",
    image_size: images.ImageSize = 0,
    resize: Literal["stretch", "exact"] = "stretch",
    channels: Literal[0, 1, 3] = 0,
    broken: Literal["refuse", "skip"] = "refuse",
    memory_gib: float = 4.0,
) -> Source:
    """A directory or `.zip` of images each of which is a pair side by side, as pix2pix's published sets are.

    Each half is fitted to its size alone, so that nothing of one shows in the other.

    Args:
      seed: not used; the set is fixed.
      accept: is asked when the headers are read, before any image is decoded.
      data_dir: the directory, or the `.zip`.
      split: sub-folder that holds the images; "" = `data_dir` itself.
      direction: "AtoB" makes `"image"` of the left half and `"other"` of the right one, "BtoA" the reverse.
      image_size: of a half: 0 = as they are; n = n x n; or (height, width).
      resize: "stretch" changes the proportions where it must; "exact" refuses another size.
      channels: as of `folder`, like all that follow.
      broken: "refuse" or "skip" unreadable images.
      memory_gib: a decoded set up to this size stays in memory.

    Raises:
      JaxganError: as of `folder`, or a width that cannot be halved.
    """
    height, width = images.target_size(image_size, native=(0, 0))
    joined = (height, 2 * width) if image_size else 0
    check_range("config.data.memory_gib", memory_gib, 0, 2**20)
    files = open_files(data_dir, split)
    whole = Undecoded(files, joined, resize, channels, broken, decode=images.decode_halves)
    accept(_halves(whole.spec))
    return _HalvesSource(whole.decoded(memory_gib), ("image", "other") if direction == "AtoB" else ("other", "image"))


class PairSource:
    """Pairs of the images of two sources.

    Attributes:
      spec: of the pairs.
    """

    def __init__(self, first: Source, second: Source, rows: np.ndarray) -> None:
        """Reads nothing yet.

        Args:
          first: of `"image"`.
          second: of `"other"`.
          rows: int64 `[n, 2]`, the positions that make each pair.
        """
        self.spec = _both(first.spec, second.spec, len(rows))
        self._sides, self._rows = {"image": first, "other": second}, rows

    def __getitem__(self, index: int) -> Example:
        """Pair `index`."""
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Example]:
        """Several pairs."""
        rows = self._rows[list(indices)]
        sides = [read(side, column.tolist()) for side, column in zip(self._sides.values(), rows.T, strict=True)]
        return [{"image": image["image"], "other": other["image"]} for image, other in zip(*sides, strict=True)]

    def arrays(self) -> Example:
        """All pairs, stacked."""
        sides = zip(self._sides.items(), self._rows.T, strict=True)
        return {key: side.arrays()["image"][column] for (key, side), column in sides}


class _HalvesSource:
    """Pairs that stand side by side in one image; `keys` names the left half and the right one."""

    def __init__(self, whole: Source, keys: tuple[str, str]) -> None:
        self.spec = _halves(whole.spec)
        self._whole, self._keys = whole, keys

    def __getitem__(self, index: int) -> Example:
        return self._cut(self._whole[index]["image"])

    def __getitems__(self, indices: Sequence[int]) -> list[Example]:
        return [self._cut(example["image"]) for example in read(self._whole, indices)]

    def arrays(self) -> Example:
        return {key: np.ascontiguousarray(half) for key, half in self._cut(self._whole.arrays()["image"]).items()}

    def _cut(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        return dict(zip(self._keys, np.split(pixels, 2, axis=-2), strict=True))


def _check_places(first: str, second: str) -> None:
    """Refuses what are not two sub-folders, neither of them in the other."""
    places = [posixpath.normpath(side) for side in (first, second)]
    for key, side, place in zip(("first", "second"), (first, second), places, strict=True):
        if place.startswith("/") or place.split("/")[0] in (".", ".."):
            raise JaxganError(f"config.data.{key} is {side!r}, but must name a sub-folder of config.data.data_dir.")
    if posixpath.commonpath(places) in places:
        raise JaxganError(
            f"config.data.first is {first!r} and config.data.second {second!r}; name two sub-folders, neither "
            "of them in the other."
        )


def _sides(
    files: Mapping[str, Files],
    image_size: images.ImageSize,
    resize: images.Resize,
    channels: int,
    broken: Literal["refuse", "skip"],
    memory_gib: float,
    accept: Accept,
) -> tuple[Source, Source]:
    """The images of two sub-folders, given by their names, which are of one shape."""
    check_range("config.data.memory_gib", memory_gib, 0, 2**20)
    sides = {name: Undecoded(each, image_size, resize, channels, broken) for name, each in files.items()}
    (first, a), (second, b) = sides.items()
    if a.spec.shape[2] != b.spec.shape[2]:
        raise JaxganError(
            f"the images in {first} have {a.spec.shape[2]} channels, those in {second} {b.spec.shape[2]}; set "
            "config.data.channels=3, which makes grey ones RGB, or 1."
        )
    if a.spec.shape != b.spec.shape:
        raise JaxganError(
            f"the images in {first} are {_size(a.spec)}, those in {second} {_size(b.spec)}; set config.data.image_size."
        )
    accept(_both(a.spec, b.spec, max(a.spec.size, b.spec.size)))
    source = a.decoded(memory_gib)
    taken = decoded_bytes(source.spec) / 2**30 if isinstance(source, ArraySource) else 0
    return source, b.decoded(max(memory_gib - taken, 0))


def _both(first: DataSpec, second: DataSpec, size: int) -> DataSpec:
    """What pairs of two sources are like."""
    return first._replace(class_names=(), size=size, other=second.shape)


def _halves(whole: DataSpec) -> DataSpec:
    """What pairs are like that stand side by side in one image."""
    height, width, channels = whole.shape
    half = (height, width // 2, channels)
    return whole._replace(shape=half, other=half, class_names=())


def _size(spec: DataSpec) -> str:
    return f"{spec.shape[0]}x{spec.shape[1]}"
