"""Rows as a part of a table: a Parquet file with a type for every column, from which the same rows are read again.

A part holds what the rows of `runs.csv` hold and nothing else. Keys that are numbers in every run of the study are
numbers, all other keys texts in a dictionary, measurements what they were measured as; what is missing is null. Each
number is the double of its text, and each text follows from its number, so rows go from one form to the other and back
without the loss of a bit.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from runner.errors import RunnerError
from runner.keys.columns import Column
from runner.measurements import MISSING
from runner.results.columns import Header, Ids, Indices, PlanLike
from runner.results.row_text import ROWS_BY_PYTHON, Starts, key_texts, rows_text
from runner.results.scan import ids_of

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["category", "int", "float"]
# Cells that are looked at together.
_CELLS = 1 << 14
GROUP_ROWS = 1 << 16
"""About how many rows a row group has: those of whole cells, where a cell has no more."""
_LARGEST = 1 << 63


def need_pyarrow() -> None:
    """Refuse to go on where pyarrow is not installed.

    Raises
    ------
    RunnerError
        It says what to install.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise RunnerError(
            "tables in Parquet need pyarrow, which is not installed: pip install 'runner[parquet]'"
        ) from None


def pyarrow_version() -> str:
    """Of this process; "" where it is not installed."""
    try:
        import pyarrow.parquet
    except ImportError:
        return ""
    return str(pyarrow.__version__)


def kind_of(texts: Iterable[str]) -> Kind:
    """As what a key is kept whose values are written so; "" stands for a missing one.

    A key is a number only where each of its texts is the one that its number is written as.

    Examples
    --------
    >>> kind_of(["1", "", "20"]), kind_of(["0.1", "10.0"]), kind_of(["full", "16"]), kind_of(["0.1", "10"])
    ('int', 'float', 'category', 'category')
    """
    present = {text for text in texts if text}
    if present and all(map(_is_int, present)):
        return "int"
    return "float" if all(map(_is_float, present)) else "category"


def _is_int(text: str) -> bool:
    return text.removeprefix("-").isdecimal() and str(int(text)) == text and abs(int(text)) < _LARGEST


def _is_float(text: str) -> bool:
    try:
        number = float(text)
    except ValueError:
        return False
    return bool(np.isfinite(number)) and repr(number) == text


def key_kinds(plan: PlanLike, header: Header) -> dict[str, Kind]:
    """As what each key but the seed is kept, by all values that a plan has of it."""
    texts: list[set[str]] = [set() for _ in header.keys[:-1]]
    for first in range(0, plan.n_cells, _CELLS):
        for known, column in zip(texts, plan.columns(np.arange(first, min(first + _CELLS, plan.n_cells))), strict=True):
            known.update(column.found())
    return {key: kind_of(known) for key, known in zip(header.keys, texts, strict=False)}


@dataclass(frozen=True)
class Form:
    """Columns and types of a part.

    Attributes
    ----------
    header : Header
    kinds : mapping of str to str
        Of every key but the seed.
    """

    header: Header
    kinds: Mapping[str, str]

    @property
    def all_kinds(self) -> dict[str, str]:
        """Of every key, and of every measurement."""
        keys = {key: self.kinds[key] for key in self.header.keys[:-1]}
        return keys | dict(self.header.measurements)

    @cached_property
    def schema(self) -> pa.Schema:
        """What pyarrow calls it."""
        import pyarrow as pa

        text = pa.dictionary(pa.int32(), pa.string())
        kinds = {"category": text, "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
        keys = [(key, kinds[self.kinds[key]]) for key in self.header.keys[:-1]]
        measured = [(name, kinds[kind]) for name, kind in self.header.measurements]
        first = [("run_id", pa.string()), ("cell_id", text)]
        return pa.schema([*first, *keys, ("seed", pa.int64()), ("outcome", text), *measured])

    def table_of(self, text: bytes) -> pa.Table:
        """The rows of a text, with their types.

        Parameters
        ----------
        text : bytes
            Complete rows as the runner writes them, without the line of the columns.

        Raises
        ------
        RunnerError
            When they are others.
        """
        import pyarrow as pa
        from pyarrow import csv

        convert = csv.ConvertOptions(
            column_types=self.schema,
            null_values=[""],
            strings_can_be_null=True,
            true_values=["True"],
            false_values=["False"],
        )
        read = csv.ReadOptions(column_names=list(self.header.names), block_size=len(text) + 1)
        parse = csv.ParseOptions(newlines_in_values=True)
        try:
            table = csv.read_csv(pa.BufferReader(text), read, parse, convert)
        except pa.ArrowInvalid as error:
            raise RunnerError(f"a row is not as the runner writes it: {error}") from None
        return table.combine_chunks().replace_schema_metadata(None)

    def text_of(self, table: pa.Table, *, kernel: bool = True) -> tuple[bytes, Indices]:
        """The rows of a table as the runner writes them, and where each ends in the text.

        Parameters
        ----------
        table : Table
            All columns.
        kernel : bool
            Whether the compiled writer is worth being loaded.
        """
        header = self.header
        if not table.num_rows:
            return b"", np.empty(0, np.int64)
        cells, cell_ids = coded(table["cell_id"])
        firsts = np.flatnonzero(np.diff(cells, prepend=-1))
        columns = []
        for key in header.keys[:-1]:
            codes, texts = coded(table[key].take(firsts))
            columns.append(Column(texts, texts, codes.astype(np.int64)))
        outcomes, names = coded(table["outcome"])
        place = np.array([header.outcomes.index(name) for name in names], np.int64)
        starts = Starts(
            ids=ids_in(table["run_id"]),
            cell_ids=np.array([int(text, 16) for text in cell_ids], np.uint64)[cells[firsts]],
            keys=key_texts(header.keys[:-1], columns, len(firsts)),
            sizes=np.diff(firsts, append=table.num_rows),
            seeds=table["seed"].to_numpy().astype(np.uint64),
            codes=place[outcomes],
        )
        numbers = np.stack([numbers_in(table[name]) for name, _ in header.measurements], axis=1)
        return rows_text(header, starts, numbers, kernel=kernel)


def coded(column: pa.ChunkedArray) -> tuple[NDArray[np.int32], list[str]]:
    """A column of keys as numbers into the texts that it is written with, which stand in the order in which they come.

    A missing value is the text "".
    """
    import pyarrow as pa

    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    write = repr if pa.types.is_floating(array.type) else str
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    texts = [*map(write, array.dictionary.to_pylist())]
    codes = array.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    if array.null_count:
        place = int(codes[: int(np.argmin(codes))].max(initial=-1)) + 1
        codes[codes >= place] += 1
        codes[codes == -1] = place
        texts.insert(place, "")
    return codes, texts


def numbers_in(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """A measurement as numbers; a missing value is the one NaN that stands for it, whatever NaN was measured."""
    import pyarrow as pa
    from pyarrow import compute

    if pa.types.is_boolean(column.type):
        column = compute.cast(column, pa.int8())
    numbers = np.array(column.fill_null(0).to_numpy(), np.float64)
    if column.null_count:
        numbers[column.is_null().to_numpy()] = MISSING
    return numbers


def ids_in(column: pa.ChunkedArray) -> Ids:
    """Identities of a column `run_id`, as numbers."""
    parts = [np.empty(0, np.uint64)]
    for chunk in column.chunks:
        if len(chunk):
            offsets = np.frombuffer(chunk.buffers()[1], np.int32, len(chunk) + 1, 4 * chunk.offset)
            digits = np.frombuffer(chunk.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
            parts.append(ids_of(digits.reshape(-1, 16)))
    return np.concatenate(parts)


def write_part(file: io.RawIOBase | io.BufferedIOBase, form: Form, groups: Iterable[bytes]) -> int:
    """Write a part.

    Parameters
    ----------
    file : file
        Open for writing.
    form : Form
    groups : iterable of bytes
        The rows of each row group, as text.

    Returns
    -------
    int
        How many rows it has.
    """
    from pyarrow import parquet

    n = 0
    varied = {name for name, kind in form.header.measurements if kind == "float"} | {"run_id"}
    repeating = [name for name in form.header.names if name not in varied]
    options: dict[str, Any] = {"compression": "zstd", "use_dictionary": repeating, "version": "2.6"}
    with parquet.ParquetWriter(file, form.schema, **options) as writer:
        for text in groups:
            table = form.table_of(text)
            writer.write_table(table, row_group_size=max(table.num_rows, 1))
            n += table.num_rows
    return n


def use_kernel(rows: int) -> bool:
    """Whether so many rows are worth the compiled writer."""
    return rows > ROWS_BY_PYTHON
