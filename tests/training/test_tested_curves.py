"""Curves of studies with held-out samples: their columns in curves.csv, in figures and on the page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import runner
from runner.figures.draw import Asked, plot
from runner.report.render import write_page

KEYS: dict[str, Any] = {
    "name": "held",
    "data": "two_spirals(20)",
    "architecture": "2-4-1",
    "learning_rate": 0.3,
    "replicates": 4,
    "record": {"curves": 12},
}
DIVIDED = {"fraction": 0.25}


def rows_of(folder: Path, **more: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows and points of a study that is run in a folder."""
    table = Path(runner.run(runner.study(**KEYS | more), out=folder, quiet=True))
    return pd.read_csv(table), pd.read_csv(table.parent / "curves.csv")


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"stop": "patience(3)", "evaluate_every": 2},
        {"batch": 4, "order": "shuffled", "criterion": {"loss": 1.0}, "stop": "converged"},
        {"restarts": {"after": 40}, "stop": "converged"},
    ],
    ids=["plain", "early stopping", "stages", "restarts"],
)
def test_a_point_is_what_the_run_of_that_budget_measures(tmp_path: Path, more: dict[str, Any]) -> None:
    rows, points = rows_of(tmp_path / "whole", epochs=120, test=DIVIDED, **more)
    assert list(points) == ["run_id", "epoch", "loss", "accuracy", "test_loss", "test_accuracy"]
    points = points.merge(rows[["run_id", "seed"]])
    budgets = [round(epoch) for epoch in sorted(points["epoch"].unique()) if epoch]
    shorter, _ = rows_of(tmp_path / "shorter", epochs=budgets, test=DIVIDED, **more)
    both = points.merge(shorter, left_on=["seed", "epoch"], right_on=["seed", "epochs_run"])
    assert len(both) >= 0.9 * (points["epoch"] > 0).sum()
    for column, row in (("loss_x", "final_loss"), ("test_loss_x", "test_loss_y")):
        np.testing.assert_array_equal(both[column], both[row])
    np.testing.assert_array_equal(both["test_accuracy_x"], both["test_accuracy_y"])


def test_a_study_without_held_out_samples_has_the_columns_it_had(tmp_path: Path) -> None:
    """When it gets some, the curves that it has become curves with empty columns, and back."""
    study = runner.study(**KEYS, epochs=60, test=["none", DIVIDED])
    plain = study.with_(test="none")
    both, alone = (Path(runner.run(each, out=tmp_path / name)) for each, name in ((study, "both"), (plain, "alone")))
    texts = [(table.parent / "curves.csv").read_bytes() for table in (both, alone)]
    assert texts[1].startswith(b"run_id,epoch,loss,accuracy\n")
    lines = texts[1].splitlines()[1:]
    assert texts[0].splitlines()[1 : len(lines) + 1] == [line + b",," for line in lines]
    for each, text in ((study, texts[0]), (plain, texts[1])):
        grown = Path(runner.run(each, out=tmp_path / "alone"))
        assert (grown.parent / "curves.csv").read_bytes() == text
    assert both.read_bytes() == Path(runner.run(study, out=tmp_path / "both")).read_bytes()


def test_figures_and_the_page_show_held_out_samples_beside_the_others(tmp_path: Path) -> None:
    rows, points = rows_of(tmp_path, epochs=60, test=["none", DIVIDED])
    table = tmp_path / "held" / "runs.csv"
    last = points[points["epoch"] == 60].merge(rows[["run_id", "test"]])
    medians = last.groupby(last["test"].isna())[["loss", "test_loss"]].median()
    axes: Any = plot(table, Asked(kind="curves", by="test")).axes
    lines = {line.get_label(): line.get_ydata()[-1] for line in axes.get_lines()}
    assert lines["{fraction: 0.25}, held out"] == pytest.approx(medians.loc[False, "test_loss"])
    assert lines["{fraction: 0.25}"] == pytest.approx(medians.loc[False, "loss"])
    assert "none, held out" not in lines
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', write_page(table).read_text(), re.S)
    assert found is not None
    curves = json.loads(found[1])["curves"]
    assert list(curves) == ["loss", "accuracy", "test_loss", "test_accuracy"]
    assert curves["test_loss"]["all"]["quartiles"][1][-1] == pytest.approx(medians.loc[False, "test_loss"], rel=1e-5)
    assert len(curves["test_loss"]["singles"]) == KEYS["replicates"]
