"""Two threads on two cores against one."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.aspects import Fact
from benchmarks.aspects.training import in_turns, plan_of, ratio, trained
from benchmarks.order import Order

_GOAL = 1.9


def measure(order: Order) -> Iterator[Fact]:
    """By the clock on the wall, in turns."""
    plan = plan_of("xor", f"replicates={64 if order.quick else 65536}", "epochs=500")
    one, two = in_turns([trained(plan), trained(plan, threads=2)], max(order.repeats, 1), time.perf_counter)
    gain = ratio(one, two)
    yield Fact("threads", "XOR on two cores", f"{gain:.2f} times as fast as on one", f"at least {_GOAL}", gain >= _GOAL)
