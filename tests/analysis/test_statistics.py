"""Statistics of groups of runs are those of claims."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.made_table import made
from support.synthetic import table as synthetic
from support.synthetic import write

from runner.analysis.claims.check import check
from runner.analysis.claims.estimate import evaluate
from runner.analysis.statistics import CONFIDENCE, evaluate_groups, members, read_measure
from runner.keys.issues import Invalid
from runner.results.reader import codes_of, read_columns
from runner.studies.claims.grammar import read_claims

STATISTICS = [
    "rate(converged)",
    "median(final_loss)",
    "quantile(0.9, epochs_to_converge)",
    "mean(accuracy)",
    "max(final_loss)",
]


@pytest.mark.parametrize("text", STATISTICS)
def test_every_group_has_the_number_of_the_claim_about_it(tmp_path: Path, text: str) -> None:
    made(tmp_path)
    path = tmp_path / "made" / "runs.csv"
    statistic = read_measure(text)
    names = ["architecture", "init", "bias_init", "order", "converged"]
    frame = read_columns(path, names, [statistic.column] if statistic.name != "rate" else [])
    codes, values = codes_of(frame["architecture"])
    found = evaluate_groups(frame, statistic, codes, len(values), 0.99)
    for value, each in zip(values, found, strict=True):
        claim = {"name": "c", "where": {"architecture": value}, "statistic": text, "expect": "> 0"}
        (checked,) = check(path, read_claims([claim]))
        assert each is not None
        np.testing.assert_equal((each.value, each.low, each.high), (checked.estimate, checked.low, checked.high))
        narrow = evaluate(frame[codes == values.index(value)], statistic, 0.5)
        assert narrow is not None
        assert np.isnan(each.low) or narrow.high - narrow.low < each.high - each.low or np.isinf(each.high)


def test_a_group_without_chance_is_exact(tmp_path: Path) -> None:
    frame = synthetic({"init": ["[0.5, 1]", "normal(0, 1)"], "order": ["sequential", "shuffled"]}, lambda cell: 0.5, 20)
    path = write(frame, tmp_path)
    rows = read_columns(path, ["init", "bias_init", "order", "converged"], [])
    (inits, _), (orders, _) = codes_of(rows["init"]), codes_of(rows["order"])
    statistic = read_measure("converged")
    found = evaluate_groups(rows, statistic, 2 * inits + orders, 4)
    assert [each.exact for each in found if each is not None] == [True, False, False, False]
    for k, each in enumerate(found):
        alone = evaluate(rows[2 * inits + orders == k], statistic, CONFIDENCE)
        assert alone is not None
        assert each is not None
        assert (each.value, each.low, each.high, each.notes) == (alone.value, alone.low, alone.high, alone.notes)


def test_groups_keep_the_order_of_their_rows() -> None:
    assert [rows.tolist() for rows in members(np.array([2, 0, 2, 0]), 4)] == [[1, 3], [], [0, 2], []]


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("converged", "rate(converged)"),
        ("stuck", "rate(stuck)"),
        (" final_loss ", "median(final_loss)"),
        ("quantile(0.9,mse)", "quantile(0.9, mse)"),
    ],
)
def test_an_outcome_is_its_rate_and_a_column_its_median(text: str, means: str) -> None:
    assert read_measure(text).text == means


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("final_los", "found 'final_los'; did you mean 'final_loss'?"),
        ("convergd", "found 'convergd'; did you mean 'converged'?"),
        ("rate(convergd)", "found 'convergd'; did you mean 'converged'?"),
        ("ratio(mse)", "ratio compares two selections of runs; expected one of rate(OUTCOME), "),
    ],
)
def test_what_is_no_statistic_is_told(text: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_measure(text)
    assert message in str(caught.value)
