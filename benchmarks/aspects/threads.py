"""Two threads on two cores against one.

The clock on the wall also counts what other processes do on the cores; so the cores that the threads got are told too.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from benchmarks.aspects import Fact
from benchmarks.aspects.training import in_turns, plan_of, ratio, trained
from benchmarks.order import Order

_GOAL = 1.9


def measure(order: Order) -> Iterator[Fact]:
    """By the clock on the wall, in turns."""
    plan = plan_of("xor", f"replicates={64 if order.quick else 65536}", "epochs=500")
    used: list[float] = []

    def both() -> None:
        wall, processor = time.perf_counter(), time.process_time()
        two_threads()
        used.append((time.process_time() - processor) / (time.perf_counter() - wall))

    two_threads = trained(plan, threads=2)
    one, two = in_turns([trained(plan), both], max(order.repeats, 1), time.perf_counter)
    gain, cores = ratio(one, two), statistics.median(used)
    value = f"{gain:.2f} times as fast as on one, with {cores:.2f} cores to itself"
    yield Fact("threads", "XOR on two cores", value, f"at least {_GOAL}", gain >= _GOAL)
