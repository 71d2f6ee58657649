"""Arguments that a program takes and does not use: it trains on arrays of its own, or weights of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from runner.diagnosis.find import Found
from runner.terminal import listed

_USE = "it has to use what it is given, and not the file's own"


def ignored_by_update(found: Found) -> str:
    """What `update` does not use, in a sentence without a full stop; "" where it uses everything."""
    rng = np.random.default_rng(11)
    asked = found.asked
    (start, (x, t)), (other, (u, v)) = ((asked.network(rng), asked.single(rng)) for _ in range(2))
    plans = ((start, (x, t)), (start, (u, t)), (start, (x, v)), (other, (x, t)))
    answers = asked.program.ask([asked.question(network, [sample]) for network, sample in plans])
    if any("error" in answer for answer in answers):
        return ""
    plain, *changed = [answer["value"][0] for answer in answers]
    given = asked.layout.give(start)
    if _same(plain, given):
        return (
            "update moves none of the weights that it is given, and returns no others: it has to change its arguments "
            "weights and biases in place, or to return new ones"
        )
    arguments = ["x", "y", "weights and biases"]
    unused = [name for name, state in zip(arguments, changed, strict=True) if _same(plain, state)]
    if not unused:
        return ""
    return f"update gives the same weights whatever {listed(unused)} {'are' if unused != ['x'] else 'is'}: {_USE}"


def ignored_by_train(found: Found) -> str:
    """What `train` does not use, in a sentence without a full stop; "" where it uses everything, or fails."""
    rng = np.random.default_rng(12)
    asked = found.asked
    rows = len(asked.program.array("inputs"))
    start, other = asked.network(rng), asked.network(rng)
    (x, t), (u, v) = asked.samples(rng, rows), asked.samples(rng, rows)

    def question(network: Any, inputs: Any, targets: Any) -> dict[str, Any]:
        weights, biases = asked.layout.give(network)
        what = {"do": "train", "weights": weights, "biases": biases, "inputs": inputs, "targets": targets}
        return {**what, "updates": [2 * rows]}

    questions = [question(start, x, t), question(start, u, t), question(start, x, v), question(other, x, t)]
    questions.append({**questions[0], "updates": [3 * rows + 1]})
    answers = asked.program.ask(questions)
    if any("error" in answer for answer in answers):
        return ""
    plain, *changed = [answer["value"][0] for answer in answers]
    if _same(plain, asked.layout.give(start)):
        return (
            "train moves none of the weights that it is given, and returns no others: it has to change its arguments "
            "weights and biases in place, or to return new ones"
        )
    arguments = ["inputs", "targets", "weights and biases", "updates"]
    unused = [name for name, state in zip(arguments, changed, strict=True) if _same(plain, state)]
    if not unused:
        return ""
    return f"train gives the same weights whatever its {listed(unused)} are: {_USE}"


def _same(state: Any, other: Any) -> bool:
    """Whether two answers have the same numbers."""
    return all(_equal(one, two) for one, two in zip(state, other, strict=True))


def _equal(one: Sequence[Any] | None, two: Sequence[Any] | None) -> bool:
    if one is None or two is None:
        return one is two
    return len(one) == len(two) and all(np.array_equal(p, q) for p, q in zip(one, two, strict=True))
