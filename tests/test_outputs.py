"""Places for results: which are refused, and that asking leaves nothing."""

from pathlib import Path

import pytest

from jaxgan.errors import JaxganError
from jaxgan.outputs import check_output


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder of pictures, an empty folder, and a file that no folder can be made in."""
    monkeypatch.chdir(tmp_path)
    for name in ("photos", "empty", "x.png"):
        (tmp_path / name).mkdir()
    for name in ("photos/a.png", "old.png", "file"):
        (tmp_path / name).write_bytes(b"kept")
    return tmp_path


@pytest.mark.parametrize("name", ["new.png", "new/deeper/x.npz", "new/folder", "empty", "old.png", "empty/x.GIF"])
def test_a_place_that_can_be_written_is_as_it_was(here, name):
    before = sorted(here.rglob("*"))
    check_output(here / name, ["photos/a.png", here / "photos", here / "elsewhere.zip"])
    assert sorted(here.rglob("*")) == before
    assert (here / "old.png").read_bytes() == b"kept"


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("photos", [], "the folder photos holds files, which would be taken for results; give a new one"),
        ("file", [], "cannot write file: Not a directory"),
        ("file/x.png", [], "cannot write file/x.png: Not a directory"),
        ("file/folder", [], "cannot write file/folder: Not a directory"),
        ("x.png", [], "cannot write x.png: Is a directory"),
        ("photos", ["photos"], "photos is what the results are made from, and would be written over"),
        ("photos/../old.png", ["old.png"], "old.png is what the results are made from"),
        ("photos/a.png", ["photos"], "photos/a.png is what the results are made from"),
    ],
)
def test_places_that_are_refused(here, name, given, message):
    before = sorted(here.rglob("*"))
    with pytest.raises(JaxganError, match=message) as refused:
        check_output(Path(name), given)
    assert "\n" not in str(refused.value)
    assert sorted(here.rglob("*")) == before
