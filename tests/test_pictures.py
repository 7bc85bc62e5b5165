"""A user's own pictures: read from a file, a folder or a zip, and fitted to a run as its own data were."""

import zipfile

import numpy as np
import pytest
from PIL import Image
from small_runs import untrained

from jaxgan import sampling
from jaxgan.data.spec import DataSpec
from jaxgan.errors import JaxganError
from jaxgan.pictures import read_pictures


@pytest.fixture(scope="module")
def trained():
    """A run of grey images of 3x2; it is not asked for samples."""
    return untrained(hidden=(8,))


def picture(folder, name, pixels):
    Image.fromarray(np.asarray(pixels, np.uint8)).save(folder / name)
    return folder / name


def test_pictures_are_read_from_a_file_a_folder_or_a_zip(trained, tmp_path):
    grey = np.arange(0, 60, 10, dtype=np.uint8).reshape(3, 2)
    paths = [picture(tmp_path, f"{name}.png", grey + shift) for name, shift in (("b", 100), ("a", 0), ("c", 150))]
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for one in paths:
            archive.write(one, one.name)
    expected = np.stack([grey, grey + 100, grey + 150])[..., None]
    for place, most, places in ((tmp_path, None, [0, 1, 2]), (tmp_path / "all.zip", 2, [0, 1]), (paths[0], 5, [1])):
        found = read_pictures(place, trained, most)
        assert found.names == [f"{'abc'[place]}.png" for place in places]
        np.testing.assert_array_equal(found.images, expected[places])
        np.testing.assert_allclose(found.scaled, expected[places] / 127.5 - 1, atol=1e-6)


def test_a_picture_is_fitted_by_the_policy_of_the_runs_data(trained, tmp_path):
    """Of a picture twice as wide as it should be "crop" keeps the middle; colour becomes grey."""
    wide = np.zeros((6, 8, 3), np.uint8)
    wide[:, 2:6] = 255
    one = picture(tmp_path, "wide.png", wide)

    def under(resize):
        return sampling.Trained(**vars(trained) | {"config": {"data": {"resize": resize}}})

    cropped = read_pictures(one, under("crop")).images
    assert cropped.shape == (1, 3, 2, 1)
    assert cropped.min() > 230
    with pytest.raises(JaxganError, match=r"wide.png is 6x8, but this run takes 3x2 and, by its config.data.resize"):
        read_pictures(one, under("exact"))


def test_pictures_that_cannot_be_read(trained, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "empty").mkdir()
    with zipfile.ZipFile(tmp_path / "sly.zip", "w") as archive:
        archive.writestr("/tmp/x.png", b"")
    points = sampling.Trained(**vars(trained) | {"spec": DataSpec((2,), "float32", (), 8)})
    for place, run, message in (
        (tmp_path / "nowhere", trained, "there is no picture, directory or .zip at .*nowhere"),
        (tmp_path / "broken.png", trained, r"broken.png cannot be read: cannot identify image file\."),
        (tmp_path / "empty", trained, "no images in"),
        (tmp_path / "sly.zip", trained, "sly.zip is no ordinary archive: it names an image '/tmp/x.png'"),
        (tmp_path / "broken.png", points, "this run is one of points, and takes no pictures"),
    ):
        with pytest.raises(JaxganError, match=message) as refused:
            read_pictures(place, run)
        assert "\n" not in str(refused.value)
    with pytest.raises(JaxganError, match="cannot take 0 pictures"):
        read_pictures(tmp_path, trained, 0)
