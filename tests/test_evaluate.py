"""`jaxgan evaluate`: checkpoints of a run, the best of them, and folders of images that others made."""

import errno
import io
import itertools
import json
import shutil

import numpy as np
import pytest
from features_of_blocks import BLOCKS
from PIL import Image
from small_runs import train
from tqdm import tqdm

from jaxgan import sampling
from jaxgan.cli import main
from jaxgan.errors import JaxganError
from jaxgan.evaluate import compare, evaluate
from jaxgan.evaluation import comparisons
from jaxgan.training import saved
from jaxgan.training.run_directory import RunDirectory, append_line, read_lines

METRICS = ("fid100_train_blocks", "is100_blocks")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of digits with checkpoints at 4, 8, 12, scored at each, of which the best by the distance is kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setitem(comparisons.FEATURES, "blocks", lambda data: BLOCKS)
        workdir = tmp_path_factory.mktemp("runs") / "run"
        train(workdir, "images", evaluate_every=4, metrics=METRICS, keep_best="fid100_train_blocks")
        yield workdir


def test_a_run_scores_itself_as_it_is_scored_afterwards(run):
    during = read_lines(run / "evaluations.jsonl")[:6]
    afterwards = list(evaluate(run, (), "all"))
    assert json.dumps(afterwards) == json.dumps(during)
    assert [(line["step"], line["metric"]) for line in during] == [(s, m) for s in (4, 8, 12) for m in METRICS]
    assert read_lines(run / "evaluations.jsonl")[-6:] == during  # and they are added


def test_the_best_state_is_kept(run):
    fids = {line["step"]: line["fid"] for line in evaluate(run, METRICS[:1], "all")}
    best = min(fids, key=fids.get)
    (line,) = evaluate(run, METRICS[:1], "best")
    assert (line["step"], line["fid"]) == (best, fids[best])
    assert line["protocol"]["best_by"] == METRICS[0]  # picked among others
    assert line["protocol"]["best_of"] == 3  # however often they were scored, or by what else
    assert not {"best_by", "best_of"} & next(evaluate(run, METRICS[:1], best))["protocol"].keys()
    (other,) = evaluate(run, METRICS[1:], "best")
    assert other["protocol"]["best_of"] == 3
    own = next(line for line in read_lines(run / "evaluations.jsonl") if line["metric"] == METRICS[0])
    append_line(run / "evaluations.jsonl", own | {"step": 6})  # of a state that was never a candidate
    (again,) = evaluate(run, METRICS[1:], "best")
    assert again["protocol"]["best_of"] == 3
    assert sampling.load(run, "best").step == best
    np.testing.assert_array_equal(
        sampling.load(run, "best").sample(3).images, sampling.load(run, best).sample(3).images
    )


def test_a_run_that_goes_on_has_the_same_best_state(run, tmp_path):
    """It falls back behind the best state, which it then makes again."""
    copy = shutil.copytree(run, tmp_path / "copy")
    best, images = sampling.load(run, "best").step, sampling.load(run, "best").sample(3).images
    for step in (8, 12):
        shutil.rmtree(copy / "checkpoints" / str(step))
    train(copy, "images", evaluate_every=4, metrics=METRICS, keep_best="fid100_train_blocks")
    again = sampling.load(copy, "best")
    assert again.step == best
    np.testing.assert_array_equal(again.sample(3).images, images)


def test_the_verb_prints_a_table_and_says_where_the_protocols_are(run, capsys):
    assert main(["evaluate", str(run), "--metrics", "fid200_test_blocks", "--checkpoint", "8"]) == 0
    shown = capsys.readouterr()
    head, row, last = shown.out.splitlines()
    assert head.split() == ["step", "metric", "fid"]
    assert row.startswith("8     fid200_test_blocks  ")
    assert last == f"seed 0; with all protocols: {run}/evaluations.jsonl"
    assert "sample" not in shown.err  # no bar where there is no terminal
    protocol = read_lines(run / "evaluations.jsonl")[-1]["protocol"]
    expected = dict(num=200, seed=0, samples_seed=0, truncation=None, precision="float32", matmul_precision="default")
    expected |= dict(average_rampup=0.05, features="blocks", weights_sha256="none", resize="none")
    expected |= dict(reference=["digits test (360)"], shape=[16, 16, 1], labels="the classes in turn")
    assert {key: protocol[key] for key in expected} == expected
    assert len(protocol["reference_sha256"][0]) == 64


def test_a_bar_counts_the_samples_of_all_checkpoints_and_seeds(tmp_path, monkeypatch):
    made, shown = [], io.StringIO()

    def progress(what, total, unit):
        made.append(tqdm(desc=what, total=total, unit=unit, file=shown))
        return made[-1]

    train(tmp_path, seeds=2, data=dict(name="ring"))
    monkeypatch.setattr("jaxgan.evaluate.progress", progress)
    lines = list(evaluate(tmp_path, ["modes2500_ring"], "all"))
    assert [(line["step"], line["protocol"]["seed"]) for line in lines[-3:]] == [(12, 0), (12, 1), (12, [0, 1])]
    (bar,) = made
    assert bar.n == bar.total == 3 * 2 * 2500
    for step, seed in itertools.product((4, 8, 12), (0, 1)):
        assert f"step {step}, seed {seed}: " in shown.getvalue()


def test_a_checkpoint_that_cannot_be_read_any_more_is_left_out_of_all(run, tmp_path, capsys, monkeypatch):
    """Training removes old ones meanwhile."""
    copy = shutil.copytree(run, tmp_path / "copy")
    restore, gone = saved.Saved.restore, [8]

    def without(self, which):
        if which in gone:
            raise JaxganError("it is gone")
        return restore(self, which)

    monkeypatch.setattr(saved.Saved, "restore", without)
    assert main(["evaluate", str(copy), "--checkpoint", "all"]) == 0
    shown = capsys.readouterr()
    assert [line.split()[0] for line in shown.out.splitlines()] == ["step", "4", "4", "12", "12", "seed"]
    assert "step 8 is left out: it is gone\n" in shown.err
    gone.extend([4, 12])
    assert main(["evaluate", str(copy), "--checkpoint", "all"]) == 1
    assert "has no checkpoint that can be read." in capsys.readouterr().err


def test_what_was_scored_before_an_error_is_shown(run, tmp_path, capsys, monkeypatch):
    copy = shutil.copytree(run, tmp_path / "copy")
    added = []

    def full(path, line):
        added.append(line)
        if len(added) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("jaxgan.evaluate.append_line", full)
    assert main(["evaluate", str(copy), "--checkpoint", "all"]) == 1
    shown = capsys.readouterr()
    assert [line.split()[0] for line in shown.out.splitlines()] == ["step", "4", "4", "8", "seed"]
    assert shown.err.endswith(f"error: cannot add scores to {copy}/evaluations.jsonl: No space left on device.\n")


def test_where_scores_cannot_be_added_nothing_is_scored(run, capsys, monkeypatch):
    def closed(path):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("jaxgan.evaluate.check_lines", closed)
    monkeypatch.setattr("jaxgan.evaluate.make_metrics", lambda *_: pytest.fail("references are made"))
    assert main(["evaluate", str(run)]) == 1
    assert f"cannot add scores to {run}/evaluations.jsonl: Permission denied." in capsys.readouterr().err


def test_of_a_damaged_checkpoint_the_copy_among_the_best_is_taken(run, tmp_path, capsys):
    copy = shutil.copytree(run, tmp_path / "copy")
    step = sampling.load(run, "best").step
    for file in (copy / "checkpoints" / str(step)).rglob("*"):
        if file.is_file() and file.stat().st_size > 2000:
            file.write_bytes(file.read_bytes()[:1000])
    images = sampling.load(copy, step).sample(3).images
    told = capsys.readouterr().err
    assert f"taking the copy of step {step} in {copy}/best/{METRICS[0]}: checkpoint {step} cannot be read" in told
    np.testing.assert_array_equal(images, sampling.load(run, step).sample(3).images)


def test_other_samples_of_the_same_state(run):
    """By default those of the run's own seed, 0."""
    (default,), (zero,), (one,) = (evaluate(run, METRICS[:1], 8, seed=seed) for seed in (None, 0, 1))
    assert default == zero
    assert one["protocol"] == zero["protocol"] | {"samples_seed": 1}
    assert one["fid"] != zero["fid"]


def test_a_run_is_scored_while_it_is_trained(run, tmp_path):
    """Its directory is locked then, against a second training only."""
    copy = RunDirectory(shutil.copytree(run, tmp_path / "copy"))
    before = read_lines(copy.evaluations)
    with copy.opened():
        lines = list(evaluate(copy.path, METRICS[:1], 8))
    assert json.dumps(read_lines(copy.evaluations)) == json.dumps([*before, *lines])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--checkpoint", "9"], r"no checkpoint of step 9; it has \[4, 8, 12\]"),
        (["--checkpoint", "first"], "--checkpoint takes a step or one of last, best, all, not 'first'"),
        (["--metrics", "fid5_test_mnsit"], "unknown feature network 'mnsit'. Did you mean 'mnist'"),
        (["--metrics", "fid100_test_blocks, mods"], "unknown metric 'mods'"),
        (["--features", "blocks"], "--features and --image-size are of --against"),
        (["--against", "x", "--checkpoint", "4"], "--checkpoint is of runs, and --against of folders"),
        (["--against", "x", "--seed", "4"], "--seed is of runs, and --against of folders"),
        (["--against", "x"], "is a run directory, not images: draw some first, jaxgan sample"),
        (["--data-dir", "elsewhere"], "come from no folder; leave --data-dir out"),
    ],
)
def test_bad_input_is_a_line(run, capsys, arguments, message):
    lines = len(read_lines(run / "evaluations.jsonl"))
    assert main(["evaluate", str(run), *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") <= 2
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(error)
    assert len(read_lines(run / "evaluations.jsonl")) == lines


def test_a_run_without_a_best_checkpoint_says_how_to_have_one(tmp_path):
    train(tmp_path, steps=4)
    with pytest.raises(JaxganError, match=r"keeps no best checkpoint; train with --config\.keep_best=METRIC"):
        sampling.load(tmp_path, "best")
    with pytest.raises(JaxganError, match="no metrics of its own; name some with --metrics"):
        list(evaluate(tmp_path, ()))


def pictures(folder, images):
    folder.mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number:03d}.png")
    return folder


@pytest.fixture
def folders(run, tmp_path):
    levels = np.random.default_rng(0).integers(0, 256, (30, 6, 6, 3), dtype=np.uint8)
    one = pictures(tmp_path / "one", levels)
    return one, pictures(tmp_path / "shuffled", levels[::-1]), pictures(tmp_path / "dark", levels // 2)


def test_any_two_folders(folders, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    one, shuffled, dark = folders
    same = compare(shuffled, one, ["fid", "pr"], "blocks")
    itself = compare(one, one, ["fid"], "blocks")["fid30_blocks"]
    assert same["fid30_blocks"]["fid"] == itself["fid"] < 1e-6
    assert (same["pr30_blocks"]["precision"], same["pr30_blocks"]["recall"]) == (1, 1)
    assert same["fid30_blocks"]["protocol"]["reference"] == [f"{one} (30)"]
    assert compare(dark, one, ["fid"], "blocks")["fid30_blocks"]["fid"] > 1000
    assert len(list((tmp_path / "cache").rglob("*.npz"))) == 1  # of the real ones

    capsys.readouterr()
    assert main(["evaluate", str(dark), "--against", str(one), "--metrics", "kid,dc", "--features", "blocks"]) == 0
    kid, dc, line = capsys.readouterr().out.splitlines()
    assert kid.startswith("kid30_blocks: kid ")
    assert dc.startswith("dc30_blocks: density ")
    assert json.loads(line)["dc30_blocks"]["coverage"] < 0.2


def test_folders_that_do_not_compare(folders, tmp_path, monkeypatch):
    one, _, dark = folders
    grey = pictures(tmp_path / "grey", np.zeros((5, 6, 6), np.uint8))
    with pytest.raises(JaxganError, match=r"has images of \(6, 6, 1\) and .* of \(6, 6, 3\): .*Convert the grey"):
        compare(grey, one, ["fid"], "blocks")
    large = pictures(tmp_path / "large", np.zeros((5, 8, 6, 3), np.uint8))
    with pytest.raises(JaxganError, match=r"has images of \(8, 6, 3\) .*Fit them to one size with --image-size\.$"):
        compare(large, one, ["fid"], "blocks")
    with pytest.raises(JaxganError, match=r"there is no directory or \.zip at .*nothing\.$"):
        compare(tmp_path / "nothing", one, ["fid"], "blocks")
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(large / "other.png")
    with pytest.raises(JaxganError, match=r"large: images differ in size: .*\n--image-size fits them"):
        compare(large, one, ["fid"], "blocks")
    with pytest.raises(JaxganError, match=r"unknown statistic of two folders 'fdi'\. Did you mean 'fid'"):
        compare(dark, one, ["fdi"], "blocks")
    few = pictures(tmp_path / "few", np.zeros((4, 6, 6, 3), np.uint8))
    monkeypatch.setattr("jaxgan.evaluate.real_features", lambda *_: pytest.fail("features are made"))
    with pytest.raises(JaxganError, match=r"fid of 4 images in .*few, 30 in .*one: .*more than 4 examples, not 4"):
        compare(few, one, ["fid"], "blocks")
