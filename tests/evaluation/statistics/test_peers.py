"""Parity with other libraries on the same features and the same images, where they are installed."""

import functools
import warnings

import numpy as np
import pytest
from peers import peer

from jaxgan.evaluation.statistics.frechet import Moments, frechet_distance
from jaxgan.evaluation.statistics.inception_score import inception_score
from jaxgan.evaluation.statistics.kernel import kernel_distance
from jaxgan.evaluation.statistics.manifolds import density_coverage, precision_recall
from jaxgan.evaluation.statistics.structural import ms_ssim, ssim


def quietly(function, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


@functools.cache
def features():
    """Two sets as a feature network gives them: not negative, correlated, half of it zeros."""
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((32, 48))
    real, generated = (
        np.maximum(rng.standard_normal((n, 32)) @ mixing + shift, 0).astype(np.float32)
        for n, shift in ((700, 0.0), (600, 0.8))
    )
    return real, generated


def test_pytorch_fid():
    fid = peer("pytorch_fid.fid_score")
    real, generated = map(Moments.of, features())
    expected = quietly(fid.calculate_frechet_distance, real.mean, real.covariance, generated.mean, generated.covariance)
    assert frechet_distance(real, generated) == pytest.approx(expected, rel=1e-6)


def test_fid_of_torch_fidelity():
    torch, fid = peer("torch"), peer("torch_fidelity.metric_fid")
    sets = [torch.from_numpy(vectors).double() for vectors in features()]
    statistics = [quietly(fid.fid_features_to_statistics, vectors) for vectors in sets]
    expected = quietly(fid.fid_statistics_to_metric, *statistics, False)["frechet_inception_distance"]
    assert frechet_distance(*map(Moments.of, features())) == pytest.approx(expected, rel=1e-6)


def test_kid_of_torch_fidelity():
    """With the same generator of random numbers, whose draws come in the same order."""
    torch, kid = peer("torch"), peer("torch_fidelity.metric_kid")
    sets = [torch.from_numpy(vectors).double() for vectors in features()]
    expected = quietly(
        kid.kid_features_to_metric, *sets, kid_subsets=10, kid_subset_size=200, rng_seed=2020, verbose=False
    )
    estimate = kernel_distance(*features(), np.random.RandomState(2020), subsets=10, size=200)
    assert estimate.mean == pytest.approx(expected["kernel_inception_distance_mean"], rel=1e-6)
    assert estimate.std == pytest.approx(expected["kernel_inception_distance_std"], rel=1e-6)


def test_inception_score_of_torch_fidelity():
    torch, isc = peer("torch"), peer("torch_fidelity.metric_isc")
    logits = torch.from_numpy(features()[0][:, :10]).double()
    expected = quietly(isc.isc_features_to_metric, logits, splits=10, shuffle=True, rng_seed=2020)
    estimate = inception_score(logits.softmax(dim=1).numpy(), np.random.RandomState(2020), splits=10)
    assert estimate.mean == pytest.approx(expected["inception_score_mean"], rel=1e-6)
    assert estimate.std == pytest.approx(expected["inception_score_std"], rel=1e-6)


def test_precision_and_recall_of_torch_fidelity():
    torch, prc = peer("torch"), peer("torch_fidelity.metric_prc")
    real, generated = features()
    sets = [torch.from_numpy(vectors).double() for vectors in (generated, real)]
    expected = quietly(prc.prc_features_to_metric, *sets, prc_neighborhood=3, verbose=False)
    figures = precision_recall(real, generated)
    assert 0 < figures.precision < figures.recall < 1  # or there is little to compare
    assert figures == pytest.approx((expected["precision"], expected["recall"]), rel=1e-6)


def test_prdc(capsys):
    prdc = peer("prdc")
    real, generated = features()
    expected = quietly(prdc.compute_prdc, real.astype(float), generated.astype(float), nearest_k=5)
    assert density_coverage(real, generated) == pytest.approx((expected["density"], expected["coverage"]), rel=1e-6)
    both = precision_recall(real, generated, k=5)
    assert both == pytest.approx((expected["precision"], expected["recall"]), rel=1e-6)


@functools.cache
def pictures(size, channels):
    """Pairs of images that are alike to different degrees."""
    rng = np.random.default_rng(0)
    a = rng.integers(0, 256, (2, *size, channels))
    b = np.stack([x // (i + 1) + rng.integers(0, 60, x.shape) for i, x in enumerate(a)])
    return a.astype(np.uint8), b.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_of_scikit_image(channels):
    metrics = peer("skimage.metrics")
    a, b = pictures((40, 33), channels)
    expected = [
        metrics.structural_similarity(
            x, y, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=2
        )
        for x, y in zip(a, b, strict=True)
    ]
    np.testing.assert_allclose(ssim(a, b), expected, rtol=1e-6)


def test_ms_ssim_of_pytorch_msssim():
    """With a window in float64, where its own has the digits of float32."""
    torch, msssim = peer("torch"), peer("pytorch_msssim")
    a, b = pictures((176, 176), 3)
    places = torch.arange(-5, 6, dtype=torch.float64)
    taps = torch.exp(-(places**2) / (2 * 1.5**2))
    window = (taps / taps.sum()).expand(3, 1, 1, 11)
    tensors = [torch.from_numpy(x).double().permute(0, 3, 1, 2) for x in (a, b)]
    expected = quietly(msssim.ms_ssim, *tensors, data_range=255, size_average=False, win=window)
    np.testing.assert_allclose(ms_ssim(a, b), expected.numpy(), rtol=1e-9)
