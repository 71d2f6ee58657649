"""Which samples a program's own loop takes: in turn, shuffled, always the same, or the same one until it is right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, permutations, product
from typing import Any

import numpy as np

from runner.diagnosis.find import Found
from runner.diagnosis.formula import stacked
from runner.diagnosis.forward import run_forward
from runner.diagnosis.functions import Floats
from runner.diagnosis.layouts import Network
from runner.diagnosis.match import OPERATIONS, STORED
from runner.diagnosis.process import State, agreement, call

# Samples that are looked at, where the program takes any number of them; passes over them; updates at most.
SAMPLES, PASSES, MOST = 4, 3, 40
# Up to so many samples, all their subsets are tried as batches, and with so few their permutations.
_SUBSETS, _PERMUTED = 8, 4
# Halvings of the interval in which a tolerance lies.
_HALVINGS = 24

Places = tuple[int, ...]


@dataclass(frozen=True)
class Batch:
    """The samples of one update: where its inputs stand in the data, and where its targets do."""

    inputs: Places
    targets: Places

    @property
    def apart(self) -> bool:
        """Whether inputs have targets of other samples."""
        return self.inputs != self.targets


@dataclass(frozen=True)
class Order:
    """What a loop does.

    Attributes
    ----------
    name : str
        `sequential`, `shuffled`, `with_replacement`, `full`, `first_batch`, `until_right`, `epoch_slice`, `apart`,
        `stops`, `nothing` or `unknown`.
    batches : tuple of Batch or None
        Of every update that was asked for; None where nothing moved.
    says : str
        In words.
    fault : str
        As the key `faults` of a study has it; "" where there is none.
    """

    name: str
    batches: tuple[Batch | None, ...]
    says: str
    fault: str = ""


@dataclass(frozen=True, eq=False)
class _Loop:
    """A program's loop from one start on some samples."""

    found: Found
    start: Network
    x: Floats
    t: Floats

    def states(self, updates: Sequence[int]) -> list[Network] | None:
        """Weights after so many updates, each asked for by itself, from the state in which the file was loaded."""
        asked = self.found.asked
        weights, biases = asked.layout.give(self.start)
        question: dict[str, Any] = {"do": "train", "weights": weights, "biases": biases}
        question |= {"inputs": self.x, "targets": self.t}
        taken = []
        for answer in asked.program.ask([{**question, "updates": [n]} for n in updates]):
            taken.append(None if "error" in answer else asked.taken(answer["value"][0], self.start))
        return None if any(state is None for state in taken) else [state for state in taken if state is not None]

    def begin(self) -> State:
        """Where the restatement begins."""
        return State.begin(stacked([self.start[0]]), stacked([self.start[1]]))

    def moved(self, state: State, batch: Batch) -> State:
        """The restatement after one more update."""
        assert self.found.process is not None
        new = replace(state, memory=list(state.memory))
        with np.errstate(all="ignore"):
            call(self.found.process, new, self.x[None, list(batch.inputs)], self.t[None, list(batch.targets)])
        return new

    def agrees(self, state: State, network: Network, updates: int = 1) -> bool:
        """Whether the restatement has the weights of the program, to the rounding of some updates."""
        off = agreement([(state.W, state.b)], [(stacked([network[0]]), stacked([network[1]]))])[0]
        largest = max(float(np.abs(part).max(initial=1.0)) for part in (*network[0], *network[1]))
        return off <= self.found.asked.unit * (STORED + OPERATIONS) * updates * largest

    def follow(self, states: Sequence[Network]) -> tuple[list[Batch | None], State]:
        """The samples of each update, as far as they can be told, and the restatement there."""
        steps: list[Batch | None] = []
        state, before = self.begin(), self.start
        for made, network in enumerate(states, start=1):
            if _equal(before, network):
                steps.append(None)
                continue
            last = next((step for step in reversed(steps) if step is not None), None)
            for batch in _batches(len(self.x), last):
                new = self.moved(state, batch)
                if self.agrees(new, network, made):
                    break
            else:
                return steps, state
            steps.append(batch)
            state, before = new, network
        return steps, state


def find_order(found: Found) -> Order | None:
    """The order of samples in the author's `train`; None where there is none, or the update is not known.

    It is asked for 1, 2, 3, ... updates from the same weights: what each adds is held against an update on every
    sample, on every set of samples, and on inputs with the targets of other samples.
    """
    asked = found.asked
    if "train" not in asked.program.functions or found.process is None or not found.memory_known:
        return None
    rows = len(asked.program.array("inputs"))
    order = None
    for n in dict.fromkeys((min(rows, SAMPLES), rows)):
        rng = np.random.default_rng(7)
        loop = _Loop(found, asked.network(rng), *asked.samples(rng, n))
        states = loop.states(range(1, min(PASSES * n, MOST) + 1))
        if states is None:
            continue
        other = _order(loop, states)
        if order is None or other.name != "unknown":
            order = other
        # A batch that is larger than these few samples shows among more of them.
        if order.name not in ("full", "unknown"):
            break
    return order


def _order(loop: _Loop, states: Sequence[Network]) -> Order:
    again = loop.states([1, 2, 3, 4])
    if again is None or any(not _equal(p, q) for p, q in zip(again, states, strict=False)):
        return _at_random(loop)
    steps, _ = loop.follow(states)
    if len(steps) < len(states):
        return _passes(loop, states) if not steps else _unknown(steps)
    return _named(loop, tuple(steps))


def _batches(n: int, last: Batch | None) -> Iterator[Batch]:
    """What an update may be made of, the likeliest first: as many samples as the last had, one, or all."""
    size = len(last.inputs) if last else 1
    sizes = dict.fromkeys((size, 1, n, *range(2, n)))
    whole: list[Places] = []
    for size in sizes:
        if n <= _SUBSETS:
            whole += combinations(range(n), size)
        else:
            whole += [tuple(range(i, i + size)) for i in range(n - size + 1)]
    apart: list[tuple[Places, Places]] = [((i,), (j,)) for i, j in product(range(n), repeat=2) if i != j]
    if n <= _PERMUTED:
        apart += [
            (chosen, other)
            for size in range(2, n + 1)
            for chosen in combinations(range(n), size)
            for other in permutations(range(n), size)
            if chosen != other
        ]
    together = [Batch(places, places) for places in whole]
    mixed = [Batch(*pair) for pair in apart]
    yield from (*mixed, *together) if last is not None and last.apart else (*together, *mixed)


def _equal(one: Network, other: Network) -> bool:
    return all(np.array_equal(p, q) for p, q in zip((*one[0], *one[1]), (*other[0], *other[1]), strict=True))


def _at_random(loop: _Loop) -> Order:
    """A loop that draws otherwise in every call: its first updates say of how many samples they are."""
    firsts = [states[0] for _ in range(6) if (states := loop.states([1]))]
    steps = [step for state in firsts for step in loop.follow([state])[0]]
    drawn = tuple(step for step in steps if step is not None)
    if len(drawn) < len(firsts):
        return Order("unknown", drawn, "train is random, and its first update is of no samples that can be told")
    if any(step.apart for step in drawn):
        return _apart(drawn)
    if all(len(step.inputs) == len(loop.x) for step in drawn):
        return Order("full", drawn, "every update of train uses all samples")
    return Order("with_replacement", drawn, "train draws samples at random, otherwise in every call")


def _apart(steps: tuple[Batch | None, ...]) -> Order:
    says = "train learns the inputs of one sample with the targets of another: inputs are shuffled apart from targets"
    return Order("apart", steps, says, "inputs_shuffled_apart")


def _unknown(steps: Sequence[Batch | None]) -> Order:
    return Order("unknown", tuple(steps), f"update {len(steps) + 1} of train is of no samples that can be told")


def _passes(loop: _Loop, states: Sequence[Network]) -> Order:
    """A loop whose count is of passes: its first "update" is one for every sample."""
    n = len(loop.x)
    orders = permutations(range(n)) if n <= _PERMUTED else [tuple(range(n)), tuple(reversed(range(n)))]
    for order in orders:
        state = loop.begin()
        for i in order:
            state = loop.moved(state, Batch((i,), (i,)))
        if loop.agrees(state, states[0], n):
            passed = tuple(Batch((i,), (i,)) for i in order)
            name = "sequential" if list(order) == sorted(order) else "shuffled"
            return Order(name, passed, "train counts passes, not updates: one of them is an update for every sample")
    return _unknown(())


def _named(loop: _Loop, steps: tuple[Batch | None, ...]) -> Order:
    """What a list of batches is."""
    n = len(loop.x)
    late = next((u for u in range(len(steps)) if not any(steps[u:])), None)
    if late == 0:
        return Order("nothing", steps, "train moves nothing")
    if steps[0] is None and steps[1:] and None not in steps[1:]:
        return Order("nothing", steps, "train(..., updates) makes one update less than it is asked for")
    made = [step for step in steps[:late] if step is not None]
    if any(step.apart for step in made):
        return _apart(steps)
    places = [step.inputs for step in made]
    if late is not None:
        slices = [tuple(range(e, n)) for e in range(n)]
        if places == slices[:late]:
            says = "the batch is sliced by the number of the epoch, and is empty in the end"
            return Order("epoch_slice", steps, says, "epoch_slice")
        says = f"from update {late + 1} on nothing moves: train stops before its updates are made"
        return _until_right(loop, steps) or Order("stops", steps, says)
    return _of_all(loop, steps, places)


def _of_all(loop: _Loop, steps: tuple[Batch | None, ...], places: list[Places]) -> Order:
    """What a loop is that makes every update."""
    n, full = len(loop.x), tuple(range(len(loop.x)))
    size = max(len(chosen) for chosen in places)
    turn = [tuple(range(i, min(i + size, n))) for i in range(0, n, size)]
    if all(chosen == full for chosen in places):
        return Order("full", steps, "every update of train uses all samples")
    if len(set(places)) == 1 or (size == 1 and _in_blocks([chosen[0] for chosen in places])):
        if size == 1 and (found := _until_right(loop, steps)):
            return found
        if len(set(places)) == 1:
            says = f"every update of train uses the same samples: {list(places[0])}, counted from 0"
            return Order("first_batch", steps, says, "first_batch" if places[0][0] == 0 else "")
    if places == [turn[u % len(turn)] for u in range(len(places))]:
        return Order("sequential", steps, "train takes the samples in turn")
    drawn = [i for chosen in places for i in chosen]
    whole = [drawn[i : i + n] for i in range(0, len(drawn), n)]
    if all(sorted(each) == list(full)[: len(each)] or len(set(each)) == len(each) for each in whole):
        return Order("shuffled", steps, "train shuffles the samples in every pass")
    return Order("with_replacement", steps, "train draws samples at random")


def _in_blocks(order: Sequence[int]) -> bool:
    """Whether samples come in turn, each several times in a row."""
    blocks = [order[0]]
    for i in order[1:]:
        if i != blocks[-1]:
            blocks.append(i)
    return len(blocks) < len(order) * 0.7 and blocks == list(range(blocks[0], blocks[0] + len(blocks)))


def _until_right(loop: _Loop, steps: tuple[Batch | None, ...]) -> Order | None:
    """A loop that stays with a sample until it is right: it leaves out one whose target is its output already.

    How far from it a target may be is the tolerance.
    """
    assert loop.found.process is not None
    W, b = stacked([loop.start[0]]), stacked([loop.start[1]])
    y = run_forward(loop.found.process.formula.forward, W, b, loop.x[None], loop.t[None]).y[0]

    def skips(distance: float) -> bool:
        """Whether the first update is of another sample, with the first target so far from its output."""
        t = loop.t.copy()
        t[0] = y[0]
        t[0, 0] += distance
        changed = replace(loop, t=t)
        states = changed.states([1])
        if states is None or _equal(states[0], loop.start):
            return False
        return not changed.agrees(changed.moved(changed.begin(), Batch((0,), (0,))), states[0])

    if not skips(1e-9) or skips(10.0):
        return None
    low, high = 1e-9, 10.0
    for _ in range(_HALVINGS):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if skips(middle) else (low, middle)
    digits = next(d for d in range(1, 17) if low * (1 - 1e-6) <= float(f"{high:.{d}g}") <= high * (1 + 1e-6))
    tolerance = float(f"{high:.{digits}g}")
    says = f"train stays with a sample until its error is at most {tolerance:g}, and then takes the next"
    return Order("until_right", steps, says, f"until_right({tolerance:g})")
