"""The run directory: whose it is, what is written whole, and what a kill may have left."""

import errno
import fcntl
import json
import re
import subprocess
import threading
from pathlib import Path

import pytest
from small_runs import checkpoint_steps, left_behind, metrics, settings, train

from jaxgan import plotting
from jaxgan.errors import JaxganError
from jaxgan.sampling import load
from jaxgan.training import recorder, run_directory
from jaxgan.training import start as training_start
from jaxgan.training.run_directory import RunDirectory, append_line, read_lines, write_text


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_other_settings_are_refused_with_each_difference(tmp_path):
    train(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(JaxganError) as error:
        train(tmp_path, steps=24, data=dict(num=64))
    first, second = str(error.value).splitlines()
    assert first.endswith("other settings: config.data.num: 32 -> 64; config.steps: 12 -> 24.")
    assert "--allow-changes" in second
    assert contents(tmp_path) == before


def test_another_recipe_is_told_the_command_that_made_the_run(tmp_path):
    train(tmp_path)
    with pytest.raises(JaxganError, match=r"other settings, \d\d of them\. It was made by: a test\nRepeat that"):
        train(tmp_path, "images")


def test_allowed_changes_continue_the_run_and_are_remembered(tmp_path):
    train(tmp_path)
    train(tmp_path, allow_changes=True, steps=24)
    assert [line["step"] for line in metrics(tmp_path)] == [4, 8, 12, 16, 20, 24]
    train(tmp_path, steps=24)
    with pytest.raises(JaxganError, match=r"config.steps: 24 -> 12"):
        train(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [dict(generator=dict(hidden=(5,))), dict(discriminator_optimizer=dict(name="sgd")), dict(data=dict(name="digits"))],
    ids=["network", "optimizer", "data"],
)
def test_changes_that_the_checkpoint_cannot_follow_are_refused_and_nothing_is_lost(tmp_path, changes):
    train(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(JaxganError, match=r"made with other settings: state/.* in it and .* here") as error:
        train(tmp_path, allow_changes=True, **changes)
    assert len(str(error.value).splitlines()) == 2
    assert contents(tmp_path) == before
    assert load(tmp_path).step == 12


@pytest.mark.parametrize(
    ("name", "text"),
    [("config.json", "{"), ("config.json", "[]"), ("run.json", ""), ("run.json", "{}"), ("run.json", '{"data": 3}')],
)
def test_a_damaged_file_is_named(tmp_path, name, text):
    train(tmp_path)
    (tmp_path / name).write_text(text)
    for verb in (train, load):
        with pytest.raises(JaxganError, match=name) as error:
            verb(tmp_path)
        assert len(str(error.value).splitlines()) == 1
    assert checkpoint_steps(tmp_path) == [4, 8, 12]


def test_a_folder_without_a_run_is_no_run_directory(tmp_path):
    with pytest.raises(JaxganError, match=r"is not a run directory: it has no config.json"):
        load(tmp_path)
    with pytest.raises(JaxganError, match="is not a run directory"):
        load(tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JaxganError, match=r"cannot write the run directory .*file/run: Not a directory"):
        train(tmp_path / "file" / "run")


@pytest.fixture
def read_only_disk(tmp_path):
    """A read-only view of `tmp_path / "here"`."""
    here, view = tmp_path / "here", tmp_path / "view"
    here.mkdir()
    view.mkdir()
    mounted = subprocess.run(["mount", "--bind", here, view], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"cannot mount: {mounted.stderr.strip()}")
    subprocess.run(["mount", "-o", "remount,bind,ro", view], check=True)
    yield here, view
    subprocess.run(["umount", "-l", view], check=True)


def test_a_read_only_run_is_sampled_but_not_trained(read_only_disk):
    here, view = read_only_disk
    train(here)
    assert len(load(view).sample(3).images) == 3
    with pytest.raises(JaxganError, match=r"cannot write .*Read-only file system"):
        train(view)


@pytest.mark.parametrize("place", ["metrics.jsonl", "config.json", "networks.txt", "run.json", "samples", "figures"])
def test_a_write_that_fails_is_one_message_and_harms_nothing(tmp_path, monkeypatch, place):
    """Every file that training writes, at a moment when the disk is full."""
    train(tmp_path, steps=4, sample_every=4)

    def full(module, name):
        original = getattr(module, name)

        def write(path, *arguments):
            if place in (path.name, path.parent.name):
                raise OSError(errno.ENOSPC, "No space left on device")
            return original(path, *arguments)

        monkeypatch.setattr(module, name, write)

    full(recorder, "append_line")
    full(run_directory, "write_text")
    full(plotting, "save_scatter")
    full(plotting, "save_curves")
    with pytest.raises(JaxganError, match=r"cannot write .*No space left on device") as error:
        train(tmp_path, allow_changes=True, sample_every=4)
    first, second = str(error.value).splitlines()
    assert first.endswith(": No space left on device.")
    assert re.fullmatch(r"Put that right and run .*; it continues from the checkpoint of step (4|8|12)\.", second)
    monkeypatch.undo()
    train(tmp_path, allow_changes=True, sample_every=4)
    assert [line["step"] for line in metrics(tmp_path)] == [4, 8, 12]
    assert left_behind(tmp_path)["step"] == 12


def test_cut_drops_what_came_after_and_a_line_cut_short(tmp_path):
    run = RunDirectory(tmp_path)
    for step in (2, 4, 6):
        append_line(run.metrics, {"step": step})
        append_line(run.evaluations, {"step": step, "metric": "a"})
    with run.metrics.open("a") as file:
        file.write('{"step": 8, "lo')
    for _ in range(2):
        run.cut(4)
        assert read_lines(run.metrics) == [{"step": 2}, {"step": 4}]
        assert read_lines(run.evaluations) == [{"step": 2, "metric": "a"}, {"step": 4, "metric": "a"}]
    append_line(run.metrics, {"step": 6})
    assert [line["step"] for line in read_lines(run.metrics)] == [2, 4, 6]


def test_a_line_that_is_added_while_the_file_is_cut_is_not_lost(tmp_path, monkeypatch):
    """By `jaxgan evaluate`, while a training begins; without a lock it lands in the file that is replaced."""
    run, original = RunDirectory(tmp_path), run_directory.read_lines
    append_line(run.evaluations, {"step": 2})
    others = []

    def read(path):
        lines = original(path)
        if path == run.evaluations:
            others.append(threading.Thread(target=append_line, args=(path, {"step": 1, "by": "another"})))
            others[0].start()
            others[0].join(0.2)  # without a lock it is done by now
        return lines

    monkeypatch.setattr(run_directory, "read_lines", read)
    run.cut(4)
    others[0].join()
    assert original(run.evaluations) == [{"step": 2}, {"step": 1, "by": "another"}]


def test_lines_of_several_processes_stay_whole(tmp_path):
    """Each far longer than what is written at once."""
    path, text = tmp_path / "evaluations.jsonl", "x" * 50_000
    writers = [
        threading.Thread(target=lambda name=name: [append_line(path, {"step": name, "a": text}) for _ in range(20)])
        for name in range(4)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    lines = read_lines(path)
    assert sorted(line["step"] for line in lines) == sorted([0, 1, 2, 3] * 20)
    assert {line["a"] for line in lines} == {text}


@pytest.mark.parametrize("before", ["", '{"step": 1}\n', '{"step": 1, "a": "' + "x" * 9000 + '"}\n'])
@pytest.mark.parametrize("cut_short", ["", '{"step": 8, "lo', "y" * 4096, "y" * 9000])
def test_a_line_takes_the_place_of_one_that_a_kill_cut_short(tmp_path, before, cut_short):
    """Behind it the two would be one damaged line, for ever."""
    path = tmp_path / "evaluations.jsonl"
    path.write_text(before + cut_short)
    append_line(path, {"step": 9})
    assert path.read_text() == before + '{"step": 9}\n'


def test_a_whole_last_line_that_does_not_end_is_kept(tmp_path):
    """As some editors leave it."""
    path = tmp_path / "evaluations.jsonl"
    path.write_text('{"step": 1}\n{"step": 2, "a": {"b": "' + "x" * 9000 + '"}}')
    assert [line["step"] for line in read_lines(path)] == [1, 2]
    append_line(path, {"step": 3})
    assert [line["step"] for line in read_lines(path)] == [1, 2, 3]


def test_lines_that_lack_something_are_named(tmp_path):
    run = RunDirectory(tmp_path)
    run.evaluations.write_text('{"step": 1, "metric": "a", "protocol": {}}\n{"step": 2}\n')
    with pytest.raises(JaxganError, match=r"is damaged: line 2 is not an object with step, metric, protocol\. Remove"):
        run.scores()


def test_numbers_survive_being_cut(tmp_path):
    run, line = RunDirectory(tmp_path), {"step": 1, "loss": 0.1 + 0.2, "tiny": 5e-324}
    append_line(run.metrics, line)
    before = run.metrics.read_bytes()
    run.cut(1)
    assert run.metrics.read_bytes() == before


def test_a_damaged_line_in_the_middle_is_an_error_that_names_the_file(tmp_path):
    run = RunDirectory(tmp_path)
    run.metrics.write_text('{"step": 1}\n{"st\n{"step": 3}\n')
    with pytest.raises(JaxganError, match=r"metrics.jsonl is damaged"):
        run.cut(3)


def test_a_file_is_replaced_as_a_whole(tmp_path, monkeypatch):
    path = tmp_path / "config.json"
    write_text(path, "old")
    monkeypatch.setattr(type(path), "replace", lambda self, target: 1 / 0)
    with pytest.raises(ZeroDivisionError):  # a kill just before the last moment
        write_text(path, "new")
    assert path.read_text() == "old"
    monkeypatch.undo()
    write_text(path, "new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_each_start_is_a_line_of_the_history(tmp_path):
    train(tmp_path)
    train(tmp_path)
    facts = json.loads((tmp_path / "run.json").read_text())
    assert [(start["step"], start["reason"]) for start in facts["starts"]] == [(12, "finished")] * 2
    assert facts["parameters"] == {"generator": 22, "discriminator": 17}  # 2*4+4 + 4*2+2, 2*4+4 + 4+1
    assert facts["starts"][0]["versions"].keys() >= {"jax", "flax", "optax", "numpy", "jaxgan"}
    assert facts["seed"] == settings("points")["seed"]


def test_a_directory_in_use_is_refused_before_anything_is_read_for_it(tmp_path, monkeypatch):
    monkeypatch.setattr(training_start, "open_source", lambda *_: pytest.fail("data was read"))
    with RunDirectory(tmp_path).opened(), pytest.raises(JaxganError, match="another process is training in"):
        train(tmp_path)


def test_a_run_that_another_process_has_made_meanwhile_is_not_continued_by_other_settings(tmp_path, monkeypatch):
    """While the data of this one were read, which may take minutes."""
    open_source = training_start.open_source

    def slow(*arguments):
        monkeypatch.undo()
        train(tmp_path)
        return open_source(*arguments)

    monkeypatch.setattr(training_start, "open_source", slow)
    with pytest.raises(JaxganError, match=r"holds a run with other settings: config\.batch_size: 4 -> 2"):
        train(tmp_path, batch_size=2)


def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch):
    def none(file, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with pytest.raises(JaxganError, match=r"cannot write the run directory .*: No locks available\."):
        train(tmp_path)


@pytest.mark.parametrize("changes", [dict(batch_size=2), dict(steps=8)], ids=["other settings", "fewer steps"])
def test_where_nothing_is_left_to_train_other_settings_are_refused_although_changes_are_allowed(tmp_path, changes):
    """Or config.json would tell of settings that nothing was trained by."""
    train(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(JaxganError, match=r"other settings: .*\nChoose another .* config.steps to more than 12"):
        train(tmp_path, allow_changes=True, **changes)
    assert contents(tmp_path) == before
    assert train(tmp_path, allow_changes=True).outcome.step == 12


@pytest.mark.parametrize("address", ["gs://bucket/run", "s3://bucket/run"])
def test_an_object_store_is_refused_and_no_folder_of_its_name_is_made(tmp_path, monkeypatch, address):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(JaxganError, match="no object store has them") as error:
        train(Path(address))
    assert len(str(error.value).splitlines()) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_directory_in_use_is_refused(tmp_path):
    refused = pytest.raises(JaxganError, match="another process is training in")
    with RunDirectory(tmp_path).opened(), refused, RunDirectory(tmp_path).opened():
        pass
    with RunDirectory(tmp_path).opened():  # free again
        pass


@pytest.mark.parametrize("line", [b"\xff", b"3", b'{"a": 1}', b'{"step": "a"}'])
def test_a_damaged_line_of_metrics_is_named(tmp_path, line):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\n' + line + b"\n")
    with pytest.raises(JaxganError, match=r"metrics\.jsonl is damaged"):
        read_lines(path)


def test_checkpoints_without_settings_are_not_continued(tmp_path):
    """Else a run of other settings would go on from them without a word."""
    train(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(JaxganError, match=r"has checkpoints but no config\.json"):
        train(tmp_path)
