"""A process that dies, or a system that fails, at the k-th system call on files; within this process.

The functions of `os` through which the runner changes files are counted. At the k-th call something happens: the
process dies, before or after it or with half of a write done, whereupon no later call does anything, as in a dead
process; or the call fails, once or as on a disk that stays full. What a dead process has open is closed, as the system
would do.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from runner.errors import RunnerError

CALLS = ("open", "write", "fsync", "ftruncate", "lseek", "replace", "rename", "unlink", "link", "pread", "dup")
FAULTS = ("die before", "die torn", "die after", "fail once", "full")
_NEEDS_ROOM = ("open", "write", "ftruncate", "fsync")


class Death(BaseException):
    """The process is dead."""


def _forget(error: BaseException) -> None:
    """Let go of all that an error and those behind it refer to."""
    traceback.clear_frames(error.__traceback__)
    error.__traceback__ = None
    for behind in (error.__context__, error.__cause__):
        if behind is not None:
            _forget(behind)
    error.__context__ = error.__cause__ = None


class Counted:
    """Counts system calls, and lets one of them go wrong.

    Parameters
    ----------
    fault : str, optional
        One of FAULTS.
    at : int
        At which call, counted from 0.

    Attributes
    ----------
    n : int
        Calls until now.
    message : str
        What the runner said when it ended with an error.
    """

    def __init__(self, fault: str = "", at: int = -1) -> None:
        self.fault = fault
        self.at = at
        self.n = 0
        self.message = ""
        self._dead = False
        self._open: set[int] = set()

    @contextlib.contextmanager
    def __call__(self) -> Iterator[Counted]:
        """A block in which calls are counted; death and errors in the runner's words end it."""
        close = os.close
        with pytest.MonkeyPatch.context() as patch:
            for name in CALLS:
                patch.setattr(os, name, self._wrapped(name, getattr(os, name)))
            patch.setattr(os, "close", lambda descriptor: (self._open.discard(descriptor), close(descriptor))[1])
            try:
                yield self
            except (Death, RunnerError) as error:
                self.message = str(error)
                _forget(error)
            finally:
                # Whatever still refers to an open file lets it go; then what is left is closed.
                gc.collect()
                for descriptor in self._open:
                    with contextlib.suppress(OSError):
                        close(descriptor)

    def _wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            if self._dead:
                raise Death
            self.n += 1
            here = self.n - 1 == self.at
            if self.fault == "full" and self.n > self.at and name in _NEEDS_ROOM:
                if name != "open" or arguments[1] & os.O_CREAT:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            elif here and self.fault == "fail once":
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            elif here and self.fault.startswith("die"):
                self._dead = True
                if self.fault == "die torn" and name == "write":
                    real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
                if self.fault != "die after":
                    raise Death
            found = real(*arguments, **more)
            if name in ("open", "dup"):
                self._open.add(found)
            if self._dead:
                raise Death
            return found

        return call
