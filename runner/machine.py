"""The machine a study runs on: its limits, its cores and its memory, and what is recorded of it beside the results.

Memory for large networks is reserved before it is taken. Linux promises more memory than there is, and ends a process
that uses what it was promised. A block whose networks cannot fit is refused instead: its runs fail with this reason,
and the others go on.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

VERSION = "0.2.0.dev0"
"""Of the runner: the one place where it stands."""

MAX_RUNS = 10**7
"""Runs of a study that are allowed unless the user asks for more (`--max-runs`, `max_runs`)."""

MOST_THREADS = 1024
"""Each thread holds memory and a place in the system's list of threads."""

DEVICES = ("cpu", "cuda")
"""Where runs are trained: by the processor, or by a graphics card of NVIDIA."""

# Where Linux tells of processes, and the root of the paths in what it tells.
_PROC, _SYSTEM = Path("/proc"), Path("/")
_RECORDED_PACKAGES = ("numba", "llvmlite", "numpy")
# Reservations of fewer bytes are not worth a look at the system.
_SMALL = 1 << 26


def cache_folder() -> Path:
    """Where compiled kernels are kept, and what is measured and made once for all studies.

    Below NUMBA_CACHE_DIR, XDG_CACHE_HOME, or the user's cache folder.
    """
    chosen = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    if not chosen and sys.platform == "win32":
        chosen = os.environ.get("LOCALAPPDATA")
    return (Path(chosen) if chosen else Path.home() / ".cache") / "runner-kernels"


def compiles(variables: Mapping[str, str] = os.environ) -> bool:
    """Whether kernels are compiled; where NUMBA_DISABLE_JIT is set they run in Python, and last bits differ."""
    return variables.get("NUMBA_DISABLE_JIT", "").strip() in ("", "0")


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def available() -> int | None:
    """Bytes that this process may still take: what the machine and its control groups have left; None if unknown."""
    known = [limit - used for limit, used in _memory_groups()]
    if (free := _memory_info("MemAvailable:")) is not None:
        known.append(free)
    return min(known, default=None)


def total() -> int | None:
    """Bytes that the machine, or the smallest of this process's control groups, has in all; None if unknown."""
    known = [limit for limit, _ in _memory_groups()]
    if (whole := _memory_info("MemTotal:")) is not None:
        known.append(whole)
    return min(known, default=None)


def _memory_info(field: str) -> int | None:
    """Bytes that a field of /proc/meminfo tells."""
    return next((int(line.split()[1]) << 10 for line in _lines(_PROC / "meminfo") if line.startswith(field)), None)


class _Files(NamedTuple):
    """Files by which a version of Linux's control groups tells of memory, and the word for what it can give back."""

    limit: str
    used: str
    cached: str


_GROUPS = {
    "cgroup2": _Files("memory.max", "memory.current", "inactive_file"),
    "cgroup": _Files("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}
_GROUP = re.compile(r"(?P<number>\d+):(?P<controllers>[^:]*):(?P<path>/.*)")
_MOUNT = re.compile(r"\d+ \d+ \S+ (?P<root>\S+) (?P<place>\S+) .*- (?P<kind>cgroup2?) \S+ (?P<options>\S+)")
# Beyond it version 1 means that there is no limit.
_NO_LIMIT = 1 << 60


def _memory_groups() -> Iterator[tuple[int, int]]:
    """Limit and use, in bytes, of every control group around this process that limits its memory.

    A container, a batch system or a desktop puts a process into a group within a group, and any of them may have the
    smallest limit. The files are those of proc(5), cgroups(7).
    """
    own = {}
    for line in filter(None, map(_GROUP.fullmatch, _lines(_PROC / "self" / "cgroup"))):
        if line["number"] == "0":
            own["cgroup2"] = line["path"]
        elif "memory" in line["controllers"].split(","):
            own["cgroup"] = line["path"]
    for line in filter(None, map(_MOUNT.fullmatch, _lines(_PROC / "self" / "mountinfo"))):
        kind, path = line["kind"], own.get(line["kind"])
        if path is None or (kind == "cgroup" and "memory" not in line["options"].split(",")):
            continue
        # A container may see only the part of the tree that begins with its own group.
        root, path = f"{line['root'].rstrip('/')}/", f"{path}/"
        inside = path.removeprefix(root) if path.startswith(root) else ""
        parts = [part for part in inside.split("/") if part not in ("", ".", "..")]
        top = _SYSTEM / line["place"].lstrip("/")
        for depth in range(len(parts) + 1):
            yield from _memory_group(top.joinpath(*parts[:depth]), _GROUPS[kind])


def _memory_group(folder: Path, files: _Files) -> Iterator[tuple[int, int]]:
    """Limit and use of one control group; nothing where it has no limit."""
    try:
        limit, used = (int((folder / name).read_text()) for name in (files.limit, files.used))
    except (OSError, ValueError):  # not there, or `max`
        return
    if limit < _NO_LIMIT:
        # What files have left in memory is given back when somebody needs it.
        cached = (int(line.split()[1]) for line in _lines(folder / "memory.stat") if line.split()[0] == files.cached)
        yield limit, used - min(next(cached, 0), used)


def _lines(file: Path) -> list[str]:
    """Those of a file of the system; none where there is no such file."""
    try:
        return file.read_text().splitlines()
    except OSError:
        return []


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


def surroundings() -> dict[str, Any]:
    """Versions, machine, git commit and command, as far as they can be found out: what `environment.json` records."""
    import platform

    return {
        "versions": {"runner": VERSION, "python": platform.python_version()}
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
