"""The runs that a figure or a table shows, and where each stands on its axes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runner.analysis.large_rows import LargeRows, RunTable, read_large
from runner.analysis.weights import read_measured
from runner.errors import Problem, RunnerError, StudyError, nearest
from runner.measurements import MEASUREMENTS
from runner.registry import column_of, element
from runner.results import large
from runner.results.columns import key_columns
from runner.results.provenance import read_environment
from runner.results.reader import codes_of
from runner.statistics.reading import NUMBERS
from runner.statistics.shares import CHANCE
from runner.statistics.weights import read_weights
from runner.studies.derived import recorded
from runner.terminal import Shortener

if TYPE_CHECKING:
    from runner.studies.claims.grammar import Selection

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Scale = str
"""`log`, `linear`, or `category`."""
_DECADES = 100.0  # numbers that reach so many times as far as they begin are shown on a logarithmic axis
_EVEN = 0.1  # steps between logarithms that differ by less than such a share of themselves are even ones
_OUTCOME = ("outcome", "converged")


@dataclass(frozen=True)
class Axis:
    """The values of a key that runs differ in.

    Attributes
    ----------
    name : str
        Of the key.
    texts : tuple of str
        Its values as they stand in the table: numbers ascending, others in the order of the study.
    """

    name: str
    texts: tuple[str, ...]

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The values as they are shown."""
        short = Shortener(self.texts)
        return tuple(map(short, self.texts))

    @cached_property
    def scale(self) -> Scale:
        """How the axis is drawn."""
        return scale_of(self.numbers) if self.numbers is not None else "category"

    @cached_property
    def positions(self) -> Floats:
        """Where the values stand on the axis: numbers at themselves, others at 0, 1, 2, ..."""
        if self.numbers is None or self.scale == "category":
            return np.arange(len(self.texts), dtype=float)
        return self.numbers

    @cached_property
    def numbers(self) -> Floats | None:
        """The values as numbers; None where they are others."""
        try:
            numbers = np.array([float(text) for text in self.texts])
        except ValueError:
            return None
        return numbers if np.isfinite(numbers).all() else None


def scale_of(numbers: Floats) -> Scale:
    """How an axis with some finite numbers, which ascend, is drawn.

    Logarithmic where they are spaced geometrically or span two decades; not by numbers where they do so but for a zero,
    which has no place there, and steps are not even.

    Examples
    --------
    >>> scale_of(np.array([0.1, 0.5, 10])), scale_of(np.array([16, 32, 64])), scale_of(np.array([1, 2, 3]))
    ('log', 'log', 'linear')
    >>> scale_of(np.array([0, 0.001, 0.1]))
    'category'
    """
    if len(numbers) > 2 and numbers[0] == 0 and numbers[-1] / numbers[1] >= _DECADES:
        steps = np.diff(numbers)
        return "linear" if float(np.ptp(steps) / steps.mean()) < _EVEN else "category"
    if len(numbers) < 2 or numbers[0] <= 0:
        return "linear"
    reach = numbers[-1] / numbers[0]
    if reach >= _DECADES or (len(numbers) == 2 and reach >= 10):
        return "log"
    steps, ratios = np.diff(numbers), np.diff(np.log(numbers))
    even = [float(np.ptp(each) / each.mean()) for each in (ratios, steps)]
    return "log" if len(numbers) > 2 and even[0] < _EVEN and even[0] < even[1] else "linear"


@dataclass(frozen=True)
class Rows:
    """Runs and their places.

    Attributes
    ----------
    frame : DataFrame or LargeRows
        The columns that were asked for, texts as categories; of a table too large for memory its kinds of runs.
    axes : mapping of str to Axis
        By their names.
    codes : mapping of str to array of int
        For each axis, the number of every row's value, or of every kind's.
    """

    frame: RunTable
    axes: Mapping[str, Axis]
    codes: Mapping[str, Ints]

    @property
    def runs(self) -> int:
        """How many there are."""
        return self.frame.runs if isinstance(self.frame, LargeRows) else len(self.frame)

    @property
    def in_memory(self) -> pd.DataFrame:
        """The rows themselves, where they were asked for so."""
        assert isinstance(self.frame, pd.DataFrame)
        return self.frame

    def where(self, name: str | None, value: int) -> Rows:
        """The rows with one value of an axis; all of them when there is no axis."""
        if name is None:
            return self
        chosen = np.flatnonzero(self.codes[name] == value)
        return Rows(self.frame.take(chosen), self.axes, {axis: codes[chosen] for axis, codes in self.codes.items()})


def axis_names(names: Sequence[str]) -> list[str]:
    """The columns of a table that can be an axis: the keys of a cell, and the outcome."""
    return [*key_columns(names), *(name for name in _OUTCOME if name in names)]


def axis_issue(name: str, names: Sequence[str]) -> str | None:
    """What is wrong with an axis, or None."""
    known = axis_names(names)
    if name in known or (element(name) is not None and column_of(name) in known and _is_key(name)):
        return None
    if name == "seed":
        return "seed is what repeats a run, and what intervals are taken over: expected another key"
    if name in {column.name for column in MEASUREMENTS}:
        return f"{name} is measured, and different for every run: expected a key such as learning_rate"
    return f"unknown key '{name}'{nearest(name, known)}"


def read_rows(
    path: Path,
    names: Sequence[str],
    axes: Iterable[str],
    columns: Iterable[str],
    where: Selection,
    *,
    all_in_memory: str = "",
) -> Rows:
    """The runs that are meant, on their axes.

    Parameters
    ----------
    path : Path
        The table.
    names : sequence of str
        Its columns.
    axes : iterable of str
        Keys, or numbers of a list such as `init[k]`.
    columns : iterable of str
        What else is needed of a run.
    where : mapping of str to tuple
        As `runner.analysis.claims.selection.read_where` returns it.
    all_in_memory : str
        What needs all rows in memory at once, so that a table that is too large for that is refused; "" for nothing.

    Raises
    ------
    RunnerError
        When the table lacks a column, or no run is meant.
    """
    axes = list(dict.fromkeys(axes))
    needed = {*axes, *where, *columns, "seed", *(name for name in CHANCE if name in names)}
    measured = [name for name in needed if name in NUMBERS or read_weights(name)]
    texts = [name for name in names if name in needed and name not in (*NUMBERS, "seed")]
    texts += sorted(needed - {*names, *measured})
    frame: RunTable
    if large.is_large(path) and not any(map(read_weights, measured)):
        frame = _read_large(path, texts, measured, where, all_in_memory)
    else:
        frame = read_measured(path, texts, measured)
        if not len(frame):
            raise RunnerError(f"{path} has no rows yet")
        if where:
            from runner.analysis.claims.selection import select

            frame = frame[select(frame, where)].reset_index(drop=True)
    found: dict[str, Axis] = {}
    codes: dict[str, Ints] = {}
    for name in axes:
        codes[name], values = codes_of(frame[name])
        found[name] = Axis(name, tuple(values))
    return Rows(frame, found, codes)


def _read_large(
    path: Path, texts: Sequence[str], numbers: Sequence[str], where: Selection, all_in_memory: str
) -> RunTable:
    """The runs of a table that is too large to be read at once; in memory, where those that are meant are few."""
    from runner.analysis.claims.selection import named_numbers, select

    rows = read_large(path, texts, named_numbers([where]))
    rows = rows[select(rows, where)] if where else rows
    if rows.runs <= large.MOST_ROWS:
        return rows.frame([*texts, *numbers])
    if all_in_memory:
        raise RunnerError(
            f"{all_in_memory} needs all of its runs in memory, and these are {rows.runs:,}: choose at most "
            f"{large.MOST_ROWS:,} of them with where"
        )
    return rows


def _is_key(name: str) -> bool:
    """Whether a sweep may vary this number of a list."""
    from runner.keys.definitions import sweep_key

    return sweep_key(name) is not None


def pooled(table: Path, used: Iterable[str | None], where: Selection) -> list[str]:
    """The keys that the study sweeps and that are neither on an axis nor chosen: their runs are taken together."""
    axes = read_environment(table.parent).get("axes") or []
    chosen = {name for name, values in where.items() if len(values) == 1}
    settled = {*chosen, *used}
    settled |= _follow(table, settled)
    return [name for name in axes if not settled.intersection((name, column_of(name)))]


def _follow(table: Path, settled: Collection[str | None]) -> set[str]:
    """The keys of the study's `zip` of which there is one value only wherever those that are settled have one."""
    try:
        sweep = recorded(table.parent).get("sweep")
    except (StudyError, RunnerError):  # a copy that somebody has edited tells nothing
        return set()
    rows = sweep.get("zip") if isinstance(sweep, Mapping) else None
    values: dict[str, dict[str, set[str]]] = {}
    for row in rows if isinstance(rows, list) else ():
        if not isinstance(row, Mapping):
            return set()
        known = repr([(key, row[key]) for key in sorted(row) if key in settled])
        for key, value in row.items():
            values.setdefault(key, {}).setdefault(known, set()).add(repr(value))
    return {key for key, by_known in values.items() if all(len(found) == 1 for found in by_known.values())}


def refuse(issues: Iterable[str]) -> None:
    """Raise a StudyError with all issues of a request, if there are any."""
    problems = [Problem(issue) for issue in issues]
    if problems:
        raise StudyError(problems)


def spread_scale(numbers: Floats) -> Scale:
    """How an axis of measured numbers is drawn: `log` where they are positive and span two decades."""
    finite = numbers[np.isfinite(numbers)]
    spans = len(finite) and finite.min() > 0 and finite.max() / finite.min() >= _DECADES
    return "log" if spans else "linear"
