"""Kinds of values that are written as calls: data sets, scalings, initialisers and schedules.

A call is a name, and numbers in parentheses where it takes any: `iris`, `parity(3)`, `normal(0, 1)`. Data may be
columns of a file instead, and initial weights a list of numbers. Faults have a module of their own, `faults`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from runner.data import DATASETS, SCALINGS, Data, DataError, fingerprint, memory, parse_file_spec
from runner.data.files.spec import FORMS
from runner.data.files.spec import KEYS as FILE_KEYS
from runner.data.parameters import TruthTable
from runner.keys import synonyms
from runner.keys.issues import OWN, Invalid, Issue, expected, hint, unknown
from runner.keys.kinds import Kind, numbers
from runner.keys.scalars import found, list_text, resolve
from runner.ops import INITIALIZERS, SCHEDULES
from runner.ops.schedules import CONSTANT
from runner.registry import NUMBER, Argument, Call

_CALL = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*(?:\((.*)\))?", re.DOTALL)


def split_call(value: object, what: str) -> tuple[str, list[str]]:
    """Name and argument texts of a call such as `normal(0, 1)`; `what` is what messages say was expected."""
    if not isinstance(value, str):
        raise expected(what, value)
    match = _CALL.fullmatch(value.strip())
    if match is None:
        if value.count("(") != value.count(")"):
            raise Invalid(f"expected {what}, found {found(value)}, whose parentheses do not match")
        raise expected(what, value)
    inside = match[2]
    if inside is None or not inside.strip():
        return match[1], []
    return match[1], [part.strip() for part in inside.split(",")]


def to_argument(part: str) -> int | float:
    """One argument of a call, as a finite number."""
    value = resolve(part)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Invalid(f"expected numbers in the parentheses, found {found(part)}")
    if not math.isfinite(value):
        raise Invalid(f"expected a finite number, found {part}")
    return value


def _arguments(name: str, wanted: tuple[str, ...], parts: list[str], value: object) -> list[int | float]:
    """The arguments of a call, as many as wanted."""
    if len(parts) != len(wanted):
        takes = f"{name}({', '.join(wanted)})" if wanted else f"{name} without arguments"
        raise Invalid(f"expected {takes}, found {value}")
    return [to_argument(part) for part in parts]


def _bound(entry: Any, name: str, args: list[Argument]) -> Call:
    """The call of a data set or a scaling, its arguments checked and in the types that the function takes."""
    try:
        return Call(name, entry.bind(args))
    except ValueError as error:
        raise Invalid(str(error)) from None


def _call_schema(registry: Mapping[str, Any], *others: Mapping[str, Any]) -> dict[str, Any]:
    """JSON schema of the calls of a registry, and of what else the value may be."""
    bare = [name for name, record in registry.items() if not record.parameters]
    called = [name for name, record in registry.items() if record.parameters]
    forms: list[Mapping[str, Any]] = [{"enum": bare}]
    if called:
        forms.append(
            {"type": "string", "pattern": rf"^({'|'.join(_call_pattern(registry[name]) for name in called)})$"}
        )
    return {"anyOf": [*forms, *others]}


# Regular expressions of the arguments of initialisers that have bounds; exponents are let through.
_WITHIN = {
    "std": NUMBER.removeprefix("[-+]?"),
    "sparsity": r"(0*\.[0-9]+|0+(\.[0-9]*)?|0*1(\.0*)?|[0-9]*\.?[0-9]*[eE][-+]?[0-9]+)",
}


def _call_pattern(record: Any) -> str:
    """Regular expression of the calls of a member, with as many arguments as it takes, each within its bounds."""
    declared = getattr(record, "declared", None)
    if declared is None:  # an initialiser, whose arguments are numbers
        texts = [_WITHIN.get(name, NUMBER) for name in record.parameters]
    else:
        texts = [parameter.pattern for parameter in declared.values()]
    arguments = r"\s*,\s*".join(texts)
    return rf"{record.name}\(\s*{arguments}\s*\)"


# Data sets -----------------------------------------------------------------------------------------------------------


def _read_data(value: object, base: Path | None = None) -> Data:
    try:
        if isinstance(value, dict):
            spec = parse_file_spec(value)
            return spec if base is None else fingerprint(spec, base)
        if isinstance(value, str) and value.startswith(memory.PREFIX):
            data = memory.parse(value)
            if base is not None:
                memory.load(data, base)
            return data
    except DataError as error:
        raise Invalid(*file_issues(problem.message for problem in error.problems)) from None
    except ValueError as error:
        raise Invalid(str(error)) from None
    name, parts = split_call(value, "a data set or {csv: ..., inputs: [...], targets: [...]}")
    if name not in DATASETS:
        message = unknown(DATASETS, name, synonyms.DATASETS, [entry.signature for entry in DATASETS.values()])
        raise Invalid(f"{message}{'' if hint(name, DATASETS, synonyms.DATASETS) else OWN}")
    entry = DATASETS[name]
    # A truth table keeps its leading zeros: it stays a text. Arguments too many are numbers, and `bind` counts them.
    texts = [isinstance(parameter, TruthTable) for parameter in entry.declared.values()] + [False] * len(parts)
    args = [part if text else to_argument(part) for part, text in zip(parts, texts, strict=False)]
    return _bound(entry, name, args)


def file_issues(messages: Iterable[str]) -> list[Issue]:
    """The messages about a file of data, each with the entry that it begins with."""
    issues = []
    for message in messages:
        message = message.removeprefix("data: ").replace("found None", "found nothing")
        first, _, rest = message.partition(" ")
        if message.startswith("unknown key "):
            issues.append(Issue(message, (rest.split("'")[1],), at_key=True))
        else:
            issues.append(Issue(message, (first,) if first in FILE_KEYS else ()))
    # Where a key is misspelt, that it is missing as well is no second mistake.
    misspelt = any(issue.at_key for issue in issues)
    return [issue for issue in issues if not (misspelt and issue.message.endswith("found nothing"))]


FILE_SCHEMA = {
    "type": "object",
    "properties": {
        **{form: {"type": "string"} for form in FORMS},
        "inputs": {"type": "array", "items": {"type": ["string", "integer"]}, "minItems": 1},
        "targets": {"type": "array", "items": {"type": ["string", "integer"]}, "minItems": 1},
        "sha256": {"type": "string"},
    },
    "required": ["inputs", "targets"],
    "anyOf": [{"required": [form]} for form in FORMS],
    "additionalProperties": False,
}
_MEMORY_SCHEMA = {"type": "string", "pattern": f"^{memory.PREFIX}[0-9a-f]{{16}}$"}

DATA = Kind(_read_data, str, _call_schema(DATASETS, FILE_SCHEMA, _MEMORY_SCHEMA))


# Scalings ------------------------------------------------------------------------------------------------------------


def _read_scaling(value: object, base: Path | None = None) -> Call:
    name, parts = split_call(value, "a scaling")
    if name not in SCALINGS:
        raise Invalid(unknown(SCALINGS, name, synonyms.SCALINGS, [entry.signature for entry in SCALINGS.values()]))
    return _bound(SCALINGS[name], name, [to_argument(part) for part in parts])


SCALING = Kind(_read_scaling, str, _call_schema(SCALINGS))


# Initialisers --------------------------------------------------------------------------------------------------------


def _read_initializer(value: object, names: list[str], what: str) -> Call:
    name, parts = split_call(value, what)
    if name not in names:
        signatures = [str(Call(n, INITIALIZERS[n].parameters)) for n in names]
        own = name not in INITIALIZERS and not hint(name, names, synonyms.INITIALIZERS)
        raise Invalid(f"{unknown(names, name, synonyms.INITIALIZERS, signatures)}{OWN if own else ''}")
    wanted = INITIALIZERS[name].parameters
    args = tuple(float(argument) + 0.0 for argument in _arguments(name, wanted, parts, value))
    given = dict(zip(wanted, args, strict=True))
    if given.get("std", 0.0) < 0:
        raise Invalid(f"expected std >= 0, found {value}")
    if not 0 <= given.get("sparsity", 0.0) <= 1:
        raise Invalid(f"expected sparsity from 0 to 1, found {value}")
    if "b" in given and not given["a"] < given["b"]:
        raise Invalid(f"expected a < b, found {value}")
    return Call(name, args)


def _read_init(value: object, base: Path | None = None) -> Call | tuple[float, ...]:
    if isinstance(value, list):
        return numbers(value)
    return _read_initializer(value, list(INITIALIZERS), "an initialiser or a list of numbers")


INIT = Kind(
    _read_init,
    lambda value: list_text(value) if isinstance(value, tuple) else str(value),
    _call_schema(INITIALIZERS, {"type": "array", "items": {"type": "number"}, "minItems": 1}),
)


def _of_biases() -> dict[str, Any]:
    return {name: record for name, record in INITIALIZERS.items() if record.biases}


def _read_bias_init(value: object, base: Path | None = None) -> Call:
    return _read_initializer(value, list(_of_biases()), "an initialiser")


BIAS_INIT = Kind(_read_bias_init, str, _call_schema(_of_biases()))


# Schedules -----------------------------------------------------------------------------------------------------------


def _read_schedule(value: object, base: Path | None = None) -> Call:
    name, parts = split_call(value, "a schedule")
    if name not in SCHEDULES:
        signatures = [record.signature for record in SCHEDULES.values()]
        own = "" if hint(name, SCHEDULES, synonyms.SCHEDULES) else OWN
        raise Invalid(f"{unknown(SCHEDULES, name, synonyms.SCHEDULES, signatures)}{own}")
    record = SCHEDULES[name]
    args = []
    for (parameter, bound), argument in zip(
        record.declared.items(), _arguments(name, record.parameters, parts, value), strict=True
    ):
        if not bound.accepts(argument):
            raise Invalid(f"expected {parameter} to be {bound.expected}, found {value}")
        args.append(bound.read(argument))
    return Call(name, tuple(args))


SCHEDULE = Kind(_read_schedule, str, _call_schema(SCHEDULES))


def _read_setting_schedule(value: object, base: Path | None = None) -> Call | None:
    if value == "none":
        return None
    schedule = _read_schedule(value, base)
    if SCHEDULES[schedule.name].follows:
        raise Invalid(f"expected a schedule of epochs, found {value}, which follows the loss")
    return None if schedule.name == CONSTANT else schedule


SETTING_SCHEDULE = Kind(
    _read_setting_schedule,
    lambda value: "" if value is None else str(value),
    {"anyOf": [{"const": "none"}, SCHEDULE.schema]},
    none=True,
)
"""A schedule of a setting of an optimizer; `none`, or `constant`, is None."""
