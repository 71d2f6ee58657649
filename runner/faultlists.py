"""The values of the key `faults`: `none`, one fault, or a list of faults; and `subsets`, a range of such lists."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

from runner.calls import Call
from runner.ops import FAULTS
from runner.values import Kind, split_call, to_argument
from runner.wrong import Wrong, expected, unknown

MOST_DECIMALS = 15
MOST_SUBSETS = 12
"""Faults whose subsets make an axis, at most: 4,096 values."""


def _read_fault(value: object) -> Call:
    name, parts = split_call(value, "none or a list of faults")
    if name not in FAULTS:
        signatures = [str(Call(fault.name, fault.parameters)) for fault in FAULTS.values()]
        raise Wrong(unknown(FAULTS, name, ["none", *signatures]))
    wanted = FAULTS[name].parameters
    args = [float(to_argument(part)) for part in parts]
    if len(args) != len(wanted) or any(not arg.is_integer() or not 0 <= arg <= MOST_DECIMALS for arg in args):
        takes = f"({', '.join(wanted)}) with 0 to {MOST_DECIMALS} decimals" if wanted else " without arguments"
        raise Wrong(f"expected {name}{takes}, found {value}")
    return Call(name, tuple(int(arg) for arg in args))


def _read(value: object, base: Path | None = None) -> tuple[Call, ...]:
    if value == "none":
        return ()
    items = value if isinstance(value, list) else [value]
    if len(items) > len(FAULTS):
        raise Wrong(f"expected each fault once, {len(FAULTS)} at most, found {len(items):,}")
    problems, faults = [], {}
    for i, item in enumerate(items):
        try:
            fault = _read_fault(item)
            if fault.name in faults:
                raise Wrong(f"{fault.name} stands there twice")
            faults[fault.name] = fault
        except Wrong as wrong:
            problems += [p.under(i) if isinstance(value, list) else p for p in wrong.faults]
    if problems:
        raise Wrong(*problems)
    replaced: dict[str, str] = {}
    for name in faults:
        term = FAULTS[name].replaces
        if term and term in replaced:
            raise Wrong(f"{replaced[term]} and {name} exclude each other: both replace the {term}")
        replaced[term] = name
    return tuple(faults[name] for name in FAULTS if name in faults)


def _text(faults: tuple[Call, ...]) -> str:
    return f"[{', '.join(map(str, faults))}]" if faults else "none"


def subsets(value: object) -> list[object]:
    """Every subset of a list, the empty one first, then by size: the axis of an ablation.

    Raises
    ------
    Wrong
        When it is not a list, or its subsets are too many.
    """
    if not isinstance(value, list) or not value:
        raise expected("a list of faults", value)
    if len(value) > MOST_SUBSETS:
        raise Wrong(f"expected at most {MOST_SUBSETS} faults, found {len(value)}")
    chosen = (list(some) for n in range(len(value) + 1) for some in combinations(value, n))
    return [some or "none" for some in chosen]


def _schema() -> Mapping[str, Any]:
    bare = [name for name, fault in FAULTS.items() if not fault.parameters]
    called = [name for name, fault in FAULTS.items() if fault.parameters]
    one = {"anyOf": [{"enum": bare}, {"type": "string", "pattern": rf"^({'|'.join(called)})\(.*\)$"}]}
    return {"anyOf": [{"const": "none"}, one, {"type": "array", "items": one}]}


FAULT_LIST = Kind(_read, _text, _schema(), ranges={"subsets": subsets})
