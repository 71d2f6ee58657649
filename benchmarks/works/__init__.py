"""Work items: a study file and a module with `ITEM` beside it; `WORKS` names them in the order of the table."""

from __future__ import annotations

import importlib

from benchmarks.work import WorkItem

# Those that are measured on several cores too, unless works are named: programs are compiled anew for that.
ON_ALL_CORES = ("xor", "fractal")
WORKS = ("xor", "online", "parity3", "parity8", "fractal", "iris", "digits")


def load_item(name: str) -> WorkItem:
    """One of `WORKS`."""
    item: WorkItem = importlib.import_module(f"{__name__}.{name}").ITEM
    return item
