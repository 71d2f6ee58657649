"""The table at the end: intervals against SciPy, counts against pandas, and how it looks."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from runner.analysis.summary import as_json, closing_line, shortened, show, summarize
from runner.analysis.tally import Group
from runner.errors import RunnerError
from runner.statistics.intervals import wilson
from runner.statistics.shares import median_over_seeds


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
    assert summary.everything.share.hits == frame.converged.sum()
    counts = {name: level.share.runs for name, level in summary.outcomes.items()}
    assert counts == frame.outcome.value_counts().to_dict()
    assert [axis.key for axis in summary.axes] == ["init", "learning_rate", "epochs"]
    for axis in summary.axes:
        expected = frame.groupby(axis.key, sort=axis.key != "init").converged.agg(["size", "sum"])
        assert [(level.share.runs, level.share.hits) for level in axis.levels] == list(
            expected.itertuples(index=False, name=None)
        )
        losses = frame.groupby(axis.key, sort=axis.key != "init").final_loss.median()
        assert [level.medians["final_loss"].value for level in axis.levels] == pytest.approx(losses.tolist(), rel=1e-15)


def test_intervals_know_that_settings_share_seeds(tmp_path: Path) -> None:
    """Twenty cells of the same ten seeds, each seed failing or converging in all of them, are ten draws and not 200."""
    path = tmp_path / "sweep" / "runs.csv"
    seeds = np.arange(200) % 10
    table(path, 200, seed=seeds, converged=seeds < 4, final_loss=np.where(seeds < 4, 0.1, 0.5 + seeds / 100))
    share = summarize(path).everything.share
    low, high = wilson(4, 10)
    assert (share.low, share.high) == pytest.approx((low, high))
    median = summarize(path).everything.medians["final_loss"]
    # Of 10 fair coins at most one is heads in 1.1% of cases, at most two in 5.5%: the 2nd and the 9th of ten values are
    # the ends, which are those of seeds 1 and 8.
    assert (median.value, median.low, median.high) == pytest.approx((0.545, 0.1, 0.58))


def test_a_median_is_between_its_bounds_as_often_as_it_says() -> None:
    """The 40th and the 61st of 100 values hold the true median in 96.5% of samples: 386 of 400, give or take 8."""
    random = np.random.default_rng(5)
    held = 0
    for _ in range(400):
        values = random.exponential(size=100)
        found = median_over_seeds(values, np.arange(100))
        assert found.value == np.median(values)
        held += found.low <= np.log(2) <= found.high
    assert 378 <= held <= 394


def test_a_median_knows_that_settings_share_seeds() -> None:
    """Ten settings of 40 seeds that go together: as often within the bounds as one setting of 40 seeds would be."""
    random = np.random.default_rng(6)
    seeds = np.tile(np.arange(40), 10)
    held = {}
    for common in (0.3, 3.0):
        found = [
            median_over_seeds((common * random.normal(size=40))[seeds] + random.normal(size=400), seeds)
            for _ in range(400)
        ]
        held[common] = sum(median.low <= 0 <= median.high for median in found)
    # 95% of 400 are 380, and the standard deviation is 4.4.
    assert all(held[common] >= 370 for common in held), held


def test_a_loss_that_is_no_number_is_the_greatest(tmp_path: Path) -> None:
    path = tmp_path / "sweep" / "runs.csv"
    table(path, 5, final_loss=[0.1, np.nan, np.inf, np.nan, 0.2])
    assert summarize(path).everything.medians["final_loss"].value == np.inf


def test_a_study_without_chance_has_exact_shares(tmp_path: Path) -> None:
    path = tmp_path / "sweep" / "runs.csv"
    frame = table(path, init="zeros", bias_init="zeros", order="sequential")
    share = summarize(path).everything.share
    assert share.low == share.high == share.rate == frame.converged.mean()


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
    assert len(axis.levels) <= 256
    assert sum(level.share.runs for level in axis.levels) == n
    assert sum(level.share.hits for level in axis.levels) == frame.converged.sum()
    assert float(axis.levels[0].group.first) == rates.min()
    assert float(axis.levels[-1].group.last) == rates.max()
    for level in axis.levels:
        inside = (rates >= float(level.group.first)) & (rates <= float(level.group.last))
        assert (level.share.runs, level.share.hits) == (inside.sum(), frame.converged[inside].sum())
        assert level.medians["final_loss"].value == pytest.approx(frame.final_loss[inside].median(), rel=1e-15)


def test_a_long_axis_of_numbers_keeps_its_extremes() -> None:
    groups = [Group(str(i), str(i), (i,)) for i in range(40)]
    lines = shortened(groups)
    assert [label for label, _ in lines][:3] == ["0", "1 to 3", "4 to 7"]
    assert lines[-1][0] == "39"
    assert len(lines) == 12
    assert sorted(code for _, group in lines if group for code in group.codes) == list(range(40))


def test_a_long_axis_of_names_loses_its_middle() -> None:
    groups = [Group(f"data_{i}", f"data_{i}", (i,)) for i in range(40)]
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

outcome    runs  share  median final_loss
stuck       322  53.7%              0.489
converged   217  36.2%              0.505
diverged     61  10.2%               0.55

converged by         runs  share    95% interval   loss
all runs              600  36.2%  32.4% to 40.1%  0.497

learning_rate  0.1    200  35.0%  28.7% to 41.8%  0.521
               1      200  32.5%  26.4% to 39.3%  0.496
               10     200  41.0%  34.4% to 47.9%  0.495

epochs         10     200  35.0%  28.7% to 41.8%  0.521
               100    200  32.5%  26.4% to 39.3%  0.496
               1000   200  41.0%  34.4% to 47.9%  0.495

loss: medians over the runs, at the end of their training

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
        "median_final_loss": found["converged"]["median_final_loss"],
    }
    assert found["converged"]["median_final_loss"]["value"] == frame.final_loss.median()
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
    counts = {level.group.first: level.share.runs for level in whole.axes[0].levels}
    assert counts == dict(frame["init"].value_counts())
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n")[:-40])
    assert summarize(path).runs == 599


def test_accuracy_on_held_out_samples_is_shown_where_all_runs_have_it(tmp_path: Path) -> None:
    path = tmp_path / "sweep" / "runs.csv"
    tested = np.random.default_rng(1).random(600)
    frame = table(path, accuracy=1.0, test_accuracy=tested)
    summary = summarize(path)
    assert summary.everything.medians["test_accuracy"].value == np.median(tested)
    for level in summary.axes[1].levels:
        wanted = frame[frame.learning_rate == float(level.group.first)].test_accuracy.median()
        assert level.medians["test_accuracy"].value == pytest.approx(wanted, rel=1e-15)
    shown = str(summary)
    assert "median test_accuracy" in shown
    assert "accuracy, loss and test accuracy: medians over the runs" in shown
    # Of a study that holds samples out for some of its runs, a median of all would be one of some.
    table(path, test_accuracy=np.where(np.arange(600) % 2, tested, np.nan))
    assert "test_accuracy" not in summarize(path).everything.medians
