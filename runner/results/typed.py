"""A table of results with a type for every column, for programs that would guess.

CSV has no types, and programs guess: DuckDB takes the architecture `2-4-1` for the second of April, Polars stops where
a column of numbers goes on with `full`. Here the type of a column follows from all of its fields. Keys whose fields are
all numbers are numbers, others are texts; what is measured has the type that it was measured with. A missing value is
missing in every format, and only `nan` is not a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runner.errors import RunnerError
from runner.keys.scalars import resolve
from runner.measurements import MEASUREMENTS
from runner.results.columns import truth
from runner.results.reader import Texts, header, read_fields

Kind = Literal["text", "category", "int", "float", "bool"]

_MEASURED: Mapping[str, Kind] = {column.name: column.kind for column in MEASUREMENTS}
# A text of its own in every row; all other texts come again and again.
_IDENTITY = "run_id"
_DTYPES = {"int": np.int64, "float": np.float64}
_LARGEST, _EXACT = 1 << 63, 1 << 53


@dataclass(frozen=True, eq=False)
class Column:
    """A column with its type.

    Attributes
    ----------
    name : str
    kind : {"text", "category", "int", "float", "bool"}
        A category is a text of which there are few.
    values : array (n,)
        Texts (object), places among the categories (int32), int64, float64 or bool; anything where it is missing.
    missing : bool array (n,)
    categories : sequence of str
    """

    name: str
    kind: Kind
    values: NDArray[Any]
    missing: NDArray[np.bool_]
    categories: Sequence[str] = ()

    def part(self, rows: slice) -> Column:
        """Some of its rows."""
        return Column(self.name, self.kind, self.values[rows], self.missing[rows], self.categories)

    def objects(self) -> list[Any]:
        """Texts and Python's numbers, None where they are missing."""
        values = np.array(self.categories, object)[self.values] if self.kind == "category" else self.values
        found = values.astype(object)
        found[self.missing] = None
        return list(found)


def read_typed(path: Path) -> list[Column]:
    """Read a table with the types of its columns.

    Parameters
    ----------
    path : Path
        `runs.csv` of a study.

    Returns
    -------
    list of Column
        In the order of the table; complete rows only.

    Raises
    ------
    RunnerError
        When it is no table of results, or something measured is no number.
    """
    names = header(path)
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in names}
    empty: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in names}
    texts = {name: Texts(list) for name in names if name not in _MEASURED and name != _IDENTITY}
    for frame in read_fields(path):
        for name in names:
            if name in texts:
                texts[name].add(frame[name])
                continue
            fields = frame[name].to_numpy()
            missing = fields == ""
            empty[name].append(missing)
            parts[name].append(_measured(path, name, fields, missing) if name in _MEASURED else fields)
    columns = []
    for name in names:
        if name in texts:
            columns.append(_typed(name, texts[name].categories()))
        else:
            values, missing = np.concatenate(parts[name]), np.concatenate(empty[name])
            columns.append(Column(name, _MEASURED.get(name, "text"), values, missing))
    return columns


def _measured(path: Path, name: str, fields: NDArray[Any], missing: NDArray[np.bool_]) -> NDArray[Any]:
    """Fields of a measurement as what they were measured as."""
    kind = _MEASURED[name]
    if kind == "bool":
        return np.asarray(np.array(truth(np.where(missing, "False", fields))) == "True")
    try:
        return np.asarray(np.where(missing, "0", fields), _DTYPES[kind])
    except (ValueError, OverflowError) as error:
        raise RunnerError(f"{path} cannot be read as a table of results: column {name}: {error}") from None


def _typed(name: str, column: pd.Categorical) -> Column:
    """A column of texts as numbers, where all of them are."""
    codes, known = np.asarray(column.codes, np.int32), [str(text) for text in column.categories]
    missing = np.isin(codes, [k for k, text in enumerate(known) if not text])
    values = [resolve(text) for text in known if text]
    kind = _kind(values)
    if kind == "category":
        return Column(name, kind, codes, missing, known)
    numbers = iter(values)
    by_code = np.array([next(numbers) if text else 0 for text in known], _DTYPES[kind])
    return Column(name, kind, by_code[codes], missing)


def _kind(values: Sequence[object]) -> Kind:
    """What the values of a key have in common; a key that no run uses is a column of missing numbers."""
    if values and all(type(value) is int and abs(value) < _LARGEST for value in values):
        return "int"
    # Larger whole numbers are no doubles.
    numbers = (type(value) is float or (type(value) is int and abs(value) <= _EXACT) for value in values)
    return "float" if all(numbers) else "category"
