"""The image files of a directory or of a zip archive, read by name."""

import os
import posixpath
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from jaxgan.data.archive import Archive
from jaxgan.data.image_names import LARGEST, LARGEST_TEXT, SUFFIXES, image_names, is_hidden
from jaxgan.errors import JaxganError, unknown


class Files(Protocol):
    """Image files that threads may read at the same time.

    Attributes:
      names: paths relative to the folder that was opened, with forward slashes, sorted.
      others: files that are passed over, how many of each kind, as of `image_names.kind_of`; a hidden folder is one.
    """

    names: list[str]
    others: Counter[str]

    def read(self, name: str) -> bytes:
        """The bytes of one file.

        Raises:
          one of `images.UNREADABLE`: it is gone, is no ordinary file, is too large, or an archive is damaged there.
        """
        ...


def open_files(data_dir: str, split: str) -> Files:
    """Lists the images at any depth in a directory or zip archive; hidden files and other suffixes are passed over.

    Args:
      data_dir: the directory, or a file that ends in `.zip`, which is read without being unpacked.
      split: sub-folder to start from, e.g. `"train"`; `""` for all.

    Raises:
      JaxganError: there is nothing there, no such sub-folder, no image in it, or an archive that cannot be read.
    """
    if not data_dir:
        raise JaxganError("config.data.data_dir is empty; set it to a directory or .zip of images.")
    path, inside = Path(os.path.expanduser(data_dir)), _inside(split)
    if os.path.isdir(path):
        files: Files = _Directory(path, inside)
    elif os.path.isfile(path) and path.suffix.lower() == ".zip":
        files = Archive(path, inside)
    else:
        raise JaxganError(
            f"there is no directory or .zip at {path.absolute()}; set --config.data.data_dir to one, or --data-dir to "
            "evaluate."
        )
    if not files.names:
        raise JaxganError(f"no images in {path / inside} (looked for {', '.join(sorted(SUFFIXES))}).")
    return files


def _inside(split: str) -> str:
    """A sub-folder's path in its plain form; `""` is the folder itself."""
    plain = posixpath.normpath(split) if split else "."
    if plain.startswith("/") or plain.split("/")[0] == "..":
        raise JaxganError(f"config.data.split is {split!r}, but must name a sub-folder of config.data.data_dir.")
    return "" if plain == "." else plain


class _Directory:
    def __init__(self, path: Path, split: str) -> None:
        self._root = path / split
        if not os.path.isdir(self._root):
            raise unknown(f"split in {path}", split, (child.name for child in path.iterdir() if child.is_dir()))
        self.names, self.others = image_names(_walk(str(self._root)))

    def read(self, name: str) -> bytes:
        path = f"{self._root}/{name}"
        facts = os.stat(path)
        if not stat.S_ISREG(facts.st_mode):  # to open a pipe would wait for whoever writes it
            raise OSError("it is no ordinary file")
        if facts.st_size > LARGEST:
            raise OSError(f"it has {facts.st_size} bytes, more than {LARGEST_TEXT}")
        with open(path, "rb") as file:
            return file.read()


def _walk(root: str) -> Iterator[str]:
    """Paths below a folder of every file, and of hidden folders, which are not entered.

    Links are followed, since sets are often put together from linked class folders, but never into a folder that
    contains them, nor into one that was left by a link on the way there.
    """
    pending: list[tuple[str, tuple[str, ...]]] = [("", ())]  # folders, and real ones that links on the way lie in
    while pending:
        folder, left = pending.pop()
        real = ""  # found out for folders with links only: it takes long
        try:
            with os.scandir(f"{root}/{folder}") as entries:
                for entry in entries:
                    path = f"{folder}{entry.name}"
                    if is_hidden(entry.name) or not _is_folder(entry):
                        yield path
                    elif not entry.is_symlink():
                        pending.append((f"{path}/", left))
                    else:
                        real = real or os.path.realpath(f"{root}/{folder}")
                        if not _contains(os.path.realpath(entry.path), (real, *left)):
                            pending.append((f"{path}/", (real, *left)))
        except OSError as error:
            raise JaxganError(f"cannot list {error.filename}: {error.strerror}.") from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, or to where we may not look; if it is named as an image, reading it says so
        return False


def _contains(folder: str, others: tuple[str, ...]) -> bool:
    return any(other == folder or other.startswith(folder.rstrip("/") + "/") for other in others)
