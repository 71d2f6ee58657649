"""How axes, rows and conditions of a sweep are read: mappings of keys to one value, to many, or to a distribution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from runner.keys import synonyms
from runner.keys.definitions import KEYS, Key, sweep_key
from runner.keys.issues import Invalid, Issue, Step, expected, unknown
from runner.keys.scalars import found
from runner.sweep.ranges import RANGES, range_values
from runner.sweep.sampling import DISTRIBUTIONS, chosen, drawn, points

Axes = dict[str, tuple[Any, ...]]
"""Keys and the values of their axes; or, as a condition, the values that match."""
Row = dict[str, Any]
"""Keys and one value of each: a row of a zip, or a cell that is included."""
ReadOne = Callable[[Key, object, Path | None], Any]
"""How what stands behind a key is read: key, what YAML gives, folder of the study -> one value, or many."""
T = TypeVar("T")
MOST_DRAWN = 10_000_000
"""Values of a sample, cells times keys, at most: they take more than a gigabyte while they are read."""
_BY_LAYER = ("activation", "learning_rate", "bias_learning_rate")


def read_value(key: Key, value: object, base: Path | None) -> Any:
    """One value of a key."""
    return key.read(value, base)


def is_range(value: object) -> bool:
    """Whether this looks like a range, such as `{linspace: [0, 1, 5]}`, rather than a value that is a mapping."""
    own = [name for key in KEYS.values() for name in key.kind.ranges]
    return isinstance(value, dict) and any(name in RANGES or name in own for name in value)


def read_axis(key: Key, value: object, base: Path | None) -> tuple[Any, ...]:
    """The values of an axis, given as a list or a range; they are different and at least one."""
    if isinstance(value, dict):
        items = _read_range(key, value)
    elif isinstance(value, list):
        items = value
    else:
        what = "a list of values or a range" if key.kind.number or key.kind.ranges else "a list of values"
        raise Invalid(*(issue.named(key.name) for issue in expected(what, value).issues))
    if not items:
        raise Invalid(f"{key.name}: the axis has no values")
    return _read_items(key, items, base, in_list=isinstance(value, list))


def _read_range(key: Key, value: Mapping[str, object]) -> list[Any]:
    try:
        own = key.kind.ranges
        known = [*own] or [*RANGES]
        if len(value) != 1:
            raise Invalid(f"expected one of {', '.join(known)}, found {', '.join(value) or 'an empty mapping'}")
        ((name, args),) = value.items()
        if name in own:
            return list(_under(name, lambda: own[name](args)))
        if name not in RANGES:
            raise Invalid(Issue(unknown(known, name, synonyms.RANGES), (name,), at_key=True))
        if key.kind.number is None:
            raise Invalid(f"{name} makes numbers; expected a list of values")
        return list(_under(name, lambda: range_values(name, args)))
    except Invalid as invalid:
        raise Invalid(*(issue.named(key.name) for issue in invalid.issues)) from None


def _under(step: Step, read: Callable[[], T]) -> T:
    """What `read` returns; its issues lie under `step`."""
    try:
        return read()
    except Invalid as invalid:
        raise Invalid(*(issue.under(step) for issue in invalid.issues)) from None


def _read_items(
    key: Key, items: list[Any], base: Path | None, in_list: bool, different: bool = True
) -> tuple[Any, ...]:
    """Every item as a value of the key.

    Parameters
    ----------
    in_list : bool
        Whether the items stand in the study one by one, so that each has a place of its own.
    different : bool
        Whether the values of two items must not be the same.
    """
    issues: list[Issue] = []
    values: list[Any] = []
    seen: set[Any] = set()
    for i, item in enumerate(items):
        try:
            value = key.read(item, base)
            if different and value in seen:
                raise Invalid(f"{key.name}: {key.text(value) or 'none'} stands there twice")
            seen.add(value)
            values.append(value)
        except Invalid as invalid:
            issues += [issue.under(i) if in_list else Issue(issue.message) for issue in invalid.issues]
            if not in_list:
                break  # one message for a range, however many of its numbers are wrong
    if issues:
        raise Invalid(*issues)
    return tuple(values)


def read_matching(key: Key, value: object, base: Path | None) -> tuple[Any, ...]:
    """The values that a condition accepts: one, or a list of them."""
    if isinstance(value, list) and not is_value(key, value, base):
        return read_axis(key, value, base)
    return (key.read(value, base),)


def is_value(key: Key, value: object, base: Path | None) -> bool:
    """Whether a list or mapping is one value of this key rather than many; a list of one per layer is many."""
    if isinstance(value, list) and key.name in _BY_LAYER:
        return False
    try:
        key.read(value, base)
    except Invalid:
        return False
    return True


def read_keyed(value: object, read_one: ReadOne, base: Path | None) -> dict[str, Any]:
    """A mapping of keys that a sweep may vary; every issue of it at once."""
    if not isinstance(value, dict) or not value:
        raise expected("a mapping of keys", value)
    good: dict[str, Any] = {}
    issues: list[Issue] = []
    for name, item in value.items():
        try:
            key = sweep_key(name)
            if key is None:
                raise Invalid(Issue(_no_key(name), at_key=True))
            good[name] = read_one(key, item, base)
        except Invalid as invalid:
            issues += [issue.under(name) for issue in invalid.issues]
    if issues:
        raise Invalid(*issues)
    return good


def _no_key(name: str) -> str:
    """What is said about a name that a sweep cannot vary."""
    meant = synonyms.KEYS.meant(name, (*KEYS, "seeds", "replicates"))
    if {"seed", "seeds", "replicates"}.intersection((name, *meant)):
        return f"{name}: expected replicates or seeds at the top instead"
    return f"unknown key '{name}'{synonyms.KEYS.hint(name, [key for key in KEYS if key != 'seed'])}"


def read_rows(value: object, base: Path | None) -> tuple[Row, ...]:
    """Rows of the same keys, all different."""
    if not isinstance(value, list) or not value:
        raise expected("a list of mappings", value)
    rows: dict[tuple[Any, ...], Row] = {}
    names: list[str] = []
    issues: list[Issue] = []
    for i, item in enumerate(value):
        try:
            row = _under(i, partial(read_keyed, item, read_value, base))
            names = names or list(row)
            if row.keys() != set(names):
                differ = f"expected the keys of the first row ({', '.join(names)}), found {', '.join(row)}"
                raise Invalid(Issue(f"zip: {differ}", (i,)))
            if (values := tuple(row[name] for name in names)) in rows:
                raise Invalid(Issue("zip: the row stands there twice", (i,)))
            rows[values] = {name: row[name] for name in names}
        except Invalid as invalid:
            issues += invalid.issues
    if issues:
        raise Invalid(*issues)
    return tuple(rows.values())


def read_space(value: object, base: Path | None, n: int, method: str, seed: int) -> Axes:
    """The n sampled values of every key of a space; `method` and `seed` say at which points."""
    keys = list(value) if isinstance(value, dict) else []
    if n * len(keys) > MOST_DRAWN:
        raise Invalid(f"space: expected at most {MOST_DRAWN:,} values, found {n:,} cells x {len(keys):,} keys")
    at = dict(zip(keys, points(method, n, keys, seed), strict=True)) if keys else {}
    return read_keyed(value, lambda key, item, base: _read_distribution(key, item, base, at[key.name]), base)


def _read_distribution(key: Key, item: object, base: Path | None, at: list[int]) -> tuple[Any, ...]:
    names = [*DISTRIBUTIONS, "choice"] if key.kind.number else ["choice"]
    try:
        if not isinstance(item, dict) or len(item) != 1:
            given = ", ".join(item) if isinstance(item, dict) and item else found(item)
            raise Invalid(f"expected one of {', '.join(names)}, found {given}")
        ((name, args),) = item.items()
        if name not in names:
            raise Invalid(Issue(unknown(names, name, synonyms.DISTRIBUTIONS), (name,), at_key=True))
        if key.kind.number is int and name in DISTRIBUTIONS and name != "integers":
            raise Invalid(Issue(f"{name} draws numbers that are not whole; expected integers or choice", (name,)))
        values = [] if name == "choice" else _under(name, lambda: drawn(name, args, at))
    except Invalid as invalid:
        raise Invalid(*(issue.named(key.name) for issue in invalid.issues)) from None
    if name == "choice":
        return tuple(chosen(_under(name, lambda: read_axis(key, args, base)), at))
    return _under(name, partial(_read_items, key, values, base, in_list=False, different=False))
