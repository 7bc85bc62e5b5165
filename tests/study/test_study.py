"""A study: cells as ordinary runs, each trained once, whatever stops it, and tables that leave nothing out."""

import json
import math
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgan.cli import main
from jaxgan.config import load as load_recipe
from jaxgan.config import names_in, recipe, resolve
from jaxgan.errors import Diverged, JaxganError
from jaxgan.evaluation.metric import Aim
from jaxgan.study import Study, rates
from jaxgan.study import start as study_start
from jaxgan.study.plan import Cell, changed, load, settings, studies_folder
from jaxgan.study.results import budgets, methods, table
from jaxgan.training.recorder import Recorder
from jaxgan.training.run_directory import append_line, read_lines

FILE = """
from jaxgan.config import load
from jaxgan.study import Study, rates

def get_study():
    cells = {}
    for method in ("non_saturating", "wasserstein"):
        for name, factor in {"usual": 1.0, "far too fast": 1e30}.items():
            config = load("ring_gan")
            config.update(batch_size=8, steps_per_call=4, log_every=4, save_every=4, samples=4)
            config.generator.hidden = config.discriminator.hidden = (4,)
            config.objective = dict(name=method)
            config.system.critic_steps = 2 if method == "wasserstein" else 1
            cells[method, name] = rates(config, factor)
    return Study(cells, images=128, seeds=2, metrics=("modes2500_ring",))
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "mine.py"
    path.write_text(FILE)
    return path


@pytest.fixture(scope="module")
def finished(file, drawn):
    """The study as the command line carries it out, undisturbed."""
    assert main(["study", str(file), "--workdir", str(file.parent / "whole")]) == 0
    return file.parent / "whole"


def lines_of(directory):
    return [json.loads(line) for line in (directory / "results.jsonl").read_text().splitlines()]


def without_clock(directory):
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines_of(directory)]


def test_every_cell_is_an_ordinary_run_on_as_many_images(finished):
    lines = lines_of(finished)
    steps = {(line["method"], line["setting"]): line["step"] for line in lines}
    assert steps == {
        ("non_saturating", "usual"): 16,
        ("non_saturating", "far too fast"): 16,
        ("wasserstein", "usual"): 8,  # with two batches for its critic
        ("wasserstein", "far too fast"): 8,
    }
    run = finished / "cells" / "wasserstein" / "usual"
    assert json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["images_seen"] == 128
    scores = [json.loads(line) for line in (run / "evaluations.jsonl").read_text().splitlines()]
    (line,) = (line for line in lines if (line["method"], line["setting"]) == ("wasserstein", "usual"))
    of_seeds = [score["high_quality"] for score in scores if score["protocol"]["seed"] in (0, 1)]
    assert line["scores"]["modes2500_ring"]["figures"]["high_quality"] == of_seeds
    assert line["scores"]["modes2500_ring"]["protocol"]["seed"] == [0, 1]
    assert main(["sample", str(run), "--num", "3", "--out", str(finished / "some.npz")]) == 0


def test_a_cell_that_diverged_is_told_and_ranks_behind_all(finished):
    gone = [line for line in lines_of(finished) if line["setting"] == "far too fast"]
    assert [line["scores"] for line in gone] == [{}, {}]
    assert all("diverged" in line["diverged"] and "was not finite" in line["diverged"] for line in gone)
    report = (finished / "report.md").read_text()
    assert report.count("| usual |") == report.count("| 1 of 2 |") == 2


def test_the_report_and_its_picture_are_there(finished, capsys):
    report = (finished / "report.md").read_text()
    assert "4 cells of 2 seeds, on 128 images a seed" in report
    assert "modes2500_ring: modes, higher is better" in report
    assert np.asarray(Image.open(finished / "modes2500_ring.png")).std() > 10


def test_a_study_that_was_stopped_goes_on_and_trains_nothing_twice(file, finished, monkeypatch, capsys):
    workdir = file.parent / "stopped"
    command = ["study", str(file), "--workdir", str(workdir)]
    log = Recorder.log

    def stopped_in_the_third_cell(self, step, means):
        log(self, step, means)
        if step == 4 and len(read_lines(workdir / "results.jsonl")) == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "log", stopped_in_the_third_cell)
        assert main(command) == 128 + signal.SIGTERM
    assert len(lines_of(workdir)) == 2
    assert (workdir / "report.md").read_text().startswith("2 of 4 cells so far, of 2 seeds, on 128 images a seed.")
    with (workdir / "results.jsonl").open("a") as results:
        results.write('{"method": "wass')  # as a kill leaves it
    assert main(command) == 0
    assert without_clock(workdir) == without_clock(finished)
    starts = [json.loads(run.read_text())["starts"] for run in sorted(workdir.glob("cells/*/*/run.json"))]
    assert sorted(map(len, starts)) == [1, 1, 1, 2]

    capsys.readouterr()
    assert main(command) == 0  # nothing is left but to report
    assert "cell" not in capsys.readouterr().out.partition("4 cells")[0]


def test_a_study_of_other_settings_is_another_study(file, finished, capsys):
    command = ["study", str(file), "--workdir", str(finished)]
    assert main([*command, "--images", "256"]) == 1
    told = capsys.readouterr().err
    assert "config.steps: 16 -> 32" in told
    assert "or give the settings that it was made with." in told  # --allow-changes is train's
    fewer = finished.parent / "fewer.py"
    fewer.write_text(FILE.replace('("non_saturating", "wasserstein")', '("non_saturating",)'))
    assert main(["study", str(fewer), "--workdir", str(finished)]) == 1
    assert "has results of wasserstein, far too fast; wasserstein, usual" in capsys.readouterr().err


def test_results_whose_runs_are_gone_are_not_taken_for_others(file, finished, tmp_path, capsys):
    (tmp_path / "results.jsonl").write_bytes((finished / "results.jsonl").read_bytes())
    command = ["study", str(file), "--workdir", str(tmp_path)]
    assert main(command) == 0
    assert (tmp_path / "report.md").read_text() == (finished / "report.md").read_text()
    for change in (["--seeds", "3"], ["--images", "256"]):
        assert main([*command, *change]) == 1
        assert (
            "has a result of cell non_saturating, usual with other steps, seeds or metrics" in capsys.readouterr().err
        )


def test_what_others_scored_is_no_result_of_a_cell(file, finished, tmp_path, capsys):
    """A study that was killed between the end of a cell and its result; somebody has scored the cell since."""
    workdir = Path(shutil.copytree(finished, tmp_path / "copy"))
    results, evaluations = workdir / "results.jsonl", workdir / "cells" / "wasserstein" / "usual" / "evaluations.jsonl"
    before, scores = without_clock(workdir), read_lines(evaluations)
    lines = [line for line in lines_of(workdir) if (line["method"], line["setting"]) != ("wasserstein", "usual")]
    results.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for line in scores:
        append_line(evaluations, line | {"metric": "another"})
        append_line(evaluations, line | {"modes": 99.0})
    command = ["study", str(file), "--workdir", str(workdir)]
    assert main(command) == 0
    assert sorted(without_clock(workdir), key=str) == sorted(before, key=str)

    results.write_text("".join(json.dumps(line) + "\n" for line in lines))
    evaluations.write_text(json.dumps(scores[0]) + "\n")
    assert main(command) == 1
    told = capsys.readouterr().err
    assert "cell wasserstein, usual has no score by modes2500_ring of seed 1 at step 8 in its evaluations.jsonl" in told
    assert len(lines_of(workdir)) == 3


@pytest.mark.parametrize("lost", ["method", "scores", "modes"])
def test_results_that_were_edited_are_refused(file, finished, tmp_path, capsys, lost):
    lines = lines_of(finished)
    line = next(line for line in lines if not line["diverged"])
    place = line if lost in line else line["scores"]["modes2500_ring"]["figures"]
    del place[lost]
    (tmp_path / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert main(["study", str(file), "--workdir", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert ("is damaged" if lost in ("method", "scores") else "with other steps, seeds or metrics") in told


def test_a_place_that_cannot_be_written_is_named(file, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["study", str(file), "--workdir", str(tmp_path / "file")]) == 1
    assert f"{tmp_path}/file" in capsys.readouterr().err


def test_a_signal_after_the_last_call_of_a_cell_stops_the_study(file, finished, tmp_path, monkeypatch):
    evaluate, command = Recorder.evaluate, ["study", str(file), "--workdir", str(tmp_path)]

    def signalled(self, step, state):
        os.kill(os.getpid(), signal.SIGTERM)
        return evaluate(self, step, state)

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "evaluate", signalled)
        assert main(command) == 128 + signal.SIGTERM
    assert without_clock(tmp_path) == without_clock(finished)[:1]  # the cell was finished all the same


def test_a_state_that_is_not_finite_at_the_very_end_is_a_cell_that_diverged(file, tmp_path, monkeypatch):
    """The metrics of a step are of the state before it: the last update shows when it is drawn, scored or saved."""

    def broken(self, step, state):
        raise Diverged("training diverged: what the generator makes is not finite.")

    monkeypatch.setattr(Recorder, "draw", broken)
    assert main(["study", str(file), "--workdir", str(tmp_path)]) == 0
    assert [line["diverged"][:17] for line in lines_of(tmp_path)] == ["training diverged"] * 4
    assert "diverged (diverged to diverged) | none |" in (tmp_path / "report.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config.steps=5"], "--config.steps: the study settles it for all of its cells; give --images."),
        (["--config.seeds=5"], "the study settles it for all of its cells; give --seeds."),
        (["--images", "7"], "cell non_saturating, usual: a step takes 8 images, and the study gives 7."),
        (["--seeds", "0"], "--seeds is 0, but must be at least 1."),
        (["--metrics", "modes2500_rong"], "Did you mean 'modes2500_ring'?"),
        (["--metrics", "modes2500_grid"], "cell non_saturating, usual: the metric modes2500_grid scores runs on"),
        (["--config.generator.width=3"], "cell non_saturating, usual: "),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_trained(file, tmp_path, capsys, arguments, message):
    assert main(["study", str(file), "--workdir", str(tmp_path / "study"), *arguments]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "study").exists()


def test_a_file_that_returns_something_else_is_refused(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def get_study():\n    return {}\n")
    with pytest.raises(JaxganError, match=r"returns dict, not a jaxgan\.study\.Study"):
        load(str(path))
    with pytest.raises(JaxganError, match=r"unknown study 'digit'\. Did you mean 'digits'"):
        load("digit")


def test_a_remainder_of_images_does_not_break_the_calls_into_pieces(file):
    cells = settings(changed(load(str(file)), 150, None, None), [])  # 18 and 9 steps, a line every 4
    assert [cell["steps"] for cell in cells.values()] == [16, 16, 8, 8]
    assert next(iter(settings(changed(load(str(file)), 24, None, None), []).values()))["steps"] == 3  # less than a line


@pytest.mark.parametrize("name", ["ab", ("a",), ("a", "b", "c"), ("..", "b")])
def test_a_cell_is_named_by_a_method_and_a_setting(name):
    study = Study({name: load_recipe("ring_gan")}, images=6400, seeds=1, metrics=("modes2500_ring",))
    with pytest.raises(JaxganError, match="cells are named by a method and a setting"):
        settings(study, [])


def test_cells_whose_scores_do_not_compare_are_refused(tmp_path, capsys):
    """Of rings of two sizes, say: under one name these are two protocols."""
    file = tmp_path / "rings.py"
    radius = 'config.data.radius = 1.0 if method == "wasserstein" else 2.0'
    file.write_text(FILE.replace("config.objective =", f"{radius}; config.objective ="))
    assert main(["study", str(file), "--workdir", str(tmp_path / "study")]) == 1
    told = capsys.readouterr().err
    assert "cell wasserstein, usual: modes2500_ring of the cells before it does not compare with its own: " in told
    assert "on a circle of radius 2.0, sigma 0.01' -> '8 Gaussians" in told
    assert not (tmp_path / "study" / "cells").exists()


def test_cells_of_one_folder_are_refused(tmp_path):
    recipe = load_recipe("ring_gan")
    study = Study({("a", "x/y"): recipe, ("a", "x:y"): recipe}, images=6400, seeds=1, metrics=("modes2500_ring",))
    with pytest.raises(JaxganError, match="names that make the same folder"):
        study_start.carry_out(settings(study, []), tmp_path, "a test")


def line(method, setting, scores, seconds=60.0):
    gone = scores is None
    figures = {} if gone else {"m": {"figures": {"f": scores}}}
    return {
        "method": method,
        "setting": setting,
        "diverged": "gone" if gone else None,
        "scores": figures,
        "seconds": seconds,
    }


LINES = [
    line("good", "slow", [3.0, 4.0, 5.0]),
    line("wild", "slow", [1.0, 9.0, 9.0]),
    line("good", "fast", [6.0, 6.0, 6.0], 120.0),
    line("wild", "fast", None),
]


def test_a_table_by_hand():
    """Good: under `slow` whoever picks. Wild: what it has under `slow`, and half of its scores are none."""
    rows = table(methods(LINES, "m", Aim("f", lower=True), 3), Aim("f", lower=True)).splitlines()
    assert rows[2] == "| good | 4 (3.5 to 4.5) | 5.5 (4.25 to 6) | slow | 4 (3.5 to 4.5) | 0 of 2 | 3.0 |"
    assert rows[3] == "| wild | 9 (5 to 9) | diverged (9 to diverged) | slow | 9 (5 to 9) | 1 of 2 | 2.0 |"


def test_a_score_that_is_none_ranks_behind_all():
    lines = [line("a", "slow", [math.nan, 4.0]), line("a", "fast", [6.0, 6.0])]
    (method,) = methods(lines, "m", Aim("f", lower=True), 2)
    assert method.scores.tolist() == [[math.inf, 4.0], [6.0, 6.0]]


def test_where_more_is_better_the_order_is_the_other():
    aim = Aim("f", lower=False)
    rows = table(methods(LINES, "m", aim, 3), aim).splitlines()
    # Good is best with `fast`. Quartiles run from the better one to the worse.
    assert rows[2].startswith("| wild | 9 (9 to 5) ")
    assert rows[3] == "| good | 6 (6 to 6) | 5.5 (6 to 4.25) | fast | 6 (6 to 6) | 0 of 2 | 3.0 |"


def test_one_seed_cannot_be_tuned_fairly():
    lines = [line("a", "slow", [3.0]), line("a", "fast", [2.0])]
    rows = table(methods(lines, "m", Aim("f", lower=True), 1), Aim("f", lower=True)).splitlines()
    assert rows[2] == "| a | one seed | 2.5 (2.25 to 2.75) | fast | 2 (2 to 2) | 0 of 2 | 2.0 |"


def test_the_price_of_a_good_setting():
    good, wild = methods(LINES, "m", Aim("f", lower=True), 3)
    assert budgets(good, Aim("f", lower=True)) == [5.0, 4.0]
    assert budgets(wild, Aim("f", lower=True)) == [math.inf, 9.0]
    assert budgets(good, Aim("f")) == [5.0, 6.0]


def test_rates_of_all_players_and_schedules_are_scaled():
    slow = rates(load_recipe("mnist_r3gan"), 0.5)
    assert slow.generator_optimizer.learning_rate == ("cosine", 2.5e-4, 5e-5)
    slow = rates(load_recipe("mnist_nsgan"), 0.5)
    assert (slow.generator_optimizer.learning_rate, slow.discriminator_optimizer.learning_rate) == (2.5e-4, 2.5e-4)
    assert load_recipe("mnist_nsgan").generator_optimizer.learning_rate == 5e-4
    with pytest.raises(JaxganError, match=r"config\.generator_optimizer leaves its learning rate to the default"):
        rates(recipe(generator_optimizer=dict(name="adam")), 0.5)


@pytest.mark.parametrize("name", names_in(studies_folder()))
def test_the_studies_that_come_with_it_are_of_equal_cost(name):
    study = load(name)
    for cell, resolved in settings(study, []).items():
        images = resolved["batch_size"] * resolved["system"]["critic_steps"]
        assert resolved["steps"] * images == study.images, cell
        assert resolve(resolved) == resolved
    few = settings(changed(study, 6400, 2, ["classes10k_mnist"]), ["batch_size=32"])
    nsgan = few[Cell("nsgan", "rates")]
    assert (nsgan["steps"], nsgan["seeds"], nsgan["metrics"]) == (200, 2, ("classes10k_mnist",))
