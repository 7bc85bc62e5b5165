"""Which files are images, by their names, and how large one may be; what both folders and archives go by."""

from collections import Counter
from collections.abc import Iterable

SUFFIXES = frozenset(
    (".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)
"""Other files are no images and are passed over."""

LARGEST = 2**29
"""Bytes of the largest file that is read: more than any picture takes that is not a bomb, even without compression."""

LARGEST_TEXT = f"{LARGEST // 2**20} MiB"

HIDDEN = "hidden"
"""What files and folders count as whose names begin with a point, and the folder that macOS adds to archives."""


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name, without its path, is passed over."""
    return name.startswith(".") or name == "__MACOSX"


def suffix_of(name: str) -> str:
    """The end of a file's name in lower case, as `".png"`; `""` where there is none."""
    stem, point, suffix = name.rpartition(".")
    return f".{suffix.lower()}" if point and stem and suffix else ""


def kind_of(path: str) -> str:
    """What a file counts as, by its path with forward slashes: "image", HIDDEN, or its suffix, `""` if it has none."""
    *folders, name = path.split("/")
    suffix = suffix_of(name)
    # A path that leads upwards is not hidden: archives that name images by it are refused, not passed over.
    if any(is_hidden(part) for part in (*folders, name) if part not in (".", "..")):
        return HIDDEN
    return "image" if suffix in SUFFIXES else suffix


def image_names(paths: Iterable[str]) -> tuple[list[str], Counter[str]]:
    """The images among files, sorted by path, and how many others there are of each kind, as of `kind_of`."""
    names, others = [], Counter[str]()
    for path in paths:
        kind = kind_of(path)
        if kind == "image":
            names.append(path)
        else:
            others[kind] += 1
    return sorted(names), others
