"""Training on the workers of a Dask cluster, in the place of threads of this process.

Workers get the study once and then ranges of runs, each some seconds of work, and give back what the engine gives;
this process alone writes (in `runner.cluster.part_engine` workers do). So the folder of results, an interruption and a
resumption are those of a study on one machine. Dask brings the rest: SSH, SLURM, PBS and Kubernetes through their
deployments, workers that come and go, and that the work of a lost worker is done by another.
"""

from __future__ import annotations

import contextlib
import hashlib
import queue
import time
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from runner.cluster.connection import connected
from runner.cluster.tasks import Answer, Errand, hand_out, refuse_other_versions, train_task, versions
from runner.errors import Refused, RunnerError
from runner.keys.architecture import parameter_count
from runner.measurements import MEASUREMENTS
from runner.ops.own import source_of
from runner.terminal import counted
from runner.training.blocks.arguments import Shared, make_shared, shared_key
from runner.training.blocks.packing import Turn, turns_of
from runner.training.engine import Result

if TYPE_CHECKING:
    from distributed import Client, Future

    from runner.studies.plan import Plan

# Seconds that a task should take: a worker that is lost costs so much, and asking for the next one does not count.
_TASK_SECONDS = 2.0
# Multiply-adds per second, until the first tasks have been measured: rather too few, so that these are short.
_FIRST_RATE = 3e8
# Of a task's results; so much memory, times tasks in flight, is needed here.
_MOST_ROWS = 50_000
_MOST_BYTES = 1 << 26
# Tasks in flight for each thread of the workers: one is trained while the next one is there already.
_AHEAD = 2
# Runs that every kernel can train side by side.
_LANES = 64
# How long this process waits for a scheduler that has gone, or for the first worker.
_PATIENCE = 60.0
_POLL = 0.5


def threads_at(address: str) -> int:
    """How many threads the workers of a cluster have at present, all together; `local` means those of this machine."""
    with connected(address) as client:
        return DaskTrainer(client).threads()


class AnyTask(Protocol):
    """What a worker does at a time."""

    @property
    def call(self) -> tuple[Any, ...]: ...

    def lost(self, reason: str) -> Any: ...


T = TypeVar("T", bound=AnyTask)


class DaskTrainer:
    """Trains the runs of a plan on the workers of a cluster.

    Parameters
    ----------
    client : distributed.Client
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._finished: queue.SimpleQueue[Future] = queue.SimpleQueue()

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
        errand = self.prepare(plan, notify, stop)
        tasks = _Tasks(plan, done)
        for task, answer in self.work(errand, tasks.next, notify, stop):
            tasks.learn(task, answer.seconds)
            yield from answer.results

    def prepare(self, plan: Plan, notify: Callable[[str], None], stop: Callable[[], bool]) -> Errand:
        """Wait for workers, see that they are of the same versions, and say what they need of a plan."""
        here = versions()
        self._await_workers(notify, stop)
        self._compare_versions(here)
        pieces = plan.own_pieces
        files = tuple(file for digest in dict.fromkeys(pieces.values()) if (file := source_of(digest)) is not None)
        return Errand(_token(plan), plan.study, plan.all_data_sets(), here, pieces, files)

    def work(
        self,
        errand: object,
        next_task: Callable[[], T | None],
        notify: Callable[[str], None],
        stop: Callable[[], bool],
        *,
        give_up: bool = False,
    ) -> Generator[tuple[T, Any]]:
        """Have tasks done by the workers, some at a time.

        Parameters
        ----------
        errand : object
            What every task needs; it goes to each worker once.
        next_task : callable
            None once there are no more.
        notify, stop : callable
            Those of the trainer.
        give_up : bool
            Whether tasks that are not finished are given up when training is to end.

        Yields
        ------
        task
            As they end, in any order.
        answer
            What it has given.
        """
        send = partial(self._client.submit, hand_out, errand, pure=False)
        sent = send()
        in_flight: dict[Future, T] = {}
        # The scheduler is asked for its workers now and then: not for each task, as there may be thousands of either.
        n_threads, look = 0, 0.0
        try:
            while True:
                if time.monotonic() >= look:
                    workers, look = self._workers(), time.monotonic() + _POLL
                    if _threads(workers) != n_threads:
                        n_threads = _threads(workers)
                        notify(f"{counted(n_threads, 'thread')} on {counted(len(workers), 'worker')}")
                while len(in_flight) < _AHEAD * max(n_threads, 1) and not stop():
                    task = next_task()
                    if task is None:
                        break
                    self._submit(in_flight, sent, task)
                if not in_flight or (give_up and stop()):
                    return
                future = self._next_finished()
                if future is None:
                    if self._client.status != "running":
                        self._await_scheduler(notify)
                        sent = send()
                        lost, in_flight = list(in_flight.values()), {}
                        for task in lost:
                            self._submit(in_flight, sent, task)
                    continue
                task = in_flight.pop(future, None)
                if task is None:  # of a connection that was lost: it was sent again
                    continue
                answer = self._answer(future, task)
                if answer is None:
                    if sent.status == "cancelled":
                        sent = send()
                    self._submit(in_flight, sent, task)
                    continue
                yield task, answer
        finally:
            with contextlib.suppress(Exception):
                self._client.cancel(list(in_flight))

    def on_workers(self, function: Callable[..., str], *arguments: object) -> dict[str, str]:
        """What a function returns on each worker, by its address."""
        found: dict[str, str] = self._client.run(function, *arguments)
        return found

    def _submit(self, in_flight: dict[Future, T], errand: Future, task: T) -> None:
        function, *arguments = task.call
        future = self._client.submit(function, errand, *arguments, pure=False)
        in_flight[future] = task
        future.add_done_callback(self._finished.put)

    def _next_finished(self) -> Future | None:
        """A task that has ended; None when none does for a while."""
        try:
            return self._finished.get(timeout=_POLL)
        except queue.Empty:
            return None

    def _answer(self, future: Future, task: AnyTask) -> Any:
        """What a task has given; None when it was lost and is to be sent again."""
        from distributed import CancelledError, KilledWorker

        try:
            return future.result()
        except CancelledError:
            return None
        except KilledWorker as error:
            died = f"the workers that trained it died, the last one {error.last_worker.address}"
            return task.lost(f"KilledWorker: {died} (memory?)")
        except RunnerError:
            raise
        except Exception as error:
            raise RunnerError(f"a worker cannot train: {type(error).__name__}: {error}") from error
        finally:
            future.release()

    def _workers(self) -> dict[str, Any]:
        workers: dict[str, Any] = self._client.scheduler_info(n_workers=-1)["workers"]
        return workers

    def threads(self) -> int:
        """Of all workers together."""
        return _threads(self._workers())

    def _await_workers(self, notify: Callable[[str], None], stop: Callable[[], bool]) -> None:
        """Wait for the first worker."""
        began, told = time.monotonic(), False
        while not self._workers() and not stop():
            if not told:
                notify(f"waiting for workers at {self._client.scheduler_info()['address']}")
                told = True
            if time.monotonic() - began > _PATIENCE:
                raise RunnerError(f"no worker has come within {_PATIENCE:.0f} seconds")
            time.sleep(_POLL)

    def _await_scheduler(self, notify: Callable[[str], None]) -> None:
        """Wait for a scheduler that does not answer any more."""
        notify("the scheduler has gone; waiting for it")
        began = time.monotonic()
        while self._client.status != "running":
            if self._client.status == "closed" or time.monotonic() - began > _PATIENCE:
                raise RunnerError("the scheduler has gone; all finished rows are kept: run the same command again")
            time.sleep(_POLL)

    def _compare_versions(self, here: dict[str, str]) -> None:
        """Refuse workers that may give other bytes, before anything is trained."""
        try:
            found = self._client.run(versions)
        except Exception as error:
            raise Refused(f"a worker lacks what the runner needs: {type(error).__name__}: {error}") from error
        for address, there in found.items():
            refuse_other_versions(here, there, f"the worker {address}")


def _threads(workers: dict[str, Any]) -> int:
    return sum(worker["nthreads"] for worker in workers.values())


def _token(plan: Plan) -> str:
    """By which a worker knows a plan again."""
    facts = plan.study.text, plan.study.overrides, str(plan.study.folder), time.time_ns()
    return hashlib.sha256(repr(facts).encode()).hexdigest()


class _Task:
    """Some runs that are trained by one worker, one after the other."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.turns: list[Turn] = []
        self.work = self.n_bytes = 0.0
        self.n_runs = 0

    @property
    def call(self) -> tuple[Any, ...]:
        """What a worker is to call, and with what after the errand."""
        return train_task, self.turns

    def lost(self, reason: str) -> Answer:
        """What stands for the answer when workers have died of it."""
        return Answer([self.failed(reason)], 0.0)

    def failed(self, reason: str) -> Result:
        """None of the runs could be trained."""
        n_seeds = len(self._plan.seeds)
        runs = []
        for turn in self.turns:
            places = np.arange(*turn.places.indices(n_seeds))
            numbers = turn.cells[:, :, None] * n_seeds + places
            runs.append(numbers[turn.wanted] if turn.wanted is not None else numbers.ravel())
        return Result(np.concatenate(runs), np.empty((0, 0)), None, None, 0, error=reason)


class _Tasks:
    """Cuts what is to be trained into tasks of some seconds each, by the speed at which earlier ones were trained."""

    def __init__(self, plan: Plan, done: NDArray[np.bool_]) -> None:
        self._plan = plan
        self._shared: dict[tuple[Any, ...], Shared] = {}
        self._rate = _FIRST_RATE
        self._turns = (part for turn in turns_of(plan, done) for part in self._parts(turn))

    def next(self) -> _Task | None:
        """The next task; None when nothing is left."""
        task = _Task(self._plan)
        for turn in self._turns:
            self._add(task, turn)
            enough = task.work >= _TASK_SECONDS * self._rate
            if enough or task.n_runs >= _MOST_ROWS or task.n_bytes >= _MOST_BYTES:
                break
        return task if task.turns else None

    def learn(self, task: _Task, seconds: float) -> None:
        """Take note of how long a task took."""
        if seconds > 0:
            # Runs may stop early, so the rate of these tasks says most about the next ones.
            self._rate = max(0.7 * self._rate + 0.3 * task.work / seconds, _FIRST_RATE)

    def _parts(self, turn: Turn) -> Iterator[Turn]:
        """A turn in parts that are no longer than a task, and whole multiples of a kernel's lanes."""
        for k, cells in enumerate(turn.cells):
            first, last = turn.places.start, turn.places.stop
            while first < last:
                fitting = int(_TASK_SECONDS * self._rate / self._work(cells[-1])) // _LANES * _LANES
                end = min(first + max(fitting, _LANES), last)
                part = slice(first - turn.places.start, end - turn.places.start)
                wanted = None if turn.wanted is None else turn.wanted[k : k + 1, :, part]
                if wanted is None or wanted.any():
                    yield Turn(cells[None], slice(first, end), wanted)
                first = end

    def _work(self, number: int) -> float:
        """Multiply-adds of one seed of a cell."""
        cell = self._plan.cell(int(number))
        key = shared_key(cell)
        if key not in self._shared:
            self._shared[key] = make_shared(cell, self._plan.members)
        return max(float(cell.budget) * self._shared[key].work_per_update, 1.0)

    def _add(self, task: _Task, turn: Turn) -> None:
        last = int(turn.cells[0, -1])
        cell, record = self._plan.cell(last), self._plan.study.record
        per_run = 8.0 * (len(MEASUREMENTS) + 2) + 24 * (record.curves or 0)
        if record.weights:
            per_run += 16 * parameter_count(cell.architecture, cell.bias, cell.shortcuts)
        seeds = turn.places.stop - turn.places.start
        task.turns.append(turn)
        task.work += self._work(last) * seeds
        task.n_runs += seeds * len(turn.cells)
        task.n_bytes += seeds * len(turn.cells) * per_run
