"""Pictures of the user's own, read as the data of a trained run were read."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxgan.data import images
from jaxgan.data.files import open_files
from jaxgan.errors import JaxganError
from jaxgan.sampling import Trained


class Pictures(NamedTuple):
    """What was read.

    Attributes:
      names: of the files, below the directory or `.zip` if they came from one.
      images: uint8 [n, h, w, c].
    """

    names: list[str]
    images: np.ndarray

    @property
    def scaled(self) -> np.ndarray:
        """The images as networks take them, float32 in [-1, 1]."""
        return self.images.astype(np.float32) / 127.5 - 1


def read_pictures(place: str | Path, trained: Trained, most: int | None = None) -> Pictures:
    """Reads pictures as the run's own data were read, fitted to its size by the same policy.

    Args:
      place: an image file, or a directory or `.zip` of them at any depth, which are sorted by path.
      trained: the run that they are for.
      most: of several, how many from the first on, at least 1; all by default.

    Raises:
      JaxganError: a run of points, nothing there, an unreadable file, or one of another size where the run's data had
        to be exact.
    """
    shape, path = trained.spec.shape, Path(place).expanduser()
    if len(shape) != 3:
        raise JaxganError("this run is one of points, and takes no pictures.")
    if most is not None and most < 1:
        raise JaxganError(f"cannot take {most} pictures; ask for at least 1.")
    if not path.exists():
        raise JaxganError(f"there is no picture, directory or .zip at {path}.")
    resize = trained.config["data"].get("resize", "exact")
    if path.is_dir() or path.suffix.lower() == ".zip":
        files = open_files(str(path), split="")
        names = list(files.names[:most])
        return Pictures(names, np.stack([_decoded(name, files.read, shape, resize) for name in names]))
    return Pictures([path.name], _decoded(str(path), lambda name: path.read_bytes(), shape, resize)[None])


def _decoded(name: str, read: Callable[[str], bytes], shape: images.Shape, resize: images.Resize) -> np.ndarray:
    try:
        data = read(name)
        size = images.probe(data).size
        if resize == "exact" and size != shape[:2]:
            raise JaxganError(
                f"{name} is {size[0]}x{size[1]}, but this run takes {shape[0]}x{shape[1]} and, by its "
                "config.data.resize=exact, nothing else."
            )
        return images.decode(data, shape, resize)
    except images.UNREADABLE as error:
        raise JaxganError(f"{name} cannot be read: {images.reason(error)}.") from error
