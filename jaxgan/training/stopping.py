"""Stopping on a signal without losing work."""

import contextlib
import signal
import sys
from types import FrameType, TracebackType
from typing import Any


class Stop:
    """While active, the first SIGINT or SIGTERM is noted and the second acts at once.

    Attributes:
      signal: the number of the signal that asked to stop, None as long as there was none.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "Stop":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._note)
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        self._restore()
        with contextlib.suppress(OSError):  # whoever read our output may be gone; that must not cost the checkpoint
            print(
                "\nstopping after the running call; again to stop at once, back to the last checkpoint.",
                file=sys.stderr,
            )

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._restore()
