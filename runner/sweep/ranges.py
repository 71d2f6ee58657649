"""`linspace`, `geomspace` and `arange` with NumPy's meanings, computed in decimal and rounded once.

The numbers of a study are decimal, and so are these: `arange: [0, 1, 0.1]` holds 0.3 and not 0.30000000000000004, and
the same file gives the same numbers on every processor.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from runner.keys.issues import Invalid, expected
from runner.keys.kinds import integer, to_float

MOST_VALUES = 1_000_000
"""Values of one range."""
# Digits enough that a million multiplications of geomspace leave 50 of them right.
_DIGITS = decimal.Context(prec=60, rounding=decimal.ROUND_HALF_EVEN, Emin=-999_999, Emax=999_999)
_HOW_MANY = integer(1, MOST_VALUES)


def _linspace(args: Sequence[object]) -> list[Decimal]:
    first, last, n = _ends("linspace", args)
    if n == 1:
        return [first]
    step = (last - first) / (n - 1)
    return [*(first + step * i for i in range(n - 1)), last]


def _geomspace(args: Sequence[object]) -> list[Decimal]:
    first, last, n = _ends("geomspace", args)
    if first * last <= 0:
        raise Invalid("geomspace: expected two numbers of the same sign, neither of them 0")
    if n == 1:
        return [first]
    ratio = ((last / first).ln() / (n - 1)).exp()
    values = [first]
    for _ in range(n - 2):
        values.append(values[-1] * ratio)
    return [*values, last]


def _arange(args: Sequence[object]) -> list[Decimal]:
    if not 1 <= len(args) <= 3:
        raise Invalid(f"expected arange: [start, stop, step], found {len(args)} numbers")
    numbers = [decimal_of(arg) for arg in args]
    first, stop = (Decimal(0), numbers[0]) if len(args) == 1 else numbers[:2]
    step = numbers[2] if len(args) == 3 else Decimal(1)
    if step == 0:
        raise Invalid("arange: expected a step other than 0")
    n = ((stop - first) / step).to_integral_value(decimal.ROUND_CEILING)
    if n > MOST_VALUES:
        raise Invalid(f"arange: expected at most {MOST_VALUES:,} values, found {n:,f}")
    return [first + step * i for i in range(int(n))]


RANGES: Mapping[str, Callable[[Sequence[object]], list[Decimal]]] = MappingProxyType(
    {"linspace": _linspace, "geomspace": _geomspace, "arange": _arange}
)


def _ends(name: str, args: Sequence[object]) -> tuple[Decimal, Decimal, int]:
    if len(args) != 3:
        raise Invalid(f"expected {name}: [first, last, how many], found {len(args)} numbers")
    first, last = decimal_of(args[0]), decimal_of(args[1])
    try:
        return first, last, _HOW_MANY.read(args[2], None)
    except Invalid as invalid:
        raise Invalid(*(issue.named(name) for issue in invalid.issues)) from None


def decimal_of(value: object) -> Decimal:
    """A number of a study as the decimal it was written as."""
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    # repr is the shortest decimal that means this float: what was written, up to 17 digits.
    return Decimal(repr(to_float(value)))


def range_values(name: str, args: object) -> list[float]:
    """The numbers of a range.

    Parameters
    ----------
    name : str
        One of `RANGES`.
    args : list
        As YAML gives them.

    Raises
    ------
    Invalid
        When the arguments are wrong; the messages begin with what was expected.
    """
    if not isinstance(args, list):
        raise expected(f"{name}: [...]", args)
    with decimal.localcontext(_DIGITS):
        values = [float(value) + 0.0 for value in RANGES[name](args)]
    if not values:
        raise Invalid(f"{name}: the range has no values")
    return values


def range_schema() -> dict[str, Any]:
    """JSON schema of a range."""
    number = {"type": "number"}
    three = {
        "type": "array",
        "prefixItems": [number, number, {"type": "integer", "minimum": 1}],
        "minItems": 3,
        "maxItems": 3,
    }
    arange = {"type": "array", "items": number, "minItems": 1, "maxItems": 3}
    return {
        "type": "object",
        "properties": {"linspace": three, "geomspace": three, "arange": arange},
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
    }
