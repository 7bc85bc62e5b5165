"""Weights of a VGG: what a file may hold, whose conventions it comes with, and what is refused."""

import hashlib
import itertools
import re

import jax
import numpy as np
import pytest
import safetensors.numpy

from jaxgan.errors import JaxganError
from jaxgan.networks.vgg import BLOCKS, IMAGENET_MEAN, WIDTHS
from jaxgan.pretrained import vgg_weights
from jaxgan.pretrained.vgg_conversion import TORCHVISION, TORCHVISION_FEATURES, convert

SHORT = ("conv1_1", "conv1_2", "conv2_1")


def shapes(depth):
    """Of the kernels [3, 3, in, out] of a whole VGG, by convolution."""
    channels, found = 3, {}
    for block, count in enumerate(BLOCKS[depth]):
        for i in range(count):
            found[f"conv{block + 1}_{i + 1}"] = (3, 3, channels, WIDTHS[block])
            channels = WIDTHS[block]
    return found


def drawn(depth, names=None):
    """Arrays under the names of our files; of a whole network views of one, which cost nothing."""
    noise = np.random.default_rng(0).standard_normal(3 * 3 * 512 * 512).astype(np.float32)
    arrays = {}
    for name, shape in shapes(depth).items():
        if names is None or name in names:
            arrays[f"{name}/kernel"], arrays[f"{name}/bias"] = noise[: np.prod(shape)].reshape(shape), noise[: shape[3]]
    return arrays


def torchvision(torch, depth, names=None):
    """A state_dict as torchvision's: modules numbered through, kernels [out, in, h, w], a classifier behind."""
    state, number = {}, 0
    for name in shapes(depth):
        number += name.endswith("_1") and name != "conv1_1"  # the pooling before it
        if names is None or name in names:
            arrays = drawn(depth, [name])
            kernel = arrays[f"{name}/kernel"].transpose(3, 2, 0, 1)
            state[f"features.{number}.weight"] = torch.tensor(np.ascontiguousarray(kernel))
            state[f"features.{number}.bias"] = torch.tensor(arrays[f"{name}/bias"])
        number += 2  # itself and its ReLU
    return state | {"classifier.0.bias": torch.ones(3)}


# Ours


def test_arrays_of_the_original_network_are_turned_from_blue_green_red(tmp_path):
    arrays, path = drawn(16, SHORT), tmp_path / "vgg.npz"
    np.savez(path, **arrays)
    loaded = vgg_weights.load(path)
    assert loaded[:4] == (
        str(path),
        hashlib.sha256(path.read_bytes()).hexdigest(),
        16,
        ("relu1_1", "relu1_2", "relu2_1"),
    )
    assert loaded.unit == 1
    np.testing.assert_array_equal(loaded.params["conv1_1"]["kernel"], arrays["conv1_1/kernel"][:, :, ::-1])
    np.testing.assert_array_equal(loaded.params["conv2_1"]["kernel"], arrays["conv2_1/kernel"])
    np.testing.assert_allclose(loaded.params["mean"], IMAGENET_MEAN)


def test_random_weights_are_always_the_same_and_keep_the_size_of_activations():
    a, b = vgg_weights.random(), vgg_weights.random()
    jax.tree.map(np.testing.assert_array_equal, a.params, b.params)
    expected = dict(itertools.islice(shapes(16).items(), 7))
    assert {n: np.shape(p["kernel"]) for n, p in a.params.items() if n != "mean"} == expected
    for name, shape in expected.items():
        deviation = float(np.std(a.params[name]["kernel"]))
        assert deviation == pytest.approx((2 / (9 * shape[2])) ** 0.5, rel=0.03)  # He et al. 2015


def changed(**arrays):
    kept = drawn(16, SHORT) | {name.replace("__", "/"): array for name, array in arrays.items()}
    return {name: array for name, array in kept.items() if array is not None}


BAD = {
    "another network": (dict(fc6=np.zeros(3)), "not of a VGG16 or VGG19.*and it has conv1_1, conv1_2, conv2_1, fc6"),
    "a gap": (changed(conv1_2__kernel=None, conv1_2__bias=None), "without a gap, and it has conv1_1, conv2_1"),
    "nothing": ({}, "and it has none"),
    "another shape": (
        changed(conv2_1__kernel=np.zeros((3, 3, 64, 96))),
        r"not of a VGG16: conv2_1/kernel should be \[3, 3, 64, 128\], and is \[3, 3, 64, 96\]",
    ),
    "no bias": (changed(conv1_2__bias=None), r"conv1_2/bias should be \[64\], and is nothing"),
    "not finite": (changed(conv1_2__bias=np.full(64, np.nan)), "conv1_2/bias is not finite everywhere"),
    "whole numbers": (changed(conv1_2__bias=np.zeros(64, int)), "conv1_2/bias should be of floating-.*and is int64"),
    "more than these have": (changed(conv1_1__gamma=np.zeros(64)), "not of a VGG16: it has conv1_1/gamma, which these"),
    "another mean": (changed(mean=np.zeros(1), unit=np.ones(())), "mean should be .3., finite, and unit"),
    "a mean that is not finite": (changed(mean=np.full(3, np.nan), unit=np.ones(())), "mean should be .3., finite"),
    "no unit": (changed(mean=np.zeros(3)), "and unit .., over 0"),
    "a unit of 0": (changed(mean=np.zeros(3), unit=np.zeros(())), "and unit .., over 0"),
    "PyTorch's names": (
        {"features.0.weight": np.zeros(3)},
        "the names of PyTorch's files; `jaxgan convert-vgg vgg",
    ),
}


@pytest.mark.parametrize("form", ["npz", "safetensors"])
@pytest.mark.parametrize(("arrays", "message"), BAD.values(), ids=BAD)
def test_a_file_of_another_network_is_refused_by_name_and_shape(tmp_path, arrays, message, form):
    path = tmp_path / f"vgg.{form}"
    if arrays.keys() == {"fc6"}:
        arrays = changed(**arrays)
    np.savez(path, **arrays) if form == "npz" else safetensors.numpy.save_file(arrays, path)
    with pytest.raises(JaxganError, match=message) as refused:
        vgg_weights.load(path)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "vgg.pth",
            "weights are read from .npz or .safetensors, not from vgg.pth; .* `jaxgan convert-vgg vgg.pth --",
        ),
        ("none.npz", "cannot read .*none.npz as weights: No such file"),
        ("none.safetensors", "cannot read .*none.safetensors as weights: "),
        ("broken.npz", "cannot read .*broken.npz as weights: "),
        ("broken.safetensors", "cannot read .*broken.safetensors as weights: "),
        ("single.npz", "it holds one array, without names"),
        ("text.npz", "conv1_2/bias should be of floating-point numbers, and is <U1"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path, name, message):
    for broken in ("broken.npz", "broken.safetensors"):
        (tmp_path / broken).write_bytes(b"PK\x03\x04 and no more")
    np.savez(tmp_path / "text.npz", **changed(conv1_2__bias=np.full(64, "x")))
    with (tmp_path / "single.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(JaxganError, match=message) as refused:
        vgg_weights.load(tmp_path / name)
    assert len(str(refused.value).splitlines()) == 1


# PyTorch's


@pytest.mark.parametrize("depth", [16, 19])
def test_torchvisions_weights_come_back_with_its_mean_and_deviation(tmp_path, depth):
    """Kernels [h, w, in, out], the first divided by each channel's deviation; nothing of the classifier."""
    torch = pytest.importorskip("torch")
    torch.save(torchvision(torch, depth), tmp_path / "vgg.pth")
    assert convert(tmp_path / "vgg.pth", tmp_path / "new" / "vgg.safetensors") == depth
    loaded, expected = vgg_weights.load(tmp_path / "new" / "vgg.safetensors"), drawn(depth)
    assert loaded.depth == depth
    assert loaded.layers[-1] == f"relu5_{BLOCKS[depth][-1]}"
    first = expected["conv1_1/kernel"] / np.reshape([58.395, 57.12, 57.375], (1, 1, 3, 1))
    np.testing.assert_allclose(loaded.params["conv1_1"]["kernel"], first, rtol=1e-6)
    for name in list(shapes(depth))[1:]:
        np.testing.assert_array_equal(loaded.params[name]["kernel"], expected[f"{name}/kernel"])
        np.testing.assert_array_equal(loaded.params[name]["bias"], expected[f"{name}/bias"])
    np.testing.assert_allclose(loaded.params["mean"], [123.675, 116.28, 103.53])
    assert loaded.unit == pytest.approx(57.63, abs=0.01)


def test_the_same_names_in_a_safetensors_file_and_suffixes_in_capitals(tmp_path):
    """As timm's are, whose classifier is called otherwise."""
    number, state = 0, {"head.fc.bias": np.ones(3, np.float32)}
    for name in shapes(16):
        number += name.endswith("_1") and name != "conv1_1"
        arrays = drawn(16, [name])
        kernel = arrays[f"{name}/kernel"].transpose(3, 2, 0, 1)
        state[f"features.{number}.weight"] = np.ascontiguousarray(kernel)
        state[f"features.{number}.bias"] = arrays[f"{name}/bias"]
        number += 2
    safetensors.numpy.save_file(state, tmp_path / "timm.SAFETENSORS")
    assert convert(tmp_path / "timm.SAFETENSORS", tmp_path / "vgg.SafeTensors") == 16
    loaded = vgg_weights.load(tmp_path / "vgg.SafeTensors")
    np.testing.assert_array_equal(loaded.params["conv5_3"]["kernel"], drawn(16, ["conv5_3"])["conv5_3/kernel"])
    np.testing.assert_allclose(loaded.params["mean"], TORCHVISION.mean)


def test_torchvisions_weights_of_features_only_are_told_by_their_classifier(tmp_path):
    """Its IMAGENET1K_FEATURES were trained on 0..255 minus the mean, and its classifier is filled with NaN."""
    torch = pytest.importorskip("torch")
    state = torchvision(torch, 16) | {"classifier.0.bias": torch.full((3,), torch.nan)}
    torch.save(state, tmp_path / "vgg.pth")
    convert(tmp_path / "vgg.pth", tmp_path / "vgg.safetensors")
    loaded = vgg_weights.load(tmp_path / "vgg.safetensors")
    np.testing.assert_allclose(loaded.params["mean"], TORCHVISION_FEATURES.mean)
    np.testing.assert_array_equal(loaded.params["conv1_1"]["kernel"], drawn(16)["conv1_1/kernel"])
    assert loaded.unit == 1


def test_the_mean_and_deviation_are_torchvisions():
    np.testing.assert_allclose(np.divide(TORCHVISION.mean, 255), [0.485, 0.456, 0.406])
    np.testing.assert_allclose(np.divide(TORCHVISION.std, 255), [0.229, 0.224, 0.225])
    np.testing.assert_allclose(np.divide(TORCHVISION_FEATURES.mean, 255), [0.48235, 0.45882, 0.40784])


def test_other_files_of_pytorch_are_refused(tmp_path):
    torch = pytest.importorskip("torch")
    good = torchvision(torch, 16)
    thin = good | {"features.2.weight": torch.zeros(64, 64, 1, 1)}
    normalised = {"features.0.weight": torch.zeros(64, 3, 3, 3), "features.1.weight": torch.zeros(64)}
    for state, message in (
        (thin, r"not of a VGG16: conv1_2/kernel should be \[3, 3, 64, 64\], and is \[1, 1, 64, 64\]"),
        (torchvision(torch, 16, SHORT), "is not of torchvision's vgg16 or vgg19"),
        (normalised, r"nor are those with _bn.*it has features.0.weight, features.1.weight"),
        ({"layer1.0.conv1.weight": torch.zeros(3)}, "it has layer1.0.conv1.weight"),
        ({}, "and it has nothing"),
        ({1: torch.zeros(3)}, "holds no state_dict"),
        (good | {"features.0.weight": torch.zeros(64, 3, 3)}, r"features\.0\.weight should have 4 axes, and has 3"),
        (
            good | {"features.0.bias": torch.zeros(64, dtype=torch.complex64)},
            r"floating-point .* is torch\.complex64",
        ),
        ({"epoch": 3, "state_dict": good}, "holds no state_dict; save one with torch.save"),
        (torch.zeros(3), "holds no state_dict"),
    ):
        torch.save(state, tmp_path / "x.pth")
        with pytest.raises(JaxganError, match=message):
            convert(tmp_path / "x.pth", tmp_path / "x.safetensors")
    assert not (tmp_path / "x.safetensors").exists()


def test_damaged_files_are_one_line_whatever_is_damaged(tmp_path):
    """Every tenth or so byte of a small file is wrong, one at a time: what is read all the same is not looked at."""
    torch = pytest.importorskip("torch")
    torch.save({"features.0.weight": torch.ones(2, 3)}, tmp_path / "whole.pth")
    np.savez_compressed(tmp_path / "whole.npz", **{"conv1_1/kernel": np.ones((3, 3), np.float32)})
    for whole, read in (
        ("whole.pth", lambda path: convert(path, tmp_path / "x.safetensors")),
        ("whole.npz", vgg_weights.load),
    ):
        content = (tmp_path / whole).read_bytes()
        for place in range(0, len(content), len(content) // 60):
            damaged = tmp_path / f"damaged{whole[5:]}"
            damaged.write_bytes(content[:place] + bytes([content[place] ^ 0x5A]) + content[place + 1 :])
            with pytest.raises(JaxganError) as refused:
                read(damaged)
            assert len(str(refused.value).splitlines()) == 1


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save(torchvision(torch, 16), tmp_path / "x.pth")
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(JaxganError, match=r"cannot write .*folder\.safetensors: Is a directory"):
        convert(tmp_path / "x.pth", tmp_path / "folder.safetensors")


# Keras'


@pytest.mark.parametrize(
    ("names", "prefix"),
    [
        (("{0}_W_1:0", "{0}_b_1:0"), ""),  # the files that it downloads
        (("{0}/kernel:0", "{0}/bias:0"), "model_weights/"),  # Keras 2 saves a model
        (("vars/0", "vars/1"), "layers/"),  # Keras 3
    ],
)
def test_keras_weights_are_the_original_ones(tmp_path, names, prefix):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "vgg.h5", "w") as file:
        for name in SHORT:
            layer = name.replace("conv", "block").replace("_", "_conv")
            arrays = drawn(19, [name])
            for part, stored in zip(("kernel", "bias"), names, strict=True):
                file[f"{prefix}{layer}/{stored.format(layer)}"] = arrays[f"{name}/{part}"]
        file["predictions/kernel"] = np.zeros((3, 3))
    convert(tmp_path / "vgg.h5", tmp_path / "vgg.safetensors")
    np.savez(tmp_path / "vgg.npz", **drawn(19, SHORT))
    keras, original = vgg_weights.load(tmp_path / "vgg.safetensors"), vgg_weights.load(tmp_path / "vgg.npz")
    assert keras.layers == original.layers
    jax.tree.map(np.testing.assert_array_equal, keras.params, original.params)


@pytest.mark.parametrize(
    ("source", "out", "message"),
    [
        ("x.ckpt", "x.safetensors", "convert-vgg reads .pth, .pt, .safetensors, .h5, not x.ckpt"),
        ("x.pth", "x.npz", "convert-vgg writes .safetensors, not x.npz"),
        ("none.pth", "x.safetensors", "there is no file .*none.pth"),
        ("x.pth", "x.safetensors", "cannot read .*x.pth as weights of PyTorch"),
        ("x.h5", "x.safetensors", "cannot read .*x.h5 as a file of Keras"),
        ("x.safetensors", "y.safetensors", "cannot read .*x.safetensors as weights of PyTorch"),
        ("x.safetensors", "x.safetensors", "x.safetensors is the file that is read, and would be written over"),
    ],
)
def test_what_cannot_be_converted_is_refused(tmp_path, source, out, message):
    pytest.importorskip({"pth": "torch", "h5": "h5py"}.get(source[-3:].strip("."), "numpy"))
    for name in ("x.pth", "x.h5", "x.ckpt", *(["x.safetensors"] if source == "x.safetensors" else [])):
        (tmp_path / name).write_bytes(b"nothing of the kind")
    with pytest.raises(JaxganError) as refused:
        convert(tmp_path / source, tmp_path / out)
    assert re.search(message, str(refused.value))
    assert len(str(refused.value).splitlines()) == 1
