"""The image files of a zip archive, read where they lie by several threads, whoever made the archive."""

import bz2
import os
import stat
import struct
import threading
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path, PureWindowsPath
from typing import BinaryIO, cast

from jaxgan.data.image_names import LARGEST, LARGEST_TEXT, image_names, kind_of
from jaxgan.errors import JaxganError, unknown

# Of the header before a member's bytes: the signature, and the sizes of the name and of the extra field that follow it.
_LOCAL_HEADER = struct.Struct("<4s22x2H")

_UTF_8 = 0x800  # the flag of a member whose name is UTF-8; others are of the first PC
_ENCRYPTED = 0x1

# What zipfile raises for a file that is no archive: also for names that are not UTF-8, and versions to come.
_NO_ARCHIVE = (OSError, zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError, struct.error)

# By method: what packed bytes stand for, up to a number of bytes, beyond which nothing is inflated.
_INFLATE: dict[int, Callable[[bytes, int], bytes]] = {
    zipfile.ZIP_STORED: lambda packed, most: packed,
    zipfile.ZIP_DEFLATED: lambda packed, most: zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, most),
    zipfile.ZIP_BZIP2: lambda packed, most: bz2.BZ2Decompressor().decompress(packed, most),
}


class Archive:
    """The images of a `.zip` or of one of its folders.

    Attributes:
      names: as of `files.Files`.
      others: as of `files.Files`.
    """

    def __init__(self, path: Path, split: str) -> None:
        """Lists the archive.

        Args:
          path: of the `.zip`.
          split: sub-folder to start from, "" for all.

        Raises:
          JaxganError: it is no archive, is encrypted, is none that an archiver makes, or has no such sub-folder.
        """
        self._path, self._split = path, split
        try:
            self._archive = zipfile.ZipFile(path)
        except _NO_ARCHIVE as error:
            raise JaxganError(f"{path} cannot be read as a zip archive: {error}.") from error
        infos = self._archive.infolist()
        if any(info.flag_bits & _ENCRYPTED for info in infos):
            raise JaxganError(f"{path} is encrypted; unpack it and set config.data.data_dir to the directory.")
        self._prefix = f"{split}/" if split else ""
        inside = [info for info in infos if info.filename.startswith(self._prefix)]
        if split and not inside:
            raise unknown(
                f"split in {path}", split, {info.filename.split("/")[0] for info in infos if "/" in info.filename}
            )
        images = [info for info in infos if kind_of(info.filename.replace("\\", "/")) == "image"]
        if lie := _lie_of(images, self._prefix) or _overlap(infos):
            raise JaxganError(f"{path} is no ordinary archive: {lie}; make it anew.")
        paths = [info.filename.removeprefix(self._prefix) for info in inside if not info.is_dir()]
        self.names, self.others = image_names(paths)
        self._file = cast(BinaryIO, self._archive.fp)  # open for as long as the archive is
        self._size = os.fstat(self._file.fileno()).st_size
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type["Archive"], tuple[Path, str]]:
        return Archive, (self._path, self._split)  # another process opens it anew

    def read(self, name: str) -> bytes:
        """Does what `ZipFile.read` does, for several threads at a time.

        No more memory is taken than the member says that it needs, and no member may say more than LARGEST.

        Raises:
          zipfile.BadZipFile: the member is damaged, a link, or not what the archive says of it.
          NotImplementedError: it is compressed by a method whose memory has no bound.
        """
        info = self._archive.getinfo(self._prefix + name)
        if stat.S_ISLNK(info.external_attr >> 16):
            raise zipfile.BadZipFile("it is a symbolic link, and links in archives are not followed")
        if info.file_size > LARGEST:
            raise zipfile.BadZipFile(f"it says that it has {info.file_size} bytes, more than {LARGEST_TEXT}")
        if info.compress_type not in _INFLATE:
            raise NotImplementedError(f"it is compressed by method {info.compress_type}, not by deflate or bzip2")
        data = _INFLATE[info.compress_type](self._packed(info), info.file_size + 1)  # a byte over is a lie; no more
        if len(data) != info.file_size:
            raise zipfile.BadZipFile("its size is not the one that the archive states")
        if zlib.crc32(data) != info.CRC:
            raise zipfile.BadZipFile(f"Bad CRC-32 for file {info.filename!r}")
        return data

    def _packed(self, info: zipfile.ZipInfo) -> bytes:
        """The bytes of a member as they lie in the archive."""
        name = info.orig_filename.encode("utf-8" if info.flag_bits & _UTF_8 else "cp437")
        header = self._bytes_at(info.header_offset, _LOCAL_HEADER.size + len(name))
        signature, name_size, extra_size = _LOCAL_HEADER.unpack_from(header)
        if signature != b"PK\3\4":
            raise zipfile.BadZipFile("Bad magic number for file header")
        if name_size != len(name) or header[_LOCAL_HEADER.size :] != name:
            raise zipfile.BadZipFile("its header names another file")
        return self._bytes_at(info.header_offset + len(header) + extra_size, info.compress_size)

    def _bytes_at(self, offset: int, size: int) -> bytes:
        if offset < 0 or offset + size > self._size:  # sizes of 64 bits can be any; nothing that large is asked for
            raise EOFError("the archive ends within it")
        if hasattr(os, "pread"):
            data = os.pread(self._file.fileno(), size, offset)
        else:  # Windows
            with self._lock:
                self._file.seek(offset)
                data = self._file.read(size)
        if len(data) < size:
            raise EOFError("the archive ends within it")
        return data


def _lie_of(images: Sequence[zipfile.ZipInfo], prefix: str) -> str:
    """What names of images an archiver does not write and a folder could not hold, in words; "" if there are none.

    Whoever wrote files of such names into a folder would write them elsewhere.
    """
    for info in images:
        name = info.orig_filename
        windows = PureWindowsPath(name.removeprefix(prefix))  # its absolute names are all there are
        if "\0" in name or "\\" in name or windows.anchor or ".." in windows.parts:
            return f"it names an image {name!r}"
    twice = [name for name, count in Counter(info.filename for info in images).items() if count > 1]
    return f"it has {twice[0]!r} twice" if twice else ""


def _overlap(infos: Sequence[zipfile.ZipInfo]) -> str:
    """Which member lies in another, as in archives that unpack to far more than they hold; "" if none does."""
    by_place = sorted(infos, key=lambda info: info.header_offset)
    for info, after in pairwise(by_place):
        if info.header_offset + _LOCAL_HEADER.size + info.compress_size > after.header_offset:
            return f"{after.filename!r} lies within {info.filename!r}"
    return ""
