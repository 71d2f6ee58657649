"""One layer: every way in which the update of its weights and of its biases is made of known terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.diagnosis.candidates import WRONG, Error, Layer
from runner.diagnosis.forward import Pass
from runner.diagnosis.functions import Floats
from runner.diagnosis.match import close, fit
from runner.diagnosis.observed import Observed
from runner.diagnosis.terms import BIAS_STEPS, FACTORS, Term, right

# A step of another size than the rest is less likely; a term that is not known, much less.
OTHER_RATE, UNKNOWN = 0.4, 10.0
# Probes that sort most candidates out.
_FEW = 4


@dataclass(frozen=True, eq=False)
class Matched:
    """One layer whose update is known: its error, factor, bias step, and constants; None is what is not known."""

    error: Error | None
    factor: Term | None
    bias_step: Term | None
    rate: float
    bias_rate: float
    keep: float = 1.0
    bias_keep: float = 1.0
    d: Floats | None = None
    bias_error: Error | None = None

    def text(self) -> str:
        """Its wrong terms."""
        terms = (*(self.error.terms if self.error else ()), self.factor, self.bias_step)
        return (
            ", ".join(term.fault or term.formula for term in terms if term is not None and term.wrong) or "no mistake"
        )

    @property
    def cost(self) -> float:
        """How unlikely it is."""
        cost = self.error.cost if self.error else UNKNOWN
        for term in (self.factor, self.bias_step):
            cost += UNKNOWN if term is None else WRONG * term.wrong
        cost += WRONG * (self.keep == 0) + (UNKNOWN / 2 if self.bias_error else 0)
        if self.rate and self.bias_rate and not close(self.rate, self.bias_rate):
            cost += WRONG if self.rate * self.bias_rate < 0 else OTHER_RATE
        return cost


@dataclass(frozen=True)
class _Part:
    """How a group of weights moves: by which factor or step, at which rate, and what it keeps."""

    term: Term
    rate: float
    keep: float


_STILL = {"factor": _Part(right("factor"), 0.0, 1.0), "bias_step": _Part(right("bias_step"), 0.0, 1.0)}


def match_layer(seen: Observed, layer: Layer) -> list[Matched]:
    """All ways in which weights and biases move by the same error; none where nothing moves, or nothing fits."""
    still_W, still_b = seen.frozen(layer.k)
    if still_W and still_b:
        return []
    few = layer.first(_FEW)
    terms, d = few.candidates()
    near = np.flatnonzero(np.isfinite(d).all(axis=tuple(range(1, d.ndim))))
    # Biases have fewer ways to move: they are looked at first.
    for group, still in (("bias_step", still_b), ("factor", still_W)):
        if not still and len(near):
            fitting = _near(seen, few, group, d[near])
            near = near if group == "factor" and layer.k and not still_b and not fitting.any() else near[fitting]
    found = []
    for i in near.tolist():
        error = layer.error(terms[i])
        biases, weights = (
            [_STILL[group]] if still else _parts(seen, layer.p, layer.k, group, error.d)
            for group, still in (("bias_step", still_b), ("factor", still_W))
        )
        for w, b in product(weights, biases):
            found.append(Matched(error, w.term, b.term, w.rate, b.rate, w.keep, b.keep, error.d))
        if not weights and not still_b and layer.k:
            # The error of the layer below may stand in the gradient of the weights: it is known when that layer is.
            found += [Matched(error, None, b.term, 0.0, b.rate, 1.0, b.keep, error.d) for b in biases]
    return found


def match_apart(seen: Observed, layer: Layer) -> list[Matched]:
    """Where weights and biases do not move by the same error: what is known of either."""
    still_W, still_b = seen.frozen(layer.k)
    few = layer.first(_FEW)
    terms, d = few.candidates()
    finite = np.isfinite(d).all(axis=tuple(range(1, d.ndim)))
    errors: dict[str, Error] = {}
    parts: dict[str, _Part] = {}
    for group, still in (("factor", still_W), ("bias_step", still_b)):
        near = [] if still else np.flatnonzero(finite & _near(seen, few, group, d)).tolist()
        for i in sorted(near, key=lambda i: layer.cost(terms[i])):
            error = layer.error(terms[i])
            fitting = _parts(seen, layer.p, layer.k, group, error.d)
            if fitting:
                errors[group], parts[group] = error, fitting[0]
                break
    w, b = parts.get("factor"), parts.get("bias_step")
    if w and b:
        error = errors["factor"]
        return [Matched(error, w.term, b.term, w.rate, b.rate, w.keep, b.keep, error.d, errors["bias_step"])]
    if w:
        return [Matched(errors["factor"], w.term, None, w.rate, 0.0, w.keep, 1.0, errors["factor"].d)]
    if b:
        return [Matched(errors["bias_step"], None, b.term, 0.0, b.rate, 1.0, b.keep, errors["bias_step"].d)]
    return []


def observe_layer(seen: Observed, p: Pass, k: int) -> Matched:
    """A layer whose error is not known, but for its numbers: those of its biases, or of weights with their inputs."""
    still_W, still_b = seen.frozen(k)
    candidates: list[Floats] = []
    if not still_b and p.a[0].shape[1] == 1:
        candidates.append((seen.b[k] - seen.b_after[k])[:, None])
    if not still_W and p.a[0].shape[1] == 1:
        a = p.a[k][:, 0]
        with np.errstate(all="ignore"):
            d = np.einsum("poi,pi->po", seen.W[k] - seen.W_after[k], a) / (a * a).sum(-1, keepdims=True)
        candidates.append(d[:, None])
    for d in candidates:
        weights = [_STILL["factor"]] if still_W else _parts(seen, p, k, "factor", d)
        biases = [_STILL["bias_step"]] if still_b else _parts(seen, p, k, "bias_step", d)
        if weights and biases and not still_W and (p.a[k].shape[2] > 1 or not still_b):
            w, b = weights[0], biases[0]
            return Matched(None, w.term, b.term, w.rate, b.rate, w.keep, b.keep, d)
    return Matched(None, None, None, 0.0, 0.0)


def _group(seen: Observed, k: int, group: str) -> tuple[Sequence[Term], Floats, Floats]:
    if group == "factor":
        return FACTORS, seen.W[k], seen.W_after[k]
    return BIAS_STEPS, seen.b[k], seen.b_after[k]


def _near(seen: Observed, few: Layer, group: str, d: Floats) -> NDArray[np.bool_]:
    """Candidates that fit the first probes with any term and any share that stays."""
    terms, before, after = _group(seen, few.k, group)
    found = np.zeros(len(d), bool)
    with np.errstate(all="ignore"):
        for term in terms:
            if term.applies(few.p, few.k):
                G = seen.directions(term.value(few.p, few.k, d))
                for keep in seen.possible_keeps(before, after):
                    fitted = fit(G, before[:_FEW], after[:_FEW], seen.unit, keep, seen.slack(few.k))
                    found |= fitted.matches & _is_no_decay(term, d)
    return found


def _parts(seen: Observed, p: Pass, k: int, group: str, d: Floats) -> list[_Part]:
    """Terms with which one error makes the step of a group."""
    terms, before, after = _group(seen, k, group)
    found = []
    for keep in seen.possible_keeps(before, after):
        for term in terms:
            if term.applies(p, k) and _is_no_decay(term, d[None])[0]:
                with np.errstate(all="ignore"):
                    G: Any = seen.directions(term.value(p, k, d)[None])
                fitted = fit(G, before, after, seen.unit, keep, seen.slack(k))
                if fitted.matches[0]:
                    found.append(_Part(term, float(fitted.rate[0]), float(fitted.keep[0])))
        if found:
            break
    return found


def _is_no_decay(term: Term, d: Floats) -> NDArray[np.bool_]:
    """With an error that is the same for all, the weight itself as a factor would only be weight decay."""
    if term.fault != "weight_itself":
        return np.ones(len(d), bool)
    sizes = np.abs(d).reshape(len(d), -1)
    return np.asarray(np.ptp(sizes, axis=1) > 1e-9 * sizes.max(axis=1))
