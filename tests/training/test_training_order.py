"""The order of training: whenever a study is stopped, every axis is covered."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import studies

from runner.studies.schedule import Schedule, rounds, spread
from runner.training import engine
from runner.training.blocks import packing
from runner.training.session import Options, run_session

STUDY: dict[str, Any] = {
    "name": "covered",
    "data": "xor",
    "architecture": "2-2-1",
    "learning_rate": 1,
    "epochs": 20,
    "sweep": {
        "grid": {
            "architecture": ["2-2-1", "2-3-1", "2-4-1"],
            "init": ["uniform(-1, 1)", "normal(0, 1)", "xavier_uniform", "he_normal"],
            "learning_rate": {"geomspace": [0.1, 10, 7]},
            "epochs": [20, 40],
        }
    },
    "replicates": 70,
}


def in_order(n: int, together: int = 1) -> list[int]:
    return np.concatenate(list(spread(n, together))).tolist()


@given(st.integers(1, 5000), st.integers(1, 300))
def test_every_number_comes_once(n: int, together: int) -> None:
    found = in_order(n, together)
    assert sorted(found) == list(range(n))
    assert found == in_order(n)


def test_cells_of_trajectories_with_as_many_budgets_come_together() -> None:
    cells, sizes = np.array([0, 2, 4, 1, 3, 5, 6]), [3, 1, 2, 1]
    schedule = Schedule(cells, np.cumsum([0, *sizes]))
    assert list(schedule) == [(0, 2, 4), (1,), (3, 5), (6,)]
    found = [each.tolist() for each in schedule.of_size(np.array([3, 2, 1]))]
    assert found == [[[6], [1]], [[3, 5]]]


@pytest.mark.parametrize(
    "radices", [(4, 4, 7), (2, 1000), (1000, 2), (10, 10, 10), (3, 3, 3, 3, 3), (5, 64), (97,), (2,) * 9]
)
def test_every_axis_is_even_at_every_moment(radices: tuple[int, ...]) -> None:
    """After m trajectories a value of an axis with r values has been seen m / r times, give or take a few.

    A random order is off by 0.6 sqrt(n) for an axis of two values, the plan's own order by n / 4.
    """
    n = math.prod(radices)
    rows = np.array(np.unravel_index(in_order(n), radices)).T
    for axis, r in enumerate(radices):
        seen = np.cumsum(rows[:, axis, None] == np.arange(r), axis=0)
        expected = np.arange(1, n + 1)[:, None] / r
        assert np.abs(seen - expected).max() < max(2.5, 0.3 * math.sqrt(n))


def test_order_is_better_than_chance() -> None:
    """The plan's own order leaves the slowest axis uncovered for most of the time."""
    first = in_order(1000)[:12]
    assert {k // 100 for k in first} == set(range(10))
    assert {k % 10 for k in first} == set(range(10))


FIRST, SECOND = slice(0, 64), slice(64, 70)


@given(st.integers(1, 10**6))
def test_rounds_double(n: int) -> None:
    found = list(rounds(n))
    assert found[0].start == 0
    assert found[-1].stop == n
    assert all(a.stop == b.start for a, b in itertools.pairwise(found))
    assert all(part.stop <= max(64, 2 * part.start) for part in found)
    assert len(found) <= 1 + math.ceil(math.log2(max(n / 64, 1)))


def test_all_cells_have_their_first_seeds_before_any_has_more(tmp_path: Path) -> None:
    plan = studies.make(tmp_path, **STUDY)
    missing = np.ones((plan.n_cells, len(plan.seeds)), bool)
    turns = list(packing.turns_of(plan, ~missing.ravel()))
    assert [(len(turn.cells), turn.places) for turn in turns] == [(64, FIRST), (20, FIRST), (84, SECOND)]
    assert sorted(np.concatenate([turn.cells for turn in turns[:2]]).ravel()) == list(range(plan.n_cells))
    missing[:, :64] = False
    missing[5] = False
    (turn,) = packing.turns_of(plan, ~missing.ravel())
    assert turn.places == SECOND
    assert turn.wanted is not None
    assert {*turn.cells[~turn.wanted.all(axis=2)]} == {5}


@given(st.data())
def test_turns_between_two_numbers_hold_these_runs_once(data: st.DataObject) -> None:
    """Of a plan of which some cells share trajectories, and whose runs between the two begin and end within cells."""
    n_seeds = data.draw(st.integers(1, 9))
    schedule = [(0, 2, 4), (1,), (3, 5), (6,)]
    plan = SimpleNamespace(seeds=range(n_seeds), schedule=lambda: schedule)
    first = data.draw(st.integers(0, 7 * n_seeds))
    last = data.draw(st.integers(first, 7 * n_seeds))
    found = []
    for rows, places, wanted in packing.turns_between(plan, first, last):
        assert wanted is None
        (cells,) = rows.tolist()
        assert any(set(cells) <= set(group) for group in schedule)
        assert list(cells) == sorted(cells)
        found += [cell * n_seeds + seed for cell in cells for seed in range(*places.indices(n_seeds))]
    assert sorted(found) == list(range(first, last))


def test_an_interrupted_study_has_covered_every_axis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A third of the blocks trained: every value of every axis stands in the table, about as often as the others."""
    monkeypatch.setattr(packing, "_BLOCK_WORK", 1.0)  # one group of lanes a block
    plan = studies.make(tmp_path, **STUDY)

    def stopped(*arguments: Any, **settings: Any) -> Any:
        return itertools.islice(engine.train(*arguments, **settings), 250)

    class Closed:
        """What `contextlib.closing` wants."""

        def __init__(self, results: Any) -> None:
            self._results = results

        def __iter__(self) -> Any:
            return iter(self._results)

        def close(self) -> None:
            pass

    outcome = run_session(plan, Options(out=tmp_path, threads=1, quiet=True), lambda *a, **k: Closed(stopped(*a, **k)))
    runs = pd.read_csv(outcome.table)
    assert 0.2 < len(runs) / plan.n_runs < 0.8
    for key in ("architecture", "init", "learning_rate", "epochs"):
        counts = runs[key].value_counts()
        assert len(counts) == runs[key].nunique() == len(dict(plan.axes)[key])
        assert counts.max() < 1.5 * counts.min()
