"""The bytes of a member of a zip are those that went in, whoever asks and however many at a time."""

import contextlib
import os
import pickle
import socket
import stat
import struct
import time
import tracemalloc
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from jaxgan.data import open_source
from jaxgan.data.files import open_files
from jaxgan.data.images import UNREADABLE
from jaxgan.errors import JaxganError


@contextlib.contextmanager
def memory_below(size):
    """Work that takes no more memory at any moment, in bytes."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < size
    finally:
        tracemalloc.stop()


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


HOSTILE = [
    "/tmp/x/evil.png",
    "set//evil.png",
    "C:/evil.png",
    "//host/share/evil.png",
    "../evil.png",
    "set/a/../../../evil.png",
    "a\\..\\evil.png",
    "cat\\evil.png",
    "evil.png\0.txt",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_an_image_that_would_be_written_elsewhere_is_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr("set/good.png", b"")
        member = zipfile.ZipInfo(name)
        member.filename = name  # ZipInfo itself cuts a name at its first NUL
        file.writestr(member, b"")
    split = "set" if name.startswith("set") else ""
    with pytest.raises(
        JaxganError, match=r"x.zip is no ordinary archive: it names an image .*evil.png.*; make it anew"
    ):
        open_files(str(tmp_path / "x.zip"), split)


def written(path, *members, method=zipfile.ZIP_DEFLATED):
    """A zip of members, names or ZipInfo, and their bytes; what zipfile warns of is meant."""
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in members:
            file.writestr(name, data, method)
    return path


def with_sizes(path, packed=None, whole=None, offset=None):
    """Changes what the directory of an archive of one member says of it."""
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\1\2")
    for place, value in ((20, packed), (24, whole), (42, offset)):
        if value is not None:
            struct.pack_into("<I", data, at + place, value)
    path.write_bytes(data)
    return open_files(str(path), "")


class TestArchives:
    """Whatever an archive says of itself, reading it is bounded, and what is wrong has a reason."""

    def test_a_link_is_not_followed(self, tmp_path):
        secret = tmp_path / "secret.png"
        Image.new("L", (4, 4)).save(secret)
        link = zipfile.ZipInfo("link.png")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        files = open_files(str(written(tmp_path / "x.zip", (link, str(secret)))), "")
        with pytest.raises(zipfile.BadZipFile, match="symbolic link"):
            files.read("link.png")

    @pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
    def test_a_bomb_is_inflated_no_further_than_it_says(self, tmp_path, method):
        path = written(tmp_path / "x.zip", ("a.bmp", bytes(2**28)), method=method)
        assert path.stat().st_size < 2**19
        files = with_sizes(path, whole=1000)
        with memory_below(2**22), pytest.raises(zipfile.BadZipFile):
            files.read("a.bmp")

    def test_a_method_whose_memory_has_no_bound_is_not_read(self, tmp_path):
        path = written(tmp_path / "x.zip", ("a.png", bytes(99)), method=zipfile.ZIP_LZMA)
        with pytest.raises(NotImplementedError, match="method 14, not by deflate or bzip2"):
            open_files(str(path), "").read("a.png")

    @pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_a_size_that_no_picture_has_is_refused_unread(self, tmp_path, method):
        files = with_sizes(written(tmp_path / "x.zip", ("a.png", bytes(99)), method=method), whole=2**30)
        with memory_below(2**20), pytest.raises(zipfile.BadZipFile, match="more than 512 MiB"):
            files.read("a.png")

    def test_a_size_beyond_the_archive_is_not_asked_for(self, tmp_path):
        files = with_sizes(written(tmp_path / "x.zip", ("a.png", bytes(99))), packed=2**31)
        with memory_below(2**20), pytest.raises(EOFError):
            files.read("a.png")
        files = with_sizes(written(tmp_path / "x.zip", ("a.png", bytes(99))), offset=2**31)
        with pytest.raises(EOFError):
            files.read("a.png")

    def test_a_header_that_names_another_file_is_noticed(self, tmp_path):
        path = written(tmp_path / "x.zip", ("a.png", bytes(99)))
        path.write_bytes(path.read_bytes().replace(b"a.png", b"b.png", 1))
        with pytest.raises(zipfile.BadZipFile, match="names another file"):
            open_files(str(path), "").read("a.png")

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_two_members_of_one_name_are_refused(self, tmp_path):
        path = written(tmp_path / "x.zip", ("a.png", b"1"), ("a.png", b"2"), ("b.txt", b""), ("b.txt", b""))
        with pytest.raises(JaxganError, match=r"it has 'a\.png' twice"):
            open_files(str(path), "")

    def test_members_within_each_other_are_refused(self, tmp_path):
        path = written(tmp_path / "x.zip", ("a.png", bytes(10)), ("b.png", bytes(10)), method=zipfile.ZIP_STORED)
        data = bytearray(path.read_bytes())
        second = data.index(b"PK\1\2", data.index(b"PK\1\2") + 1)
        struct.pack_into("<I", data, second + 42, 30)  # where the name and bytes of the first one are
        path.write_bytes(data)
        with pytest.raises(JaxganError, match=r"'b\.png' lies within 'a\.png'"):
            open_files(str(path), "")

    def test_names_of_other_encodings_are_read(self, tmp_path):
        path = written(tmp_path / "x.zip", ("caXX.png", b"inside"))
        path.write_bytes(path.read_bytes().replace(b"caXX", b"ca\x82\xff"))
        files = open_files(str(path), "")
        assert files.read(files.names[0]) == b"inside"

    def test_names_that_are_not_the_utf_8_they_say_are_refused(self, tmp_path):
        path = written(tmp_path / "x.zip", ("ca\N{LATIN SMALL LETTER E WITH ACUTE}.png", b""))
        path.write_bytes(path.read_bytes().replace(b"\xc3\xa9", b"\xff\xff"))
        with pytest.raises(JaxganError, match="cannot be read as a zip archive: 'utf-8' codec"):
            open_files(str(path), "")

    def test_damage_anywhere_has_a_reason(self, tmp_path):
        """Bytes are changed at random: the archive is refused, or a member is, or what is read is what was written."""
        members = {f"{name}.png": bytes(range(256)) * 3 for name in "abc"}
        path = tmp_path / "x.zip"
        wholes = [written(path, *members.items(), method=m).read_bytes() for m in (0, 8, 12)]
        rng, outcomes = np.random.default_rng(0), {"refused": 0, "broken": 0, "read": 0}
        for number in range(2000):
            data = bytearray(wholes[number % len(wholes)])
            for place in rng.integers(0, len(data), rng.integers(1, 4)):
                data[place] = rng.integers(256)
            path.write_bytes(data[: rng.integers(len(data)) if number % 10 == 0 else None])
            try:
                files = open_files(str(path), "")
            except JaxganError:
                outcomes["refused"] += 1
                continue
            for name in files.names:
                try:
                    assert files.read(name) == members["a.png"]
                    outcomes["read"] += 1
                except UNREADABLE:
                    outcomes["broken"] += 1
        assert min(outcomes.values()) > 100, outcomes


class TestDirectories:
    """A folder is the user's own: links are followed, but nothing in it stops the listing or holds it up."""

    def test_what_is_no_ordinary_file_is_broken_and_holds_nothing_up(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.png")
        (tmp_path / "zeros.png").symlink_to("/dev/zero")
        (tmp_path / "loop.png").symlink_to("loop.png")
        (tmp_path / "gone.png").symlink_to("nowhere")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(tmp_path / "socket.png"))
            files = open_files(str(tmp_path), "")
            started = time.monotonic()
            for name, reason in {
                "pipe.png": "no ordinary file",
                "zeros.png": "no ordinary file",
                "socket.png": "no ordinary file",
                "loop.png": "symbolic links",
                "gone.png": "No such file",
            }.items():
                with pytest.raises(OSError, match=reason):
                    files.read(name)
            assert time.monotonic() - started < 5
        assert len(files.names) == 5

    def test_a_file_larger_than_any_picture_is_not_read(self, tmp_path):
        with (tmp_path / "a.png").open("wb") as file:
            file.truncate(2**40)
        files = open_files(str(tmp_path), "")
        with memory_below(2**20), pytest.raises(OSError, match="more than 512 MiB"):
            files.read("a.png")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_a_file_that_may_not_be_read_has_a_reason(self, tmp_path):
        (tmp_path / "a.png").touch(0)
        with pytest.raises(PermissionError):
            open_files(str(tmp_path), "").read("a.png")

    def test_folders_linked_from_each_other_are_entered_once(self, tmp_path):
        for name, other in (("a", "b"), ("b", "a")):
            (tmp_path / name).mkdir()
            (tmp_path / name / "1.png").touch()
            (tmp_path / name / "to").symlink_to(tmp_path / other)
        assert open_files(str(tmp_path), "").names == ["a/1.png", "a/to/1.png", "b/1.png", "b/to/1.png"]

    def test_links_out_of_the_folder_are_followed(self, tmp_path):
        (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
        (tmp_path / "elsewhere" / "deep" / "1.png").write_bytes(b"1")
        (tmp_path / "set").mkdir()
        (tmp_path / "set" / "cat").symlink_to(tmp_path / "elsewhere")
        files = open_files(str(tmp_path / "set"), "")
        assert files.names == ["cat/deep/1.png"]
        assert files.read("cat/deep/1.png") == b"1"

    @pytest.mark.parametrize("split", ["..", "../other", "/etc", "train/../../other"])
    def test_a_split_is_inside(self, tmp_path, split):
        for name in ("set", "other"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "1.png").touch()
        with pytest.raises(JaxganError, match="must name a sub-folder of"):
            open_files(str(tmp_path / "set"), split)

    @pytest.mark.parametrize("place", ["~nobody_of_this_name/x", "a" * 5000, "a\0b"])
    def test_a_place_that_cannot_be(self, place):
        with pytest.raises(JaxganError, match="there is no directory"):
            open_files(place, "")

    def test_a_class_folder_that_has_no_name_to_show_is_refused(self, tmp_path):
        for name in (b"caf\xe9", b"red\x1b[31m"):
            folder = os.fsencode(tmp_path / "set") + b"/" + name
            os.makedirs(folder)
            Image.new("L", (4, 4)).save(os.fsdecode(folder + b"/1.png"))
            with pytest.raises(JaxganError, match=r"the class folder '\S+' has a name .*; rename it") as caught:
                open_source({"name": "folder", "data_dir": str(tmp_path / "set")}, 0)
            assert str(caught.value).isprintable()
            (tmp_path / "set").rename(tmp_path / name.hex())

    def test_names_of_broken_files_are_shown_on_one_line(self, tmp_path):
        (tmp_path / "a\n\x1b[2Jb\udce9.png").touch()
        with pytest.raises(JaxganError) as caught:
            open_source({"name": "folder", "data_dir": str(tmp_path)}, 0)
        assert "a\\n\\x1b[2Jb\\udce9.png" in str(caught.value)
        assert str(caught.value).isprintable()
