"""Pictures through a run that makes images of images: reconstructed, cleaned, or brought to another domain."""

from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from jaxgan import plotting
from jaxgan.errors import JaxganError
from jaxgan.pictures import Pictures


def check_form(path: Path, given: Pictures) -> None:
    """Refuses a path that `save` has no form for, so that it can be known before any work.

    Raises:
      JaxganError: a form of image file that is not written, or a folder where two pictures would become one file.
    """
    if path.suffix.lower() in {".gif", *plotting.NOT_WRITTEN}:
        raise JaxganError(f"translations are written as .png or .npz, or into a folder, not as {path.suffix}.")
    if path.suffix.lower() not in (".png", ".npz"):
        for file, count in Counter(_files(given)).items():
            if count > 1:
                raise JaxganError(f"{count} pictures would be written to {file}; write them to a .npz instead.")


def save(path: Path, given: Pictures, made: np.ndarray) -> None:
    """Writes what was made of pictures in the form that the path asks for.

    Args:
      path: `.png` for a sheet, each picture above what was made of it; `.npz` for `images` and `given`, uint8
        [n, h, w, c], and `names`; anything else is a folder of PNG files, named as the pictures were.
      given: the pictures.
      made: float32 [n, h, w, c] in [-1, 1], of each.

    Raises:
      JaxganError: the place cannot be written, or as of `check_form`.
    """
    check_form(path, given)
    pixels = plotting.to_uint8(made)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".png":
            lines = plotting.to_uint8(plotting.above_one_another(given.images, made))
            plotting.save_sheet(path, lines.reshape(-1, *lines.shape[2:]), lines.shape[1])
        elif path.suffix.lower() == ".npz":
            with path.open("wb") as file:
                np.savez(file, images=pixels, given=plotting.to_uint8(given.images), names=np.array(given.names))
        else:
            for name, image in zip(_files(given), pixels, strict=True):
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(plotting.sheet(image[None], 1, gap=0)).save(path / name)
    except OSError as error:
        raise JaxganError(f"cannot write {path}: {error.strerror or error}.") from error


def _files(given: Pictures) -> list[PurePosixPath]:
    return [PurePosixPath(name).with_suffix(".png") for name in given.names]
