"""What is wrong in a training step, as data for the page and for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from runner.diagnosis.order import Order
from runner.diagnosis.process import Process
from runner.diagnosis.terms import Words, right
from runner.diagnosis.wrong import Wrong, wrong_fault, wrong_terms


@dataclass(frozen=True)
class Finding:
    """One term that stands wrong.

    Attributes
    ----------
    term : str
        Which term of the update it is.
    layer : int or None
        The layer of weights, from 1; None where it is all of them, or none.
    says : str
        In words.
    is_, should_be : str
        As formulas.
    fault : str or None
        As the key `faults` of a study has it; None where the formula is known and has no name.
    line : str
        The line of NumPy to look for.
    exact : bool
        Whether a study with this fault trains the same.
    """

    term: str
    layer: int | None
    says: str
    is_: str
    should_be: str
    fault: str | None
    line: str
    exact: bool = True

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "term": self.term,
            "layer": self.layer,
            "says": self.says,
            "is": self.is_,
            "should_be": self.should_be,
            "fault": self.fault,
            "line": self.line,
        }


def findings(
    process: Process, believed_loss: str | None, sizes: Sequence[int], shared_bias: bool = False
) -> list[Finding]:
    """All that is wrong in a training step that is known.

    Parameters
    ----------
    process : Process
    believed_loss : str or None
        The loss that the author says he has.
    sizes : sequence of int
        Units of every layer: over one unit, a sum shows nothing.
    shared_bias : bool
        Whether a layer has one bias for all its units: its step is the sum over them.
    """
    if shared_bias:
        process = _without_sums(process)
    return list(_together(list(wrong_terms(process, believed_loss, sizes))))


def _without_sums(process: Process) -> Process:
    layers = tuple(
        replace(layer, bias_step=right("bias_step")) if layer.bias_step.fault == "bias_step_summed" else layer
        for layer in process.formula.layers
    )
    return replace(process, formula=replace(process.formula, layers=layers))


def _together(wrong: Sequence[Wrong]) -> Iterator[Finding]:
    """One finding for what stands in all layers in which it can."""
    done: set[str] = set()
    for one in wrong:
        key = one.name or one.words.formula
        layers = {other.layer for other in wrong if (other.name or other.words.formula) == key}
        everywhere = layers >= set(one.layers)
        if everywhere and key in done:
            continue
        done.add(key)
        fault: str | None = one.name or None
        if fault and not everywhere:
            fault = f"{fault[:-1]}, layer={one.layer})" if fault.endswith(")") else f"{fault}(layer={one.layer})"
        layer = one.layer if one.layer and (len(layers) == 1 or not everywhere) else None
        words = one.words
        says = words.says[0].upper() + words.says[1:]
        yield Finding(one.term, layer, says, words.formula, one.should_be, fault, words.line, one.exact)


# What a loop does that is wrong: the fault, or words where there is none.
_ORDERS: dict[str, Words] = {
    "nothing": Words("no update, or one too few", "for u in range(1, updates)", "an update is missing"),
}


def order_finding(order: Order, process: Process) -> Finding | None:
    """What is wrong in the order of the samples."""
    if order.fault:
        wrong = wrong_fault(order.fault, "order", process)
    elif order.name in _ORDERS:
        wrong = Wrong("", "order", 0, [0], _ORDERS[order.name], "every sample in turn, or shuffled")
    else:
        return None
    return replace(next(_together([wrong])), says=order.says[0].upper() + order.says[1:])
