"""The image files of a directory or of a zip archive, read by name."""

import os
import struct
import threading
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO, NoReturn, Protocol, cast

from jaxgan.errors import JaxganError, unknown

SUFFIXES = frozenset(
    (".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)
"""Other files are no images and are passed over."""

# Of the header before a member's bytes: the signature, and the sizes of the name and of the extra field that follow it.
_LOCAL_HEADER = struct.Struct("<4s22x2H")


class Files(Protocol):
    """Image files that threads may read at the same time.

    Attributes:
      names: paths relative to the folder that was opened, with forward slashes, sorted.
    """

    names: list[str]

    def read(self, name: str) -> bytes:
        """The bytes of one file."""
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
    path = Path(data_dir).expanduser()
    if path.is_dir():
        files: Files = _Directory(path, split)
    elif path.is_file() and path.suffix.lower() == ".zip":
        files = _Archive(path, split)
    else:
        raise JaxganError(
            f"there is no directory or .zip at {path.absolute()}; set --config.data.data_dir to one, or --data-dir to "
            "evaluate."
        )
    if not files.names:
        raise JaxganError(f"no images in {path / split} (looked for {', '.join(sorted(SUFFIXES))}).")
    return files


class _Directory:
    def __init__(self, path: Path, split: str) -> None:
        self._root = path / split
        if not self._root.is_dir():
            raise unknown(f"split in {path}", split, (child.name for child in path.iterdir() if child.is_dir()))
        self.names = _image_names(path.relative_to(self._root).as_posix() for path in _walk(self._root))

    def read(self, name: str) -> bytes:
        return (self._root / name).read_bytes()


class _Archive:
    def __init__(self, path: Path, split: str) -> None:
        self._path, self._split = path, split
        try:
            self._archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise JaxganError(f"{path} cannot be read as a zip archive: {error}.") from error
        infos = self._archive.infolist()
        if any(info.flag_bits & 1 for info in infos):
            raise JaxganError(f"{path} is encrypted; unpack it and set config.data.data_dir to the directory.")
        self._prefix = f"{split.strip('/')}/" if split else ""
        inside = [info.filename for info in infos if info.filename.startswith(self._prefix)]
        if split and not inside:
            raise unknown(
                f"split in {path}", split, {info.filename.split("/")[0] for info in infos if "/" in info.filename}
            )
        self.names = _image_names(name.removeprefix(self._prefix) for name in inside)
        absolute = [name for name in self.names if PureWindowsPath(name).anchor]  # those of Windows are all there are
        if absolute:  # whoever writes files of these names into a folder would write them elsewhere
            raise JaxganError(f"{path} is no ordinary archive: it names an image {absolute[0]!r}; make it anew.")
        self._file = cast(BinaryIO, self._archive.fp)  # open for as long as the archive is
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type["_Archive"], tuple[Path, str]]:
        return _Archive, (self._path, self._split)  # another process opens it anew

    def read(self, name: str) -> bytes:
        """Does what `ZipFile.read` does, for several threads at a time, where the method is one of the usual two."""
        info = self._archive.getinfo(self._prefix + name)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            with self._lock:  # ZipFile locks its reads, but not its count of open members: it closes the file at zero
                return self._archive.read(info)
        header = self._bytes_at(info.header_offset, _LOCAL_HEADER.size)
        signature, name_size, extra_size = _LOCAL_HEADER.unpack(header)
        if signature != b"PK\3\4":
            raise zipfile.BadZipFile("Bad magic number for file header")
        packed = self._bytes_at(info.header_offset + len(header) + name_size + extra_size, info.compress_size)
        data = packed if info.compress_type == zipfile.ZIP_STORED else zlib.decompress(packed, -zlib.MAX_WBITS)
        if zlib.crc32(data) != info.CRC:
            raise zipfile.BadZipFile(f"Bad CRC-32 for file {info.filename!r}")
        return data

    def _bytes_at(self, offset: int, size: int) -> bytes:
        if hasattr(os, "pread"):
            data = os.pread(self._file.fileno(), size, offset)
        else:  # Windows
            with self._lock:
                self._file.seek(offset)
                data = self._file.read(size)
        if len(data) < size:
            raise EOFError("the archive ends within it")
        return data


def _walk(root: Path) -> Iterator[Path]:
    """Every file below a folder. Links are followed, since sets are often put together from linked class folders, but
    never into a folder that contains them.
    """
    for folder, children, names in os.walk(root, onerror=_refuse, followlinks=True):
        above = {Path(folder).resolve(), *Path(folder).resolve().parents}
        children[:] = [child for child in children if (Path(folder) / child).resolve() not in above]
        yield from (Path(folder) / name for name in names)


def _image_names(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if _is_image(PurePosixPath(name)))


def _is_image(path: PurePosixPath) -> bool:
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
    return path.suffix.lower() in SUFFIXES and not hidden


def _refuse(error: OSError) -> NoReturn:
    raise JaxganError(f"cannot list {error.filename}: {error.strerror}.") from error
