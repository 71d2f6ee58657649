"""A process that measures, with a number of cores: `python -m benchmarks.child ORDER`, started by `benchmarks.order`.

How many threads a library uses is settled when it is imported, so each number of cores has a process of its own.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from dataclasses import asdict
from typing import Any

from benchmarks.order import Order


def _tell(kind: str, **content: Any) -> None:
    print(json.dumps({"kind": kind, **content}), flush=True)


def _measure_works(order: Order) -> None:
    from benchmarks.measure import measure
    from benchmarks.peers import load_peers
    from benchmarks.works import load_item

    peers, notes = load_peers()
    for note in notes:
        _tell("note", text=note)
    for peer in peers:
        if peer.remark:
            _tell("note", text=peer.remark)
    chosen = [peer for peer in peers if not order.peers or peer.name in order.peers]
    for name in order.works:
        try:
            item = load_item(name)
            for precision in item.tolerance:
                rows = measure(
                    item,
                    precision,
                    chosen,
                    cores=order.cores,
                    runs=order.runs,
                    repeats=order.repeats,
                    seconds=order.seconds,
                    overrides=order.overrides,
                )
                for row in rows:
                    _tell("row", row=asdict(row))
        except ModuleNotFoundError as error:
            _tell("note", text=f"{name} is left out: {error.name} is not installed")


def _measure_aspects(order: Order) -> None:
    for name in order.aspects:
        for fact in importlib.import_module(f"benchmarks.aspects.{name}").measure(order):
            _tell("fact", fact=asdict(fact))


def main() -> int:
    """Do what the order says."""
    order = Order(**json.loads(sys.argv[1]))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-order.cores :])
    if order.works:
        _measure_works(order)
    _measure_aspects(order)
    return 0


if __name__ == "__main__":
    sys.exit(main())
