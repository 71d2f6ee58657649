"""How the cost grows with runs, samples, width and depth."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from itertools import pairwise

from benchmarks.aspects import Fact
from benchmarks.aspects.training import in_turns, plan_of, ratio, trained
from benchmarks.order import Order

# Linear within so much; a smaller cost is welcome.
_LINEAR = 1.1


def _times(order: Order, overrides: list[str], *changes: tuple[str, ...]) -> list[list[float]]:
    plans = [plan_of("parity8", *overrides, *change) for change in changes]
    return in_turns([trained(plan) for plan in plans], order.repeats)


def _linear(order: Order, what: str, overrides: list[str], few: str, many: str) -> Fact:
    first, last = _times(order, overrides, (few,), (many,))
    cost = ratio(last, first) / 4
    return Fact(
        "growth",
        f"four times the {what}",
        f"{4 * cost:.2f} times the time",
        f"at most {4 * _LINEAR:.1f}",
        cost <= _LINEAR,
    )


def _rates(order: Order, what: str, architectures: list[str], runs: int) -> Fact:
    """Weights of all samples and networks that are trained per second."""
    changes = [(f"architecture={each}", f"replicates={runs}", "epochs=20") for each in architectures]
    seconds = _times(order, [], *changes)
    found = []
    for architecture, times in zip(architectures, seconds, strict=True):
        sizes = [int(size) for size in architecture.split("-")]
        weights = sum(a * b for a, b in pairwise(sizes))
        found.append(f"{architecture}: {weights * 256 * runs * 20 / statistics.median(times) / 1e9:.2f}")
    return Fact("growth", f"{what}, 10^9 weights trained with a sample per second", ", ".join(found))


def measure(order: Order) -> Iterator[Fact]:
    """One axis after the other, from the network for parity of eight bits."""
    runs = 16 if order.quick else 256
    yield _linear(order, "runs", ["epochs=20"], f"replicates={runs}", f"replicates={4 * runs}")
    gaussian = [f"data=gaussian({n}, 8, 0)" for n in (128, 512)]
    fixed = ["epochs=20", f"replicates={runs}", "output=identity", "loss=mse"]
    yield _linear(order, "samples", fixed, *gaussian)
    yield _rates(order, "width", ["8-4-1", "8-8-1", "8-16-1", "8-32-1", "8-64-1"], runs // 4)
    yield _rates(order, "depth", ["8-16-1", "8-16-16-1", "8-16-16-16-1", "8-16-16-16-16-1"], runs // 4)
