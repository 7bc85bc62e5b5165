"""One policy for every picture that comes in: orientation, channels, depth, size. The result is uint8 `[h, w, c]`."""

import io
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

from jaxgan.errors import JaxganError

ImageSize = int | tuple[int, int]
Resize = Literal["crop", "stretch", "pad", "exact"]
Shape = tuple[int, ...]  # height, width, channels

# Windowed sinc; PIL widens its support when it reduces, so it does not alias.
FILTER = Image.Resampling.LANCZOS

MOST_SIDE = 2**15
"""Pixels of the longest side that images are fitted to."""

DRAFT_MARGIN = 2
"""How many times the size of the result a JPEG is still decoded at, at the least."""

FORMATS = ("BMP", "DIB", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""What a file may be, whatever its suffix. Pillow knows more; of those some run other programs (EPS does)."""

# Pillow refuses a picture of twice `Image.MAX_IMAGE_PIXELS`, about 89 million, and warns from there on: a picture of
# more would take half a GiB in each thread. It also warns of damage to what is no pixel, which is of no concern here.
# Both for good: filters cannot be set for a moment where there are threads.
warnings.filterwarnings("ignore", module=r"PIL\.")
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)

# What Pillow and zipfile raise for a file that is damaged, truncated, too large to be honest, or no picture at all.
UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    NotImplementedError,  # a compression method of a zip
    TypeError,  # a TIFF whose numbers are of another kind than their tags': an offset that is a fraction
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)

_GREY_MODES = ("1", "L", "LA", "I", "I;16", "I;16L", "I;16B")
_ORIENTATION = 0x0112  # the EXIF tag
_TURNED = (5, 6, 7, 8)  # its values that exchange height and width


def reason(error: BaseException) -> str:
    """What one of UNREADABLE says, without the address of the buffer, which Pillow names in place of the file."""
    said = getattr(error, "strerror", None) or re.sub(r" <_io\.BytesIO[^>]*>", "", str(error))
    return said or type(error).__name__


class Header(NamedTuple):
    """What is known of a picture before it is decoded.

    Attributes:
      size: (height, width) as seen, after EXIF orientation.
      colour: whether it is stored with colour; a palette counts as colour.
      mode: how it is stored, in Pillow's words: "RGB", "L", "I;16", ...
      transparent: whether it has transparency.
    """

    size: tuple[int, int]
    colour: bool
    mode: str
    transparent: bool


def target_size(image_size: ImageSize, native: tuple[int, int]) -> tuple[int, int]:
    """The (height, width) that the setting `image_size` asks for: 0 = `native`, n = n x n, or a pair.

    Raises:
      JaxganError: a negative size, a zero in a pair, or one that no picture has.
    """
    if image_size == 0:
        return native
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    if not (1 <= height <= MOST_SIDE and 1 <= width <= MOST_SIDE):
        raise JaxganError(
            f"config.data.image_size is {image_size}, but must be 0, a size, or (height, width), up to {MOST_SIDE}."
        )
    return height, width


def probe(data: bytes) -> Header:
    """Reads the header of an image file.

    Raises:
      one of UNREADABLE: it is not an image file.
    """
    with _opened(data) as image:
        width, height = image.size
        turned = image.getexif().get(_ORIENTATION) in _TURNED
        size = (width, height) if turned else (height, width)
        return Header(size, image.mode not in _GREY_MODES, image.mode, _is_transparent(image))


def _opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=FORMATS)


def decode(data: bytes, shape: Shape, resize: Resize) -> np.ndarray:
    """Decodes an image file, turns it upright and fits it to `shape`; of an animation, the first frame.

    A JPEG that is to be reduced is decoded at 1/8, 1/4 or 1/2 of its size, the smallest that divides both sides and
    leaves each at least twice the longer side of the result, so that the filter of `fit` still does the last halving.
    It costs a fraction of a whole decoding; pixels move by up to about one level of 255 on average.

    Args:
      data: the file's bytes.
      shape: (height, width, channels) of the result; 1 or 3 channels.
      resize: see `fit`.

    Returns:
      uint8 `[height, width, channels]`.

    Raises:
      one of UNREADABLE: it is damaged, or has no defined range of values.
      JaxganError: another size under "exact".
    """
    with _opened(data) as image:
        if isinstance(image, JpegImageFile) and resize != "exact":
            _decode_reduced(image, DRAFT_MARGIN * max(shape[:2]))
        ImageOps.exif_transpose(image, in_place=True)  # where there is nothing to turn, it does not copy either
        return fit(image, shape, resize)


def decode_halves(data: bytes, shape: Shape, resize: Resize) -> np.ndarray:
    """Decodes a file of two images side by side, each of which is fitted alone, so that no filter crosses the seam.

    Args:
      data: the file's bytes.
      shape: (height, width, channels) of the result, both halves together.
      resize: of each half; see `fit`.

    Returns:
      uint8 `[height, width, channels]`.

    Raises:
      one of UNREADABLE: as `decode`.
      JaxganError: a width that cannot be halved, or another size under "exact".
    """
    with _opened(data) as image:
        ImageOps.exif_transpose(image, in_place=True)
        if image.width % 2:
            raise JaxganError(
                f"an image of {image.height}x{image.width} does not fall into two halves of equal width; "
                "cut it, or take it out."
            )
        half = (shape[0], shape[1] // 2, shape[2])
        middle, width, height = image.width // 2, image.width, image.height
        boxes = (0, 0, middle, height), (middle, 0, width, height)
        return np.concatenate([fit(image.crop(box), half, resize) for box in boxes], axis=1)


def _decode_reduced(image: JpegImageFile, side: int) -> None:
    """Has libjpeg scale while it decodes, to the smallest size it can that is nowhere below `side` pixels."""
    width, height = image.size
    for scale in (8, 4, 2):
        # Where a scale does not divide a side, libjpeg rounds up, and the picture would be stretched by that much.
        if width % scale == 0 and height % scale == 0 and min(width, height) // scale >= side:
            image.draft(None, (width // scale, height // scale))
            return


def fit(image: Image.Image, shape: Shape, resize: Resize) -> np.ndarray:
    """Converts an image to `shape`: first the channels, then the size, with PIL's antialiased Lanczos filter.

    Transparency is laid on white; 16 bits become 8 by scaling; colour becomes grey by the luma weights of Rec. 601.

    Args:
      image: of any mode.
      shape: (height, width, channels) of the result; 1 or 3 channels.
      resize: "crop" scales until the shorter side fits and cuts the rest off evenly; "pad" scales until the longer
        side fits and fills up with white; "stretch" changes the proportions; "exact" refuses another size.

    Returns:
      uint8 `[height, width, channels]`.

    Raises:
      JaxganError: another size under "exact".
      ValueError: a mode without a defined range of values.
    """
    height, width, channels = shape
    image = _to_channels(image, channels)
    if image.size != (width, height):
        image = RESIZERS[resize](image, (width, height))
    return np.asarray(image).reshape(shape)


def _crop(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return ImageOps.fit(image, size, FILTER)


def _stretch(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image.resize(size, FILTER)


def _pad(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return ImageOps.pad(image, size, FILTER, color="white")


def _exact(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    raise JaxganError(
        f"an image is {image.height}x{image.width}, not {size[1]}x{size[0]}; "
        "set config.data.resize to crop, stretch or pad."
    )


RESIZERS: dict[Resize, Callable[[Image.Image, tuple[int, int]], Image.Image]] = {
    "crop": _crop,
    "stretch": _stretch,
    "pad": _pad,
    "exact": _exact,
}


def _to_channels(image: Image.Image, channels: int) -> Image.Image:
    if image.mode == "I" or image.mode.startswith("I;16"):
        image = _to_8_bit(image)
    if image.mode == "F":  # PIL would clip it to 0..255, whatever its range
        raise ValueError("floating-point pixels have no defined range; save it with 8 or 16 bits")
    if _is_transparent(image):
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    mode = "L" if channels == 1 else "RGB"
    return image if image.mode == mode else image.convert(mode)  # `convert` copies even where there is nothing to do


def _is_transparent(image: Image.Image) -> bool:
    if image.mode == "P" and image.palette is None:  # Pillow asserts that there is one
        raise ValueError("its pixels are numbers of a palette that it does not have")
    return image.has_transparency_data


def _to_8_bit(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:  # mode "I" can hold 32 bits
        raise ValueError("32-bit pixels have no defined range; save it with 8 or 16 bits")
    return Image.fromarray(np.rint(values / 257).astype(np.uint8))
