"""A table copied from one store into the other: `runs.csv` to parts, and parts to the same bytes of `runs.csv`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from runner.errors import Refused
from runner.measurements import MEASUREMENTS, OUTCOMES
from runner.results.columns import Header
from runner.results.files import TABLE, has_table, io_errors, replacing, write_all
from runner.results.held import Held
from runner.results.manifest import in_parts, read_manifest
from runner.results.part_file import GROUP_ROWS, Form, coded, kind_of, need_pyarrow
from runner.results.parts import StoredRows
from runner.results.reader import header
from runner.results.staging import GROUPS, Staging
from runner.results.sums import SUMS, label_in


def write_csv(table: Path, path: Path) -> int:
    """Write all rows as `runs.csv` has them.

    Parameters
    ----------
    table : Path
        Of either store.
    path : Path
        The file, which replaces what is there in one step.

    Returns
    -------
    int
        How many rows it has.
    """
    if in_parts(table) and os.path.realpath(path) == os.path.realpath(table.parent / TABLE):
        raise Refused(
            f"{path} is where rows stand that are not in parts yet; pass another --into, or start the study with "
            "--store csv, which turns the table itself into runs.csv"
        )
    columns = _header(table)
    rows = StoredRows(table, columns, check=True)
    with replacing(path, f".{os.getpid()}.tmp") as descriptor:
        write_all(descriptor, columns.line)
        for text in _groups(rows):
            write_all(descriptor, text)
    return len(rows)


def write_parts(table: Path, folder: Path) -> int:
    """Write all rows as parts, into a folder that has no table.

    Parameters
    ----------
    table : Path
        Of either store.
    folder : Path
        It gets the folder `runs` and the manifest beside it.

    Returns
    -------
    int
        How many rows they have.
    """
    need_pyarrow()
    if has_table(folder):
        raise Refused(f"{folder} has a table already; pass another --into")
    columns = _header(table)
    rows = StoredRows(table, columns, check=True)
    known = read_manifest(table.parent) if in_parts(table) else None
    with io_errors(folder, "create"):
        folder.mkdir(parents=True, exist_ok=True)
    held = Held(folder)
    try:
        staging = Staging(held, Form(columns, _kinds(columns, rows)))
        texts = _groups(rows)
        for number in range(-(-len(rows) // (GROUPS * GROUP_ROWS))):
            staging.write(number, (text for _, text in zip(range(GROUPS), texts, strict=False)))
        staging.finish(known.label if known else label_in(table.parent / SUMS))
    finally:
        held.close()
    return len(rows)


def _header(table: Path) -> Header:
    """The columns of a table, of whatever version."""
    names = header(table)
    kinds = {column.name: column.kind for column in MEASUREMENTS}
    end = names.index("outcome")
    measured = tuple((name, kinds.get(name, "float")) for name in names[end + 1 :])
    return Header(tuple(names[2:end]), measured, tuple(OUTCOMES))


def _groups(rows: StoredRows) -> Iterator[bytes]:
    """The rows, as many at a time as a row group has."""
    for first in range(0, len(rows), GROUP_ROWS):
        yield b"".join(rows.segments(np.arange(first, min(first + GROUP_ROWS, len(rows)))))


def _kinds(columns: Header, rows: StoredRows) -> dict[str, str]:
    """As what each key is kept, by all values that the rows have of it."""
    keys = columns.keys[:-1]
    form = Form(columns, dict.fromkeys(keys, "category"))
    texts: dict[str, set[str]] = {key: set() for key in keys}
    for text in _groups(rows):
        group = form.table_of(text)
        for key, known in texts.items():
            known.update(coded(group[key])[1])
    return {key: kind_of(known) for key, known in texts.items()}
