"""Several seeds trained together are the runs that each would make alone."""

import json
import os
import signal

import numpy as np
import pytest
from small_runs import left_behind, metrics, train

from jaxgan.cli import main
from jaxgan.data import open_source
from jaxgan.errors import JaxganError
from jaxgan.sampling import load, load_all
from jaxgan.training.recorder import Recorder, with_spread

SEEDS = (5, 6, 7)
KINDS = {
    "points, streaming, three critic steps": dict(device_limit_mib=0, system=dict(critic_steps=3)),
    "images": dict(steps=6),
}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(changes, id=kind, marks=() if kind == "images" else pytest.mark.long)
        for kind, changes in KINDS.items()
    ],
)
def runs(request, tmp_path_factory):
    """Three seeds together, and each alone, on one set: points are drawn anew for the first seed of each run."""
    folder, changes = tmp_path_factory.mktemp("seeds"), request.param
    kind = "images" if changes == KINDS["images"] else "points"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jaxgan.training.start.open_source", lambda data, seed, accept: open_source(data, SEEDS[0]))
        train(folder / "together", kind, seed=SEEDS[0], seeds=len(SEEDS), **changes)
        for seed in SEEDS:
            train(folder / str(seed), kind, seed=seed, **changes)
    return folder


def test_each_seed_is_the_run_that_it_makes_alone(runs):
    for seed in SEEDS:
        together, alone = load(runs / "together", seed=seed), load(runs / str(seed))
        assert (together.step, together.seed) == (alone.step, seed)
        drawn = [trained.sample(5, seed=1).images for trained in (together, alone)]
        scale = np.abs(drawn[1]).max()
        np.testing.assert_allclose(*drawn, rtol=0, atol=2e-2 * scale)
    others = load(runs / "together", seed=SEEDS[1]).sample(5, seed=1).images
    assert np.abs(drawn[0] - others).max() > 0.2 * scale  # and no two are the same


def test_a_line_has_the_mean_its_standard_error_and_every_seeds_value(runs):
    lines = metrics(runs / "together")
    for number, line in enumerate(lines):
        for name, values in line["by_seed"].items():
            alone = [metrics(runs / str(seed))[number][name] for seed in SEEDS]
            np.testing.assert_allclose(values, alone, rtol=2e-2, atol=2e-2)
            assert line[name] == pytest.approx(np.mean(values))
            assert line[f"{name}_se"] == pytest.approx(np.std(values, ddof=1) / 3**0.5)
    assert [line["images_seen"] for line in lines] == [line["images_seen"] for line in metrics(runs / "5")]


def test_every_seed_has_its_sheets(runs):
    sheets = sorted(path.relative_to(runs) for path in (runs / "together" / "samples").rglob("0*.png"))
    alone = [path.name for path in sorted((runs / "5" / "samples").glob("0*.png"))]
    assert [str(path) for path in sheets] == [
        f"together/samples/seed_{seed}/{name}" for seed in SEEDS for name in alone
    ]


def test_spread_by_hand():
    """1, 2, 6: mean 3, variance (4 + 1 + 9) / 2 = 7, standard error sqrt(7 / 3)."""
    assert with_spread("fid", np.asarray([1.0, 2.0, 6.0])) == {"fid": 3.0, "fid_se": pytest.approx((7 / 3) ** 0.5)}
    assert with_spread("fid", np.asarray([1.5])) == {"fid": 1.5}


def test_stopped_and_continued_they_end_in_the_same_bits(tmp_path, monkeypatch):
    train(tmp_path / "whole", seeds=2, save_every=6)
    log = Recorder.log

    def log_and_stop(self, step, means):
        log(self, step, means)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Recorder, "log", log_and_stop)
    assert train(tmp_path / "parts", seeds=2, save_every=6).outcome == (4, signal.SIGINT)
    monkeypatch.undo()
    train(tmp_path / "parts", seeds=2, save_every=6)
    assert left_behind(tmp_path / "parts") == left_behind(tmp_path / "whole")


def test_scores_of_all_seeds_and_samples_of_one_or_all(tmp_path, capsys):
    run = tmp_path / "run"
    train(run, "images", seeds=2, steps=4, metrics=("svm1k_digits",))
    lines = [json.loads(line) for line in (run / "evaluations.jsonl").read_text().splitlines()]
    assert [line["protocol"]["seed"] for line in lines] == [0, 1, [0, 1]]
    agreement = [line["agreement"] for line in lines[:2]]
    mean, error = np.mean(agreement), np.std(agreement, ddof=1) / 2**0.5
    assert (lines[2]["agreement"], lines[2]["agreement_se"]) == (pytest.approx(mean), pytest.approx(error))
    assert f"agreement {mean:.4g} ± {error:.2g}" in capsys.readouterr().out

    assert list(load_all(run)) == [0, 1]
    sample = ["sample", str(run), "--num", "3", "--out", str(tmp_path / "x.npz")]
    for choice in ([], ["--trained-seed", "1"], ["--trained-seed", "all"]):
        assert main([*sample, *choice]) == 0
        if choice == []:
            first = np.load(tmp_path / "x.npz")["images"]
    np.testing.assert_array_equal(np.load(tmp_path / "x_seed0.npz")["images"], first)
    np.testing.assert_array_equal(np.load(tmp_path / "x_seed1.npz")["images"], np.load(tmp_path / "x.npz")["images"])
    assert main([*sample, "--trained-seed", "2"]) == 1
    assert "was not trained with seed 2, but with 0, 1" in capsys.readouterr().err
    assert main([*sample, "--trained-seed", "x"]) == 1


def test_a_run_does_not_change_its_number_of_seeds(tmp_path):
    train(tmp_path, seeds=2)
    with pytest.raises(JaxganError, match=r"config\.seeds: 2 -> 3"):
        train(tmp_path, seeds=3)
