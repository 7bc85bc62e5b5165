"""The verbs `stylize` and `convert-vgg`: what they write and say, and what they refuse before any work."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgan import cli
from jaxgan.data import images
from jaxgan.networks.vgg import WIDTHS
from jaxgan.style.stylize import Request, plan

SMALL = ["--size", "16", "--steps", "3", "--content-layers", "relu1_1", "--style-layers", "relu1_1=0.5"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a landscape that EXIF turns upright, a square, and a VGG up to relu1_2."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(rng.integers(0, 256, (40, 60, 3), np.uint8)).save("content.jpg", exif=turned)
    Image.fromarray(rng.integers(0, 256, (48, 48, 4), np.uint8)).save("style.png")
    Image.fromarray(np.zeros((4, 80, 3), np.uint8)).save("thin.png")
    Image.fromarray(np.zeros((5, 40_000), np.uint8)).save("long.png")
    for name in ("broken.png", "content.png", "vgg.png"):
        (tmp_path / name).write_bytes(b"\x89PNG and no more")
    shapes = {"conv1_1": (3, 3, 3, WIDTHS[0]), "conv1_2": (3, 3, WIDTHS[0], WIDTHS[0])}
    arrays = {f"{name}/kernel": rng.normal(0, 0.1, shape).astype(np.float32) for name, shape in shapes.items()}
    np.savez("vgg.npz", **arrays | {f"{name}/bias": np.zeros(WIDTHS[0], np.float32) for name in shapes})
    np.savez("resnet.npz", **{"layer1/kernel": np.zeros((3, 3, 3, 64))})
    return tmp_path


def test_stylize_writes_a_picture_with_its_settings(here, capsys):
    arguments = ["stylize", "content.jpg", "style.png", "--weights", "vgg.npz", "--out", "new/x.png", *SMALL]
    assert cli.main(arguments) == 0
    said = capsys.readouterr().out
    assert re.search(r"loss (\S+) -> (\S+) \(\S+ times less\) in 3 steps: new/x.png\n$", said)
    with Image.open("new/x.png") as image:
        assert image.size == (16, 24)  # upright: the turned 60x40
        facts = json.loads(image.text["jaxgan"])
    assert facts["content_layers"] == {"relu1_1": 1.0}
    assert facts["style_layers"] == {"relu1_1": 0.5}
    assert (facts["steps"], facts["seed"], facts["size"], facts["start"]) == (3, 0, 16, "content")
    assert facts["matmul_precision"] == "float32"
    assert len(facts["weights"]["sha256"]) == len(facts["content"]["sha256"]) == 64
    assert sum(facts["loss_after"].values()) < sum(facts["loss_before"].values())


def test_layers_that_the_weights_do_not_reach_are_named(here):
    ready = plan(Request(Path("content.jpg"), Path("style.png"), Path("x.png"), Path("vgg.npz")))
    assert "VGG16 with vgg.npz weights and max pooling" in ready.note
    assert "content from relu1_2 (without relu4_2: the weights end at relu1_2)" in ready.note
    assert "style from relu1_1 (without relu2_1, relu3_1, relu4_1, relu5_1: the weights end at relu1_2)" in ready.note
    assert (ready.settings.content_layers, ready.settings.style_layers) == ({"relu1_2": 1}, {"relu1_1": 1})


BAD = {
    "no content": (["nowhere.png", "style.png"], "cannot read the picture nowhere.png: No such file"),
    "broken style": (["content.jpg", "broken.png"], "cannot read the picture broken.png: cannot identify image file"),
    "a folder": (["content.jpg", "."], "cannot read the picture .: Is a directory"),
    "style too small": (
        ["content.jpg", "thin.png", "--style-layers", "relu1_2"],
        "thin.png is 4x80, but relu1_2 sees 5x5 pixels at once; give a larger picture",
    ),
    "style too long": (
        ["content.jpg", "long.png"],
        "long.png is 5x40000, and with a shorter side of 256 pixels would be 256x2048000; cut it to other proportions",
    ),
    "over the content": (["content.png", "style.png", "--out", "content.png"], "content.png is what the results are"),
    "over the style": (["content.jpg", "style.png", "--out", "./style.png"], "style.png is what the results are made"),
    "over the weights": (
        ["content.jpg", "style.png", "--weights", "vgg.png", "--out", "vgg.png"],
        "vgg.png is what the results are made from",
    ),
    "nothing to do": (
        ["content.jpg", "style.png", "--content-weight", "0", "--style-layers", "relu1_1=0"],
        "all weights are 0: nothing is asked for; raise --content-weight or --style-weight",
    ),
    "size too small": (
        ["content.jpg", "style.png", "--size", "4"],
        "--size is 4, but relu1_2 sees 5 pixels at once; set --size 5 or more",
    ),
    "unknown layer": (
        ["content.jpg", "style.png", "--style-layers", "relu1_1,relu12"],
        "unknown layer of the weights vgg.npz 'relu12'. Did you mean 'relu1_2'. Known: relu1_1, relu1_2",
    ),
    "a layer behind the weights": (
        ["content.jpg", "style.png", "--content-layers", "relu4_2"],
        "unknown layer of the weights vgg.npz 'relu4_2'",
    ),
    "factor": (["content.jpg", "style.png", "--style-layers", "relu1_1=x"], "NAME or NAME=FACTOR, not as 'relu1_1=x'"),
    "no factor": (["content.jpg", "style.png", "--style-layers", "relu1_1="], "NAME or NAME=FACTOR, not as 'relu1_1='"),
    "a layer twice": (
        ["content.jpg", "style.png", "--style-layers", "relu1_1=5,relu1_1=0.5"],
        "the layer relu1_1 is given twice",
    ),
    "another network": (
        ["content.jpg", "style.png", "--weights", "resnet.npz"],
        "resnet.npz is not of a VGG16 or VGG19",
    ),
    "weights of PyTorch": (["content.jpg", "style.png", "--weights", "vgg.pth"], "`jaxgan convert-vgg vgg.pth --out"),
    "not a png": (["content.jpg", "style.png", "--out", "x.jpg"], "written as .png, .* not as x.jpg"),
    "unwritable": (["content.jpg", "style.png", "--out", "vgg.npz/x.png"], "cannot write vgg.npz/x.png"),
    "steps": (["content.jpg", "style.png", "--steps", "0"], r"--steps is 0, but must be in \[1, 100000\]"),
    "weight": (["content.jpg", "style.png", "--style-weight", "-1"], "--style-weight is -1.0, but must be in"),
    "seed": (["content.jpg", "style.png", "--seed", "-1"], "--seed is -1, but must be in"),
    "no GPU": (["content.jpg", "style.png", "--device", "gpu"], "--device gpu: JAX finds no GPU here"),
}


def small(image, size, stretch=images.RESIZERS["stretch"]):
    """In place of what scales a picture."""
    assert size[0] * size[1] < 10**6
    return stretch(image, size)


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_one_line_before_any_work(here, capsys, monkeypatch, arguments, message):
    monkeypatch.setattr("jaxgan.style.stylize.transfer", lambda *_: pytest.fail("work began"))
    monkeypatch.setitem(images.RESIZERS, "stretch", small)
    before = sorted(here.rglob("*"))
    weights = [] if "--weights" in arguments else ["--weights", "vgg.npz"]
    assert cli.main(["stylize", *arguments, *weights]) == 1
    said = capsys.readouterr()
    assert re.search(message, said.err)
    assert len(said.err.splitlines()) == 1
    assert sorted(here.rglob("*")) == before


def test_convert_vgg_says_what_it_made(here, capsys):
    torch = pytest.importorskip("torch")
    torch.save({"fc.weight": torch.zeros(3)}, "other.pth")
    assert cli.main(["convert-vgg", "other.pth", "--out", "x.safetensors"]) == 1
    assert "other.pth is not of torchvision's vgg16 or vgg19" in capsys.readouterr().err
    assert not (here / "x.safetensors").exists()
