"""New parts of a table on their way into its folder, and what a killed process has left of them.

A part is written beside the folder, is safely on disk before it has its name there, and counts from the moment at which
the manifest names it; only then do its rows leave `runs.csv`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from runner.errors import Refused, RunnerError
from runner.results.columns import Header, Indices
from runner.results.files import MANIFEST, PARTS, TABLE, io_errors, sync_folder, write_all
from runner.results.manifest import Manifest, Part, fingerprint, part_prefix, read_manifest, sha256, tail_of
from runner.results.part_file import GROUP_ROWS, Form, write_part
from runner.results.parts import PartRows

if TYPE_CHECKING:
    from runner.results.held import Held

STAGED = "runs.new"
"""Folder in which new parts are until all of them are there."""
GROUPS = 4
"""Row groups of a part."""


@dataclass(frozen=True)
class Staged:
    """A part that is safely on disk and has no name among the parts yet.

    Attributes
    ----------
    part : Part
    file : Path
        Where it stands.
    """

    part: Part
    file: Path


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
        part = stage_part(self._folder, "part", self.form, number, groups).part
        self._new.append(part.file)
        self.parts.append(part)

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


def stage_part(folder: Path, unfinished: str, form: Form, number: int, groups: Iterable[bytes]) -> Staged:
    """Write the part of a number into a folder of new parts, and make sure of it.

    Parameters
    ----------
    folder : Path
    unfinished : str
        Name of the file until it is complete; nobody else may use it at the same time.
    form : Form
    number : int
    groups : iterable of bytes
        The rows of each row group, as text.
    """
    path = folder / unfinished
    with io_errors(path), path.open("w+b") as file:
        rows = write_part(file, form, groups)
        file.flush()
        os.fsync(file.fileno())
        size = file.tell()
    checksum = sha256(path)
    part = Part(f"{part_prefix(number)}{checksum[:12]}.parquet", rows, size, checksum)
    with io_errors(path, "rename"):
        path.rename(folder / part.file)
    return Staged(part, folder / part.file)


class Arrivals:
    """Parts that other processes write while a study trains, and that are named in the manifest some at a time.

    Parameters
    ----------
    held : Held
        The folder of results, locked by this process.
    form : Form
        What the parts of the study have in common.
    label : str
        What their rows depend on.

    Attributes
    ----------
    parts : list of Part
        Those that have come, in the order in which they came.
    rows : int
        Of all these.
    """

    def __init__(self, held: Held, form: Form, label: str) -> None:
        self._held = held
        self._form = form
        self._label = label
        self._waiting: list[Staged] = []
        self.parts: list[Part] = []
        self.rows = 0

    def add(self, staged: Staged) -> None:
        """Take a part, if it is the one that was written.

        Raises
        ------
        RunnerError
            When it is not.
        """
        part, file = staged.part, staged.file
        if sha256(file) != part.sha256:
            raise RunnerError(f"{file} is not the part that a worker has written: start the same command again")
        self._waiting.append(staged)
        self.parts.append(part)
        self.rows += part.rows

    def name(self) -> Manifest | None:
        """Give all parts that wait their names, and then name them in the manifest: from here on they count.

        Returns
        -------
        Manifest or None
            As it stands now; None where none has ever been written.
        """
        held, known = self._held, read_manifest(self._held.folder)
        if not self._waiting:
            return known
        held.check()
        target = held.folder / PARTS
        with io_errors(target):
            target.mkdir(exist_ok=True)
            for staged in self._waiting:
                os.replace(staged.file, target / staged.part.file)
            sync_folder(target)
        # One that has been lost may have come again.
        parts = {part.file: part for part in (*(known.parts if known else ()), *self.parts)}
        in_order = tuple(parts[name] for name in sorted(parts))
        taken = known.taken if known else None
        manifest = Manifest(self._label, self._form.header.names, self._form.all_kinds, in_order, taken)
        with held.replacing(MANIFEST) as descriptor:
            write_all(descriptor, manifest.text())
        self._waiting.clear()
        return manifest


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
