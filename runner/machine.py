"""Memory for large networks: asked for before it is taken, because a system that promised too much kills the process.

Linux hands out more memory than there is and ends a process that uses it. A block whose networks can not fit is
better told so: its runs fail with this reason, and the others go on.
"""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

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


MOST_THREADS = 1024


_PACKAGES = ("numba", "llvmlite", "numpy")


def surroundings() -> dict[str, Any]:
    """Versions, machine and git commit, as far as they can be found out."""
    return {
        "versions": {"runner": version(), "python": platform.python_version()}
        | {package: _installed(package) for package in _PACKAGES},
        "machine": {
            "platform": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "cores_allowed": cores(),
            "host": platform.node(),
        },
        "git_commit": _git_commit(),
        "variables": {name: value for name, value in sorted(os.environ.items()) if name.startswith("NUMBA_")},
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
    }


def version() -> str:
    """Of the runner itself."""
    return _installed("runner") or "0.1.0"


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _installed(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")),
        platform.processor(),
    )


def _git_commit() -> str | None:
    """Commit of the runner's own sources, with "+" behind it when they have been changed since."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        command = ("git", "-C", str(here), *arguments)
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "--", str(here)) else "")
    except (OSError, subprocess.SubprocessError):
        return None
