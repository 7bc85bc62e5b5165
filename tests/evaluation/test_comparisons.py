"""Scores by features: the reference, the names, the traps."""

import io
import tracemalloc

import numpy as np
import pytest
from features_of_blocks import BLOCKS, LARGEST
from subjects import scored, system_of

from jaxgan.data import SOURCES, DataSpec, open_source
from jaxgan.data.memory import ArraySource
from jaxgan.errors import JaxganError
from jaxgan.evaluation import METRICS, check_metric, classifiers, comparisons, make_metrics, references, scoring
from jaxgan.evaluation.comparisons import STATISTICS, Asked, Name, Network, parse
from jaxgan.evaluation.features import Extracted
from jaxgan.registry import complete

COLOUR = DataSpec((9, 7, 3), "uint8", ("cat", "dog"), 9)
DATA = complete({"name": "digits", "image_size": 8}, SOURCES, "config.data")
SPEC = DataSpec((8, 8, 1), "uint8", tuple("0123456789"), 1437)


class Terminal(io.StringIO):
    """What a program writes to a terminal."""

    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def blocks(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setitem(comparisons.FEATURES, "blocks", lambda data: BLOCKS)
    LARGEST.clear()


def metric(name, data=DATA, spec=SPEC, system=None):
    return make_metrics([name], spec, system or system_of(10), data)[name]


def real(split="train"):
    arrays = open_source(DATA | {"split": split}, 0).arrays()
    return arrays["image"], arrays["label"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("fid10k_test_mnist", Name("fid", 10_000, "test", "mnist")),
        ("kid500_train_vgg16", Name("kid", 500, "train", "vgg16")),
        ("is50k_inception", Name("is", 50_000, "", "inception")),
        ("is50k_test_inception", None),
        ("fid10000_test_mnist", None),  # one protocol, one name
        ("fid1500_test_mnist", Name("fid", 1500, "test", "mnist")),
        ("fid_test_mnist", None),
        ("fid0_test_mnist", None),
        ("fid10k_val_mnist", None),
        ("modes2500_ring", None),
    ],
)
def test_a_name_is_its_protocol(name, expected):
    assert parse(name) == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fid_test_mnist", "unknown metric 'fid_test_mnist'; metrics of this kind have names like fid10k_test_mnist"),
        ("fid10k_mnist", "names like fid10k_test_mnist"),
        ("is", "names like is10k_mnist"),
        ("fod10k_test_mnist", "Did you mean 'fid10k_test_mnist'"),
        ("kid1k_test_inceptoin", "unknown feature network 'inceptoin'. Did you mean 'inception'"),
    ],
)
def test_a_wrong_name_is_told_the_right_one(name, message):
    with pytest.raises(JaxganError, match=message):
        metric(name)


def test_real_images_are_no_distance_from_themselves_in_any_order():
    images, labels = real()
    fid = metric("fid1k_train_blocks")
    other = np.random.default_rng(0).permutation(len(images))
    straight, shuffled = scored(fid, images, labels)["fid"], scored(fid, images[other], labels)["fid"]
    assert straight == shuffled < 1e-6
    moved = scored(fid, images // 2, labels)["fid"]
    assert moved > 100
    assert moved == scored(fid, images[other] // 2, labels)["fid"]


def test_figures_of_real_images():
    images, labels = real()
    kid = metric("kid1k_train_blocks")
    itself, dark = (scored(kid, some, labels)["kid"] for some in (images, images // 2))
    assert itself < 1e-3 * dark
    same = scored(metric("pr1k_train_blocks"), images, labels)
    assert same == {"precision": 1.0, "recall": 1.0}
    crowd = scored(metric("dc1k_train_blocks"), images, labels)
    assert crowd["coverage"] == 1
    assert crowd["density"] > 1  # every image is in its own ball too
    black = scored(metric("pr1k_train_blocks"), np.zeros_like(images), labels)
    assert black == {"precision": 0.0, "recall": 0.0}


def test_the_inception_score_is_of_whatever_network_has_classes():
    half = np.zeros((2000, 8, 8, 1), np.uint8)
    half[::2] = 255
    figures = scored(metric("is2k_blocks"), half, np.zeros(2000, np.int32))
    assert 1.98 < figures["inception_score"] <= 2
    assert scored(metric("is2k_blocks"), np.zeros_like(half), np.zeros(2000, np.int32))["inception_score"] == 1


def test_copies_are_nearer_to_the_train_split_than_other_images_are():
    train, labels = real()
    test, _ = real("test")
    metric_of_copies = metric("copying360_blocks")
    copied = scored(metric_of_copies, train[:360], labels[:360])
    assert copied["closer"] > 0.95  # not 1: some of the test split are as near as copies
    assert copied["z"] < -10
    assert copied["near"] == 1
    honest = scored(metric_of_copies, test, labels[:360])
    assert (honest["closer"], honest["z"]) == (0.5, 0)
    assert scored(metric_of_copies, 255 - test, labels[:360])["closer"] < 0.1
    assert metric_of_copies.protocol["reference"] == ["digits train (1,437)", "digits test (360)"]


def test_the_reference_is_the_split_in_the_name():
    test, labels = real("test")
    against_test, against_train = metric("fid1k_test_blocks"), metric("fid1k_train_blocks")
    assert scored(against_test, test, labels)["fid"] < 1e-6
    assert scored(against_train, test, labels)["fid"] > 1
    assert against_test.protocol["reference"] == ["digits test (360)"]
    assert against_train.protocol["reference"] == ["digits train (1,437)"]
    assert against_test.protocol["features"] == "blocks"


def test_features_of_real_images_are_kept_by_their_content(monkeypatch, capsys):
    source = open_source(DATA, 0)
    first = references.real_features(BLOCKS, source, "digits train")
    assert first.name == "digits train (1,437)"
    assert "making blocks's features of 1,437 real images" in capsys.readouterr().err
    looked = len(LARGEST)
    again = references.real_features(BLOCKS, source, "digits train")
    assert capsys.readouterr().err == ""
    assert len(LARGEST) == looked
    np.testing.assert_array_equal(first.vectors, again.vectors)
    assert first.sha256 == again.sha256
    assert first.vectors.shape == (1437, 4)

    larger = references.real_features(BLOCKS, open_source(DATA | {"image_size": 16}, 0), "digits train")
    assert (larger.name, larger.sha256 != first.sha256) == (first.name, True)
    references.real_features(BLOCKS._replace(protocol={"weights_sha256": "other"}), source, "digits train")
    assert capsys.readouterr().err.count("making") == 2

    pixels = source.arrays()["image"]
    one, other = (references.real_features(BLOCKS, ArraySource(x), "digits train") for x in (pixels, 16 * pixels))
    assert one.sha256 == first.sha256 != other.sha256  # of one shape
    assert not np.array_equal(one.vectors, other.vectors)


@pytest.mark.parametrize("name", ["fid", "kid", "pr", "dc"])
def test_generated_and_real_ones_of_the_split_stand_where_they_belong(name):
    """Generated ones lie amid the test split's, in a part of it, and far from the train split's."""
    rng = np.random.default_rng(0)
    real = {"train": rng.normal(size=(60, 2)) + 50, "test": rng.normal(size=(60, 2))}
    asked = Asked("test", 60, lambda split: 60, lambda: pytest.fail("no network is needed"), real.__getitem__)
    figures = STATISTICS[name].make(asked)(0.2 * rng.normal(size=(60, 2)))
    if name == "pr":
        assert figures["precision"] > 0.9 > 0.5 > figures["recall"]
    elif name == "dc":
        assert figures["density"] > 0.7 > 0.5 > figures["coverage"]
    else:
        assert figures[name] < 10


@pytest.mark.parametrize("few", [dict(real=4), dict(num=4)])
def test_a_covariance_needs_more_images_of_either_kind_than_features(few):
    counts = dict(real=5, num=5) | few
    network = Network(BLOCKS, 4, 0)
    asked = Asked("test", counts["num"], lambda split: counts["real"], lambda: network, lambda split: None)
    with pytest.raises(JaxganError, match="needs more than 4 examples, not 4"):
        STATISTICS["fid"].check(asked)
    STATISTICS["fid"].check(asked._replace(num=5, count=lambda split: 5))


def test_one_batch_of_real_images_is_looked_at_at_a_time(monkeypatch):
    monkeypatch.setattr(scoring, "MOST_SAMPLES", 100)
    references.real_features(BLOCKS, open_source(DATA, 0), "digits")
    assert max(LARGEST) == 100
    assert sum(LARGEST) == 1437


def test_of_real_images_vectors_alone_are_held_and_kept_and_once(monkeypatch, tmp_path):
    """Nobody asks for their probabilities."""
    monkeypatch.setattr(scoring, "MOST_SAMPLES", 64)
    width, source = 1000, open_source(DATA, 0)
    wide = BLOCKS._replace(extract=lambda images: Extracted(*np.ones((2, len(images), width), np.float32)))
    tracemalloc.start()
    try:
        references.vectors_of(wide, source, "digits")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * 1437 * width * 4
    references.real_features(wide, source, "digits")
    with np.load(next(tmp_path.rglob("*.npz"))) as kept:
        assert sorted(kept) == ["sha256", "vectors"]


def test_a_bar_says_how_far_real_images_are_looked_at(monkeypatch):
    shown = Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    references.vectors_of(BLOCKS, open_source(DATA, 0), "digits train")
    assert "blocks's features of digits train:   0%|" in shown.getvalue()
    assert "| 0/1437 [" in shown.getvalue()


def test_what_is_kept_has_the_rights_of_any_file_of_the_user(tmp_path):
    references.real_features(BLOCKS, open_source(DATA, 0), "digits")
    (tmp_path / "any").touch()
    (kept,) = tmp_path.rglob("*.npz")
    assert kept.stat().st_mode == (tmp_path / "any").stat().st_mode
    assert [path for path in kept.parent.iterdir() if path != kept] == []


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("fid4_test_blocks", {}, "fid4_test_blocks: the covariance of 4 features needs more than 4 examples, not 4"),
        (
            "fid1k_test_blocks",
            dict(data={"name": "ring"}, spec=DataSpec((2,), "float32", (), 9)),
            "scores images, and this run makes points",
        ),
        ("fid1k_test_blocks", dict(data=DATA | {"split": "all"}), "held out of training"),
        (
            "fid1k_train_blocks",
            dict(data=DATA | {"split": "test"}),
            "learns from split='test', which is not the train split",
        ),
        ("kid3_train_blocks", {}, "kid3_train_blocks: subsets of 3 images are none"),
        ("pr3_train_blocks", {}, "pr3_train_blocks: 3 images have no 3 neighbours each"),
        ("is9_blocks", {}, "is9_blocks: it is a mean over 10 parts"),
    ],
)
def test_what_cannot_be_scored_is_refused_before_anything_is_drawn(name, changes, message):
    with pytest.raises(JaxganError, match=message):
        metric(name, **changes)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("fid4_train_blocks", "train"),  # too few generated images
        ("kid3_train_blocks", "train"),
        ("pr3_train_blocks", "train"),
        ("fid1k_test_blocks", "all"),  # no test split
        ("dc1k_train_blocks", "test"),  # not what the run learns from
        ("copying1k_blocks", "all"),
        ("copying1k_blocks", "test"),
    ],
)
def test_what_cannot_be_scored_is_refused_before_features_of_real_images_are_made(name, split, monkeypatch):
    monkeypatch.setattr(comparisons, "real_features", lambda *_: pytest.fail("features are made"))
    with pytest.raises(JaxganError, match=name):
        metric(name, data=DATA | {"split": split})


@pytest.mark.parametrize("other", ["kid3_train_blocks", "modes2500_ring", "is9_blocks"])
def test_the_second_of_two_metrics_is_refused_before_features_of_real_images_are_made_for_the_first(other, monkeypatch):
    monkeypatch.setattr(comparisons, "real_features", lambda *_: pytest.fail("features are made"))
    with pytest.raises(JaxganError, match=other):
        make_metrics(["fid1k_train_blocks", other], SPEC, system_of(10), DATA)


def test_a_missing_split_is_noticed_before_a_network_is_loaded(monkeypatch):
    monkeypatch.setitem(comparisons.FEATURES, "blocks", lambda data: pytest.fail("the network is loaded"))
    with pytest.raises(JaxganError, match="leave it out of --metrics or --config"):
        metric("fid1k_test_blocks", data=DATA | {"split": "all"})


OF_ANY_IMAGES = ("ppl10k_digits", "ppl10k_inception", "ppl10k_mnist", "ppl10k_vgg16", "swd10k_train", "swd1k_train")


@pytest.mark.parametrize("name", sorted(METRICS.keys() - set(OF_ANY_IMAGES)))
def test_who_has_asked_for_a_metric_of_another_run_is_told_what_to_do_in_either_verb(name):
    """In `train` it stands in --config.metrics, in `evaluate` in --metrics."""
    with pytest.raises(JaxganError, match=rf"{name} .*leave it out of --metrics or --config\.metrics\.$"):
        metric(name, data=complete({"name": "folder"}, SOURCES, "config.data"), spec=COLOUR, system=system_of(0))


def test_a_network_without_classes_has_no_inception_score(monkeypatch):
    plain = BLOCKS._replace(
        extract=lambda images: Extracted(BLOCKS.extract(images).vectors, np.empty((len(images), 0)))
    )
    monkeypatch.setitem(comparisons.FEATURES, "plain", lambda data: plain)
    with pytest.raises(JaxganError, match="is1k_plain: the network of features has no classes"):
        metric("is1k_plain")


def test_names_are_checked_without_data():
    check_metric("fid50k_train_inception")
    check_metric("modes2500_ring")


def test_each_network_and_each_reference_is_opened_once_for_all_metrics(monkeypatch, capsys):
    opened = []
    monkeypatch.setitem(comparisons.FEATURES, "blocks", lambda data: opened.append(data) or BLOCKS)
    names = ["fid1k_train_blocks", "kid1k_train_blocks", "copying1k_blocks", "is1k_blocks"]
    assert list(make_metrics(names, SPEC, system_of(10), DATA)) == names
    assert len(opened) == 1
    assert capsys.readouterr().err.count("making") == 2


def test_subsets_of_few_images_are_not_all_of_them():
    images, labels = real("test")
    figures = scored(metric("kid360_test_blocks"), images // 2, labels)
    assert figures["kid_std"] > 1e-3 * figures["kid"]


def test_a_classifier_of_grey_digits_refuses_colour(monkeypatch):
    monkeypatch.setattr(
        classifiers, "train", lambda images, labels, training: {"Dense_0/bias": np.zeros(3, np.float32)}
    )
    colour = DataSpec((8, 8, 3), "uint8", (), 9)
    with pytest.raises(JaxganError, match="fid200_train_digits: the features of digits are of grey images, and these"):
        metric("fid200_train_digits", spec=colour)


def test_semi_supervised_runs_are_compared_with_all_that_lies_under_them():
    few = complete({"name": "few_labels:digits", "image_size": 8, "labels": 10}, SOURCES, "config.data")
    assert metric("fid1k_train_blocks", data=few).protocol["reference"] == ["digits train (1,437)"]
