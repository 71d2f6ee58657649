"""The machine a study runs on: its limits, its cores and its memory, and what is recorded of it beside the results.

Memory for large networks is reserved before it is taken. Linux promises more memory than there is, and ends a process
that uses what it was promised. A block whose networks cannot fit is refused instead: its runs fail with this reason,
and the others go on.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

MAX_RUNS = 10**7
"""Runs of a study that are allowed unless the user asks for more (`--max-runs`, `max_runs`)."""

MOST_THREADS = 1024
"""Each thread holds memory and a place in the system's list of threads."""

_RECORDED_PACKAGES = ("numba", "llvmlite", "numpy")
# Reservations of fewer bytes are not worth a look at the system.
_SMALL = 1 << 26


def compiles(variables: Mapping[str, str] = os.environ) -> bool:
    """Whether kernels are compiled; where NUMBA_DISABLE_JIT is set they run in Python, and last bits differ."""
    return variables.get("NUMBA_DISABLE_JIT", "").strip() in ("", "0")


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def available() -> int | None:
    """Bytes that this process may still take: what the machine or its control group has left; None if unknown."""
    limit, used = _control_group("memory.max"), _control_group("memory.current")
    group = None if limit is None or used is None else limit - used
    known = [n for n in (_memory_info("MemAvailable:"), group) if n is not None]
    return min(known) if known else None


def total() -> int | None:
    """Bytes that the machine, or this process's control group, has in all; None if unknown."""
    known = [n for n in (_memory_info("MemTotal:"), _control_group("memory.max")) if n is not None]
    return min(known) if known else None


def _memory_info(field: str) -> int | None:
    """Bytes that a field of /proc/meminfo tells."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith(field)), None)


def _control_group(name: str) -> int | None:
    """A number that version 2 of Linux's control groups tells of a container; None for none, and for `max`."""
    try:
        return int((Path("/sys/fs/cgroup") / name).read_text())
    except (OSError, ValueError):
        return None


_freed = threading.Condition()
_reservations: list[int] = []


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
        while (left := available()) is not None and sum(_reservations) + n_bytes > left:
            if not _reservations:
                need, rest = n_bytes / 1e9, max(left, 0) / 1e9
                raise MemoryError(f"these networks need {need:.1f} GB and {rest:.1f} GB are left")
            _freed.wait()
        _reservations.append(n_bytes)
    try:
        yield
    finally:
        with _freed:
            _reservations.remove(n_bytes)
            _freed.notify_all()


def version() -> str:
    """Version of the runner itself."""
    return _installed("runner") or "0.1.0"


def surroundings() -> dict[str, Any]:
    """Versions, machine, git commit and command, as far as they can be found out: what `environment.json` records."""
    import platform

    return {
        "versions": {"runner": version(), "python": platform.python_version()}
        | {package: _installed(package) for package in _RECORDED_PACKAGES},
        "machine": {
            "platform": platform.platform(),
            "processor": processor(),
            "cores": os.cpu_count(),
            "cores_allowed": cores(),
            "host": platform.node(),
        },
        "git_commit": _git_commit(),
        "variables": {name: value for name, value in sorted(os.environ.items()) if name.startswith("NUMBA_")},
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
    }


def _installed(package: str) -> str | None:
    """Version of a package."""
    # Imported here, and subprocess below: half of what `import runner` would take otherwise.
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def processor() -> str:
    """Model of the processor, in its maker's words."""
    import platform

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
    import subprocess

    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        command = ("git", "-C", str(here), *arguments)
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "--", str(here)) else "")
    except (OSError, subprocess.SubprocessError):
        return None
