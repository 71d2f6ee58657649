"""Arguments that a program takes and does not use: it trains on arrays of its own, or weights of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from runner.diagnosis.find import Found
from runner.diagnosis.functions import Floats
from runner.diagnosis.layouts import Network
from runner.diagnosis.probes import Asked
from runner.terminal import listed

_USE = "it has to use what it is given, and not the file's own"


def ignored_by_update(asked: Asked) -> tuple[str, ...]:
    """The arguments that `update` does not use: of `x`, `y` and `weights and biases`; or `all`, where it moves nothing.

    Two calls are made, as what moves may wait for the second one.
    """
    rng = np.random.default_rng(11)
    (start, (x, t)), (other, (u, v)) = ((asked.network(rng), asked.single(rng)) for _ in range(2))
    plans = ((start, (x, t)), (start, (u, t)), (start, (x, v)), (other, (x, t)))
    answers = asked.program.ask([asked.question(network, [sample, sample]) for network, sample in plans])
    if any("error" in answer for answer in answers):
        return ()
    plain, *changed = [answer["value"][-1] for answer in answers]
    if _same(plain, asked.layout.give(start)):
        return ("all",)
    arguments = ("x", "y", "weights and biases")
    return tuple(name for name, state in zip(arguments, changed, strict=True) if _same(plain, state))


def told_unused(function: str, unused: Sequence[str]) -> str:
    """What a function does not use, in a sentence without a full stop."""
    if "all" in unused:
        return (
            f"{function} moves none of the weights that it is given, and returns no others: it has to change its "
            "arguments weights and biases in place, or to return new ones"
        )
    one = len(unused) == 1 and unused[0] in ("x", "y", "its number of updates")
    return f"{function} gives the same weights whatever {listed([*unused])} {'is' if one else 'are'}: {_USE}"


def ignored_by_train(found: Found) -> tuple[str, ...]:
    """The same of `train`, whose arguments are `inputs`, `targets`, `weights and biases` and `updates`."""
    rng = np.random.default_rng(12)
    asked = found.asked
    rows = len(asked.program.array("inputs"))
    start, other = asked.network(rng), asked.network(rng)
    (x, t), (u, v) = asked.samples(rng, rows), asked.samples(rng, rows)

    def question(network: Network, inputs: Floats, targets: Floats, updates: int = 2 * rows) -> dict[str, Any]:
        weights, biases = asked.layout.give(network)
        given = {"weights": weights, "biases": biases, "inputs": inputs, "targets": targets}
        return {"do": "train", **given, "updates": [updates]}

    questions = [question(start, x, t), question(start, u, t), question(start, x, v), question(other, x, t)]
    answers = asked.program.ask([*questions, question(start, x, t, 3 * rows + 1)])
    if any("error" in answer for answer in answers):
        return ()
    plain, *changed = [answer["value"][0] for answer in answers]
    if _same(plain, asked.layout.give(start)):
        return ("all",)
    arguments = ("its inputs", "its targets", "its weights and biases", "its number of updates")
    return tuple(name for name, state in zip(arguments, changed, strict=True) if _same(plain, state))


def _same(state: Any, other: Any) -> bool:
    """Whether two answers have the same numbers."""
    return all(_equal(one, two) for one, two in zip(state, other, strict=True))


def _equal(one: Sequence[Any] | None, two: Sequence[Any] | None) -> bool:
    if one is None or two is None:
        return one is two
    return len(one) == len(two) and all(np.array_equal(p, q) for p, q in zip(one, two, strict=True))
