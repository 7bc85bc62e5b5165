"""A user's own images: what is converted and how, and what is refused and why."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgan.data import open_source
from jaxgan.errors import JaxganError

GREY = np.arange(6, dtype=np.uint8).reshape(2, 3) * 50


def save(path: Path, pixels: np.ndarray = GREY, mode: str | None = None, **options) -> Path:
    """Writes pixels as an image file, in the mode that their shape implies or in another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def open_folder(path: Path, **options):
    return open_source({"name": "folder", "data_dir": str(path), **options}, seed=0)


def only_image(path: Path, **options) -> np.ndarray:
    return open_folder(path, **options).arrays()["image"][0]


def solid(value, size=(4, 4)) -> np.ndarray:
    """An image of one colour."""
    return np.broadcast_to(np.array(value, np.uint8), (*size, *np.shape(value))).copy()


def zipped(folder: Path, path: Path) -> Path:
    """A zip of a folder, its members in reverse order."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*"), reverse=True):
            archive.write(file, file.relative_to(folder))
    return path


class TestConversion:
    """Every kind of pixel comes out as 8-bit grey or RGB of hand-computed value."""

    @pytest.mark.parametrize(
        ("pixels", "mode", "expected"),
        [
            (solid(77), None, [77]),
            (solid((10, 20, 30)), None, [10, 20, 30]),
            (solid((0, 100)), None, [155]),  # LA: 0 * 100/255 + 255 * 155/255
            (solid((255, 0, 0, 0)), None, [255, 255, 255]),  # transparent: white
            (solid((255, 0, 0, 51)), None, [255, 204, 204]),  # a fifth: 255 - 51
            (solid((10, 200, 30)), "P", [10, 200, 30]),
            (solid(255), "1", [255]),
            (np.full((4, 4), 65535, np.uint16), None, [255]),  # 16 bits are scaled, not cut
            (np.full((4, 4), 257 * 130, np.uint16), None, [130]),
            (np.full((4, 4), 257 * 130 + 128, np.uint16), None, [130]),  # rounded, not floored to ...
            (np.full((4, 4), 257 * 130 + 129, np.uint16), None, [131]),  # ... the byte above
        ],
    )
    def test_a_png_becomes(self, tmp_path, pixels, mode, expected):
        options = {"colors": 8} if mode == "P" else {}
        if mode == "P":
            Image.fromarray(pixels).quantize(**options).save(tmp_path / "x.png")
        else:
            save(tmp_path / "x.png", pixels, mode)
        image = only_image(tmp_path)
        assert image.dtype == np.uint8
        np.testing.assert_array_equal(image, np.broadcast_to(np.array(expected), (4, 4, len(expected))))

    def test_a_transparent_palette_entry_is_white(self, tmp_path):
        palette = Image.new("P", (2, 1))
        palette.putpalette([200, 0, 0, 0, 200, 0])
        palette.putpixel((1, 0), 1)
        palette.save(tmp_path / "x.png", transparency=1)
        assert only_image(tmp_path)[0].tolist() == [[200, 0, 0], [255, 255, 255]]

    def test_cmyk_becomes_rgb(self, tmp_path):
        Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "x.jpg", quality=95)
        assert np.abs(only_image(tmp_path).astype(int) - [255, 0, 0]).max() <= 3

    def test_a_photograph_is_turned_upright(self, tmp_path):
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned clockwise
        save(tmp_path / "x.png", GREY, exif=exif)
        np.testing.assert_array_equal(only_image(tmp_path)[..., 0], np.rot90(GREY, -1))

    def test_pixels_without_a_range_are_refused(self, tmp_path):
        save(tmp_path / "x.tif", np.full((4, 4), 0.5, np.float32))
        with pytest.raises(JaxganError, match=r"x\.tif .*no defined range"):
            open_folder(tmp_path)

    def test_channels_follow_the_images_or_the_setting(self, tmp_path):
        save(tmp_path / "a.png", solid(77))
        assert open_folder(tmp_path).spec.shape == (4, 4, 1)
        save(tmp_path / "b.png", solid((255, 0, 0)))
        mixed = open_folder(tmp_path).arrays()["image"]
        assert mixed[:, 0, 0].tolist() == [[77, 77, 77], [255, 0, 0]]
        grey = open_folder(tmp_path, channels=1).arrays()["image"]
        assert grey[:, 0, 0].tolist() == [[77], [76]]  # .299 * 255


class TestSize:
    """One size for all, by a stated policy or not at all."""

    STRIPES = np.repeat(np.array([[0, 100, 200, 250]], np.uint8), 2, 0).repeat(4, 1).repeat(4, 0)  # 8x16, four stripes

    def test_crop_keeps_the_middle(self, tmp_path):
        save(tmp_path / "x.png", self.STRIPES)
        np.testing.assert_array_equal(only_image(tmp_path, image_size=8)[..., 0], self.STRIPES[:, 4:12])

    def test_pad_keeps_everything_and_adds_white(self, tmp_path):
        save(tmp_path / "x.png", self.STRIPES)
        image = only_image(tmp_path, image_size=16, resize="pad")[..., 0]
        np.testing.assert_array_equal(image[4:12], self.STRIPES)
        assert np.all(image[:4] == 255)
        assert np.all(image[12:] == 255)

    def test_stretch_changes_the_proportions(self, tmp_path):
        save(tmp_path / "x.png", self.STRIPES)
        image = only_image(tmp_path, image_size=(8, 4), resize="stretch")[..., 0]
        assert np.abs(image.astype(int) - [0, 100, 200, 250]).max() < 20  # the filter overshoots at edges

    def test_reduction_does_not_alias(self, tmp_path):
        save(tmp_path / "x.png", np.tile(np.array([[0, 255], [255, 0]], np.uint8), (32, 32)))
        assert np.abs(only_image(tmp_path, image_size=8).astype(int) - 128).max() <= 1

    def test_exact_names_the_others(self, tmp_path):
        save(tmp_path / "a.png", solid(1))
        save(tmp_path / "b.png", solid(1, (4, 5)))
        with pytest.raises(JaxganError, match=r"1 of 2 images are not 4x4: b\.png \(4x5\)"):
            open_folder(tmp_path, image_size=4, resize="exact")

    def test_sizes_that_differ_need_a_setting(self, tmp_path):
        save(tmp_path / "a.png", solid(1))
        save(tmp_path / "b.png", solid(1))
        save(tmp_path / "c.png", solid(1, (6, 5)))
        with pytest.raises(JaxganError, match=r"a\.png \(4x4\) and c\.png \(6x5\)\.\n.*config\.data\.image_size"):
            open_folder(tmp_path)
        assert open_folder(tmp_path, image_size=(3, 7)).spec.shape == (3, 7, 1)


class TestLayout:
    """Folders are classes; the order is that of the paths; a zip is a directory."""

    @pytest.fixture
    def pets(self, tmp_path):
        folder = tmp_path / "pets"
        for value, name in enumerate(["dog/b.png", "cat/deep/er/a.PNG", "cat/z.png", "dog/a.png", "emu/1.bmp"]):
            save(folder / name, solid(value))
        return folder

    def test_classes_are_sorted_folders(self, pets):
        source = open_folder(pets)
        assert source.spec.class_names == ("cat", "dog", "emu")
        assert source.arrays()["label"].tolist() == [0, 0, 1, 1, 2]
        assert source.arrays()["image"][:, 0, 0, 0].tolist() == [1, 2, 3, 0, 4]

    @pytest.mark.parametrize("memory_gib", [0.0, 4.0])
    def test_a_zip_and_a_set_beyond_memory_read_the_same(self, pets, tmp_path, memory_gib):
        expected = open_folder(pets)
        source = open_folder(zipped(pets, tmp_path / "pets.zip"), memory_gib=memory_gib)
        assert source.spec == expected.spec
        for key, array in expected.arrays().items():
            np.testing.assert_array_equal(source.arrays()[key], array)
            np.testing.assert_array_equal([source[index][key] for index in range(5)], array)

    def test_other_processes_decode_the_same(self, pets, tmp_path):
        for path in (pets, zipped(pets, tmp_path / "pets.zip")):
            source = open_folder(path, memory_gib=0.0)
            for index, example in zip([4, 0, 3], source.__getitems__([4, 0, 3]), strict=True):
                np.testing.assert_array_equal(example["image"], source[index]["image"])
                assert example["label"] == source[index]["label"]

    def test_a_split_is_a_sub_folder(self, pets, tmp_path):
        pets.rename(tmp_path / "train")
        save(tmp_path / "test" / "cat" / "t.png", solid(9))
        archive = zipped(tmp_path, tmp_path.parent / f"{tmp_path.name}.zip")
        for path in (tmp_path, archive):
            assert open_folder(path, split="train").spec.size == 5
            assert open_folder(path, split="test").arrays()["image"].max() == 9
            with pytest.raises(JaxganError, match=r"'tarin'.*Did you mean 'train'.*test, train"):
                open_folder(path, split="tarin")
            with pytest.raises(JaxganError, match="look like splits"):
                open_folder(path)

    def test_linked_class_folders_are_followed(self, pets, tmp_path):
        (tmp_path / "links").mkdir()
        (tmp_path / "links" / "hound").symlink_to(pets / "dog", target_is_directory=True)
        spec = open_folder(tmp_path / "links").spec
        assert (spec.class_names, spec.size) == (("hound",), 2)

    def test_loose_images_have_no_labels(self, tmp_path):
        save(tmp_path / "a.png")
        source = open_folder(tmp_path)
        assert source.spec.class_names == ()
        assert source[0].keys() == {"image"}

    def test_loose_images_beside_classes_are_refused(self, pets):
        save(pets / "stray.png", solid(1))
        with pytest.raises(JaxganError, match=r"1 of 6 images lie beside the class folders: stray\.png"):
            open_folder(pets)

    def test_hidden_files_and_other_files_are_passed_over(self, pets):
        for name in ("cat/.a.png", "__MACOSX/cat/z.png", ".cache/x.png", "Thumbs.db", "notes.txt"):
            (pets / name).parent.mkdir(parents=True, exist_ok=True)
            (pets / name).write_bytes(b"not an image")
        assert open_folder(pets).spec.size == 5


class TestRefusal:
    """Nothing unusable survives until training."""

    @pytest.fixture
    def damaged(self, tmp_path):
        """Two good images, a truncated one and one that is no image."""
        noise = np.random.default_rng(0).integers(0, 256, (32, 32), np.uint8)
        whole = save(tmp_path / "good.png", noise).read_bytes()
        (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
        (tmp_path / "text.jpg").write_text("hello")
        save(tmp_path / "also_good.png", noise)
        return tmp_path

    def test_every_broken_file_is_named(self, damaged):
        with pytest.raises(JaxganError, match=r"2 of 4 images.*cut\.png \(.*text\.jpg \((.|\n)*broken=\"skip\""):
            open_folder(damaged)

    @pytest.mark.parametrize("memory_gib", [0.0, 4.0])
    def test_skipping_leaves_the_others_and_says_so(self, damaged, capsys, memory_gib):
        source = open_folder(damaged, broken="skip", memory_gib=memory_gib)
        assert source.spec.size == 2
        np.testing.assert_array_equal(source[0]["image"], source[1]["image"])
        assert source[0]["image"].std() > 50
        assert "cut.png" in capsys.readouterr().err

    def test_a_long_list_ends_in_a_count(self, tmp_path):
        save(tmp_path / "good.png")
        for index in range(13):
            (tmp_path / f"{index:02}.png").write_text("hello")
        with pytest.raises(JaxganError, match=r"13 of 14 .* and 3 more") as caught:
            open_folder(tmp_path)
        assert "09.png" in str(caught.value)
        assert "10.png" not in str(caught.value)

    def test_a_damaged_member_of_a_zip_is_named(self, tmp_path):
        save(tmp_path / "set" / "a.bmp", solid(7, (16, 16)))
        save(tmp_path / "set" / "b.bmp", solid(8, (16, 16)))
        path = zipped(tmp_path / "set", tmp_path / "set.zip")
        data = path.read_bytes()
        path.write_bytes(data.replace(bytes([8]) * 256, bytes([9]) * 256))
        with pytest.raises(JaxganError, match=r"1 of 2 images cannot be read: b\.bmp \(Bad CRC"):
            open_folder(path)

    def test_a_decompression_bomb_is_broken(self, tmp_path, monkeypatch):
        save(tmp_path / "good.png", solid(1))
        save(tmp_path / "bomb.png", solid(1, (40, 40)))
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
        with pytest.raises(JaxganError, match=r"1 of 2 .* bomb\.png \(.*decompression bomb"):
            open_folder(tmp_path)

    def test_nothing_readable_is_refused_even_when_skipping(self, tmp_path):
        (tmp_path / "a.png").write_text("hello")
        with pytest.raises(JaxganError, match="1 of 1"):
            open_folder(tmp_path, broken="skip")

    def test_a_file_that_vanishes_later_is_named(self, tmp_path):
        save(tmp_path / "a.png")
        source = open_folder(tmp_path, memory_gib=0.0)
        (tmp_path / "a.png").unlink()
        for read in (lambda: source[0], lambda: source.__getitems__([0])):
            with pytest.raises(JaxganError, match=r"a\.png was readable when the run started"):
                read()

    def test_there_must_be_images(self, tmp_path):
        for path, message in [(tmp_path, "no images in"), (tmp_path / "none", "there is no directory")]:
            with pytest.raises(JaxganError, match=message):
                open_folder(path)
        (tmp_path / "x.zip").write_text("hello")
        with pytest.raises(JaxganError, match="cannot be read as a zip"):
            open_folder(tmp_path / "x.zip")
        with pytest.raises(JaxganError, match="data_dir is empty"):
            open_source({"name": "folder"}, seed=0)


def test_a_real_zip(shared_data):
    source = open_folder(shared_data / "cifar10_jpg.zip", split="test")
    assert source.spec.shape == (32, 32, 3)
    assert source.spec.class_names[::9] == ("airplane", "truck")
    assert np.bincount(source.arrays()["label"]).tolist() == [1000] * 10
    # Mean colour of CIFAR-10, as published, within what one JPEG round and the other split change.
    mean = source.arrays()["image"].mean((0, 1, 2)) / 255
    np.testing.assert_allclose(mean, [0.4914, 0.4822, 0.4465], atol=0.01)


def test_a_wrapper_around_the_classes_is_not_a_class(tmp_path):
    for kind in ("cat", "dog"):
        (tmp_path / "faces" / kind).mkdir(parents=True)
        Image.new("L", (4, 4)).save(tmp_path / "faces" / kind / "1.png")
    with pytest.raises(JaxganError, match=r'config\.data\.split="faces"'):
        open_source({"name": "folder", "data_dir": str(tmp_path)}, seed=0)
    inside = open_source({"name": "folder", "data_dir": str(tmp_path), "split": "faces"}, seed=0)
    assert inside.spec.class_names == ("cat", "dog")


def test_a_link_to_a_folder_above_is_not_followed(tmp_path):
    (tmp_path / "cat").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "cat" / "1.png")
    (tmp_path / "cat" / "loop").symlink_to(tmp_path)
    assert open_source({"name": "folder", "data_dir": str(tmp_path)}, seed=0).spec.size == 1
