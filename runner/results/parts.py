"""The rows of a table in parts, readable by their numbers.

While a study trains, rows are appended to `runs.csv` whatever the store: that is where nothing is lost. When it is
complete they move into parts (`runner.results.staging`), in the plan's order.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from runner.errors import Refused
from runner.results.columns import Header, Ids, Indices
from runner.results.files import MANIFEST, PARTS, io_errors
from runner.results.manifest import Manifest, Part, in_parts, part_prefix, read_manifest, sha256, tail_of
from runner.results.part_file import Form, ids_in, need_pyarrow, use_kernel
from runner.results.row_file import RowFile
from runner.results.sums import RowSums, sums_of

_WAYS_OUT = "bring it back as it was, or remove it, and its runs are trained again"


class PartRows:
    """The rows of all parts, readable by their numbers.

    Parameters
    ----------
    folder : Path
        The folder of results.
    header : Header, optional
        The columns that the table must have; default those that it has.
    label : str, optional
        What its rows must depend on (version, columns).
    check : bool
        Whether every part is compared with its checksum.

    Attributes
    ----------
    path : Path
        Of the folder of the parts.
    manifest : Manifest or None
        None where there are none.
    missing : int
        Rows of parts that are not there any more.
    ids : array of uint64, shape (n,)

    Raises
    ------
    Refused
        When a part is not as it was written, or of another version.
    """

    def __init__(self, folder: Path, header: Header | None = None, label: str = "", *, check: bool = True) -> None:
        self.path = folder / PARTS
        self.manifest = read_manifest(folder)
        self._files: list[Path] = []
        self._known: tuple[int, bytes, Indices] = (-1, b"", np.empty(0, np.int64))
        self.parts: list[Part] = []
        self.missing = 0
        self.ids: Ids = np.empty(0, np.uint64)
        # Of every row group: its part, its number there, and the number of its first row.
        self._groups: list[tuple[int, int]] = []
        self._firsts = np.zeros(1, np.int64)
        if self.manifest is None:
            return
        header = header or self.manifest.header
        if (label and self.manifest.label != label) or self.manifest.columns != header.names:
            raise Refused(
                f"{folder / MANIFEST} was written by another version of the runner; "
                "pass another --out or name=..., or --fresh to move everything aside"
            )
        self.form = Form(header, self.manifest.kinds)
        self._open(self.manifest.parts, check)

    def add(self, manifest: Manifest, parts: Iterable[Part]) -> None:
        """Take parts that a manifest names by now, behind the others, whose rows keep their numbers."""
        self.manifest = manifest
        self.form = Form(manifest.header, manifest.kinds)
        self._open(parts, check=False)

    def _open(self, parts: Iterable[Part], check: bool) -> None:
        """See which parts are there, and read their identities."""
        need_pyarrow()
        from pyarrow import parquet

        ids, sizes = [self.ids], np.diff(self._firsts, prepend=0).tolist()
        for part in parts:
            path = self.path / part.file
            if not os.path.lexists(path):
                self.missing += part.rows
                continue
            if check and sha256(path) != part.sha256:
                raise Refused(
                    f"{path} is not the part that was written (damaged, or changed by another program): {_WAYS_OUT}"
                )
            with io_errors(path, "read"), parquet.ParquetFile(path) as file:
                for group in range(file.num_row_groups):
                    ids.append(ids_in(file.read_row_group(group, columns=["run_id"])["run_id"]))
                    self._groups.append((len(self._files), group))
                    sizes.append(len(ids[-1]))
            self._files.append(path)
            self.parts.append(part)
        self.ids, self._firsts = np.concatenate(ids), np.cumsum(sizes)

    def __len__(self) -> int:
        return len(self.ids)

    def row(self, number: int) -> bytes:
        """One row, as the runner writes it."""
        return b"".join(self.segments(np.array([number])))

    def segments(self, numbers: Indices) -> Iterator[bytes]:
        """Rows of some numbers, in that order, neighbours in one piece."""
        cuts = np.flatnonzero(np.diff(numbers) != 1) + 1
        firsts = numbers[np.concatenate([np.zeros(1, np.int64), cuts])].tolist()
        lasts = numbers[np.concatenate([cuts - 1, [len(numbers) - 1]])].tolist()
        for first, last in zip(firsts, lasts, strict=True):
            while first <= last:
                group = int(np.searchsorted(self._firsts, first, side="right")) - 1
                text, ends = self._group(group)
                at, end = first - int(self._firsts[group]), min(last - int(self._firsts[group]), len(ends) - 1)
                yield text[int(ends[at - 1]) if at else 0 : int(ends[end])]
                first += end - at + 1

    def sums_at(self, numbers: Indices) -> RowSums:
        """Checksums of the rows of some numbers."""
        found = np.empty(len(numbers), np.uint32)
        order = np.argsort(numbers, kind="stable")
        bounds = np.searchsorted(numbers[order], self._firsts)
        for group in np.flatnonzero(np.diff(bounds)).tolist():
            mine = order[bounds[group] : bounds[group + 1]]
            found[mine] = sums_of(*self._group(group))[numbers[mine] - self._firsts[group]]
        return found

    def whole_part(self, number: int, numbers: Indices) -> Part | None:
        """Part of that number, when it holds just the rows of some numbers, in this order."""
        ends = np.cumsum([part.rows for part in self.parts])
        at = int(np.searchsorted(ends, numbers[0], side="right"))
        if at == len(ends) or self.parts[at].rows != len(numbers) or numbers[0] != ends[at] - len(numbers):
            return None
        named = self.parts[at].file.startswith(part_prefix(number))
        return self.parts[at] if named and (np.diff(numbers) == 1).all() else None

    def _group(self, group: int) -> tuple[bytes, Indices]:
        """The text of a row group, and where each row ends; the last one is kept, since rows are read in order."""
        if self._known[0] != group:
            from pyarrow import parquet

            at, number = self._groups[group]
            with io_errors(self._files[at], "read"), parquet.ParquetFile(self._files[at]) as file:
                table = file.read_row_group(number)
            self._known = (group, *self.form.text_of(table, kernel=use_kernel(len(self))))
        return self._known[1:]


class StoredRows:
    """All rows of a table of either store, readable by their numbers: those in parts, and then those that are not yet.

    Parameters
    ----------
    table : Path
        `runs.csv`, or the folder of the parts.
    header : Header, optional
        The columns that it must have; may be left out of a table in parts.
    check : bool
        Whether every part is compared with its checksum.

    Attributes
    ----------
    ids : array of uint64, shape (n,)
    """

    def __init__(self, table: Path, header: Header | None = None, *, check: bool = False) -> None:
        self._sources: list[PartRows | RowFile] = []
        tail: Path | None = table
        if in_parts(table):
            parts = PartRows(table.parent, header, check=check)
            self._sources.append(parts)
            tail = tail_of(table.parent, parts.manifest)
            header = parts.form.header
        if tail is not None and header is not None:
            self._sources.append(RowFile(tail, header.line))
        self.ids: Ids = np.concatenate([np.empty(0, np.uint64), *(source.ids for source in self._sources)])

    def __len__(self) -> int:
        return len(self.ids)

    def segments(self, numbers: Indices) -> Iterator[bytes]:
        """Rows of some numbers, which ascend, in pieces."""
        first = 0
        for source in self._sources:
            mine = numbers[(numbers >= first) & (numbers < first + len(source))]
            if len(mine):
                yield from source.segments(mine - first)
            first += len(source)
