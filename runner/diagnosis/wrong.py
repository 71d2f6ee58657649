"""Every term of a training step that stands wrong, layer by layer, with its fault or with words of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from runner.diagnosis.candidates import FUSED
from runner.diagnosis.functions import HARD
from runner.diagnosis.process import BATCHES, Process
from runner.diagnosis.rules import Momentum
from runner.diagnosis.terms import EXPONENT_SIGN, NO_SLOPE, Term, Words, right
from runner.ops.faults import FAULTS, SQUARED


@dataclass(frozen=True)
class Wrong:
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


def wrong_terms(process: Process, believed_loss: str | None, sizes: Sequence[int]) -> Iterator[Wrong]:
    """All that stands wrong, in the order of an update; `findings` says what the arguments are."""
    yield from _of_forward(process)
    yield from _of_terms(process, believed_loss, sizes)
    yield from _of_steps(process)
    yield from _of_memory(process)
    yield from _of_batch(process)


def wrong_fault(
    name: str, term: str, process: Process, layer: int = 0, shows: Iterable[int] | None = None, exact: bool = True
) -> Wrong:
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
    words = Words(record.formula, record.line, record.doc.rstrip("."))
    # What is a defect of the network, or of its outputs, is never said of a layer.
    return Wrong(name, term, layer, layers if record.by_layer else [layer], words, record.right, exact)


def _of_term(term: Term, process: Process, layer: int, shows: Iterable[int] | None = None) -> Wrong:
    slot = "slope" if term.slot == "extra" else term.slot
    if term.fault:
        return wrong_fault(term.fault, slot, process, layer, shows, term.exact)
    should = right(slot).formula
    every = range(1, len(process.formula.layers) + 1) if layer else [0]
    return Wrong("", slot, layer, every, term.words, should, term.exact)


def _of_forward(process: Process) -> Iterator[Wrong]:
    formula, how = process.formula, process.formula.forward
    for k, name in enumerate(how.functions):
        if name.startswith(HARD):
            yield wrong_fault("hard_threshold", "forward", process, k + 1)
        if k in how.outside:
            yield wrong_fault("bias_outside", "forward", process, k + 1)
        if k in how.carries:
            yield wrong_fault("sum_from_last_output", "memory", process, k + 1)
    last = how.functions[-1]
    if last.startswith("softmax_over"):
        yield wrong_fault(last, "forward", process)
    if last.endswith("_twice"):
        words = Words("f(f(z))", "y = f(f(z))", "the output activation is applied twice")
        yield Wrong("", "forward", 0, [0], words, "f(z)")
    for name, decimals in (
        ("round_sums", how.round_sums),
        ("round_outputs", how.round_outputs),
        ("round_errors", formula.round_errors),
        ("round_weights", formula.round_weights),
    ):
        for k, n in sorted(decimals.items()):
            yield wrong_fault(f"{name}({n})", "arithmetic", process, k + 1, _rounding(name, how.functions))


def _rounding(name: str, functions: Sequence[str]) -> list[int]:
    """Layers in which a rounding shows: what softmax puts out is never rounded."""
    every = range(1, len(functions) + 1)
    return [at for at in every if name != "round_outputs" or not functions[at - 1].startswith("softmax")]


def _of_terms(process: Process, believed_loss: str | None, sizes: Sequence[int]) -> Iterator[Wrong]:
    formula = process.formula
    n = len(formula.layers)
    fused = is_fused(process, believed_loss)
    if formula.signal.wrong:
        yield _of_signal(process)
    for k, layer in enumerate(formula.layers):
        number = k + 1
        if formula.forward.functions[k] == "falling_sigmoid" and layer.slope.wrong:
            yield wrong_fault("exponent_sign", "slope", process, number)
        if layer.slope is NO_SLOPE:
            if k < n - 1:
                yield wrong_fault("no_hidden_slope", "slope", process, number)
            elif not fused:
                yield wrong_fault("no_output_slope", "slope", process, number)
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


def _of_signal(process: Process) -> Wrong:
    """The error signal; whether a cost is the mean over the samples depends on whether the gradient is one, too."""
    signal = process.formula.signal
    if signal.fault == "mean_cost_times_residual":
        once = signal.loss in ("sse", "cross_entropy")
        name = "cost_times_residual" if process.averages and once else signal.fault
        return wrong_fault(name, "signal", process, exact=process.averages or once)
    exact = signal.exact and not (signal.fault == "cost_times_residual" and process.averages)
    return replace(_of_term(signal, process, 0), exact=exact)


def is_fused(process: Process, believed_loss: str | None) -> bool:
    """Whether outputs need no slope of their own, as with the cross-entropy and with the perceptron rule."""
    how, signal = process.formula.forward, process.formula.signal
    if how.functions[-1] not in FUSED or len(how.functions) - 1 in how.outside:
        return False
    if believed_loss in SQUARED and how.functions[-1] != "step":
        return False
    crossed = believed_loss in ("cross_entropy", "binary_cross_entropy")
    return crossed or not signal.wrong or "cross_entropy" in signal.loss


def _of_steps(process: Process) -> Iterator[Wrong]:
    """Direction of each group of weights, and weights that do not move or do not stay."""
    layers = process.formula.layers
    trained = any(layer.bias_rate for layer in layers)
    moving = [number for number, layer in enumerate(layers, start=1) if layer.rate or layer.bias_rate]
    moving_W = [number for number, layer in enumerate(layers, start=1) if layer.rate]
    moving_b = [number for number, layer in enumerate(layers, start=1) if layer.bias_rate]
    for number, layer in enumerate(layers, start=1):
        w_up, b_up = layer.rate < 0, layer.bias_rate < 0
        if (w_up or not layer.rate) and (b_up or not layer.bias_rate) and (w_up or b_up):
            yield wrong_fault("ascent", "direction", process, number, moving)
        elif w_up:
            yield wrong_fault("weight_ascent", "direction", process, number, moving_W)
        elif b_up:
            yield wrong_fault("bias_ascent", "direction", process, number, moving_b)
        if layer.keep == 0:
            yield wrong_fault("weight_set_to_step", "memory", process, number, moving_W)
        if layer.bias_keep == 0:
            yield wrong_fault("bias_set_to_step", "memory", process, number, moving_b)
        if not layer.rate:
            yield wrong_fault("weights_not_trained", "memory", process, number)
        if trained and not layer.bias_rate:
            yield wrong_fault("biases_not_trained", "memory", process, number)


def _of_memory(process: Process) -> Iterator[Wrong]:
    rule = process.rule
    if not isinstance(rule, Momentum):
        return
    layers = process.formula.layers
    moving = [2 * k for k, layer in enumerate(layers) if layer.rate]
    moving += [2 * k + 1 for k, layer in enumerate(layers) if layer.bias_rate]
    shows = sorted({place // 2 + 1 for place in moving})
    if rule.momentum < 0:
        yield wrong_fault("momentum_sign", "memory", process)
    if rule.late:
        # Without momentum, or in some of the places only, it is no fault that a study has.
        yield wrong_fault("momentum_late", "memory", process, exact=bool(rule.momentum) and rule.late >= set(moving))
    for k in range(len(layers)):
        own = {place for place in (2 * k, 2 * k + 1) if place in moving}
        if own and own <= rule.summed:
            yield wrong_fault("gradient_never_zeroed", "memory", process, k + 1, shows)
        elif own & rule.summed:
            what = "weights" if 2 * k in rule.summed else "biases"
            words = Words("v = v + g", "gradient += ...", f"the gradients of the {what} alone are never set to zero")
            yield Wrong("", "memory", k + 1, shows, words, "v = g")
    yield from _of_momenta(process, rule, moving)


def _of_momenta(process: Process, rule: Momentum, moving: Sequence[int]) -> Iterator[Wrong]:
    """Where some weights have momentum and others have none."""
    if not rule.momentum:
        return
    shows = [place // 2 + 1 for place in moving if place % 2]
    for place in moving:
        k, of_biases = divmod(place, 2)
        late = place in rule.late or not rule.late
        if of_biases and not (rule.momenta[place] and late):
            yield wrong_fault("momentum_of_weights_only", "memory", process, k + 1, shows)
        elif not rule.momenta[place]:
            words = Words("w -= h g", "W -= rate * gradient", "the weights have no momentum, and others have")
            yield Wrong("", "memory", k + 1, range(1, len(process.formula.layers) + 1), words, "w -= h v")


def _of_batch(process: Process) -> Iterator[Wrong]:
    if process.batch == "weight_by_weight":
        yield wrong_fault("bias_per_weight", "bias_step", process)
    if process.batch in ("first", "last"):
        says = f"of the samples of a call, {BATCHES[process.batch].removeprefix('it uses ')}"
        words = Words(f"the {process.batch} sample", "return inside the loop", says)
        yield Wrong("", "batch", 0, [0], words, "all samples")
