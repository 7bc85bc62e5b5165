"""Where results go: refused before the work if they could not be written there, or would take the place of others."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

from jaxgan.errors import JaxganError

FILES = frozenset((".png", ".gif", ".npz"))
"""Suffixes of files; a path with any other is a folder."""


def check_output(path: Path, given: Iterable[str | Path] = ()) -> None:
    """Refuses a place that results should not or cannot be written to; it leaves nothing there.

    Args:
      path: a file, if it ends in one of `FILES`, which is written over if it is there; or a folder, new or empty.
      given: files that the results are made from, and folders of such files.

    Raises:
      JaxganError: it is among what is given, is a folder that holds something, or cannot be written.
    """
    own = path.resolve()
    if own.exists() and any(Path(source).expanduser().resolve() in (own, *own.parents) for source in given):
        raise JaxganError(f"{path} is what the results are made from, and would be written over; give another --out.")
    try:
        is_file = path.suffix.lower() in FILES
        if not is_file and path.is_dir() and any(path.iterdir()):
            raise JaxganError(f"the folder {path} holds files, which would be taken for results; give a new one.")
        if is_file and path.exists():
            path.open("ab").close()
        else:
            with tempfile.TemporaryFile(dir=next(place for place in (path, *path.parents) if place.exists())):
                pass
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> JaxganError:
    """What to say of a place that could not be written."""
    return JaxganError(f"cannot write {path}: {error.strerror or error}.")
