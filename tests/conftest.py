"""Fixtures and options of all tests."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from support import studies

from runner.kernels import cache


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options beside pytest's own."""
    parser.addoption(
        "--kills",
        type=int,
        default=30,
        metavar="N",
        help="how many runners tests/training/test_kills.py kills (default: 30)",
    )
    parser.addoption(
        "--faults",
        type=int,
        default=40,
        metavar="N",
        help="how many system calls tests/results/test_system_calls.py lets fail; 0 for all (default: 40)",
    )
    parser.addoption(
        "--damages",
        type=int,
        default=40,
        metavar="N",
        help="how many files tests/results/test_damage.py damages (default: 40)",
    )


@pytest.fixture(scope="session", autouse=True)
def _compile_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Of the processes that run tests side by side, one compiles a kernel; others that need it wait, and load it."""
    address, locks = cache.Disk.address, tmp_path_factory.getbasetemp().parent

    def one_at_a_time(self: cache.Disk, function: Any, kind: Any, signature: Any) -> int:
        with (locks / f"{self.lowered(function.__qualname__, kind).stem}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return address(self, function, kind, signature)

    with pytest.MonkeyPatch.context() as patch:
        if "PYTEST_XDIST_WORKER" in os.environ:
            patch.setattr(cache.Disk, "address", one_at_a_time)
        yield


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium without a window; tests that need it are left out only where there is none."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = which("chromium") or which("chromium-browser") or which("google-chrome")
    if path is None:
        pytest.skip("there is no Chromium")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., studies.Runs]:
    """Train a study with the given keys in this process."""

    def trained(**keys: Any) -> studies.Runs:
        return studies.run(tmp_path, **keys)

    return trained
