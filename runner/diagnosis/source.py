"""The lines of an author's file in which a term stands: those whose value it is, in every one of many updates.

Single updates from generic weights are made once more, and every value that a line gives is kept. A line is named only
if its value is what the formula says there, in all of them: the error of a layer but for a constant, what a layer puts
out, or the weights and biases that the update leaves. Where no line has it, as in a program that leaves gradients to a
library, none is named.
"""

from __future__ import annotations

import linecache
import os
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from textwrap import shorten
from typing import Any

import numpy as np

from runner.diagnosis.find import Found
from runner.diagnosis.formula import gradient, stacked
from runner.diagnosis.functions import Floats
from runner.diagnosis.terms import right
from runner.diagnosis.watched import RETURNED

UPDATES = 8
# Of a quantity that is known but for a constant, numbers that prove it.
_ENOUGH = 6
# Characters of a statement that are shown.
_LONGEST = 100
Quantity = tuple[str, int]


@dataclass(frozen=True)
class Line:
    """A line of an author's program.

    Attributes
    ----------
    file : str
        Its name, without folders.
    number : int
        From 1.
    text : str
        The whole statement, without the spaces before it.
    """

    file: str
    number: int
    text: str

    def place(self, file: str) -> str:
        """What it is called, where another file is spoken of, or this one."""
        return f"line {self.number}" if self.file == file else f"{self.file}, line {self.number}"

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"file": self.file, "number": self.number, "text": self.text}


@dataclass(frozen=True, eq=False)
class _Values:
    """What an expression of a line had, each time: numbers of shape (updates, size), and which call it was in."""

    at: int
    line: tuple[str, tuple[int, int]]
    text: str
    place: tuple[str, int]
    numbers: Floats


@dataclass(frozen=True, eq=False)
class _Wanted:
    """A quantity: its numbers in every update, in the orders in which a program may have them."""

    orders: tuple[Floats, ...]
    exact: bool


def find_lines(found: Found) -> dict[Quantity, Line]:
    """The line of each quantity of an update.

    Quantities are `activation`, `sum`, `into` (dE/da), `error` (dE/dz), `slope` (the second divided by the first),
    `gradient`, `weights` and `biases` (as the update leaves them), each with its layer from 1. One is missing where no
    line is sure to be its own.
    """
    asked = found.asked
    if found.process is None or asked.repeats != 1:
        return {}
    rng = np.random.default_rng(5)
    starts = [(asked.network(rng), asked.single(rng)) for _ in range(UPDATES)]
    questions = [asked.question(start, [sample]) | {"do": "watch"} for start, sample in starts]
    answers = [answer["value"] for answer in asked.program.ask(questions) if "value" in answer]
    if len(answers) < UPDATES or any(values is None for _, values in answers):
        return {}
    kept = list(_kept([values for _, values in answers]))
    wanted = _wanted(found, starts, [state for state, _ in answers])
    tolerance = 1e-9 if asked.unit < 1e-12 else 1e-4
    matches = {quantity: list(_matches(kept, one, tolerance)) for quantity, one in wanted.items()}
    lines: dict[Quantity, Line] = {}
    times: dict[str, set[int]] = {}
    for (kind, _), parts in matches.items():
        times.setdefault(kind, set()).update(one.at for part in parts for one in part)
    for quantity, parts in matches.items():
        for part in parts:
            # A slope that is the activation itself has no line of its own.
            if quantity[0] == "slope" and part[-1].at in times["activation"] | times["sum"]:
                continue
            if _is_its_own(part[-1], kept, times[quantity[0]], quantity[0]):
                lines[quantity] = _line(*part[-1].line)
                break
    return lines


def _is_its_own(value: _Values, kept: Sequence[_Values], times: Set[int], kind: str) -> bool:
    """Whether a line gives such quantities and nothing else: one of a function that multiplies may be anything."""
    same = [one for one in kept if (one.line, one.text) == (value.line, value.text)]
    if value.text == RETURNED and kind != "activation":
        return False
    once = len({one.place for one in same}) == 1 and value.text != RETURNED
    return once or {one.at for one in same} <= times


def _kept(values: Sequence[Sequence[tuple[str, tuple[int, int], str, tuple[str, int], Floats]]]) -> Iterator[_Values]:
    """Values that every update has in the same order."""
    ways = [
        [(file, line, text, place, np.shape(number)) for file, line, text, place, number in each] for each in values
    ]
    if any(way != ways[0] for way in ways):
        return
    for at, (file, line, text, place, _) in enumerate(values[0]):
        yield _Values(at, (file, line), text, place, np.stack([np.ravel(each[at][4]) for each in values]))


def _wanted(found: Found, starts: Sequence[Any], states: Sequence[Any]) -> dict[Quantity, _Wanted]:
    """The quantities of these updates, as the formula has them."""
    assert found.process is not None
    asked, formula = found.asked, found.process.formula
    W, b = stacked([start[0] for start, _ in starts]), stacked([start[1] for start, _ in starts])
    x, t = np.stack([x for _, (x, _) in starts]), np.stack([t for _, (_, t) in starts])
    taken = [asked.taken(state, start) for state, (start, _) in zip(states, starts, strict=True)]
    if any(state is None for state in taken):
        return {}
    after = stacked([state[0] for state in taken if state is not None])
    with np.errstate(all="ignore"):
        g = gradient(formula, W, b, x, t, lambda k, _: after[k])
    wanted: dict[Quantity, _Wanted] = {}
    for k, layer in enumerate(formula.layers):
        n = k + 1
        wanted["sum", n] = _Wanted((g.passed.z[k][:, 0],), True)
        wanted["activation", n] = _Wanted((g.passed.a[n][:, 0],), True)
        wanted["into", n], wanted["error", n] = (_Wanted((part[k][:, 0],), False) for part in (g.e, g.d))
        if layer.extra is right("extra"):
            with np.errstate(all="ignore"):
                wanted["slope", n] = _Wanted(((g.d[k] / g.e[k])[:, 0],), True)
        wanted["gradient", n] = _Wanted((g.weights[k], g.weights[k].transpose(0, 2, 1)), False)
        for name, parts in zip(("weights", "biases"), zip(*states, strict=True), strict=True):
            if all(part is not None for part in parts):
                wanted[name, n] = _Wanted((np.stack([np.asarray(part[k], float) for part in parts]),), True)
    return {
        quantity: _Wanted(tuple(order.reshape(len(order), -1) for order in one.orders), one.exact)
        for quantity, one in wanted.items()
    }


def _matches(kept: Sequence[_Values], wanted: _Wanted, tolerance: float) -> Iterator[list[_Values]]:
    """Values that are a quantity, the first one first: one value, or several of the same line one after the other."""
    size = wanted.orders[0].shape[1]
    before: dict[tuple[tuple[str, tuple[int, int]], str], list[_Values]] = {}
    for one in kept:
        same = before.setdefault((one.line, one.text), [])
        same.append(one)
        width = one.numbers.shape[1]
        if size % width or len(same) < size // width:
            continue
        part = same[-(size // width) :]
        if any(each.numbers.shape[1] != width for each in part):
            continue
        numbers = np.hstack([each.numbers for each in part])
        if any(_is(numbers, order, wanted.exact, tolerance) for order in wanted.orders):
            yield part


def _is(numbers: Floats, wanted: Floats, exact: bool, tolerance: float) -> bool:
    """Whether numbers are those that are wanted; if not exactly, then all of them times the same constant."""
    if not (np.isfinite(numbers).all() and np.isfinite(wanted).all()) or np.count_nonzero(wanted) < _ENOUGH:
        return False
    factor = 1.0 if exact else float((numbers * wanted).sum() / (wanted * wanted).sum())
    off = np.abs(numbers - factor * wanted).max(axis=1)
    return bool(factor and (off <= tolerance * np.abs(factor * wanted).max(axis=1)).all())


# Quantities in whose lines a term stands, the best first; those of a fault, before those of its term.
_TERMS: Mapping[str, tuple[str, ...]] = {
    "signal": ("into", "error"),
    "slope": ("slope", "error"),
    "sent_back": ("into", "error"),
    "way_back": ("into", "error"),
    "factor": ("gradient", "weights"),
    "bias_step": ("biases",),
    "forward": ("activation",),
}
_FAULTS: Mapping[str, tuple[str, ...]] = {
    "exponent_sign": ("activation",),
    "round_outputs": ("activation",),
    "round_sums": ("sum",),
    "sum_from_last_output": ("sum",),
    "round_errors": ("error",),
    "round_weights": ("weights",),
    "activation_factor": ("error",),
    "ascent": ("weights",),
    "weight_ascent": ("weights",),
    "bias_ascent": ("biases",),
    "weight_set_to_step": ("weights",),
    "bias_set_to_step": ("biases",),
    "output_twice": (),
}


def lines_of(lines: Mapping[Quantity, Line], term: str, fault: str | None, layers: Sequence[int]) -> tuple[Line, ...]:
    """The lines in which a term of some layers stands."""
    kinds = _FAULTS.get((fault or "").split("(")[0], _TERMS.get(term, ()))
    found = set()
    for layer in layers:
        line = next((lines[kind, layer] for kind in kinds if (kind, layer) in lines), None)
        if line is None:
            continue
        found.add(line)
        # Which of two signs is the wrong one can not be told: that of the error, or that of the step.
        if (fault or "").split("(")[0].endswith("ascent") and ("error", layer) in lines:
            found.add(lines["error", layer])
    return tuple(sorted(found, key=lambda line: (line.file, line.number)))


def _line(file: str, lines: tuple[int, int]) -> Line:
    text = " ".join(linecache.getline(file, number).strip() for number in range(lines[0], lines[1] + 1))
    return Line(os.path.basename(file), lines[0], shorten(text, _LONGEST, placeholder=" ..."))
