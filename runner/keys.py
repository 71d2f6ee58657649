"""The keys of a run: one record per key, in the order of the columns of the results.

Every value has one canonical text. It stands in the results, the ids of runs are hashed from it, and `read` takes it
back to the same value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from runner.calls import Argument, Call
from runner.data import (
    DATASETS,
    ENCODINGS,
    MISSING_POLICIES,
    SCALINGS,
    CsvData,
    DataError,
    fingerprint,
    parse_csv_spec,
)
from runner.data.registry import TruthTable
from runner.faultlists import FAULT_LIST
from runner.faults import Fault, Wrong, expected, unknown
from runner.ops import ACTIVATIONS, INITIALIZERS, LOSSES, OPTIMIZERS, RULES, SETTINGS
from runner.source import parse
from runner.values import (
    Kind,
    architecture,
    choice,
    integer,
    interval,
    limits,
    list_text,
    number,
    numbers,
    rates,
    split_call,
    to_argument,
    word_or,
)

MOST_SEED = 2**63 - 1
MOST_UPDATES = 10**12
CRITERIA = MappingProxyType(
    {
        "max_error": number(0),
        "loss": number(),
        "mse": number(0),
        "accuracy": number(0, 1),
        "grad_norm": number(0),
    }
)
"""What a criterion may bound, in the order in which it is written."""
_ELEMENT = re.compile(r"init\[(0|[1-9][0-9]{0,8})\]")


@dataclass(frozen=True)
class Key:
    """One setting of a run.

    Attributes
    ----------
    name, doc : str
    kind : Kind
        How its values are read and written.
    default : object
        Canonical default; None where there is none, or where it depends on other keys.
    required : bool
        Whether a study must give it.
    """

    name: str
    doc: str
    kind: Kind
    default: Any = None
    required: bool = False

    def read(self, value: object, base: Path | None = None) -> Any:
        """The canonical value of what YAML gives; raises Wrong, its messages beginning with the key.

        Parameters
        ----------
        value : object
            As YAML reads it.
        base : Path, optional
            Folder of the study, to look at CSV data; without it files are left alone.
        """
        try:
            return self.kind.read(value, base)
        except Wrong as wrong:
            raise Wrong(*(fault.named(self.name) for fault in wrong.faults)) from None

    def text(self, value: Any) -> str:
        """The canonical text; empty for None."""
        return "" if value is None else self.kind.text(value)


def _read_data(value: object, base: Path | None = None) -> Call | CsvData:
    if isinstance(value, dict):
        try:
            spec = parse_csv_spec(value)
            return spec if base is None else fingerprint(spec, base)
        except DataError as error:
            raise Wrong(*_csv_faults(problem.message for problem in error.problems)) from None
    name, parts = split_call(value, "a data set or {csv: ..., inputs: [...], targets: [...]}")
    if name not in DATASETS:
        raise Wrong(unknown(DATASETS, name, [entry.signature for entry in DATASETS.values()]))
    entry = DATASETS[name]
    digits = [isinstance(parameter, TruthTable) for parameter in entry.declared.values()]
    args = [part if text else to_argument(part) for part, text in _paired(parts, digits)]
    return _bound(entry, name, args)


def _csv_faults(messages: Iterable[str]) -> list[Fault]:
    """The messages about a CSV specification, each with the entry that it begins with."""
    faults = []
    for message in messages:
        message = message.removeprefix("data: ").replace("found None", "found nothing")
        first, _, rest = message.partition(" ")
        if message.startswith("unknown key "):
            faults.append(Fault(message, (rest.split("'")[1],), at_key=True))
        else:
            faults.append(Fault(message, (first,) if first in ("csv", "inputs", "targets", "sha256") else ()))
    misspelt = any(fault.at_key for fault in faults)
    return [fault for fault in faults if not (misspelt and fault.message.endswith("found nothing"))]


def _read_scaling(value: object, base: Path | None = None) -> Call:
    name, parts = split_call(value, "a scaling")
    if name not in SCALINGS:
        raise Wrong(unknown(SCALINGS, name, [entry.signature for entry in SCALINGS.values()]))
    return _bound(SCALINGS[name], name, [to_argument(part) for part in parts])


def _bound(entry: Any, name: str, args: list[Argument]) -> Call:
    try:
        return Call(name, entry.bind(args))
    except ValueError as error:
        raise Wrong(str(error)) from None


def _paired(parts: list[str], digits: list[bool]) -> Iterable[tuple[str, bool]]:
    return zip(parts, digits + [False] * len(parts), strict=False)


def _initializer(value: object, names: list[str], what: str) -> Call:
    name, parts = split_call(value, what)
    if name not in names:
        raise Wrong(unknown(names, name, [str(Call(n, INITIALIZERS[n].parameters)) for n in names]))
    wanted = INITIALIZERS[name].parameters
    if len(parts) != len(wanted):
        takes = f"{name}({', '.join(wanted)})" if wanted else f"{name} without arguments"
        raise Wrong(f"expected {takes}, found {value}")
    args = tuple(float(to_argument(part)) + 0.0 for part in parts)
    given = dict(zip(wanted, args, strict=True))
    if given.get("std", 0.0) < 0:
        raise Wrong(f"expected std >= 0, found {value}")
    if "b" in given and not given["a"] < given["b"]:
        raise Wrong(f"expected a < b, found {value}")
    return Call(name, args)


def _read_init(value: object, base: Path | None = None) -> Call | tuple[float, ...]:
    if isinstance(value, list):
        return numbers(value)
    return _initializer(value, list(INITIALIZERS), "an initialiser or a list of numbers")


def _read_bias_init(value: object, base: Path | None = None) -> Call:
    names = [name for name, record in INITIALIZERS.items() if record.biases]
    return _initializer(value, names, "an initialiser")


def _call_schema(registry: Mapping[str, Any], *others: Mapping[str, Any]) -> dict[str, Any]:
    bare = [name for name, record in registry.items() if not record.parameters]
    called = [name for name, record in registry.items() if record.parameters]
    forms: list[Mapping[str, Any]] = [{"enum": bare}]
    if called:
        forms.append({"type": "string", "pattern": rf"^({'|'.join(called)})\(.*\)$"})
    return {"anyOf": [*forms, *others]}


_CSV_SCHEMA = {
    "type": "object",
    "properties": {
        "csv": {"type": "string"},
        "inputs": {"type": "array", "items": {"type": ["string", "integer"]}, "minItems": 1},
        "targets": {"type": "array", "items": {"type": ["string", "integer"]}, "minItems": 1},
        "sha256": {"type": "string"},
    },
    "required": ["csv", "inputs", "targets"],
    "additionalProperties": False,
}
_NUMBERS_SCHEMA = {"type": "array", "items": {"type": "number"}, "minItems": 1}

_DATA = Kind(_read_data, str, _call_schema(DATASETS, _CSV_SCHEMA))
_SCALING = Kind(_read_scaling, str, _call_schema(SCALINGS))
_INIT = Kind(
    _read_init,
    lambda value: list_text(value) if isinstance(value, tuple) else str(value),
    _call_schema(INITIALIZERS, _NUMBERS_SCHEMA),
)
_BIAS_INIT = Kind(_read_bias_init, str, _call_schema({n: r for n, r in INITIALIZERS.items() if r.biases}))


def _setting_keys() -> list[Key]:
    keys = []
    for name, setting in SETTINGS.items():
        users = [f"{o.settings[name]:g} for {o.name}" for o in OPTIMIZERS.values() if name in o.settings]
        kind = number(setting.low, setting.high, below=not setting.high_included)
        keys.append(Key(name, f"{setting.doc} Default: {', '.join(users)}.", kind))
    return keys


def _keys() -> list[Key]:
    hidden = [name for name, record in ACTIVATIONS.items() if record.hidden]
    output = [name for name, record in ACTIVATIONS.items() if record.output]
    budget = integer(1, MOST_UPDATES)
    return [
        Key("data", "A named data set, or columns of a CSV file.", _DATA, required=True),
        Key("scaling", "Of the inputs, column by column.", _SCALING, Call("none")),
        Key("missing", "What a missing number in CSV data does.", choice(MISSING_POLICIES), "error"),
        Key("target_encoding", "one_hot: class labels to one output each.", choice(ENCODINGS), "none"),
        Key("target_range", "Where the smallest and the largest target are mapped.", interval()),
        Key("architecture", "Layer sizes from input to output.", architecture(), required=True),
        Key("activation", "Of the hidden layers.", choice(hidden), "sigmoid"),
        Key("output", "Activation of the output layer.", choice(output), "sigmoid"),
        Key(
            "bias",
            "trained, none, shared (one per layer), or a number at which they are frozen.",
            word_or(("trained", "none", "shared"), number(), "a number"),
            "trained",
        ),
        Key("parameterization", "Of the network.", choice(("standard", "mean_field")), "standard"),
        Key(
            "init",
            "Distribution of the initial weights, or all parameters: layer by layer W (fan_out, fan_in), then b.",
            _INIT,
            Call("xavier_uniform"),
        ),
        Key("bias_init", "Distribution of the initial biases.", _BIAS_INIT, Call("zeros")),
        Key("loss", "What is minimised.", choice(LOSSES), "half_sse"),
        Key("rule", "How weights learn from errors.", choice(RULES), "backprop"),
        Key("faults", "Defects of a hand-written program, combined: none, or a list.", FAULT_LIST, ()),
        Key("optimizer", "How a gradient becomes a change of the weights.", choice(OPTIMIZERS), "sgd"),
        *_setting_keys(),
        Key("learning_rate", "A number of any sign, or one per layer.", rates(), required=True),
        Key("bias_learning_rate", "The same for biases; default: learning_rate.", rates()),
        Key("weight_decay", "Default: the optimizer's, 0 for most.", number()),
        Key("batch", "Samples per update.", word_or(("full",), integer(1), "a whole number >= 1"), "full"),
        Key(
            "order",
            "Of the samples in mini-batches.",
            choice(("sequential", "shuffled", "with_replacement")),
            "sequential",
        ),
        Key("epochs", "The budget in passes over the data; this or updates.", budget),
        Key("updates", "The budget in changes of the weights; this or epochs.", budget),
        Key("criterion", "When a run counts as converged.", limits(CRITERIA), (("max_error", 0.5),)),
        Key(
            "evaluate_every",
            "Updates between two evaluations of the criterion; default: one epoch.",
            integer(1, MOST_UPDATES),
        ),
        Key("stop", "At the end of the budget, or at the criterion.", choice(("budget", "converged")), "budget"),
        Key("precision", "Of the arithmetic.", choice(("float64", "float32")), "float64"),
        Key("seed", "The replicate.", integer(0, MOST_SEED)),
    ]


KEYS: Mapping[str, Key] = MappingProxyType({key.name: key for key in _keys()})
"""Every key of a run, in the order of the columns."""


def element(name: str) -> int | None:
    """The k of `init[k]`; None for every other name."""
    match = _ELEMENT.fullmatch(name)
    return int(match[1]) if match else None


def sweep_key(name: str) -> Key | None:
    """The key that a sweep may vary under this name: any but seed, and `init[k]`."""
    if element(name) is not None:
        return Key(name, "One number of an explicit init.", number())
    return KEYS.get(name) if name != "seed" else None


def text(key: str, value: Any) -> str:
    """The canonical text of a value of a key; empty for None."""
    return KEYS[key].text(value)


def read(key: str, written: str, base: Path | None = None) -> Any:
    """The value whose canonical text is `written`.

    Raises
    ------
    Wrong
        When it is no text of this key.
    """
    if not written:
        return None
    node, problems = parse(written, "", positions=False)
    if problems:
        raise expected(f"a value of {key}", written)
    return KEYS[key].read(node.value, base)
