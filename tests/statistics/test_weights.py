"""Numbers that are made from the weights of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import runner
from runner.analysis.claims.check import check
from runner.errors import RunnerError, StudyError
from runner.keys.issues import Invalid
from runner.statistics.reading import read_statistic
from runner.statistics.weights import read_weights
from runner.studies.claims.grammar import read_claims

STUDY = """\
name: recorded
data: xor
architecture: 2-2-1
learning_rate: 1
epochs: 50
record: {weights: true}
sweep:
  grid:
    architecture: [2-2-1, 2-3-1]
    bias: [trained, none]
replicates: 20
claims:
  - {name: fifth, where: {architecture: 2-2-1, bias: trained}, statistic: "median(weight[4])", expect: "> -100"}
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    (folder / "recorded.yaml").write_text(STUDY)
    runner.run(runner.load(folder / "recorded.yaml"), out=folder)
    return folder / "recorded" / "runs.csv"


def check_one(path: Path, statistic: str, **where: object) -> float:
    claims = read_claims([{"name": "c", "statistic": statistic, "expect": "> -1e9", "where": where}])
    return check(path, claims)[0].estimate


@pytest.mark.parametrize("architecture", ["2-2-1", "2-3-1"])
@pytest.mark.parametrize("bias", ["trained", "none"])
def test_a_claim_has_the_numbers_of_the_file(results: Path, architecture: str, bias: str) -> None:
    rows = pd.read_csv(results)
    chosen = rows.loc[(rows.architecture == architecture) & (rows.bias == bias), "run_id"]
    with np.load(results.parent / "weights.npz") as file:
        order = {run_id: k for k, run_id in enumerate(file[f"{architecture}/run_id"].astype(str))}
        final = file[f"{architecture}/final"][[order[run_id] for run_id in chosen]]
    hidden = int(architecture[2])
    where = {"architecture": architecture, "bias": bias}
    assert check_one(results, "median(weight[3])", **where) == np.median(final[:, 3])
    assert check_one(results, "std(weight[0])", **where) == pytest.approx(final[:, 0].std(ddof=1))
    # Weights of the second hidden unit; those of the output stand behind all of the hidden layer.
    second = np.sort(abs(final[:, 2:4]), axis=1)
    assert check_one(results, "median(size_ratio(1, 2, 2, 1))", **where) == np.median(second[:, 1] / second[:, 0])
    first = 2 * hidden + (hidden if bias == "trained" else 0)
    last = np.sort(abs(final[:, first : first + hidden]), axis=1)
    found = check_one(results, f"max(size_ratio(2, 1, {hidden}, 1))", **where)
    assert found == (last[:, -1] / last[:, 0]).max()


def test_tables_show_them_too(results: Path) -> None:
    table = runner.table(results, rows=["architecture"], show=["weight[3]", "mean(size_ratio(1, 3, 2, 1))"])
    by = table.groupby("statistic").architecture.unique()
    assert list(by["median(weight[3])"]) == ["2-2-1", "2-3-1"]
    # 2-2-1 has no third unit.
    assert list(by["mean(size_ratio(1, 3, 2, 1))"]) == ["2-3-1"]


def test_a_study_that_does_not_record_weights_is_told(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(STUDY.replace("record: {weights: true}\n", "").replace("name: recorded", "name: s"))
    with pytest.raises(StudyError) as caught:
        runner.load(path)
    told = f"{path}:12:75: statistic: weight[4] needs record: {{weights: true}}"
    assert str(caught.value).splitlines()[0] == told


def test_results_without_weights_are_told(results: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "runs.csv").write_bytes(results.read_bytes())
    with pytest.raises(RunnerError) as caught:
        check_one(alone / "runs.csv", "median(weight[3])")
    assert (
        str(caught.value) == f"{alone} has no weights.npz, which weight[3] is made from: run with record.weights=true"
    )


@pytest.mark.parametrize("text", ["weight", "weight(3)", "weight[x]", "size_ratio[1]", "size_ratio(1, 2, 3)"])
def test_what_is_no_number_of_weights_is_told(text: str) -> None:
    with pytest.raises(Invalid, match="with whole numbers, found"):
        read_weights(text)


def test_spaces_do_not_matter() -> None:
    assert read_statistic("ratio( median( size_ratio( 1,2 ,3,1) ) )").text == "ratio(median(size_ratio(1, 2, 3, 1)))"
    assert read_statistic("ratio(weight[2])").name == "value"
