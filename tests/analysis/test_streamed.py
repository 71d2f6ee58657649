"""Summaries of tables in parts, which are read in passes: the numbers of the same table in memory, to the last bit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.made_table import made
from support.synthetic import KEYS, digest, write

from runner.analysis.streamed import _Search
from runner.analysis.summary import as_json, summarize
from runner.results.convert import write_parts
from runner.statistics.passes import ordered_keys


@pytest.fixture(autouse=True)
def _small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a table has many row groups."""
    monkeypatch.setattr("runner.results.convert.GROUP_ROWS", 37)


def both(table: Path, axes: list[str] | None) -> tuple[str, str]:
    """The summary of a table in memory, and of its copy in parts."""
    folder = table.parent.parent / "copy" / table.parent.name
    write_parts(table, folder)
    in_memory, streamed = (as_json(summarize(path, axes), {}) for path in (table, folder / "runs"))
    del in_memory["results"], streamed["results"]
    return json.dumps(in_memory), json.dumps(streamed)


@pytest.mark.parametrize("axes", [None, ["architecture", "learning_rate"], ["init", "epochs"]])
def test_every_number_is_that_of_the_table_in_memory(tmp_path: Path, axes: list[str] | None) -> None:
    made(tmp_path)
    table = tmp_path / "made" / "runs.csv"
    rows = pd.read_csv(table, dtype=str, keep_default_na=False)
    # pandas has made doubles of them.
    rows["updates_to_converge"] = rows["updates_to_converge"].str.removesuffix(".0")
    in_memory, streamed = both(write(rows, tmp_path), axes)
    assert streamed == in_memory


@pytest.mark.parametrize("exact", [False, True])
def test_missing_and_infinite_numbers_and_axes_with_many_values(tmp_path: Path, exact: bool) -> None:
    rng = np.random.default_rng(3)
    rows = []
    for number, rate in enumerate(np.geomspace(0.01, 100, 40).tolist()):
        cell = KEYS | {"learning_rate": repr(rate), "init": "zeros" if exact else "xavier_uniform"}
        for seed in range(9):
            losses = [float(rng.lognormal()), float(rng.integers(3)), np.inf, "nan", None]
            loss = losses[rng.choice(5, p=[0.5, 0.2, 0.1, 0.1, 0.1])]
            hit = bool(rng.random() < 0.3)
            rows.append(
                {"run_id": digest((rate, seed)), "cell_id": digest(rate), **cell, "seed": seed}
                | {"outcome": "converged" if hit else ["stuck", "diverged"][number % 2], "converged": hit}
                | {"final_loss": loss, "accuracy": None if number % 2 else 0.75}
            )
    table = write(pd.DataFrame(rows), tmp_path, "odd")
    in_memory, streamed = both(table, None)
    assert streamed == in_memory
    in_memory, streamed = (
        [(label, level) for axis in summarize(path).axes for label, level in axis.shown]
        for path in (table, tmp_path / "copy" / "odd" / "runs")
    )
    assert [label for label, _ in in_memory] == [label for label, _ in streamed]
    assert len(in_memory) == len(streamed) == 12
    for (_, one), (_, other) in zip(in_memory, streamed, strict=True):
        assert one is not None
        assert other is not None
        assert (one.share, one.medians) == (other.share, other.medians)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(allow_nan=False), min_size=1, max_size=40),
    st.integers(1, 3),
    st.sampled_from([1 << 22, 0]),
)
def test_any_rank_of_any_numbers(numbers: list[float], n: int, most: int) -> None:
    """By NumPy's sort; digits of 16 bits and of 8."""
    values = np.array(numbers)
    slots = np.arange(len(values)) % n
    ranks = [list(range(int(np.count_nonzero(slots == slot)))) for slot in range(n)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("runner.analysis.streamed._MOST_COUNTS", most)
        search = _Search(n, ranks)
    step = 0
    while search.begin(step):
        for first in range(0, len(values), 7):
            search.add(slots[first : first + 7], ordered_keys(values[first : first + 7]))
        search.end()
        step += 1
    for slot, found in enumerate(search.found()):
        assert [found[rank] for rank in ranks[slot]] == sorted(values[slots == slot].tolist())
