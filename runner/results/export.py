"""A table of results for other programs: every column with a type, in a file of their own formats."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from runner.errors import Refused, RunnerError
from runner.results.convert import write_csv, write_parts
from runner.results.files import io_errors, replacing
from runner.results.trackers import TRACKERS, Tracker, runs_of
from runner.results.typed import Column, read_typed
from runner.results.workbook import MOST_CHARACTERS, MOST_ROWS, shown, write_workbook
from runner.terminal import counted

NAME = "runs"
"""Of the table in a database, and of the sheet in a workbook."""

_ROWS = 1 << 16


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
KNOWN = (*FORMATS, *COPIES, *TRACKERS)


def export_table(
    table: Path, to: str, into: Path | None = None, study: Callable[[Path], Mapping[str, Any]] = lambda folder: {}
) -> tuple[Path, int]:
    """Write a table of results for other programs.

    Parameters
    ----------
    table : Path
        `runs.csv` of a study.
    to : str
        One of `FORMATS`, of `COPIES`, or of `TRACKERS`.
    into : Path, optional
        The file, which replaces what is there in one step; default `runs` beside the table, with the format's suffix.
        Of `parts`, a folder without a table; of `tensorboard` and `wandb`, a folder that is not there yet.
    study : callable (folder), optional
        Of a folder of results: what its study says, for a format that has a place for it.

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
    beside = COPIES[to][1] if to in COPIES else NAME + FORMATS[to].suffix if to in FORMATS else TRACKERS[to].beside
    path = table.with_name(beside) if into is None else into
    if os.path.realpath(path) == os.path.realpath(table):
        raise Refused(f"{path} is the table itself; pass another --into")
    if to in COPIES:
        return path, COPIES[to][0](table, path)
    if to in TRACKERS:
        return path, _track(table, to, TRACKERS[to], path, study)
    form = FORMATS[to]
    if form.package:
        _need(to, {form.package: form.package})
    columns = read_typed(table)
    # Two that write the same file at once do not meet.
    suffix = f".{os.getpid()}.tmp"
    with replacing(path, suffix):
        form.write(columns, path.with_name(path.name + suffix))
    return path, len(columns[0].values)


def _need(to: str, packages: Mapping[str, str]) -> None:
    """Say which packages are missing, and how they are installed."""
    for module, package in packages.items():
        try:
            importlib.import_module(module)
        except ImportError:
            raise RunnerError(f"{to} needs {package}, which is not installed: pip install {package}") from None


def _track(table: Path, to: str, tracker: Tracker, path: Path, study: Callable[[Path], Mapping[str, Any]]) -> int:
    """Write every run for a program in which experiments are followed; returns how many."""
    runs = runs_of(table.parent.name, read_typed(table), lambda: study(table.parent))
    n = len(runs.ids)
    if n > tracker.most:
        raise Refused(
            f"{to} {tracker.reason}, and {counted(n, 'run')} are more than it takes well ({tracker.most:,}): "
            "export them to parquet, or run a smaller study"
        )
    if tracker.is_folder and path.exists():
        raise Refused(f"{path} is there already: remove it, or pass another --into")
    for variable, value in tracker.quiet.items():
        os.environ.setdefault(variable, value)
    _need(to, tracker.packages)
    suffix = f".{os.getpid()}.tmp"
    unfinished = path.with_name(path.name + suffix)
    if not tracker.is_folder:
        with replacing(path, suffix):
            tracker.write(runs, unfinished)
        return n
    try:
        with io_errors(path):
            tracker.write(runs, unfinished)
            unfinished.rename(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return n
