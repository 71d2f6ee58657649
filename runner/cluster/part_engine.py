"""Running a study on a cluster, with workers that give their rows to this process, or write whole parts themselves.

Where workers write, this process checks what they have written and names it in the manifest, and rows do not pass
through it. What can not be written so (runs of parts of which something is there already) is trained as ever.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runner.cluster.dask_engine import DaskTrainer
from runner.cluster.part_tasks import (
    TOKEN,
    PartAnswer,
    PartErrand,
    Place,
    find_obstacle,
    refusal,
    train_part,
)
from runner.errors import Problem, Refused, StudyError
from runner.kernels.cache import fingerprint
from runner.results.columns import standard_header
from runner.results.files import io_errors, write_file
from runner.results.manifest import read_manifest
from runner.results.part_file import Form, key_kinds, need_pyarrow, pyarrow_version
from runner.results.staging import STAGED, discard, part_bounds
from runner.results.table import Writer
from runner.terminal import counted
from runner.training.engine import Result
from runner.training.session import Options, SessionResult, run_session, store_of

if TYPE_CHECKING:
    from distributed import Client

    from runner.studies.plan import Plan


def run_on(client: Client, plan: Plan, options: Options, writer: Writer = "client") -> SessionResult:
    """Run a study on a cluster.

    Parameters
    ----------
    client : distributed.Client
    plan : Plan
    options : Options
    writer : {"client", "workers"}
        Who writes the rows.

    Returns
    -------
    SessionResult
        As `runner.training.session.run_session` does.

    Raises
    ------
    StudyError
        When workers can not write the rows of such a study.
    """
    trainer: DaskTrainer = DaskTrainer(client)
    if writer == "workers":
        folder = options.folder(plan.study.name)
        _refuse_unfit(plan, options, folder)
        options = replace(options, store="parquet")
        trainer = PartTrainer(client, folder)
    return run_session(plan, replace(options, threads=trainer.threads() or None), trainer, kernels=fingerprint())


def _refuse_unfit(plan: Plan, options: Options, folder: Path) -> None:
    """Refuse a study whose rows workers can not write."""
    record = plan.study.record
    reason = ""
    if (options.store or store_of(folder)) != "parquet":
        reason = "needs --store parquet: workers write parts of such a table"
    elif options.shard is not None:
        reason = "and --shard are two ways to the same: leave one of them out"
    elif record.curves or record.weights:
        reason = f"writes rows only, and {plan.study.name} records curves or weights: leave it out"
    if reason:
        raise StudyError([Problem(f"--write workers {reason}")])
    need_pyarrow()


class PartTrainer(DaskTrainer):
    """Has the workers of a cluster train and write parts; runs of other parts are trained as by `DaskTrainer`.

    Parameters
    ----------
    client : distributed.Client
    folder : Path
        The folder of results, which all workers must see under the same path.
    """

    def __init__(self, client: Client, folder: Path) -> None:
        super().__init__(client)
        self._folder = folder

    def __call__(
        self,
        plan: Plan,
        done: NDArray[np.bool_],
        threads: int,
        *,
        notify: Callable[[str], None],
        stop: Callable[[], bool],
    ) -> Generator[Result]:
        """Take the place of `runner.training.engine.train`; `threads` is of no use here."""
        left_out = done.copy()
        parts = [
            _PartTask(number, bounds)
            for number, bounds in enumerate(part_bounds(len(plan.seeds), plan.n_runs))
            if not done[bounds[0][0] : bounds[-1][1]].any()
        ]
        if parts:
            notify(f"{counted(len(parts), 'part')} to be written by the workers")
            for task, answer in self._written(plan, iter(parts), notify, stop):
                if answer.staged is not None or answer.failed:
                    left_out[task.first : task.last] = True
                    yield from task.results(answer)
        n = int(np.count_nonzero(~left_out))
        if n and not stop():
            died = any(not left_out[task.first] for task in parts)
            of = "begun before, or that workers died of" if died else "begun before"
            notify(f"{counted(n, 'run')} of parts that were {of}: the rows come through this process")
            yield from super().__call__(plan, left_out, threads, notify=notify, stop=stop)

    def _written(
        self, plan: Plan, tasks: Iterator[_PartTask], notify: Callable[[str], None], stop: Callable[[], bool]
    ) -> Iterator[tuple[_PartTask, PartAnswer]]:
        """Parts as workers have written them."""
        form = Form(header := standard_header(), key_kinds(plan, header))
        old = read_manifest(self._folder)
        if old is not None and old.parts and dict(old.kinds) != form.all_kinds:
            raise Refused(
                f"the parts in {self._folder} keep their keys in another way than the study needs now: "
                "start it once without --write workers"
            )
        errand = self.prepare(plan, notify, stop)
        place = self._make_place()
        for worker, obstacle in self.on_workers(find_obstacle, place).items():
            if obstacle:
                discard(place.folder.parent)
                raise Refused(refusal(f"the worker {worker}", place, obstacle))
        yield from self.work(
            PartErrand(errand, place, dict(form.kinds)), lambda: next(tasks, None), notify, stop, give_up=True
        )

    def _make_place(self) -> Place:
        """A folder for the parts of this start alone: workers that an earlier one has left write into none."""
        word = os.urandom(8).hex()
        folder = self._folder.resolve() / STAGED / word
        with io_errors(folder, "create"):
            folder.mkdir(parents=True)
        write_file(folder / TOKEN, word.encode())
        return Place(folder, word, pyarrow_version())


@dataclass(frozen=True, eq=False)
class _PartTask:
    """A part that is trained and written by one worker."""

    number: int
    bounds: list[NDArray[np.int64]]

    @property
    def first(self) -> int:
        """Number of its first run."""
        return int(self.bounds[0][0])

    @property
    def last(self) -> int:
        """Number of the run behind its last one."""
        return int(self.bounds[-1][1])

    @property
    def call(self) -> tuple[Any, ...]:
        """What a worker is to call, and with what after the errand."""
        return train_part, self.number, self.bounds

    def lost(self, reason: str) -> PartAnswer:
        """Nothing: its runs are trained in small tasks, so that only those that workers die of have failed."""
        return PartAnswer(None, [], 0)

    def results(self, answer: PartAnswer) -> Iterator[Result]:
        """What a worker has given, as the session takes it."""
        runs, none = np.arange(self.first, self.last), np.empty((0, 0))
        for failed, reason in answer.failed:
            yield Result(failed, none, None, None, 0, error=reason)
            runs = np.setdiff1d(runs, failed)
        if answer.staged is not None:
            yield Result(runs, none, None, None, answer.updates, part=answer.staged)
