"""The terms of a program in the order of an update: what stands in each, and whether it is right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from runner.diagnosis.findings import Finding
from runner.diagnosis.functions import FUNCTIONS
from runner.diagnosis.process import BATCHES, Process
from runner.diagnosis.result import Diagnosis
from runner.diagnosis.terms import NO_SLOPE, Term
from runner.terminal import listed

_NAMES = {
    "forward": "forward pass",
    "signal": "error of the outputs",
    "sent_back": "error that goes back",
    "way_back": "way back through the weights",
    "factor": "factor of the gradient",
    "bias_step": "step of the biases",
    "direction": "step of the weights",
    "batch": "samples of an update",
    "order": "order of the samples",
    "memory": "from update to update",
    "arithmetic": "rounding",
    # Lines in which several terms stand.
    "error": "error",
    "weights": "step of the weights",
    "biases": "step of the biases",
    "activation": "forward pass",
}


@dataclass(frozen=True)
class Part:
    """One term of one layer, or of several in which the same stands.

    Attributes
    ----------
    term : str
    layers : tuple of int
        From 1; empty where it belongs to none.
    stands : str
        The formula that stands there.
    line : str
        The same in NumPy; "" where that says no more.
    finding : Finding or None
        What is wrong with it; None where it is right.
    """

    term: str
    layers: tuple[int, ...]
    stands: str
    line: str = ""
    finding: Finding | None = None

    @property
    def place(self) -> str:
        """What it is and where."""
        return place(self.term, self.layers)


def place(term: str, layers: Sequence[int] | int | None) -> str:
    """What a term is called, and in which layer or layers it stands."""
    name = _NAMES.get(term, term.replace("_", " "))
    name = name[0].upper() + name[1:]
    if not layers:
        return name
    layers = [layers] if isinstance(layers, int) else layers
    many = "layer" if len(layers) == 1 else "layers"
    return f"{name}, {many} {listed([str(layer) for layer in sorted(layers)])}"


def anatomy(diagnosis: Diagnosis) -> list[Part]:
    """All terms that are known, in the order of an update; none where the formula of an update is not known."""
    found = diagnosis.found
    if found is None or found.process is None:
        return []
    parts = list(_told(diagnosis, list(_parts(found.process, found.asked.layout.biases != "none"))))
    together = []
    for _, group in groupby(parts, lambda part: (part.term, part.stands, part.finding)):
        same = list(group)
        together.append(replace(same[0], layers=tuple(layer for part in same for layer in part.layers)))
    return together


def _parts(process: Process, biased: bool) -> Iterator[Part]:
    """As they stand, with the findings' names of terms."""
    formula, n = process.formula, len(process.formula.layers)
    for k, name in enumerate(formula.forward.functions):
        # Whether the slope fits or not decides if this is a mistake, and the finding is one of the slope.
        if name == "falling_sigmoid" and formula.layers[k].slope.wrong:
            continue
        outside = k in formula.forward.outside
        inner = "W x" if outside or not biased else "W x + b"
        stands = f"a = f({inner}){' + b' if outside else ''}, f(z) = {FUNCTIONS[name].formula}"
        yield Part("forward", (k + 1,), stands)
    yield _part(formula.signal, "signal", None, f"dE/dy = {formula.signal.formula}")
    for k in reversed(range(n)):
        layer = formula.layers[k]
        if k < n - 1:
            above = formula.layers[k + 1]
            yield _part(above.sent, "sent_back", k + 1, f"{above.sent.formula} goes back")
            yield _part(above.way, "way_back", k + 1, f"e_j = {above.way.formula}")
        slope = f"d = f' e, f' = {FUNCTIONS[formula.forward.functions[k]].slope_line}"
        if layer.slope is NO_SLOPE and k == n - 1:
            slope = "d = y - t: of the cross-entropy, where the slope cancels"
        yield _part(layer.slope, "slope", k + 1, slope)
        yield _part(layer.factor, "factor", k + 1, f"g_ji = {layer.factor.formula}")
        if layer.bias_rate:
            yield _part(layer.bias_step, "bias_step", k + 1, f"dE/db_j = {layer.bias_step.formula}")
        # What a weight that is set, or is not moved at all, has instead is a finding of its own.
        if layer.rate and layer.keep:
            yield Part("direction", (k + 1,), f"w {'+' if layer.rate < 0 else '-'}= h g")
    yield Part("batch", (), f"of several samples, {BATCHES[process.batch]}")


def _part(term: Term, name: str, layer: int | None, stands: str) -> Part:
    return Part(name, () if layer is None else (layer,), stands, "" if term.wrong else term.line)


def _told(diagnosis: Diagnosis, parts: list[Part]) -> Iterator[Part]:
    """The parts, each wrong one with its finding, and at the end the findings that are of no part."""
    left = list(diagnosis.findings)
    used: list[Finding] = []
    for part in parts:
        here = [f for f in left if f.term == part.term and (f.layer is None or f.layer in part.layers)]
        # What is wrong in all hidden layers is not said of the outputs.
        outputs = part.layers == (len(diagnosis.found.asked.sizes) - 1,) if diagnosis.found else False
        here = [f for f in here if not (outputs and f.fault in ("no_hidden_slope",))]
        for finding in here:
            used.append(finding)
            yield replace(part, stands=finding.is_, line=finding.line, finding=finding)
        if not here:
            yield part
    for finding in left:
        if finding not in used:
            yield Part(finding.term, (finding.layer,) if finding.layer else (), finding.is_, finding.line, finding)
