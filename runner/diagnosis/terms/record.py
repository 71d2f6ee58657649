"""What a term is: one factor of an update's formula as it may stand in a program, right or wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runner.diagnosis.forward import Pass
from runner.ops.faults import FAULTS

Applies = Callable[[Pass, int], bool]


def _anywhere(p: Pass, k: int) -> bool:
    return True


@dataclass(frozen=True)
class Words:
    """What is said of a term that is no fault of the registry.

    Attributes
    ----------
    formula, line : str
        In mathematics, and the line of NumPy to look for.
    says : str
        A sentence about it, without a full stop.
    """

    formula: str
    line: str
    says: str


@dataclass(frozen=True)
class Term:
    """One term as it may stand in a program.

    Attributes
    ----------
    slot : str
        Which term of the update it is.
    fault : str
        Name of the fault, as `runner.ops.faults` has it; "" where the term is right, or is wrong and has no name.
    words : Words
        Those of the registry, where it has the fault.
    value : callable
        Its arrays; what it takes is said at its table.
    applies : callable
        From a pass and a layer to whether the term can stand there.
    batch : bool
        Whether it only differs from the right one where an update has several samples.
    wrong : bool
    exact : bool
        Whether the fault of this name is the same formula, so that a study can train it.
    loss : str
        The loss whose constants, or whose value, stand in the term; "" for any.
    """

    slot: str
    fault: str
    words: Words
    value: Callable[..., Any]
    applies: Applies
    batch: bool = False
    wrong: bool = True
    exact: bool = True
    loss: str = ""

    @property
    def formula(self) -> str:
        """In mathematics."""
        return self.words.formula

    @property
    def line(self) -> str:
        """The line of NumPy to look for."""
        return self.words.line


class Table(list[Term]):
    """The terms that may stand in one slot; the first is the right one.

    Parameters
    ----------
    slot : str
    """

    def __init__(self, slot: str) -> None:
        super().__init__()
        self.slot = slot

    def add(self, what: str | Words, value: Callable[..., Any], applies: Applies = _anywhere, **facts: Any) -> Term:
        """Add a term, named by its fault (`slope_of(tanh)`) or described in words.

        Parameters
        ----------
        what : str or Words
        value, applies : callable
        **facts
            Other attributes of the term.
        """
        fault, words = ("", what) if isinstance(what, Words) else (what, _registered(what))
        term = Term(self.slot, fault, words, value, applies, **({"wrong": bool(self)} | facts))
        self.append(term)
        return term


def _registered(fault: str) -> Words:
    """What the registry says of a fault: the words of the documentation of studies."""
    record = FAULTS[fault.split("(")[0]]
    return Words(record.formula, record.line, record.doc.rstrip("."))
