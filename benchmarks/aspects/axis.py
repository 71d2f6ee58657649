"""What an axis of budgets costs: runs that differ in their epochs only share one trajectory."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.aspects import Fact
from benchmarks.aspects.training import in_turns, plan_of, ratio, trained
from benchmarks.order import Order

_MOST = 1.02


def measure(order: Order) -> Iterator[Fact]:
    """The longest budget alone, and with three shorter ones."""
    replicates = f"replicates={64 if order.quick else 16384}"
    alone = trained(plan_of("xor", replicates, "epochs=1000"))
    axis = trained(plan_of("xor", replicates, "epochs=[10, 100, 500, 1000]"))
    whole, longest = in_turns([axis, alone], max(order.repeats, 1 if order.quick else 9))
    cost = ratio(whole, longest)
    yield Fact(
        "axis",
        "XOR, epochs 10, 100, 500, 1000 for every network, over 1000 alone",
        f"{cost:.3f} times the time",
        f"at most {_MOST}",
        cost <= _MOST,
    )
