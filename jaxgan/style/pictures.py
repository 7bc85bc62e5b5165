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
from jaxgan.outputs import unwritable

FACTS = "jaxgan"
"""Key of the text in a PNG file: `json.loads(PIL.Image.open(path).text["jaxgan"])`."""

MOST = 2**26
"""Pixels of a scaled picture. No memory is large enough for the activations of more."""


class Picture(NamedTuple):
    """A picture file.

    Attributes:
      data: the bytes of the file.
      pixels: uint8 [h, w, 3], scaled.
    """

    data: bytes
    pixels: np.ndarray


def native_size(path: Path) -> tuple[int, int]:
    """The (height, width) of a picture as seen, from the header of its file.

    Raises:
      JaxganError: it cannot be read.
    """
    try:
        return probe(path.read_bytes()).size
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def read(path: Path, size: int) -> Picture:
    """Reads a picture, turns it upright and scales it.

    Args:
      path: of one of `images.FORMATS`; transparency is laid on white.
      size: of the shorter side.

    Raises:
      JaxganError: it cannot be read, or would have more pixels than `MOST`.
    """
    native = native_size(path)
    height, width = (round(side * size / min(native)) for side in native)
    if height * width > MOST:
        raise JaxganError(
            f"{path} is {native[0]}x{native[1]}, and with a shorter side of {size} pixels would be {height}x{width}; "
            "cut it to other proportions, or give a smaller --size."
        )
    try:
        data = path.read_bytes()
        return Picture(data, decode(data, (height, width, 3), "stretch"))
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


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
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, pnginfo=text)
    except OSError as error:
        raise unwritable(path, error) from error


def _unreadable(path: Path, error: BaseException) -> JaxganError:
    return JaxganError(f"cannot read the picture {path}: {reason(error)}.")
