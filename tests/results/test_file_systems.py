"""File systems that lack something: locks, hard links, fsync of folders, maps into memory."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.fakes import HEADER, FakePlan, grid, train

from runner.errors import Refused, RunnerError
from runner.results.lock import Lock
from runner.results.sidecars import Recording
from runner.results.table import Table

EVERYTHING = Recording(points=3, weights=True, epochs=lambda cell: (np.array([0, 1, 2.5]), False))
FULL = FakePlan(grid())
SMALL = FakePlan(grid(epochs=(100,)))


def failing(code: int, when: Callable[..., bool] = lambda *arguments: True, real: Any = None) -> Callable[..., Any]:
    """A system call that a file system does not know."""

    def call(*arguments: Any, **more: Any) -> Any:
        if when(*arguments):
            raise OSError(code, os.strerror(code))
        return real(*arguments, **more)

    return call


def history(folder: Path) -> dict[str, bytes]:
    """A study that is interrupted, goes on, is edited, and edited back; its files."""
    folder.mkdir(parents=True)
    for plan, limit in ((FULL, 5), (FULL, 99), (SMALL, 99), (FULL, 3), (FULL, 99)):
        with Lock(folder) as lock:
            table = Table(folder, plan, EVERYTHING, 1, HEADER, lock.held)
            for _, result in zip(range(limit), train(plan, table.done), strict=False):
                table.add(result)
            table.sync()
            table.finish(complete=bool(table.done.all()))
            table.close()
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def is_folder(descriptor: int) -> bool:
    return stat.S_ISDIR(os.fstat(descriptor).st_mode)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return history(tmp_path_factory.mktemp("undisturbed") / "study")


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK], ids=errno.errorcode.get)
def test_without_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: dict[str, bytes], code: int
) -> None:
    """exFAT, SMB, FUSE: what would get a second name is copied."""
    monkeypatch.setattr(os, "link", failing(code))
    assert history(tmp_path / "study") == undisturbed
    assert {"curves.csv.1", "weights.npz.1"} <= set(undisturbed)


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS], ids=errno.errorcode.get)
def test_without_fsync_of_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: dict[str, bytes], code: int
) -> None:
    """CIFS, FUSE."""
    monkeypatch.setattr(os, "fsync", failing(code, is_folder, os.fsync))
    assert history(tmp_path / "study") == undisturbed


def test_an_fsync_of_a_folder_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", failing(errno.EIO, is_folder, os.fsync))
    with pytest.raises(RunnerError, match=r"cannot write .*: Input/output error"):
        history(tmp_path / "study")


@pytest.mark.parametrize("code", [errno.ENODEV, errno.EINVAL, errno.ENOSYS], ids=errno.errorcode.get)
def test_without_maps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: dict[str, bytes], code: int
) -> None:
    """Some FUSE: the journal is read."""
    monkeypatch.setattr(mmap, "mmap", failing(code))
    assert history(tmp_path / "study") == undisturbed


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK], ids=errno.errorcode.get)
def test_without_flock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: dict[str, bytes], code: int
) -> None:
    """Lustre without `flock`, some FUSE, old NFS: the other kind of lock holds as well."""
    monkeypatch.setattr(fcntl, "flock", failing(code))
    assert history(tmp_path / "study") == undisturbed
    folder = tmp_path / "study"
    with Lock(folder):
        # This kind keeps other processes out, not this one.
        if not (born := os.fork()):
            try:
                Lock(folder)
            except Refused as refused:
                os._exit(7 if f"in use by another runner: process {os.getppid()} on " in str(refused) else 1)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(born, 0)[1]) == 7


def test_flock_for_files_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: dict[str, bytes]) -> None:
    """NFS locks no folders."""
    monkeypatch.setattr(fcntl, "flock", failing(errno.EBADF, lambda file, _: is_folder(file), fcntl.flock))
    assert history(tmp_path / "study") == undisturbed


def test_without_any_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", failing(errno.ENOSYS))
    monkeypatch.setattr(fcntl, "lockf", failing(errno.ENOLCK))
    with pytest.raises(RunnerError) as caught:
        Lock(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: this file system has no locks (No locks available), and two runners there could not be kept "
        "apart; pass a folder on another one with --out, or mount it with locks"
    )


def test_all_of_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: dict[str, bytes]) -> None:
    monkeypatch.setattr(fcntl, "flock", failing(errno.ENOSYS))
    monkeypatch.setattr(os, "link", failing(errno.EPERM))
    monkeypatch.setattr(os, "fsync", failing(errno.EINVAL, is_folder, os.fsync))
    monkeypatch.setattr(mmap, "mmap", failing(errno.ENODEV))
    assert history(tmp_path / "study") == undisturbed
    assert len(pd.read_csv(tmp_path / "study" / "runs.csv")) == FULL.n_runs
