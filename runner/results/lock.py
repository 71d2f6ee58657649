"""One writer for each folder of results: an advisory lock that dies with its process."""

from __future__ import annotations

import datetime
import fcntl
import json
import os
import socket
from pathlib import Path
from types import TracebackType

from runner.errors import Refused
from runner.results.files import io_errors, refuse_links, refuse_shared, write_all

LOCK = "runner.lock"


class Lock:
    """Held from construction until `release`; the system releases it when the process dies, however it dies.

    Parameters
    ----------
    folder : Path
        The folder of results, which exists.

    Raises
    ------
    Refused
        When another process holds the lock, which the message names; when the file is a link or has another name.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK
        refuse_links(folder, (LOCK,))
        refuse_shared(folder, (LOCK,))
        with io_errors(self.path):
            self._descriptor = self._acquire()
            os.ftruncate(self._descriptor, 0)
            write_all(self._descriptor, self._card())

    def release(self) -> None:
        """Remove the file and release the lock, in this order: later, the file could be another runner's."""
        if self._descriptor >= 0:
            self.path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = -1

    def _acquire(self) -> int:
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                card = os.read(descriptor, 4096)
                os.close(descriptor)
                raise Refused(f"{self.path.parent} is in use by {_holder(card)}") from None
            except OSError:
                os.close(descriptor)
                raise
            # The holder may have removed its file between our open and our lock: then ours has no name.
            if _same_file(descriptor, self.path):
                return descriptor
            os.close(descriptor)

    @staticmethod
    def _card() -> bytes:
        now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        return json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": now}).encode()

    def __enter__(self) -> Lock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def is_held(folder: Path) -> bool:
    """Whether a runner is at work, by what it has written into the file: to try the lock could turn one away."""
    try:
        found = json.loads((folder / LOCK).read_bytes())
        pid, host = int(found["pid"]), found["host"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    if host != socket.gethostname():
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False  # it was killed, and has left its file
    except OSError:
        pass  # somebody else's process
    return True


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _holder(card: bytes) -> str:
    """Who holds the lock, in words."""
    try:
        found = json.loads(card)
        return f"another runner: process {found['pid']} on {found['host']}, since {found['since']}"
    except (ValueError, KeyError, TypeError):
        return "another runner"  # it has just taken the lock, and has not written yet who it is
