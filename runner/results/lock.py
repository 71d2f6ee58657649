"""One writer for each folder of results: an advisory lock that dies with its process."""

from __future__ import annotations

import contextlib
import datetime
import errno
import fcntl
import json
import os
import socket
from pathlib import Path
from types import TracebackType

from runner.errors import Refused, RunnerError
from runner.results.files import MISSING_CALLS, io_errors, refuse_links, refuse_shared, write_all
from runner.results.held import LOCK, Held, names_same_file

# What flock and lockf fail with where a file system has no locks, or is mounted without them.
_NO_LOCKS = MISSING_CALLS | {errno.ENOLCK, errno.EBADF}
_BUSY = (errno.EAGAIN, errno.EACCES)


class Lock:
    """Held from construction until `release`; the system releases it when the process dies, however it dies.

    The folder itself is locked, so that a lock file which somebody has removed, or a folder which has got another name,
    lets nobody else in; and a file in it, which tells others who is at work.

    Parameters
    ----------
    folder : Path
        The folder of results, which exists.

    Attributes
    ----------
    held : Held
        The folder, open while the lock is held.

    Raises
    ------
    Refused
        When another process holds the lock, which the message names; when the file is a link or has another name.
    RunnerError
        When the file system has no locks.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK
        refuse_links(folder, (LOCK,))
        refuse_shared(folder, (LOCK,))
        self.held = Held(folder)
        self._descriptor = -1
        try:
            # Some file systems lock files, but no folders.
            with contextlib.suppress(OSError):
                self._take(self.held.descriptor)
            with io_errors(self.path):
                self._descriptor = self._acquire()
                self.held.keep(LOCK, self._descriptor)
        except BaseException:
            self.held.close()
            raise

    def release(self) -> None:
        """Remove the file and release the lock, in this order: later, the file could be another runner's."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                if names_same_file(self._descriptor, LOCK, self.held.descriptor):
                    os.unlink(LOCK, dir_fd=self.held.descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
            self.held.close()

    def _acquire(self) -> int:
        """Descriptor of the locked file, in which this process then stands."""
        while True:
            descriptor, writable = self._open()
            try:
                self._take(descriptor)
                # The holder may have removed its file between our open and our lock: then ours has no name.
                if names_same_file(descriptor, LOCK, self.held.descriptor):
                    if not writable and self._unlinked():
                        os.close(descriptor)
                        continue
                    if writable:
                        os.ftruncate(descriptor, 0)
                        write_all(descriptor, self._card())
                    return descriptor
            except BaseException as error:
                os.close(descriptor)
                if isinstance(error, OSError) and error.errno in _NO_LOCKS:
                    raise RunnerError(
                        f"{self.held.folder}: this file system has no locks ({error.strerror}), and two runners there "
                        "could not be kept apart; pass a folder on another one with --out, or mount it with locks"
                    ) from error
                raise
            os.close(descriptor)

    def _open(self) -> tuple[int, bool]:
        """Open the lock file, and say whether it can be written: it may be what another user's dead runner has left."""
        flags, folder = os.O_NOFOLLOW | os.O_CLOEXEC, self.held.descriptor
        try:
            return os.open(LOCK, flags | os.O_RDWR | os.O_CREAT, 0o666, dir_fd=folder), True
        except PermissionError as error:
            try:
                return os.open(LOCK, flags | os.O_RDONLY, dir_fd=folder), False
            except OSError:
                raise error from None

    def _unlinked(self) -> bool:
        """Remove a file that belongs to nobody any more; without permission it serves as it is."""
        try:
            os.unlink(LOCK, dir_fd=self.held.descriptor)
        except OSError:
            return False
        return True

    def _take(self, descriptor: int) -> None:
        """Lock a file, or be refused; by lockf where the file system has no flock."""
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _BUSY:
                raise Refused(f"{self.held.folder} is in use by {self._holder()}") from None
            raise

    def _holder(self) -> str:
        """Who holds the lock, in words."""
        try:
            with open(self.path, "rb") as file:
                found = json.loads(file.read(4096))
            return f"another runner: process {found['pid']} on {found['host']}, since {found['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another runner"  # it has just taken the lock, and has not written yet who it is

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
