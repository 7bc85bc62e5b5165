"""Checkpoints: what is kept, what damage is noticed, and what a full disk costs."""

import os
import re
import shutil
import subprocess
import time
from collections import namedtuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_runs import DAMAGE_NOISE, left_behind, train

from jaxgan import cli
from jaxgan.errors import JaxganError
from jaxgan.training.checkpoints import Checkpoints, OtherStructureError, _settle

pytestmark = DAMAGE_NOISE


def noise(step):
    return np.random.default_rng(step).normal(size=1000).astype(np.float32)  # does not compress: most of the bytes


def tree(step):
    return {"state": {"w": jnp.asarray(noise(step)), "step": jnp.int32(step)}}


def saved(directory, *steps, keep=9):
    """Checkpoints that hold their own step."""
    checkpoints = Checkpoints(directory, keep)
    for step in steps:
        checkpoints.save(step, tree(step))
    checkpoints.wait()
    checkpoints.close()


def restored(directory, abstract=None):
    """The newest whole checkpoint and what was said on the way to it."""
    said, checkpoints = [], Checkpoints(directory)
    found = checkpoints.restore_newest(abstract or tree(0), said.append)
    checkpoints.close()
    return found, said


def value(found):
    step, trees = found
    assert trees["state"]["step"] == step
    np.testing.assert_array_equal(trees["state"]["w"], noise(step))
    return step


def test_what_is_saved_is_restored(tmp_path):
    saved(tmp_path, 5)
    found, said = restored(tmp_path)
    assert value(found) == 5
    assert found[1]["state"]["w"].dtype == np.float32
    assert said == []


def test_a_save_copies_what_the_next_step_overwrites(tmp_path):
    overwrite = jax.jit(jnp.zeros_like, donate_argnums=0, keep_unused=True)
    state = tree(5)["state"]
    place = state["w"].unsafe_buffer_pointer()
    checkpoints = Checkpoints(tmp_path, 1)
    checkpoints.save(5, {"state": state})
    after = overwrite(state["w"])
    assert after.unsafe_buffer_pointer() == place
    checkpoints.close()
    assert value(restored(tmp_path)[0]) == 5


def test_a_part_can_be_restored_without_the_rest(tmp_path):
    checkpoints = Checkpoints(tmp_path, 1)
    checkpoints.save(1, tree(1) | {"tally": {"sums": jnp.zeros(3)}})
    checkpoints.close()
    assert value(restored(tmp_path)[0]) == 1


def test_the_newest_are_kept(tmp_path):
    saved(tmp_path, 2, 4, 6, 8, 10, keep=3)
    assert sorted(int(path.name) for path in tmp_path.iterdir()) == [6, 8, 10]


def test_what_a_kill_left_of_one_that_was_being_removed_goes(tmp_path):
    saved(tmp_path, 2, 4, 6, 8)
    shutil.rmtree(tmp_path / "2" / "state")  # as far as the removal came
    checkpoints = Checkpoints(tmp_path, 3)
    checkpoints.thin()
    checkpoints.close()
    assert sorted(int(path.name) for path in tmp_path.iterdir()) == [4, 6, 8]
    Checkpoints(tmp_path).thin()  # opened to be read
    assert value(restored(tmp_path)[0]) == 8


def test_an_empty_folder_has_none(tmp_path):
    assert restored(tmp_path) == (None, [])


def on_data_files(damage):
    """Damages every file of OCDBT's data: which of them holds an array, or holds it twice, is its own affair."""

    def damage_all(folder):
        paths = [path for path in folder.rglob("d/*") if path.is_file()]
        assert paths
        for path in paths:
            damage(path)

    return damage_all


def flip_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


truncate = on_data_files(lambda path: os.truncate(path, path.stat().st_size // 2))
empty = on_data_files(lambda path: os.truncate(path, 0))
flip = on_data_files(flip_bit)


def in_table(folder, text, other):
    path = folder / "contents" / "metadata"
    assert text in path.read_text()
    path.write_text(path.read_text().replace(text, other))


def remove(pattern):
    def damage(folder):
        for path in list(folder.rglob(pattern)):
            path.unlink()

    return damage


DAMAGES = {
    "truncated": truncate,
    "emptied": empty,
    "bit_flipped": flip,
    "no_metadata": remove("_METADATA"),
    "no_checkpoint_metadata": remove("_CHECKPOINT_METADATA"),
    "no_commit": remove("commit_success.txt"),
    "no_top_commit": lambda folder: (folder / "commit_success.txt").unlink(),
    "no_digest": lambda folder: shutil.rmtree(folder / "contents"),
    "a_flipped_layout": lambda folder: in_table(folder, "float32 (1000,)", "float32 (1001,)"),
    "a_flipped_name": lambda folder: in_table(folder, '"w"', '"v"'),
    "another_table_of_contents": lambda folder: (folder / "contents" / "metadata").write_text('{"state": {}}'),
    "no_state": lambda folder: shutil.rmtree(folder / "state"),
    "no_manifest": remove("manifest.ocdbt"),
    "an_empty_folder": lambda folder: (shutil.rmtree(folder), folder.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_newest_checkpoint_is_stepped_over_and_written_anew(tmp_path, damage):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    saved(folder, 2, 4, 6)
    damage(folder / "6")
    found, said = restored(folder)
    assert value(found) in (4, 6)  # what is not needed to read it may be missing
    if value(found) == 4:
        assert len(said) == 1
        assert said[0].startswith("checkpoint 6 ")
        assert len(said[0].splitlines()) == 1
    checkpoints = Checkpoints(folder, 9)
    step, _ = checkpoints.restore_newest(tree(0), print)
    checkpoints.set_aside(after=step)
    if step == 4:
        checkpoints.save(6, tree(6))
    checkpoints.save(8, tree(8))
    checkpoints.close()
    assert value(restored(folder)[0]) == 8
    shutil.rmtree(folder / "8")
    assert value(restored(folder)[0]) == 6


def test_when_all_are_damaged_nothing_is_restored_and_nothing_removed(tmp_path):
    saved(tmp_path, 2, 4)
    truncate(tmp_path / "2")
    flip(tmp_path / "4")
    with pytest.raises(JaxganError, match=r"none of the checkpoints in .* can be restored"):
        restored(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "4"]


@pytest.mark.parametrize("step", [5, 6])
def test_what_a_kill_left_of_a_save_does_not_block_the_next_and_goes(tmp_path, step):
    """Of the step that is saved next, or of one that never comes again; who only reads leaves it alone."""
    saved(tmp_path, 2, 4)
    unfinished = tmp_path / f"{step}.orbax-checkpoint-tmp"
    shutil.copytree(tmp_path / "4", unfinished)
    assert value(restored(tmp_path)[0]) == 4
    assert unfinished.is_dir()
    saved(tmp_path, 6)
    assert value(restored(tmp_path)[0]) == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "4", "6"]


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("w", {"state": {"w": jnp.zeros(7), "step": jnp.int32(0)}}),
        ("w", {"state": {"w": jnp.zeros(1000, jnp.int32), "step": jnp.int32(0)}}),
        ("v", {"state": {"v": jnp.zeros(1000), "step": jnp.int32(0)}}),
        ("step", {"state": {"w": jnp.zeros(1000)}}),
    ],
    ids=["shape", "dtype", "name", "missing"],
)
def test_a_state_of_another_structure_is_refused(tmp_path, path, other):
    saved(tmp_path, 2)
    with pytest.raises(OtherStructureError, match=f"state/{path} is .* in it and .* here") as error:
        restored(tmp_path, other)
    assert len(str(error.value).splitlines()) == 2


def test_a_full_disk_is_noticed_before_writing(tmp_path, monkeypatch):
    saved(tmp_path, 2, 4)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 10, 1000))
    with pytest.raises(JaxganError, match=r"disk is full: 0\.0 MiB free, 2 MiB needed") as error:
        saved(tmp_path, 6)
    message = str(error.value).splitlines()
    assert len(message) == 2
    assert "the checkpoint of step 4 is intact" in message[1]
    monkeypatch.undo()
    assert value(restored(tmp_path)[0]) == 4
    saved(tmp_path, 6)
    assert value(restored(tmp_path)[0]) == 6


def test_a_directory_that_vanishes_while_a_checkpoint_is_written_is_gone_although_parts_of_it_are_made_anew(
    tmp_path, monkeypatch
):
    folder, away = tmp_path / "checkpoints", tmp_path / "away"
    folder.mkdir()
    checkpoints = Checkpoints(folder, 9)
    for step in (2, 4):
        checkpoints.save(step, tree(step))
    checkpoints.wait()
    monkeypatch.setattr(checkpoints._manager, "wait_until_finished", lambda: folder.rename(away) and fail(folder))

    def fail(folder):
        (folder / "4.orbax-checkpoint-tmp").mkdir(parents=True)
        raise ValueError("NOT_FOUND")

    with pytest.raises(JaxganError, match=r"could not save a checkpoint: .*checkpoints is gone\.\nBring it back"):
        checkpoints.wait()
    monkeypatch.undo()
    checkpoints.close()


def test_a_directory_that_has_vanished_is_not_made_anew(tmp_path):
    folder, away = tmp_path / "checkpoints", tmp_path / "away"
    folder.mkdir()
    saved(folder, 2)
    checkpoints = Checkpoints(folder, 9)
    folder.rename(away)
    with pytest.raises(JaxganError, match=r"could not save a checkpoint: .*checkpoints is gone\.\nBring it back"):
        checkpoints.save(4, tree(4))
    checkpoints.close()
    assert not folder.exists()
    away.rename(folder)
    saved(folder, 4)
    assert value(restored(folder)[0]) == 4


def test_what_is_saved_is_on_disk_before_anything_older_is_removed(tmp_path, monkeypatch):
    """Every file and every name of a checkpoint, once it has been waited for, and at the latest by the next save."""
    written, original = set(), os.fsync

    def fsync(file):
        written.add(os.readlink(f"/proc/self/fd/{file}"))
        original(file)

    monkeypatch.setattr(os, "fsync", fsync)
    checkpoints = Checkpoints(tmp_path, 2)
    for step in (2, 4):
        checkpoints.save(step, tree(step))
    assert {str(path) for path in (tmp_path / "2").rglob("*")} | {str(tmp_path / "2"), str(tmp_path)} <= written
    checkpoints.wait()
    assert {str(path) for path in (tmp_path / "4").rglob("*")} <= written
    checkpoints.close()


def test_a_slow_disk_holds_the_next_save_up_so_that_writes_do_not_pile_up(tmp_path, monkeypatch):
    original = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: time.sleep(0.02) or original(file))
    checkpoints, steps = Checkpoints(tmp_path, 9), [2, 4, 6, 8]
    for number, step in enumerate(steps):
        checkpoints.save(step, tree(step))
        whole = {int(path.name) for path in tmp_path.iterdir() if path.name.isdecimal()}
        assert whole >= set(steps[:number])  # at most this one is still written
    checkpoints.close()


@pytest.mark.parametrize("slow", [0.1, 60.0])
def test_who_waits_for_a_slow_disk_is_told(tmp_path, monkeypatch, slow):
    original, said = _settle, []
    monkeypatch.setattr("jaxgan.training.checkpoints.SLOW", slow)
    monkeypatch.setattr("jaxgan.training.checkpoints._settle", lambda folder: time.sleep(0.6) or original(folder))
    checkpoints = Checkpoints(tmp_path, 9)
    checkpoints.save(2, tree(2), said.append)
    assert said == []  # there was none before
    checkpoints.save(4, tree(4), said.append)
    assert [re.sub(r"\d+ s", "n s", line) for line in said] == (
        ["the disk is slow: training waited n s for the checkpoint of step 2."] if slow < 1 else []
    )
    checkpoints.wait(said.append)
    checkpoints.wait(said.append)  # nothing is left to wait for
    assert [re.search(r"step (\d+)", line)[1] for line in said] == (["2", "4"] if slow < 1 else [])
    checkpoints.close()


def test_training_tells_of_a_slow_disk(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("jaxgan.training.checkpoints.SLOW", 0.0)
    train(tmp_path, steps=12, save_every=4)
    said = re.findall(r"^the disk is slow: .* step (\d+)\.$", capsys.readouterr().out, re.MULTILINE)
    assert said == ["4", "8"]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 3 MiB."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "none", tmp_path], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a small file system: {mounted.stderr.strip()}")
    yield tmp_path
    subprocess.run(["umount", "-l", tmp_path], check=True)


@pytest.mark.parametrize(
    ("room", "free", "message"),
    [
        (700, None, "error: could not save a checkpoint: the disk is full: 0."),
        (12, 2**40, "error: cannot write to "),  # a line of metrics or a sheet
    ],
    ids=["a_checkpoint", "a_sheet"],
)
def test_a_full_disk_ends_the_run_in_two_lines_and_the_same_command_goes_on(
    small_disk, tmp_path_factory, monkeypatch, capsys, room, free, message
):
    every = dict(sample_every=4)
    workdir, elsewhere, filler = small_disk / "run", tmp_path_factory.mktemp("elsewhere"), small_disk / "filler"
    train(workdir, steps=4, **every)
    with filler.open("wb") as file:
        file.write(bytes(shutil.disk_usage(small_disk).free - room * 1024))
    if free:
        usage = namedtuple("usage", "total used free")
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(free, 0, free))
    monkeypatch.setitem(cli.VERBS, "train", lambda *_: train(workdir, allow_changes=True, **every))
    capsys.readouterr()
    assert cli.main(["train"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(message), said
    assert len(said.splitlines()) <= 2
    filler.unlink()
    monkeypatch.undo()
    train(workdir, allow_changes=True, **every)
    train(elsewhere / "run", **every)
    assert left_behind(workdir) == left_behind(elsewhere / "run")


def test_a_disk_that_fills_up_while_a_checkpoint_is_written(small_disk, monkeypatch):
    saved(small_disk, 2, 4)
    (small_disk / "filler").write_bytes(bytes(shutil.disk_usage(small_disk).free - 2**19))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: namedtuple("usage", "free")(2**40))  # as it was a moment ago
    big = jax.random.normal(jax.random.key(0), (2**18,))
    checkpoints = Checkpoints(small_disk, 9)

    def save():
        checkpoints.save(6, {"state": {"w": big, "step": jnp.int32(6)}})
        checkpoints.wait()

    with pytest.raises(JaxganError, match="could not save a checkpoint") as error:
        save()
    checkpoints.close()
    assert len(str(error.value).splitlines()) == 2
    assert "the checkpoint of step 4 is intact" in str(error.value)
    (small_disk / "filler").unlink()
    assert value(restored(small_disk)[0]) == 4
    saved(small_disk, 6)
    assert value(restored(small_disk)[0]) == 6


def test_training_goes_on_from_the_checkpoint_before_a_damaged_one(tmp_path, capsys):
    train(tmp_path / "run")
    whole = left_behind(tmp_path / "run")
    flip(tmp_path / "run" / "checkpoints" / "12" / "state")
    capsys.readouterr()
    train(tmp_path / "run")
    said = capsys.readouterr().out
    assert "checkpoint 12 is damaged" in said or "checkpoint 12 cannot be read" in said
    assert "continuing at step 8" in said
    assert left_behind(tmp_path / "run") == whole
    assert (tmp_path / "run" / "damaged_checkpoints" / "12").is_dir()
