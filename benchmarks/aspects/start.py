"""How long a user waits: the first start on a machine, a later one, and the imports."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.aspects import Fact
from benchmarks.aspects.commands import run_study
from benchmarks.order import Order
from benchmarks.works import load_item

_COLD, _WARM, _IMPORT = 10.0, 1.5, 0.6


def _fact(what: str, seconds: float, most: float) -> Fact:
    return Fact("start", what, f"{seconds:.2f} s", f"below {most:g} s", seconds < most)


def _python(code: str) -> float:
    began = time.perf_counter()
    subprocess.run((sys.executable, "-c", code), check=True)
    return time.perf_counter() - began


def measure(order: Order) -> Iterator[Fact]:
    """A study of 100 runs, with an empty cache of kernels and with a full one."""
    study = load_item("xor").study
    with TemporaryDirectory() as name:
        folder = Path(name)
        cache = folder / "cache"
        small = ("replicates=100", "epochs=100")
        cold = run_study(study, folder / "cold", *small, cache=cache)
        yield _fact("first start on a machine, to the first row", cold.first_row, _COLD)
        warm = [run_study(study, folder / f"warm{k}", *small, cache=cache).seconds for k in range(order.repeats)]
        yield _fact("a later start, a study of 100 runs from start to end", statistics.median(warm), _WARM)
    imports = [
        _python("import runner.training.session, runner.training.engine") - _python("pass")
        for _ in range(order.repeats)
    ]
    yield _fact("of which imports", statistics.median(imports), _IMPORT)
