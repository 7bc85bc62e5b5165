"""Features of Inception: torch-fidelity's of the same images, and each image's by itself."""

import warnings

import jax
import numpy as np
import pytest
from inceptions import random_files
from peers import peer

from jaxgan.errors import JaxganError
from jaxgan.evaluation.features import inception_weights
from jaxgan.evaluation.features.inception import inception

CHUNK = 2


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Random weights in PyTorch's form and in ours."""
    return random_files(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def extractor(files):
    return inception(files[1], CHUNK)


def pictures(number, height, width, channels=3):
    """Smooth on one side, noise on the other, all values; the last one is grey."""
    noise = np.random.default_rng(height).integers(0, 256, (number, height, width, channels))
    slope = np.linspace(0, 255, width).reshape(1, 1, width, 1)
    images = np.where(np.arange(width).reshape(1, 1, width, 1) < width // 2, slope, noise).astype(np.uint8)
    images[-1] = images[-1, ..., :1]
    return images


@pytest.fixture(scope="module")
def of_two(extractor):
    """What is extracted of two images of 32x32."""
    return extractor.extract(pictures(2, 32, 32))


def test_unrounded_images_have_the_same_vectors_and_their_own_between_levels(extractor, of_two):
    levels = pictures(2, 32, 32).astype(np.float32)
    np.testing.assert_allclose(extractor.unrounded(levels), of_two.vectors, rtol=1e-5, atol=1e-6)
    assert (extractor.unrounded(levels + np.float32(1e-2)) != of_two.vectors).any()


@pytest.fixture(scope="module")
def theirs(files):
    """Images -> pool3, logits without their bias and with it, of torch-fidelity."""
    torch = pytest.importorskip("torch")
    package = peer("torch_fidelity.feature_extractor_inceptionv3")
    names = ["2048", "logits_unbiased", "logits"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = package.FeatureExtractorInceptionV3("inception", names, str(files[0]))

    def extract(images):
        with torch.no_grad():
            return [x.numpy() for x in network(torch.tensor(images.transpose(0, 3, 1, 2).copy()))]

    return extract


def test_features_are_torch_fidelitys(of_two, theirs):
    """Its Inception score leaves the bias out, which shows."""
    pool3, unbiased, biased = theirs(pictures(2, 32, 32))
    assert np.linalg.norm(of_two.vectors - pool3) < 1e-4 * np.linalg.norm(pool3)
    unbiased, biased = (np.abs(of_two.probabilities - jax.nn.softmax(x)).sum() for x in (unbiased, biased))
    assert unbiased < 1e-3 * biased


@pytest.mark.parametrize("size", [(299, 299), (47, 71)])
def test_so_they_are_of_other_sizes(extractor, theirs, size):
    images = pictures(1, *size)
    found, (pool3, unbiased, _) = extractor.extract(images), theirs(images)
    assert np.linalg.norm(found.vectors - pool3) < 1e-4 * np.linalg.norm(pool3)
    np.testing.assert_allclose(found.probabilities, jax.nn.softmax(unbiased), rtol=1e-2, atol=1e-6)


def test_an_image_does_not_depend_on_the_others(extractor, of_two):
    """Nor on its place among them, nor on whether a grey one is stored as one: to the last bit."""
    assert [x.shape for x in of_two] == [(2, 2048), (2, 1008)]
    assert all(x.dtype == np.float32 for x in of_two)
    np.testing.assert_allclose(of_two.probabilities.sum(1), 1, rtol=1e-5)
    alone = extractor.extract(pictures(2, 32, 32)[1:, :, :, :1])
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, b[1:]), alone, of_two)


def test_the_protocol_names_weights_resize_range_and_quantisation(extractor, files):
    assert extractor.name == "inception"
    assert extractor.protocol == {
        "weights_sha256": inception_weights.load(files[1]).sha256,
        "resize": "TensorFlow 1 bilinear to 299x299",
        "version": 1,
        "input_range": "(x - 128) / 128",
        "quantisation": "uint8",
    }


def test_images_and_weights_that_will_not_do_are_refused(extractor, tmp_path, monkeypatch):
    with pytest.raises(JaxganError, match="4 channels"):
        extractor.extract(pictures(1, 8, 8, 4))
    with pytest.raises(JaxganError, match="uint8"):
        extractor.extract(pictures(1, 8, 8) / np.float32(255))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(JaxganError, match=r"no weights of Inception at .*\n.*convert-inception FILE$"):
        inception()
