"""Several hosts that train one run: how they find each other, what they agree on, and that none waits for a dead one.

Each host runs the same command and the same loop. One of them, the primary, writes the plain files of the run and takes
the decisions that depend on them; all write their parts of a checkpoint, into one directory that they share.
"""

import contextlib
import os
import re
import secrets
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils

from jaxgan.devices import Devices
from jaxgan.errors import JaxganError

START_TIMEOUT = 300
"""Seconds that hosts wait for each other when they start."""

LAST = 2
"""Seconds by which process 0 leaves after the others: when it is gone JAX ends them, in the middle of a sentence."""

SEEN_WITHIN = 10
"""Seconds after which what one host wrote is seen by all, where they share a file system."""

GO_ON = "Start all of them again with the same command; it continues from the last checkpoint."


class Gone(JaxganError):
    """Another host ended, or cannot be reached."""


def join(coordinator: str | None = None, count: int | None = None, index: int | None = None) -> None:
    """Connects this process with those of the other hosts, before JAX has been asked for devices.

    Args:
      coordinator: HOST:PORT at which process 0 can be reached; by default it, and the two numbers, are those of Slurm,
        Open MPI, Kubernetes or a TPU pod, as `jax.distributed` finds them.
      count: number of processes.
      index: of this one, from 0.

    Raises:
      JaxganError: the others are not found.
    """
    given = (coordinator, count, index)
    if any(value is None for value in given) and any(value is not None for value in given):
        raise JaxganError("--coordinator-address, --num-processes and --process-id belong together; give all or none.")
    # Its handler of SIGTERM would take the place of our own, and of the system's, which ends what does not train yet.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(coordinator, count, index, initialization_timeout=START_TIMEOUT)
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0][:200]
        raise JaxganError(
            f"--distributed: the processes did not find each other ({reason}).\nOutside of Slurm, MPI, Kubernetes and "
            "TPU pods give --coordinator-address HOST:PORT --num-processes N --process-id I to each."
        ) from error


def meet() -> None:
    """Waits until all hosts are there, before any of them begins what takes long, if this process was to `join` some.

    Raises:
      JaxganError: there are none. Training alone instead would be another run.
    """
    if jax.distributed.is_initialized() and not several():
        raise JaxganError(
            "--distributed: this is the only process. Start one on each host, or leave --distributed out to train on "
            "this one alone."
        )
    wait_for_all()  # Gloo gives them 30 s, and no more, to come to the first thing that they do together


def several() -> bool:
    """Whether there are other hosts."""
    return jax.process_count() > 1


def primary() -> bool:
    """Whether this process writes the plain files of the run."""
    return jax.process_index() == 0


@contextlib.contextmanager
def all_or_none(otherwise: str = "stopped; its output says why") -> Iterator[None]:
    """What every host has to get through before any goes on; where one cannot, none does.

    Args:
      otherwise: what the others say of one that could not.

    Raises:
      JaxganError: another host could not.
    """
    try:
        yield
    except Exception:  # whatever it is, the others are told, and it goes on up
        _gathered(True)
        raise
    failed = [index for index, flag in enumerate(_gathered(False)) if flag]
    if failed:
        raise JaxganError(f"host {failed[0]} of {jax.process_count()} {otherwise}.")


def wait_for_all() -> None:
    """Returns once every host has come here."""
    _gathered(True)


def check_shared(folder: Path) -> None:
    """Makes sure that all hosts see one folder, and not each a folder of its own by that name.

    Args:
      folder: in which the primary may write.

    Raises:
      JaxganError: they do not.
    """
    if not several():
        return
    number = multihost_utils.broadcast_one_to_all(np.array(secrets.randbits(31), np.int32))  # the primary's
    token = folder / f".seen_by_all_{number}"
    try:
        with all_or_none():
            if primary():
                token.touch()
        with all_or_none("does not see the same --workdir; its output says more"):
            _find(token)
    finally:
        if primary():
            token.unlink(missing_ok=True)


def _find(file: Path) -> None:
    """Waits for a file to be seen here: a network file system may show it seconds after it was written."""
    until = time.monotonic() + SEEN_WITHIN
    while not (file.parent.is_dir() and file.name in os.listdir(file.parent)):  # which asks anew, as `exists` may not
        if time.monotonic() > until:
            raise JaxganError(
                f"{file.parent} is not the directory that host 0 writes to: --distributed needs one that all share.\n"
                "Put --workdir on a file system that every host mounts; each may name it by its own path."
            )
        time.sleep(0.1)


def agreed(flags: Sequence[bool]) -> list[bool]:
    """What the primary says, on every host."""
    if not several():
        return list(flags)
    return [bool(flag) for flag in multihost_utils.broadcast_one_to_all(np.array(flags, np.int32))]


def _gathered(flag: bool) -> list[bool]:
    if not several():
        return [flag]
    return [bool(one) for one in np.ravel(multihost_utils.process_allgather(np.array(flag, np.int32)))]


class Heard:
    """The signal that any host has been sent, which all of them hear of at the same step, one call later.

    Nothing waits for it: the question is put to the devices behind the call that is running, and read behind the next.

    Args:
      devices: of the run.
    """

    def __init__(self, devices: Devices):
        self._devices = devices
        self._highest = jax.jit(jnp.max, out_shardings=devices.everywhere)
        self._asked: jax.Array | None = None

    def __call__(self, own: int | None) -> int | None:
        """The signal, if there is one.

        Args:
          own: number of the signal that this host has been sent, if any.
        """
        if not several():
            return own
        count = self._devices.rows(self._devices.count)
        mine = np.full(count.stop - count.start, own or 0, np.int32)
        before, self._asked = self._asked, self._highest(self._devices.join(mine, 0))
        return None if before is None else int(before.addressable_data(0)) or None


@contextlib.contextmanager
def noticing() -> Iterator[None]:
    """Tells of another host that has gone, whatever this one was waiting for.

    Raises:
      Gone: instead of what the lost connection raised.
    """
    try:
        yield
    except (jax.errors.JaxRuntimeError, ValueError) as error:
        if not _of_a_connection(error):
            raise
        reason = str(error).splitlines()[0][:200]
        raise Gone(f"the connection to another host is gone ({reason}).\n{GO_ON}") from error


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Around all that hosts do together: as `noticing`, and where it fails on all the primary is the last to go.

    Raises:
      Gone: as `noticing`.
    """
    try:
        with noticing():
            yield
    except BaseException:
        if several() and primary():
            time.sleep(LAST)
        raise


def _of_a_connection(error: Exception) -> bool:
    """Whether others that are gone may be behind it: of what JAX itself raises, anything but a lack of memory."""
    if isinstance(error, ValueError):  # as which it hands on what fails while a call is being put to the devices
        return several() and re.match(r"[A-Z_]+: Gloo .* failed", str(error)) is not None
    return several() and "RESOURCE_EXHAUSTED" not in str(error)


def leave(code: int | None) -> None:
    """Ends this process at once, if it is connected with others, who notice by that.

    An orderly end would wait for all of them first, while they wait for this one.

    Args:
      code: to exit with; None if an exception is being handled whose traceback has not been shown.
    """
    if not jax.distributed.is_initialized():
        return
    if code is None:
        traceback.print_exc()
    with contextlib.suppress(OSError):  # whoever read it may be gone too
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(1 if code is None else code)
