"""End to end: a million runs of XOR, 100 epochs each, to rows on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.aspects import Fact
from benchmarks.aspects.commands import run_study
from benchmarks.order import Order
from benchmarks.works import load_item

_RUNS = 10**6
_RATE = 100_000
_MEMORY = 2.0**30


def measure(order: Order) -> Iterator[Fact]:
    """By the clock on the wall, from the start of the command to its end."""
    study = load_item("xor").study
    runs = 1000 if order.quick else _RUNS
    with TemporaryDirectory() as name:
        folder = Path(name)
        run_study(study, folder / "warm", "replicates=10", "epochs=100")
        ran = run_study(study, folder / "out", f"replicates={runs}", "epochs=100", "-j", str(order.cores))
    rate = runs / ran.seconds
    cores = "one core" if order.cores == 1 else f"{order.cores} cores"
    what = f"{runs:,} runs x 100 epochs, XOR, rows on disk, {cores}"
    yield Fact("stream", what, f"{rate:,.0f} rows/s", f"at least {_RATE:,}", rate >= _RATE)
    yield Fact(
        "stream", "the most memory it held", f"{ran.memory / 2**20:.0f} MiB", "below 1024 MiB", ran.memory < _MEMORY
    )
