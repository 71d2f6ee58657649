"""`environment.json`: where and how results were made: all that may differ between two identical studies."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from runner.store.files import write_file

ENVIRONMENT = "environment.json"
_PACKAGES = ("numba", "llvmlite", "numpy")


def read_environment(folder: Path) -> dict[str, Any]:
    """What an earlier start wrote, as far as it is what it should be; empty when nothing can be read."""
    path = folder / ENVIRONMENT
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {key: value for key, value in content.items() if _is_sound(key, value)}


def _is_sound(key: str, value: Any) -> bool:
    """Whether a fact is of the kind that we write: somebody may have edited the file."""
    if key == "axes":
        return isinstance(value, list) and all(isinstance(axis, str) for axis in value)
    if key == "timings":
        numbers = [value.get(name) for name in ("seconds", "updates")] if isinstance(value, dict) else [None]
        return all(isinstance(n, int | float) and 0 <= n < 1e18 for n in numbers)
    if key == "study":
        texts = [value.get(name, "") for name in ("name", "file", "folder")] if isinstance(value, dict) else [None]
        return all(isinstance(text, str) for text in texts)
    return isinstance(value, dict) if key in ("record", "defaults", "versions") else True


def write_environment(folder: Path, facts: Mapping[str, Any]) -> None:
    """Replace the file in one step."""
    write_file(folder / ENVIRONMENT, (json.dumps(facts, indent=2) + "\n").encode())


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
