"""Memory for large networks: asked for before it is taken, because a system that promised too much kills the process.

Linux hands out more memory than there is and ends a process that uses it. A block whose networks can not fit is
better told so: its runs fail with this reason, and the others go on.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

# Less is not worth a look at the system.
_SMALL = 1 << 26
_freed = threading.Condition()
_taken: list[int] = []


def available() -> int | None:
    """Bytes that this process may still take: what the machine has left, or its control group; None if unknown."""
    found = [_machine(), _group()]
    known = [n for n in found if n is not None]
    return min(known) if known else None


def total() -> int | None:
    """Bytes that the machine, or this process's control group, has in all; None if unknown."""
    known = [n for n in (_machine("MemTotal:"), _limit()) if n is not None]
    return min(known) if known else None


def _machine(what: str = "MemAvailable:") -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith(what)), None)


def _group() -> int | None:
    """What is left of a container's limit."""
    limit, used = _limit(), _read("memory.current")
    return None if limit is None or used is None else limit - used


def _limit() -> int | None:
    """A container's limit."""
    return _read("memory.max")


def _read(name: str) -> int | None:
    """A number that version 2 of Linux's control groups tells; None for none, and for `max`."""
    try:
        return int((Path("/sys/fs/cgroup") / name).read_text())
    except (OSError, ValueError):
        return None


@contextlib.contextmanager
def reserved(n_bytes: int) -> Iterator[None]:
    """Hold so much memory while the block lasts; wait for it while other threads hold too much.

    Raises
    ------
    MemoryError
        When there is not so much, even with nobody else holding any.
    """
    if n_bytes < _SMALL:
        yield
        return
    with _freed:
        # What others have reserved they may not have taken yet: it is counted as taken.
        while (left := available()) is not None and sum(_taken) + n_bytes > left:
            if not _taken:
                need, rest = n_bytes / 1e9, max(left, 0) / 1e9
                raise MemoryError(f"these networks need {need:.1f} GB and {rest:.1f} GB are left")
            _freed.wait()
        _taken.append(n_bytes)
    try:
        yield
    finally:
        with _freed:
            _taken.remove(n_bytes)
            _freed.notify_all()
