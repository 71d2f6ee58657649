"""A table of results for other programs: every column with a type, in a file of their own formats.

CSV has no types, and programs guess: DuckDB takes the architecture `2-4-1` for the second of April, Polars stops where
a column of numbers goes on with `full`. Here the type of a column follows from all of its fields. Keys whose fields are
all numbers are numbers, others are texts; what is measured has the type that it was measured with. A missing value is
missing in every format, and only `nan` is not a number.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runner.errors import Refused, RunnerError
from runner.keys.scalars import resolve
from runner.measurements import MEASUREMENTS
from runner.results.columns import truth
from runner.results.convert import write_csv, write_parts
from runner.results.files import replacing
from runner.results.reader import Texts, header, read_fields
from runner.results.workbook import MOST_CHARACTERS, MOST_ROWS, shown, write_workbook
from runner.terminal import counted

Kind = Literal["text", "category", "int", "float", "bool"]
NAME = "runs"
"""Of the table in a database, and of the sheet in a workbook."""

_MEASURED: Mapping[str, Kind] = {column.name: column.kind for column in MEASUREMENTS}
# A text of its own in every row; all other texts come again and again.
_IDENTITY = "run_id"
_DTYPES = {"int": np.int64, "float": np.float64}
_LARGEST, _EXACT = 1 << 63, 1 << 53
_ROWS = 1 << 16


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


def _write_parquet(columns: Sequence[Column], path: Path) -> None:
    """With types that pandas, Polars, DuckDB and R read; texts that repeat are dictionaries."""
    import pyarrow as pa
    from pyarrow import parquet

    kinds = {"text": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
    kinds["category"] = pa.dictionary(pa.int32(), pa.string())
    schema = pa.schema([(column.name, kinds[column.kind]) for column in columns])

    def array(column: Column) -> Any:
        if column.kind != "category":
            return pa.array(column.values, kinds[column.kind], mask=column.missing, from_pandas=False)
        codes = pa.array(column.values, pa.int32(), mask=column.missing)
        return pa.DictionaryArray.from_arrays(codes, pa.array(column.categories, pa.string()))

    with parquet.ParquetWriter(path, schema) as writer:
        for part in _parts(columns):
            writer.write_batch(pa.record_batch([array(column) for column in part], schema=schema))


def _write_sqlite(columns: Sequence[Column], path: Path) -> None:
    """One table; SQLite has no NaN, and makes it NULL."""
    import sqlite3

    kinds = {"int": "INTEGER", "float": "REAL", "bool": "BOOLEAN"}
    declared = ", ".join(f'"{column.name}" {kinds.get(column.kind, "TEXT")}' for column in columns)
    places = ", ".join("?" * len(columns))
    try:
        with contextlib.closing(sqlite3.connect(path)) as database:
            # Nobody sees the file before it is complete.
            database.execute("PRAGMA journal_mode = OFF")
            database.execute("PRAGMA synchronous = OFF")
            database.execute(f"CREATE TABLE {NAME} ({declared})")
            for part in _parts(columns):
                database.executemany(f"INSERT INTO {NAME} VALUES ({places})", _rows(part))
            database.commit()
    except sqlite3.Error as error:
        raise OSError(str(error)) from error


def _write_xlsx(columns: Sequence[Column], path: Path) -> None:
    """One sheet. Texts are texts whatever they begin with, so that none is a formula or a date."""
    n = len(columns[0].values)
    if n >= MOST_ROWS:
        raise Refused(
            f"a sheet of Excel has {MOST_ROWS:,} rows, and {counted(n, 'run')} and a heading do not fit: "
            "export them to parquet or sqlite"
        )
    for column in columns:
        if (longest := max(map(len, map(shown, column.categories)), default=0)) > MOST_CHARACTERS:
            raise Refused(
                f"a cell of Excel has {MOST_CHARACTERS:,} characters, and {column.name} has a text of {longest:,}: "
                "export to parquet or sqlite"
            )
    rows = itertools.chain.from_iterable(_rows(part) for part in _parts(columns))
    write_workbook(path, NAME, [column.name for column in columns], rows, n)


def _rows(columns: Sequence[Column]) -> Iterator[tuple[Any, ...]]:
    """Row by row, None where a value is missing."""
    return zip(*(column.objects() for column in columns), strict=True)


def _parts(columns: Sequence[Column]) -> Iterator[list[Column]]:
    """Some rows of all columns at a time."""
    for first in range(0, len(columns[0].values), _ROWS):
        yield [column.part(slice(first, first + _ROWS)) for column in columns]


@dataclass(frozen=True)
class Format:
    """A format of other programs.

    Attributes
    ----------
    write : callable (columns, path)
    suffix : str
        Of the file's name.
    package : str
        What writing it needs beside the dependencies of this project; "" for nothing.
    """

    write: Callable[[Sequence[Column], Path], None]
    suffix: str
    package: str = ""


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "parquet": Format(_write_parquet, ".parquet", "pyarrow"),
        "xlsx": Format(_write_xlsx, ".xlsx"),
        "sqlite": Format(_write_sqlite, ".sqlite"),
    }
)


COPIES: Mapping[str, tuple[Callable[[Path, Path], int], str]] = MappingProxyType(
    {"csv": (write_csv, "export.csv"), "parts": (write_parts, "export")}
)
"""Forms of the table itself: what writes each, and where it goes beside the table."""
KNOWN = (*FORMATS, *COPIES)


def export_table(table: Path, to: str, into: Path | None = None) -> tuple[Path, int]:
    """Write a table of results for other programs.

    Parameters
    ----------
    table : Path
        `runs.csv` of a study.
    to : str
        One of `FORMATS`, or of `COPIES`.
    into : Path, optional
        The file, which replaces what is there in one step; default `runs` beside the table, with the format's suffix.
        Of `parts`, a folder without a table.

    Returns
    -------
    path : Path
        The file.
    runs : int
        How many it holds.

    Raises
    ------
    Refused
        When the format cannot hold the table, or the file is the table itself.
    RunnerError
        When the package for the format is not there, the table cannot be read, or the file not be written.
    """
    write, beside = COPIES.get(to, (None, NAME + FORMATS[to].suffix if to in FORMATS else ""))
    path = table.with_name(beside) if into is None else into
    if os.path.realpath(path) == os.path.realpath(table):
        raise Refused(f"{path} is the table itself; pass another --into")
    if write:
        return path, write(table, path)
    form = FORMATS[to]
    if form.package:
        try:
            importlib.import_module(form.package)
        except ImportError:
            raise RunnerError(
                f"{to} needs {form.package}, which is not installed: pip install {form.package}"
            ) from None
    columns = read_typed(table)
    # Two that write the same file at once do not meet.
    suffix = f".{os.getpid()}.tmp"
    with replacing(path, suffix):
        form.write(columns, path.with_name(path.name + suffix))
    return path, len(columns[0].values)
