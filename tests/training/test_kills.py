"""Runners killed at random moments, and what they leave: no row is lost, and the end is that of an undisturbed study.

`python -m pytest tests/training/test_kills.py --kills 2000 -s` kills more of them, and tells how many.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from runner.results.parts import PartRows

ROOT = Path(__file__).parents[2]
BLOCK_WORK = 3e5  # blocks so short that every study has some dozens
BASE: dict[str, Any] = {"data": "xor", "learning_rate": 0.5, "epochs": 40, "architecture": "2-2-1"}
GRID = {
    "architecture": ["2-2-1", "2-3-1", "2-5-1"],
    "learning_rate": [0.1, 1, 10, 1e300],
    "epochs": [40, 400, 900],
}
CSV = {"csv": 'ü, "x".csv', "inputs": ["a", "=b"], "targets": ["t"]}
STUDIES: dict[str, dict[str, Any]] = {
    "rows": {"sweep": {"grid": GRID}, "replicates": 70},
    "recorded": {"sweep": {"grid": GRID}, "replicates": 20, "record": {"curves": 12, "weights": True}},
    "stopping": {"sweep": {"grid": GRID}, "replicates": 40, "stop": "converged", "record": {"curves": 5}},
    "again": {
        "sweep": {
            "grid": {
                "restarts": ["none", {"after": 30}, {"after": 60, "max": 3}],
                "learning_rate_schedule": ["constant", "plateau(0.5, 5)"],
                "learning_rate": [1, 10],
                "epochs": [40, 900],
            }
        },
        "stop": "converged",
        "replicates": 12,
        "record": {"curves": 5, "weights": True},
    },
    "quoted": {"data": CSV, "sweep": {"grid": GRID}, "replicates": 40, "precision": "float32", "batch": 2},
    "edited": {"sweep": {"grid": GRID}, "replicates": 50},
    "parts": {"sweep": {"grid": GRID}, "replicates": 50, "record": {"curves": 5}},
}
# Those that are edited at times, and the store of those whose store is changed at times, too.
EDITED = ("edited", "parts")
STORES = {"parts": "parquet"}
# What `edited` is at times: fewer cells, other cells, more seeds.
EDITS = ["epochs=[40, 900]", "learning_rate=[0.1, 3]", "replicates=60", "replicates=10"]


@dataclass
class Nursery:
    """Starts runners; see nursery.py."""

    process: subprocess.Popen[str]
    answers: queue.Queue[str] = field(default_factory=queue.Queue)
    codes: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.answers.put(line)

    def start(self, *arguments: Any) -> int:
        """Process of a new runner."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(arguments) + "\n")
        self.process.stdin.flush()
        while len(words := self.answers.get(timeout=60).split()) == 2:
            self.codes[int(words[0])] = int(words[1])
        return int(words[0])

    def end(self, runner: int) -> int:
        """Exit code of a runner, minus the signal where one has killed it."""
        while runner not in self.codes:
            pid, code = self.answers.get(timeout=120).split()
            self.codes[int(pid)] = int(code)
        return self.codes.pop(runner)

    def run(self, *arguments: Any) -> int:
        """Start a runner and wait for it."""
        return self.end(self.start(*arguments))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all studies."""
    folder = tmp_path_factory.mktemp("kills")
    for name, keys in STUDIES.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(BASE | keys, sort_keys=False, allow_unicode=True))
    (folder / CSV["csv"]).write_text("a,=b,t\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n")
    return folder


@pytest.fixture(scope="module")
def nursery(place: Path) -> Iterator[Nursery]:
    """A nursery with both kernels loaded."""
    warm = [str(place / "rows.yaml"), str(place / "quoted.yaml")]
    command = [
        sys.executable,
        str(ROOT / "tests" / "support" / "nursery.py"),
        str(place / "log"),
        str(BLOCK_WORK),
        *warm,
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        made = Nursery(process)
        assert made.answers.get(timeout=300).startswith("ready ")
        yield made
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(scope="module")
def undisturbed(place: Path, nursery: Nursery) -> dict[str, dict[str, bytes]]:
    """The files of every study when nothing happens."""
    for name in STUDIES:
        assert nursery.run(str(place / f"{name}.yaml"), "-q", *store(name), "--out", str(place / "whole")) == 0
    return {name: results(place / "whole" / name) for name in STUDIES}


def store(name: str) -> list[str]:
    """The flag of a study that is kept in another store than usual."""
    return ["--store", STORES[name]] if name in STORES else []


def results(folder: Path) -> dict[str, bytes]:
    """What of a folder is the same at all times."""
    names = ("runs.csv", "curves.csv", "weights.npz")
    parts = [str(path.relative_to(folder)) for path in sorted(folder.glob("runs/*"))]
    return {name: (folder / name).read_bytes() for name in (*names, *parts) if (folder / name).exists()}


def complete_rows(folder: Path) -> set[bytes]:
    """The rows in the table and among the orphans that a killed runner has left; the last line may be torn."""
    rows: set[bytes] = set()
    for name in ("runs.csv", "orphans.csv"):
        if (folder / name).exists():
            rows.update((folder / name).read_bytes().split(b"\n")[1:-1])
    parts = PartRows(folder)
    if len(parts):
        rows.update(b"".join(parts.segments(np.arange(len(parts)))).split(b"\n")[:-1])
    return rows


def moment(random: np.random.Generator, folder: Path, seconds: float) -> None:
    """Wait for a random moment: any time at all, or just when some file is about to be replaced."""
    if random.random() < 0.7:
        time.sleep(random.uniform(0, seconds))
        return
    end = time.monotonic() + 2 * seconds
    while time.monotonic() < end and not [*folder.glob("*.tmp"), *folder.glob("runs.new/*")]:
        time.sleep(0.0003)
    time.sleep(random.exponential(0.003))


SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


@pytest.mark.parametrize("name", STUDIES)
def test_killed_at_any_moment(
    place: Path, nursery: Nursery, undisturbed: dict[str, dict[str, bytes]], name: str, pytestconfig: pytest.Config
) -> None:
    """Histories of kills, each until the study is done: nothing is lost on the way, and the end is the same."""
    random = np.random.default_rng(sum(name.encode()))
    wanted = -(-pytestconfig.getoption("--kills") // len(STUDIES))
    began = time.monotonic()
    arguments = [str(place / f"{name}.yaml"), "-q"]
    assert nursery.run(*arguments, *store(name), "--out", str(place / "timed" / name)) == 0
    seconds = time.monotonic() - began
    killed = histories = 0
    while killed < wanted:
        out = place / f"{name}-{histories}"
        folder = out / name
        histories += 1
        before: set[bytes] = set()
        while True:
            edit = [random.choice(EDITS)] if name in EDITED and random.random() < 0.5 else []
            edit += ["--store", "csv"] if name in STORES and random.random() < 0.3 else store(name)
            # Chance may kill three times while it trains the same runs, which would be given up (tests in test_begun).
            more = ("--retry-failed", "--out", str(out), "-j", str(random.integers(1, 4)))
            runner = nursery.start(*arguments, *edit, *more)
            moment(random, folder, seconds)
            for _ in range(random.integers(1, 3)):
                sent = random.choice(SIGNALS)
                try:
                    os.kill(runner, sent)
                except ProcessLookupError:
                    break
                time.sleep(random.exponential(0.01))
            code = nursery.end(runner)
            assert code in (0, 130, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT), (place / "log").read_text()
            rows = complete_rows(folder)
            assert before <= rows
            before = rows
            killed += code != 0
            if code == 0 and edit == store(name):
                break
        assert results(folder) == undisturbed[name]
        assert nursery.run(*arguments, "--out", str(out)) == 0
        assert results(folder) == undisturbed[name]
        assert not list(folder.glob("*.tmp"))
    log = (place / "log").read_text()
    assert "Traceback" not in log, log
    print(f"{name}: {killed} kills in {histories} histories, each ending in the bytes of an undisturbed study")


def test_runners_racing_for_one_study(place: Path, nursery: Nursery, undisturbed: dict[str, dict[str, bytes]]) -> None:
    """Of several that start at once, one trains and the others are refused; the table is that of one."""
    for attempt in range(8):
        out = place / f"race-{attempt}"
        runners = [nursery.start(str(place / "rows.yaml"), "-q", "--out", str(out)) for _ in range(3)]
        codes = sorted(map(nursery.end, runners))
        # One that comes when the first is done finds nothing to do.
        assert codes[0] == 0
        assert set(codes) <= {0, 3}
        assert results(out / "rows") == undisturbed["rows"]
    assert "is in use by another runner: process " in (place / "log").read_text()


def test_memory_that_is_used_up_fails_some_runs_only(place: Path, nursery: Nursery) -> None:
    """A network that does not fit into memory: its runs have the reason, the others their rows."""
    study = place / "memory.yaml"
    shapes = {"grid": {"architecture": ["2-2-1", "2-65536-16-1", "2-3-1"]}}
    keys = BASE | {"epochs": 1, "sweep": shapes, "replicates": 20}
    study.write_text(yaml.safe_dump(keys))
    out = place / "memory"
    limit = 150 * 2**20
    assert nursery.run(limit, str(study), "-q", "--out", str(out), "-j", "1") == 1
    table, failed = ((out / "memory" / file).read_text().splitlines() for file in ("runs.csv", "failed.csv"))
    assert len(table) == 41
    assert len(failed) == 21
    assert all("MemoryError" in line or "allocate" in line for line in failed[1:])
    # Not tried again until it is asked for; with more memory it can be.
    assert nursery.run(limit, str(study), "-q", "--out", str(out)) == 1
    assert nursery.run(str(study), "-q", "--out", str(out), "--retry-failed") == 0
    assert len((out / "memory" / "runs.csv").read_text().splitlines()) == 61
