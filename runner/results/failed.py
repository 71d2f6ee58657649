"""`failed.csv`: the runs that could not be trained, and why."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runner.errors import RunnerError
from runner.results.columns import Ids, Indices
from runner.results.files import io_errors, write_file
from runner.results.row_text import field

FAILED = "failed.csv"
_HEADER = ["run_id", "reason"]
_IDENTITY = re.compile("[0-9a-f]{16}")
# Reasons that are not the run's own but those of a start: kernels that could not be compiled, or, as earlier versions
# had it, not be read from their cache.
_PASSING = re.compile(
    r"(KernelError|EOFError|UnpicklingError|UnicodeDecodeError|ModuleNotFoundError|LLVM\w*)\b|.*_PartLib"
)


def read_failed(folder: Path) -> dict[int, str]:
    """Reasons of the runs that failed at earlier starts, by their identity.

    Raises
    ------
    RunnerError
        When the file is not one of ours: it is written in one step, so it is never torn.
    """
    path = folder / FAILED
    if not path.exists():
        return {}
    with io_errors(path, "read"), path.open(encoding="utf-8", newline="") as file:
        try:
            header, *rows = csv.reader(file)
            if header != _HEADER:
                raise ValueError(header)
            if not all(_IDENTITY.fullmatch(run_id) for run_id, _ in rows):
                raise ValueError(rows)
            return {int(run_id, 16): reason for run_id, reason in rows}
        except (ValueError, csv.Error) as error:
            raise RunnerError(f"{path} is not a list of failed runs: remove it, and they are tried again") from error


def write_failed(folder: Path, reasons: Mapping[int, str]) -> None:
    """Replace the file in one step; there is none when nothing has failed."""
    path = folder / FAILED
    if not reasons:
        with io_errors(path, "remove"):
            path.unlink(missing_ok=True)
        return
    lines = [",".join(_HEADER), *(f"{run_id:016x},{field(reason)}" for run_id, reason in reasons.items())]
    write_file(path, ("\n".join(lines) + "\n").encode())


def failed_before(folder: Path, find: Callable[[Ids], Indices], done: NDArray[np.bool_]) -> dict[int, tuple[int, str]]:
    """The runs of a plan that failed at an earlier start and still have no row: identity and reason of each.

    Runs whose reason has probably passed, such as kernels that could not be read from their cache, are none of them:
    they are tried again by themselves.

    Parameters
    ----------
    folder : Path
        The folder of results.
    find : callable
        Index of the run of the plan that has each identity; -1 where none has.
    done : array of bool, shape (n_runs,)
        Which runs have their row.
    """
    reasons = {run_id: reason for run_id, reason in read_failed(folder).items() if not _PASSING.match(reason)}
    runs = find(np.array(list(reasons), np.uint64)).tolist()
    return {run: item for run, item in zip(runs, reasons.items(), strict=True) if run >= 0 and not done[run]}
