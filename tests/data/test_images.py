"""JPEGs that libjpeg scales while it decodes look like those that it does not; nothing else is decoded that way."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps
from sklearn.datasets import load_sample_images

from jaxgan.data import images

PHOTOGRAPHS = [pixels[:424] for pixels in load_sample_images().images]  # two of 424x640: 8 divides both sides


def encoded(pixels: np.ndarray, **options) -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, **({"format": "JPEG", "quality": 90} | options))
    return data.getvalue()


def decoded_whole(data: bytes, shape: images.Shape, resize: images.Resize) -> np.ndarray:
    """What `images.decode` gives where it does not let libjpeg scale."""
    return images.fit(ImageOps.exif_transpose(Image.open(io.BytesIO(data))), shape, resize)


@pytest.mark.parametrize("resize", ["crop", "stretch", "pad"])
@pytest.mark.parametrize("size", [(26, 26), (50, 50), (64, 64), (100, 100), (64, 106)])  # at 1/8, 1/4, 1/2 and 1/2
@pytest.mark.parametrize("pixels", PHOTOGRAPHS, ids=["china", "flower"])
def test_a_reduced_decoding_is_close(pixels, size, resize):
    data = encoded(pixels)
    difference = images.decode(data, (*size, 3), resize) - decoded_whole(data, (*size, 3), resize).astype(float)
    assert 0 < np.abs(difference).mean() < 1.5  # of 255; measured: up to 1.0
    assert abs(difference.mean()) < 0.1  # neither brighter nor darker


@pytest.mark.parametrize(
    ("shape", "resize", "options"),
    [
        ((424, 640, 3), "exact", {}),
        ((848, 848, 3), "crop", {}),  # enlarged
        ((213, 213, 3), "crop", {}),  # just above half of it
        ((64, 64, 3), "crop", {"format": "PNG"}),
    ],
)
def test_others_are_decoded_whole(shape, resize, options):
    data = encoded(PHOTOGRAPHS[0], **options)
    np.testing.assert_array_equal(images.decode(data, shape, resize), decoded_whole(data, shape, resize))


def test_a_side_that_cannot_be_divided_is_decoded_whole():
    data = encoded(PHOTOGRAPHS[0][:423])
    np.testing.assert_array_equal(images.decode(data, (64, 64, 3), "crop"), decoded_whole(data, (64, 64, 3), "crop"))


def test_a_reduced_photograph_is_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(PHOTOGRAPHS[0], exif=exif)
    turned = images.decode(data, (64, 48, 3), "stretch").astype(float)
    assert np.abs(turned - decoded_whole(data, (64, 48, 3), "stretch")).mean() < 1.5


def test_exact_names_the_size_of_the_file():
    with pytest.raises(images.JaxganError, match="is 424x640, not 64x64"):
        images.decode(encoded(PHOTOGRAPHS[0]), (64, 64, 3), "exact")
