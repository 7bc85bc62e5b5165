"""The bytes of a member of a zip are those that went in, whoever asks and however many at a time."""

import pickle
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from jaxgan.data.files import open_files
from jaxgan.errors import JaxganError


@pytest.fixture(params=[zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def archive(request, tmp_path):
    """A zip, behind bytes that are not its own as in a self-extracting one, and what is in it by name."""
    rng = np.random.default_rng(0)
    contents = {f"set/{index:03}.png": rng.bytes(rng.integers(1, 20_000)) + bytes(500) for index in range(100)}
    path = tmp_path / "x.zip"
    path.write_bytes(b"#!/bin/sh\n")
    with zipfile.ZipFile(path, "a", compression=request.param) as file:
        for name, data in contents.items():
            file.writestr(zipfile.ZipInfo(name), data, request.param)
    return path, {name.removeprefix("set/"): data for name, data in contents.items()}


def test_threads_read_what_was_written(archive):
    path, contents = archive
    files = open_files(str(path), "set")
    assert files.names == sorted(contents)
    names = np.random.default_rng(1).permutation(files.names * 10).tolist()
    with ThreadPoolExecutor(8) as pool:
        for name, data in zip(names, pool.map(files.read, names), strict=True):
            assert data == contents[name]


def test_another_process_gets_the_same_files(archive):
    path, contents = archive
    files = pickle.loads(pickle.dumps(open_files(str(path), "set")))
    assert {name: files.read(name) for name in files.names} == contents


def test_an_archive_that_was_cut_afterwards_is_noticed(tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.png", bytes(1000))
    files = open_files(str(path), "")
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(EOFError, match="the archive ends"):
        files.read("a.png")
    path.write_bytes(bytes(1200))
    with pytest.raises(zipfile.BadZipFile):
        files.read("a.png")


@pytest.mark.parametrize("name", ["/tmp/x/evil.png", "set//evil.png", "C:/evil.png", "//host/share/evil.png"])
def test_an_image_that_would_be_written_elsewhere_is_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr("set/good.png", b"")
        file.writestr(name, b"")
    split = "set" if name.startswith("set") else ""
    with pytest.raises(JaxganError, match=r"x.zip is no ordinary archive: it names an image .*evil.png'; make it anew"):
        open_files(str(tmp_path / "x.zip"), split)


def test_an_image_above_the_archive_is_passed_over(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        for name in ("good.png", "../evil.png", "a/../../evil.png"):
            file.writestr(name, b"")
    assert open_files(str(tmp_path / "x.zip"), "").names == ["good.png"]
