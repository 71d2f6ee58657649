"""Runs in groups: the numbers are those of pandas and NumPy, and the intervals those of the functions made for one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.made_table import SEEDS, made

from runner.analysis import groups
from runner.analysis.explain.runs import load_runs
from runner.analysis.groups import QUARTILES, Grouping, quantiles_by
from runner.analysis.summary import as_json, summarize
from runner.statistics.intervals import quantile

numbers = st.floats(0, 100) | st.just(float("inf"))


@given(st.lists(st.tuples(st.integers(-1, 3), numbers), max_size=40))
def test_quantiles_are_those_of_one_group(rows: list[tuple[int, float]]) -> None:
    rows.sort(key=lambda row: row[1])
    codes = np.array([code for code, _ in rows], np.int64)
    values = np.array([value for _, value in rows])
    found = quantiles_by(values, codes, 4, QUARTILES)
    for code in range(4):
        own = values[codes == code]
        if not len(own):
            assert np.isnan(found[code]).all()
            continue
        assert found[code].tolist() == [quantile(own, q) for q in QUARTILES]
        if np.isfinite(own).all():
            with np.errstate(all="ignore"):
                expected = np.quantile(own, QUARTILES, method="averaged_inverted_cdf")
            # Half of the smallest number is none.
            np.testing.assert_allclose(found[code], expected, atol=1e-300)


def test_many_groups_are_like_few() -> None:
    """Beyond 16 bits another sort is used."""
    values = np.sort(np.random.default_rng(1).random(500))
    codes = np.random.default_rng(2).integers(0, 5, 500)
    few = quantiles_by(values, codes, 5, QUARTILES)
    many = quantiles_by(values, codes, 40_000, QUARTILES)
    np.testing.assert_array_equal(many[:5], few)
    assert np.isnan(many[5:]).all()


@pytest.mark.parametrize("held", [1 << 22, 30])
def test_groups_are_those_of_pandas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: int) -> None:
    # 30 counts hold one group of 24 seeds at a time.
    monkeypatch.setattr(groups, "_TABLE", held)
    frame = made(tmp_path)
    path = tmp_path / "made" / "runs.csv"
    axes = ["architecture", "init", "learning_rate", "epochs"]
    runs = load_runs(path, axes, ("epochs_to_converge", "final_loss", "accuracy", "no_such_column"))
    assert set(runs.measured) == {"epochs_to_converge", "final_loss", "accuracy"}
    at = [factor.name for factor in runs.factors].index("architecture")
    found = Grouping(runs).by(runs.codes[:, at], 3)
    by = frame.groupby("architecture", sort=False)
    assert [share.runs for share in found.shares] == by.size().tolist()
    assert [share.hits for share in found.shares] == by["converged"].sum().tolist()
    assert found.outcomes.sum(axis=1).tolist() == by.size().tolist()
    np.testing.assert_allclose(found.quartiles["final_loss"][:, 1], by["final_loss"].median())
    np.testing.assert_allclose(found.quartiles["accuracy"][:, 1], by["accuracy"].median())
    never = frame.assign(when=frame["epochs_to_converge"].fillna(np.inf)).groupby("architecture", sort=False)["when"]
    np.testing.assert_allclose(found.quartiles["epochs_to_converge"][:, 1], never.median())
    # The interval is that of the closing table.
    rows = as_json(summarize(path, axes), {})["axes"]["architecture"]
    assert [(share.low, share.high) for share in found.shares] == [(row["low"], row["high"]) for row in rows]


def test_runs_of_no_group_are_left_out(tmp_path: Path) -> None:
    made(tmp_path)
    runs = load_runs(tmp_path / "made" / "runs.csv", None, ("final_loss",))
    codes = np.where(runs.seeds == 3, 0, -1)
    found = Grouping(runs).by(codes, 2)
    assert [share.runs for share in found.shares] == [len(runs) / SEEDS, 0]
    assert found.outcomes[1].tolist() == [0] * len(runs.outcome_names)
    assert np.isnan(found.quartiles["final_loss"][1]).all()
    own = pd.Series(runs.measured["final_loss"][codes == 0])
    assert found.quartiles["final_loss"][0, 1] == pytest.approx(own.median())
