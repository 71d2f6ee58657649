"""A table in parts: Parquet files in the folder `runs`, and the manifest beside it that says which of them count.

While a study trains, rows are appended to `runs.csv` whatever the store: that is where nothing is lost. When it is
complete they move into parts, in the plan's order. A part is written beside the folder, is safely on disk before it has
its name there, and counts from the moment at which the manifest names it; only then do the rows leave `runs.csv`. A
part is never changed: it is called by what it holds, and other rows make another part.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runner.errors import Refused, RunnerError
from runner.measurements import OUTCOMES
from runner.results.columns import Header, Ids, Indices
from runner.results.files import MANIFEST, PARTS, TABLE, io_errors, sync_folder, write_all
from runner.results.part_file import GROUP_ROWS, Form, ids_in, need_pyarrow, use_kernel, write_part
from runner.results.row_file import RowFile
from runner.results.sums import RowSums, sums_of

if TYPE_CHECKING:
    from runner.results.held import Held

STAGED = "runs.new"
"""Folder in which new parts are until all of them are there."""
GROUPS = 4
"""Row groups of a part."""
_TAIL = 1 << 16
_WAYS_OUT = "bring it back as it was, or remove it, and its runs are trained again"


@dataclass(frozen=True)
class Part:
    """A part as the manifest names it.

    Attributes
    ----------
    file : str
        Its name in the folder of the parts.
    rows, bytes : int
    sha256 : str
        Of its contents.
    """

    file: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """Which parts make up a table.

    Attributes
    ----------
    label : str
        What all rows depend on: the version of the results, and the columns.
    columns : tuple of str
    kinds : mapping of str to str
        As what each key and each measurement is kept.
    parts : tuple of Part
        In the order of the table.
    taken : tuple of two int or None
        Size and checksum of the `runs.csv` whose rows are all in these parts: one that is still there is left over.
    """

    label: str
    columns: tuple[str, ...]
    kinds: Mapping[str, str]
    parts: tuple[Part, ...]
    taken: tuple[int, int] | None = None

    @property
    def rows(self) -> int:
        """Of all parts."""
        return sum(part.rows for part in self.parts)

    @property
    def header(self) -> Header:
        """The columns, of whatever version."""
        end = self.columns.index("outcome")
        measured = tuple((name, self.kinds[name]) for name in self.columns[end + 1 :])
        return Header(self.columns[2:end], measured, tuple(OUTCOMES))

    def text(self) -> bytes:
        """As it stands in its file."""
        content = {"rows": self.rows, **asdict(self), "kinds": dict(self.kinds)}
        return (json.dumps(content, indent=1) + "\n").encode()


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder of results; None where its table is not in parts.

    Raises
    ------
    RunnerError
        When it is not as the runner writes it.
    """
    path = folder / MANIFEST
    try:
        with io_errors(path, "read"):
            found = json.loads(path.read_bytes())
        return Manifest(
            found["label"],
            tuple(map(str, found["columns"])),
            dict(found["kinds"]),
            tuple(Part(str(p["file"]), int(p["rows"]), int(p["bytes"]), str(p["sha256"])) for p in found["parts"]),
            None if found["taken"] is None else (int(found["taken"][0]), int(found["taken"][1])),
        )
    except RunnerError:
        if not os.path.lexists(path):
            return None
        raise
    except (ValueError, KeyError, TypeError, IndexError):
        raise RunnerError(
            f"{path} is not as the runner wrote it, and the parts in {PARTS} can not be told without it; bring it "
            "back, or pass --fresh to move everything aside"
        ) from None


def in_parts(table: Path) -> bool:
    """Whether a table is one in parts."""
    return table.name == PARTS and os.path.isfile(table.parent / MANIFEST)


def tail_of(folder: Path, manifest: Manifest | None) -> Path | None:
    """The `runs.csv` with rows that have not moved into parts yet; None where there is none."""
    path = folder / TABLE
    if not os.path.isfile(path) or (manifest and manifest.taken and manifest.taken == fingerprint(path)):
        return None
    return path


def fingerprint(path: Path) -> tuple[int, int]:
    """Size of a file, and a checksum of its end."""
    with io_errors(path, "read"), path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - _TAIL, 0))
        return size, zlib.crc32(file.read())


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
        need_pyarrow()
        self.form = Form(header, self.manifest.kinds)
        self._open(self.manifest, check)

    def _open(self, manifest: Manifest, check: bool) -> None:
        """See which parts are there, and read their identities."""
        from pyarrow import parquet

        ids, sizes = [self.ids], [0]
        for part in manifest.parts:
            path = self.path / part.file
            if not os.path.lexists(path):
                self.missing += part.rows
                continue
            if check and _sha256(path) != part.sha256:
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
        named = self.parts[at].file.startswith(_prefix(number))
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


def _prefix(number: int) -> str:
    """How the name of a part begins: sorted by their names, parts are in the plan's order."""
    return f"part-{number:06d}-"


def _sha256(path: Path) -> str:
    with io_errors(path, "read"), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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


def part_bounds(n_seeds: int, n_runs: int) -> Iterator[list[Indices]]:
    """Where each part of a plan begins and ends, by its row groups: arrays of two run numbers.

    The bounds follow from the plan alone. So do the rows of every part of a complete study, whoever has trained them
    in whatever order.
    """
    # Whole cells, where a cell has no more runs than a row group.
    step = GROUP_ROWS // n_seeds * n_seeds if n_seeds <= GROUP_ROWS else GROUP_ROWS
    firsts = np.arange(0, n_runs, step)
    for at in range(0, len(firsts), GROUPS):
        yield [np.array([first, min(first + step, n_runs)]) for first in firsts[at : at + GROUPS]]


@dataclass
class Staging:
    """New parts on their way into the folder of the parts.

    Parameters
    ----------
    held : Held
        The folder of results.
    form : Form
        What the new parts have in common.
    """

    held: Held
    form: Form
    parts: list[Part] = field(default_factory=list)
    _new: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._folder = self.held.folder / STAGED
        discard(self._folder)
        with io_errors(self._folder, "create"):
            self._folder.mkdir()

    def keep(self, part: Part) -> None:
        """Take over a part that is there already."""
        self.parts.append(part)

    def write(self, number: int, groups: Iterable[bytes]) -> None:
        """Write the part of a number, from the texts of its row groups."""
        self.held.check()
        path = self._folder / "part"
        with io_errors(path), path.open("w+b") as file:
            rows = write_part(file, self.form, groups)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        checksum = _sha256(path)
        name = f"{_prefix(number)}{checksum[:12]}.parquet"
        with io_errors(path, "rename"):
            path.rename(self._folder / name)
        self._new.append(name)
        self.parts.append(Part(name, rows, size, checksum))

    @property
    def n_new(self) -> int:
        """How many parts were written."""
        return len(self._new)

    def finish(self, label: str) -> None:
        """Give all parts their names, and then name them in the manifest, from where on they are the table."""
        held = self.held
        target = held.folder / PARTS
        with io_errors(target):
            target.mkdir(exist_ok=True)
            sync_folder(self._folder)
            for name in self._new:
                os.replace(self._folder / name, target / name)
            sync_folder(target)
        held.check()
        table = held.folder / TABLE
        taken = fingerprint(table) if os.path.isfile(table) else None
        form = self.form
        manifest = Manifest(label, form.header.names, form.all_kinds, tuple(self.parts), taken)
        with held.replacing(MANIFEST) as descriptor:
            write_all(descriptor, manifest.text())
        remove_strangers(held.folder, manifest)
        self.discard()

    def discard(self) -> None:
        """Remove the folder of new parts."""
        discard(self._folder)


def remove_strangers(folder: Path, manifest: Manifest) -> None:
    """Remove parts that the manifest does not name: what a killed process has left, or what newer parts replace."""
    if not os.path.isdir(folder / PARTS):
        return
    named = {part.file for part in manifest.parts}
    with io_errors(folder / PARTS, "clear"):
        for name in os.listdir(folder / PARTS):
            if name.startswith("part-") and name.endswith(".parquet") and name not in named:
                os.unlink(folder / PARTS / name)


def clear_leftovers(folder: Path, header: Header) -> None:
    """Remove what a process has left that died while rows moved into parts; the folder's lock must be held.

    Raises
    ------
    Refused
        When there are parts, but nothing that tells which of them count.
    """
    discard(folder / STAGED)
    manifest = read_manifest(folder)
    if manifest is None:
        if not os.path.lexists(folder / TABLE) and any(folder.glob(f"{PARTS}/part-*.parquet")):
            raise Refused(
                f"{folder / PARTS} holds parts of a table, and its manifest, {MANIFEST} beside it, is missing: "
                "bring it back, or move that folder away"
            )
        return
    remove_strangers(folder, manifest)
    if os.path.isfile(folder / TABLE) and tail_of(folder, manifest) is None and not PartRows(folder, header).missing:
        with io_errors(folder / TABLE, "remove"):
            os.unlink(folder / TABLE)
            sync_folder(folder)


def remove_parts(held: Held) -> None:
    """Remove a table in parts, whose rows all stand in `runs.csv`."""
    folder = held.folder
    manifest = read_manifest(folder)
    assert manifest is not None, "there are parts"
    # First none of them counts any more; whoever dies now leaves parts that the next start removes.
    manifest = replace(manifest, parts=(), taken=None)
    with held.replacing(MANIFEST) as descriptor:
        write_all(descriptor, manifest.text())
    remove_strangers(folder, manifest)
    # Whatever else somebody has put there stays.
    with contextlib.suppress(OSError):
        os.rmdir(folder / PARTS)
    held.check()
    held.drop(MANIFEST)
    with io_errors(folder / MANIFEST, "remove"):
        os.unlink(folder / MANIFEST)
        sync_folder(held.descriptor)


def discard(folder: Path) -> None:
    """Remove a folder of unfinished parts."""
    if os.path.islink(folder):
        raise Refused(f"{folder} is a symbolic link; only real files are written: remove the link")
    with io_errors(folder, "remove"), contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)


def facts_of(manifest: Manifest) -> dict[str, Any]:
    """What other programs are told of a table in parts."""
    return {"parts": len(manifest.parts), "bytes": sum(part.bytes for part in manifest.parts)}
