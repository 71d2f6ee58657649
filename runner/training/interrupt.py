"""Ctrl-C and SIGTERM: the first one asks for a stop after the runs in flight, the second one stops at once.

On the command line the second one ends the process. A process that has called `runner.run` is somebody else's, with
variables and handlers of its own: there the second one is a KeyboardInterrupt.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
EXIT_CODE = 130


class Interrupt:
    """A context in which signals set `requested` instead of ending the process; called, it tells `requested`.

    Parameters
    ----------
    own_process : bool
        Whether the process has nothing else to do, so that the second signal may end it.

    Attributes
    ----------
    requested : bool
        Whether a stop has been asked for.
    at_exit : callable
        Called before the process is ended.
    """

    def __init__(self, own_process: bool = False) -> None:
        self.requested = False
        self.at_exit: Callable[[], None] = lambda: None
        self._own_process = own_process
        self._before: dict[signal.Signals, Any] = {}

    def __call__(self) -> bool:
        return self.requested

    def __enter__(self) -> Interrupt:
        # Python lets only the main thread have signal handlers; elsewhere signals keep their meaning.
        if threading.current_thread() is not threading.main_thread():
            return self
        for number in _SIGNALS:
            # None is a handler of the program that Python is a part of, which could not be put back.
            if (before := signal.getsignal(number)) is not None:
                with contextlib.suppress(ValueError):  # an interpreter that is not the main one
                    signal.signal(number, self._handle)
                    self._before[number] = before
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            # Every finished row is in the table or the journal: nothing can be lost.
            if self._own_process:
                self.at_exit()
                os._exit(EXIT_CODE)
            raise KeyboardInterrupt
        self.requested = True
        with contextlib.suppress(OSError, ValueError):
            # Not print: the handler may run in the middle of another write to the same stream.
            os.write(sys.stderr.fileno(), b"\ninterrupted: finishing the runs in flight (again: stop at once)\n")
