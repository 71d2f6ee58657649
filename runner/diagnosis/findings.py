"""What is wrong in a training step, what is not known, and what is worth a note: as data for the page and for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from runner.diagnosis.candidates import FUSED
from runner.diagnosis.find import Found
from runner.diagnosis.functions import HARD
from runner.diagnosis.layer import Matched
from runner.diagnosis.order import Order
from runner.diagnosis.process import BATCHES, Process
from runner.diagnosis.rules import Momentum
from runner.diagnosis.terms import EXPONENT_SIGN, NO_SLOPE, Term, Words, right
from runner.ops.faults import FAULTS

SQUARED = ("half_sse", "sse", "half_mse", "mse")


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


@dataclass(frozen=True)
class _Wrong:
    """A term of one layer that stands wrong, before layers are put together.

    Attributes
    ----------
    name : str
        The fault, with its arguments and without its layer; "" for none.
    term : str
    layer : int
        From 1; 0 for the network as a whole.
    layers : sequence of int
        Layers in which it would show.
    words : Words
    should_be : str
    exact : bool
    """

    name: str
    term: str
    layer: int
    layers: Sequence[int]
    words: Words
    should_be: str
    exact: bool = True


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
    wrong = [
        *_of_forward(process),
        *_of_terms(process, believed_loss, sizes),
        *_of_steps(process),
        *_of_memory(process),
        *_of_batch(process),
    ]
    return list(_together(wrong))


def _without_sums(process: Process) -> Process:
    layers = tuple(
        replace(layer, bias_step=right("bias_step")) if layer.bias_step.fault == "bias_step_summed" else layer
        for layer in process.formula.layers
    )
    return replace(process, formula=replace(process.formula, layers=layers))


def _together(wrong: Sequence[_Wrong]) -> Iterator[Finding]:
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


def _fault(
    name: str, term: str, process: Process, layer: int = 0, shows: Iterable[int] | None = None, exact: bool = True
) -> _Wrong:
    """A fault of the registry, with the words that it has there.

    Parameters
    ----------
    name : str
        With its arguments.
    layer : int
        From 1; 0 for the network as a whole.
    shows : iterable of int or None
        Layers in which it would show; None for all in which it can stand.
    """
    record = FAULTS[name.split("(")[0]]
    possible = record.layers(None, len(process.formula.layers))
    layers = possible if shows is None else [at for at in possible if at in set(shows)]
    # What is a defect of the network, or of its outputs, is never said of a layer.
    place = layer if record.by_layer else (layer and possible[0])
    words = Words(record.formula, record.line, record.doc.rstrip("."))
    return _Wrong(name, term, place, layers if record.by_layer else [place], words, record.right, exact)


def _of_term(term: Term, process: Process, layer: int, shows: Iterable[int] | None = None) -> _Wrong:
    slot = "slope" if term.slot == "extra" else term.slot
    if term.fault:
        return _fault(term.fault, slot, process, layer, shows, term.exact)
    should = right(slot).formula
    every = range(1, len(process.formula.layers) + 1) if layer else [0]
    return _Wrong("", slot, layer, every, term.words, should, term.exact)


def _of_forward(process: Process) -> Iterator[_Wrong]:
    formula, how = process.formula, process.formula.forward
    for k, name in enumerate(how.functions):
        if name.startswith(HARD):
            yield _fault("hard_threshold", "forward", process, k + 1)
        if k in how.outside:
            yield _fault("bias_outside", "forward", process, k + 1)
        if k in how.carries:
            yield _fault("sum_from_last_output", "memory", process, k + 1)
    last = how.functions[-1]
    if last.startswith("softmax_over"):
        yield _fault(last, "forward", process)
    if last.endswith("_twice"):
        words = Words("f(f(z))", "y = f(f(z))", "the output activation is applied twice")
        yield _Wrong("", "forward", 0, [0], words, "f(z)")
    for name, decimals in (
        ("round_sums", how.round_sums),
        ("round_outputs", how.round_outputs),
        ("round_errors", formula.round_errors),
        ("round_weights", formula.round_weights),
    ):
        for k, n in sorted(decimals.items()):
            yield _fault(f"{name}({n})", "arithmetic", process, k + 1, _rounding(name, how.functions))


def _rounding(name: str, functions: Sequence[str]) -> list[int]:
    """Layers in which a rounding shows: what softmax puts out is never rounded."""
    every = range(1, len(functions) + 1)
    return [at for at in every if name != "round_outputs" or not functions[at - 1].startswith("softmax")]


def _of_terms(process: Process, believed_loss: str | None, sizes: Sequence[int]) -> Iterator[_Wrong]:
    formula = process.formula
    n = len(formula.layers)
    fused = _fused(process, believed_loss)
    if formula.signal.wrong:
        yield _of_signal(process)
    for k, layer in enumerate(formula.layers):
        number = k + 1
        if formula.forward.functions[k] == "falling_sigmoid" and layer.slope.wrong:
            yield _fault("exponent_sign", "slope", process, number)
        if layer.slope is NO_SLOPE:
            if k < n - 1:
                yield _fault("no_hidden_slope", "slope", process, number)
            elif not fused:
                yield _fault("no_output_slope", "slope", process, number)
        elif layer.slope.wrong and layer.slope is not EXPONENT_SIGN:
            yield _of_term(layer.slope, process, number, _showing(layer.slope, process))
        for term in (layer.extra, layer.factor):
            if term.wrong:
                yield _of_term(term, process, number)
        if layer.bias_step.wrong:
            yield _of_term(layer.bias_step, process, number, [at for at in range(1, n + 1) if sizes[at] > 1])
        if k < n - 1:
            above = formula.layers[k + 1]
            for term in (above.sent, above.way):
                if term.wrong:
                    yield _of_term(term, process, number)


def _showing(slope: Term, process: Process) -> list[int]:
    """Layers in which another slope would show.

    Softmax has none that could be another, and where the slope is left out there is none; a straight line has the same
    slope everywhere.
    """
    formula, found = process.formula, []
    for k, name in enumerate(formula.forward.functions):
        smooth = name.removeprefix(HARD)
        if name.startswith("softmax") or formula.layers[k].slope is NO_SLOPE:
            continue
        curved = smooth not in ("identity", "relu", "leaky_relu", "step")
        written = smooth in ("sigmoid", "tanh", "softsign", "falling_sigmoid")
        apart = k in formula.forward.outside or name.startswith(HARD)
        shows = {
            "slope_of_activation": curved,
            "slope_at_sum": written,
            "late_slope": written and apart,
            "slope_at_error": smooth != "identity",
            f"slope_of({smooth})": False,
        }.get(slope.fault, True)
        found += [k + 1] if shows else []
    return found


def _of_signal(process: Process) -> _Wrong:
    """The error signal; whether a cost is the mean over the samples depends on whether the gradient is one, too."""
    signal = process.formula.signal
    if signal.fault == "mean_cost_times_residual":
        once = signal.loss in ("sse", "cross_entropy")
        name = "cost_times_residual" if process.averages and once else signal.fault
        return _fault(name, "signal", process, exact=process.averages or once)
    exact = signal.exact and not (signal.fault == "cost_times_residual" and process.averages)
    return replace(_of_term(signal, process, 0), exact=exact)


def _fused(process: Process, believed_loss: str | None) -> bool:
    """Whether outputs need no slope of their own, as with the cross-entropy and with the perceptron rule."""
    how, signal = process.formula.forward, process.formula.signal
    if how.functions[-1] not in FUSED or len(how.functions) - 1 in how.outside:
        return False
    if believed_loss in SQUARED and how.functions[-1] != "step":
        return False
    crossed = believed_loss in ("cross_entropy", "binary_cross_entropy")
    return crossed or not signal.wrong or "cross_entropy" in signal.loss


def _of_steps(process: Process) -> Iterator[_Wrong]:
    """Direction of each group of weights, and weights that do not move or do not stay."""
    layers = process.formula.layers
    trained = any(layer.bias_rate for layer in layers)
    moving = [number for number, layer in enumerate(layers, start=1) if layer.rate or layer.bias_rate]
    moving_W = [number for number, layer in enumerate(layers, start=1) if layer.rate]
    moving_b = [number for number, layer in enumerate(layers, start=1) if layer.bias_rate]
    for number, layer in enumerate(layers, start=1):
        w_up, b_up = layer.rate < 0, layer.bias_rate < 0
        if (w_up or not layer.rate) and (b_up or not layer.bias_rate) and (w_up or b_up):
            yield _fault("ascent", "direction", process, number, moving)
        elif w_up:
            yield _fault("weight_ascent", "direction", process, number, moving_W)
        elif b_up:
            yield _fault("bias_ascent", "direction", process, number, moving_b)
        if layer.keep == 0:
            yield _fault("weight_set_to_step", "memory", process, number, moving_W)
        if layer.bias_keep == 0:
            yield _fault("bias_set_to_step", "memory", process, number, moving_b)
        if not layer.rate:
            yield _fault("weights_not_trained", "memory", process, number)
        if trained and not layer.bias_rate:
            yield _fault("biases_not_trained", "memory", process, number)


def _of_memory(process: Process) -> Iterator[_Wrong]:
    rule = process.rule
    if not isinstance(rule, Momentum):
        return
    layers = process.formula.layers
    moving = [2 * k for k, layer in enumerate(layers) if layer.rate]
    moving += [2 * k + 1 for k, layer in enumerate(layers) if layer.bias_rate]
    shows = sorted({place // 2 + 1 for place in moving})
    if rule.momentum < 0:
        yield _fault("momentum_sign", "memory", process)
    if rule.late:
        # Without momentum, or in some of the places only, it is no fault that a study has.
        yield _fault("momentum_late", "memory", process, exact=bool(rule.momentum) and rule.late >= set(moving))
    for k in range(len(layers)):
        own = {place for place in (2 * k, 2 * k + 1) if place in moving}
        if own and own <= rule.summed:
            yield _fault("gradient_never_zeroed", "memory", process, k + 1, shows)
        elif own & rule.summed:
            what = "weights" if 2 * k in rule.summed else "biases"
            words = Words("v = v + g", "gradient += ...", f"the gradients of the {what} alone are never set to zero")
            yield _Wrong("", "memory", k + 1, shows, words, "v = g")
    yield from _of_momenta(process, rule, moving)


def _of_momenta(process: Process, rule: Momentum, moving: Sequence[int]) -> Iterator[_Wrong]:
    """Where some weights have momentum and others have none."""
    if not rule.momentum:
        return
    shows = [place // 2 + 1 for place in moving if place % 2]
    for place in moving:
        k, of_biases = divmod(place, 2)
        late = place in rule.late or not rule.late
        if of_biases and not (rule.momenta[place] and late):
            yield _fault("momentum_of_weights_only", "memory", process, k + 1, shows)
        elif not rule.momenta[place]:
            words = Words("w -= h g", "W -= rate * gradient", "the weights have no momentum, and others have")
            yield _Wrong("", "memory", k + 1, range(1, len(process.formula.layers) + 1), words, "w -= h v")


def _of_batch(process: Process) -> Iterator[_Wrong]:
    if process.batch == "weight_by_weight":
        yield _fault("bias_per_weight", "bias_step", process)
    if process.batch in ("first", "last"):
        says = f"of the samples of a call, {BATCHES[process.batch].removeprefix('it uses ')}"
        words = Words(f"the {process.batch} sample", "return inside the loop", says)
        yield _Wrong("", "batch", 0, [0], words, "all samples")


def unknown(found: Found) -> list[dict[str, Any]]:
    """What is not known, with the numbers of the first probe."""
    told: list[dict[str, Any]] = []
    if not found.deterministic:
        return [
            {
                "term": "update",
                "layer": None,
                "says": "the program is not deterministic: the same update twice gives other weights",
            }
        ]
    if found.process is None:
        layers = found.identified.layers or (None,) * len(found.seen.W)
        for k, matched in enumerate(layers):
            for term, says in _missing(matched):
                told.append({"term": term, "layer": k + 1, "says": says, "numbers": _numbers(found, k)})
        if found.identified.forward is None:
            told.insert(0, {"term": "forward", "layer": None, "says": "no forward pass that is known fits the update"})
    if not found.memory_known:
        says = "what an update keeps from the one before is none of the known sums, momenta and optimizers"
        told.append({"term": "memory", "layer": None, "says": says})
    if not found.batch_known:
        says = "how the samples of one call are put together is not known"
        told.append({"term": "batch", "layer": None, "says": says})
    return told


def _missing(matched: Matched | None) -> Iterator[tuple[str, str]]:
    if matched is None or (matched.error is None and matched.factor is None):
        yield "layer", "the update of this layer is none of the known formulas"
        return
    if matched.error is None:
        yield "error", "the error dE/dz of this layer is none of the known formulas; its factor is known"
    if matched.factor is None:
        yield "factor", "the step of the weights is no known factor times the error of the layer"
    if matched.bias_step is None or matched.bias_error is not None:
        yield "bias_step", "the step of the biases is not made from the error of the layer"


def _numbers(found: Found, k: int) -> dict[str, Any]:
    """Weights and steps of a layer in the first probe, for who wants to look."""
    seen = found.seen
    return {
        "weights": seen.W[k][0].tolist(),
        "step": (seen.W_after[k][0] - seen.W[k][0]).tolist(),
        "bias_step": (seen.b_after[k][0] - seen.b[k][0]).tolist(),
    }


# What a loop does that is wrong: the fault, or words where there is none.
_ORDERS: dict[str, Words] = {
    "nothing": Words("no update, or one too few", "for u in range(1, updates)", "an update is missing"),
}


def order_finding(order: Order, process: Process) -> Finding | None:
    """What is wrong in the order of the samples."""
    if order.fault:
        wrong = _fault(order.fault, "order", process)
    elif order.name in _ORDERS:
        wrong = _Wrong("", "order", 0, [0], _ORDERS[order.name], "every sample in turn, or shuffled")
    else:
        return None
    return replace(next(_together([wrong])), says=order.says[0].upper() + order.says[1:])
