"""The factors of a table: columns that differ, sets of faults taken apart, columns that go together joined."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runner.results.reader import codes_of
from runner.terminal import Shortener

Ints = NDArray[np.int64]
DATA, FAULTS, BUDGETS = "data", "faults", ("epochs", "updates")
WITH, WITHOUT = "with", "without"
_FEW_CELLS = 12
_CSV = re.compile(r"\{csv: (.*), inputs: (\[.*\]), targets: (\[.*\])(?:, sha256: .*)?\}")
_PARTS = re.compile(r",(?![^(]*\))")


@dataclass(frozen=True)
class Part:
    """One thing that differs between cells.

    Attributes
    ----------
    name : str
        A key, or the name of one fault.
    is_fault : bool
        Whether its values are `without` and `with` the fault of this name.
    short : callable
        From a value to the text that is shown for it.
    """

    name: str
    is_fault: bool = False
    short: Callable[[str], str] = field(default=str, compare=False, repr=False)

    def label(self, value: str) -> str:
        """A value as it is said: `learning_rate 2`, `without ascent`."""
        return f"{value} {self.name}" if self.is_fault else f"{self.name} {self.short(value)}"


@dataclass(frozen=True)
class Factor:
    """What differs between cells: a key, the presence of one fault, or several of these that advance together.

    Attributes
    ----------
    parts : tuple of Part
        Mostly one.
    values : tuple of tuple of str
        For each value, the canonical text of every part.
    """

    parts: tuple[Part, ...]
    values: tuple[tuple[str, ...], ...]

    @property
    def name(self) -> str:
        """The names of its parts."""
        return " & ".join(part.name for part in self.parts)

    @property
    def is_fault(self) -> bool:
        """Whether it is one fault that is there or not."""
        return len(self.parts) == 1 and self.parts[0].is_fault

    @property
    def is_budget(self) -> bool:
        """Whether it is how long a run is trained, and nothing else."""
        return len(self.parts) == 1 and self.parts[0].name in BUDGETS

    @property
    def is_numeric(self) -> bool:
        """Whether all of its values are finite numbers."""
        try:
            return len(self.parts) == 1 and all(math.isfinite(float(text)) for (text,) in self.values)
        except ValueError:
            return False

    def label(self, value: int) -> str:
        """A value with its name: `learning_rate 2`, `without ascent`, `learning_rate 0.1, epochs 1000`."""
        return ", ".join(part.label(text) for part, text in zip(self.parts, self.values[value], strict=True))

    def short(self, value: int) -> str:
        """A value without its name."""
        return " & ".join(part.short(text) for part, text in zip(self.parts, self.values[value], strict=True))

    def settings(self, value: int) -> dict[str, str]:
        """The canonical text of every part by its name."""
        return {part.name: text for part, text in zip(self.parts, self.values[value], strict=True)}


def find_factors(
    frame: pd.DataFrame, keys: Sequence[str], given: Sequence[str] = ()
) -> tuple[list[Factor], list[Ints]]:
    """Factors, and for each the number of every row's value.

    Parameters
    ----------
    frame : DataFrame
        Texts as categories.
    keys : sequence of str
        Columns that may be factors.
    given : sequence of str
        Those that the study sweeps: factors even when they follow from another one.
    """
    factors, columns = [], []
    for key in keys:
        codes, texts = codes_of(frame[key])
        if len(texts) > 1:
            part = Part(key, short=_short_data(texts) if key == DATA else Shortener(texts))
            factors.append(Factor((part,), tuple((text,) for text in texts)))
            columns.append(codes)
    n_cells = count_cells(factors, columns)
    factors, columns = _independent(factors, columns, n_cells, given)
    factors, columns = _split_faults(factors, columns)
    return _joined(factors, columns, n_cells)


def _short_data(texts: Sequence[str]) -> Callable[[str], str]:
    """How data are written: of CSV data only the file and the columns, as long as these tell them apart."""
    brief = {text: _CSV.sub(r"\1 \2 -> \3", text) for text in texts}
    if len(set(brief.values())) < len(texts):
        return Shortener(texts)
    short = Shortener([*brief.values()])
    return lambda text: short(brief[text])


def count_cells(factors: list[Factor], columns: list[Ints]) -> int:
    """How many combinations of values there are."""
    whole = np.zeros(len(columns[0]) if columns else 1, np.int64)
    for factor, column in zip(factors, columns, strict=True):
        _, whole = np.unique(whole * len(factor.values) + column, return_inverse=True)
    return int(whole.max(initial=0)) + 1


def _tells(factor: Factor, n_cells: int) -> bool:
    """Whether it means something that a column follows from this factor: from a name of the cell everything follows."""
    return len(factor.values) < n_cells or n_cells <= _FEW_CELLS


def _independent(
    factors: list[Factor], columns: list[Ints], n_cells: int, given: Sequence[str]
) -> tuple[list[Factor], list[Ints]]:
    """Without columns that follow from one before or after them, as `bias_learning_rate` from `learning_rate`."""
    dropped: set[int] = set()
    for i in range(len(factors)):
        for j in range(len(factors)):
            if i == j or {i, j} & dropped or factors[j].name in given:
                continue
            same = factors[i].values == factors[j].values and np.array_equal(columns[i], columns[j])
            if not (same or _tells(factors[i], n_cells)):
                continue
            pairs = _n_pairs(columns[i], columns[j], len(factors[j].values))
            # j follows from i; of two that follow from each other the first stays, or the one that was given.
            first = i < j or factors[i].name in given
            if pairs == len(factors[i].values) and (len(factors[j].values) < pairs or first):
                dropped.add(j)
    kept = [at for at in range(len(factors)) if at not in dropped]
    return [factors[at] for at in kept], [columns[at] for at in kept]


def _n_pairs(a: Ints, b: Ints, levels: int) -> int:
    return len(np.unique(a * levels + b))


def _split_faults(factors: list[Factor], columns: list[Ints]) -> tuple[list[Factor], list[Ints]]:
    """A sweep over sets of faults as one factor for each fault, which is there or not."""
    at = next((i for i, factor in enumerate(factors) if factor.name == FAULTS), None)
    if at is None:
        return factors, columns
    sets = [fault_names(text) for (text,) in factors[at].values]
    # Alternatives of which each run has at most one are one factor already.
    if max(map(len, sets)) < 2:
        return factors, columns
    names = dict.fromkeys(name for each in sets for name in each)
    split, split_columns = [], []
    for name in names:
        present = np.array([name in each for each in sets], np.int64)
        if present.all():
            continue
        split.append(Factor((Part(name, is_fault=True),), ((WITHOUT,), (WITH,))))
        split_columns.append(present[columns[at]])
    return [*factors[:at], *split, *factors[at + 1 :]], [*columns[:at], *split_columns, *columns[at + 1 :]]


def fault_names(text: str) -> tuple[str, ...]:
    """The faults in a text such as `[ascent, round_sums(10)]`.

    Examples
    --------
    >>> fault_names("[ascent, round_sums(10)]"), fault_names("none")
    (('ascent', 'round_sums(10)'), ())
    """
    inside = text.strip().removeprefix("[").removesuffix("]")
    return tuple(name for part in _PARTS.split(inside) if (name := part.strip().strip('"')) not in ("", "none"))


def _joined(factors: list[Factor], columns: list[Ints], n_cells: int) -> tuple[list[Factor], list[Ints]]:
    """Factors of which one follows from the other as one: what each of them does by itself cannot be told."""
    kept: list[Factor] = []
    kept_columns: list[Ints] = []
    for factor, column in zip(factors, columns, strict=True):
        for i, (other, codes) in enumerate(zip(kept, kept_columns, strict=True)):
            pairs = _n_pairs(codes, column, len(factor.values))
            if pairs == len(other.values) and _tells(other, n_cells):
                kept[i] = _together(other, factor, codes, column)
                break
            if pairs == len(factor.values) and _tells(factor, n_cells):
                kept[i], kept_columns[i] = _together(factor, other, column, codes), column
                break
        else:
            kept.append(factor)
            kept_columns.append(column)
    return kept, kept_columns


def _together(first: Factor, second: Factor, codes: Ints, others: Ints) -> Factor:
    """The factor of two of which the second follows from the first."""
    partner = np.zeros(len(first.values), np.int64)
    partner[codes] = others
    if first.is_fault and second.is_fault and partner.tolist() == [0, 1]:
        return Factor((Part(f"{first.name} + {second.name}", is_fault=True),), first.values)
    values = tuple((*own, *second.values[i]) for own, i in zip(first.values, partner.tolist(), strict=True))
    return Factor((*first.parts, *second.parts), values)
