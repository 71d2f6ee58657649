"""Which values of a few keys fit each other: one record per check, over the combinations that occur in the cells.

A check looks at the few keys that it is about alone, so that it sees each combination of their values once, however
many cells there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from operator import eq
from typing import Any

from runner.data import HeldOut, KFold
from runner.keys.architecture import hidden_activations, layer_text, parameter_count
from runner.keys.definitions import FULL, KEYS
from runner.keys.issues import Issue, Step
from runner.keys.misfits import fits_any_layers, misfit
from runner.keys.restarts import Restarts
from runner.machine import total
from runner.ops import FAULTS, LOSSES, OPTIMIZERS, RULES, SCHEDULES, SETTINGS
from runner.ops.faults import layer_of
from runner.ops.schedules import CONSTANT, MOST_EPOCHS
from runner.registry import Call
from runner.studies.precision_checks import criterion_message, lost_limits, lost_setting, setting_message
from runner.sweep.space import SweepSpace
from runner.terminal import counted, listed

# Bytes that a parameter takes at least: a vector of 64 bytes as it is drawn and another as it is trained, each with one
# number for every network that is trained beside this one.
_LEAST_BYTES = 128
_VECTOR_BYTES = 64
# A network that needs less fits into any machine: its memory is not asked for.
_SMALL = 1 << 30


def _shown(architecture: tuple[int, ...]) -> str:
    return KEYS["architecture"].text(architecture)


def _rates(rates: int | None, architecture: tuple[int, ...]) -> str:
    if rates is None or rates == len(architecture) - 1:
        return ""
    return f"{counted(rates, 'number')} for architecture {_shown(architecture)}, which has {layer_text(architecture)}"


def _of_hidden_layers(what: str, n: int | None, architecture: tuple[int, ...]) -> str:
    """Whether a list has one of what it lists for each hidden layer."""
    if n is None or n == (hidden := len(architecture) - 2):
        return ""
    has = counted(hidden, "hidden layer") if hidden else "no hidden layer"
    return f"{counted(n, what)} for architecture {_shown(architecture)}, which has {has}"


def _init(numbers: int | None, architecture: tuple[int, ...], bias: str, shortcuts: str | None) -> str:
    if numbers is None or numbers == (count := parameter_count(architecture, bias, shortcuts)):
        return ""
    biases = "frozen biases" if bias == "number" else f"bias {bias}"
    what = f"{biases} and shortcuts {shortcuts}" if shortcuts else biases
    return f"{counted(numbers, 'number')}, but architecture {_shown(architecture)} with {what} has {count:,}"


def _softmax(output: str, architecture: tuple[int, ...]) -> str:
    if output == "softmax" and architecture[-1] < 2:
        return f"softmax needs at least 2 outputs; architecture {_shown(architecture)} has 1"
    return ""


def _loss(loss: str, output: str) -> str:
    outputs = LOSSES[loss].outputs
    if outputs is None or output in outputs:
        return ""
    return f"{loss} needs output {' or '.join(outputs)}, found {output}"


def _rule_layers(rule: str, architecture: tuple[int, ...]) -> str:
    if RULES[rule].single_layer and len(architecture) > 2:
        return f"{rule} needs 1 layer of weights; architecture {_shown(architecture)} has {len(architecture) - 1}"
    return ""


def _rule_output(rule: str, output: str) -> str:
    wanted = RULES[rule].output
    return f"{rule} needs output {wanted}, found {output}" if wanted not in (None, output) else ""


def _shortcuts(shortcuts: str | None, architecture: tuple[int, ...]) -> str:
    if shortcuts and len(architecture) < 3:
        return f"{shortcuts} needs a hidden layer; architecture {_shown(architecture)} has none"
    return ""


def _fault_shortcuts(faults: tuple[Call, ...], shortcuts: str | None) -> str:
    for fault in faults if shortcuts else ():
        if not fits_any_layers(fault):
            return f"{fault} is about layers that see the one below them alone; shortcuts is {shortcuts}"
    return ""


def _fault_gain(faults: tuple[Call, ...], has_gain: bool) -> str:
    for fault in faults if has_gain else ():
        if not fits_any_layers(fault):
            return f"{fault} is about layers without a gain"
    return ""


def _rule_gain(rule: str, has_gain: bool) -> str:
    return f"{rule} has no slope that a gain could change" if has_gain and RULES[rule].residual else ""


def _rule_band(rule: str, has_band: bool) -> str:
    needed = [name for name, record in RULES.items() if record.bipolar]
    return f"needs rule {listed(needed, 'or')}, found {rule}" if has_band and not RULES[rule].bipolar else ""


def _is_given(value: Any) -> bool:
    return value is not None


def _memory(architecture: tuple[int, ...], shortcuts: str | None) -> str:
    """Whether the whole memory of the machine would do; whether what is free of it does is seen in training."""
    n_parameters = parameter_count(architecture, "trained", shortcuts)
    needed = _LEAST_BYTES * n_parameters
    if needed < _SMALL or (most := total()) is None or needed <= most:
        return ""
    digits = 0 if most > 10e9 else 1
    return (
        f"{_shown(architecture)} has {n_parameters:,} weights and biases; to train them takes "
        f"{needed / 1e9:,.{digits}f} GB of memory, and this machine has {most / 1e9:,.{digits}f} GB"
    )


def _fault_layers(faults: tuple[Call, ...], architecture: tuple[int, ...]) -> str:
    if message := next(filter(None, (misfit(fault, architecture) for fault in faults)), ""):
        return message
    for first, second in combinations(faults, 2):
        a, b = (FAULTS[fault.name] for fault in (first, second))
        layers = (r.layers(layer_of(f), len(architecture) - 1) for r, f in ((a, first), (b, second)))
        if a.replaces and a.replaces == b.replaces and set.intersection(*map(set, layers)):
            shown = f"in architecture {_shown(architecture)}"
            return f"{first} and {second} exclude each other {shown}: both replace the {a.replaces}"
    return ""


def _fault_output(faults: tuple[Call, ...], output: str, loss: str, architecture: tuple[int, ...]) -> str:
    """What keeps a fault from standing in the output layer."""
    n_layers = len(architecture) - 1
    for fault in faults:
        record, layer = FAULTS[fault.name], layer_of(fault)
        # What is said of all layers stands in those where there is the term.
        concerned = not record.by_layer or layer == n_layers or n_layers == 1
        if record.softmax is False and record.replaces != "slope":
            concerned = n_layers in record.layers(layer, n_layers)
        if not concerned:
            continue
        where = " in the output layer" if record.by_layer else ""
        if record.losses and loss not in record.losses:
            return f"{fault}{where} needs loss {' or '.join(record.losses)}, found {loss}"
        if record.softmax is not None and record.softmax != (output == "softmax"):
            return f"{fault}{where} needs {'' if record.softmax else 'another '}output softmax, found {output}".replace(
                "another output softmax", "an output that is not softmax"
            )
    return ""


def _fault_activation(
    faults: tuple[Call, ...], activation: str | tuple[str, ...], output: str, architecture: tuple[int, ...]
) -> str:
    n_layers = len(architecture) - 1
    names = (*hidden_activations(activation, architecture), output)
    if len(names) != n_layers:
        return ""  # said elsewhere
    for fault in faults:
        record = FAULTS[fault.name]
        for at in record.layers(layer_of(fault), n_layers) if record.activation else ():
            if (found := names[at - 1]) != record.activation:
                key = "output" if at == n_layers else "activation"
                return f"{fault} needs {key} {record.activation} in layer {at}, found {found}"
    return ""


def _fault_optimizer(faults: tuple[Call, ...], optimizer: str) -> str:
    for fault in faults:
        wanted = FAULTS[fault.name].optimizer
        if wanted not in ("", optimizer):
            return f"{fault} needs optimizer {wanted}, found {optimizer}"
    return ""


def _fault_batches(faults: tuple[Call, ...], batch: str | int, order: str) -> str:
    for fault in faults:
        record = FAULTS[fault.name]
        if record.batch not in (None, batch):
            return f"{fault} needs batch {record.batch}, found {batch}"
        if record.order and batch != FULL and order != record.order:
            return f"{fault} needs order {record.order}, found {order}"
    return ""


def schedule_message(schedule: Call | None, epochs: int | None) -> str:
    """What keeps a schedule from a budget of so many epochs."""
    if schedule is None or epochs is None or epochs <= MOST_EPOCHS or not SCHEDULES[schedule.name].is_endless:
        return ""
    return f"{schedule} has factors for at most {MOST_EPOCHS:,} epochs, found {epochs:,}"


def _fold(fold: int | None, test: HeldOut | None) -> str:
    if not isinstance(test, KFold) or (fold is not None and fold < test.k):
        return ""
    return f"expected one of the folds of {test}, 0 to {test.k - 1}, found {'nothing' if fold is None else fold}"


def _tested(criterion: tuple[str, ...], test: bool) -> str:
    if test or not (named := [name for name in criterion if name.startswith("test_")]):
        return ""
    return f"{named[0]} needs held-out samples, as in test: {{fraction: 0.2}}"


def _stop(stop: str | Call, test: bool) -> str:
    return (
        f"{stop} needs held-out samples, as in test: {{fraction: 0.2}}" if isinstance(stop, Call) and not test else ""
    )


def _followed(schedule: Call, test: bool) -> str:
    tested = SCHEDULES[schedule.name].follows.startswith("test_")
    return f"{schedule} needs held-out samples, as in test: {{fraction: 0.2}}" if tested and not test else ""


def _restarts(restarts: Restarts | None, stop: str | Call) -> str:
    if restarts is None or stop == "converged":
        return ""
    return f"a run that may start again stops when it has met its criterion: it needs stop converged, found {stop}"


def _restarts_init(restarts: Restarts | None, numbers: int | None) -> str:
    if restarts is None or numbers is None:
        return ""
    return "a run whose init is a list of numbers has no other weights to start again from"


def _dropout(one_for_all: bool, architecture: tuple[int, ...]) -> str:
    if one_for_all and len(architecture) == 2:
        return f"needs a hidden layer; architecture {_shown(architecture)} has none"
    return ""


def _by_evaluations(given: bool, criterion_from: str | None) -> str:
    """What would make a criterion about what training saw one about something else."""
    return f"needs criterion_from none, found {criterion_from}" if given and criterion_from is not None else ""


def _of_labels(given: bool, loss: str) -> str:
    """What keeps a loss from label smoothing or weights of classes."""
    if not given or LOSSES[loss].of_labels:
        return ""
    return f"needs loss {listed([name for name, record in LOSSES.items() if record.of_labels], 'or')}, found {loss}"


def _class_weights(weights: int | None, loss: str, output: str, architecture: tuple[int, ...]) -> str:
    """Whether there is a number for every class."""
    classes = architecture[-1] if output == "softmax" else 2
    if weights in (None, classes) or not LOSSES[loss].of_labels:
        return ""
    why = f"architecture {_shown(architecture)}" if output == "softmax" else f"the two classes of output {output}"
    return f"{counted(weights or 0, 'number')} for {why}, expected {classes}"


def _balanced(balanced: bool, label_noise: float | None) -> str:
    """What keeps a study from weights that are one and the same for all of its runs."""
    return f"balanced needs label_noise none, found {label_noise:g}" if balanced and label_noise is not None else ""


def _without_faults(given: bool, faults: tuple[Call, ...]) -> str:
    """What is not made together with faults."""
    return f"needs faults none, found {KEYS['faults'].text(faults)}" if given and faults else ""


def _pairwise(loss: str, faults: tuple[Call, ...]) -> str:
    """What keeps a loss that couples the outputs from faults."""
    message = _without_faults(LOSSES[loss].pairwise, faults)
    return f"{loss} {message}" if message else ""


def _names(criterion: tuple[tuple[str, float], ...]) -> tuple[str, ...]:
    return tuple(name for name, _ in criterion)


def _second_order(key: str, fits: Callable[[Any], bool], need: str, optimizer: str, value: Any) -> str:
    """What keeps a method of second order from a value of a key; `need` is what it needs instead."""
    if OPTIMIZERS[optimizer].iteration is None or fits(value):
        return ""
    return f"{optimizer} needs {need}, found {KEYS[key].text(value)}"


def _residuals(optimizer: str, loss: str) -> str:
    iteration = OPTIMIZERS[optimizer].iteration
    if iteration is None or not iteration.of_residuals or LOSSES[loss].squares:
        return ""
    squared = [name for name, record in LOSSES.items() if record.squares]
    return f"{optimizer} needs loss {listed(squared, 'or')}, found {loss}"


def _matrix(optimizer: str, architecture: tuple[int, ...], shortcuts: str | None) -> str:
    """Whether the whole memory of the machine would do for what an update needs beside the network."""
    iteration, n = OPTIMIZERS[optimizer].iteration, parameter_count(architecture, "trained", shortcuts)
    needed = 0 if iteration is None else _VECTOR_BYTES * iteration.work_rows(n, 0)
    if needed < _SMALL or (most := total()) is None or needed <= most:
        return ""
    return (
        f"{optimizer} takes {needed / 1e9:,.0f} GB of memory for the {n:,} weights and biases of "
        f"{_shown(architecture)}, and this machine has {most / 1e9:,.0f} GB"
    )


def _length(value: Any) -> int | None:
    return len(value) if isinstance(value, tuple) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, float)


def _bias_kind(bias: str | float) -> str:
    return bias if isinstance(bias, str) else "number"


@dataclass(frozen=True)
class Check:
    """A condition on a few keys.

    Attributes
    ----------
    keys : tuple of str
        The keys. The message begins with the first; it stands at the first of them whose value the study gives.
    message : callable
        From their values to what is wrong with them, or an empty text.
    reduce : mapping of str to callable
        What of a value matters, where it is not the value itself: `message` is given that.
    """

    keys: tuple[str, ...]
    message: Callable[..., str]
    reduce: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)

    def reduced(self, key: str, value: Any) -> Any:
        """What matters of a value of one of the keys."""
        return self.reduce[key](value) if key in self.reduce else value


SCHEDULE_KEYS = ("learning_rate_schedule", "momentum_schedule")
# What neither faults nor methods of second order are made together with.
_CORRECT_ONLY = (
    *("dropout", "label_smoothing", "class_weights"),
    *("l1", "clip_value", "clip_norm", "input_noise"),
)

CHECKS = (
    Check(("architecture", "shortcuts"), _memory),
    Check(("activation", "architecture"), partial(_of_hidden_layers, "name"), {"activation": _length}),
    Check(("learning_rate", "architecture"), _rates, {"learning_rate": _length}),
    Check(("bias_learning_rate", "architecture"), _rates, {"bias_learning_rate": _length}),
    Check(("init", "architecture", "bias", "shortcuts"), _init, {"init": _length, "bias": _bias_kind}),
    Check(("shortcuts", "architecture"), _shortcuts),
    Check(("output", "architecture"), _softmax),
    Check(("loss", "output"), _loss),
    *(Check((key, "loss"), _of_labels, {key: _is_given}) for key in ("label_smoothing", "class_weights")),
    Check(("class_weights", "loss", "output", "architecture"), _class_weights, {"class_weights": _length}),
    Check(("class_weights", "label_noise"), _balanced, {"class_weights": partial(eq, "balanced")}),
    *(Check((key, "faults"), _without_faults, {key: _is_given}) for key in _CORRECT_ONLY),
    Check(("loss", "faults"), _pairwise),
    Check(("dropout", "architecture"), partial(_of_hidden_layers, "number"), {"dropout": _length}),
    *(
        Check((key, "criterion_from"), _by_evaluations, {key: _is_given})
        for key in ("dropout", "input_noise", "class_weights")
    ),
    Check(("dropout", "architecture"), _dropout, {"dropout": _is_number}),
    Check(("rule", "architecture"), _rule_layers),
    Check(("rule", "output"), _rule_output),
    Check(("faults", "architecture"), _fault_layers),
    Check(("faults", "output", "loss", "architecture"), _fault_output),
    Check(("faults", "activation", "output", "architecture"), _fault_activation),
    Check(("faults", "shortcuts"), _fault_shortcuts),
    Check(("faults", "gain"), _fault_gain, {"gain": _is_given}),
    Check(("rule", "gain"), _rule_gain, {"gain": _is_given}),
    Check(("undecided_band", "rule"), lambda has_band, rule: _rule_band(rule, has_band), {"undecided_band": _is_given}),
    Check(("faults", "optimizer"), _fault_optimizer),
    Check(("faults", "batch", "order"), _fault_batches),
    *(
        Check(("optimizer", key), partial(_second_order, key, fits, need))
        for key, fits, need in (
            ("batch", partial(eq, FULL), "batch full"),
            ("faults", partial(eq, ()), "faults none"),
            ("rule", partial(eq, "backprop"), "rule backprop"),
            ("learning_rate_schedule", partial(eq, Call(CONSTANT)), f"learning_rate_schedule {CONSTANT}"),
            *((key, partial(eq, None), f"no {key}") for key in _CORRECT_ONLY),
            ("criterion_from", partial(eq, None), "criterion_from none"),
        )
    ),
    Check(("optimizer", "loss"), _residuals),
    Check(("optimizer", "architecture", "shortcuts"), _matrix),
    *(Check((key, "epochs"), schedule_message) for key in SCHEDULE_KEYS),
    Check(("fold", "test"), _fold),
    Check(("criterion", "test"), _tested, {"criterion": _names, "test": _is_given}),
    Check(("stop", "test"), _stop, {"test": _is_given}),
    Check(("learning_rate_schedule", "test"), _followed, {"test": _is_given}),
    Check(("restarts", "stop"), _restarts),
    Check(("restarts", "init"), _restarts_init, {"init": _length}),
    Check(("criterion", "precision"), criterion_message, {"criterion": lost_limits}),
    *(
        Check((name, "optimizer", "precision"), partial(setting_message, name), {name: partial(lost_setting, name)})
        for name in SETTINGS
    ),
)


def places(space: SweepSpace, key: str) -> dict[Any, tuple[Step, ...]]:
    """Every value of a key that the study gives, and the first place where it does."""
    found = {value: path for value, path in space.values(key).items() if path != (key,) or key in space.base}
    for i, row in enumerate(space.sweep.include):
        if key in row:
            found.setdefault(row[key], ("sweep", "include", i, key))
    return found


def combination_issues(space: SweepSpace, unknown: frozenset[str]) -> Iterator[Issue]:
    """Everything that is wrong with values that occur together.

    Parameters
    ----------
    space : SweepSpace
        The cells of the study.
    unknown : frozenset of str
        Keys whose values could not be read: nothing is said about them.
    """
    for check in CHECKS:
        if unknown.intersection(check.keys):
            continue
        where: dict[str, dict[Any, tuple[Step, ...]]] = {key: {} for key in check.keys}
        for key in check.keys:
            for value, path in places(space, key).items():
                where[key].setdefault(check.reduced(key, value), path)
        for values in space.together(check.keys, check.reduced):
            cell = dict(zip(check.keys, values, strict=True))
            if cell.get("architecture", ()) is None:
                continue  # that an architecture is missing is said elsewhere
            if message := check.message(*values):
                blamed = next((key for key in check.keys if cell[key] in where[key]), check.keys[0])
                yield Issue(f"{check.keys[0]}: {message}", where[blamed].get(cell[blamed], ()))
