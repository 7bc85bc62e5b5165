"""Pictures of style transfer: read upright and scaled with their proportions, written with what they were made from."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from jaxgan.data.images import UNREADABLE, decode, probe, reason
from jaxgan.errors import JaxganError

FACTS = "jaxgan"
"""Key of the text in a PNG file: `json.loads(PIL.Image.open(path).text["jaxgan"])`."""


class Picture(NamedTuple):
    """A picture file.

    Attributes:
      data: the bytes of the file.
      native: its (height, width) as seen.
      pixels: uint8 [h, w, 3], scaled.
    """

    data: bytes
    native: tuple[int, int]
    pixels: np.ndarray


def read(path: Path, size: int) -> Picture:
    """Reads a picture, turns it upright and scales it.

    Args:
      path: of any format that Pillow reads; transparency is laid on white.
      size: of the shorter side.

    Raises:
      JaxganError: it cannot be read.
    """
    try:
        data = path.read_bytes()
        native = probe(data).size
        height, width = (round(side * size / min(native)) for side in native)
        return Picture(data, native, decode(data, (height, width, 3), "stretch"))
    except UNREADABLE as error:
        raise JaxganError(f"cannot read the picture {path}: {reason(error)}.") from error


def check_writable(path: Path) -> None:
    """Makes the folder of a file that is to be written, and refuses a place where it cannot be.

    Raises:
      JaxganError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        there = path.exists()
        path.open("ab").close()
        if not there:
            path.unlink()
    except OSError as error:
        raise _unwritable(path, error) from error


def write(path: Path, pixels: np.ndarray, facts: Mapping[str, Any]) -> None:
    """Writes a PNG file with a text, in JSON, of how it was made.

    Args:
      path: ends in .png.
      pixels: uint8 [h, w, 3].
      facts: of plain values.

    Raises:
      JaxganError: it cannot be written.
    """
    text = PngInfo()
    text.add_text(FACTS, json.dumps(facts))
    try:
        Image.fromarray(pixels).save(path, pnginfo=text)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> JaxganError:
    return JaxganError(f"cannot write {path}: {error.strerror or error}.")
