"""What all tests share: strict settings, and the real data sets where there are any."""

import atexit
import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Tolerances and equal bits are those of a CPU; and programs that run once need not be optimised to the end.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
# Most of the time goes into compiling, much of it into equal programs: every process of the tests keeps them in one
# folder. The first process makes it; those it starts find it in their environment.
if not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="compiled-")
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"

import jax
import numpy as np
import pytest
from matplotlib.figure import Figure

# The older way to emit a fusion compiles in half the time; later releases have the newer one only.
if jax.__version_info__ < (0, 11):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_use_fusion_emitters=false"

gc.set_threshold(100_000)  # tracing makes many objects, of which few are garbage

jax.config.update("jax_numpy_rank_promotion", "raise")  # a [b, 1] that meets a [b] is a mistake


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: tests wait for processes that they start, and for the disk."""
    return len(os.sched_getaffinity(0)) + 1


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets, which a user's machine does not have."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("JAXGAN_TEST_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set JAXGAN_TEST_DATA")
    return folder


@pytest.fixture(scope="module")
def optimised() -> Iterator[None]:
    """Programs are compiled as a user's are: for the tests of a module whose programs run for many steps."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


_savefig = Figure.savefig


def _write_numbers(figure: Figure, path: str | Path, **options: Any) -> None:
    """Writes what a figure shows as numbers, so that equal files are equal figures: text takes long to draw."""
    shown = [artist.get_xydata() for axes in figure.axes for artist in axes.lines]
    shown += [artist.get_offsets() for axes in figure.axes for artist in axes.collections]
    Path(path).write_bytes(b"".join(np.ascontiguousarray(array, np.float64).tobytes() for array in shown))


@pytest.fixture(scope="session", autouse=True)
def _sketched() -> Iterator[None]:
    """Figures are not drawn: half the time of a small run would go into them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", _write_numbers)
        yield


@pytest.fixture(scope="module")
def drawn() -> Iterator[None]:
    """Figures are drawn: for the tests of a module that look at them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", _savefig)
        yield


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Ctrl-C acts as at a prompt, also where the tests run in the background of a shell, which ignores it there."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
