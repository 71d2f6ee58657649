"""The printed table, in Markdown."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from typing import TextIO

import numba
import numpy as np

from benchmarks.measure import Row, measure
from benchmarks.peers import load_peers
from runner.environment import surroundings

_HEAD = (
    "| program | precision | M sample-steps/s | lowest to highest | the project is | largest difference of a loss |",
    "|---|---|---:|---:|---:|---:|",
)


def write_table(works: Iterable[str], runs: int, repeats: int, out: TextIO) -> None:
    """Measure work items and print what came out, item by item.

    Parameters
    ----------
    works : iterable of str
        Modules of this package.
    runs, repeats : int
    out : text file
    """
    peers, notes = load_peers()
    machine = surroundings()["machine"]
    print(f"{machine['processor']}, one core; Numba {numba.__version__}, NumPy {np.__version__}", file=out)
    print(f"Medians of {repeats} repeats; in each, the programs took turns.", file=out)
    for note in notes:
        print(note, file=out)
    for name in works:
        item = importlib.import_module(f"benchmarks.{name}").ITEM
        print(f"\n{item.title}\n", file=out)
        print("\n".join(_HEAD), file=out, flush=True)
        for precision in item.tolerance:
            for line in _lines(measure(item, precision, peers, runs, repeats)):
                print(line, file=out, flush=True)


def _lines(rows: Sequence[Row]) -> Iterable[str]:
    base = next(row for row in rows if row.peer.name == "runner")
    for row in rows:
        ratio = row.ratio(base)
        times = "1" if row is base else f"{ratio:.{2 if ratio < 2 else 1 if ratio < 100 else 0}f} times as fast"
        low, high = _millions(min(row.speeds)), _millions(max(row.speeds))
        yield (
            f"| {row.peer.title} | {row.precision} | {_millions(row.speed)} | {low} to {high} | {times} "
            f"| {row.difference:.0e} |"
        )


def _millions(speed: float) -> str:
    return f"{speed / 1e6:.3g}"
