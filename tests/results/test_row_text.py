"""Rows by the compiled kernel are the bytes that Python writes."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from support.fakes import HEADER, MISSING, FakePlan, grid

from runner.results import row_text
from runner.results.row_text import RowText

PLAN = FakePlan(grid(data="ä, b"), range(7))


def records(n: int) -> np.ndarray:
    """Measurements of every kind, with all that is no number."""
    random = np.random.default_rng(n)
    found = random.normal(size=(n, 5)) * 10.0 ** random.integers(-20, 20, (n, 5))
    found[:, 0] = random.integers(0, 3, n)
    found[:, 1] = random.integers(0, 2, n)
    found[:, 3] = random.integers(-5, 10**6, n)
    for column, strangers in ((2, [MISSING, np.nan, np.inf, -np.inf, -0.0]), (3, [MISSING, 0.0]), (4, [MISSING])):
        struck = random.random(n) < 0.3
        found[struck, column] = random.choice(strangers, int(struck.sum()))
    return found


def both(monkeypatch: pytest.MonkeyPatch, runs: np.ndarray, measured: np.ndarray) -> list[tuple[bytes, ...]]:
    """What Python and the kernel make of some rows."""
    found = []
    for slowly in (10**9, 0):
        monkeypatch.setattr(row_text, "ROWS_BY_PYTHON", slowly)
        ids, text, ends = RowText(PLAN, HEADER).rows(runs, measured)
        found.append((ids.tobytes(), bytes(text), ends.tobytes()))
    return found


@pytest.mark.parametrize("n", [1, 2, 50, PLAN.n_runs])
def test_both_ways_write_the_same(monkeypatch: pytest.MonkeyPatch, n: int) -> None:
    runs = np.random.default_rng(n).permutation(PLAN.n_runs)[:n]
    for order in (np.sort(runs), runs):
        slow, fast = both(monkeypatch, order, records(n))
        assert slow == fast


def test_no_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    assert both(monkeypatch, np.empty(0, np.int64), np.empty((0, 5))) == [(b"", b"", b"")] * 2


def test_a_row_is_what_the_run_and_its_record_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the csv module and Python's own text of numbers."""
    runs = np.arange(PLAN.n_runs)
    measured = records(len(runs))
    for _, text, ends in both(monkeypatch, runs, measured):
        rows = list(csv.reader(io.StringIO(text.decode())))
        assert len(rows) == len(runs)
        assert int(np.frombuffer(ends, np.int64)[-1]) == len(text)
        for run, row in zip(runs.tolist(), rows, strict=True):
            cell, seed = PLAN.cell(run // len(PLAN.seeds)), PLAN.seeds[run % len(PLAN.seeds)]
            assert row[:8] == [cell.run_id(seed), cell.cell_id, *cell.texts, str(seed)]
            code, converged, epochs, updates, loss = measured[run].tolist()
            assert row[8:10] == [HEADER.outcomes[int(code)], str(bool(converged))]
            assert row[10] in ("", repr(epochs))
            assert row[11] in ("", str(int(np.nan_to_num(updates))))
            assert row[12] in ("", repr(loss))
