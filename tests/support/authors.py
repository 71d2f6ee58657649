"""Authors' programs without files: what `runner.diagnosis` asks, answered in this process by any Python object.

`Author` has the face of `runner.diagnosis.program.Program`. `mistaken` makes one of a network with any faults, as
`support.mistakes` restates them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from runner.registry import Call
from support import mistakes

Step = Callable[[list[Any], list[Any], Any, Any], tuple[list[Any], list[Any]]]


class Author:
    """A program that answers in this process.

    Parameters
    ----------
    keys : mapping
        `architecture`, `learning_rate`, `inputs`, `targets`, and others.
    fresh : callable
        Makes an `update` function with a memory of its own.
    """

    def __init__(self, keys: dict[str, Any], fresh: Callable[[], Step]) -> None:
        self.keys, self.functions, self.path, self._fresh = keys, ("update",), Path("author.py"), fresh

    def ask(self, questions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return [self._answer(question) for question in questions]

    def demand(self, questions: Sequence[dict[str, Any]]) -> list[Any]:
        return [answer["value"] for answer in self.ask(questions)]

    def array(self, name: str) -> Any:
        return np.asarray(self.keys[name], float)

    def problem(self, answer: dict[str, Any]) -> Any:
        return answer["error"]

    def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        assert question["do"] == "update"
        update, states = self._fresh(), []
        weights, biases = question["weights"], question["biases"]
        try:
            with np.errstate(all="ignore"):
                for x, y in question["calls"]:
                    weights, biases = update(weights, biases, x, y)
                    states.append(([w.copy() for w in weights], [b.copy() for b in biases]))
        except (IndexError, ValueError, TypeError) as error:
            return {"error": str(error), "file": "", "line": None}
        return {"value": states}


def cell(architecture: Sequence[int], faults: Sequence[Call], **keys: Any) -> Any:
    """The keys of a run as attributes, enough of them for `support.mistakes`."""
    settings = {"momentum": 0.9, "dampening": 0.0}
    usual = {
        "activation": "sigmoid",
        "output": "sigmoid",
        "loss": "half_sse",
        "bias": "trained",
        "optimizer": "sgd",
        "learning_rate": 0.3,
        "weight_decay": 0.0,
        "batch": "full",
        "parameterization": "standard",
        "shortcuts": None,
        "gain": None,
    }
    found = SimpleNamespace(
        architecture=tuple(architecture), faults=tuple(faults), setting=settings.__getitem__, **(usual | keys)
    )
    found.bias_learning_rate = found.learning_rate
    return found


def mistaken(made: Any) -> Author:
    """A program with the faults of a cell."""
    sizes, rng = made.architecture, np.random.default_rng(0)

    def fresh() -> Step:
        n = sum((i + 1) * o for i, o in pairwise(sizes))
        program = mistakes.Program(made, np.zeros(n))

        def update(weights: list[Any], biases: list[Any], x: Any, y: Any) -> tuple[list[Any], list[Any]]:
            made.data_set = SimpleNamespace(inputs=x, targets=y)
            program.W[1:], program.b[1:] = [w.copy() for w in weights], [b.copy() for b in biases]
            if program.has("bias_per_weight"):
                mistakes._weight_by_weight(program, x, y)
            else:
                program.learn(x, y)
            return program.W[1:], program.b[1:]

        return update

    keys = {
        "architecture": "-".join(map(str, sizes)),
        "learning_rate": made.learning_rate,
        "loss": made.loss,
        "inputs": rng.normal(size=(6, sizes[0])),
        "targets": rng.random((6, sizes[-1])),
    }
    return Author(keys, fresh)
