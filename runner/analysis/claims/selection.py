"""The rows of a table that the `where` of a claim selects."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runner.analysis.large_rows import RunTable, read_large
from runner.analysis.weights import read_measured
from runner.data import FileData
from runner.errors import Problem, RunnerError, StudyError, nearest
from runner.keys.definitions import KEYS
from runner.keys.issues import Invalid, expected
from runner.keys.scalars import meant
from runner.registry import column_of, element
from runner.results.columns import key_columns
from runner.results.large import is_large
from runner.results.reader import codes_of, header, read_columns
from runner.statistics.reading import NUMBERS
from runner.statistics.shares import CHANCE
from runner.statistics.weights import read_weights
from runner.studies.parser import parse
from runner.terminal import listed

if TYPE_CHECKING:
    from runner.studies.claims.grammar import Claim, Selection

Mask = NDArray[np.bool_]
_LISTED = 8
# Several `key=value` in one text: a comma before a key and an equals sign is in no value.
_NEXT_KEY = re.compile(rf",\s*(?=(?:{'|'.join((*KEYS, 'outcome', 'seed'))})(?:\[[0-9]+\])?\s*=)")


class NoRuns(RunnerError):  # noqa: N818 - what there is, not what went wrong
    """A selection without rows."""


def read_where(where: Sequence[str] | Mapping[str, Any]) -> Selection:
    """Which runs are meant, by `key=value` texts or by a mapping of keys to a value or a list of values.

    Examples
    --------
    >>> read_where(["epochs=100,init=uniform(-1, 1)"])["epochs"]
    (100,)

    Raises
    ------
    Invalid
        With every issue.
    """
    if not where:
        return {}
    from runner.studies.claims.grammar import read_selection

    if isinstance(where, Mapping):
        return read_selection({name: list(v) if isinstance(v, tuple) else v for name, v in where.items()}, None)
    content: dict[str, Any] = {}
    issues: list[str] = []
    for text in (each for some in where for each in _NEXT_KEY.split(some)):
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            issues.append(f"expected key=value, found '{text}'")
            continue
        try:
            node, problems = parse(value, "", positions=False)
        except StudyError as error:
            issues += [problem.message for problem in error.problems]
            continue
        issues += [problem.message for problem in problems]
        if name.strip() in content:
            issues.append(f"{name.strip()} is given twice; for several values: {name.strip()}=[...]")
        content[name.strip()] = node.value
    if issues:
        raise Invalid(*issues)
    return read_selection(content, None)


def rows_of(path: Path, selection: Selection, seeds: NDArray[np.int64] | None = None) -> Mask:
    """Which rows of a table, or of those with some seeds, a selection accepts.

    Raises
    ------
    RunnerError
        When the table lacks a column, or no row is accepted.
    """
    names = header(path)
    for name in sorted({column_of(name) for name in selection} - set(names)):
        raise RunnerError(f"{path} has no column {name}{nearest(name, names)}")
    texts = [name for name in selection if name not in (*NUMBERS, "seed")]
    numbers = [name for name in selection if name in NUMBERS]
    return select(read_columns(path, texts, numbers, seeds), selection)


def read_both(
    where: Sequence[str] | Mapping[str, Any], versus: Sequence[str] | Mapping[str, Any]
) -> tuple[Selection, Selection]:
    """Which runs of two sides are meant; where `versus` is empty, `where` is about both.

    Raises
    ------
    StudyError
        With every issue.
    """
    found: list[Selection] = []
    problems: list[Problem] = []
    for name, given in (("where", where), ("versus", versus or where)):
        try:
            found.append(read_where(given))
        except Invalid as invalid:
            problems += [Problem(f"{name}: {issue.message}") for issue in invalid.issues if name == "where" or versus]
    if problems:
        raise StudyError(problems)
    return found[0], found[1]


def load_rows(path: Path, claims: Sequence[Claim]) -> RunTable:
    """Those columns of a table that the claims need, and of a large one the means to read them."""
    names = header(path)
    needed = {"seed", "converged", *(name for name in CHANCE if name in names)}
    for claim in claims:
        used = {*claim.where, *claim.versus, *claim.statistic.columns}
        for name in used:
            if column_of(name) not in names and read_weights(name) is None:
                raise RunnerError(f"claim '{claim.name}': {path} has no column {column_of(name)}")
        needed |= used
        if claim.statistic.comparison:
            needed |= set(key_columns(names))
    measured = {name for name in needed if name in NUMBERS or read_weights(name)}
    texts = [name for name in names if name in needed and name not in (*NUMBERS, "seed")]
    texts += sorted(needed - set(names) - measured)
    if is_large(path) and not any(map(read_weights, measured)):
        return read_large(path, texts, named_numbers(each for claim in claims for each in (claim.where, claim.versus)))
    return read_measured(path, texts, measured)


def named_numbers(selections: Iterable[Selection]) -> dict[str, set[Any]]:
    """Columns of numbers that some selections name, and the values that they do."""
    found: dict[str, set[Any]] = {}
    for selection in selections:
        for name, wanted in selection.items():
            if name == "seed" or name in NUMBERS:
                found.setdefault(name, set()).update(wanted)
    return found


def select(frame: RunTable, selection: Selection) -> Mask:
    """Which rows a selection accepts; of a large table, which kinds of runs.

    Raises
    ------
    NoRuns
        When it accepts none; says why.
    """
    mask = np.ones(len(frame), bool)
    for name, wanted in selection.items():
        part = _accepted(frame[name], name, wanted)
        if len(frame) and not part.any():
            raise NoRuns(_never(frame[name], name, wanted))
        mask &= part
    if not mask.any():
        raise NoRuns("these values never occur together" if len(frame) else "the table has no rows yet")
    return mask


def _accepted(column: pd.Series[Any], name: str, wanted: tuple[Any, ...]) -> Mask:
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return np.asarray(column.isin(list(wanted)))
    texts = [str(text) for text in column.cat.categories]
    wanted = _in_full(name, wanted, texts)
    fits = np.array([_fits(name, text, wanted) for text in texts], bool)
    # The code of a missing value is -1; there is none, for an empty field is a text.
    return fits[column.cat.codes.to_numpy()]


def _in_full(name: str, wanted: tuple[Any, ...], texts: Iterable[str]) -> tuple[Any, ...]:
    """The wanted values, numbers that were shortened by a report as the values that they stand for."""
    if not any(isinstance(value, float) for value in wanted):
        return wanted
    values = [float(text) if element(name) and text else _value(name, text) for text in texts]
    numbers = [value for value in values if isinstance(value, float)]
    full = []
    for value in wanted:
        found = meant(value, numbers) if isinstance(value, float) else [value]
        if len(found) > 1:
            raise NoRuns(f"{name} {value!r} may be {listed([*map(repr, found)], 'or')}")
        full.append(found[0] if found else value)
    return tuple(full)


def _fits(name: str, text: str, wanted: tuple[Any, ...]) -> bool:
    if element(name) is not None:
        return bool(text) and float(text) in wanted
    if name not in KEYS:
        return text in {str(value) for value in wanted}
    if any(isinstance(value, FileData) and not value.sha256 for value in wanted):
        # Without their file at hand, data are told by its path and columns.
        value = _value(name, text)
        value = replace(value, sha256="") if isinstance(value, FileData) else value
        return value in {replace(w, sha256="") if isinstance(w, FileData) else w for w in wanted}
    return text in {KEYS[name].text(value) for value in wanted}


def _value(key: str, text: str) -> Any:
    try:
        return read(key, text)
    except Invalid:
        return None


def _never(column: pd.Series[Any], name: str, wanted: tuple[Any, ...]) -> str:
    known = KEYS.get(name)
    shown = " or ".join((known.text(value) or "none") if known else f"{value}" for value in wanted)
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return f"no run has {name} {shown}"
    present = [text or "none" for text in codes_of(column)[1]]
    there = f"there {'are' if len(present) > 1 else 'is'} {', '.join(present[:_LISTED])}"
    return f"no run has {name} {shown}; {there}{', ...' if len(present) > _LISTED else ''}"


def read(key: str, written: str, base: Path | None = None) -> Any:
    """The value whose canonical text is `written`.

    Raises
    ------
    Invalid
        When it is no text of this key.
    """
    if not written:
        return None
    node, problems = parse(written, "", positions=False)
    if problems:
        raise expected(f"a value of {key}", written)
    return KEYS[key].read(node.value, base)
