"""Which samples a program's own loop takes: in turn, shuffled, always the same, or the same one until it is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from runner.diagnosis.find import Found
from runner.diagnosis.formula import stacked
from runner.diagnosis.functions import Floats
from runner.diagnosis.layouts import Network
from runner.diagnosis.match import OPERATIONS, STORED
from runner.diagnosis.process import agreement, simulate
from runner.diagnosis.rules import Sgd

# Passes over the samples that are looked at, and samples of the author's that are used at most.
PASSES, SAMPLES, MOST = 3, 8, 64


@dataclass(frozen=True)
class Order:
    """What a loop does.

    Attributes
    ----------
    name : str
        `sequential`, `shuffled`, `with_replacement`, `full`, `first_batch`, `until_right`, `epoch_slice`, `nothing`
        or `unknown`.
    batches : tuple of tuple of int
        Samples of every update that was made.
    says : str
        In words.
    fault : str
        As the key `faults` of a study has it; "" where there is none.
    """

    name: str
    batches: tuple[tuple[int, ...], ...]
    says: str
    fault: str = ""


def find_order(found: Found) -> Order | None:
    """The order of samples in the author's `train`; None where there is none, or the update is not known.

    It is asked for 1, 2, 3, ... updates from the same weights: what each adds is held against an update on every sample
    and on every run of neighbouring samples.
    """
    asked, process = found.asked, found.process
    if "train" not in asked.program.functions or process is None or not isinstance(process.rule, Sgd):
        return None
    rng = np.random.default_rng(7)
    rows = len(asked.program.array("inputs"))
    start = asked.network(rng)
    states = None
    for n in dict.fromkeys((min(rows, SAMPLES), rows)):
        x, t = asked.samples(rng, n)
        states = _states(found, start, x, t, list(range(1, min(PASSES * n, MOST) + 1)))
        if states is not None:
            break
    if states is None:
        return None
    again = _states(found, start, x, t, [1, 2, 3, 4])
    if again is None or any(not _equal(p, q) for p, q in zip(again, states, strict=False)):
        return _at_random(found, start, x, t)
    steps: list[tuple[int, ...]] = []
    before = start
    for state in states:
        chosen = _samples_between(found, before, state, x, t)
        if chosen is None:
            return _unknown(found, start, states, x, t, steps)
        steps.append(chosen)
        before = state
    return _named(tuple(steps), n)


def _states(found: Found, start: Network, x: Floats, t: Floats, updates: Sequence[int]) -> list[Network] | None:
    asked = found.asked
    weights, biases = asked.layout.give(start)
    question: dict[str, Any] = {"do": "train", "weights": weights, "biases": biases, "inputs": x, "targets": t}
    answer = asked.program.ask([{**question, "updates": list(updates)}])[0]
    if "error" in answer:
        return None
    taken = [asked.taken(state, start) for state in answer["value"]]
    return None if any(state is None for state in taken) else [state for state in taken if state is not None]


def _samples_between(found: Found, before: Network, after: Network, x: Floats, t: Floats) -> tuple[int, ...] | None:
    """The samples with which one update leads from one network to the other; () where nothing moved."""
    if _equal(before, after):
        return ()
    n = len(x)
    candidates: list[tuple[int, ...]] = [(i,) for i in range(n)]
    candidates += [tuple(range(i, j)) for i in range(n) for j in range(i + 2, n + 1)]
    for chosen in sorted(candidates, key=lambda c: (len(c) not in (1, n), len(c))):
        if _leads(found, before, after, x[list(chosen)], t[list(chosen)]):
            return chosen
    return None


def _equal(one: Network, other: Network) -> bool:
    return all(np.array_equal(p, q) for p, q in zip((*one[0], *one[1]), (*other[0], *other[1]), strict=True))


def _at_random(found: Found, start: Network, x: Floats, t: Floats) -> Order:
    """A loop that draws otherwise in every call: its first updates say of how many samples they are."""
    firsts = [states[0] for _ in range(6) if (states := _states(found, start, x, t, [1]))]
    steps = [_samples_between(found, start, state, x, t) for state in firsts]
    if all(step is not None and len(step) == 1 for step in steps):
        drawn = tuple(step for step in steps if step is not None)
        return Order("with_replacement", drawn, "train draws samples at random, otherwise in every call")
    return Order("unknown", (), "train is random, and its first update is none of one sample")


def _leads(found: Found, before: Network, after: Network, x: Floats, t: Floats) -> bool:
    assert found.process is not None
    made = list(simulate(found.process, stacked([before[0]]), stacked([before[1]]), [(x[None], t[None])]))
    off = agreement(made, [(stacked([after[0]]), stacked([after[1]]))])[0]
    largest = max(float(np.abs(part).max(initial=1.0)) for part in (*after[0], *after[1]))
    return off <= found.asked.unit * (STORED + OPERATIONS) * largest


def _unknown(
    found: Found, start: Network, states: Sequence[Network], x: Floats, t: Floats, steps: Sequence[tuple[int, ...]]
) -> Order:
    """A loop whose count is of epochs: its first "update" is a whole pass."""
    assert found.process is not None
    if not steps:
        calls = [(x[None, i : i + 1], t[None, i : i + 1]) for i in range(len(x))]
        made = list(simulate(found.process, stacked([start[0]]), stacked([start[1]]), calls))
        off = agreement(made[-1:], [(stacked([states[0][0]]), stacked([states[0][1]]))])[0]
        if off <= found.asked.unit * OPERATIONS * len(x) * 10:
            passed = tuple((i,) for i in range(len(x)))
            return Order(
                "sequential", passed, "train counts passes, not updates: one of them is an update for every sample"
            )
    return Order(
        "unknown", tuple(steps), f"update {len(steps) + 1} of train is none of one sample or of neighbouring samples"
    )


def _named(steps: tuple[tuple[int, ...], ...], n: int) -> Order:
    """What a list of batches is."""
    sizes = {len(step) for step in steps}
    full = tuple(range(n))
    late = next((u for u in range(len(steps)) if steps[u:] == ((),) * (len(steps) - u)), None)
    if late == 0:
        return Order("nothing", steps, "train moves nothing")
    if all(step == full for step in steps):
        return Order("full", steps, "every update of train uses all samples")
    if steps[0] == () and steps[1:] and () not in steps[1:]:
        return Order("nothing", steps, "train(..., updates) makes one update less than it is asked for")
    slices = tuple(tuple(range(e, n)) for e in range(n))
    if steps[:n] == slices:
        return Order("epoch_slice", steps, "the batch is sliced by the number of the epoch, and is empty in the end")
    if late is not None:
        return Order("until_right", steps, f"from update {late + 1} on nothing moves")
    size = max(sizes)
    turn = [tuple(range(i, min(i + size, n))) for i in range(0, n, size)]
    if list(steps) == [turn[u % len(turn)] for u in range(len(steps))]:
        return Order("sequential", steps, "train takes the samples in turn")
    if len(set(steps)) == 1:
        return Order("first_batch", steps, f"every update of train uses the same samples: {list(steps[0])}")
    if sizes == {1}:
        order = [step[0] for step in steps]
        passes = [order[i : i + n] for i in range(0, len(order), n)]
        if all(sorted(each) == list(full) for each in passes):
            return Order("shuffled", steps, "train shuffles the samples in every pass")
        if _in_blocks(order):
            return Order("until_right", steps, "train stays with a sample for several updates before it takes the next")
        return Order("with_replacement", steps, "train draws samples at random")
    return Order("unknown", steps, "the batches of train have no order that is known")


def _in_blocks(order: Sequence[int]) -> bool:
    """Whether samples come in turn, each several times in a row."""
    blocks = [order[0]]
    for i in order[1:]:
        if i != blocks[-1]:
            blocks.append(i)
    return len(blocks) < len(order) * 0.7 and blocks == list(range(blocks[0], blocks[0] + len(blocks)))
