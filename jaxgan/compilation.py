"""The cache of compiled programs: the second start of a recipe loads what the first one compiled.

It belongs to the machine, not to the run: a program out of the cache computes the very bits of the one that was put in.
"""

import hashlib
import os
import platform
from pathlib import Path

import filelock
import jax

from jaxgan.errors import JaxganError

LIMIT = 2**30
"""Bytes that the programs of one kind of processor may take; the least recently used ones go first."""


def cache_folder() -> Path:
    """`jaxgan` in the user's cache folder, XDG_CACHE_HOME or ~/.cache: what can be made or fetched again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jaxgan"


def default_folder() -> Path:
    """`compiled` in `cache_folder()`."""
    return cache_folder() / "compiled"


def keep_programs(folder: Path) -> None:
    """Keeps every program that is compiled from now on in a folder, for this process and others, also at one time.

    A cache that the user gave JAX itself (JAX_COMPILATION_CACHE_DIR) is left as it is.

    Args:
      folder: made if it is not there; each kind of processor gets a folder of its own inside.

    Raises:
      JaxganError: it cannot be written; nothing is kept.
    """
    if jax.config.values["jax_compilation_cache_dir"]:
        return
    folder = folder.expanduser() / _processor()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / ".lockfile", timeout=10):  # the lock that JAX takes to read and to write
            _drop_unfinished(folder)
    except (OSError, NotImplementedError) as error:  # no right, no room, not a folder; no locks on that file system
        reason = getattr(error, "strerror", None) or error
        raise JaxganError(f"compiled programs are not kept: cannot write {folder}: {reason}.") from error
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_compilation_cache_max_size", LIMIT)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)  # by default what took less than a second is not


def keep_no_programs() -> None:
    """Compiles every program anew, whatever JAX was told before."""
    jax.config.update("jax_enable_compilation_cache", False)


def _drop_unfinished(folder: Path) -> None:
    """Removes entries that a kill cut short. JAX would neither replace them nor, without their time of use, go on."""
    for entry in folder.glob("*-cache"):
        if not entry.with_name(entry.name.removesuffix("-cache") + "-atime").exists():
            entry.unlink()


def _processor() -> str:
    """What tells processors apart that cannot run each other's programs; XLA warns of a foreign one, and runs it.

    A home folder may be shared by many machines.
    """
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else [platform.processor()]
    kinds = {line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))} or set(lines)
    return f"{platform.machine()}-{hashlib.sha256(repr(sorted(kinds)).encode()).hexdigest()[:8]}"
