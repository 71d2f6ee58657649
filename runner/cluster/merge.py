"""`merge`: the results of the parts of a study, put together in one folder as if it had been trained there."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from runner.errors import Refused, RunnerError
from runner.measurements import MISSING, RESULTS_VERSION
from runner.results.columns import Header, Ids, Indices, Records, standard_header
from runner.results.curves import CURVES, HEADER, TESTED_HEADER, OldCurves
from runner.results.files import TABLE, has_table, io_errors, table_path
from runner.results.inventory import Index, label_of
from runner.results.journal import JOURNAL
from runner.results.parts import StoredRows
from runner.results.provenance import STUDY, check_version, overrides_of, read_environment
from runner.results.row_text import RowText, record_of
from runner.results.sums import SUMS, Sums
from runner.results.weights import WEIGHTS, OldWeights
from runner.studies.plan import Plan, make_plan
from runner.studies.recorded import recorded_study
from runner.studies.shard import Shard
from runner.terminal import counted, listed
from runner.training.engine import Result
from runner.training.session import Options, SessionResult, run_session

if TYPE_CHECKING:
    from runner.studies.load import Study

# Rows that are read at a time.
_BLOCK = 1 << 13


@dataclass(frozen=True)
class Merged:
    """What `merge` has done.

    Attributes
    ----------
    session : SessionResult
        As that of a study that was trained; `left` are the runs that no part has.
    doubled : int
        Rows that stand in more than one part, with the same contents.
    absent : tuple of str
        Parts of the study, such as 2/3, that were not among those that were merged.
    """

    session: SessionResult
    doubled: int
    absent: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0 when every run of the study has its row; else 1."""
        return self.session.exit_code or int(self.session.left > 0)


def merge_parts(name: str, folders: Sequence[Path], out: Path, max_runs: int, *, quiet: bool = False) -> Merged:
    """Put the results of the parts of a study together.

    Every row is read, checked against the study and written again to the same bytes, so that the table, the curves and
    the weights are those of a study that was trained in one folder. The parts stay as they are.

    Parameters
    ----------
    name : str
        Of the study, and of the folder in `out` that the results go to; what it holds already is kept.
    folders : sequence of Path
        Folders of results of the same study.
    out : Path
        Folder of all results.
    max_runs : int
        A study with more runs is refused.
    quiet : bool
        Show nothing.

    Raises
    ------
    Refused
        When the parts are not of one study, or made by different kernels, or a run has two different rows.
    RunnerError
        When a part cannot be read, is not finished, or has rows of another study.
    """
    study = _common_study(name, folders)
    plan = make_plan(study, max_runs)
    parts = _Parts(plan, folders)
    kernels = read_environment(folders[0]).get("kernels")
    words = "merging", "merged"
    session = run_session(plan, Options(out, quiet=quiet), parts.results, kernels=kernels, words=words)
    return Merged(session, parts.doubled, _absent(folders))


def parts_of(name: str, out: Path) -> list[Path]:
    """The folders that `--shard` has made of a study, in their order."""
    found = []
    for folder in out.glob(f"{name}.*-of-*"):
        number, _, of = folder.name.removeprefix(f"{name}.").partition("-of-")
        if number.isdigit() and of.isdigit() and has_table(folder):
            found.append((int(of), int(number), folder))
    return [folder for *_, folder in sorted(found)]


def _common_study(name: str, folders: Sequence[Path]) -> Study:
    """The study of which all folders hold results."""
    first, *others = folders
    for folder in folders:
        check_version(folder, folder / TABLE, RESULTS_VERSION)
        with io_errors(folder / STUDY, "read"):
            (folder / STUDY).stat()
    facts = [(_text(folder), overrides_of(folder)) for folder in folders]
    for folder, (text, overrides) in zip(others, facts[1:], strict=True):
        if text != facts[0][0]:
            raise Refused(f"{folder} is not of the same study as {first}: their {STUDY} differ")
        if overrides != facts[0][1]:
            raise Refused(
                f"{folder} is not of the same study as {first}: it was started with "
                f"{' '.join(overrides) or 'no key=value'}, and the other with {' '.join(facts[0][1]) or 'none'}"
            )
    kernels = Counter(str(read_environment(folder).get("kernels")) for folder in folders)
    if len(kernels) > 1:
        raise Refused(
            f"the parts were trained by {len(kernels)} different states of the kernels or their compiler: "
            "the same run may have other numbers in them; train the parts again with one of these"
        )
    return replace(recorded_study(first), name=name)


def _text(folder: Path) -> bytes:
    with io_errors(folder / STUDY, "read"):
        return (folder / STUDY).read_bytes()


def _absent(folders: Sequence[Path]) -> tuple[str, ...]:
    """Parts that belong to those that are there, but are not."""
    shards = {Shard.parse(text) for folder in folders if (text := read_environment(folder).get("shard"))}
    wholes = {shard.of for shard in shards}
    if len(wholes) != 1:
        return ()
    of = wholes.pop()
    return tuple(str(Shard(i, of)) for i in range(1, of + 1) if Shard(i, of) not in shards)


class _Parts:
    """Reads the finished runs of the parts, in the place of training."""

    def __init__(self, plan: Plan, folders: Sequence[Path]) -> None:
        self.doubled = 0
        self._plan = plan
        self._folders = folders
        self._header = standard_header()
        self._index = Index(plan, self._header)
        self._text = RowText(plan, self._header)
        # Of the rows that were read: a run that comes again must be the same.
        self._sums = np.zeros(plan.n_runs, np.int64)

    def results(
        self,
        plan: Plan,
        done: NDArray[np.bool_],
        threads: int,
        *,
        notify: Callable[[str], None],
        stop: Callable[[], bool],
    ) -> Generator[Result]:
        """Take the place of `runner.training.engine.train`."""
        for folder in self._folders:
            for result in self._read(folder):
                if stop():
                    return
                fresh = ~done[result.runs]
                done[result.runs] = True
                if fresh.any():
                    yield _some(result, np.flatnonzero(fresh))

    def _read(self, folder: Path) -> Iterator[Result]:
        """The runs of a part."""
        record = self._plan.study.record
        if (folder / JOURNAL).exists():
            raise RunnerError(
                f"{folder} is not finished: train it to its end, with the command that began it, or leave it out"
            )
        rows = StoredRows(table_path(folder), self._header, check=True)
        sums = Sums(folder / SUMS, label_of(RESULTS_VERSION, self._header))
        header = TESTED_HEADER if self._plan.holds_out else HEADER
        curves = _Curves(folder, self._index, header) if record.curves else None
        weights = _Weights(folder, self._index) if record.weights else None
        for start in range(0, len(rows), _BLOCK):
            numbers = np.arange(start, min(start + _BLOCK, len(rows)))
            text = b"".join(rows.segments(numbers))
            runs, records = self._parse(folder, rows.ids[numbers], text, sums)
            groups = weights.groups(runs) if weights else [np.arange(len(runs))]
            for group in groups:
                some = runs[group]
                yield Result(
                    some,
                    records[group],
                    [curves.points(run) for run in some.tolist()] if curves else None,
                    weights.of(some) if weights else None,
                    updates=0,
                )

    def _parse(self, folder: Path, ids: Ids, text: bytes, known: Sums) -> tuple[Indices, Records]:
        """Numbers of some runs, and their records; each row is one that the runner writes for this study."""
        runs = self._index.find(ids)
        if (runs < 0).any():
            strangers = ids[runs < 0].tolist()
            are_of = "is of a run" if len(strangers) == 1 else "are of runs"
            raise RunnerError(
                f"{folder / TABLE}: {counted(len(strangers), 'row')} {are_of} that the study does not have: "
                f"{strangers[0]:016x}{', ...' if len(strangers) > 1 else ''}"
            )
        lines = text.splitlines(keepends=True)
        records = np.array([_record(line, self._header) for line in lines])
        _, written, ends = self._text.rows(runs, records)
        starts = np.concatenate([[0], ends[:-1]]).tolist()
        sums = np.array([zlib.crc32(line) for line in lines], np.int64)
        expected, there = known.find(ids)
        changed = there & (expected != sums)
        if written != text or changed.any():
            for line, start, end, is_changed in zip(lines, starts, ends.tolist(), changed.tolist(), strict=True):
                if is_changed or written[start:end] != line:
                    raise RunnerError(
                        f"{folder / TABLE}: the row of run {line[:16].decode()} is not as the runner writes it "
                        "(changed by another program?)"
                    )
        sums += 1
        before = self._sums[runs]
        if (differing := np.flatnonzero((before != 0) & (before != sums))).size:
            raise Refused(
                f"{folder / TABLE}: run {ids[differing[0]]:016x} stands in another part with different contents; "
                "only one of them can be right: `replay` tells which"
            )
        self.doubled += int(np.count_nonzero(before))
        self._sums[runs] = sums
        return runs, records


def _record(line: bytes, header: Header) -> list[float]:
    """The outcome's code and the measurements of a row; of what is no such row, numbers that no row has."""
    try:
        return record_of(line, header)
    except ValueError:
        return [0.0] * (len(header.measurements) + 1)


def _some(result: Result, which: Indices) -> Result:
    """Some runs of a result."""
    if len(which) == len(result.runs):
        return result
    curves = None if result.curves is None else [result.curves[i] for i in which.tolist()]
    weights = None if result.weights is None else (result.weights[0][which], result.weights[1][which])
    return Result(result.runs[which], result.records[which], curves, weights, result.updates)


class _Curves:
    """The curves of a part."""

    def __init__(self, folder: Path, index: Index, header: bytes) -> None:
        self._path = folder / CURVES
        self._file = OldCurves(self._path, index, header=header)
        self._number = {run: i for i, run in enumerate(self._file.runs.tolist())}

    def points(self, run: int) -> Records:
        """What stands in the columns of each point of a run's curve, from its epoch on."""
        if run not in self._number:
            raise RunnerError(f"{self._path} lacks the curve of a run that has its row: train the part again")
        lines = self._file.text(self._number[run]).decode().splitlines()
        return np.array([[float(field) if field else MISSING for field in line.split(",")[1:]] for line in lines])


class _Weights:
    """The weights of a part."""

    def __init__(self, folder: Path, index: Index) -> None:
        self._path = folder / WEIGHTS
        self._file = OldWeights(self._path, index)
        self._place = {
            run: (architecture, row)
            for architecture, runs in self._file.rows.items()
            for row, run in enumerate(runs.tolist())
        }
        self._loaded: dict[str, tuple[Records, Records]] = {}

    def groups(self, runs: Indices) -> Iterator[Indices]:
        """The places of runs that have one architecture."""
        missing = [run for run in runs.tolist() if run not in self._place]
        if missing:
            raise RunnerError(f"{self._path} lacks the weights of a run that has its row: train the part again")
        names = np.array([self._place[run][0] for run in runs.tolist()])
        for name in dict.fromkeys(names.tolist()):
            yield np.flatnonzero(names == name)

    def of(self, runs: Indices) -> tuple[Records, Records]:
        """Initial and final weights of runs that have one architecture."""
        architecture = self._place[int(runs[0])][0]
        if architecture not in self._loaded:
            initial, final = (self._file.load(architecture, part) for part in ("initial", "final"))
            self._loaded[architecture] = initial, final
        rows = [self._place[run][1] for run in runs.tolist()]
        initial, final = self._loaded[architecture]
        return initial[rows], final[rows]


def describe(merged: Merged) -> list[str]:
    """What is to be told of parts that were put together, a line each."""
    lines = []
    if merged.doubled:
        lines.append(f"{counted(merged.doubled, 'row')} stood in more than one part, with the same contents")
    if merged.absent:
        lines.append(f"not among the parts: {listed(merged.absent)}")
    return lines
