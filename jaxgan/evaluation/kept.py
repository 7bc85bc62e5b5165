"""Arrays that take long to make, kept in the user's cache folder under a name that says all that they depend on."""

import hashlib
import os
import sys
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

Arrays = Mapping[str, np.ndarray]


def fingerprint(arrays: Arrays) -> str:
    """SHA-256 of arrays by name: of names, types, shapes and bytes, whatever their order in the mapping."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        total.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        total.update(array.data)
    return total.hexdigest()


def kept_or_made(path: Path, what: str, make: Callable[[], Arrays]) -> Arrays:
    """The arrays in a file, or, where there is none, those that are made now, which it then holds.

    The user is told that they are made, and of a file that is not what was written, which is replaced, and of a folder
    that cannot be written.

    Args:
      path: ends in .npz; its folder is made if it is not there.
      what: they are, for messages: "the classifier of mnist".
      make: makes them.
    """
    arrays = _read(path, what) if os.path.exists(path) else None  # of a folder that is closed to us, `Path` raises
    if arrays is None:
        _tell(f"making {what}, which is kept for the next time ...")
        arrays = make()
        try:
            _write(path, arrays)
        except OSError as error:
            _tell(f"{what} is not kept: cannot write {path}: {error.strerror or error}.")
    return arrays


def _read(path: Path, what: str) -> Arrays | None:
    """The arrays in a file, or None if it is not what `_write` wrote."""
    try:
        # Opened here: given a path, NumPy leaves a damaged file open.
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = dict(file)
        if str(arrays.pop("sha256")) == fingerprint(arrays):
            return arrays
        reason = "its hash is not the one written with it"
    except Exception as error:  # whatever zipfile and NumPy make of damaged bytes
        reason = f"{type(error).__name__}: {error}"
    _tell(f"{path} is damaged ({reason}); {what} is made anew.")
    return None


def _write(path: Path, arrays: Arrays) -> None:
    """Writes a file that is whole or not there: under another name first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.stem}-{uuid.uuid4().hex}.tmp")
    with temporary.open("xb") as file:  # with the user's usual rights, which a file of `tempfile` has not
        try:
            np.savez(file, sha256=np.array(fingerprint(arrays)), **arrays)  # type: ignore[arg-type]
            file.close()
            temporary.replace(path)
        except BaseException:
            temporary.unlink()
            raise


def _tell(message: str) -> None:
    print(message, file=sys.stderr)
