"""Features of VGG16: means of relu3_3, of images in their own size."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.errors import JaxganError
from jaxgan.evaluation.features import vgg16 as module
from jaxgan.evaluation.features.vgg16 import default_file, vgg16
from jaxgan.networks.vgg import VGG
from jaxgan.pretrained import vgg_weights


def arrays(unit=1.0, layers=7):
    """Of our own form of a file: a random VGG16 up to a layer, whose activations count `unit` each."""
    drawn = vgg_weights.random()
    named = {"mean": drawn.params["mean"], "unit": np.asarray(unit, np.float32)}
    for name in list(drawn.params)[1 : layers + 1]:
        named |= {f"{name}/{part}": drawn.params[name][part] for part in ("kernel", "bias")}
    return named


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "vgg.npz"
    np.savez(path, **arrays())
    return path


@pytest.fixture(scope="module")
def extractor(path):
    return vgg16(path)


@pytest.fixture(autouse=True)
def few_at_a_time(monkeypatch):
    """The last chunk is filled up, which takes time."""
    monkeypatch.setattr(module, "MOST", 4)


def pictures(number, height, width, channels=3):
    return np.random.default_rng(height).integers(0, 256, (number, height, width, channels), np.uint8)


def test_vectors_are_means_of_the_layer_in_the_scale_of_pictures_in_0_to_1(extractor, path, tmp_path):
    images = pictures(3, 12, 9)
    network = VGG(16, ("relu3_3",))
    with jax.default_matmul_precision("float32"):
        scaled = jnp.asarray(images, jnp.float32) / 127.5 - 1
        asked = jax.jit(network.apply)({"params": vgg_weights.load(path).params}, scaled)
    expected = np.asarray(asked["relu3_3"]).mean((1, 2))
    found = extractor.extract(images)
    assert (found.vectors.shape, found.probabilities.shape) == ((3, 256), (3, 0))
    np.testing.assert_allclose(found.vectors, expected / 255, rtol=1e-4, atol=1e-4)
    np.savez(tmp_path / "other.npz", **arrays(unit=57.5))
    other = vgg16(tmp_path / "other.npz")
    np.testing.assert_allclose(other.extract(images).vectors, found.vectors * 57.5, rtol=1e-6)
    assert other.protocol["weights_sha256"] != extractor.protocol["weights_sha256"]


def test_an_image_does_not_depend_on_the_others(extractor):
    images = pictures(5, 12, 9)
    all_of_them = extractor.extract(images).vectors
    np.testing.assert_array_equal(extractor.extract(images[3:]).vectors, all_of_them[3:])
    np.testing.assert_array_equal(extractor.extract(images[::-1]).vectors, all_of_them[::-1])


def test_unrounded_images_have_the_same_vectors_and_their_own_between_levels(extractor):
    images = pictures(2, 12, 9, 1)
    levels = images.astype(np.float32)
    vectors = extractor.extract(images).vectors
    np.testing.assert_allclose(extractor.unrounded(levels), vectors, rtol=1e-6)
    assert (extractor.unrounded(levels + np.float32(1e-2)) != vectors).any()


def test_grey_images_are_their_rgb(extractor):
    grey = pictures(1, 12, 9, 1)
    rgb = np.concatenate([grey] * 3, -1)
    np.testing.assert_array_equal(extractor.extract(grey).vectors, extractor.extract(rgb).vectors)


def test_the_hash_is_of_what_is_used(extractor, tmp_path):
    """A whole VGG16 has the hash of its beginning; another beginning has another."""
    whole = arrays() | {
        "conv4_1/kernel": np.ones((3, 3, 256, 512), np.float32),
        "conv4_1/bias": np.zeros(512, np.float32),
    }
    np.savez(tmp_path / "whole.npz", **whole)
    assert vgg16(tmp_path / "whole.npz").protocol == extractor.protocol
    whole["conv3_3/bias"] = whole["conv3_3/bias"] + 1
    np.savez(tmp_path / "other.npz", **whole)
    assert vgg16(tmp_path / "other.npz").protocol["weights_sha256"] != extractor.protocol["weights_sha256"]


def test_the_protocol_names_weights_layer_resize_range_and_quantisation(extractor):
    assert extractor.name == "vgg16"
    assert dict(extractor.protocol, weights_sha256="") == {
        "weights_sha256": "",
        "layer": "relu3_3, mean over positions",
        "resize": "none",
        "version": 1,
        "input_range": "[-1, 1]",
        "quantisation": "uint8",
    }


def test_trained_weights_tell_photographs_from_noise(shared_data):
    path = shared_data / "weights" / "vgg16_to_conv3_3.npz"
    if not path.exists():
        pytest.skip(f"no {path}")
    sklearn = pytest.importorskip("sklearn.datasets")
    flower, china = (sklearn.load_sample_image(name)[100:132, 200:232] for name in ("flower.jpg", "china.jpg"))
    shifted = sklearn.load_sample_image("flower.jpg")[102:134, 201:233]
    noise = pictures(1, 32, 32)[0]
    vectors = vgg16(path).extract(np.stack([flower, shifted, china, noise])).vectors
    near, far, farthest = (np.linalg.norm(vectors[0] - vectors[i]) for i in (1, 2, 3))
    assert 3 * near < min(far, farthest)
    assert 0.1 < vectors.mean() < 10  # as the kernel distance wants them


def test_weights_that_will_not_do_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(JaxganError, match=r"no weights of VGG16 at .*\n.*convert-vgg vgg16-397923af.pth --out") as none:
        vgg16()
    assert str(none.value).endswith(str(default_file()))
    assert len(str(none.value).splitlines()) == 2
    np.savez(tmp_path / "short.npz", **arrays(layers=4))
    with pytest.raises(JaxganError, match="is of a VGG16 up to relu2_2, and should be of a VGG16 up to relu3_3"):
        vgg16(tmp_path / "short.npz")
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(JaxganError, match=r"cannot read .*broken\.npz as weights"):
        vgg16(tmp_path / "broken.npz")


def test_images_that_will_not_do_are_refused(extractor):
    with pytest.raises(JaxganError, match="must be 4x4 or more, and are 8x3"):
        extractor.extract(pictures(1, 8, 3))
    with pytest.raises(JaxganError, match="2 channels"):
        extractor.extract(pictures(1, 8, 8, 2))
