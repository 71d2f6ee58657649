"""What is wrong in a training step, as data for the page and for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from runner.diagnosis.joined import Place, joined, places
from runner.diagnosis.order import Order
from runner.diagnosis.process import Process
from runner.diagnosis.source import Line, Quantity, lines_of
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
        As formulas. Where other mistakes are in the same line, it is the whole line, with all of them.
    fault : str or None
        As the key `faults` of a study has it; None where the formula is known and has no name.
    line : str
        The line of NumPy to look for.
    exact : bool
        Whether a study with this fault trains the same.
    together : str
        Which line it is in, where other mistakes are in it: `error`, `weights`, `biases` or `activation`; else "".
    layers : tuple of int
        All layers in which it stands; that of the outputs for what belongs to no layer.
    source : tuple of Line
        The lines of the author's file in which it stands, as far as that is sure.
    """

    term: str
    layer: int | None
    says: str
    is_: str
    should_be: str
    fault: str | None
    line: str
    exact: bool = True
    together: str = ""
    layers: tuple[int, ...] = ()
    source: tuple[Line, ...] = ()

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
            "source": [line.as_json() for line in self.source],
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
    wrong = list(wrong_terms(process, believed_loss, sizes))
    return _in_order([_in_line(process, finding, one, wrong) for finding, one in _together(wrong)])


def _without_sums(process: Process) -> Process:
    layers = tuple(
        replace(layer, bias_step=right("bias_step")) if layer.bias_step.fault == "bias_step_summed" else layer
        for layer in process.formula.layers
    )
    return replace(process, formula=replace(process.formula, layers=layers))


def _together(wrong: Sequence[Wrong]) -> Iterator[tuple[Finding, Sequence[Wrong]]]:
    """One finding for what stands in all layers in which it can, with the wrong terms that it is about."""
    done: set[str] = set()
    for one in wrong:
        key = _key(one)
        same = [other for other in wrong if _key(other) == key]
        layers = {other.layer for other in same}
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
        finding = Finding(one.term, layer, says, words.formula, one.should_be, fault, words.line, one.exact)
        yield finding, same if everywhere else [one]


def _key(one: Wrong) -> str:
    return one.name or one.words.formula


def _in_line(process: Process, finding: Finding, of: Sequence[Wrong], wrong: Sequence[Wrong]) -> Finding:
    """A finding with its layers, and with the formula of its whole line where the same line has other mistakes."""
    n = len(process.formula.layers)
    finding = replace(finding, layers=tuple(sorted({one.layer or n for one in of})))
    own = [place for one in of for place in places(one, n)]
    others = {place for one in wrong if one not in of for place in places(one, n)}
    shared: list[Place] = [place for place in own if place in others]
    if not shared:
        return finding
    stands, should = joined(process, own)
    return replace(finding, is_=stands, should_be=should, together=shared[0][0])


def with_lines(found: Sequence[Finding], lines: Mapping[Quantity, Line]) -> list[Finding]:
    """Findings with the lines of the author's file in which they stand."""
    return [replace(one, source=lines_of(lines, one.term, one.fault, one.layers)) for one in found]


def _in_order(found: Sequence[Finding]) -> list[Finding]:
    """Mistakes of one line beside each other."""
    firsts: dict[object, int] = {}
    for at, finding in enumerate(found):
        firsts.setdefault(line_of(finding), at)
    return sorted(found, key=lambda finding: firsts[line_of(finding)])


def line_of(finding: Finding) -> object:
    """What the mistakes of one line have in common, and no other has."""
    return (finding.together, finding.is_) if finding.together else finding


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
    return replace(next(_together([wrong]))[0], says=order.says[0].upper() + order.says[1:])
