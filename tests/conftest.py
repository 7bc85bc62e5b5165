"""What all tests share: strict settings, and the real data sets where there are any."""

import atexit
import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

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
import pytest

# The older way to emit a fusion compiles in half the time; later releases have the newer one only.
if jax.__version_info__ < (0, 11):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_use_fusion_emitters=false"

gc.set_threshold(100_000)  # tracing makes many objects, of which few are garbage

jax.config.update("jax_numpy_rank_promotion", "raise")  # a [b, 1] that meets a [b] is a mistake


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


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Ctrl-C acts as at a prompt, also where the tests run in the background of a shell, which ignores it there."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
