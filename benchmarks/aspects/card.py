"""A graphics card: the project's kernel on it against JAX on the same card, and against the processor beside it.

By the clock, the arrays' way there and back included for the project; JAX has its arrays there already. All must reach
the losses of the processor: the project to the last bit, JAX to the tolerance of the work.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.aspects import Fact
from benchmarks.order import Order
from benchmarks.work import Floats, Program, Work, prepare
from benchmarks.works import load_item
from runner.errors import Refused
from runner.kernels.cuda import Card
from runner.machine import cores
from runner.measurements import RECORD_COLUMNS
from runner.training import engine

_LOSS = RECORD_COLUMNS.index("final_loss")
# Works and networks of each: as many as fill the card a few times.
_RUNS = {"xor": 1 << 18, "parity3": 1 << 18, "online": 1 << 17, "parity8": 1 << 16, "iris": 1 << 16}


def on_card(work: Work, card: Card) -> Program:
    """What the engine hands to the card, handed to it again."""
    calls: list[tuple[Any, ...]] = []
    losses = np.empty(work.runs)
    train = Card.train

    def noted(card: Card, *arguments: Any) -> None:
        calls.append(arguments)
        train(card, *arguments)

    with patch.object(Card, "train", noted):
        for result in engine.train(work.plan, np.zeros(work.runs, bool), threads=1, card=card):
            if result.error is not None:
                raise RuntimeError(result.error)
            losses[result.runs] = result.records[:, _LOSS]

    def again() -> Floats:
        for arguments in calls:
            card.train(*arguments)
        return losses

    return Program(again, lambda losses: losses)


def in_jax(work: Work) -> Program | None:
    """JAX, all networks in one call, on its default device if that is a graphics card."""
    # It would take three quarters of the card's memory at once.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    try:
        import jax

        from benchmarks.peers import jax_vmap
    except ImportError:
        return None
    return jax_vmap._at_once(work) if jax.default_backend() == "gpu" else None


def _rate(work: Work, program: Program, repeats: int) -> tuple[float, Floats]:
    """Sample-steps a second, the median of some repeats, and the losses."""
    found = program.train()
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        found = program.train()
        seconds.append(time.perf_counter() - began)
    return work.sample_steps / statistics.median(seconds), program.losses(found)


def measure(order: Order) -> Iterator[Fact]:
    """Every work in both precisions; nothing where no card is."""
    try:
        card = Card()
    except Refused as refused:
        yield Fact("card", "graphics card", f"not measured: {refused}")
        return
    with card:
        yield Fact("card", "graphics card", f"{card.name}, CUDA {card.driver_version}")
        for name, runs in _RUNS.items():
            for precision in ("float64", "float32"):
                n = runs // 256 if order.quick else runs
                yield _of_work(prepare(load_item(name), precision, n, threads=cores()), card, order)


def _of_work(work: Work, card: Card, order: Order) -> Fact:
    own, losses = _rate(work, on_card(work, card), order.repeats)
    if not np.array_equal(losses, work.losses, equal_nan=True):
        raise RuntimeError(f"{work.item.name}: the card has other losses than the processor")
    told = [f"{own / 1e9:.3g} billion sample-steps a second"]
    if (program := in_jax(work)) is not None:
        other, losses = _rate(work, program, order.repeats)
        difference = work.difference(losses, work.item.outliers)
        if not difference <= work.item.tolerance[work.precision]:
            raise RuntimeError(f"{work.item.name}: JAX misses the losses by {difference:.3g}")
        told.append(f"{own / other:.3g} times JAX ({other / 1e9:.3g})")
    return Fact("card", f"{work.item.name} {work.precision}, {work.runs:,} networks", ", ".join(told))
