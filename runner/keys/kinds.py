"""Kinds of values that a key can have: how each is read, written as its one canonical text, and described."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from runner.keys.issues import OWN, Invalid, Issue, expected, hint, unknown
from runner.keys.scalars import found, list_text
from runner.registry import NO_SYNONYMS, Synonyms, shortest

Schema = Mapping[str, Any]


class Reader(Protocol):
    """Turns what YAML gives into a canonical value; raises Invalid. `base` is the folder of the study."""

    def __call__(self, value: object, base: Path | None) -> Any: ...


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    Attributes
    ----------
    read : Reader
        From a value as YAML gives it.
    text : callable
        The canonical text; `read` takes it back to the same value.
    schema : mapping
        JSON schema of one value.
    number : type or None
        `float` or `int` where a sweep can use a range of numbers.
    ranges : mapping of str to callable
        Ranges that only this kind has, such as the `subsets` of faults: from what YAML gives behind the name of the
        range to the values of an axis.
    none : bool
        Whether `none` is a value: None, whose text is empty.
    """

    read: Reader
    text: Callable[[Any], str]
    schema: Schema
    number: type[float] | type[int] | None = None
    ranges: Mapping[str, Callable[[object], list[Any]]] = field(default_factory=dict)
    none: bool = False


def _bounds(what: str, low: float | None, high: float | None, below: bool = False) -> str:
    """What is expected, in words: `a number >= 0 and < 1`; `below` leaves out `high` itself."""
    if low is not None and high is not None and not below:
        return f"{what} from {_count(low)} to {_count(high)}"
    parts = [f">= {_count(low)}"] if low is not None else []
    parts += [f"< {_count(high)}"] if high is not None else []
    return f"{what} {' and '.join(parts)}".strip()


def _count(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else shortest(value)


def to_float(value: object, what: str = "a number") -> float:
    """A finite number as a float; never negative zero, which would be a second text for the same number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        if isinstance(value, str) and re.fullmatch(r"[-+]?(inf(inity)?|nan)", value.casefold()):
            raise Invalid(f"expected a finite number, found {value}")
        raise expected(what, value)
    if not math.isfinite(value):
        raise Invalid(f"expected a finite number, found {value}")
    return float(value) + 0.0


def number(low: float | None = None, high: float | None = None, below: bool = False) -> Kind:
    """Numbers from `low` to `high`; `below` leaves out `high` itself."""
    what = _bounds("a number", low, high, below)

    def read(value: object, base: Path | None = None) -> float:
        x = to_float(value, what)
        if (low is not None and x < low) or (high is not None and (x >= high if below else x > high)):
            raise expected(what, value)
        return x

    limits = {"minimum": low, "exclusiveMaximum" if below else "maximum": high}
    schema = {"type": "number", **{name: limit for name, limit in limits.items() if limit is not None}}
    return Kind(read, repr, schema, float)


def integer(low: int, high: int | None = None) -> Kind:
    """Whole numbers from `low` to `high`; `1e4` is one."""
    what = _bounds("a whole number", low, high)

    def read(value: object, base: Path | None = None) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
            raise expected(what, value)
        if value < low or (high is not None and value > high):
            raise expected(what, value)
        return int(value)

    schema = {"type": "integer", "minimum": low, **({} if high is None else {"maximum": high})}
    return Kind(read, str, schema, int)


def choice(names: Iterable[str] | Callable[[], Iterable[str]], synonyms: Synonyms = NO_SYNONYMS) -> Kind:
    """One of a few names, or of those that a function gives when a value is read; `synonyms` are names elsewhere."""
    now = names if callable(names) else tuple(names).__iter__

    def read(value: object, base: Path | None = None) -> str:
        known = tuple(now())
        if not isinstance(value, str) or value not in known:
            # The names of a registry are those that there are now: a user may add his own.
            own = callable(names) and isinstance(value, str) and not hint(value, known, synonyms)
            raise Invalid(f"{unknown(known, value, synonyms)}{OWN if own else ''}")
        return value

    return Kind(read, str, {"enum": list(now())})


def none_or(names: Sequence[str], synonyms: Synonyms = NO_SYNONYMS) -> Kind:
    """`none`, which is None, or one of a few names."""
    one = choice(("none", *names), synonyms)

    def read(value: object, base: Path | None = None) -> str | None:
        name: str = one.read(value, base)
        return None if name == "none" else name

    return Kind(read, lambda value: value or "", one.schema, none=True)


def or_none(one: Kind, what: str) -> Kind:
    """`none`, which is None, or a value of another kind, which `what` names in messages."""

    def read(value: object, base: Path | None = None) -> Any:
        if value == "none":
            return None
        if isinstance(value, str | dict | None):
            raise expected(f"none or {what}", value)
        return one.read(value, base)

    schema = {"anyOf": [{"const": "none"}, one.schema]}
    return Kind(read, lambda value: "" if value is None else one.text(value), schema, one.number, none=True)


def class_weights() -> Kind:
    """`none`, which is None, `balanced`, or a list of numbers above 0."""

    def read(value: object, base: Path | None = None) -> tuple[float, ...] | str | None:
        if value in ("none", "balanced"):
            return None if value == "none" else "balanced"
        if not isinstance(value, list):
            raise expected("none, balanced or a list of numbers > 0", value)

        def positive(item: object) -> float:
            if (x := to_float(item, "a number > 0")) <= 0:
                raise expected("a number > 0", item)
            return x

        return _each(value, positive, "number")

    def text(value: Any) -> str:
        return list_text(value) if isinstance(value, tuple) else value or ""

    numbers = {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}, "minItems": 1}
    return Kind(read, text, {"anyOf": [{"enum": ["none", "balanced"]}, numbers]}, none=True)


def text() -> Kind:
    """Any text."""

    def read(value: object, base: Path | None = None) -> str:
        if isinstance(value, str):
            return value
        quotes = "; put it in quotes" if isinstance(value, int | float) else ""
        raise Invalid(f"expected a text, found {found(value)}{quotes}")

    return Kind(read, str, {"type": "string"})


def flag() -> Kind:
    """true or false."""

    def read(value: object, base: Path | None = None) -> bool:
        if not isinstance(value, bool):
            raise expected("true or false", value)
        return value

    return Kind(read, lambda value: str(value).lower(), {"type": "boolean"})


def _each(value: Sequence[object], read: Callable[[object], Any], what: str) -> tuple[Any, ...]:
    """Every item of a list as `read` takes it; every bad one is reported at its place."""
    good: list[Any] = []
    issues: list[Issue] = []
    for i, item in enumerate(value):
        try:
            good.append(read(item))
        except Invalid as invalid:
            issues += [issue.under(i) for issue in invalid.issues]
    if issues:
        raise Invalid(*issues)
    if not good:
        raise Invalid(f"expected at least one {what}, found an empty list")
    return tuple(good)


def numbers(value: Sequence[object], what: str = "a number") -> tuple[float, ...]:
    """A list of finite numbers; every bad one is reported at its place."""
    return _each(value, lambda item: to_float(item, what), "number")


def rates() -> Kind:
    """One number, or one per layer."""

    def read(value: object, base: Path | None = None) -> float | tuple[float, ...]:
        return numbers(value) if isinstance(value, list) else to_float(value)

    schema = {"anyOf": [{"type": "number"}, {"type": "array", "items": {"type": "number"}, "minItems": 1}]}
    return Kind(read, lambda v: list_text(v) if isinstance(v, tuple) else repr(v), schema, float)


def one_or_each(one: Kind, what: str = "name") -> Kind:
    """A value of a kind, or a list of one for each hidden layer; `what` they are."""

    def read(value: object, base: Path | None = None) -> Any:
        if not isinstance(value, list):
            return one.read(value, base)
        return _each(value, lambda item: one.read(item, base), what)

    def text(value: Any) -> str:
        return f"[{', '.join(map(one.text, value))}]" if isinstance(value, tuple) else one.text(value)

    schema = {"anyOf": [one.schema, {"type": "array", "items": one.schema, "minItems": 1}]}
    return Kind(read, text, schema, one.number)


def interval() -> Kind:
    """`none`, which is None, or `[lo, hi]`."""
    what = "none or two numbers [lo, hi]"

    def read(value: object, base: Path | None = None) -> tuple[float, float] | None:
        if value == "none":
            return None
        if not isinstance(value, list) or len(value) != 2:
            raise expected(what, value)
        low, high = numbers(value)
        if not low < high:
            raise Invalid(f"expected [lo, hi] with lo < hi, found {list_text((low, high))}")
        return low, high

    pair = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
    return Kind(read, lambda v: "" if v is None else list_text(v), {"anyOf": [{"const": "none"}, pair]}, none=True)


def word_or(words: Sequence[str], other: Kind, what: str, synonyms: Synonyms) -> Kind:
    """One of a few words, or a value of another kind, which `what` names in messages."""

    def read(value: object, base: Path | None = None) -> Any:
        wanted = f"{', '.join(words)} or {what}"
        if isinstance(value, str | bool):
            if value in words:
                return value
            raise Invalid(f"expected {wanted}, found {found(value)}{hint(value, words, synonyms)}")
        try:
            return other.read(value, base)
        except Invalid:
            raise expected(wanted, value) from None

    schema = {"anyOf": [{"enum": list(words)}, other.schema]}
    return Kind(read, lambda v: v if isinstance(v, str) else other.text(v), schema, other.number)


def read_parts(
    value: Mapping[Any, Any], kinds: Mapping[str, Kind], synonyms: Synonyms, base: Path | None
) -> tuple[dict[str, Any], list[Issue]]:
    """The parts of a mapping that are right, and what is wrong with the others, each issue at its part.

    Parameters
    ----------
    value : mapping
    kinds : mapping of str to Kind
        The parts that there are.
    synonyms : Synonyms
        Of their names.
    base : Path or None
        As of `Kind.read`.
    """
    good: dict[str, Any] = {}
    issues: list[Issue] = []
    for name, part in value.items():
        try:
            if name not in kinds:
                raise Invalid(Issue(f"unknown key '{name}'{hint(name, kinds, synonyms)}", at_key=True))
            good[name] = kinds[name].read(part, base)
        except Invalid as invalid:
            named = [issue if issue.at_key else issue.named(name) for issue in invalid.issues]
            issues += [issue.under(name) for issue in named]
    return good, issues


def limits(bounds: Mapping[str, Kind], synonyms: Synonyms) -> Kind:
    """A mapping of names to numbers, kept in the order of `bounds`; at least one."""

    def read(value: object, base: Path | None = None) -> tuple[tuple[str, float], ...]:
        if not isinstance(value, dict) or not value:
            message = expected(f"a mapping of {', '.join(bounds)} to numbers", value)
            raise Invalid(f"{message}{hint(value, (), synonyms)}")
        good, issues = read_parts(value, bounds, synonyms, base)
        if issues:
            raise Invalid(*issues)
        return tuple((name, good[name]) for name in bounds if name in good)

    schema = {
        "type": "object",
        "properties": {name: dict(kind.schema) for name, kind in bounds.items()},
        "additionalProperties": False,
        "minProperties": 1,
    }
    return Kind(read, lambda v: f"{{{', '.join(f'{n}: {shortest(x)}' for n, x in v)}}}", schema)
