"""The factors of a table: columns that differ, sets of faults taken apart, columns that go together joined."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runner.results.reader import codes_of

Ints = NDArray[np.int64]
FAULTS = "faults"
WITH, WITHOUT = "with", "without"
_FEW_CELLS = 12
_AND = " & "
_CSV = re.compile(r"\{csv: (.*), inputs: (\[.*\]), targets: (\[.*\])(?:, sha256: .*)?\}")
_PARTS = re.compile(r",(?![^(]*\))")


@dataclass(frozen=True)
class Factor:
    """Something that differs between cells.

    Attributes
    ----------
    name : str
        A key, the name of one fault, or several keys that advance together.
    values : tuple of str
        Canonical texts; `without` and `with` for a fault.
    fault : bool
        Whether it is a fault that is there or not.
    """

    name: str
    values: tuple[str, ...]
    fault: bool = False

    def label(self, value: int) -> str:
        """A value as it is said: `learning_rate 2`, `without ascent`."""
        if self.fault:
            return f"{self.values[value]} {self.name}"
        names, texts = self.name.split(_AND), self.values[value].split(_AND)
        if len(names) == len(texts):
            return ", ".join(_said(name, text) for name, text in zip(names, texts, strict=True))
        return f"{self.name} {shown(self.values[value])}"

    def short(self, value: int) -> str:
        """A value without its name."""
        return self.values[value] if self.fault else shown(self.values[value])


def _said(name: str, text: str) -> str:
    return f"{text} {name}" if text in (WITH, WITHOUT) else f"{name} {shown(text)}"


def shown(text: str) -> str:
    """A text of a value as people would write it: few digits, and of CSV data only the file and the columns.

    Examples
    --------
    >>> shown("0.46415888"), shown('{csv: a.csv, inputs: [x], targets: [y], sha256: "0123456789abcdef"}')
    ('0.4642', 'a.csv [x] -> [y]')
    """
    if not text:
        return "none"
    if match := _CSV.fullmatch(text):
        return f"{match[1]} {match[2]} -> {match[3]}"
    try:
        return text if text.lstrip("-").isdigit() else f"{float(text):.4g}"
    except ValueError:
        return _AND.join(map(shown, text.split(_AND))) if _AND in text else text


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
    factors, columns = _factors_of(frame, keys)
    n_cells = count_cells(factors, columns)
    factors, columns = _independent(factors, columns, n_cells, given)
    factors, columns = _split_faults(factors, columns)
    return _joined(factors, columns, n_cells)


def count_cells(factors: list[Factor], columns: list[Ints]) -> int:
    """How many combinations of values there are."""
    whole = np.zeros(len(columns[0]) if columns else 1, np.int64)
    for factor, column in zip(factors, columns, strict=True):
        _, whole = np.unique(whole * len(factor.values) + column, return_inverse=True)
    return int(whole.max(initial=0)) + 1


def _tells(factor: Factor, n_cells: int) -> bool:
    """Whether it means something that a column follows from this factor: from a name of the cell everything follows."""
    return len(factor.values) < n_cells or n_cells <= _FEW_CELLS


def _factors_of(frame: pd.DataFrame, keys: Sequence[str]) -> tuple[list[Factor], list[Ints]]:
    factors, columns = [], []
    for key in keys:
        codes, texts = codes_of(frame[key])
        if len(texts) > 1:
            factors.append(Factor(key, tuple(texts)))
            columns.append(codes)
    return factors, columns


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
    sets = [fault_names(text) for text in factors[at].values]
    # Alternatives of which each run has at most one are one factor already.
    if max(map(len, sets)) < 2:
        return factors, columns
    names = dict.fromkeys(name for each in sets for name in each)
    split, split_columns = [], []
    for name in names:
        present = np.array([name in each for each in sets], np.int64)
        if present.all():
            continue
        split.append(Factor(name, (WITHOUT, WITH), fault=True))
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
    return tuple(name for part in _PARTS.split(inside) if (name := part.strip()) not in ("", "none"))


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
    if first.fault and second.fault and partner.tolist() == [0, 1]:
        return replace(first, name=f"{first.name} + {second.name}")
    texts = [_text(first, i) + _AND + _text(second, int(partner[i])) for i in range(len(first.values))]
    return Factor(f"{first.name}{_AND}{second.name}", tuple(texts))


def _text(factor: Factor, value: int) -> str:
    return factor.values[value] or "none"
