"""Reading a table in parts: some of its columns, a row group at a time.

Rows that have not moved into parts yet stand in `runs.csv` beside them, and are read as one more part.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from runner.errors import RunnerError
from runner.results.files import io_errors
from runner.results.manifest import read_manifest, tail_of
from runner.results.part_file import GROUP_ROWS, Form, need_pyarrow
from runner.results.row_file import RowFile

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_FEW_ROWS = 10_000


class PartReader:
    """The parts of a table, opened for reading.

    Parameters
    ----------
    table : Path
        Folder of the parts.

    Attributes
    ----------
    names : list of str
        The columns.
    tail : Path or None
        The `runs.csv` with further rows.

    Raises
    ------
    RunnerError
        When pyarrow is not installed, or the manifest is not as it was written.
    """

    def __init__(self, table: Path) -> None:
        need_pyarrow()
        self._table = table
        manifest = read_manifest(table.parent)
        if manifest is None:
            raise RunnerError(f"{table} is not a table of results: there is no manifest beside it")
        self.manifest = manifest
        self.names = list(manifest.columns)
        self.tail = tail_of(table.parent, manifest)
        # Row groups of the parts that were opened.
        self._sizes: dict[Path, int] = {}

    @cached_property
    def paths(self) -> list[Path]:
        """The files, in the order of the table."""
        return [self._table / part.file for part in self.manifest.parts]

    def groups(self, names: Iterable[str], which: Iterable[int] | None = None) -> Iterator[pa.Table]:
        """Some columns of every row group; keys of those that are not in parts yet are texts.

        Parameters
        ----------
        names : iterable of str
        which : iterable of int, optional
            Ascending numbers of the row groups that are read; default all.
        """
        from pyarrow import ArrowException, parquet

        wanted = list(dict.fromkeys(names))
        asked = itertools.count() if which is None else iter(which)
        number, first = next(asked, None), 0
        for path in self.paths:
            if number is None or number >= first + self._sizes.get(path, math.inf):
                first += self._sizes.get(path, 0)
                continue
            with io_errors(path, "read"):
                try:
                    with parquet.ParquetFile(path) as file:
                        # Threads take longer to wake up than a small part takes to read.
                        threads = file.metadata.num_rows > _FEW_ROWS
                        while number is not None and number < first + file.num_row_groups:
                            yield file.read_row_group(number - first, columns=wanted, use_threads=threads)
                            number = next(asked, None)
                        self._sizes[path] = file.num_row_groups
                        first += file.num_row_groups
                except ArrowException as error:
                    raise RunnerError(f"{path} cannot be read as a part of a table: {error}") from None
        if self.tail is not None and number is not None:
            header = self.manifest.header
            form = Form(header, dict.fromkeys(header.keys, "category"))
            rows = RowFile(self.tail, header.line)
            while number is not None and (start := (number - first) * GROUP_ROWS) < len(rows):
                text = b"".join(rows.segments(np.arange(start, min(start + GROUP_ROWS, len(rows)))))
                yield form.table_of(text).select(wanted)
                number = next(asked, None)

    def frame(self) -> pd.DataFrame:
        """All columns, with the types that they have in the parts; texts that repeat are categories."""
        from pyarrow import concat_tables

        schema = Form(self.manifest.header, self.manifest.kinds).schema
        groups = [group if group.schema.equals(schema) else group.cast(schema) for group in self.groups(self.names)]
        if not groups:
            groups = [schema.empty_table()]
        found: pd.DataFrame = concat_tables(groups).unify_dictionaries().to_pandas()
        return found

    def find(self, beginning: str) -> Iterator[tuple[int, str]]:
        """Number, counted from 0, and run_id of the rows whose run_id begins so."""
        from pyarrow import compute

        first = 0
        for group in self.groups(["run_id"]):
            ids = group["run_id"]
            hits = np.flatnonzero(compute.starts_with(ids, beginning).to_numpy())
            for hit in hits.tolist():
                yield first + hit, ids[hit].as_py()
            first += group.num_rows
