"""The file of Inception's weights: what is converted, what is refused, and how one finds out what to do."""

import hashlib
import re

import numpy as np
import pytest
import safetensors.numpy
from inceptions import random_files, random_state

from jaxgan import cli
from jaxgan.errors import JaxganError
from jaxgan.evaluation.features import inception_weights
from jaxgan.evaluation.features.inception_weights import EPSILON, convert, default_file, load, published_shapes


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Random weights in PyTorch's form and in ours."""
    return random_files(tmp_path_factory.mktemp("weights"))


def refused(read, *arguments):
    """The text of an error of one or two lines."""
    with pytest.raises(JaxganError) as error:
        read(*arguments)
    assert len(str(error.value).splitlines()) <= 2
    return str(error.value)


def test_batch_normalisation_is_folded_in(files):
    """Of one convolution by hand: (w x - mean) / sqrt(var + 0.001) gamma + beta = kernel x + bias."""
    state, params = random_state(), load(files[1]).params
    name = "Mixed_6b.branch7x7_2"
    gamma, beta, mean, variance = (state[f"{name}.bn.{n}"] for n in ("weight", "bias", "running_mean", "running_var"))
    ours, theirs = params["Mixed_6b"]["branch7x7_2"], state[f"{name}.conv.weight"]
    patch = np.random.default_rng(1).standard_normal((1, 7, theirs.shape[1]))
    normalised = (np.einsum("hwc,ochw->o", patch, theirs) - mean) / np.sqrt(variance + EPSILON) * gamma + beta
    np.testing.assert_allclose(np.einsum("hwc,hwco->o", patch, ours["kernel"]) + ours["bias"], normalised, atol=1e-5)
    np.testing.assert_array_equal(params["fc"]["kernel"], state["fc.weight"].T)
    np.testing.assert_array_equal(params["fc"]["bias"], state["fc.bias"])


def test_the_hash_is_of_the_arrays_and_not_of_the_file(files, tmp_path):
    arrays, digest = safetensors.numpy.load_file(files[1]), load(files[1]).sha256
    safetensors.numpy.save_file(arrays, tmp_path / "x.safetensors", {"sha256": digest, "by": "another version"})
    assert (tmp_path / "x.safetensors").read_bytes() != files[1].read_bytes()
    assert load(tmp_path / "x.safetensors").sha256 == digest
    assert re.fullmatch("[0-9a-f]{64}", digest)


def test_another_file_is_refused_by_its_hash(files, tmp_path):
    message = refused(convert, files[0], tmp_path / "x.safetensors")
    assert re.search("random.pth is damaged, or not pt_inception-2015-12-05-6726825d.pth: its SHA-256 begins", message)
    assert not (tmp_path / "x.safetensors").exists()


def test_other_networks_are_refused_by_name_and_shape(tmp_path):
    torch = pytest.importorskip("torch")
    zeros = {name: torch.zeros(()).expand(shape) for name, shape in published_shapes().items()}
    for state, message in (
        (zeros | {"AuxLogits.fc.weight": torch.zeros(3)}, "not of FID's Inception network: it has AuxLogits.fc.weight"),
        (zeros | {"fc.weight": torch.zeros(1000, 2048)}, r"fc.weight should be float32 \[1008, 2048\], and is .*1000"),
        (zeros | {"fc.bias": torch.full((1008,), torch.nan)}, "fc.bias is not finite everywhere"),
        ({"fc.bias": torch.zeros(1008, dtype=int)}, "fc.bias should be of floating-point numbers, and is torch.int64"),
        ({}, "lacks Conv2d_1a_3x3.bn.bias and 471 more"),
        (torch.zeros(3), "holds no state_dict"),
    ):
        torch.save(state, tmp_path / "x.pth")
        prefix = hashlib.sha256((tmp_path / "x.pth").read_bytes()).hexdigest()[:8]
        assert re.search(message, refused(convert, tmp_path / "x.pth", tmp_path / "x.safetensors", prefix))
    assert not (tmp_path / "x.safetensors").exists()


@pytest.mark.parametrize(
    ("source", "out", "message"),
    [
        ("x.ckpt", "x.safetensors", "convert-inception reads .pth, .pt, not x.ckpt"),
        ("x.pth", "x.npz", "convert-inception writes .safetensors, not x.npz"),
        ("none.pth", "x.safetensors", "there is no file .*none.pth"),
        ("x.pth", "x.safetensors", "cannot read .*x.pth as weights of PyTorch"),
    ],
)
def test_what_cannot_be_converted_is_refused(tmp_path, source, out, message):
    pytest.importorskip("torch")
    for name in ("x.pth", "x.ckpt"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
    assert re.search(message, refused(convert, tmp_path / source, tmp_path / out, ""))


def test_missing_weights_say_which_file_to_get_and_which_verb_to_run(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first, second = refused(load, default_file()).splitlines()
    assert first.startswith(f"there are no weights of Inception at {tmp_path}/jaxgan/weights/inception.safetensors")
    assert second.startswith("pt_inception-2015-12-05-6726825d.pth from the releases of pytorch-fid")
    assert second.endswith("jaxgan convert-inception FILE")
    assert refused(load, tmp_path / "x.safetensors").endswith(f"FILE --out {tmp_path}/x.safetensors")


def test_files_that_are_not_ours_are_refused(files, tmp_path):
    assert "`jaxgan convert-inception FILE` makes" in refused(load, files[0])
    other = tmp_path / "x.safetensors"
    other.write_bytes(files[1].read_bytes()[:100_000])
    assert f"cannot read {other} as weights: " in refused(load, other)
    safetensors.numpy.save_file({"conv1_1/kernel": np.zeros(3)}, other)
    assert "it has conv1_1/kernel" in refused(load, other)


def test_a_damaged_number_is_noticed(files, tmp_path):
    content = bytearray(files[1].read_bytes())
    content[-2] ^= 1
    (tmp_path / "x.safetensors").write_bytes(content)
    assert "x.safetensors is damaged: it is not what was written" in refused(load, tmp_path / "x.safetensors")


def test_the_verb_writes_where_scores_look(files, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cli.main(["convert-inception", str(files[0])]) == 1
    assert "its SHA-256 begins with" in capsys.readouterr().err
    monkeypatch.setattr(inception_weights, "_check_hash", lambda *_: None)
    assert cli.main(["convert-inception", str(files[0])]) == 0
    assert capsys.readouterr().out == f"Inception: {default_file()}\n"
    assert load(default_file()).sha256 == load(files[1]).sha256
    assert [path.name for path in default_file().parent.iterdir()] == ["inception.safetensors"]
