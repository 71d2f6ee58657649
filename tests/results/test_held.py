"""Folders and files that others move, remove and replace while runs are added: it is noticed, and no row is lost."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.fakes import HEADER, FakePlan, grid, train

from runner.errors import Refused, RunnerError
from runner.results.held import LOCK
from runner.results.lock import Lock
from runner.results.sidecars import Recording
from runner.results.table import Table

ROWS_ONLY = Recording()
EVERYTHING = Recording(points=3, weights=True, epochs=lambda cell: (np.array([0, 1, 2.5]), False))
FULL = FakePlan(grid())
SMALL = FakePlan(grid(epochs=(100,)))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at every block, and wait for nothing."""
    monkeypatch.setattr("runner.results.table._SYNC_SECONDS", -1.0)
    monkeypatch.setattr("runner.results.held._SETTLE_SECONDS", 0.0)


def start(
    folder: Path,
    plan: FakePlan = FULL,
    recording: Recording = ROWS_ONLY,
    disturb: Callable[[Path], None] | None = None,
    after: int = 3,
) -> None:
    """A start of a runner that somebody disturbs after some blocks; with as many as there are, when all are trained."""
    folder.mkdir(exist_ok=True, parents=True)
    with Lock(folder) as lock:
        table = Table(folder, plan, recording, 1, HEADER, lock.held)
        try:
            for i, result in enumerate(train(plan, table.done, np.random.default_rng(1))):
                if disturb and i == after:
                    disturb(folder)
                table.add(result)
            if disturb and after < 0:
                disturb(folder)
            table.finish()
        finally:
            table.close()


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture(scope="module", params=[ROWS_ONLY, EVERYTHING], ids=["rows", "everything"])
def recording(request: pytest.FixtureRequest) -> Recording:
    return request.param


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, recording: Recording) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("undisturbed") / "study"
    start(folder, FULL, recording)
    return files(folder)


def ids(path: Path) -> set[str]:
    return set(pd.read_csv(path).run_id)


@pytest.mark.parametrize("after", [0, 3, -1], ids=["first", "some", "all"])
def test_a_folder_that_is_moved(
    tmp_path: Path, recording: Recording, undisturbed: dict[str, bytes], after: int
) -> None:
    """Its rows are in it, and another runner that has begun under the old name is left alone."""
    folder, moved = tmp_path / "study", tmp_path / "moved"

    def move(folder: Path) -> None:
        folder.rename(moved)
        start(folder, SMALL, recording)

    with pytest.raises(RunnerError) as caught:
        start(folder, FULL, recording, move, after)
    assert str(caught.value) == (
        f"{folder} was moved while runs were added to it (it is {moved} now, and another one has its name); "
        f"every finished row is in {moved}/runs.csv: move it back, and the same command goes on"
    )
    assert caught.value.exit_code == 1
    assert not list(tmp_path.glob("*/*.tmp"))
    other = tmp_path / "other" / "study"
    start(other, SMALL, recording)
    assert files(folder) == files(other)
    start(moved, FULL, recording)
    assert files(moved) == undisturbed


def test_a_folder_that_is_moved_to_another_folder(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    (tmp_path / "archive").mkdir()
    with pytest.raises(RunnerError, match=r"was moved while runs were added to it \(it is .*/archive/study now\); "):
        start(folder, disturb=lambda folder: shutil.move(folder, tmp_path / "archive"))
    assert not folder.exists()


def test_a_folder_that_is_removed(tmp_path: Path, recording: Recording, undisturbed: dict[str, bytes]) -> None:
    folder, kept = tmp_path / "study", tmp_path / "study.1"
    with pytest.raises(RunnerError) as caught:
        start(folder, FULL, recording, shutil.rmtree)
    lost = "runs.sums, runs.csv and runs.journal are" if recording else "runs.sums and runs.csv are"
    assert str(caught.value) == (
        f"{folder} was removed while runs were added to it; {lost} kept in {kept}, every finished row included: "
        "give that folder its name again, and the same command goes on"
    )
    # The block that was being added when it was noticed included.
    assert len(pd.read_csv(kept / "runs.csv")) == 12
    kept.rename(folder)
    start(folder, FULL, recording)
    assert files(folder) == undisturbed


def replace(name: str, content: bytes | None = None) -> Callable[[Path], None]:
    """Save a file as editors, spreadsheets and sync clients do: a new one takes its place."""

    def save(folder: Path) -> None:
        new = folder / "saved"
        new.write_bytes((folder / name).read_bytes() if content is None else content)
        os.replace(new, folder / name)

    return save


@pytest.mark.parametrize("after", [0, 3, -1], ids=["first", "some", "all"])
def test_a_table_that_is_replaced(
    tmp_path: Path, recording: Recording, undisturbed: dict[str, bytes], after: int
) -> None:
    folder = tmp_path / "study"
    seen: set[str] = set()

    def sort(folder: Path) -> None:
        table = pd.read_csv(folder / "runs.csv")
        seen.update(table.run_id)
        table.sort_values("outcome").to_csv(folder / "runs.csv.x", index=False)
        os.replace(folder / "runs.csv.x", folder / "runs.csv")

    with pytest.raises(RunnerError) as caught:
        start(folder, FULL, recording, sort, after)
    path = folder / "runs.csv"
    assert str(caught.value) == (
        f"{path} was replaced by another program while runs were added; the file as this runner wrote it is kept as "
        f"{path}.1: give it its name again; no finished row is lost, and the same command then goes on"
    )
    assert seen == ids(path)
    assert seen <= ids(folder / "runs.csv.1")
    (folder / "runs.csv.1").replace(path)
    start(folder, FULL, recording)
    assert files(folder) == undisturbed


@pytest.mark.parametrize("name", ["runs.csv", "runs.sums", "runs.journal"])
def test_a_file_that_is_removed_is_written_again(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "study"
    with pytest.raises(RunnerError) as caught:
        start(folder, FULL, EVERYTHING, lambda folder: (folder / name).unlink())
    path = folder / name
    assert str(caught.value) == (
        f"{path} was removed while runs were added; the file as this runner wrote it is written there again; "
        "no finished row is lost, and the same command then goes on"
    )
    assert len(pd.read_csv(folder / "runs.csv")) == 12
    start(folder, FULL, EVERYTHING)
    start(tmp_path / "other", FULL, EVERYTHING)
    assert files(folder) == files(tmp_path / "other")


@pytest.mark.parametrize("name", ["runs.csv", "orphans.csv", "curves.csv", "weights.npz", "runs.journal", "runs.sums"])
@pytest.mark.parametrize("after", [0, 3, -1], ids=["first", "some", "all"])
def test_any_file_that_is_replaced_or_renamed(tmp_path: Path, name: str, after: int) -> None:
    """What was put in its place stays as it is; and the file as it was is somewhere."""
    start(tmp_path / "whole", FULL, EVERYTHING)
    for how in (replace(name, b"mine"), lambda folder: (folder / name).rename(folder / "renamed")):
        folder = tmp_path / "study"
        start(folder, FULL, EVERYTHING)
        start(folder, SMALL, EVERYTHING)
        if name == "runs.journal" and after == 0:
            return  # there is none yet
        with pytest.raises(
            RunnerError, match=rf"{name} was (replaced by another program|removed) while runs were added"
        ):
            start(folder, FakePlan(grid(epochs=(100,)), range(9)), EVERYTHING, how, after)
        if (folder / "renamed").exists():
            (folder / "renamed").replace(folder / name)
        else:
            assert (folder / name).read_bytes() == b"mine"
            newest = max(folder.glob(f"{name}.*"), key=lambda path: int(path.suffix[1:]))
            newest.replace(folder / name)
        start(folder, FULL, EVERYTHING)
        found, whole = files(folder), files(tmp_path / "whole")
        assert {key: found[key] for key in whole if key != "runs.sums"} == {
            key: whole[key] for key in whole if key != "runs.sums"
        }
        shutil.rmtree(folder)


@pytest.mark.parametrize("how", [lambda folder: (folder / LOCK).unlink(), replace(LOCK)], ids=["removed", "replaced"])
def test_a_lock_that_is_removed_is_noticed_by_its_owner(tmp_path: Path, how: Callable[[Path], None]) -> None:
    folder = tmp_path / "study"
    with pytest.raises(RunnerError, match=rf"{LOCK} was .* while this runner held it: another one could have begun"):
        start(folder, disturb=how)
    assert (folder / LOCK).exists() == (how.__name__ == "save")
    start(folder)
    assert len(pd.read_csv(folder / "runs.csv")) == FULL.n_runs


_SECOND = """
import sys
from pathlib import Path
from runner.errors import Refused
from runner.results.lock import Lock
try:
    with Lock(Path(sys.argv[1])):
        print("begun")
except Refused as refused:
    print(refused)
"""


def second(folder: Path) -> str:
    """What another process is told that starts in a folder."""
    done = subprocess.run([sys.executable, "-c", _SECOND, str(folder)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_another_name_or_no_lock_file_lets_nobody_in(tmp_path: Path) -> None:
    folder, moved = tmp_path / "study", tmp_path / "moved"
    folder.mkdir()
    with Lock(folder):
        folder.rename(moved)
        assert re.fullmatch(
            rf"{moved} is in use by another runner: process {os.getpid()} on .*, since .*", second(moved)
        )
        (moved / LOCK).unlink()
        assert second(moved) == f"{moved} is in use by another runner"
        assert second(tmp_path) == "begun"
    assert second(moved) == "begun"


def test_the_lock_of_another_runner_is_not_removed(tmp_path: Path) -> None:
    folder, moved = tmp_path / "study", tmp_path / "moved"
    folder.mkdir()
    first = Lock(folder)
    folder.rename(moved)
    folder.mkdir()
    with Lock(folder):
        first.release()
        assert (folder / LOCK).exists()
        assert not (moved / LOCK).exists()
        assert "is in use by another runner" in second(folder)


def test_a_table_that_is_cut_short_in_place(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    with pytest.raises(RunnerError, match=r"runs.csv was cut short by another program while runs were added: it has "):
        start(folder, disturb=lambda folder: os.truncate(folder / "runs.csv", 0), after=-1)
    start(folder)
    assert len(pd.read_csv(folder / "runs.csv")) == FULL.n_runs


def test_what_is_moved_there_and_back_is_the_same(
    tmp_path: Path, undisturbed: dict[str, bytes], recording: Recording
) -> None:
    def move(folder: Path) -> None:
        folder.rename(tmp_path / "moved")
        (tmp_path / "moved").rename(folder)

    start(tmp_path / "study", FULL, recording, move)
    assert files(tmp_path / "study") == undisturbed


def test_the_lock_file_that_another_user_has_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can be read only; the runner that wrote it is dead."""
    lock, real = tmp_path / LOCK, os.open
    lock.write_text("{}")
    foreign = lock.stat().st_ino

    def denied(path: object, flags: int, *rest: object, **more: object) -> int:
        if path == LOCK and flags & os.O_RDWR and lock.exists() and lock.stat().st_ino == foreign:
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", denied)
    with Lock(tmp_path):
        assert str(os.getpid()) in lock.read_text()
    # In a folder where nobody may remove the files of others, it serves as it is.
    lock.write_text("{}")
    foreign = lock.stat().st_ino
    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", lambda *_, **__: (_ for _ in ()).throw(PermissionError(1, "not permitted")))
        with Lock(tmp_path):
            assert lock.read_text() == "{}"
            assert second(tmp_path) == f"{tmp_path} is in use by another runner"
    # One that is alive is told.
    descriptor = real(lock, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(Refused, match="is in use by another runner"):
        Lock(tmp_path)
    os.close(descriptor)
