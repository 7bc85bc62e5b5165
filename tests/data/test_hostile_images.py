"""Whatever bytes a file has, it becomes an image of the right shape, or there is a reason why it does not."""

import io
import json
import struct
import subprocess
import sys
import time
import warnings
import zipfile
import zlib

import numpy as np
import pytest
from long_forms import thinned
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from jaxgan.data import images
from jaxgan.data.image_names import SUFFIXES
from jaxgan.errors import JaxganError

PIXELS = np.random.default_rng(5).integers(0, 256, (13, 17, 4), np.uint8)


def encoded(image, form, **options) -> bytes:
    data = io.BytesIO()
    image.save(data, form, **options)
    return data.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    """A part of a PNG file."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """An 8-bit grey PNG file with a header and other parts."""
    header = chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


def seeds() -> list[bytes]:
    """Small files of every form that is read, in many of its modes."""
    colour, grey = Image.fromarray(PIXELS[..., :3]), Image.fromarray(PIXELS[..., 0])
    clear, palette, bits = Image.fromarray(PIXELS), colour.quantize(16), grey.convert("1")
    deep = Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257)
    exif, text, others = Image.Exif(), PngInfo(), {"save_all": True, "append_images": [colour.rotate(90)] * 3}
    exif[0x0112], exif[0x010F] = 6, "maker"
    text.add_text("key", "value" * 9, zip=True)
    files = [encoded(image, form) for form in ("BMP", "GIF", "PNG", "TIFF", "PPM") for image in (grey, colour, bits)]
    files += [encoded(palette, form) for form in ("BMP", "GIF", "PNG", "TIFF")]
    files += [encoded(deep, "PNG", pnginfo=text), encoded(deep, "TIFF"), encoded(deep, "PPM")]
    files += [encoded(clear, "PNG"), encoded(clear, "TIFF"), encoded(clear, "WEBP", lossless=True)]
    files += [encoded(colour, form, exif=exif) for form in ("JPEG", "PNG", "TIFF", "WEBP")]
    files += [
        encoded(colour, "TIFF", compression=how) for how in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
    ]
    files += [encoded(bits, "TIFF", compression="group4"), encoded(colour, "JPEG", progressive=True)]
    files += [encoded(colour.convert("CMYK"), "JPEG"), encoded(grey, "JPEG")]
    return files + [encoded(colour, form, **others) for form in ("GIF", "PNG", "WEBP", "TIFF", "MPO")]


SEEDS = seeds()
CASES = 1500  # a seed


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """A file cut, spliced with another, or with bits, bytes or numbers changed, of which headers have most."""
    changed, kind = bytearray(data), rng.integers(6)
    if kind == 0:
        return data[: rng.integers(len(data))]
    if kind == 1:
        other = SEEDS[rng.integers(len(SEEDS))]
        return data[: rng.integers(len(data))] + other[rng.integers(len(other)) :]
    places = rng.integers(64 if kind == 3 and len(data) > 64 else len(data), size=rng.integers(1, 9))
    for place in places:
        if kind == 2:
            changed[place] ^= 1 << rng.integers(8)
        elif kind == 5:
            changed[place : place + 4] = rng.choice([b"\xff\xff\xff\xff", bytes(4), b"\x7f\xff\xff\xff", b"\0\1\0\0"])
        else:
            changed[place] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)])
    return with_checksums(changed) if rng.integers(2) else bytes(changed)


def with_checksums(data: bytearray) -> bytes:
    """A PNG file whose checksums are right again, so that damage gets beyond them; others as they are."""
    at = 8
    while data.startswith(b"\x89PNG") and at + 12 <= len(data):
        end = at + 8 + struct.unpack_from(">I", data, at)[0]
        if end + 4 > len(data):
            break
        struct.pack_into(">I", data, end, zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return bytes(data)


@pytest.mark.filterwarnings("default")  # as where users run it: a warning is not an error, and would be seen
@pytest.mark.parametrize("seed", thinned(range(20), {0}))
def test_changed_bytes_are_an_image_or_have_a_reason(seed, capsys):
    warnings.filterwarnings("ignore", module=r"PIL\.")  # as the module has them, before pytest has its own
    warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
    rng, outcomes = np.random.default_rng(seed), {"image": 0, "reason": 0, "refused": 0}
    for number in range(CASES):
        data = mutated(SEEDS[number % len(SEEDS)], rng)
        shape = [(8, 8, 3), (8, 8, 1), (20, 9, 3)][rng.integers(3)]
        decode = images.decode_halves if number % 7 == 0 and shape[1] == 8 else images.decode
        started = time.monotonic()
        try:
            height, width = images.probe(data).size
            image = decode(data, shape, ["crop", "stretch", "pad", "exact"][rng.integers(4)])
            assert image.dtype == np.uint8
            assert image.shape == shape
            assert min(height, width) > 0
            outcomes["image"] += 1
        except images.UNREADABLE as error:
            outcomes["reason"] += bool(images.reason(error))
        except JaxganError:
            outcomes["refused"] += 1
        assert time.monotonic() - started < 60, f"case {number} of seed {seed}"
    assert min(outcomes.values()) > CASES // 50, outcomes
    assert sum(outcomes.values()) == CASES
    assert capsys.readouterr().err == ""


def tiff(width: int, height: int, following: int) -> bytes:
    """A grey TIFF file whose directory is followed by another at `following`; its pixels are the start of the file."""
    tags = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 0), (279, 4, 64)]
    entries = b"".join(struct.pack("<2H2I", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", following) + bytes(64)


BOMBS = {
    "a.png": png(60_000, 60_000, chunk(b"IDAT", zlib.compress(bytes(1000)))),
    "b.png": png(11_000, 11_000, chunk(b"IDAT", zlib.compress(bytes(1000)))),  # between the two limits of Pillow
    "c.ppm": b"P6 60000 60000 255\n" + bytes(100),
    "d.tif": tiff(100_000, 100_000, 0),
    "e.gif": b"GIF89a" + struct.pack("<2H3B", 60_000, 60_000, 0x80, 0, 0) + bytes(6) + b",",
    "f.webp": b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff" * 6,
    "g.bmp": b"BM" + struct.pack("<3I", 200, 0, 54) + struct.pack("<3I2H6I", 40, 50_000, 50_000, 1, 24, *[0] * 6),
    "h.png": png(
        8, 8, chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(2**26))), chunk(b"IDAT", zlib.compress(bytes(72)))
    ),
    "i.png": png(8, 8, chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(2**26)))),
    "j.jpg": encoded(Image.fromarray(PIXELS[..., :3]), "JPEG")[:400],
    "k.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n",
}
"""Files that would take gigabytes, or run something, by what they say of themselves."""


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_has_a_reason(name):
    with pytest.raises(images.UNREADABLE) as caught:
        images.decode(BOMBS[name], (8, 8, 3), "crop")
    assert images.reason(caught.value)


def test_a_program_in_a_picture_is_not_looked_at(monkeypatch):
    """EPS is a language; Pillow gives it to another program to be run."""
    monkeypatch.setattr(subprocess, "check_call", lambda *arguments, **options: pytest.fail("it is run"))
    with pytest.raises(OSError, match="cannot identify"):
        images.decode(BOMBS["k.png"], (8, 8, 3), "crop")


def test_bombs_cost_no_memory(tmp_path):
    """All of them at once, in a process that may not have more than a folder of ordinary pictures takes."""
    for name, data in BOMBS.items():
        (tmp_path / name).write_bytes(data)
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in BOMBS.items():
            archive.writestr(name, data)
        archive.writestr("zeros.bmp", bytes(2**27))
        Image.fromarray(PIXELS).save(archive.open("good.png", "w"), "PNG")
    data = (tmp_path / "all.zip").read_bytes()
    at = data.index(b"zeros.bmp", data.index(b"PK\1\2")) - 46
    (tmp_path / "all.zip").write_bytes(data[: at + 24] + struct.pack("<I", 99) + data[at + 28 :])
    Image.fromarray(PIXELS).save(tmp_path / "good.png")
    code = (
        "import json, resource, sys\n"
        "from jaxgan.data.report import Wish, examine\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (400 * 2**20,) * 2)\n"
        "for place in sys.argv[1:]: print(json.dumps(examine(place, Wish(), 2048)))\n"
    )
    places = [str(tmp_path), str(tmp_path / "all.zip")]
    done = subprocess.run(
        [sys.executable, "-c", code, *places], capture_output=True, text=True, check=True, timeout=120
    )
    folder, archive = map(json.loads, done.stdout.splitlines())
    assert (folder["images"], archive["images"]) == (1, 1)
    assert folder["broken"].keys() == BOMBS.keys()
    assert archive["broken"].keys() == {*BOMBS, "zeros.bmp"}
    assert done.stderr == ""


def test_directories_in_a_circle_end():
    assert images.decode(tiff(8, 8, 8), (8, 8, 1), "exact").shape == (8, 8, 1)


def test_of_an_animation_the_first_frame_is_decoded_only():
    frames = [Image.fromarray(np.full((64, 64), value, np.uint8)) for value in range(250)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    cut = data[: len(data) // 2]  # what follows is not looked at
    np.testing.assert_array_equal(images.decode(cut, (64, 64, 1), "exact"), 0)


def test_every_suffix_is_of_a_form_that_is_read():
    assert {Image.registered_extensions()[suffix] for suffix in SUFFIXES} <= {*images.FORMATS}
