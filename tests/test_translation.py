"""`jaxgan translate`: pictures through a run that makes images of images, in the form that the path asks for."""

import zipfile

import numpy as np
import pytest
from PIL import Image

from jaxgan import config, sampling
from jaxgan.cli import main
from jaxgan.training.start import run


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small autoencoder of digits, at step 2."""
    net = dict(name="mlp", hidden=(8,))
    recipe = config.recipe(
        steps=2,
        steps_per_call=2,
        batch_size=4,
        save_every=2,
        data=dict(name="digits", image_size=8),
        system=dict(name="autoencoder", latent_size=3),
        encoder=net,
        decoder=net,
        optimizer=dict(name="adam"),
    )
    folder = tmp_path_factory.mktemp("translation") / "run"
    run(config.resolve(recipe), folder, "a test")
    return folder


@pytest.fixture
def pictures(tmp_path):
    """Eleven grey pictures in two sub-folders, and what they are in [-1, 1]."""
    pixels = np.random.default_rng(0).integers(0, 256, (11, 8, 8), dtype=np.uint8)
    for index, image in enumerate(pixels):
        file = tmp_path / "given" / "ab"[index % 2] / f"{index:02}.bmp"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file)
    order = [*range(0, 11, 2), *range(1, 11, 2)]  # sorted by path
    return tmp_path / "given", pixels[order][..., None].astype(np.float32) / 127.5 - 1


def test_a_folder_keeps_the_names_and_holds_what_the_run_makes(trained, pictures, tmp_path, capsys):
    folder, images = pictures
    assert main(["translate", str(trained), str(folder), "--out", str(tmp_path / "out")]) == 0
    assert "11 translations by step 2" in capsys.readouterr().out
    made = sampling.load(trained).translate(images)
    files = sorted((tmp_path / "out").rglob("*.png"))
    assert [file.relative_to(tmp_path / "out").with_suffix(".bmp") for file in files] == [
        file.relative_to(folder) for file in sorted(folder.rglob("*.bmp"))
    ]
    for file, image in zip(files, made, strict=True):
        np.testing.assert_allclose(np.asarray(Image.open(file)), (image[..., 0] + 1) * 127.5, atol=0.5001)


def test_an_npz_holds_both_sides_and_a_sheet_shows_them(trained, pictures, tmp_path):
    folder, images = pictures
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for file in folder.rglob("*.bmp"):
            archive.write(file, str(file.relative_to(folder)))
    for out in ("x.npz", "x.png"):
        assert main(["translate", str(trained), str(tmp_path / "all.zip"), "--out", str(tmp_path / out)]) == 0
    arrays = np.load(tmp_path / "x.npz")
    np.testing.assert_array_equal(arrays["given"], np.rint((images + 1) * 127.5))
    assert arrays["names"].tolist()[:2] == ["a/00.bmp", "a/02.bmp"]
    assert not np.array_equal(arrays["images"][0], arrays["images"][1])
    # Ten in a line, each above its translation, enlarged eight times; the eleventh begins the third line.
    sheet = np.asarray(Image.open(tmp_path / "x.png").convert("L"))
    side, step = 64, 66
    for line, column, image in ((0, 1, arrays["given"][1]), (1, 1, arrays["images"][1]), (3, 0, arrays["images"][10])):
        top, left = 2 + line * step, 2 + column * step
        np.testing.assert_array_equal(
            sheet[top : top + side : 8, left : left + side : 8], image[..., 0], err_msg=f"{line} {column}"
        )


def test_one_picture_and_the_first_few_become_what_they_become_among_all(trained, pictures, tmp_path):
    folder, images = pictures
    everything = sampling.load(trained).translate(images)
    np.testing.assert_array_equal(sampling.load(trained).translate(images[4:6]), everything[4:6])
    out = str(tmp_path / "few.npz")
    assert main(["translate", str(trained), str(folder), "--num", "3", "--out", out]) == 0
    assert np.load(out)["names"].tolist() == ["a/00.bmp", "a/02.bmp", "a/04.bmp"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "no picture, directory or .zip at"),
        (["given", "--translation", "BtoA"], "unknown translation 'BtoA'. Known: reconstruction."),
        (["given", "--num", "0"], "cannot take 0 pictures"),
        (["given", "--out", "x.jpg"], "written as .png or .npz, or into a folder, not as .jpg"),
        (["twice", "--out", "folder"], "2 pictures would be written to 00.png; write them to a .npz instead."),
    ],
)
def test_bad_input_is_a_message_and_leaves_nothing(
    trained, pictures, tmp_path, monkeypatch, capsys, arguments, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "twice").mkdir()
    for name in ("00.bmp", "00.png"):
        Image.new("L", (8, 8)).save(tmp_path / "twice" / name)
    before = sorted(tmp_path.rglob("*"))
    assert main(["translate", str(trained), *arguments]) == 1
    assert message in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_runs_say_which_of_sample_and_translate_they_can(trained, tmp_path, capsys):
    assert main(["sample", str(trained), "--out", str(tmp_path / "x.png")]) == 1
    assert "makes no samples of its own" in capsys.readouterr().err
