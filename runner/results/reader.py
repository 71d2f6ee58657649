"""Reading a results table, of either store: the whole of it, some of its columns, or one row.

Numbers are read exactly as they were written. A last row that a killed process has left torn is not read.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runner.errors import Problem, RunnerError, StudyError, nearest
from runner.registry import column_of, element
from runner.results.columns import truth
from runner.results.files import io_errors
from runner.results.manifest import in_parts
from runner.results.part_file import coded, numbers_in
from runner.results.part_reader import PartReader
from runner.results.parts import StoredRows

if TYPE_CHECKING:
    import pyarrow as pa

# Bytes at the end of a file in which its last line end is looked for.
_TAIL = 1 << 20
# Rows of some columns that are read at a time.
_ROWS = 100_000
_ROW_BYTES = 460
_NEEDED = {"run_id", "cell_id", "outcome", "converged", "seed"}


# Before version 3.1, pandas rounds numbers by default while it reads them.
_PANDAS = tuple(int(part) for part in re.findall(r"\d+", pd.__version__)[:2])
EXACTLY: dict[str, Any] = {} if _PANDAS >= (3, 1) else {"float_precision": "round_trip"}
"""What `pandas.read_csv` must be told to read numbers exactly as they were written."""


def header(path: Path) -> list[str]:
    """Names of the columns.

    Raises
    ------
    RunnerError
        When it is no table of results.
    """
    if in_parts(path):
        return PartReader(path).names
    # A spreadsheet that saves the table may put a byte order mark before it, and change the order of the columns.
    with io_errors(path, "read"), path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        names = next(csv.reader(file), [])
    if not _NEEDED.issubset(names):
        raise RunnerError(f"{path} is not a table of results: it has no columns run_id, outcome and converged")
    return names


def read_table(path: Path) -> pd.DataFrame:
    """Read all columns, with the types that pandas finds.

    Parameters
    ----------
    path : Path
        The table.

    Returns
    -------
    DataFrame
        Complete rows only.

    Raises
    ------
    RunnerError
        When it cannot be read as a table.
    """
    if in_parts(path):
        return PartReader(path).frame()
    with _reading(path):
        table: pd.DataFrame = pd.read_csv(_whole_lines(path), **EXACTLY)
        return table


def read_columns(
    path: Path, texts: Iterable[str], numbers: Iterable[str], seeds: NDArray[np.int64] | None = None
) -> pd.DataFrame:
    """Read some columns and leave all others alone.

    Parameters
    ----------
    path : Path
        The table.
    texts : iterable of str
        Columns to read as categories, as they are written; empty fields are the text "". A number of a column of lists,
        such as `init[3]`, is a column too.
    numbers : iterable of str
        Columns to read as float64; empty fields are NaN. `seed` is read as int64.
    seeds : int array, optional
        Of a table in parts only the rows of these seeds.

    Returns
    -------
    DataFrame
        Complete rows only.

    Raises
    ------
    RunnerError
        When it is no table of results, or has no such column, or a field that is no such number.
    """
    names = header(path)
    texts, numbers = list(dict.fromkeys(texts)), [name for name in dict.fromkeys(numbers) if name != "seed"]
    for name in map(column_of, (*texts, *numbers)):
        if name not in names:
            raise RunnerError(f"{path} has no column {name}{nearest(name, names)}")
    # Categories that pandas makes by itself are numbers where they look like numbers; only texts are canonical.
    wanted = dict.fromkeys(map(column_of, texts), str)
    kinds: dict[str, Any] = {**wanted, **dict.fromkeys(numbers, "float64"), "seed": "int64"}
    columns = {name: Texts(canonical(name)) for name in texts}
    parts: list[pd.DataFrame] = []
    if in_parts(path):
        for group in _groups(PartReader(path), kinds, seeds):
            for name, column in columns.items():
                column.add_coded(*coded(group[column_of(name)]))
            found = {name: numbers_in(group[name]) for name in numbers}
            parts.append(pd.DataFrame({"seed": group["seed"].to_numpy(), **found}))
    else:
        with _reading(path):
            for chunk in pd.read_csv(_whole_lines(path), usecols=list(kinds), dtype=kinds, chunksize=_ROWS, **EXACTLY):
                for name, column in columns.items():
                    column.add(chunk[column_of(name)])
                parts.append(chunk[["seed", *numbers]])
    if not parts:
        parts.append(pd.DataFrame({"seed": np.empty(0, np.int64), **dict.fromkeys(numbers, np.empty(0))}))
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(**{name: column.categories() for name, column in columns.items()})


def _groups(reader: PartReader, names: Iterable[str], seeds: NDArray[np.int64] | None) -> Iterator[pa.Table]:
    """Some columns of all row groups, or of their rows with some seeds."""
    if seeds is None:
        yield from reader.groups(names)
        return
    rows = [np.isin(group["seed"].to_numpy(), seeds) for group in reader.groups(["seed"])]
    which = [number for number, mask in enumerate(rows) if mask.any()]
    for number, group in zip(which, reader.groups(names, which), strict=True):
        yield group if rows[number].all() else group.filter(rows[number])


def canonical(name: str) -> Callable[[Iterable[str]], list[str]]:
    """How the fields of a column of texts are taken."""
    if (one := element(name)) is not None:
        return lambda texts: [*map(one.text, texts)]
    return truth if name == "converged" else list


def read_fields(path: Path) -> Iterator[pd.DataFrame]:
    """Read all columns as they are written, some rows at a time.

    Parameters
    ----------
    path : Path
        The table.

    Yields
    ------
    DataFrame
        Texts, complete rows only; empty fields are the text "". At least one frame, which may have no rows.

    Raises
    ------
    RunnerError
        When it cannot be read as a table.
    """
    if in_parts(path):
        names, rows = PartReader(path).names, StoredRows(path)
        for first in range(0, max(len(rows), 1), _ROWS):
            text = b"".join(rows.segments(np.arange(first, min(first + _ROWS, len(rows)))))
            yield pd.read_csv(io.BytesIO(text), names=names, dtype=object, na_filter=False)
        return
    with _reading(path):
        yield from pd.read_csv(_whole_lines(path), dtype=object, na_filter=False, chunksize=_ROWS)


def first_row(path: Path) -> dict[str, str]:
    """All fields of the first row, as they are written; the table has one."""
    if in_parts(path):
        frame = next(read_fields(path))
        return {str(name): str(text) for name, text in frame.iloc[0].items()}
    with io_errors(path, "read"), path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        return next(csv.DictReader(file))


def bytes_as_csv(path: Path) -> int:
    """Size of a table as CSV; of one in parts about so much."""
    if not in_parts(path):
        return path.stat().st_size
    reader = PartReader(path)
    return reader.manifest.rows * _ROW_BYTES + (reader.tail.stat().st_size if reader.tail else 0)


def differing(path: Path, names: Sequence[str]) -> list[str]:
    """Which of some columns hold more than one text.

    Parameters
    ----------
    path : Path
        The table.
    names : sequence of str
        Columns, which most often have a single text each: this takes less time and memory than to read them.
    """
    found: dict[str, set[Any]] = {name: set() for name in names}
    if not found:
        return []
    if in_parts(path):
        for group in PartReader(path).groups(found):
            for name in [name for name, texts in found.items() if len(texts) < 2]:
                found[name].update(coded(group[name])[1])
        return [name for name in names if len(found[name]) > 1]
    with _reading(path):
        chunks = pd.read_csv(
            _whole_lines(path), usecols=list(found), dtype="category", na_filter=False, chunksize=_ROWS
        )
        for chunk in chunks:
            for name in [name for name, texts in found.items() if len(texts) < 2]:
                found[name].update(chunk[name].cat.categories[:2])
    return [name for name in names if len(found[name]) > 1]


def read_curve_points(path: Path, column: str) -> pd.DataFrame:
    """The points of `curves.csv`.

    Parameters
    ----------
    path : Path
        The file.
    column : {"loss", "accuracy", "test_loss", "test_accuracy"}

    Returns
    -------
    DataFrame
        `run_id` as text, `epoch` and the column as float64; complete rows only, and of held-out samples only those of
        runs that have some.

    Raises
    ------
    RunnerError
        When it is no such file.
    """
    kinds: dict[str, Any] = {"run_id": str, "epoch": "float64", column: "float64"}
    with _reading(path):
        if not column.startswith("test_"):
            points: pd.DataFrame = pd.read_csv(_whole_lines(path), usecols=list(kinds), dtype=kinds, **EXACTLY)
            return points
        # What is empty is no measurement, and what is no number is one.
        kinds[column] = str
        points = pd.read_csv(_whole_lines(path), usecols=list(kinds), dtype=kinds, keep_default_na=False, **EXACTLY)
        return points[points[column] != ""].astype({column: "float64"})


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what pandas raises at a file that is no table of results into a RunnerError."""
    with io_errors(path, "read"):
        try:
            yield
        except (pd.errors.ParserError, ValueError) as error:
            raise RunnerError(f"{path} cannot be read as a table of results: {error}") from None
        except OverflowError:
            raise RunnerError(
                f"{path} cannot be read as a table of results: a seed is no whole number of 64 bits"
            ) from None


class Texts:
    """A column of texts as it is read: each text once, and a number for each row."""

    def __init__(self, canonical: Callable[[Iterable[str]], list[str]]) -> None:
        self._canonical = canonical
        self._known: dict[str, int] = {}
        self._codes: list[NDArray[np.integer[Any]]] = []

    def add(self, column: pd.Series[Any]) -> None:
        codes, found = pd.factorize(column.fillna(""))
        self.add_coded(np.asarray(codes), list(map(str, found)))

    def add_coded(self, codes: NDArray[np.integer[Any]], texts: Sequence[str]) -> None:
        """The same of a column that is numbers into some texts."""
        known = self._known
        numbers = np.array([known.setdefault(text, len(known)) for text in self._canonical(texts)], np.int64)
        self._codes.append(numbers.astype(np.min_scalar_type(-len(known) - 1))[codes])

    def categories(self) -> pd.Categorical:
        known = pd.Index(list(self._known), dtype=object)
        codes = np.concatenate([np.empty(0, np.int8), *self._codes])
        self._codes.clear()
        return pd.Categorical.from_codes(codes, known)


def _whole_lines(path: Path) -> Path | io.BytesIO:
    """The file, or what of it ends with a line end."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(size - _TAIL, 0))
        tail = file.read()
        if tail.endswith(b"\n") or not tail:
            return path
        file.seek(0)
        return io.BytesIO(file.read(size - len(tail) + tail.rfind(b"\n") + 1))


def codes_of(column: pd.Series[Any]) -> tuple[NDArray[np.int64], list[str]]:
    """A text column as numbers into its values, numbers in ascending order and other texts as they come first."""
    codes = column.cat.codes.to_numpy().astype(np.int64)
    texts = [str(text) for text in column.cat.categories]
    first = np.full(len(texts), len(codes), np.int64)
    np.minimum.at(first, codes, np.arange(len(codes)))
    used = [i for i in range(len(texts)) if first[i] < len(codes)]
    try:
        order = sorted(used, key=lambda i: float(texts[i] or "-inf"))
    except ValueError:
        order = sorted(used, key=lambda i: int(first[i]))
    rank = np.zeros(len(texts), np.int64)
    rank[order] = np.arange(len(order))
    return rank[codes], [texts[i] for i in order]


def find_row(path: Path, run_id: str) -> tuple[int, dict[str, str]]:
    """Number, counted from 0, and all fields of one run.

    Parameters
    ----------
    path : Path
        The table.
    run_id : str
        The run's identity, or the beginning of it if no other run's begins so.

    Raises
    ------
    StudyError
        When there is no such run, or more than one.
    """
    names = header(path)
    if names[0] != "run_id":
        raise RunnerError(f"{path} is not as the runner wrote it: run_id is not its first column; put it there")
    wanted = run_id.strip().lower()
    found = list(islice(_rows_beginning(path, wanted), 2)) if wanted else []
    if len(found) > 1:
        raise StudyError([Problem(f"more than one run of {path} begins with '{run_id}': give more of its 16 digits")])
    if not found:
        raise StudyError([Problem(f"{path} has no run '{run_id}'{_nearest_id(path, wanted)}")])
    number, line = found[0]
    with io_errors(path, "read"):
        fields = next(csv.reader([line.decode()]))
    if len(fields) != len(names):
        raise RunnerError(
            f"{path}: the row of {fields[0]} has {len(fields)} fields in place of {len(names)} (changed by another "
            "program?); bring back the file as it was"
        )
    return number, dict(zip(names, fields, strict=True))


def _rows_beginning(path: Path, wanted: str) -> Iterator[tuple[int, bytes]]:
    """Number and text of the rows whose run_id begins so."""
    if in_parts(path):
        rows = StoredRows(path)
        hits = list(islice((number for number, _ in PartReader(path).find(wanted)), 2))
        yield from zip(hits, (b"".join(rows.segments(np.array([hit]))) for hit in hits), strict=True)
        return
    with io_errors(path, "read"), path.open("rb") as file:
        next(file, b"")
        start = wanted.encode()
        # No field holds a line end, so a line is a row.
        for number, line in enumerate(file):
            if line.startswith(start) and line.endswith(b"\n"):
                yield number, line


def _nearest_id(path: Path, wanted: str) -> str:
    """The identity that differs in the fewest digits, when it is only a few."""
    ids = np.array([], "S16")
    if in_parts(path):
        groups = PartReader(path).groups(["run_id"])
        ids = np.concatenate([ids, *(group["run_id"].to_numpy().astype("S16") for group in groups)])
    else:
        with io_errors(path, "read"), path.open("rb") as file:
            next(file, b"")
            ids = np.array([line[:16] for line in file if len(line) > 16], "S16")
    if not len(ids) or len(wanted) != 16 or not wanted.isascii():
        return "; the first column of the table lists them: give 16 digits, or the first few"
    digits = ids.view(np.uint8).reshape(len(ids), 16)
    equal = (digits == np.frombuffer(wanted.encode(), np.uint8)).sum(axis=1)
    best = int(np.argmax(equal))
    return f"; did you mean '{ids[best].decode()}'?" if equal[best] >= 12 else ""


def full_id(path: Path, run_id: str) -> str:
    """The identity of the run that a user names by its beginning."""
    return find_row(path, run_id)[1]["run_id"]
