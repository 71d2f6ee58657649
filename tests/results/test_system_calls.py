"""Whatever happens at whatever system call: no finished row is lost, and the next start ends as an undisturbed one.

`python -m pytest tests/results/test_system_calls.py --faults 0 -s` tries every call of every scenario, and counts them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from support.fakes import HEADER, FakePlan, grid, train
from support.system_calls import FAULTS, Counted

from runner.results.failed import write_failed
from runner.results.lock import Lock
from runner.results.parts import PartRows
from runner.results.sidecars import Recording
from runner.results.table import Store, Table

ROWS_ONLY = Recording()
EVERYTHING = Recording(points=3, weights=True, epochs=lambda cell: (np.array([0, 1, 2.5]), False))
FULL = FakePlan(grid(), range(3))
SMALL = FakePlan(grid(epochs=(100,)), range(1, 4))


@dataclass(frozen=True)
class Start:
    """A start of a runner: what it is to train, and after how many blocks it is interrupted."""

    plan: FakePlan
    recording: Recording = EVERYTHING
    blocks: int = 10**6
    store: Store = "csv"

    def __call__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        with Lock(folder) as lock:
            table = Table(folder, self.plan, self.recording, 1, HEADER, lock.held, self.store)
            try:
                for i, result in enumerate(train(self.plan, table.done, np.random.default_rng(3))):
                    if i == self.blocks:
                        break
                    table.add(result)
                table.sync()
                table.finish(complete=bool(table.done.all()))
                write_failed(folder, {1: "a reason"} if self.blocks < 10**6 else {})
            finally:
                table.close()


# What was before, and the start in which something goes wrong.
SCENARIOS: dict[str, tuple[tuple[Start, ...], Start]] = {
    "rows": ((), Start(FULL, ROWS_ONLY)),
    "resumed": ((Start(FULL, ROWS_ONLY, 4),), Start(FULL, ROWS_ONLY)),
    "recorded": ((Start(FULL, EVERYTHING, 5),), Start(FULL)),
    "interrupted": ((Start(FULL, EVERYTHING, 3),), Start(FULL, EVERYTHING, 5)),
    "edited": ((Start(FULL),), Start(SMALL)),
    "edited back": ((Start(FULL), Start(SMALL)), Start(FULL)),
    "recorded later": ((Start(FULL, ROWS_ONLY),), Start(FULL)),
    "to parts": ((Start(FULL, ROWS_ONLY, 4),), Start(FULL, ROWS_ONLY, store="parquet")),
    "parts grown": ((Start(SMALL, store="parquet"),), Start(FULL, store="parquet")),
    "parts shrunk": ((Start(FULL, ROWS_ONLY, store="parquet"),), Start(SMALL, ROWS_ONLY, store="parquet")),
    "from parts": ((Start(FULL, ROWS_ONLY, store="parquet"),), Start(FULL, ROWS_ONLY)),
}


def rows_in(folder: Path) -> set[bytes]:
    """Complete rows in the table and among those set aside."""
    found: set[bytes] = set()
    for name in ("runs.csv", "orphans.csv"):
        if (folder / name).exists():
            found.update((folder / name).read_bytes().split(b"\n")[1:-1])
    parts = PartRows(folder)
    if len(parts):
        found.update(b"".join(parts.segments(np.arange(len(parts)))).split(b"\n")[:-1])
    return found


def results(folder: Path) -> dict[str, bytes]:
    names = ["runs.csv", "curves.csv", "weights.npz"]
    names += [str(path.relative_to(folder)) for path in sorted(folder.glob("runs/*"))]
    return {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}


def cases(wanted: int, folder: Path) -> Iterator[tuple[str, str, int]]:
    """Scenario, fault and number of the call: all of them, or a sample."""
    found = []
    for name, (before, start) in SCENARIOS.items():
        work = folder / name
        for earlier in before:
            earlier(work)
        shutil.copytree(work, folder / f"{name} before") if before else None
        with Counted()() as counted:
            start(work)
        to_its_end(start)(work)
        found += [(name, fault, at) for fault in FAULTS for at in range(counted.n)]
    if wanted:
        chosen = np.random.default_rng(11).choice(len(found), min(wanted, len(found)), replace=False)
        found = [found[i] for i in np.sort(chosen).tolist()]
    yield from found


def to_its_end(start: Start) -> Start:
    """The same start, to its end."""
    return Start(start.plan, start.recording, store=start.store)


def test_anything_at_any_system_call(
    tmp_path: Path, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.results.staging.GROUP_ROWS", 9)
    monkeypatch.setattr("runner.results.staging.GROUPS", 2)
    tried = 0
    for name, fault, at in cases(pytestconfig.getoption("--faults"), tmp_path):
        start = SCENARIOS[name][1]
        folder, before = tmp_path / "tried", tmp_path / f"{name} before"
        if before.exists():
            shutil.copytree(before, folder)
        kept = rows_in(folder)
        where = f"{name}, {fault}, call {at}"
        with Counted(fault, at)() as counted:
            start(folder)
        assert not counted.message or "cannot" in counted.message, where
        folder.mkdir(exist_ok=True)
        assert kept <= rows_in(folder), where
        kept = rows_in(folder)
        to_its_end(start)(folder)
        assert kept <= rows_in(folder), where
        assert results(folder) == results(tmp_path / name), where
        assert not [*folder.glob("*.tmp"), *folder.glob("runs.new")], where
        assert not (folder / "runner.lock").exists(), where
        shutil.rmtree(folder)
        tried += 1
    print(f"{tried} faults at system calls, each followed by the bytes of an undisturbed study")
    assert tried > 0
