"""`jaxgan translate`: pictures through a run that makes images of images, in the form that the path asks for."""

import dataclasses
import zipfile

import jax
import numpy as np
import pytest
from PIL import Image
from small_runs import untrained

from jaxgan import config, sampling
from jaxgan.cli import main
from jaxgan.data.files import open_files
from jaxgan.errors import JaxganError
from jaxgan.sampling import TRANSLATED
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


def test_a_folder_keeps_the_names_and_holds_what_the_run_makes(trained, pictures, tmp_path, monkeypatch, capsys):
    folder, images = pictures
    monkeypatch.chdir(tmp_path)
    assert main(["translate", str(trained), str(folder)]) == 0
    assert "11 translations by step 2: translated\n" in capsys.readouterr().out
    made = sampling.load(trained).translate(images)
    files = sorted((tmp_path / "translated").rglob("*.png"))
    assert [file.relative_to(tmp_path / "translated").with_suffix(".bmp") for file in files] == [
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


def test_pictures_are_translated_few_at_a_time_as_levels_or_scaled(trained, pictures, monkeypatch):
    loaded, sizes = sampling.load(trained), []
    translate = type(loaded.system).translate

    def counted(system, state, images, translation):
        sizes.append(len(images))
        return translate(system, state, images, translation)

    monkeypatch.setattr(type(loaded.system), "translate", counted)
    images = pictures[1]
    levels = np.rint((images + 1) * 127.5).astype(np.uint8)
    np.testing.assert_allclose(loaded.translate(levels), loaded.translate(images), atol=1e-6)
    assert set(sizes) == {TRANSLATED}
    assert TRANSLATED < 10


def test_a_translation_that_is_not_finite_is_an_error(trained, pictures):
    loaded = sampling.load(trained)
    gone = dataclasses.replace(
        loaded, state=jax.tree.map(lambda x: x * np.nan if x.dtype == np.float32 else x, loaded.state)
    )
    with pytest.raises(JaxganError, match="what the run makes of the images is not finite"):
        gone.translate(pictures[1])


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (lambda images: (images + 1) * 127.5, r"in \[\d.*\], but as floats must be in \[-1, 1\]"),
        (lambda images: np.full_like(images, np.nan), r"in \[nan, nan\], but as floats"),
        (lambda images: (images > 0).astype(np.int32), "are int32, but must be uint8, or floats"),
    ],
)
def test_images_that_are_neither_levels_nor_scaled_are_refused(trained, pictures, images, message):
    with pytest.raises(JaxganError, match=message):
        sampling.load(trained).translate(images(pictures[1]))


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
        (["broken.zip", "--translation", "BtoA"], "unknown translation 'BtoA'. Known: reconstruction."),
        (["given", "--num", "0"], "cannot take 0 pictures"),
        (["broken.zip", "--out", "x.jpg"], "written as .png or .npz, or into a folder, not as .jpg"),
        (["broken.zip", "--out", "file/x.png"], "cannot write file/x.png: Not a directory."),
        (["given", "--out", "given"], "given is what the results are made from, and would be written over"),
        (["given/a/00.bmp", "--out", "given/a"], "the folder given/a holds files"),
        (["twice/00.png", "--out", "twice/00.png"], "twice/00.png is what the results are made from"),
        (["twice", "--out", "folder"], "2 pictures would be written to 00.png; write them to a .npz instead."),
    ],
)
def test_bad_input_is_a_message_before_any_work(trained, pictures, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "twice").mkdir()
    for name in ("00.bmp", "00.png"):
        Image.new("L", (8, 8)).save(tmp_path / "twice" / name)
    for name in ("broken.zip", "file"):
        (tmp_path / name).write_bytes(b"kept")
    monkeypatch.setattr("jaxgan.sampling.in_chunks", lambda *_, **__: pytest.fail("pictures were translated"))
    before = sorted(tmp_path.rglob("*"))
    assert main(["translate", str(trained), *arguments]) == 1
    assert message in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_runs_say_which_of_sample_and_translate_they_can(trained, tmp_path, capsys):
    assert main(["sample", str(trained), "--out", str(tmp_path / "x.png")]) == 1
    said = capsys.readouterr().err
    assert "makes no samples of its own: its system makes images of images; use `jaxgan translate`." in said


def test_a_run_that_translates_nothing_says_so():
    with pytest.raises(JaxganError, match="makes no images of images: its system makes samples; use `jaxgan sample`"):
        untrained().translation()


def test_pictures_are_read_once_for_all_trained_seeds(trained, pictures, tmp_path, monkeypatch):
    loaded, read = sampling.load(trained), []
    runs = {seed: dataclasses.replace(loaded, seed=seed) for seed in (3, 5)}
    monkeypatch.setattr(sampling, "load_all", lambda *_: runs)

    def opened(*arguments, **options):
        read.append(arguments)
        return open_files(*arguments, **options)

    monkeypatch.setattr("jaxgan.pictures.open_files", opened)
    out = tmp_path / "out.npz"
    assert main(["translate", str(trained), str(pictures[0]), "--trained-seed", "all", "--out", str(out)]) == 0
    assert len(read) == 1
    assert sorted(path.name for path in tmp_path.glob("out*")) == ["out_seed3.npz", "out_seed5.npz"]
