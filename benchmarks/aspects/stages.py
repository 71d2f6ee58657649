"""What stages give: runs that stop at their criterion, beside others that never meet it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from unittest.mock import patch

from benchmarks.aspects import Fact
from benchmarks.aspects.training import in_turns, plan_of, ratio, trained
from benchmarks.order import Order
from runner.training.blocks import packing


def measure(order: Order) -> Iterator[Fact]:
    """XOR with two hidden units, of which a fifth never learn, in stages and at one go."""
    replicates = f"replicates={64 if order.quick else 2048}"
    study = plan_of("xor", replicates, "architecture=2-2-1", "epochs=20000", "stop=converged", "evaluate_every=1")
    staged = trained(study)
    whole, short = in_turns([_at_one_go(staged), staged], order.repeats)
    what = "XOR 2-2-1, at most 20,000 epochs, stop: converged, groups held by their slowest run, over stages"
    yield Fact("stages", what, f"{ratio(whole, short):.1f} times the time")


def _at_one_go(train: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        with patch.object(packing, "_FIRST_STAGE", 1e99):
            train()

    return run
