"""Training rows of a table again, from their own keys alone, and comparing every byte."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runner.errors import Problem, RunnerError, StudyError
from runner.machine import cores
from runner.results.columns import Header, Ids, Indices, standard_header
from runner.results.files import refuse_links
from runner.results.parts import StoredRows
from runner.results.provenance import check_version
from runner.results.row_text import RowText, plan_ids
from runner.training.progress import Progress
from runner.training.stored_rows import Row, parts, study_of

if TYPE_CHECKING:
    from runner.studies.plan import Plan


# Rows that are held at a time, lest a large table fill the memory.
_ROWS = 1 << 14
# Differences that are shown in words.
_SHOWN = 20
Choose = Callable[[Ids], Indices]


@dataclass(frozen=True)
class Difference:
    """A column of a row that did not come out as it stands in the table.

    Attributes
    ----------
    run_id, column, table, now : str
        `column` is `run_id`, and `now` empty, where the row's keys are those of another run.
    """

    run_id: str
    column: str
    table: str
    now: str

    def __str__(self) -> str:
        if self.column == "run_id":
            return f"{self.run_id}: its keys are those of another run"
        return f"{self.run_id}: {self.column} is {self.table or 'empty'} in the table, and {self.now or 'empty'} now"


@dataclass(frozen=True)
class Replayed:
    """Rows that were trained again.

    Attributes
    ----------
    table : Path
    n_rows, n_checked : int
        Of the table, and of those that were trained again.
    differences : tuple of Difference
        Every field that differs; none when the table holds bit for bit.
    """

    table: Path
    n_rows: int
    n_checked: int
    differences: tuple[Difference, ...]

    @property
    def n_differing(self) -> int:
        """Rows that differ."""
        return len({difference.run_id for difference in self.differences})

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.table.parent.name,
            "rows": self.n_rows,
            "checked": self.n_checked,
            "differing": self.n_differing,
            "differences": [asdict(difference) for difference in self.differences],
        }

    def __str__(self) -> str:
        """In words, a line for each of the first differences."""
        rows = f"{self.table.parent.name}: {self.n_checked:,} of {self.n_rows:,} rows trained again"
        if not self.differences:
            return f"{rows}: the same, bit for bit"
        differ = "differs" if self.n_differing == 1 else "differ"
        lines = [f"{rows}: {self.n_differing:,} {differ}", *map(str, self.differences[:_SHOWN])]
        if len(self.differences) > _SHOWN:
            lines.append(f"... and {len(self.differences) - _SHOWN:,} differences more (--json has all)")
        return "\n".join(lines)


def choice(run_id: str | None = None, sample: int | None = None) -> Choose:
    """What to give `replay`: one run, a random sample, or all rows when neither is given.

    Parameters
    ----------
    run_id : str, optional
        All 16 digits.
    sample : int, optional
        How many rows; no more than there are.
    """

    def choose(ids: Ids) -> Indices:
        if run_id is not None:
            return np.flatnonzero(ids == int(run_id, 16))
        if sample is None or sample >= len(ids):
            return np.arange(len(ids))
        return np.random.default_rng().choice(len(ids), sample, replace=False)

    return choose


def replay(
    table: Path,
    choose: Choose,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Replayed:
    """Train rows again and compare them with the table.

    Parameters
    ----------
    table : Path
        `runs.csv`.
    choose : callable
        From the identities of all rows to the numbers, counted from 0, of the rows to be trained; see `choice`.
    threads : int, optional
        Default all cores.
    progress : Progress, optional
        Told how far it is.

    Returns
    -------
    Replayed

    Raises
    ------
    Refused
        When another version of the runner has made the table.
    StudyError
        When there are no rows.
    RunnerError
        When a row's keys can not be read, its data is not there any more, or it can not be trained.
    """
    from runner.measurements import RESULTS_VERSION

    check_version(table.parent, table, RESULTS_VERSION, adding=False)
    header, progress = standard_header(), progress or Progress("")
    file = StoredRows(table, header)
    numbers = np.sort(choose(file.ids))
    if not len(numbers):
        # Not a table that holds bit for bit: a check that has looked at nothing must not pass.
        raise StudyError([Problem(f"{table} has no rows: there is nothing to replay")])
    progress.start(len(numbers), len(numbers))
    differences: list[Difference] = []
    for first in range(0, len(numbers), _ROWS):
        rows = [Row.read(header, line) for line in _lines(file, numbers[first : first + _ROWS])]
        for part in parts(rows):
            differences += _check(part, header, table, threads or cores(), progress)
            progress.advance(len(part), len(part))
    progress.stop()
    return Replayed(table, len(file), len(numbers), tuple(differences))


def _lines(file: StoredRows, numbers: Indices) -> Iterator[bytes]:
    """Some rows as they stand in the file."""
    for number in numbers.tolist():
        yield from file.segments(np.array([number]))


def _check(rows: Sequence[Row], header: Header, table: Path, threads: int, progress: Progress) -> Iterator[Difference]:
    """What differs in some rows."""
    from runner.studies.plan import make_plan

    plan = make_plan(study_of(rows, table))
    known = {run_id: run for run, run_id in enumerate(plan_ids(plan, standard_header()).tolist())}
    runs = {}
    for row in rows:
        if row.run_id in known:
            runs[known[row.run_id]] = row
        else:
            yield Difference(row.fields[0], "run_id", row.fields[0], "")
    for run, line in _trained(plan, runs, header, threads, progress):
        if line != runs[run].line:
            now = next(csv.reader([line.decode()]))
            for name, before, after in zip(header.names, runs[run].fields, now, strict=True):
                if before != after:
                    yield Difference(runs[run].fields[0], name, before, after)


def _trained(
    plan: Plan, runs: Iterable[int], header: Header, threads: int, progress: Progress
) -> Iterator[tuple[int, bytes]]:
    """Rows of some runs, trained now."""
    from runner.training.engine import train

    done = np.ones(plan.n_runs, np.bool_)
    done[list(runs)] = False
    text = RowText(plan, header)
    for result in train(plan, done, threads, notify=progress.message):
        if result.error is not None:
            raise RunnerError(f"a row could not be trained again: {result.error}")
        if not len(result.runs):
            continue  # a stage in which no run came to its end
        _, lines, ends = text.rows(result.runs, result.records)
        starts = [0, *ends[:-1].tolist()]
        for run, start, end in zip(result.runs.tolist(), starts, ends.tolist(), strict=True):
            yield run, lines[start:end]


def row_of(table: Path, run_id: str) -> Row:
    """The row of a run, whose identity has all 16 digits."""
    header = standard_header()
    file = StoredRows(table, header)
    return Row.read(header, next(_lines(file, choice(run_id)(file.ids))))


def record(table: Path, run_id: str, threads: int | None = None) -> Path:
    """Train one row again and keep its loss and accuracy at every epoch, and its initial and final weights.

    Parameters
    ----------
    table : Path
        `runs.csv`.
    run_id : str
        The run.
    threads : int, optional

    Returns
    -------
    Path
        The folder of the files, `replay/RUN_ID` beside the table.
    """
    from runner.studies.model import MOST_POINTS
    from runner.studies.plan import make_plan
    from runner.training.session import Options, run_session

    refuse_links(table.parent, ("replay",))
    study = study_of([row_of(table, run_id)], table, run_id, f"{{curves: {MOST_POINTS}, weights: true}}")
    options = Options(out=table.parent / "replay", threads=threads, quiet=True)
    outcome = run_session(make_plan(study), options)
    if outcome.interrupted:
        raise KeyboardInterrupt
    if outcome.failed:
        raise RunnerError(f"the row could not be recorded: {outcome.reasons[0]}")
    return outcome.table.parent
