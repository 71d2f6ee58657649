"""One start of a study, from lock to table: find what is there, train what is missing, write, and say how it went."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from runner.keys.architecture import parameter_count
from runner.machine import cores
from runner.results.columns import standard_header
from runner.results.curves import CURVES
from runner.results.failed import FAILED, failed_before, write_failed
from runner.results.files import MANIFEST, ORPHANS, PARTS, TABLE, io_errors, refuse_links, results_folder, set_aside
from runner.results.lock import Lock
from runner.results.part_file import need_pyarrow
from runner.results.provenance import Provenance, changes, check_pieces, check_version, read_environment
from runner.results.sidecars import Recording
from runner.results.table import FILES, STORES, Store, Table
from runner.terminal import counted
from runner.training.begun import MOST_DEATHS, REASON, Begun, in_turn
from runner.training.interrupt import EXIT_CODE, Interrupt
from runner.training.progress import TRAINING, Progress, showing

if TYPE_CHECKING:
    from runner.kernels.cuda import Card
    from runner.studies.plan import Plan
    from runner.studies.shard import Shard
    from runner.training.engine import Result
    from runner.training.specials import Specials


# Runs whose work is added up together.
_TOGETHER = 1 << 14


class Trainer(Protocol):
    """Trains the runs of a plan that are not done, as `runner.training.engine.train` does."""

    def __call__(
        self,
        plan: Plan,
        done: NDArray[np.bool_],
        threads: int,
        *,
        notify: Callable[[str], None],
        stop: Callable[[], bool],
    ) -> Generator[Result]: ...


@dataclass(frozen=True)
class Options:
    """How a study is run; nothing here changes a row.

    Attributes
    ----------
    out : Path
        Folder of all results.
    threads : int or None
        None for all cores.
    limit : int or None
        At most so many new runs.
    retry_failed : bool
        Whether runs that failed at an earlier start are tried again.
    fresh : bool
        Start anew; old files are moved aside.
    quiet : bool
        Show nothing.
    shard : Shard or None
        Only this part of the study, in a folder of its own.
    store : {"csv", "parquet"} or None
        As what the rows are kept when the study is complete; None for what the folder has, CSV where it is new.
    card : Card or None
        The graphics card that trains what it can train.
    own_process : bool
        Whether the second Ctrl-C may end the process: it is the command line's, not one that calls `runner.run`.
    """

    out: Path = Path("results")
    threads: int | None = None
    limit: int | None = None
    retry_failed: bool = False
    fresh: bool = False
    quiet: bool = False
    shard: Shard | None = None
    store: Store | None = None
    card: Card | None = None
    own_process: bool = False

    def folder(self, name: str) -> Path:
        """Where the results of a study are."""
        return results_folder(self.out, self.shard.folder(name) if self.shard else name)


@dataclass(frozen=True)
class SessionResult:
    """How a session ended.

    Attributes
    ----------
    table : Path
        `runs.csv`, or the folder of the parts.
    axes : tuple of str
        Keys that the study sweeps.
    planned : int
        Runs of the study, or of the part that was asked for.
    trained, failed, left : int
        Runs trained now, runs that could not be trained (now, or earlier and not tried again), and runs that still
        are to be trained.
    seconds : float
        What training took.
    reasons : tuple of str
        Why runs failed, each once.
    interrupted : bool
        By Ctrl-C or SIGTERM, before all was done.
    """

    table: Path
    axes: tuple[str, ...]
    planned: int
    trained: int
    failed: int
    left: int
    seconds: float
    reasons: tuple[str, ...]
    interrupted: bool

    @property
    def exit_code(self) -> int:
        """What the command line returns."""
        return EXIT_CODE if self.interrupted else int(self.failed > 0)


def run_session(
    plan: Plan,
    options: Options,
    trainer: Trainer | None = None,
    *,
    kernels: str | None = None,
    words: tuple[str, str] = TRAINING,
) -> SessionResult:
    """Run a study.

    Parameters
    ----------
    plan : Plan
        Its runs.
    options : Options
    trainer : Trainer, optional
        Takes the place of `runner.training.engine.train`.
    kernels : str, optional
        Fingerprint of the kernels by which that trains.
    words : two str
        What it does, and what it has done, to runs.

    Returns
    -------
    SessionResult

    Raises
    ------
    Refused
        When the results are in use, of another version, or not where they belong.
    RunnerError
        When they can not be written.
    """
    from runner.measurements import RESULTS_VERSION

    folder = options.folder(plan.study.name)
    with io_errors(folder, "create"):
        folder.mkdir(parents=True, exist_ok=True)
    with (
        Lock(folder) as lock,
        showing(folder.name, options.quiet, words) as progress,
        Interrupt(options.own_process) as interrupt,
    ):
        refuse_links(folder, FILES)
        if options.fresh and (kept := set_aside(folder, FILES)):
            progress.message(f"old results are kept as {', '.join(path.name for path in kept)}")
        check_version(folder, folder / TABLE, RESULTS_VERSION)
        check_pieces(folder, folder / TABLE, plan.own_pieces)
        store = options.store or store_of(folder)
        if store == "parquet":
            need_pyarrow()
        table = Table(folder, plan, recording_of(plan), RESULTS_VERSION, standard_header(), lock.held, store)
        begun = Begun(folder, plan)
        interrupt.at_exit = begun.close
        try:
            specials: Specials | None = None
            # A study that is done needs no kernels, and waits for none.
            if not (trainer or table.done.all()):
                trainer, kernels, specials = _engine(
                    plan, progress, begun, table, options.card, options.threads or cores()
                )
            if table.n_kept:
                for change in changes(folder, kernels):
                    progress.message(change)
            options = replace(options, store=store)
            return _Session(plan, options, table, progress, interrupt, begun).run(trainer, kernels, specials)
        finally:
            begun.close()
            table.close()


def store_of(folder: Path) -> Store:
    """As what a folder of results keeps its rows, or is going to when its study is complete."""
    asked = read_environment(folder).get("store")
    if asked in STORES:
        return cast(Store, asked)
    return "parquet" if (folder / MANIFEST).exists() else "csv"


def _engine(
    plan: Plan, progress: Progress, begun: Begun, table: Table, card: Card | None, threads: int
) -> tuple[Trainer, str, Specials]:
    """The engine, its kernels loaded or compiled so that this does not count as training, and their fingerprint."""
    from runner.kernels.cache import fingerprint
    from runner.training.engine import prepare, train
    from runner.training.specials import Specials

    prepare(plan, progress.message, card, threads)
    # Where not all runs are left, about as large a part of the updates.
    share_left = 1 - np.count_nonzero(table.done) / len(table.done)
    specials = Specials(int(plan.n_updates * share_left))
    trainer = partial(train, begun=begun, write=table.write, specials=specials, card=card)
    return trainer, fingerprint(), specials


def _kernel_facts(specials: Specials | None, card: Card | None) -> dict[str, Any]:
    """Where the kernels of this start come from, for environment.json; `specials` is None where another one trained."""
    if specials is None:
        return {"special_kernels": None}
    from runner.kernels.cache import origins

    facts = {"special_kernels": specials.facts(), "kernels_from": origins()}
    return facts if card is None else {**facts, "graphics_card": card.facts()}


def recording_of(plan: Plan) -> Recording:
    """What a plan's study records besides rows."""
    from runner.training.blocks.curve_points import CurveEpochs

    record = plan.study.record
    epochs = CurveEpochs(plan) if record.curves else None
    return Recording(record.curves or 0, record.weights, epochs, plan.holds_out)


def work_left(plan: Plan, done: NDArray[np.bool_]) -> int:
    """Changes of weights that are still to be made; runs that differ only in their budget share them."""
    if not done.any():
        return plan.n_updates
    missing = ~done.reshape(plan.n_cells, -1)
    schedule, total = plan.schedule(), 0
    together = max(_TOGETHER // missing.shape[1], 1)
    for first in range(0, len(schedule), together):
        for cells in schedule.of_size(np.arange(first, min(first + together, len(schedule)))):
            budgets = plan.budgets(plan.columns(cells.ravel()), cells.size).reshape(*cells.shape, 1)
            total += int((missing[cells] * budgets).max(axis=1).sum())
    return total


def _they_are(n: int) -> str:
    return "it is" if n == 1 else "they are"


def _are(n: int) -> str:
    return "is" if n == 1 else "are"


class _Session:
    """A start of a study while its folder is locked and its table is open."""

    def __init__(
        self, plan: Plan, options: Options, table: Table, progress: Progress, interrupt: Interrupt, begun: Begun
    ) -> None:
        self._plan = plan
        self._options = options
        self._table = table
        self._progress = progress
        self._interrupt = interrupt
        self._begun = begun
        self._threads = options.threads or cores()
        self._planned = plan.n_runs
        self._failures: dict[int, str] = {}
        self._trained = self._updates = 0

    def run(self, trainer: Trainer | None, kernels: str | None, specials: Specials | None) -> SessionResult:
        """Train what is missing and bring all files into order; what is known of the kernels is recorded with them."""
        done = self._table.done
        n_done = int(np.count_nonzero(done))
        if self._options.shard is not None:
            mine = self._options.shard.runs(self._plan)
            self._planned, n_done = int(np.count_nonzero(mine)), int(np.count_nonzero(done & mine))
            done |= ~mine
        self._tell(n_done)
        done[self._failed_before(done)] = True
        self._give_up(done)
        todo = np.flatnonzero(~done)
        if self._options.limit is not None:
            done[todo[self._options.limit :]] = True
        n = int(np.count_nonzero(~done))
        seconds = 0.0
        provenance = Provenance(self._table.folder, self._plan.study.text, self._facts(), kernels)
        # Also when nothing is left to train: the claims of the study may have changed.
        self._plan.study.keep_data(self._table.folder)
        provenance.begin()
        if n and trainer:
            seconds = self._train(trainer, done, n)
        left = self._planned - n_done - self._trained - len(self._failures)
        interrupted = self._interrupt.requested and left > 0
        self._table.finish(complete=left == 0)
        self._table.held.check()
        write_failed(self._table.folder, self._failures)
        if self._trained:
            provenance.end(seconds, self._trained, self._updates, _kernel_facts(specials, self._options.card))
        if left:
            what = "interrupted; " if interrupted else ""
            self._progress.message(f"{what}{counted(left, 'run')} {_are(left)} left: resume with the same command")
        reasons = tuple(dict.fromkeys(self._failures.values()))
        return SessionResult(
            table=self._table.path,
            axes=self._axes(),
            planned=self._planned,
            trained=self._trained,
            failed=len(self._failures),
            left=left,
            seconds=seconds,
            reasons=reasons,
            interrupted=interrupted,
        )

    def _train(self, trainer: Trainer, done: NDArray[np.bool_], n: int) -> float:
        """Train, taking every result as it comes; returns the seconds it took."""
        self._progress.start(n, work_left(self._plan, done))
        began = time.monotonic()
        for left_out, threads in self._turns(done):
            self._train_turn(trainer, left_out, threads)
        self._progress.stop()
        return time.monotonic() - began

    def _train_turn(self, trainer: Trainer, done: NDArray[np.bool_], threads: int) -> None:
        """Train the runs that are not done."""
        results = trainer(self._plan, done, threads, notify=self._progress.message, stop=self._stop)
        with contextlib.closing(results):
            for result in results:
                if result.error is None:
                    if result.part is None:
                        self._table.add(result)
                    else:
                        self._table.take(result.runs, result.part)
                    self._trained += len(result.runs)
                    self._updates += result.updates
                    self._progress.advance(len(result.runs), result.updates)
                else:
                    ids = self._table.identities(np.sort(result.runs))
                    self._failures.update(dict.fromkeys(ids.tolist(), result.error))
                    self._progress.advance(0, result.updates)

    def _turns(self, done: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.bool_], int]]:
        """What is left out in each turn, and its threads: what an earlier process died of comes last."""
        later = done.copy()
        turns = list(in_turn(self._begun.suspects, self._size))
        for runs, _ in turns:
            later[runs] = True
        if n := int(np.count_nonzero(later != done)):
            died = f"an earlier start died while it trained {counted(n, 'run')}"
            self._progress.message(f"{died}: {_they_are(n)} trained last")
        if not later.all():
            yield later, self._threads
        for runs, alone in turns:
            others = np.ones_like(done)
            others[runs] = done[runs]
            if not others.all() and not self._interrupt.requested:
                yield others, 1 if alone else self._threads

    def _size(self, run: int) -> int:
        """Weights and biases of a run's network."""
        cell = self._plan.cell(run // len(self._plan.seeds))
        return parameter_count(cell.architecture, "trained", cell.shortcuts)

    def _give_up(self, done: NDArray[np.bool_]) -> None:
        """Runs while whose training process after process has died have failed, and are left out until asked for."""
        given_up = {}
        for each in self._begun.suspects if not self._options.retry_failed else ():
            if each.deaths >= MOST_DEATHS and len(runs := each.runs[~done[each.runs]]):
                given_up.update(dict.fromkeys(self._table.identities(runs).tolist(), REASON))
                done[runs] = True
        self._begun.suspects = [each for each in self._begun.suspects if not done[each.runs].all()]
        if given_up:
            self._failures.update(given_up)
            # At once, for the notes no longer know of them.
            write_failed(self._table.folder, self._failures)
            self._progress.message(f"{counted(len(given_up), 'run')} {_are(len(given_up))} given up: {REASON}")

    def _stop(self) -> bool:
        """Whether training is to end; it ends with an error when somebody has taken the files away."""
        self._table.watch()
        return self._interrupt.requested

    def _failed_before(self, done: NDArray[np.bool_]) -> list[int]:
        """Runs that are not to be tried because they failed at an earlier start."""
        before = failed_before(self._table.folder, self._table.find, done)
        if self._options.retry_failed:
            return []
        self._failures = dict(before.values())
        if n := len(before):
            self._progress.message(
                f"{counted(n, 'run')} failed before and {_are(n)} left out ({FAILED}): "
                f"--retry-failed tries {'it' if n == 1 else 'them'} again"
            )
        return list(before)

    def _tell(self, n_done: int) -> None:
        """Say what earlier starts have left."""
        n_runs = self._planned
        if n_done == n_runs:
            what = "the run is" if n_runs == 1 else f"all {n_runs:,} runs are"
            self._progress.message(f"{what} done already")
        elif n_done:
            self._progress.message(f"{n_done:,} of {n_runs:,} runs {_are(n_done)} done already")
        if lost := self._table.n_lost:
            self._progress.message(
                f"{counted(lost, 'row')} of parts that are not in {PARTS} any more: "
                f"{'its run is' if lost == 1 else 'their runs are'} trained again"
            )
        if bare := self._table.n_bare:
            # That of the others is told below.
            aside = " (older ones are kept as *.1, *.2, ...)" if self._table.n_returned else ""
            back = f", {self._table.n_returned:,} of them back from {ORPHANS}" if self._table.n_returned else ""
            self._progress.message(
                f"{counted(bare, 'row')} {_are(bare)} there{back}, but without what the study records{aside}: "
                f"{'its run is' if bare == 1 else 'their runs are'} trained again for it"
            )
        if torn := self._table.n_torn_curves:
            has, it_is = ("has", "it is") if torn == 1 else ("have", "they are")
            self._progress.message(
                f"{counted(torn, 'curve')} in {CURVES} {has} other points than the study asks for: "
                f"{it_is} trained again, and the old file is kept aside"
            )
        if orphans := self._table.n_orphans:
            moved = f"{'it moves' if orphans == 1 else 'they move'} to {ORPHANS}"
            self._progress.message(f"{counted(orphans, 'row')} {_are(orphans)} no longer in the study: {moved}")

    def _facts(self) -> dict[str, Any]:
        """What is recorded of the study and of this start, beside machine and versions."""
        study = self._plan.study
        return {
            "study": {
                "name": study.name,
                "file": str(study.path),
                "folder": str(study.folder.resolve()),
                "beside_results": os.path.relpath(study.folder.resolve(), self._table.folder.resolve()),
                "overrides": list(study.overrides),
            },
            "axes": list(self._axes()),
            "runs": self._planned,
            "pieces": self._plan.own_pieces,
            "shard": str(self._options.shard) if self._options.shard else None,
            "store": self._options.store,
            "record": {"curves": study.record.curves, "weights": study.record.weights},
            "threads": self._threads,
        }

    def _axes(self) -> tuple[str, ...]:
        """The swept keys; `init[3]` is one of the numbers in the column `init`."""
        return tuple(str(key) for key, *_ in self._plan.axes)
