"""What `jaxgan data` says of a set is what is in it, and what it advises works."""

import json
import os
import re
import shlex
import tracemalloc
import zipfile

import numpy as np
import pytest
from PIL import Image

from jaxgan import cli, config
from jaxgan.data import open_source
from jaxgan.data.report import Wish, command, describe, examine
from jaxgan.errors import JaxganError

LIMIT = config.SHARED["device_limit_mib"]


def noise(number: int, size=(16, 16), channels: int = 3) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (*size, channels)[: 2 if channels == 1 else 3], np.uint8)


def save(path, pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def pets(tmp_path):
    """Splits and classes, with a leak, a picture of two classes, two broken files and others."""
    place = tmp_path / "pets"
    for number in range(6):
        save(place / "train" / "cat" / f"{number}.png", noise(number))
        save(place / "train" / "dog" / f"{number}.png", noise(10 + number, channels=1))
        save(place / "test" / "cat" / f"{number}.png", noise(20 + number, (8, 24)))
    save(place / "test" / "cat" / "leak.bmp", noise(3))  # the same pixels in another form
    save(place / "train" / "dog" / "both.png", noise(4))
    save(place / "train" / "cat" / "twice.png", noise(5))
    save(place / "test" / "dog" / "glass.png", noise(30, channels=4))
    whole = (place / "train" / "cat" / "0.png").read_bytes()
    (place / "train" / "cat" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (place / "test" / "text.png").write_text("hello")
    for name in ("notes.txt", ".hidden.png", "train/more.txt", "README"):
        (place / name).touch()
    return place


def test_everything_is_counted(pets):
    facts = examine(str(pets), Wish(), LIMIT)
    assert facts["images"] == 22
    assert facts["broken"].keys() == {"test/text.png", "train/cat/cut.png"}
    assert facts["passed_over"] == {".txt": 2, "hidden": 1, "": 1}
    assert facts["splits"] == {"train": 14, "test": 8}
    assert facts["classes"] == {"cat": 7, "dog": 7}
    assert facts["sizes"] == {"16x16": 16, "8x24": 6}
    assert (facts["smallest"], facts["largest"]) == ("test/cat/0.png", "train/dog/both.png")
    assert facts["kinds"] == {"colour": 15, "grey": 6, "colour with alpha": 1}
    assert facts["transparent"] == 1
    assert facts["training"] == {
        "images": 14,
        "shape": (16, 16, 3),
        "bytes": 14 * 16 * 16 * 3,
        "where": "kept on the device: within device_limit_mib=2048",
    }
    assert json.loads(json.dumps(facts))["images"] == 22


def test_pictures_that_are_there_twice_are_found_across_splits_and_classes(pets):
    found = examine(str(pets), Wish(), LIMIT)["duplicates"]
    assert found["between_splits"] == [["test/cat/leak.bmp", "train/cat/3.png"]]
    assert found["between_classes"] == [["train/cat/4.png", "train/dog/both.png"]]
    assert sorted(found["groups"]) == sorted(
        [*found["between_splits"], *found["between_classes"], ["train/cat/5.png", "train/cat/twice.png"]]
    )


def test_a_picture_turned_or_of_another_shape_is_another(tmp_path):
    pixels = noise(0, (8, 16))
    save(tmp_path / "a.png", pixels)
    save(tmp_path / "b.png", pixels.reshape(16, 8, 3))
    assert examine(str(tmp_path), Wish(), LIMIT)["duplicates"]["groups"] == []


@pytest.mark.parametrize("wish", [Wish(), Wish(split="None"), Wish(image_size=(8, 12)), Wish(resize="pad")])
@pytest.mark.parametrize("zipped", [False, True])
def test_the_advice_can_be_followed(pets, tmp_path, wish, zipped, monkeypatch):
    (pets / "train").rename(pets / (wish.split or "train"))
    place = pets.rename(tmp_path / "2024")  # it and the split might be taken for something else than a name
    if zipped:
        place = tmp_path / "2024.zip"
        with zipfile.ZipFile(place, "w") as archive:
            for file in (tmp_path / "2024").rglob("*.*"):
                archive.write(file, file.relative_to(tmp_path / "2024"))
    monkeypatch.chdir(tmp_path)
    facts = examine(place.name, wish, LIMIT)
    jaxgan, train, *options = shlex.split(command(facts["settings"]))
    assert (jaxgan, train) == ("jaxgan", "train")
    overrides = [option.removeprefix("--config.") for option in options if option.startswith("--config.")]
    source = open_source(config.resolve(config.override(config.load("folder"), overrides))["data"], 0)
    assert source.spec.size == facts["training"]["images"]
    assert source.spec.shape == facts["training"]["shape"]
    assert list(source.spec.class_names) == list(facts["classes"])


def test_where_a_set_will_be_kept_follows_the_limits(tmp_path):
    for number in range(2):
        save(tmp_path / f"{number}.png", noise(number))
    for size, limit, where in ((64, 1, "on the device"), (1024, 2, "host's memory"), (30_000, 2, "decoded anew")):
        facts = examine(str(tmp_path), Wish(image_size=size), limit)
        assert where in facts["training"]["where"]
        assert facts["enlarged"] == 2


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [([(16, 16)], 16), ([(16, 24)], (16, 24)), ([(16, 16), (16, 24)], 64), ([(300, 300)], 64)],
)
def test_the_size_is_that_of_the_images_where_it_is_one_and_small(tmp_path, sizes, expected):
    for number, size in enumerate(sizes):
        save(tmp_path / f"{number}.png", noise(number, size))
    assert examine(str(tmp_path), Wish(), LIMIT)["settings"]["image_size"] == expected


def test_the_text_says_it_and_the_code_is_0(pets, capsys):
    assert cli.main(["data", str(pets)]) == 0
    text = capsys.readouterr().out
    for said in (
        "22 in",
        "test 8, train 14",
        "2 of train: cat 7, dog 7",
        "16x16 16, 8x24 6",
        "1 in two splits: test/cat/leak.bmp = train/cat/3.png",
        "train/cat/cut.png: ",
        "14 of 16x16x3",
        "--config.data.split=train",
        "--config.data.broken=skip",
    ):
        assert said in text
    assert cli.main(["data", str(pets), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 22


def test_what_cannot_be_trained_on_is_reported_all_the_same(pets, capsys):
    save(pets / "stray.png", noise(50))
    assert cli.main(["data", str(pets)]) == 1
    out = capsys.readouterr().out
    assert "23 in" in out
    assert re.search("refused .*1 of 25 images lie beside the class folders: stray.png", out)
    assert "jaxgan train" not in out


@pytest.mark.parametrize("options", [[], ["--split", "none"], ["--image-size", "0x3"]])
def test_nothing_readable_is_an_error(tmp_path, capsys, options):
    (tmp_path / "a.png").write_text("hello")
    assert cli.main(["data", str(tmp_path), *options]) == 1
    out, error = capsys.readouterr()
    assert ("none of the images can be read" in out) == (not options)
    assert error.startswith("error: ") == bool(options)


def test_names_are_shown_escaped(tmp_path, capsys):
    place = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9\x1b[2J")
    os.mkdir(place)
    with open(f"{place}/a\n\x1b[31m\udce9.png", "w"):
        pass
    Image.fromarray(noise(0)).save(f"{place}/b.png")
    assert cli.main(["data", place]) == 0
    assert all(line.isprintable() for line in capsys.readouterr().out.splitlines())
    assert cli.main(["data", place, "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["broken"]) == ["a\n\x1b[31m\udce9.png"]


def test_memory_does_not_grow_with_the_images(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)  # a thread may have a picture each
    for number in range(10):
        save(tmp_path / f"{number}.bmp", np.full((512, 512, 3), number, np.uint8))
    tracemalloc.start()
    try:
        examine(str(tmp_path), Wish(), LIMIT)
        assert tracemalloc.get_traced_memory()[1] < 10 * 512 * 512 * 3 // 2
    finally:
        tracemalloc.stop()


def test_a_long_list_ends_in_a_count(tmp_path):
    save(tmp_path / "good.png", noise(0))
    for number in range(13):
        (tmp_path / f"{number:02}.png").touch()
    text = describe(examine(str(tmp_path), Wish(), LIMIT))
    assert "09.png" in text
    assert "10.png" not in text
    assert "and 3 more" in text


def test_a_place_that_is_not_there():
    with pytest.raises(JaxganError, match="there is no directory"):
        examine("nowhere", Wish(), LIMIT)
