"""How fast this machine trains, as earlier starts have measured it, and from this how long a plan will take.

Every start measures two speeds and keeps them, by the model of the processor, in a small file beside the compiled
kernels: the multiply-adds per second of one thread, for each kernel, and the runs per second that the main thread packs
and writes. The file serves estimates and nothing else. When it cannot be read or written, the speeds are unknown.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runner.machine import cache_folder, processor
from runner.studies.schedule import spread
from runner.training.blocks.arguments import Shared, make_shared, shared_key

if TYPE_CHECKING:
    from runner.studies.plan import Plan

_FILE = "speed.json"
_SPEED, _SECONDS = "per_second", "seconds"
# Beside the kernels: what is done for every run besides its training.
_RUNS = "runs"
# Earlier measurements count for at most so many seconds, so that later ones can change them.
_REMEMBERED = 30.0
USUAL = 1e10
"""Multiply-adds per second of one thread on a common processor: half of what one with vectors of 64 bytes does."""
_USUAL_RUNS = 5e4  # per second
# No processor is as fast; a file may say more, or infinity.
_FASTEST = 1e18
# Trajectories from which the work of a large plan is estimated, and how many are looked at to find so many that have
# runs to be trained.
_SAMPLED, _SEEN = 2000, 200_000


class SpeedMeter:
    """Adds up what the threads of one start do, and keeps it when the start ends."""

    def __init__(self) -> None:
        self._measured: dict[str, list[float]] = {}

    def add_block(self, kernel: str, multiply_adds: float, seconds: float) -> None:
        """Count a block that a thread has trained in so many seconds of its own processor time."""
        self._add(kernel, multiply_adds, seconds)

    def add_runs(self, n: int, seconds: float) -> None:
        """Count runs that the main thread has packed and written in so many seconds of its own processor time."""
        self._add(_RUNS, n, seconds)

    def save(self) -> None:
        """Add what was measured to what is known of this machine."""
        known = _read()
        speeds = known.setdefault(processor(), {})
        for name, (amount, seconds) in self._measured.items():
            speed, before = speeds.get(name, (0.0, 0.0))
            before = min(before, _REMEMBERED)
            speeds[name] = ((speed * before + amount) / (before + seconds), before + seconds)
        if self._measured:
            _write(known)

    def _add(self, name: str, amount: float, seconds: float) -> None:
        if amount > 0 and seconds > 0:
            total = self._measured.setdefault(name, [0.0, 0.0])
            total[0] += amount
            total[1] += seconds


@dataclass(frozen=True)
class Cost:
    """What a start costs, in seconds of one core.

    Attributes
    ----------
    training : float
        Of all workers together.
    writing : float
        Of the one that packs runs and writes rows: no number of workers makes a start shorter.
    """

    training: float
    writing: float

    @property
    def core_seconds(self) -> float:
        """All of it."""
        return self.training + self.writing

    def seconds(self, cores: int) -> float:
        """How long it takes with so many cores."""
        return max(self.core_seconds / cores, self.writing)


def estimated_cost(plan: Plan, missing: NDArray[np.bool_], otherwise: float | None = None) -> Cost | None:
    """What a start will cost, at the speed of this machine.

    Parameters
    ----------
    plan : Plan
    missing : bool array (n_runs,)
        Runs to be trained.
    otherwise : float, optional
        Multiply-adds per second of one thread that are assumed of a kernel whose speed is unknown.

    Returns
    -------
    Cost or None
        If no run stops before the end of its budget; None when a speed is unknown and none is assumed.
    """
    speeds = {name: speed for name, (speed, _) in _read().get(processor(), {}).items()}
    work = _work(plan, missing)
    if otherwise is not None:
        speeds = dict.fromkeys(work, otherwise) | {_RUNS: _USUAL_RUNS} | speeds
    if not work.keys() | {_RUNS} <= speeds.keys():
        return None
    writing = float(np.count_nonzero(missing)) / speeds[_RUNS]
    training = sum(multiply_adds / speeds[kernel] for kernel, multiply_adds in work.items())
    return Cost(training, writing)


def _work(plan: Plan, missing: NDArray[np.bool_]) -> dict[str, float]:
    """Multiply-adds by kernel, as they will be measured: in whole groups of lanes."""
    by_cell = missing.reshape(plan.n_cells, len(plan.seeds))
    schedule = plan.schedule()
    cell_wants = np.any(by_cell, axis=1)
    # What runs share, by its key; and of the runs that train side by side: how many, and their updates in all.
    shared: dict[tuple[Any, ...], Shared] = {}
    together: dict[tuple[Any, ...], list[float]] = {}
    n_seen = n_sampled = 0
    for (k,) in islice(spread(len(schedule)), _SEEN):
        n_seen += 1
        numbers = schedule[k]
        if not any(cell_wants[i] for i in numbers):
            continue
        cells, wanted = [plan.cell(i) for i in numbers], by_cell[list(numbers)]
        key = shared_key(cells[0])
        if key not in shared:
            shared[key] = make_shared(cells[0], plan.members)
        budgets = tuple(cell.budget for cell in cells)
        total = together.setdefault((key, budgets), [0, 0.0])
        total[0] += int(wanted.any(axis=0).sum())
        total[1] += float((wanted * np.array(budgets, np.float64)[:, None]).max(axis=0).sum())
        n_sampled += 1
        if n_sampled == _SAMPLED:
            break
    work: dict[str, float] = {}
    for (key, _), (n_runs, updates) in together.items():
        lanes = int(shared[key].width.lanes.n)
        scaled = n_runs * len(schedule) / n_seen
        filled = -(-scaled // lanes) * lanes
        multiply_adds = filled * updates / n_runs * shared[key].lane_work_per_update
        work[shared[key].kernel] = work.get(shared[key].kernel, 0.0) + multiply_adds
    return work


Speeds = dict[str, tuple[float, float]]


def _path() -> Path:
    return cache_folder() / _FILE


def _read() -> dict[str, Speeds]:
    """Speeds, and the seconds that each was measured for, by processor: as far as they are what they should be."""
    try:
        content = json.loads(_path().read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return {name: dict(_sound(speeds)) for name, speeds in content.items()} if isinstance(content, dict) else {}


def _sound(speeds: object) -> Iterator[tuple[str, tuple[float, float]]]:
    """The entries of a processor that are a speed and its seconds: somebody may have edited the file."""
    for name, entry in speeds.items() if isinstance(speeds, Mapping) else ():
        speed, seconds = (entry.get(part) if isinstance(entry, Mapping) else None for part in (_SPEED, _SECONDS))
        if isinstance(speed, int | float) and isinstance(seconds, int | float) and min(speed, seconds) > 0:
            yield name, (min(speed, _FASTEST), seconds)


def _write(known: Mapping[str, Speeds]) -> None:
    """Replace the file in one step; of two runners that do so at a time, the measurement of one is lost."""
    content = {
        model: {name: {_SPEED: speed, _SECONDS: seconds} for name, (speed, seconds) in speeds.items()}
        for model, speeds in known.items()
    }
    path = _path()
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=_FILE, dir=path.parent)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(json.dumps(content, indent=2) + "\n")
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
