"""What a start of a study would do: axes, runs, what is there already, what it costs. Nothing is written."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runner.keys.architecture import parameter_count
from runner.machine import cores
from runner.results.columns import Header, standard_header
from runner.results.failed import failed_before
from runner.results.files import TABLE, results_folder
from runner.results.inventory import NO_PLACE, Inventory, take_inventory
from runner.results.provenance import check_version, read_environment
from runner.results.row_text import RowText
from runner.results.sidecars import Sidecars
from runner.studies.plan_text import plan_lines
from runner.terminal import counted, duration, size
from runner.training.session import recording_of, work_left
from runner.training.speed import Cost, estimated_cost

if TYPE_CHECKING:
    from runner.studies.plan import Plan
    from runner.studies.shard import Shard


# Runs by which the size of a row is estimated.
_SAMPLES = 64
_POINT_BYTES = 60  # of a row of curves.csv: the identity, an epoch and two numbers
# Seconds of training from which a study's own speed is taken.
_LONG_ENOUGH = 1.0


@dataclass(frozen=True)
class Preview:
    """A plan in numbers.

    Attributes
    ----------
    name : str
        Of the study.
    axes : dict of str to (int or list of str)
        Values of every swept key, or how many when they are not listed.
    cells, replicates, runs : int
        Runs are cells times replicates, or those of one part.
    shard : str or None
        Which part of the study this is, such as 2/3.
    left_out : str
        What there is to say of cells that are left out because a fault does not fit their architecture; mostly nothing.
    trajectories, updates : int
        Networks that are really trained, and their changes of weights: a network serves all budgets.
    new, kept, orphaned, failed : int
        Runs to be trained, runs that are done, rows that the study no longer has, and runs that failed at an earlier
        start and are left out.
    disk_bytes : int
        Estimate, for all files.
    seconds : float or None
        Estimate for the new runs; None when no speed is known.
    core_seconds : float or None
        What that is on one core of this machine.
    threads : int
        On which that is.
    cluster : str or None
        The scheduler, where these are the threads of its workers.
    speed : {"last start", "machine"} or None
        What the estimate is from: the last start of the same study, or what other starts have measured on this machine.
    may_stop : bool
        Whether runs may stop before the end of their budget, and take less than the machine's speed tells.
    results : str
        The table.
    """

    name: str
    axes: dict[str, Any]
    cells: int
    replicates: int
    runs: int
    shard: str | None
    left_out: str
    trajectories: int
    updates: int
    new: int
    kept: int
    orphaned: int
    failed: int
    disk_bytes: int
    seconds: float | None
    core_seconds: float | None
    threads: int
    cluster: str | None
    speed: str | None
    may_stop: bool
    results: str

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def preview(
    plan: Plan,
    out: Path,
    *,
    threads: int | None = None,
    fresh: bool = False,
    retry_failed: bool = False,
    shard: Shard | None = None,
    cluster: tuple[str, int] | None = None,
) -> Preview:
    """Look at what a start would do.

    Parameters
    ----------
    plan : Plan
        The runs.
    out : Path
        Folder of all results.
    threads : int, optional
        Default all cores.
    fresh : bool
        As if there were no results yet.
    retry_failed : bool
        As if no run had failed yet.
    shard : Shard, optional
        Only this part of the study.
    cluster : pair of str and int, optional
        The scheduler of a cluster, and how many threads its workers have.
    """
    from runner.measurements import RESULTS_VERSION

    header = standard_header()
    folder = results_folder(out, shard.folder(plan.study.name) if shard else plan.study.name)
    seen = folder / "nothing" if fresh else folder
    check_version(seen, seen / TABLE, RESULTS_VERSION)
    state = take_inventory(seen, plan, RESULTS_VERSION, header)
    done = (state.place != NO_PLACE) & Sidecars(seen, plan, state, recording_of(plan)).complete
    runs, updates, trajectories = plan.n_runs, plan.n_updates, plan.n_trajectories
    if shard:
        mine = shard.runs(plan)
        runs, updates = int(np.count_nonzero(mine)), work_left(plan, ~mine)
        trajectories = sum(int(mine.reshape(plan.n_cells, -1)[cells[0]].sum()) for cells in plan.schedule())
        done[~mine] = False
    n_kept = int(np.count_nonzero(done))
    failed = [] if retry_failed else list(failed_before(seen, state.index.find, done))
    done[failed] = True
    threads = cluster[1] if cluster else threads or cores()
    cost, speed = _cost(plan, done | ~mine if shard else done, folder)
    at_once = max(threads, 1) if cluster else min(threads, cores())
    return Preview(
        name=plan.study.name,
        axes=plan.listed_axes(),
        cells=plan.n_cells,
        replicates=len(plan.seeds),
        runs=runs,
        shard=str(shard) if shard else None,
        left_out=plan.left_out,
        trajectories=trajectories,
        updates=updates,
        new=runs - n_kept - len(failed),
        kept=n_kept,
        orphaned=state.n_orphans,
        failed=len(failed),
        disk_bytes=_disk_bytes(plan, header, state, runs),
        seconds=cost.seconds(at_once) if cost else None,
        core_seconds=cost.core_seconds if cost else None,
        threads=threads,
        cluster=cluster[0] if cluster else None,
        speed=speed,
        may_stop=_may_stop(plan),
        results=str(folder / TABLE),
    )


def _cost(plan: Plan, done: NDArray[np.bool_], folder: Path) -> tuple[Cost | None, str | None]:
    """What the runs that are not done will cost, and from which speed this is known."""
    before = read_environment(folder)
    timings, threads_before = before.get("timings") or {}, before.get("threads")
    if timings.get("updates") and timings["seconds"] >= _LONG_ENOUGH and isinstance(threads_before, int):
        # How often its runs stop, and what is recorded of them, the same study knows best.
        per_update = timings["seconds"] / timings["updates"] * min(max(threads_before, 1), cores())
        return Cost(work_left(plan, done) * per_update, 0.0), "last start"
    cost = estimated_cost(plan, ~done)
    return cost, None if cost is None else "machine"


def _may_stop(plan: Plan) -> bool:
    """Whether the study has runs that stop at their criterion."""
    varied = any(key == "stop" for key, _ in plan.axes) or any("stop" in row for row in plan.study.sweep.include)
    return varied or (plan.n_cells > 0 and plan.cell(0).stop != "budget")


def _disk_bytes(plan: Plan, header: Header, state: Inventory, runs: int) -> int:
    """Size of all files, from the rows that are there or from some rows made up from the plan's own keys."""
    if not plan.n_runs:
        return len(header.line)
    samples = np.unique(np.linspace(0, plan.n_runs - 1, _SAMPLES).astype(np.int64))
    if len(state.table.rows.ids):
        row_bytes = (state.table.rows.end - len(header.line)) / len(state.table.rows.ids)
    else:
        records = np.random.default_rng(0).random((len(samples), 1 + len(header.measurements)))
        row_bytes = len(RowText(plan, header).rows(samples, records)[1]) / len(samples)
    record = plan.study.record
    row_bytes += (record.curves or 0) * _POINT_BYTES
    if record.weights:
        cells = [plan.cell(run // len(plan.seeds)) for run in samples.tolist()]
        counts = [parameter_count(cell.architecture, cell.bias, cell.shortcuts) for cell in cells]
        row_bytes += 64 + 16 * sum(counts) / len(cells)
    return round(len(header.line) + row_bytes * runs)


def describe(view: Preview) -> str:
    """The preview in words, a few short lines."""
    lines = plan_lines(view.name, view.cells, view.replicates, view.axes, view.updates, view.trajectories, view.runs)
    if view.shard:
        lines.insert(-1, f"part {view.shard}: {view.runs:,} of these runs")
    if view.left_out:
        lines.insert(-1, view.left_out)
    failed = f", {view.failed:,} failed before (--retry-failed tries them again)" if view.failed else ""
    lines.append(f"rows: {view.new:,} new, {view.kept:,} kept, {view.orphaned:,} orphaned{failed}")
    lines.append(f"disk: about {size(view.disk_bytes)}")
    if view.new and view.core_seconds is not None:
        # Three digits are more than an estimate has.
        cost = float(f"{view.core_seconds:.3g}")
        lines.append(f"cost: about {cost:,.{0 if cost >= 10 else 2}f} core-seconds")
    if view.new:
        lines.append(f"time: {_time(view)}")
    lines.append(f"results: {view.results}")
    return "\n".join(lines)


def _time(view: Preview) -> str:
    """How long it takes, in words."""
    if view.seconds is None:
        return "unknown until this machine has trained such networks; a start with --limit 100 measures it"
    long = f"{view.seconds:.2g} s" if view.seconds < 60 else duration(view.seconds)
    about = f"about {long}" if view.seconds >= 1 else "less than a second"
    on = f"{about} on {counted(view.threads, 'thread')}"
    if view.cluster:
        return f"{on} of {view.cluster}, if they are as fast as this machine"
    if view.speed == "last start":
        return f"{on}, at the speed of this study's last start"
    less = ", less where runs stop early" if view.may_stop else ""
    return f"{on}{less}, at the speed measured on this machine"
