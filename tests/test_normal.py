"""The runs of `docs/normal.md`: what they differ in, what is read from them, and that a figure comes of them."""

import json
import re
from pathlib import Path

import normal
import numpy as np
import pytest
from PIL import Image

from jaxgan import plotting
from jaxgan.config import differences
from jaxgan.training.run_directory import read_lines

pytestmark = pytest.mark.usefixtures("drawn")

PAGE = " ".join((Path(normal.__file__).parent / "normal.md").read_text().split())


@pytest.mark.parametrize("name", normal.RUNS)
def test_a_run_differs_in_what_it_says_and_the_page_says_it(name):
    changed = [line.partition(":")[0] for line in differences(normal.settings("healthy"), normal.settings(name))]
    names = [change.partition("=")[0] for change in normal.RUNS[name]]
    stated = [f"config.{one.removesuffix('.name')}" for one in names]  # another thing has other options
    assert [one for one in changed if not any(one.startswith(which) for which in stated)] == []
    assert bool(changed) is (name != "healthy")
    assert [change for change in normal.RUNS[name] if change not in PAGE] == []


def test_the_page_shows_every_figure_and_every_figure_known_runs():
    assert sorted(re.findall(r"images/normal_(\w+)\.png", PAGE)) == sorted(normal.FIGURES)
    shown = [row.run for rows in normal.FIGURES.values() for row in rows]
    assert sorted(shown) == sorted(normal.RUNS)


def test_ranges_are_of_the_second_half_and_of_what_is_drawn():
    lines = [{"step": 10 * i, "seconds": i, "fake_logit": (-2.0) ** i, "generator_loss": 5.0 - i} for i in range(4)]
    assert normal.ranges(lines) == {"generator_loss": (2.0, 3.0), "fake_logit": (-8.0, 4.0)}
    steps, values = normal.curves(lines, "logit")["fake_logit"]
    assert steps.tolist() == [0, 10, 20, 30]
    assert values.tolist() == [1, -2, 4, -8]
    assert normal.ranges([]) == {}


def test_a_figure_comes_of_a_run_that_the_same_command_continues(tmp_path, capsys):
    command = ["--toy", "--only", "healthy", "--out", str(tmp_path)]
    normal.main(command)
    lines = read_lines(tmp_path / "runs" / "healthy" / "metrics.jsonl")
    assert [line["step"] for line in lines] == [2, 4]
    assert f"generator_loss {lines[1]['generator_loss']:.4g} to" in capsys.readouterr().out
    with Image.open(tmp_path / "normal_healthy.png") as figure:
        assert figure.width > figure.height
    normal.main(command)
    assert "already trained to step 4" in capsys.readouterr().out
    assert read_lines(tmp_path / "runs" / "healthy" / "metrics.jsonl") == lines


def test_a_figure_that_does_not_exist_is_refused_with_those_that_do(tmp_path, capsys):
    with pytest.raises(SystemExit):
        normal.main(["--only", "healty", "--out", str(tmp_path)])
    assert "unknown figures healty; there are healthy, collapse" in capsys.readouterr().err


def test_variety_is_the_variance_that_the_alarm_looks_at(tmp_path):
    rng = np.random.default_rng(0)
    real, few = (rng.integers(0, 256, (100, 16, 16, 1), dtype=np.uint8) for _ in range(2))
    few[:] = few[:1] // 2 + real // 4
    plotting.save_sheet(tmp_path / "real.png", real, 10)
    plotting.save_sheet(tmp_path / "0000100.png", few, 10)
    share = np.var(few, axis=0).sum() / np.var(real, axis=0).sum()
    assert normal.variety(tmp_path) == {100: pytest.approx(share)}


def test_alarms_are_printed_when_they_begin_and_when_they_end(tmp_path, capsys):
    (tmp_path / "samples").mkdir()
    plotting.save_sheet(tmp_path / "samples" / "real.png", np.zeros((4, 16, 16, 1), np.uint8), 2)
    noted = [{"step": 5, "alarm": "saturated", "message": "sure"}, {"step": 9, "alarm": "saturated", "message": None}]
    (tmp_path / "alarms.jsonl").write_text("".join(json.dumps(line) + "\n" for line in noted))
    normal.tell("a run", normal.RunDirectory(tmp_path))
    assert capsys.readouterr().out.splitlines()[1:] == [
        "a run: step 5: saturated: sure",
        "a run: step 9: saturated: over",
    ]
