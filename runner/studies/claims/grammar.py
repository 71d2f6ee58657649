"""Claims as they stand in a study: read, checked, and described for editors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from runner.errors import nearest
from runner.keys import synonyms
from runner.keys.definitions import KEYS, Key, sweep_key
from runner.keys.issues import Invalid, Issue, expected
from runner.keys.kinds import Kind, choice, flag, integer, number, text
from runner.measurements import MEASUREMENTS, OUTCOMES
from runner.statistics.reading import FORMS, Statistic, read_statistic
from runner.studies.claims.expectation import Expectation, read_expectation
from runner.sweep.axes import read_matching

Selection = Mapping[str, tuple[Any, ...]]
"""Keys and columns, and the values of each that are accepted."""

_FIELDS = ("name", "where", "versus", "statistic", "expect", "source", "published", "tolerance")
_REQUIRED = ("name", "statistic", "expect")
_COLUMN_KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "outcome": choice(OUTCOMES),
        "seed": integer(0),
        **{column.name: flag() if column.kind == "bool" else number() for column in MEASUREMENTS},
    }
)
COLUMNS = tuple(_COLUMN_KINDS)
"""Columns beside the keys of a cell that `where` can select by."""


@dataclass(frozen=True)
class Claim:
    """A statement about the results of a study.

    Attributes
    ----------
    name : str
    statistic : Statistic
    expect : Expectation
    where : mapping of str to tuple
        Which runs it is about: canonical values; empty for all runs.
    versus : mapping of str to tuple
        Which runs they are compared with.
    source : str
        Who says so.
    published : float or None
        The number that stands there, where there is one.
    tolerance : str
        Why the expected range is as wide as it is.
    """

    name: str
    statistic: Statistic
    expect: Expectation
    where: Selection = field(default_factory=dict)
    versus: Selection = field(default_factory=dict)
    source: str = ""
    published: float | None = None
    tolerance: str = ""


def read_claims(value: object, base: Path | None = None) -> tuple[Claim, ...]:
    """The claims of a study; raises Invalid with every issue and its place.

    Parameters
    ----------
    value : object
        What YAML gives.
    base : Path, optional
        Folder of the study, to look at files of data; without it files are left alone.
    """
    if not isinstance(value, list):
        raise Invalid(*(issue.named("claims") for issue in expected("a list of claims", value).issues))
    claims: dict[str, Claim] = {}
    issues: list[Issue] = []
    for i, item in enumerate(value):
        try:
            claim = _read_claim(item, base)
            if claim.name in claims:
                raise Invalid(Issue(f"name: another claim is named '{claim.name}'", ("name",)))
            claims[claim.name] = claim
        except Invalid as invalid:
            issues += [issue.under(i) for issue in invalid.issues]
    if issues:
        raise Invalid(*issues)
    return tuple(claims.values())


def _read_claim(item: object, base: Path | None) -> Claim:
    if not isinstance(item, dict):
        raise Invalid(*(issue.named("claims") for issue in expected("a mapping", item).issues))
    issues = [
        Issue(f"claims: unknown key '{name}'{nearest(name, _FIELDS)}", (str(name),), at_key=True)
        for name in item
        if name not in _FIELDS
    ]
    issues += [Issue(f"claims: {name} is missing") for name in _REQUIRED if name not in item]
    good: dict[str, Any] = {}

    def take(name: str, read: Callable[[object], Any]) -> None:
        if name not in item:
            return
        try:
            good[name] = read(item[name])
        except Invalid as invalid:
            issues.extend(issue.named(name).under(name) for issue in invalid.issues)

    take("name", _read_name)
    take("where", lambda value: read_selection(value, base))
    take("versus", lambda value: read_selection(value, base))
    take("statistic", read_statistic)
    statistic: Statistic | None = good.get("statistic")
    take("expect", lambda value: read_expectation(value, statistic.limits if statistic else None))
    take("source", lambda value: text().read(value, None))
    take("published", lambda value: number().read(value, None))
    take("tolerance", lambda value: text().read(value, None))
    issues += _versus_issues(statistic, item)
    if issues:
        raise Invalid(*issues)
    return Claim(**good)


def _read_name(value: object) -> str:
    name = str(text().read(value, None)).strip()
    if not name:
        raise Invalid("expected a text, found an empty one")
    return " ".join(name.split())


def _versus_issues(statistic: Statistic | None, item: Mapping[str, object]) -> list[Issue]:
    if statistic is None:
        return []
    if statistic.comparison and "versus" not in item:
        return [Issue(f"claims: versus is missing: {statistic.comparison} compares the runs of where with others")]
    if not statistic.comparison and "versus" in item:
        message = f"versus: only ratio and difference compare two selections, {statistic.text} does not"
        return [Issue(message, ("versus",), at_key=True)]
    return []


def read_selection(value: object, base: Path | None) -> Selection:
    """A mapping of keys, or columns of the results, to a value or a list of values."""
    if not isinstance(value, dict):
        raise expected("a mapping of keys to values", value)
    good: dict[str, tuple[Any, ...]] = {}
    issues: list[Issue] = []
    for name, item in value.items():
        try:
            good[name] = _read_values(name, item, base)
        except Invalid as invalid:
            issues += [issue.under(name) for issue in invalid.issues]
    if issues:
        raise Invalid(*issues)
    return MappingProxyType(good)


def _read_values(name: str, item: object, base: Path | None) -> tuple[Any, ...]:
    key = sweep_key(name)
    if key is not None:
        return tuple(read_matching(key, item, base))
    if name not in _COLUMN_KINDS:
        known = (*KEYS, *COLUMNS)
        raise Invalid(Issue(f"unknown key '{name}'{synonyms.KEYS.hint(name, known)}", at_key=True))
    column = Key(name, "", _COLUMN_KINDS[name])
    return tuple(read_matching(column, item, base))


def claims_schema() -> dict[str, Any]:
    """JSON schema of the list of claims."""
    names = dict.fromkeys((*KEYS, *COLUMNS))
    selection: dict[str, Any] = {
        "type": "object",
        "properties": {name: _one_or_many(name) for name in names},
        "patternProperties": {r"^init\[[0-9]+\]$": {}},
        "additionalProperties": False,
    }
    texts = {
        "name": "In a few words.",
        "source": "Who says so.",
        "tolerance": "Why the expected range is as wide as it is.",
    }
    claim = {
        "type": "object",
        "properties": {
            **{name: {"type": "string", "description": doc} for name, doc in texts.items()},
            "where": {**selection, "description": "Which runs: keys and columns with a value or a list of values."},
            "versus": {**selection, "description": "With which runs ratio and difference compare them."},
            "statistic": {"type": "string", "pattern": r"^\s*\w+\s*\(.*\)\s*$", "description": "; ".join(FORMS)},
            "expect": {"type": "string", "description": 'A comparison: "< 0.02", ">= 0.9", "0.1 to 0.2".'},
            "published": {"type": "number", "description": "The number that stands in the source."},
        },
        "required": list(_REQUIRED),
        "additionalProperties": False,
    }
    return {"type": "array", "items": claim}


def _one_or_many(name: str) -> dict[str, Any]:
    schema = dict(_COLUMN_KINDS[name].schema if name in _COLUMN_KINDS else KEYS[name].kind.schema)
    return {"anyOf": [schema, {"type": "array", "items": schema, "minItems": 1}]}
