"""Stopping on a signal without losing work."""

import contextlib
import os
import signal
import sys
from types import FrameType, TracebackType
from typing import Any

INSISTING = (signal.SIGINT, signal.SIGTERM)
"""Signals that ask to stop, and sent again do it at once: Ctrl-C, and what `kill` and preemption send."""

ASKING = (*INSISTING, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""All that ask to stop: besides, a terminal that is closed, and what batch systems send ahead of a time limit."""


class Stop:
    """While active, the first signal of `ASKING` is noted; of those after it `INSISTING` end the process at once.

    Attributes:
      signal: the number of the signal that asked to stop, None as long as there was none.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "Stop":
        self._terminals = [file for file in (1, 2) if os.isatty(file)]
        for number in ASKING:
            if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue  # as nohup says
            self._previous[number] = signal.signal(number, self._note)
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        for other in self._previous:
            # The system's own handler does not wait for a compiled call to return, as one of Python's does. A scheduler
            # that sends one kind after another, and a shell that goes with its terminal, do not insist.
            signal.signal(other, signal.SIG_DFL if other in INSISTING else signal.SIG_IGN)
        if number == signal.SIGHUP:
            for file in self._terminals:  # which are gone: to write there would be an error
                os.dup2(os.open(os.devnull, os.O_WRONLY), file)
        with contextlib.suppress(OSError):  # whoever read our output may be gone; that must not cost the checkpoint
            print(
                "\nstopping after the running call; Ctrl-C or SIGTERM now stops at once, back to the last checkpoint.",
                file=sys.stderr,
            )

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}
