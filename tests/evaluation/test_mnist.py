"""Digits judged by a classifier: figures of samples whose classes are known, and weights that are kept."""

from math import log

import jax
import numpy as np
import pytest
from subjects import scored, system_of

from jaxgan.data import SOURCES, DataSpec
from jaxgan.data.tfds import tfds
from jaxgan.errors import JaxganError
from jaxgan.evaluation import METRICS, classifiers, mnist
from jaxgan.evaluation.classifiers import CHUNK, Training, fingerprint, judged, load_or_train, shifted
from jaxgan.registry import complete

pytestmark = pytest.mark.usefixtures("optimised")

SPEC = DataSpec((28, 28, 1), "uint8", tuple("0123456789"), 60_000)


@pytest.fixture(scope="module")
def little(shared_data, tmp_path_factory):
    """A tenth of the data, a tenth of the steps and a folder of weights of our own; gives the data's folder."""

    def some(seed, dataset, *, split, **options):
        return tfds(seed, dataset, split=f"{split}[:10%]", **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(classifiers, "MNIST", Training(steps=150, batch_size=64))
        patch.setattr(mnist, "tfds", some)
        yield str(shared_data / "tfds")


def metric_of(name, num_classes, source, data_dir, **options):
    data = complete({"name": source, "data_dir": data_dir, **options}, SOURCES, "config.data")
    return METRICS[name](SPEC, system_of(num_classes), data)


@pytest.fixture(scope="module")
def metric(little):
    return metric_of("classes10k_mnist", 10, "tfds:mnist", little)


@pytest.fixture(scope="module")
def held_out(little):
    arrays = tfds(0, "mnist", split="test[:10%]", data_dir=little).arrays()
    return arrays["image"], arrays["label"]


@pytest.fixture(scope="module")
def weights(metric):
    (path,) = classifiers.classifiers_folder().iterdir()
    with np.load(path) as file:
        return {name: file[name] for name in file.files if name != "sha256"}


@pytest.fixture(scope="module")
def one_of_each(weights, held_out):
    """A digit of each class, in order, that the classifier gets right."""
    images, labels = held_out
    right = judged(weights, images).probabilities.argmax(1) == labels
    return images[[np.flatnonzero(right & (labels == label))[0] for label in range(10)]]


def test_real_digits_score_as_real_ones(metric, held_out):
    score = scored(metric, *held_out)
    assert score["test_accuracy"] == score["agreement"] > 0.92
    assert score["confident"] == score["real_confident"] > 0.75
    assert score["classes"] == 10
    assert 0.05 < score["smallest_share"] < 0.1
    assert score["kl"] < 0.02


def test_training_is_a_pure_function(little):
    arrays = tfds(0, "mnist", split="train[:10%]", data_dir=little).arrays()
    image, label = arrays["image"], arrays["label"]
    few = Training(steps=4, batch_size=64)
    one, again, other = (fingerprint(classifiers.train(image, y, few)) for y in (label, label, 9 - label))
    assert one == again != other


def test_one_digit_over_and_over_is_one_class(metric, one_of_each, little):
    score = scored(metric, one_of_each[[7] * 20], np.full(20, 7))
    assert (score["classes"], score["smallest_share"], score["agreement"]) == (1, 0, 1)
    labels = tfds(0, "mnist", split="train[:10%]", data_dir=little).arrays()["label"]
    assert score["kl"] == pytest.approx(-log(np.mean(labels == 7)))


def test_shares_by_hand(metric, one_of_each):
    score = scored(metric, one_of_each[[*range(10), 0, 0]], np.array([*range(10), 0, 1]))
    assert score["smallest_share"] == pytest.approx(1 / 12)
    assert score["agreement"] == pytest.approx(11 / 12)


def test_another_size_without_labels(metric, held_out, little):
    """The real digits go the way of the generated ones: enlarged by the source, reduced again by the score."""
    large = metric_of("classes10k_mnist", 0, "tfds:mnist:3.0.1", little, image_size=32)
    enlarged = tfds(0, "mnist", split="test[:10%]", data_dir=little, image_size=32).arrays()["image"]
    score = scored(large, enlarged, np.zeros(len(enlarged), np.int32))
    assert "agreement" not in score
    assert score["confident"] == score["real_confident"]
    assert score["test_accuracy"] == pytest.approx(scored(metric, *held_out)["test_accuracy"], abs=0.02)
    assert large.protocol["weights_sha256"] == metric.protocol["weights_sha256"]


def test_stacked_digits_are_counted_by_their_three_classes(little, one_of_each):
    stacked = metric_of("modes26k_stacked_mnist", 0, "stacked_mnist", little)
    assert stacked.num == 26_000

    def score(*triples):
        images = one_of_each[np.array(triples), ..., 0]  # [n, 3, 28, 28]
        return scored(stacked, images.transpose(0, 2, 3, 1), np.zeros(len(triples), np.int32))

    every = score(*np.ndindex(10, 10, 10))
    assert (every["modes"], every["kl"]) == (1000, pytest.approx(0, abs=1e-12))
    assert score((1, 2, 3))["kl"] == pytest.approx(log(1000))
    assert score((1, 2, 3), (3, 2, 1), (1, 2, 3), (3, 2, 1))["modes"] == 2
    assert score((1, 2, 3), (3, 2, 1))["kl"] == pytest.approx(log(500))


def test_digits_of_a_stack_and_of_another_size():
    images = np.arange(2 * 28 * 28 * 3, dtype=np.uint32).astype(np.uint8).reshape(2, 28, 28, 3)
    digits = mnist.unstacked(images)
    for number in range(6):
        np.testing.assert_array_equal(digits[number, ..., 0], images[number // 3, ..., number % 3])
    half = np.zeros((1, 56, 56, 1), np.uint8)
    half[:, :, :28] = 200  # the left half
    reduced = classifiers.to_size(half, (28, 28))[0, ..., 0]
    assert set(reduced[:, :10].flat) == {200}
    assert set(reduced[:, -10:].flat) == {0}
    fine = classifiers.to_size_unrounded(half.astype(np.float32), (28, 28))
    np.testing.assert_array_equal(np.clip(np.rint(fine[0, ..., 0]), 0, 255), reduced)
    assert (fine != np.rint(fine)).any()


@pytest.mark.parametrize(
    ("name", "source", "wanted"),
    [
        ("classes10k_mnist", "tfds:fashion_mnist", "tfds:mnist"),
        ("classes10k_mnist", "tfds:mnist_corrupted", "tfds:mnist"),
        ("classes10k_mnist", "stacked_mnist", "tfds:mnist"),
        ("modes26k_stacked_mnist", "tfds:mnist", "stacked_mnist"),
    ],
)
def test_another_set_is_refused(name, source, wanted):
    with pytest.raises(JaxganError, match=rf"{name} .*config\.data\.name={wanted}, not {source}; .*--config\.metrics"):
        METRICS[name](SPEC, system_of(10), {"name": source})


def test_judging_does_not_depend_on_the_company(weights, held_out):
    images, _ = held_out
    many = np.resize(images, (CHUNK + 5, 28, 28, 1))
    everything = judged(weights, many)
    assert [part.shape for part in everything] == [(CHUNK + 5, 128), (CHUNK + 5, 10)]
    np.testing.assert_allclose(everything.probabilities.sum(1), 1, rtol=1e-5)
    for some in (slice(-5, None), slice(7)):
        for whole, part in zip(everything, judged(weights, many[some]), strict=True):
            np.testing.assert_array_equal(whole[some], part)


def test_images_are_moved_by_at_most_a_pixel_each_on_its_own():
    image = np.random.default_rng(0).integers(1, 256, (28, 28, 1), dtype=np.uint8)
    framed = np.pad(image, ((1, 1), (1, 1), (0, 0)))
    moves = {framed[y : y + 28, x : x + 28].tobytes() for y in range(3) for x in range(3)}
    moved = np.asarray(shifted(np.stack([image] * 200), jax.random.key(0), 1))
    assert {one.tobytes() for one in moved} == moves


IMAGES, LABELS = np.zeros((4, 28, 28, 1), np.uint8), np.arange(4, dtype=np.int32)


@pytest.fixture
def trainings(monkeypatch):
    """A training that takes no time: counted, its weights depend on all that they should."""
    calls = []

    def train(images, labels, training):
        calls.append(training)
        rng = np.random.default_rng([int(images.sum()), *labels.tolist(), training.steps])
        return {"Dense_0/kernel": rng.normal(size=(8, 9)).astype(np.float32), "Dense_0/bias": np.zeros(9, np.float32)}

    monkeypatch.setattr(classifiers, "train", train)
    return calls


def test_weights_are_kept_for_what_decides_them(trainings, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "new" / "folder"
    first = load_or_train("mnist", IMAGES, LABELS, Training(1), folder)
    assert "making the classifier of mnist" in capsys.readouterr().err
    again = load_or_train("mnist", IMAGES, LABELS, Training(1), folder)
    assert capsys.readouterr() == ("", "")
    assert len(trainings) == 1
    assert fingerprint(again) == fingerprint(first)
    assert all(again[name].dtype == np.float32 for name in again)

    load_or_train("mnist", IMAGES + np.uint8(1), LABELS, Training(1), folder)
    load_or_train("mnist", IMAGES, LABELS[::-1], Training(1), folder)
    load_or_train("mnist", IMAGES, LABELS, Training(steps=7), folder)
    monkeypatch.setattr(classifiers, "VERSION", -1)
    load_or_train("mnist", IMAGES, LABELS, Training(1), folder)
    assert len(trainings) == 5
    assert sorted(path.suffix for path in folder.iterdir()) == [".npz"] * 5  # and nothing half-written


def _other_weights(path):
    with np.load(path) as file:
        arrays = dict(file)
    arrays["Dense_0/bias"] = arrays["Dense_0/bias"] + np.float32(1e-7)
    with path.open("wb") as file:
        np.savez(file, **arrays)


def _flipped(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "damage",
    [
        _other_weights,
        _flipped,
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("no weights"),
        lambda path: np.savez(path, weights=np.ones(3)),  # without a hash
    ],
    ids=["other weights", "a bit", "cut short", "empty", "text", "no hash"],
)
def test_a_damaged_file_is_told_and_replaced(damage, trainings, tmp_path, capsys):
    whole = load_or_train("mnist", IMAGES, LABELS, Training(1), tmp_path)
    (path,) = tmp_path.iterdir()
    damage(path)
    capsys.readouterr()
    again = load_or_train("mnist", IMAGES, LABELS, Training(1), tmp_path)
    assert f"{path} is damaged" in capsys.readouterr().err
    assert (len(trainings), fingerprint(again)) == (2, fingerprint(whole))
    load_or_train("mnist", IMAGES, LABELS, Training(1), tmp_path)
    assert (len(trainings), capsys.readouterr().err) == (2, "")


def test_where_nothing_can_be_written_the_score_does_without(trainings, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert load_or_train("mnist", IMAGES, LABELS, Training(1), tmp_path / "file" / "folder").keys()
    assert "the classifier of mnist is not kept: cannot write" in capsys.readouterr().err
