"""The command line as a user starts it, for the other aspects."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Ran:
    """How a command went: seconds by the clock, until the table had a row, and the most memory it held, in bytes."""

    seconds: float
    first_row: float
    memory: float


def run_study(study: Path, out: Path, *arguments: str, cache: Path | None = None) -> Ran:
    """`python -m runner STUDY ...`, its results in a folder of their own.

    Raises
    ------
    RuntimeError
        When it fails.
    """
    environment = {**os.environ, **({"NUMBA_CACHE_DIR": str(cache)} if cache else {})}
    command = (sys.executable, "-m", "runner", str(study), *arguments, "--out", str(out), "-q")
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    first_row, memory = 0.0, 0.0
    while process.poll() is None:
        if not first_row and _has_row(out):
            first_row = time.perf_counter() - began
        memory = max(memory, _peak(process.pid))
        time.sleep(0.005)
    seconds = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return Ran(seconds, first_row or seconds, memory)


def _peak(pid: int) -> float:
    """The most memory that a running process has held, in bytes.

    The system's account after its end would count what this process held when it started the other.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0.0)


def _has_row(out: Path) -> bool:
    for table in out.glob("*/runs.csv"):
        with table.open("rb") as lines:
            return len(lines.readline()) > 0 and lines.readline().endswith(b"\n")
    return False
