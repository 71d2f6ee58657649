"""The key `faults`: none, or a list of faults of the whole network or of one layer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import combinations
from pathlib import Path
from types import MappingProxyType
from typing import Any

from runner.keys.calls import split_call, to_argument
from runner.keys.issues import Invalid, expected, unknown
from runner.keys.kinds import Kind
from runner.ops import ACTIVATIONS
from runner.ops.faults import FAULTS, Fault, layer_of, of_layer
from runner.registry import NUMBER, Argument, Call, whole_number

MOST_DECIMALS = 15
MOST_SUBSETS = 12
"""Faults whose subsets make an axis, at most: 4,096 values."""
_LAYER = re.compile(r"layer\s*=\s*(.*)", re.DOTALL)


def _decimals(text: str) -> int:
    value = to_argument(text)
    if not float(value).is_integer() or not 0 <= float(value) <= MOST_DECIMALS:
        raise ValueError(text)
    return int(value)


def _tolerance(text: str) -> float:
    value = float(to_argument(text))
    if not value > 0:
        raise ValueError(text)
    return value


def _activation(text: str) -> str:
    if text not in ACTIVATIONS or not ACTIVATIONS[text].hidden:
        raise ValueError(text)
    return text


SLOPES = tuple(name for name, record in ACTIVATIONS.items() if record.hidden)
"""Activations that have a slope of their own for each unit."""
# How an argument is read, what messages say of it, and the regular expression of its texts.
_ARGUMENTS: Mapping[str, tuple[Callable[[str], Argument], str, str]] = MappingProxyType(
    {
        "n": (_decimals, f"0 to {MOST_DECIMALS} decimals", whole_number(0, MOST_DECIMALS)),
        "tolerance": (_tolerance, "a tolerance > 0", NUMBER.removeprefix("[-+]?")),
        "activation": (_activation, f"one of {', '.join(SLOPES)}", f"({'|'.join(SLOPES)})"),
    }
)


def _read_fault(value: object) -> Call:
    name, parts = split_call(value, "none or a list of faults")
    if name not in FAULTS:
        signatures = [str(Call(fault.name, fault.parameters)) for fault in FAULTS.values()]
        raise Invalid(unknown(FAULTS, name, shown=["none", *signatures]))
    record = FAULTS[name]
    layer = None
    if parts and (match := _LAYER.fullmatch(parts[-1])):
        parts = parts[:-1]
        layer = _read_layer(record, match[1], value)
    if len(parts) != len(record.parameters):
        raise _misread(record, value)
    try:
        args = [_ARGUMENTS[wanted][0](part) for wanted, part in zip(record.parameters, parts, strict=True)]
    except Invalid:
        raise
    except ValueError:
        raise _misread(record, value) from None
    return of_layer(name, args, layer)


def _misread(record: Fault, value: object) -> Invalid:
    wanted = ", ".join(record.parameters)
    takes = f"({wanted}) with {_ARGUMENTS[record.parameters[0]][1]}" if wanted else " without arguments"
    return Invalid(f"expected {record.name}{takes}, found {value}")


def _read_layer(record: Fault, text: str, value: object) -> int:
    if not record.by_layer:
        of_what = "the output layer" if record.place == "output layer" else "the whole network"
        raise Invalid(f"{record.name} is about {of_what} and takes no layer, found {value}")
    if not re.fullmatch(r"[1-9][0-9]{0,5}", text):
        raise Invalid(f"expected {record.name}(layer=1) or another layer, counted from the inputs, found {value}")
    return int(text)


def _read(value: object, base: Path | None = None) -> tuple[Call, ...]:
    if value == "none":
        return ()
    items = value if isinstance(value, list) else [value]
    if len(items) > MOST_FAULTS:
        raise Invalid(f"expected each fault once, {MOST_FAULTS} at most, found {len(items):,}")
    problems, faults = [], {}
    for i, item in enumerate(items):
        try:
            fault = _read_fault(item)
            place = (fault.name, layer_of(fault))
            if place in faults:
                raise Invalid(f"{fault} stands there twice")
            faults[place] = fault
        except Invalid as invalid:
            problems += [p.under(i) if isinstance(value, list) else p for p in invalid.issues]
    if problems:
        raise Invalid(*problems)
    found = sorted(faults.values(), key=_rank)
    for first, second in combinations(found, 2):
        if quantity := _both_replace(first, second):
            raise Invalid(f"{first} and {second} exclude each other: both replace the {quantity}")
    return tuple(found)


MOST_FAULTS = 100
"""Faults of one run, at most."""
_ORDER = {name: rank for rank, name in enumerate(FAULTS)}


def _rank(fault: Call) -> tuple[int, int]:
    """Faults of all layers come in the order of the registry, those of one layer after each other."""
    return _ORDER[fault.name], layer_of(fault) or 0


def _both_replace(first: Call, second: Call) -> str:
    """The quantity that two faults replace in the same layer; "" where there is none."""
    a, b = FAULTS[first.name], FAULTS[second.name]
    layers = layer_of(first), layer_of(second)
    if None not in layers and layers[0] != layers[1]:
        return ""
    if a is b:
        return a.replaces or f"same term: {a.term}"
    if a.replaces == b.replaces == "slope" and a.place != b.place:
        # Which layer is the output layer, the architecture tells: those said of a layer are compared by the study.
        hidden = "hidden layer" in (a.place, b.place)
        if "output layer" in (a.place, b.place) and (hidden or layers != (None, None)):
            return ""
    return a.replaces if a.replaces == b.replaces else ""


def _text(faults: tuple[Call, ...]) -> str:
    # A comma would end an entry of a YAML list.
    texts = [f'"{fault}"' if len(fault.args) > 1 else str(fault) for fault in faults]
    return f"[{', '.join(texts)}]" if faults else "none"


def subsets(value: object) -> list[object]:
    """Every subset of a list, the empty one first, then by size: the axis of an ablation.

    Raises
    ------
    Invalid
        When it is not a list, or its subsets are too many.
    """
    if not isinstance(value, list) or not value:
        raise expected("a list of faults", value)
    if len(value) > MOST_SUBSETS:
        raise Invalid(f"expected at most {MOST_SUBSETS} faults, found {len(value)}")
    chosen = (list(some) for n in range(len(value) + 1) for some in combinations(value, n))
    return [some or "none" for some in chosen]


_IN_LAYER = r"layer\s*=\s*[1-9][0-9]{0,5}"


def _call_pattern(fault: Fault) -> str:
    """Regular expression of the calls of a fault."""
    arguments = r"\s*,\s*".join(_ARGUMENTS[name][2] for name in fault.parameters)
    layer = rf"(\s*,\s*{_IN_LAYER})?" if fault.by_layer else ""
    return rf"{fault.name}\(\s*{arguments}{layer}\s*\)"


def _schema() -> Mapping[str, Any]:
    bare = [name for name, fault in FAULTS.items() if not fault.parameters]
    called = [_call_pattern(fault) for fault in FAULTS.values() if fault.parameters]
    of_layer = [name for name, fault in FAULTS.items() if fault.by_layer and not fault.parameters]
    one = {
        "anyOf": [
            {"enum": bare},
            {"type": "string", "pattern": rf"^({'|'.join(called)})$"},
            {"type": "string", "pattern": rf"^({'|'.join(of_layer)})\(\s*{_IN_LAYER}\s*\)$"},
        ]
    }
    return {"anyOf": [{"const": "none"}, one, {"type": "array", "items": one}]}


FAULT_LIST = Kind(_read, _text, _schema(), ranges={"subsets": subsets})
