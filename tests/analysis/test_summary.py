"""The table at the end: intervals against SciPy, counts against pandas, and how it looks."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from runner.analysis.intervals import wilson
from runner.analysis.summary import as_json, closing_line, shortened, show, summarize
from runner.analysis.tally import Group
from runner.errors import RunnerError


@pytest.mark.parametrize("confidence", [0.95, 0.99])
@pytest.mark.parametrize(("successes", "n"), [(0, 1), (1, 1), (0, 50), (8, 10), (50, 50), (333, 1000), (1, 10**6)])
def test_wilson_equals_scipy(successes: int, n: int, confidence: float) -> None:
    expected = binomtest(successes, n).proportion_ci(confidence, method="wilson")
    assert wilson(successes, n, confidence) == pytest.approx((expected.low, expected.high), rel=1e-12, abs=1e-15)


def test_wilson_of_nothing_is_everything() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


def test_wilson_stays_within_its_limits() -> None:
    for n in range(1, 200):
        assert wilson(0, n)[0] == 0.0
        assert wilson(n, n)[1] == 1.0


def table(path: Path, n: int = 600, rates: int = 3, **more: object) -> pd.DataFrame:
    """A table such as a study leaves, with only the columns that matter here."""
    random = np.random.default_rng(0)
    converged = random.random(n) < 0.4
    frame = pd.DataFrame(
        {
            "run_id": [f"a{i:015x}" for i in range(n)],
            "cell_id": "b000000000000000",
            "init": np.where(np.arange(n) % 2, "uniform(-1, 1)", "he_normal"),
            "learning_rate": np.geomspace(0.1, 10, rates)[np.arange(n) % rates],
            "optimizer": "sgd",
            "epochs": np.array([10, 100, 1000])[np.arange(n) % 3],
            "seed": np.arange(n),
            "outcome": np.where(converged, "converged", np.where(np.arange(n) % 7, "stuck", "diverged")),
            "converged": converged,
            "final_loss": random.random(n),
        }
        | more
    )
    path.parent.mkdir(exist_ok=True)
    frame.to_csv(path, index=False)
    return frame


def test_counts_equal_pandas(tmp_path: Path) -> None:
    path = tmp_path / "sweep" / "runs.csv"
    frame = table(path)
    summary = summarize(path)
    assert summary.name == "sweep"
    assert summary.runs == len(frame)
    assert summary.converged == frame.converged.sum()
    assert dict(summary.outcomes) == frame.outcome.value_counts().to_dict()
    assert [axis.key for axis in summary.axes] == ["init", "learning_rate", "epochs"]
    for axis in summary.axes:
        expected = frame.groupby(axis.key, sort=axis.key != "init").converged.agg(["size", "sum"])
        assert [(group.runs, group.converged) for group in axis.groups] == list(
            expected.itertuples(index=False, name=None)
        )


def test_axes_of_the_study_come_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "sweep" / "runs.csv"
    table(path)
    assert [axis.key for axis in summarize(path, ["epochs", "init", "data[2]"]).axes] == ["epochs", "init"]


def test_an_axis_of_many_thousand_values_is_counted_by_ranges(tmp_path: Path) -> None:
    path = tmp_path / "sweep" / "runs.csv"
    n = 30_000
    rates = np.random.default_rng(1).permutation(np.geomspace(0.001, 10, n))
    frame = table(path, n, learning_rate=rates)
    (axis,) = (axis for axis in summarize(path).axes if axis.key == "learning_rate")
    assert len(axis.groups) <= 256
    assert sum(group.runs for group in axis.groups) == n
    assert sum(group.converged for group in axis.groups) == frame.converged.sum()
    assert float(axis.groups[0].first) == rates.min()
    assert float(axis.groups[-1].last) == rates.max()
    for group in axis.groups:
        inside = (rates >= float(group.first)) & (rates <= float(group.last))
        assert (group.runs, group.converged) == (inside.sum(), frame.converged[inside].sum())


def test_a_long_axis_of_numbers_keeps_its_extremes() -> None:
    groups = [Group(str(i), str(i), 10, i % 10) for i in range(40)]
    lines = shortened(groups)
    assert [label for label, _ in lines][:3] == ["0", "1 to 3", "4 to 7"]
    assert lines[-1][0] == "39"
    assert len(lines) == 12
    assert sum(group.runs for _, group in lines if group) == 400


def test_a_long_axis_of_names_loses_its_middle() -> None:
    groups = [Group(f"data_{i}", f"data_{i}", 10, 1) for i in range(40)]
    labels = [label for label, _ in shortened(groups)]
    assert labels == [f"data_{i}" for i in range(6)] + ["... 29 more"] + [f"data_{i}" for i in range(35, 40)]


def test_it_is_plain_text_within_100_columns(tmp_path: Path) -> None:
    path = tmp_path / "sweep" / "runs.csv"
    table(path, rates=30, init=[f"normal({i % 20}, {'9' * 50})" for i in range(600)])
    stream = io.StringIO()
    show(summarize(path), closing_line(12.0, 600), stream)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "sweep: 600 runs"
    assert lines[-2:] == [f"results: {path}", "trained 600 runs in 12.0 s: 50 runs/s"]
    assert all(len(line) <= 100 and line.isascii() and line == line.rstrip() for line in lines[:-2])


def test_the_whole_of_it(tmp_path: Path) -> None:
    path = tmp_path / "sweep" / "runs.csv"
    table(path, init="zeros")
    stream = io.StringIO()
    show(summarize(path), "", stream)
    text = stream.getvalue()
    assert (
        text
        == f"""\
sweep: 600 runs

outcome    runs  share
stuck       322  53.7%
converged   217  36.2%
diverged     61  10.2%

converged by         runs  share    95% interval
all runs              600  36.2%  32.4% to 40.1%

learning_rate  0.1    200  35.0%  28.7% to 41.8%
               1      200  32.5%  26.4% to 39.3%
               10     200  41.0%  34.4% to 47.9%

epochs         10     200  35.0%  28.7% to 41.8%
               100    200  32.5%  26.4% to 39.3%
               1000   200  41.0%  34.4% to 47.9%

results: {path}
"""
    )


def test_json_has_every_number(tmp_path: Path) -> None:
    path = tmp_path / "sweep" / "runs.csv"
    frame = table(path)
    found = json.loads(json.dumps(as_json(summarize(path), {"seconds": 1.5})))
    assert found["runs"] == 600
    assert found["seconds"] == 1.5
    assert found["results"] == str(path)
    low, high = wilson(int(frame.converged.sum()), 600)
    assert found["converged"] == {
        "runs": 600,
        "converged": int(frame.converged.sum()),
        "rate": frame.converged.mean(),
        "low": low,
        "high": high,
    }
    assert [entry["value"] for entry in found["axes"]["epochs"]] == ["10", "100", "1000"]


def test_an_empty_table_has_a_summary(tmp_path: Path) -> None:
    path = tmp_path / "sweep" / "runs.csv"
    table(path, 0)
    stream = io.StringIO()
    show(summarize(path), "", stream)
    assert stream.getvalue() == f"sweep: 0 runs\n\nresults: {path}\n"
    assert as_json(summarize(path), {})["converged"]["rate"] is None


def test_another_table_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "iris.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(RunnerError) as caught:
        summarize(path)
    assert str(caught.value) == (f"{path} is not a table of results: it has no columns run_id, outcome and converged")


def test_rows_are_read_whatever_their_quotes_and_ends(tmp_path: Path) -> None:
    """No quotes, fields with quotes, commas and lines of their own, a spreadsheet's ends, a torn last row."""
    path = tmp_path / "sweep" / "runs.csv"
    frame = table(path, init=np.array(["zeros", 'a "b",\nc', "uniform(-1, 1)"])[np.arange(600) % 3])
    whole = summarize(path)
    assert whole.runs == 600
    assert {group.first: group.runs for group in whole.axes[0].groups} == dict(frame["init"].value_counts())
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n")[:-40])
    assert summarize(path).runs == 599
