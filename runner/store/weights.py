"""`weights.npz`: initial and final weights of every run, by architecture, in the plan's order."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from runner.errors import RunnerError
from runner.store.files import told
from runner.store.header import Ids, Indices, PlanLike, Records
from runner.store.journal import Journal
from runner.store.survey import Index

WEIGHTS = "weights.npz"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same bytes whenever it is written
_BLOCK = 1 << 12
_Write = Callable[[IO[bytes]], None]


def architecture_text(architecture: object) -> str:
    """How an architecture is named in the file: `2-4-1`."""
    return architecture if isinstance(architecture, str) else "-".join(map(str, architecture))  # type: ignore[call-overload]


class OldWeights:
    """The weights that stand in the file now.

    Parameters
    ----------
    path : Path
        The file; it need not exist.
    index : Index
        Of the plan's runs.

    Attributes
    ----------
    rows : dict of str to array of int
        For each architecture, which run of the plan each row belongs to; -1 for none.
    """

    def __init__(self, path: Path, index: Index) -> None:
        self._path = path
        self.rows: dict[str, Indices] = {}
        if path.exists():
            with self._open() as file:
                names = [name.removesuffix("/run_id") for name in file.files if name.endswith("/run_id")]
                self.rows = {name: index.find(_as_numbers(file[f"{name}/run_id"])) for name in names}

    def load(self, architecture: str, part: str) -> Records:
        """All rows of one array."""
        with self._open() as file:
            array: Records = file[f"{architecture}/{part}"]
            return array

    def _open(self) -> Any:
        try:
            with told(self._path, "read"):
                return np.load(self._path, allow_pickle=False)
        except (ValueError, zipfile.BadZipFile) as error:
            raise RunnerError(
                f"{self._path} is not a file of weights: move it away, or pass --fresh"
            ) from error


def _as_numbers(ids: NDArray[np.str_]) -> Ids:
    return np.array([int(run_id, 16) for run_id in ids.tolist()], np.uint64)


def write_weights(
    file: IO[bytes], plan: PlanLike, journal: Journal, places: Indices, old: OldWeights, ids: Ids
) -> None:
    """Write the whole file.

    Parameters
    ----------
    file : file
        Open for writing.
    plan : Plan
        Tells the architecture of each run.
    journal : Journal
        Holds new weights.
    places : array of int, shape (n_runs,)
        Place of each run in the journal; -1 where the weights are old ones or there are none.
    old : OldWeights
        The weights of earlier starts.
    ids : array of uint64, shape (n_runs,)
        Identities of the plan's runs.
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for architecture, runs in _by_architecture(plan):
            old_row = np.full(plan.n_runs, -1, np.int64)
            belongs = old.rows.get(architecture, np.empty(0, np.int64))
            old_row[belongs[belongs >= 0]] = np.flatnonzero(belongs >= 0)
            runs = runs[(places[runs] >= 0) | (old_row[runs] >= 0)]
            if not len(runs):
                continue
            _member(archive, f"{architecture}/run_id", (len(runs),), np.dtype("<U16"), _id_blocks(ids[runs]))
            for part in ("initial", "final"):
                kept = old.load(architecture, part) if (old_row[runs] >= 0).any() else None
                blocks = _blocks(journal, part, places[runs], kept, old_row[runs])
                first = next(blocks)
                shape = (len(runs), first.shape[1])
                _member(archive, f"{architecture}/{part}", shape, np.dtype("<f8"), _chain(first, blocks))


def _by_architecture(plan: PlanLike) -> Iterator[tuple[str, Indices]]:
    """Every architecture with its runs, in order of first appearance."""
    codes: dict[object, int] = {}
    of_cell = np.array([codes.setdefault(plan.cell(i).architecture, len(codes)) for i in range(plan.n_cells)])
    step = len(plan.seeds)
    for architecture, code in codes.items():
        cells = np.flatnonzero(of_cell == code)
        yield architecture_text(architecture), (cells[:, None] * step + np.arange(step)).ravel()


def _id_blocks(ids: Ids) -> Iterator[NDArray[Any]]:
    for start in range(0, len(ids), _BLOCK):
        yield np.array([f"{run_id:016x}" for run_id in ids[start : start + _BLOCK].tolist()], "<U16")


def _blocks(
    journal: Journal, part: str, places: Indices, kept: Records | None, old_row: Indices
) -> Iterator[NDArray[Any]]:
    """Rows of one array, a block at a time."""
    for start in range(0, len(places), _BLOCK):
        rows = []
        for place, row in zip(
            places[start : start + _BLOCK].tolist(), old_row[start : start + _BLOCK].tolist(), strict=True
        ):
            if place >= 0:
                frame, i = journal.find(place)
                rows.append(getattr(frame, part)[i])
            else:
                assert kept is not None, "a run has weights in the journal or in the old file"
                rows.append(kept[row])
        yield np.stack(rows)


def _chain(first: NDArray[Any], rest: Iterator[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    yield first
    yield from rest


def _member(
    archive: zipfile.ZipFile,
    name: str,
    shape: tuple[int, ...],
    kind: np.dtype[Any],
    blocks: Iterator[NDArray[Any]],
) -> None:
    """Write one array of the archive, never holding more of it than a block."""
    info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
    info.external_attr = 0o644 << 16
    header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
    with archive.open(info, "w", force_zip64=True) as member:
        np.lib.format.write_array_header_1_0(member, header)
        for block in blocks:
            member.write(np.ascontiguousarray(block, kind).tobytes())
