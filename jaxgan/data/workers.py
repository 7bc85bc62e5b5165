"""Processes that do the same work for many threads of this one, of which Python runs only one at a time.

A worker is an interpreter of its own that answers requests on its standard input. It ends when that closes, so also
when this process is killed; it takes no part in Ctrl-C; and it does not import JAX.
"""

import contextlib
import os
import pickle
import queue
import subprocess
import sys
import weakref
from collections.abc import Callable
from typing import IO, Any, Generic, TypeVar, cast

from jaxgan.errors import JaxganError

Request = TypeVar("Request")
Answer = TypeVar("Answer")

_START = "from jaxgan.data.workers import serve; serve()"


class Workers(Generic[Request, Answer]):
    """A function whose calls run in other processes: as many at a time as there are threads that call it."""

    def __init__(self, work: Callable[[Request], Answer]) -> None:
        """Starts nothing yet.

        Args:
          work: a function, or an object, that can be pickled; its arguments and results too.
        """
        self._work = work
        self._idle: queue.SimpleQueue[subprocess.Popen[bytes]] = queue.SimpleQueue()
        self._workers: list[subprocess.Popen[bytes]] = []
        weakref.finalize(self, _end, self._workers)

    def __call__(self, request: Request) -> Answer:
        """What `work(request)` gives.

        Raises:
          JaxganError: `work` raised one, or the process ended.
        """
        worker = self._take()
        try:
            _send(request, worker.stdin)
            worked, answer = pickle.load(cast(IO[bytes], worker.stdout))
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            raise JaxganError(f"a process that reads the data ended, with exit code {worker.wait()}.") from error
        self._idle.put(worker)
        if not worked:
            raise JaxganError(answer)
        return answer

    def _take(self) -> subprocess.Popen[bytes]:
        with contextlib.suppress(queue.Empty):
            return self._idle.get_nowait()
        worker = subprocess.Popen(
            [sys.executable, "-c", _START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            start_new_session=True,  # Ctrl-C on a terminal reaches the session in front only
        )
        self._workers.append(worker)
        _send(self._work, worker.stdin)
        return worker


def serve() -> None:
    """What a worker does, until nobody asks any more."""
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # nothing that prints may get between the answers
    with contextlib.suppress(EOFError, BrokenPipeError):
        work = pickle.load(requests)
        while True:
            request = pickle.load(requests)
            try:
                answer = (True, work(request))
            except JaxganError as error:
                answer = (False, str(error))
            _send(answer, answers)
    os._exit(0)  # without a last word to a pipe that is closed


def _send(message: Any, stream: IO[bytes] | None) -> None:
    assert stream is not None
    pickle.dump(message, stream, protocol=pickle.HIGHEST_PROTOCOL)
    stream.flush()


def _end(workers: list[subprocess.Popen[bytes]]) -> None:
    for worker in workers:
        worker.kill()  # it holds nothing that could be lost
        with contextlib.suppress(OSError), worker:  # closes the pipes and waits
            pass
