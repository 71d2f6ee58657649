"""Samples from binary files: the arrays of an npz file, the columns of a Parquet file."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Any

import numpy as np

from runner.data.arrays import Part, samples_of
from runner.data.files.columns import listed_names
from runner.data.files.file import MOST_BYTES
from runner.data.files.problems import FileProblems
from runner.data.files.samples import Samples
from runner.data.files.spec import Column, FileData
from runner.errors import DataError, Problem, nearest

# What zipfile and NumPy raise at a file that is not what they expect.
DAMAGE = (
    ValueError, EOFError, LookupError, TypeError, OverflowError, NotImplementedError, RuntimeError, MemoryError,
    SyntaxError, OSError, zipfile.BadZipFile, zlib.error, struct.error,
)  # fmt: skip


def read_npz(data: FileData, content: bytes, missing: str, labelled: bool) -> Samples:
    """Inputs and targets of an npz file, as `numpy.savez` writes it; parameters as of `read_table`."""
    problems = FileProblems(data.path)
    expected = "expected an npz file, as numpy.savez writes it"
    try:
        archive = np.load(io.BytesIO(content), allow_pickle=False)
    except DAMAGE:
        problems.fail(f"this is none, or a damaged one: {expected}")
    if isinstance(archive, np.ndarray):
        problems.fail(f"this is a single array: {expected}")
    sizes = {info.filename.removesuffix(".npy"): info.file_size for info in archive.zip.infolist()}
    parts: dict[Column, Part] = {}
    for name in dict.fromkeys((*data.inputs, *data.targets)):
        if name not in sizes:
            hint = nearest(name, sizes) or f"; the arrays are {listed_names(list(sizes))}"
            problems.add(f"there is no array {name!r}{hint}")
        elif sizes[str(name)] > MOST_BYTES:
            problems.add(f"array {name!r} has {sizes[str(name)]:,} bytes, more than {MOST_BYTES:,}")
        else:
            _take(parts, name, f"{name}", lambda name=name: archive[str(name)], problems)
    problems.raise_any()
    return samples_of([parts[n] for n in data.inputs], [parts[n] for n in data.targets], missing, labelled, problems)


def _take(parts: dict[Column, Part], name: Column, shown: str, load: Any, problems: FileProblems) -> None:
    """Load an array into `parts`, or note why it cannot be."""
    try:
        raw = load()
    except DAMAGE as error:
        objects = "allow_pickle" in str(error)
        problems.add(f"array {name!r} {'holds Python objects; expected numbers' if objects else 'is damaged'}")
        return
    try:
        parts[name] = Part.of(shown, raw)
    except ValueError as error:
        problems.add(str(error))


def read_parquet(data: FileData, content: bytes, missing: str, labelled: bool) -> Samples:
    """Inputs and targets of a Parquet file; parameters as of `read_table`."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        message = "data: to read Parquet files takes pyarrow: pip install 'runner[export]'"
        raise DataError([Problem(message)]) from None
    problems = FileProblems(data.path)
    try:
        file = parquet.ParquetFile(pyarrow.BufferReader(content))
        names: list[str] = file.schema_arrow.names
    except (pyarrow.ArrowException, OSError):
        problems.fail("this is no Parquet file, or a damaged one")
    wanted = dict.fromkeys((*data.inputs, *data.targets))
    found: dict[Column, str] = {}
    for column in wanted:
        if isinstance(column, int) and column < len(names):
            found[column] = names[column]
        elif isinstance(column, int):
            problems.add(f"there is no column {column}: the file has {len(names)}, 0 to {len(names) - 1}")
        elif column in names:
            found[column] = column
        else:
            hint = nearest(column, names) or f"; the columns are {listed_names(names)}"
            problems.add(f"there is no column {column!r}{hint}")
    for name in found.values():
        if names.count(name) > 1:
            problems.add(f"the file has column {name!r} more than once")
    problems.raise_any()
    try:
        table = file.read(columns=list(dict.fromkeys(found.values())))
    except (pyarrow.ArrowException, OSError):
        problems.fail("this is a damaged Parquet file")
    parts: dict[Column, Part] = {}
    for column, name in found.items():
        try:
            parts[column] = Part.of(f"column {name!r}", _column(table.column(name)), column=True)
        except ValueError as error:
            problems.add(str(error))
    problems.raise_any()
    return samples_of(
        [parts[each] for each in data.inputs], [parts[each] for each in data.targets], missing, labelled, problems
    )


def _column(column: Any) -> Any:
    """A column as an array of float64, in which what is missing is NaN, or as an array of objects."""
    from pyarrow import float64, types

    kind = column.type
    if types.is_dictionary(kind):
        kind = kind.value_type
        column = column.cast(kind)
    number = types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_null(kind)
    if number:
        return column.cast(float64(), safe=False).to_numpy()
    found = np.empty(len(column), object)
    found[:] = column.to_pylist()
    return found
