"""Ctrl-C and SIGTERM: the first one asks for a stop after the runs in flight, the second one stops at once."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
EXIT_CODE = 130


class Interrupt:
    """A context in which signals set `requested` instead of ending the process; called, it tells `requested`.

    Attributes
    ----------
    requested : bool
        Whether a stop has been asked for.
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[signal.Signals, Any] = {}

    def __call__(self) -> bool:
        return self.requested

    def __enter__(self) -> Interrupt:
        # Python lets only the main thread have signal handlers; elsewhere signals keep their meaning.
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            # Every finished row is in the table or the journal: nothing can be lost.
            os._exit(EXIT_CODE)
        self.requested = True
        with contextlib.suppress(OSError, ValueError):
            # Not print: the handler may run in the middle of another write to the same stream.
            os.write(sys.stderr.fileno(), b"\ninterrupted: finishing the runs in flight (again: stop at once)\n")
