"""Files of weights: read whole or refused in a line, written whole or not at all."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from jaxgan.compilation import cache_folder
from jaxgan.errors import JaxganError
from jaxgan.outputs import unwritable

Named = dict[str, np.ndarray]

PICKLES = (".pth", ".pt")
"""Suffixes of what `torch.save` writes."""


def default_weights_folder() -> Path:
    """Where weights are looked for when no file is named: `jaxgan/weights` in the user's cache folder."""
    return cache_folder() / "weights"


def unreadable(path: Path, what: str, error: Exception) -> JaxganError:
    """What to say of a file that a reader of its format could not read; damaged ones raise all sorts of errors."""
    reason = getattr(error, "strerror", None) or str(error).partition("\n")[0] or type(error).__name__
    return JaxganError(f"cannot read {path} {what}: {reason.rstrip('.')}.")


def check_conversion(verb: str, source: Path, out: Path, readable: Mapping[str, Any] | tuple[str, ...]) -> None:
    """Refuses files that a verb cannot convert, before any is read.

    Args:
      verb: as it is typed.
      source: to read.
      out: to write.
      readable: suffixes of what the verb reads.

    Raises:
      JaxganError: another suffix, no file to read, or both are one file.
    """
    if source.suffix.lower() not in readable:
        raise JaxganError(f"{verb} reads {', '.join(readable)}, not {source.name}.")
    if out.suffix.lower() != ".safetensors":
        raise JaxganError(f"{verb} writes .safetensors, not {out.name}.")
    if not source.is_file():
        raise JaxganError(f"there is no file {source}.")
    if out.resolve() == source.resolve():
        raise JaxganError(f"{out} is the file that is read, and would be written over; give another --out.")


def read_state_dict(path: Path, matters: Callable[[str], bool]) -> Named:
    """The arrays of a state_dict that `torch.save` wrote; none of the file's own code runs.

    Args:
      path: of the file.
      matters: whether the array of a name does, which then must be of floating-point numbers.

    Returns:
      float32 arrays by name, of all names.

    Raises:
      JaxganError: PyTorch is not installed, or the file cannot be read or holds something else.
    """
    try:
        import torch
    except ImportError as error:
        raise JaxganError(f"a {path.suffix.lower()} file is read by PyTorch, this once: pip install torch.") from error
    try:
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of a damaged file, whatever the pickle's instructions come to
        raise unreadable(path, "as weights of PyTorch", error) from error
    dense = isinstance(state, Mapping) and all(
        isinstance(name, str) and isinstance(value, torch.Tensor) and value.layout == torch.strided
        for name, value in state.items()
    )
    if not dense:
        raise JaxganError(f"{path} holds no state_dict; save one with torch.save(model.state_dict(), ...).")
    for name, value in state.items():
        if matters(name) and not value.is_floating_point():
            raise JaxganError(f"{path}: {name} should be of floating-point numbers, and is {value.dtype}.")
    return {name: value.detach().float().numpy() for name, value in state.items()}


def write_safetensors(path: Path, arrays: Named, metadata: Mapping[str, str] | None = None) -> None:
    """Writes arrays as a file that is whole or not there: under another name first; folders are made.

    Raises:
      JaxganError: it cannot be written.
    """
    content = safetensors.numpy.save(arrays, dict(metadata) if metadata else None)
    part = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(content)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
