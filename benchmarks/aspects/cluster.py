"""What a cluster reaches: the process that writes is measured, workers are simulated with a clock of their own."""

from __future__ import annotations

import heapq
import pickle
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.aspects import Fact
from benchmarks.aspects.training import plan_of
from benchmarks.order import Order
from runner.cluster.tasks import Answer
from runner.measurements import MEASUREMENTS, RESULTS_VERSION
from runner.results.columns import standard_header
from runner.results.sidecars import Recording
from runner.results.table import Table
from runner.training.engine import Result

# As those of runner.cluster.dask_engine.
_TASK_SECONDS, _MOST_ROWS, _AHEAD = 2.0, 50_000, 2
# Of the scheduler and the network, for each task; the client does nothing else meanwhile.
_TASK_OVERHEAD = 2e-3


@dataclass(frozen=True)
class Cluster:
    """A cluster whose workers only let time pass.

    Attributes
    ----------
    workers : int
        Of one thread each.
    run_seconds : float
        That a worker takes for a run.
    row_seconds : float
        That the client takes for a row.
    """

    workers: int
    run_seconds: float
    row_seconds: float

    def rows_per_second(self, tasks_of_each: int = 20) -> float:
        """What reaches the table, by a simulation of every task of every worker.

        Each worker has one task that it trains and one that waits; the client takes one answer after the other, and
        sends a new task for each.
        """
        rows = int(min(max(_TASK_SECONDS / self.run_seconds, 1), _MOST_ROWS))
        training, taking = rows * self.run_seconds, rows * self.row_seconds + _TASK_OVERHEAD
        # When the tasks that wait at a worker have come there.
        sent = [deque([0.0] * (_AHEAD - 1)) for _ in range(self.workers)]
        # Workers do not begin at the same moment, once they have been at work for a while.
        ends = [(training * (1 + at / self.workers), at) for at in range(self.workers)]
        heapq.heapify(ends)
        client, n = 0.0, tasks_of_each * self.workers
        for _ in range(n):
            end, worker = heapq.heappop(ends)
            client = max(client, end) + taking
            sent[worker].append(client)
            heapq.heappush(ends, (max(end, sent[worker].popleft()) + training, worker))
        return n * rows / (client - training)


def client_cost(n: int) -> tuple[float, float]:
    """Seconds of the processor that the client takes for a row, and bytes of a row as it comes from a worker."""
    plan = plan_of("xor", f"replicates={n}")
    rng = np.random.default_rng(0)
    results = []
    for runs in np.array_split(np.arange(min(n, plan.n_runs)), max(n // 8000, 1)):
        records = rng.random((len(runs), 1 + len(MEASUREMENTS)))
        records[:, 0] = 0
        results.append(Result(runs, records, None, None, 0))
    sent = [pickle.dumps(Answer([result], 1.0), protocol=5) for result in results]
    with tempfile.TemporaryDirectory() as folder:
        table = Table(Path(folder), plan, Recording(), RESULTS_VERSION, standard_header())
        try:
            # The first rows wait for the kernel that writes them.
            began = 0.0
            for number, data in enumerate(sent):
                if number == len(sent) // 4:
                    began = time.process_time()
                for result in pickle.loads(data).results:
                    table.add(result)
            seconds = time.process_time() - began
        finally:
            table.close()
    rows = sum(len(result.runs) for result in results[len(sent) // 4 :])
    return seconds / rows, sum(map(len, sent)) / sum(len(result.runs) for result in results)


def measure(order: Order) -> Iterator[Fact]:
    """The client, and from it clusters of 10, 100 and 1,000 workers."""
    row_seconds, row_bytes = client_cost(20_000 if order.quick else 200_000)
    yield Fact("cluster", "rows that the client writes", f"{1 / row_seconds:,.0f} a second of its core")
    yield Fact("cluster", "bytes of a row from a worker", f"{row_bytes:.0f}")
    for run_seconds in (1e-4, 1e-3, 1e-2):
        reached = []
        for workers in (10, 100, 1000):
            rows = Cluster(workers, run_seconds, row_seconds).rows_per_second()
            reached.append(f"{workers:,}: {rows:,.0f} ({rows * run_seconds / workers:.0%} at work)")
        yield Fact("cluster", f"runs of {1000 * run_seconds:g} ms, rows a second by workers", "; ".join(reached))
