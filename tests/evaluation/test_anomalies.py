"""One-class detection: figures computed without it, by hand or by other means; sets that have none are refused."""

import jax
import numpy as np
import pytest
from coders import EYE, ZERO, make, with_weights
from PIL import Image
from subjects import system_of

from jaxgan.data import SOURCES, DataSpec
from jaxgan.data.digits import digits
from jaxgan.errors import JaxganError
from jaxgan.evaluation import METRICS
from jaxgan.evaluation.anomalies import neighbour_distances
from jaxgan.evaluation.statistics.roc import roc_auc
from jaxgan.registry import complete

SPEC = DataSpec((8, 8, 1), "uint8", tuple("0123456789"), 1437)


def data_of(name, **options):
    return complete({"name": name, **options}, SOURCES, "config.data")


def test_areas_under_curves_by_hand():
    positive = np.array([False, True, False, True])
    assert roc_auc(np.array([1.0, 3, 2, 4]), positive) == 1
    assert roc_auc(np.array([1.0, 2, 3, 4]), positive) == 0.75
    assert roc_auc(np.array([4.0, 3, 2, 1]), positive) == 0.25
    assert roc_auc(np.ones(4), positive) == 0.5
    assert roc_auc(np.array([1.0, 1, 0, 0]), positive) == pytest.approx((0.5 + 1 + 0 + 0.5) / 4)


def test_distances_to_neighbours_by_hand():
    known = np.array([[0.0, 0], [3, 4], [0, 10]])
    np.testing.assert_allclose(neighbour_distances(known, np.array([[0.0, 0], [0, 7]]), 2), [2.5, (3 + 18**0.5) / 2])


def test_a_class_left_out_is_told_by_error_by_code_and_by_both():
    """Codes are the pixels, reconstructions grey: so errors are sums of squares, and neighbours those of images."""
    metric = METRICS["anomaly_test_5nn"](
        SPEC, system := make("autoencoder", (8, 8, 1), system=dict(latent_size=64)), data_of("digits", without=("6",))
    )
    state = with_weights(system.init(jax.random.key(0), None), EYE, ZERO)
    figures = metric.score(state, {})
    train, test = (digits(0, split=split).arrays() for split in ("train", "test"))
    train, labels = train["image"][train["label"] != 6], test["label"]
    known, asked = (x.reshape(len(x), 64) / 127.5 - 1 for x in (train, test["image"]))
    errors = (asked**2).sum(axis=1)
    distances = np.sort(np.linalg.norm(asked[:, None] - known[None], axis=-1), axis=1)[:, :5].mean(axis=1)
    for name, scores in (("reconstruction", errors), ("latent", distances), ("both", errors * distances)):
        pairs = scores[labels == 6][:, None] > scores[labels != 6][None]
        assert figures[f"auc_{name}"] == pytest.approx(pairs.mean(), abs=2e-3), name
    assert figures["auc_latent"] > 0.95
    assert metric.num == len(labels)
    assert metric.protocol["left_out"] == ["6"]
    assert metric.protocol["codes_of"] == f"digits train ({len(train):,})"


def test_other_systems_and_runs_that_leave_nothing_out_are_refused():
    with pytest.raises(JaxganError, match=r"training leaves out: train with --config\.data\.without="):
        METRICS["anomaly_test_5nn"](SPEC, make("vae", (8, 8, 1)), data_of("digits"))
    with pytest.raises(JaxganError, match="anomaly_test_5nn scores autoencoders"):
        METRICS["anomaly_test_5nn"](SPEC, system_of(0), data_of("digits", without=("3",)))


@pytest.mark.parametrize(
    ("test", "per_class", "message"),
    [
        (("a", "b"), 6, r"the test split has none of c; leave it out of --metrics or --config\.metrics\.$"),
        (("c",), 6, r"the test split has none of the others; "),
        (("",), 6, r"the test split has none of c; "),  # a folder without classes
        (("a", "b", "c"), 2, r"looks for 5 neighbours among the run's examples, which are 4; "),
    ],
)
def test_sets_without_both_kinds_or_too_few_neighbours_are_refused(tmp_path, test, per_class, message):
    for split, names in (("train", ("a", "b", "c")), ("test", test)):
        for name in names:
            (tmp_path / split / name).mkdir(parents=True, exist_ok=True)
            for index in range(per_class):
                Image.new("L", (8, 8), index).save(tmp_path / split / name / f"{index}.png")
    data = data_of("folder", data_dir=str(tmp_path), split="train", without=("c",))
    with pytest.raises(JaxganError, match=message):
        METRICS["anomaly_test_5nn"](SPEC, make("autoencoder", (8, 8, 1)), data)
