"""The cache of compiled programs: what it changes is the time of the second start, and nothing else."""

from pathlib import Path

import pytest
from small_runs import left_behind, start, write_recipe

from jaxgan import compilation


def finish(process):
    """Waits for a run; returns what it said on stderr."""
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return errors


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    return write_recipe(tmp_path_factory.mktemp("recipe") / "points.py", "points")


@pytest.fixture(scope="module")
def shared(tmp_path_factory, recipe):
    """A folder of programs that two processes filled at one time, and what each of them left behind and said."""
    folder = tmp_path_factory.mktemp("shared")
    arguments = ("--config", recipe, "--compilation-cache", folder / "compiled", "--workdir")
    processes = [start(*arguments, folder / name) for name in ("a", "b")]
    errors = [finish(process) for process in processes]
    return folder / "compiled", [left_behind(folder / name) for name in ("a", "b")], errors


def entries(folder):
    """Name -> when it was written, of every kept program."""
    return {path.name.split("-")[0]: path.stat().st_mtime_ns for path in folder.glob("*/*-cache")}


def test_two_processes_fill_it_at_one_time(shared):
    folder, runs, errors = shared
    assert errors == ["", ""]
    assert runs[0] == runs[1]
    assert entries(folder).keys() == {"jit_init", "jit_call", "jit_draw"}


def test_a_program_out_of_it_computes_the_bits_of_a_compiled_one(shared, recipe, tmp_path):
    folder, runs, _ = shared
    before = entries(folder)
    errors = finish(start("--config", recipe, "--compilation-cache", folder, "--workdir", tmp_path / "loaded"))
    assert (entries(folder), errors) == (before, "")
    finish(start("--config", recipe, "--compilation-cache", "off", "--workdir", tmp_path / "compiled"))
    assert left_behind(tmp_path / "loaded") == left_behind(tmp_path / "compiled") == runs[0]


def test_the_seed_is_no_part_of_a_program(shared, recipe, tmp_path):
    folder, runs, _ = shared
    before = entries(folder)
    finish(start("--config", recipe, "--config.seed=7", "--compilation-cache", folder, "--workdir", tmp_path))
    assert entries(folder) == before
    assert left_behind(tmp_path)["state"] != runs[0]["state"]


def test_an_entry_that_a_kill_cut_short_is_compiled_again(shared, recipe, tmp_path):
    """JAX writes the program first, and when it was used last thereafter."""
    folder, runs, _ = shared
    (entry,) = folder.glob("*/jit_call-*-cache")
    whole = entry.stat().st_size
    entry.write_bytes(entry.read_bytes()[:1000])
    Path(str(entry).removesuffix("-cache") + "-atime").unlink()
    assert finish(start("--config", recipe, "--compilation-cache", folder, "--workdir", tmp_path)) == ""
    assert left_behind(tmp_path) == runs[0]
    assert entry.stat().st_size > 0.9 * whole


def test_a_folder_that_cannot_be_written_costs_a_line(recipe, tmp_path):
    (tmp_path / "file").touch()
    errors = finish(start("--config", recipe, "--compilation-cache", tmp_path / "file", "--workdir", tmp_path / "run"))
    (line,) = errors.splitlines()
    assert line.startswith(f"compiled programs are not kept: cannot write {tmp_path}/file/")
    assert line.endswith("Not a directory.")


def test_the_users_cache_folder(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert compilation.default_folder() == Path("/x/jaxgan/compiled")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert compilation.default_folder() == Path.home() / ".cache" / "jaxgan" / "compiled"
