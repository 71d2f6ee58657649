"""Plans to be trained and timed, for the other aspects."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.works import load_item
from runner.studies.load import load_study
from runner.studies.plan import Plan, make_plan
from runner.training.engine import train


def plan_of(work: str, *overrides: str) -> Plan:
    """The plan of a work item's study, changed."""
    return make_plan(load_study(load_item(work).study, list(overrides)))


def trained(plan: Plan, threads: int = 1) -> Callable[[], None]:
    """A function that trains a plan through the engine."""

    def run() -> None:
        for result in train(plan, np.zeros(plan.n_runs, bool), threads=threads):
            if result.error is not None:
                raise RuntimeError(result.error)

    return run


def in_turns(
    functions: Sequence[Callable[[], None]], repeats: int, now: Callable[[], float] = time.process_time
) -> list[list[float]]:
    """Seconds of every function, one list of repeats each; once before for the caches."""
    for function in functions:
        function()
    seconds: list[list[float]] = [[] for _ in functions]
    for _ in range(repeats):
        for function, times in zip(functions, seconds, strict=True):
            began = now()
            function()
            times.append(now() - began)
    return seconds


def ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """Median of the ratios within each repeat."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))
