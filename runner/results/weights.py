"""`weights.npz`: initial and final weights of every run, by architecture, in the plan's order."""

from __future__ import annotations

import contextlib
import errno
import itertools
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from runner.errors import RunnerError
from runner.results.columns import Ids, Indices, PlanLike, Records
from runner.results.files import io_errors, open_if_there
from runner.results.inventory import Index
from runner.results.journal import PLACE_BITS, Journal

WEIGHTS = "weights.npz"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same bytes whenever it is written
_BLOCK = 1 << 12
# What zipfile and NumPy raise at a file that is not what they expect.
_DAMAGE = (
    ValueError, EOFError, LookupError, TypeError, OverflowError, NotImplementedError, RuntimeError,
    zipfile.BadZipFile, zlib.error, struct.error,
)  # fmt: skip


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
    file : OpenFile or None
        The file; None when there is none.
    rows : dict of str to array of int
        For each architecture, which run of the plan each row belongs to; -1 for none.
    """

    def __init__(self, path: Path, index: Index) -> None:
        self._path = path
        self.file = open_if_there(path)
        self.rows: dict[str, Indices] = {}
        if self.file:
            # Damage is told now: found when the file is written anew, it would cost all that was trained till then.
            with self._archive() as archive:
                if damaged := archive.testzip():
                    raise ValueError(f"{damaged} is damaged")
                names = {name.removesuffix(".npy").rsplit("/", 1)[0] for name in archive.namelist()}
                self.rows = {name: index.find(_check(archive, name)) for name in sorted(names)}

    def load(self, architecture: str, part: str) -> Records:
        """All rows of one array."""
        with self._archive() as archive:
            return _load(archive, f"{architecture}/{part}")

    @contextlib.contextmanager
    def _archive(self) -> Iterator[zipfile.ZipFile]:
        """The open file as an archive; what is wrong with it is told."""
        assert self.file is not None
        try:
            with io_errors(self._path, "read"):
                try:
                    with open(self.file.descriptor, "rb", closefd=False) as file, zipfile.ZipFile(file) as archive:
                        yield archive
                except OSError as error:
                    # What a place before the beginning of the file, as a damaged index names one, is answered with.
                    if error.errno == errno.EINVAL:
                        raise ValueError(str(error)) from error
                    raise
        except _DAMAGE as error:
            raise RunnerError(
                f"{self._path} is not a file of weights, or a damaged one: "
                "move it away, and its runs are trained again, or pass --fresh"
            ) from error


def _load(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """One array of the file."""
    with archive.open(f"{name}.npy") as member:
        array: NDArray[Any] = np.lib.format.read_array(member, allow_pickle=False)
        return array


def read_weights_of(path: Path, run_id: str, part: str = "final") -> NDArray[np.float64] | None:
    """The weights of one run, of which nothing more than its row is read.

    Parameters
    ----------
    path : Path
        `weights.npz`; it need not exist.
    run_id : str
        All 16 digits.
    part : {"final", "initial"}

    Returns
    -------
    array or None
        As they stand in the file; None where there is no file, or nothing of this run in it.

    Raises
    ------
    RunnerError
        When it is no file of weights, or a damaged one.
    """
    if not path.is_file():
        return None
    try:
        with io_errors(path, "read"), zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if not name.endswith("/run_id.npy"):
                    continue
                architecture = name.removesuffix("/run_id.npy")
                if not (rows := np.flatnonzero(_load(archive, f"{architecture}/run_id") == run_id)).size:
                    continue
                with archive.open(f"{architecture}/{part}.npy") as member:
                    np.lib.format.read_magic(member)
                    (_, width), _, kind = np.lib.format.read_array_header_1_0(member)
                    member.seek(member.tell() + int(rows[0]) * width * kind.itemsize)
                    return np.frombuffer(member.read(width * kind.itemsize), kind).astype(np.float64)
    except _DAMAGE as error:
        raise RunnerError(f"{path} is not a file of weights, or a damaged one: move it away") from error
    return None


def _check(archive: zipfile.ZipFile, architecture: str) -> Ids:
    """Identities of the runs whose weights an architecture's arrays hold."""
    texts = _load(archive, f"{architecture}/run_id")
    if texts.ndim != 1 or texts.dtype != np.dtype("<U16"):
        raise ValueError("identities are not texts of 16 characters")
    ids = np.array([int(run_id, 16) for run_id in texts.tolist()], np.uint64)
    sizes = [int(size) for size in architecture.split("-")]
    units, layers = sum(sizes[1:]), len(sizes) - 1
    weights = sum(a * b for a, b in itertools.pairwise(sizes))
    # Each layer sees the one below it, all before it, or the output layer the inputs too.
    connected = (weights, sum(a * b for a, b in itertools.combinations(sizes, 2)), weights + sizes[0] * sizes[-1])
    for part in ("initial", "final"):
        with archive.open(f"{architecture}/{part}.npy") as member:
            if np.lib.format.read_magic(member) != (1, 0):
                raise ValueError("another format")
            shape, by_column, kind = np.lib.format.read_array_header_1_0(member)
        # With a bias for every unit, one for every layer, or none.
        widths = [n + biases for n in connected for biases in (0, layers, units)]
        if by_column or kind != np.float64 or len(shape) != 2 or shape[0] != len(ids) or shape[1] not in widths:
            raise ValueError("arrays do not fit each other")
    if len(np.unique(ids)) != len(ids):
        raise ValueError("a run is there twice")
    return ids


def read_final(path: Path) -> Iterator[tuple[str, NDArray[Any], Records]]:
    """For every architecture, as it is named in a table (`2-4-1`), the `run_id` and the final weights of its runs.

    Raises
    ------
    RunnerError
        When the file can not be read.
    """
    with io_errors(path, "read"):
        try:
            with np.load(path) as file:
                for name in file.files:
                    architecture, _, part = name.partition("/")
                    if part == "final":
                        yield architecture, file[f"{architecture}/run_id"], file[name]
        except _DAMAGE as error:
            raise RunnerError(f"{path} is damaged: {error}") from error


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
            width = _width(journal, places[runs], old, architecture, old_row[runs])
            for part in ("initial", "final"):
                kept = old.load(architecture, part) if (old_row[runs] >= 0).any() else None
                blocks = _blocks(journal, part, places[runs], kept, old_row[runs], width)
                _member(archive, f"{architecture}/{part}", (len(runs), width), np.dtype("<f8"), blocks)


def _width(journal: Journal, places: Indices, old: OldWeights, architecture: str, old_row: Indices) -> int:
    """Weights of the longest row: runs of one architecture have as many unless they differ in `bias` or `shortcuts`."""
    frames = np.unique(places[places >= 0] >> PLACE_BITS) << PLACE_BITS
    widths = [int(journal.find(place)[0].initial.shape[1]) for place in frames.tolist()]
    taken = old_row[(places < 0) & (old_row >= 0)]
    if len(taken):
        # A row that was filled up with NaN ends where its initial weights do, which are numbers.
        numbers = ~np.isnan(old.load(architecture, "initial")[taken]).all(axis=0)
        widths.append(int(np.flatnonzero(numbers).max(initial=-1)) + 1)
    return max(widths)


def _by_architecture(plan: PlanLike) -> Iterator[tuple[str, Indices]]:
    """Every architecture, as it is named in the file (`2-4-1`), with its runs, in order of first appearance."""
    codes: dict[tuple[int, ...], int] = {}
    of_cell = np.array([codes.setdefault(plan.cell(i).architecture, len(codes)) for i in range(plan.n_cells)])
    step = len(plan.seeds)
    for architecture, code in codes.items():
        cells = np.flatnonzero(of_cell == code)
        yield "-".join(map(str, architecture)), (cells[:, None] * step + np.arange(step)).ravel()


def _id_blocks(ids: Ids) -> Iterator[NDArray[Any]]:
    for start in range(0, len(ids), _BLOCK):
        yield np.array([f"{run_id:016x}" for run_id in ids[start : start + _BLOCK].tolist()], "<U16")


def _blocks(
    journal: Journal, part: str, places: Indices, kept: Records | None, old_row: Indices, width: int
) -> Iterator[NDArray[Any]]:
    """Rows of one array, a block at a time; shorter ones filled up with NaN."""
    for start in range(0, len(places), _BLOCK):
        rows: list[Records] = []
        for place, row in zip(
            places[start : start + _BLOCK].tolist(), old_row[start : start + _BLOCK].tolist(), strict=True
        ):
            if place >= 0:
                frame, i = journal.find(place)
                rows.append(getattr(frame, part)[i])
            else:
                assert kept is not None, "a run has weights in the journal or in the old file"
                rows.append(kept[row])
        block = np.full((len(rows), width), np.nan)
        for i, row in enumerate(rows):
            block[i, : len(row)] = row[:width]
        yield block


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
