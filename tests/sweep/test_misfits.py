"""Cells whose architecture does not fit a fault are left out, numbered as if they had never been asked for."""

from __future__ import annotations

import itertools
from pathlib import Path

import pandas as pd
import pytest

import runner
from runner.__main__ import main
from runner.errors import StudyError
from runner.studies.cells import PLACE
from runner.studies.load import load_study
from runner.studies.plan import Plan, make_plan

SHAPES, RATES = ("2-2-1", "2-3-1", "2-2-2-1"), ("0.5", "2.0")
FAULTS = ("none", "[early_derivative]", "[no_factor, early_derivative]")
STUDY = f"""\
name: misfits
data: xor
architecture: 2-2-1
learning_rate: 1
epochs: 20
replicates: 2
sweep:
  grid:
    learning_rate: [{", ".join(RATES)}]
    architecture: [{", ".join(SHAPES)}]
    faults: [{", ".join(FAULTS)}]
    epochs: [10, 20]
"""
WORD = (
    "8 cells are left out, whose architecture does not fit a fault: early_derivative needs hidden layers as wide as "
    "the inputs; architecture is 2-3-1"
)


def plan_of(folder: Path, text: str = STUDY, *overrides: str) -> Plan:
    (folder / "misfits.yaml").write_text(text)
    return make_plan(load_study(folder / "misfits.yaml", overrides))


def fits(shape: str, faults: str) -> bool:
    """By hand: every layer but the last is as wide as the inputs."""
    return "early" not in faults or set(shape.split("-")[:-1]) == {"2"}


def test_the_cells_that_are_left_are_in_order_and_each_once(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    expected = [
        (rate, shape, faults, epochs)
        for rate, shape, faults, epochs in itertools.product(RATES, SHAPES, FAULTS, ("10", "20"))
        if fits(shape, faults)
    ]
    keys = ("learning_rate", "architecture", "faults", "epochs")
    found = [tuple(plan.cell(i).texts[PLACE[key]] for key in keys) for i in range(plan.n_cells)]
    assert found == expected
    groups = [[*group] for group in plan.schedule()]
    assert sorted(i for group in groups for i in group) == list(range(len(expected)))
    # Cells that differ in epochs alone are one trajectory for each of the two seeds.
    assert plan.n_trajectories == 2 * len(groups) == len(expected)
    assert plan.left_out == WORD


def test_they_are_told_trained_resumed_and_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan_of(tmp_path)
    file, out = str(tmp_path / "misfits.yaml"), ["--out", str(tmp_path / "results")]
    assert main(["plan", file, *out]) == 0
    assert f"\n{WORD}\n" in capsys.readouterr().out
    assert main([file, *out, "--limit", "20"]) == 0
    assert f"misfits: {WORD}\n" in capsys.readouterr().err
    assert main([file, *out, "-q"]) == 0
    assert capsys.readouterr().err == ""
    table = tmp_path / "results" / "misfits" / "runs.csv"
    in_parts, frame = table.read_bytes(), pd.read_csv(table, dtype=str)
    assert main([file, *out, "-q", "--fresh"]) == 0
    assert table.read_bytes() == in_parts
    assert len(frame) == 28 * 2
    assert not frame.duplicated("run_id").any()
    assert main(["replay", "misfits", "--all", *out]) == 0


def test_what_fits_nowhere_is_a_mistake_of_the_study(tmp_path: Path) -> None:
    needs = "needs hidden layers as wide as the inputs; architecture is"
    with pytest.raises(StudyError, match=f"faults: early_derivative {needs} 2-3-1"):
        plan_of(tmp_path, STUDY, "architecture=2-3-1")
    with pytest.raises(StudyError, match=f"faults: early_derivative {needs} 2-4-1"):
        plan_of(tmp_path, STUDY, "architecture=[2-3-1, 2-4-1]")
    with pytest.raises(StudyError, match=f"faults: early_derivative {needs} 2-3-1"):
        plan_of(tmp_path, STUDY, "architecture=[2-3-1, 2-4-1]", "faults=[[early_derivative]]")
    with pytest.raises(StudyError, match=f"faults: early_derivative {needs} 2-3-1"):
        plan_of(tmp_path, f"{STUDY}  include: [{{architecture: 2-3-1, faults: [early_derivative]}}]\n")
    apart = """\
  when:
    - if: {architecture: 2-3-1}
      grid: {faults: [[early_derivative], [no_factor]]}
"""
    alone = "".join(line for line in STUDY.splitlines(keepends=True) if "faults" not in line)
    with pytest.raises(StudyError, match=f"faults: early_derivative {needs} 2-3-1"):
        plan_of(tmp_path, alone + apart)


def test_a_study_without_misfits_says_nothing(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, STUDY, "architecture=[2-2-1, 2-2-2-1]")
    assert (plan.left_out, plan.n_cells) == ("", 24)
    assert runner.plan(plan.study).n_cells == 24


SHORT = """\
name: short
data: xor
architecture: 2-2-1
learning_rate: 1
epochs: 20
optimizer: momentum
replicates: 2
sweep:
  grid:
    learning_rate: {geomspace: [0.1, 10, 7]}
  when:
    - if: {learning_rate: 4.642}
      grid: {momentum: [0.1, 0.2]}
  exclude:
    - {learning_rate: [2.154, 0.2154]}
  include:
    - {learning_rate: 3.14159265}
"""


def test_conditions_know_numbers_as_pages_show_them(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, SHORT)
    cells = [plan.cell(i) for i in range(plan.n_cells)]
    shown = [(f"{cell.learning_rate:.4g}", cell.texts[PLACE["momentum"]]) for cell in cells]
    assert shown == [
        *(("0.1", "0.9"), ("0.4642", "0.9"), ("1", "0.9"), ("4.642", "0.1"), ("4.642", "0.2"), ("10", "0.9")),
        ("3.142", "0.9"),
    ]
    assert plan_of(tmp_path, SHORT, "learning_rate=3.142").study.base["learning_rate"] == 3.14159265


def test_a_shortened_number_is_one_value_or_an_error_that_lists_them(tmp_path: Path) -> None:
    close = SHORT.replace("{geomspace: [0.1, 10, 7]}", "[0.12341, 0.12342, 1.0]")
    close = close[: close.index("  when:")]
    with pytest.raises(StudyError, match=r"exclude: learning_rate 0\.1234 may be 0\.12341 or 0\.12342"):
        plan_of(tmp_path, f"{close}  exclude: [{{learning_rate: 0.1234}}]\n")
    with pytest.raises(StudyError, match=r"when: learning_rate 0\.1234 may be 0\.12341 or 0\.12342"):
        plan_of(tmp_path, f"{close}  when: [{{if: {{learning_rate: 0.1234}}, grid: {{momentum: [0.1]}}}}]\n")
    with pytest.raises(StudyError, match=r"exclude: learning_rate is never 0\.13; its values are 0\.12341, 0\.12342"):
        plan_of(tmp_path, f"{close}  exclude: [{{learning_rate: 0.13}}]\n")
