"""Pictures through a run that makes images of images: reconstructed, cleaned, or brought to another domain."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from jaxgan import plotting
from jaxgan.errors import JaxganError
from jaxgan.levels import to_uint8
from jaxgan.outputs import FILES, check_output, unwritable
from jaxgan.pictures import Pictures


def check_form(path: Path, given: Sequence[str | Path] = ()) -> None:
    """Refuses a path that `save` has no form for or cannot write, so that it can be known before pictures are read.

    Args:
      path: as of `save`.
      given: where the pictures are, which are not to be written over.

    Raises:
      JaxganError: a form of image file that is not written, or as of `check_output`.
    """
    if path.suffix.lower() in {".gif", *plotting.NOT_WRITTEN}:
        raise JaxganError(f"translations are written as .png or .npz, or into a folder, not as {path.suffix}.")
    check_output(path, given)


def check_names(path: Path, names: Sequence[str]) -> None:
    """Refuses names of pictures of which a folder would not keep all, so that it can be known before the work.

    Raises:
      JaxganError: two of them would become one file.
    """
    if path.suffix.lower() not in FILES:
        for file, count in Counter(_files(names)).items():
            if count > 1:
                raise JaxganError(f"{count} pictures would be written to {file}; write them to a .npz instead.")


def save(path: Path, given: Pictures, made: np.ndarray) -> None:
    """Writes what was made of pictures in the form that the path asks for.

    Args:
      path: `.png` for a sheet, each picture above what was made of it; `.npz` for `images` and `given`, uint8
        [n, h, w, c], and `names`; anything else is a new folder of PNG files, named as the pictures were.
      given: the pictures.
      made: float32 [n, h, w, c] in [-1, 1], of each.

    Raises:
      JaxganError: the place cannot be written, or as of `check_form` and `check_names`.
    """
    check_form(path)
    check_names(path, given.names)
    pixels = to_uint8(made)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".png":
            lines = plotting.above_one_another(given.images, pixels)
            plotting.save_sheet(path, lines.reshape(-1, *lines.shape[2:]), lines.shape[1])
        elif path.suffix.lower() == ".npz":
            with path.open("wb") as file:
                np.savez(file, images=pixels, given=given.images, names=np.array(given.names))
        else:
            for name, image in zip(_files(given.names), pixels, strict=True):
                plotting.save_image(path / name, image)
    except OSError as error:
        raise unwritable(path, error) from error


def _files(names: Sequence[str]) -> list[PurePosixPath]:
    return [PurePosixPath(name).with_suffix(".png") for name in names]
