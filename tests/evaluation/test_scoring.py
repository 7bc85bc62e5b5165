"""One pass over the samples for all metrics, a batch at a time."""

import io
import tracemalloc

import numpy as np
import pytest
from tqdm import tqdm

from jaxgan.drawing import Samples
from jaxgan.evaluation import View, scoring
from jaxgan.evaluation.metric import Aim, of_samples, of_state

AIM = Aim("sum")
SILENT = tqdm(disable=True)


def drawing(chunk, asked):
    """Images whose first pixel is their number, -1 + i / 127.5, and who asked for how many."""

    def draw(num):
        asked.append(num)
        for first in range(0, num, chunk):
            numbers = np.arange(first, min(first + chunk, num))
            images = np.broadcast_to((numbers % 256 / 127.5 - 1)[:, None, None, None], (len(numbers), 2, 3, 1))
            yield Samples(images.astype(np.float32), numbers[:, None].astype(np.float32), numbers.astype(np.int32))

    return draw


def viewing(name, looks):
    def look(state, samples):
        looks.append((name, len(samples.images)))
        assert samples.images.dtype == np.uint8
        return {"level": samples.images[:, 0, 0, 0], "label": samples.labels}

    return View(name, look, ("level", "label"))


def scored_by(view, num):
    return of_samples(
        num, view, lambda seen: {"sum": float(seen["label"].sum()), "n": float(len(seen["level"]))}, {}, AIM
    )


def test_metrics_share_one_pass_and_what_is_seen(monkeypatch):
    monkeypatch.setattr(scoring, "MOST_SAMPLES", 8)
    asked, looks = [], []
    one, other = viewing("one", looks), viewing("other", looks)
    metrics = {
        "few": scored_by(one, 5),
        "many": scored_by(viewing("one", looks), 21),
        "some": scored_by(other, 10),
        "none": of_state(3, lambda state: {"sum": state}, {}, AIM),
    }
    figures = scoring.score_all(metrics, 7.0, drawing(4, asked), SILENT)
    assert asked == [21]
    assert [count for name, count in looks if name == "one"] == [8, 8, 5]
    assert [count for name, count in looks if name == "other"] == [8, 2]
    assert figures == {
        "few": {"sum": 10.0, "n": 5.0},
        "many": {"sum": 210.0, "n": 21.0},
        "some": {"sum": 45.0, "n": 10.0},
        "none": {"sum": 7.0},
    }


def test_the_bar_moves_on_by_what_is_looked_at_and_says_what_is_done(monkeypatch):
    monkeypatch.setattr(scoring, "MOST_SAMPLES", 8)
    shown = io.StringIO()
    metrics = {"many": scored_by(viewing("one", []), 21), "few": scored_by(viewing("one", []), 5)}
    with tqdm(total=scoring.samples_of(metrics), file=shown) as bar:
        scoring.score_all(metrics, None, drawing(4, []), bar)
    assert bar.n == bar.total == 21
    assert [what in shown.getvalue() for what in ("samples", "many", "few")] == [True] * 3


def test_what_metrics_ask_for_is_held_once_and_one_batch_beside_it(monkeypatch):
    """Joining parts would hold it twice, and what no metric asks for is ten times as much."""
    monkeypatch.setattr(scoring, "MOST_SAMPLES", 64)
    num, width = 4096, 256
    view = View(
        "features",
        lambda state, samples: {
            "vectors": np.repeat(samples.latents, width, axis=1),
            "probabilities": np.repeat(samples.latents, 10 * width, axis=1),
        },
        ("vectors",),
    )
    metric = of_samples(num, view, lambda seen: {"sum": float(seen["vectors"][:, 7].sum())}, {}, AIM)
    kept = num * width * 4
    batch = 64 * (6 * 4 + 11 * width * 4)  # images, twice in float32, and all that is seen of them
    tracemalloc.start()
    try:
        figures = scoring.score_all({"it": metric}, None, drawing(64, []), SILENT)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert figures == {"it": {"sum": num * (num - 1) / 2}}
    assert kept < peak < kept + 2 * batch < 1.5 * kept


def test_of_each_part_as_much_is_kept_as_a_metric_asks_for(monkeypatch):
    monkeypatch.setattr(scoring, "MOST_SAMPLES", 8)
    given = {}

    def asking(num, *kept):
        view = View("one", lambda state, samples: {"a": samples.latents, "b": samples.labels, "c": None}, kept)
        return of_samples(num, view, lambda seen: given.update({kept: seen}) or {}, {}, AIM)

    metrics = {"many": asking(21, "a"), "few": asking(10, "b"), "both": asking(5, "a", "b")}
    scoring.score_all(metrics, None, drawing(4, []), SILENT)
    shapes = {kept: {key: array.shape for key, array in seen.items()} for kept, seen in given.items()}
    assert shapes == {("a",): {"a": (21, 1)}, ("b",): {"b": (10,)}, ("a", "b"): {"a": (5, 1), "b": (5,)}}
    assert given["b",]["b"].base.shape == (10,)  # and no more than that is held
    np.testing.assert_array_equal(given["a",]["a"][:, 0], np.arange(21))


def test_nothing_is_drawn_for_a_state_alone():
    asked = []
    metrics = {"none": of_state(3, lambda state: {"sum": state}, {}, AIM)}
    assert scoring.score_all(metrics, 1.0, drawing(4, asked), SILENT) == {"none": {"sum": 1.0}}
    assert asked == []


def test_samples_are_scored_as_levels():
    view = View("levels", lambda state, samples: {"levels": samples.images[:, 0, 0, 0]}, ("levels",))
    metric = of_samples(300, view, lambda seen: {"sum": float((seen["levels"] == np.arange(300) % 256).all())}, {}, AIM)
    assert scoring.score_all({"it": metric}, None, drawing(64, []), SILENT) == {"it": {"sum": 1.0}}


@pytest.mark.parametrize(
    ("shape", "most", "expected"), [((28, 28, 1), 2**28, 1024), ((1024, 1024, 3), 2**28, 85), ((9, 9, 1), 80, 1)]
)
def test_large_images_are_looked_at_a_few_at_a_time(shape, most, expected, monkeypatch):
    monkeypatch.setattr(scoring, "MOST_BYTES", most)
    assert scoring.batch_size(shape) == expected
