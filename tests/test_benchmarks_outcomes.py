"""What becomes of runs that are continued: the pairs are continuations, and the tables count them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import runner
from benchmarks.outcomes import TIMES, Case, lines, pairs_of, read_cases, study_of
from runner.measurements import OUTCOMES

PAGE = Path(__file__).parent.parent / "docs" / "outcomes.md"
CASES = read_cases()
NAMES = [case.name for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_every_study_loads_with_its_budgets_and_ten_times_as_many(case: Case, tmp_path: Path) -> None:
    plan = runner.plan(study_of(case, tmp_path))
    values = dict(plan.axes)[case.sort]
    assert {*case.budgets, *(TIMES * budget for budget in case.budgets)} == set(map(int, values))


def test_a_pair_is_a_run_and_its_continuation(tmp_path: Path) -> None:
    case = replace(CASES[NAMES.index("iris_sweep")], budgets=(2,), keys={"replicates": 3, "batch": 50})
    study = study_of(case, tmp_path, ["record.curves=100"])
    pairs = pairs_of(study, case, tmp_path / "results", 1)
    assert len(pairs) == 4 * 5 * 3
    curves = pd.read_csv(tmp_path / "results" / "iris_sweep" / "curves.csv").set_index(["run_id", "epoch"])["loss"]
    for pair in pairs.itertuples():
        assert curves[(pair.run_id_later, 2)] == curves[(pair.run_id, 2)] == pair.final_loss
        assert curves[(pair.run_id_later, 20)] == pair.final_loss_later
    # 3 batches in an epoch, all evaluated at its end: the last tenth of 6 updates has one evaluation.
    assert set(pairs["looks"]) == {1}
    assert not pairs["whole"].any()


def test_the_tables_count_what_became_of_the_runs() -> None:
    case = Case("one", "a kind", None, "epochs", (10,), {})
    rows = [("learning", "converged")] * 15 + [("learning", "learning")] * 5 + [("stuck", "converged")] * 3
    pairs = pd.DataFrame(rows, columns=["outcome", "outcome_later"])
    pairs = pairs.assign(study="one", converged_later=pairs["outcome_later"] == "converged", whole=False)
    pairs["looks"] = np.repeat([1, 1, 5], [20, 2, 1])
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines(pairs, [case]) if line.startswith("|")]
    tables = {row[0]: row for row in rows}
    confusion = {row[0]: row for row in rows[: 1 + len(OUTCOMES)]}
    of = dict(zip(confusion["at the budget"], confusion["`learning`"], strict=True))
    assert (of["runs"], of["`converged`"], of["`learning`"], of["`stuck`"]) == ("20", "75.0%", "25.0%", "")
    assert confusion["`stuck`"][1] == "3"
    once = [row for row in rows if row[0] == "`learning`"][1]
    assert once == ["`learning`", "1", "75.0%", "100.0%", "1"]
    assert ["mini-batches", "at most 2", "2", "100.0%"] in rows
    assert ["mini-batches", "more", "1", "100.0%"] in rows
    study = dict(zip(tables["study"], tables["`one`"], strict=True))
    assert {name: text for name, text in study.items() if text} == {
        "study": "`one`",
        "what it is": "a kind",
        "`learning`": "75% of 20",
        "`stuck`": "100% of 3",
    }


def test_the_words_of_the_page_are_those_of_its_tables() -> None:
    words, _, tables = PAGE.read_text(encoding="utf-8").partition("<!-- begin benchmarks -->")
    shares = re.findall(r"\d+\.\d%", words)
    assert len(shares) >= 6
    assert set(shares) <= set(re.findall(r"\d+\.\d%", tables))
    assert f"{len(CASES)} studies" in words
    assert f"{len(CASES)} studies" in tables
    assert all(f"| `{name}` |" in tables for name in NAMES)
