"""The two sides of a comparison: their rows, the keys in which they differ, and which runs are partners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runner.analysis.explain.factors import DERIVED
from runner.analysis.explain.runs import combined
from runner.errors import RunnerError
from runner.results.columns import key_columns
from runner.results.provenance import read_environment
from runner.results.reader import codes_of, differing, first_row, header, read_columns
from runner.statistics.reading import NUMBERS as MEASURED
from runner.statistics.shares import CHANCE
from runner.terminal import counted

if TYPE_CHECKING:
    from runner.studies.claims.grammar import Selection

Ints = NDArray[np.int64]
NUMBERS = ("epochs_to_converge", "final_loss", "accuracy")
"""Measurements that are compared, as far as both tables have them."""


@dataclass(frozen=True, eq=False)
class Side:
    """Some runs of a study.

    Attributes
    ----------
    name : str
        Of the study.
    table : Path
    where : tuple of str
        How they were chosen, as `key=value`; empty for all runs.
    rows : DataFrame
        The keys that differ between runs of either side, `seed`, `outcome`, `converged` and measurements.
    fixed : mapping of str to str
        The text of every other key.
    version : int or None
        Of the results; None where it is not known.
    """

    name: str
    table: Path
    where: tuple[str, ...]
    rows: pd.DataFrame
    fixed: Mapping[str, str]
    version: int | None

    def texts(self, key: str) -> list[str]:
        """The values of a key among these runs; a key that the table does not have is empty in all of them."""
        return [self.fixed.get(key, "")] if key not in self.rows else codes_of(self.rows[key])[1]


@dataclass(frozen=True)
class Differing:
    """A key whose values are not the same on both sides.

    Attributes
    ----------
    key : str
    a, b : tuple of str
        Its texts on each side.
    """

    key: str
    a: tuple[str, ...]
    b: tuple[str, ...]

    @property
    def tells_apart(self) -> bool:
        """Whether each side has one value, and not the same."""
        return len(self.a) == len(self.b) == 1

    @property
    def in_common(self) -> int:
        """How many values both sides have."""
        return len({*self.a} & {*self.b})


def read_sides(
    tables: tuple[Path, Path], wheres: tuple[Selection, Selection], texts: tuple[tuple[str, ...], tuple[str, ...]]
) -> tuple[Side, Side]:
    """Read both sides.

    Parameters
    ----------
    tables : two Paths
        The same one twice for two parts of a study.
    wheres : two selections
    texts : two tuples of str
        The selections as they are shown.

    Raises
    ------
    RunnerError
        When one is no table of results, or a selection has no runs.
    """
    names = [header(table) for table in tables]
    keys = [key_columns(each) for each in names]
    varied = {name for table, own in zip(dict.fromkeys(tables), keys, strict=False) for name in differing(table, own)}
    numbers = [name for name in NUMBERS if all(name in each for each in names)]
    sides = []
    for table, where, shown, own in zip(tables, wheres, texts, keys, strict=True):
        wanted = [key for key in own if key in varied or key in CHANCE]
        chosen = [name for name in where if name != "seed"]
        choices = [name for name in chosen if name not in MEASURED]
        measured = [*numbers, *(name for name in chosen if name in MEASURED)]
        frame = read_columns(table, [*wanted, "outcome", "converged", *choices], measured)
        if frame.empty:
            raise RunnerError(f"{table} has no rows yet: run the study first")
        if where:
            from runner.analysis.claims.selection import select

            frame = frame[select(frame, where)].reset_index(drop=True)
        fixed = {key: text for key, text in first_row(table).items() if key in own and key not in wanted}
        sides.append(Side(table.parent.name, table, shown, frame, fixed, _version(table)))
    return sides[0], sides[1]


def _version(table: Path) -> int | None:
    found = read_environment(table.parent).get("results_version")
    return found if isinstance(found, int) else None


def differences(a: Side, b: Side) -> list[Differing]:
    """The keys whose values are not the same on both sides, those that follow from others last."""
    keys = dict.fromkeys(key for side in (a, b) for key in key_columns(header(side.table)))
    found = [Differing(key, tuple(a.texts(key)), tuple(b.texts(key))) for key in keys]
    return sorted((each for each in found if {*each.a} != {*each.b}), key=lambda each: each.key in DERIVED)


@dataclass(frozen=True, eq=False)
class Partners:
    """The runs of two sides that are compared with each other.

    Attributes
    ----------
    keys : tuple of str
        What differs between them, the seed apart, and is the same in a pair.
    a, b : array of int, shape (pairs,)
        Rows of each side; those at the same place are partners.
    cells : array of int, shape (pairs,)
        The number of each pair's settings, from 0.
    n_cells : tuple of three ints
        Cells in common, only in a, only in b.
    """

    keys: tuple[str, ...]
    a: Ints
    b: Ints
    cells: Ints
    n_cells: tuple[int, int, int]


def partners(a: Side, b: Side, apart: Sequence[Differing]) -> Partners:
    """Find for every run of one side the run of the other with the same seed and the same other settings.

    Parameters
    ----------
    a, b : Side
    apart : sequence of Differing
        What `differences` has found: of a key that each side has one value of, or that follows from others and has no
        value in common, partners need not agree in.

    Raises
    ------
    RunnerError
        When several runs of a side have the same partner.
    """
    loose = {each.key for each in apart if each.tells_apart or (each.key in DERIVED and not each.in_common)}
    known = {key for side in (a, b) for key in key_columns(header(side.table))}
    varied = dict.fromkeys(key for side in (a, b) for key in side.rows.columns if key in known)
    keys = tuple(key for key in varied if key not in loose and len({*a.texts(key), *b.texts(key)}) > 1)
    n = len(a.rows)
    columns = []
    for key in keys:
        texts = {text: code for code, text in enumerate(dict.fromkeys([*a.texts(key), *b.texts(key)]))}
        codes = np.concatenate([_codes(side, key, texts) for side in (a, b)])
        columns.append((codes, len(texts)))
    _, cell = np.unique(combined(columns, n + len(b.rows)), return_inverse=True)
    seeds = np.concatenate([side.rows["seed"].to_numpy() for side in (a, b)])
    of_seed, seed = np.unique(seeds, return_inverse=True)
    place = cell * len(of_seed) + seed
    for side, own in ((a, place[:n]), (b, place[n:])):
        _, counts = np.unique(own, return_counts=True)
        if counts.max() > 1:
            many = counted(int(counts.max()), "run")
            raise RunnerError(f"{many} of {side.name} would have the same partner: choose one with where or versus")
    _, first, second = np.intersect1d(place[:n], place[n:], assume_unique=True, return_indices=True)
    _, cells = np.unique(cell[:n][first], return_inverse=True)
    there_a, there_b = np.unique(cell[:n]), np.unique(cell[n:])
    common = len(np.intersect1d(there_a, there_b, assume_unique=True))
    n_cells = common, len(there_a) - common, len(there_b) - common
    return Partners(keys, first, second, np.asarray(cells, np.int64), n_cells)


def _codes(side: Side, key: str, numbers: Mapping[str, int]) -> Ints:
    """The number of a key's text in every row."""
    if key not in side.rows:
        return np.full(len(side.rows), numbers[side.texts(key)[0]], np.int64)
    column: Any = side.rows[key]
    known = np.array([numbers.get(str(text), -1) for text in column.cat.categories], np.int64)
    return np.asarray(known[column.cat.codes.to_numpy()], np.int64)
