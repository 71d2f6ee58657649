"""Studies made in Python: the same runs as from a file, what counts as an axis, and what is said of mistakes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import runner
from runner.ops import INITIALIZERS, LOSSES
from runner.registry import Call
from runner.results.columns import standard_header
from runner.results.row_text import plan_ids

XOR: dict[str, Any] = {"data": "xor", "architecture": "2-4-1", "learning_rate": 0.5, "epochs": 100}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which everything happens."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ids(study: runner.Study) -> list[int]:
    """The identities of all runs, in the order of the table."""
    return plan_ids(runner.plan(study), standard_header()).tolist()


def axes(**keys: Any) -> dict[str, list[str]]:
    """What a study with these keys sweeps."""
    return dict(runner.plan(runner.study(**{**XOR, **keys})).axes)


FILE = """\
name: small
description: "1e3: a text that looks like a number"
data: xor
architecture: 2-4-1
init: normal(0, 1)
learning_rate: 0.5
criterion: {max_error: 0.4, loss: 0.1}
epochs: 100
target_range: [0.1, 0.9]
sweep:
  grid:
    learning_rate: {geomspace: [0.1, 10, 7]}
    architecture: [2-2-1, 2-4-1]
  exclude:
    - {learning_rate: 0.1, architecture: 2-4-1}
replicates: 3
claims:
  - {name: all, where: {architecture: [2-2-1, 2-4-1]}, statistic: rate(converged), expect: "> 0.5"}
record: {weights: true, curves: 7}
"""
SAME: dict[str, Any] = {
    "name": "small",
    "description": "1e3: a text that looks like a number",
    "data": "xor",
    "architecture": ["2-2-1", "2-4-1"],
    "init": "normal(0, 1)",
    "learning_rate": {"geomspace": [0.1, 10, 7]},
    "criterion": {"max_error": 0.4, "loss": 0.1},
    "epochs": np.int64(100),
    "target_range": (0.1, 0.9),
    "sweep": {"exclude": [{"learning_rate": 0.1, "architecture": "2-4-1"}]},
    "replicates": 3,
    "claims": [
        {
            "name": "all",
            "where": {"architecture": ["2-2-1", "2-4-1"]},
            "statistic": "rate(converged)",
            "expect": "> 0.5",
        }
    ],
    "record": {"weights": True, "curves": 7},
}


def test_keywords_a_mapping_and_a_file_are_the_same_study() -> None:
    Path("small.yaml").write_text(FILE)
    read = runner.load("small.yaml")
    made = runner.study(**SAME)
    assert sorted(ids(made)) == sorted(ids(read))
    for name in ("name", "description", "record", "claims", "seeds"):
        assert getattr(made, name) == getattr(read, name)
    import yaml

    mapping = yaml.safe_load(FILE)
    assert ids(runner.load(mapping)) == ids(read)
    assert ids(runner.load(mapping, "replicates=2")) == ids(runner.load("small.yaml", "replicates=2"))


def test_a_study_is_frozen_and_with_makes_another() -> None:
    study = runner.study(**XOR, seeds=range(5))
    with pytest.raises(AttributeError):
        study.name = "another"
    swept = study.with_(learning_rate=[0.1, 1], epochs=[10, 20])
    assert (runner.plan(study).n_runs, runner.plan(swept).n_runs) == (5, 20)
    # One value takes the key off its axis, and a budget takes the place of the other.
    single = swept.with_(learning_rate=2, updates=7, replicates=2)
    assert dict(runner.plan(single).axes) == {}
    assert (single.base["learning_rate"], single.base["updates"], single.seeds) == (2.0, 7, range(2))
    assert "epochs" not in single.base
    assert ids(swept.with_(learning_rate=0.5, epochs=100)) == ids(study)
    assert ids(swept.with_(sweep=None)) == ids(study)
    assert study.with_(name="other").name == "other"
    assert "target_range" not in study.with_(target_range=(0, 1)).with_(target_range=None).base


def test_with_keeps_the_arguments_with_which_a_file_was_loaded() -> None:
    Path("small.yaml").write_text(FILE)
    Path("deep").mkdir()
    study = runner.load("small.yaml", "learning_rate=4.642", "architecture=2-2-1")
    changed = study.with_(replicates=1)
    assert changed.base["learning_rate"] == 4.641588833612779
    assert changed.folder == study.folder
    assert set(ids(changed)) < set(ids(study))


def test_to_yaml_gives_a_file_with_the_same_runs() -> None:
    Path("small.yaml").write_text(FILE)
    Path("deep").mkdir()
    for study in (
        runner.load("small.yaml", "learning_rate=[0.5, 1e-05]"),
        runner.study(**SAME),
        runner.study(**XOR, init=[[0.1] * 17, "zeros"], faults=[("ascent", "no_factor"), "none"]),
        runner.study(**XOR),
    ):
        text = study.to_yaml("deep/written.yaml")
        assert Path("deep/written.yaml").read_text() == text
        again = runner.load("deep/written.yaml")
        assert ids(again) == ids(study)
        assert (again.name, again.seeds, again.claims) == (study.name, study.seeds, study.claims)
        Path("here.yaml").write_text(study.to_yaml())
        assert ids(runner.load("here.yaml")) == ids(study)
    assert text.splitlines()[:2] == ["name: study", "data: xor"]


def test_to_yaml_moves_relative_paths_of_data_along() -> None:
    Path("x.csv").write_text("a,b,c\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n")
    Path("deep").mkdir()
    own = {"csv": "x.csv", "inputs": ["a", "b"], "targets": ["c"]}
    study = runner.study(**{**XOR, "data": own})
    study.to_yaml("beside.yaml")
    assert ids(runner.load("beside.yaml")) == ids(study)
    study.to_yaml("deep/below.yaml")
    assert runner.load("deep/below.yaml").base["data"].path == "../x.csv"


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff"), min_size=1, max_size=12)


@settings(max_examples=30, deadline=None)
@given(rates=st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=3, unique=True), words=texts)
def test_whatever_numbers_and_texts_the_file_is_the_same(rates: list[float], words: str) -> None:
    study = runner.study(**{**XOR, "learning_rate": rates}, description=words)
    again = runner.load(_written(study))
    assert (again.description, ids(again)) == (words, ids(study))


def _written(study: runner.Study) -> str:
    study.to_yaml("written.yaml")
    return "written.yaml"


@pytest.mark.parametrize(
    ("key", "value", "values"),
    [
        ("learning_rate", [0.1, 1], ["0.1", "1.0"]),
        ("learning_rate", (0.1, 1), None),
        ("learning_rate", [(0.1, 1), 2], ["[0.1, 1]", "2.0"]),
        ("learning_rate", np.array([0.5, 2.0]), ["0.5", "2.0"]),
        ("learning_rate", np.array([[0.5, 2.0]]), ["[0.5, 2]"]),
        ("learning_rate", pd.Series([0.5, 2.0]), ["0.5", "2.0"]),
        ("learning_rate", pl.Series([0.5, 2.0]), ["0.5", "2.0"]),
        ("learning_rate", torch.tensor([0.5, 2.0]), ["0.5", "2.0"]),
        ("learning_rate", np.float32(0.5), None),
        ("learning_rate", {"linspace": [1, 2, 3]}, ["1.0", "1.5", "2.0"]),
        ("epochs", range(1, 4), ["1", "2", "3"]),
        ("epochs", [5], ["5"]),
        ("architecture", [2, 4, 1], None),
        ("architecture", np.array([2, 4, 1]), None),
        ("architecture", ["2-4-1", "2-2-1"], ["2-4-1", "2-2-1"]),
        ("architecture", [(2, 4, 1), [2, 2, 1]], ["2-4-1", "2-2-1"]),
        ("activation", ["tanh", "relu"], ["tanh", "relu"]),
        ("activation", ("tanh",), None),
        ("activation", ["tanh", ("relu",)], ["tanh", "[relu]"]),
        ("shortcuts", ["none", "all"], ["none", "all"]),
        ("init", [0.1] * 17, None),
        ("init", [[0.1] * 17, "zeros"], [f"[{', '.join(['0.1'] * 17)}]", "zeros"]),
        ("init", ["zeros", "he_normal"], ["zeros", "he_normal"]),
        ("target_range", [0.1, 0.9], None),
        ("target_range", [[0.1, 0.9], "none"], ["[0.1, 0.9]", "none"]),
        ("faults", ("ascent", "no_factor"), None),
        ("faults", ["ascent"], None),
        ("faults", [["ascent"], ["no_factor"]], ["[ascent]", "[no_factor]"]),
        ("faults", {"subsets": ["ascent"]}, ["none", "[ascent]"]),
        ("criterion", {"loss": 0.1}, None),
        ("criterion", [{"loss": 0.1}, {"mse": 0.1}], ["{loss: 0.1}", "{mse: 0.1}"]),
        ("bias", ["trained", 0.5], ["trained", "0.5"]),
        ("stop", None, None),
    ],
)
def test_many_values_are_an_axis_and_a_tuple_is_one(key: str, value: Any, values: list[str] | None) -> None:
    assert axes(**{key: value}) == ({} if values is None else {key: values})


def test_a_number_of_a_list_is_an_axis() -> None:
    assert axes(**{"learning_rate": (0.1, 1), "learning_rate[1]": [1, 2]}) == {"learning_rate[1]": ["1.0", "2.0"]}


def test_axes_come_in_the_order_of_the_arguments_after_those_of_sweep() -> None:
    study = runner.study(**{**XOR, "epochs": [1, 2]}, seed=[4, 7], init=["zeros"], sweep={"grid": {"loss": ["sse"]}})
    assert [key for key, _ in runner.plan(study).axes] == ["loss", "epochs", "init"]
    assert study.seeds == (4, 7)


INITIAL = ", ".join(str(Call(record.name, record.parameters)) for record in INITIALIZERS.values())
EITHER = (
    "argument faults: a list may be one value or an axis here: write ('ascent', 'no_factor') for one value, "
    "[['ascent'], ['no_factor']] for an axis"
)


@pytest.mark.parametrize(
    ("make", "messages"),
    [
        (
            lambda: runner.study(activaton="tanh", learning_rate=[0.1, "fast"], loss="mse2", criterion={"mse": "x"}),
            [
                "data is missing",
                "architecture is missing",
                "the budget is missing: give epochs, updates or samples",
                "unknown argument 'activaton'; did you mean 'activation'?",
                f"argument loss: expected one of {', '.join(LOSSES)}, found 'mse2'; did you mean 'mse'?",
                "argument criterion.mse: expected a number >= 0, found 'x'",
                "argument learning_rate[1]: expected a number, found 'fast'",
            ],
        ),
        (lambda: runner.study(**XOR, faults=["ascent", "no_factor"]), [EITHER]),
        (
            lambda: runner.study(**XOR, faults=["ascent", "no_factor"], loss="x").name,
            [
                EITHER,
                f"argument loss: expected one of {', '.join(LOSSES)}, found 'x'; one of your own needs its file: "
                "--pieces FILE.py, or pieces= from Python",
            ],
        ),
        (
            lambda: runner.study(**XOR, batch={1, 2}, stop=max),
            [
                "argument batch: expected a number, a text, a list or a mapping, found a set, which has no order",
                "argument stop: expected a number, a text, a list or a mapping, found a builtin_function_or_method",
            ],
        ),
        (
            lambda: runner.study(**{**XOR, "architecture": (3, 4, 1)}),
            ["argument architecture: 3-4-1 begins with 3; xor has 2 inputs"],
        ),
        (
            lambda: runner.study(**XOR, init=["zeros", "orthogonal"], sweep={"grid": {"init": ["zeros"]}}),
            ["argument init: it is an axis of sweep.grid already"],
        ),
        (
            lambda: runner.study(**XOR, sweep={"grids": {}, "zip": [{"init": "he"}]}),
            [
                "argument sweep: unknown key 'grids'; did you mean 'grid'?",
                f"argument sweep.zip[0].init: expected one of {INITIAL}, "
                "found 'he'; did you mean 'he_uniform' or 'he_normal'?",
            ],
        ),
        (
            lambda: runner.study(**XOR, criterion={0.5: "loss"}),
            ["argument criterion: expected names as keys, found 0.5"],
        ),
        (
            lambda: runner.study(**XOR, description="\ud800"),
            ["argument description: half of a surrogate pair is not a character"],
        ),
        (
            lambda: runner.study(**XOR, name="a/b"),
            ["argument name: expected up to 100 letters, digits and . _ - that do not begin with a dot, found 'a/b'"],
        ),
        (
            lambda: runner.study(**XOR).with_(data="iris", foo=3, epochs="many"),
            [
                "key architecture: 2-4-1 begins with 2; iris has 4 inputs",
                "argument epochs: expected a whole number from 1 to 1,000,000,000,000, found 'many'",
                "unknown argument 'foo'",
            ],
        ),
        (
            lambda: runner.load({**XOR, "epochs": "many", "sweep": {"grid": {"batch": [1, 0]}}}, "ini=3"),
            [
                "key epochs: expected a whole number from 1 to 1,000,000,000,000, found 'many'",
                "key sweep.grid.batch[1]: expected full or a whole number >= 1, found 0",
                "<ini=3>: unknown key 'ini'; did you mean 'init'?",
            ],
        ),
        (
            lambda: runner.load({"description": "nothing"}),
            [f"{key} is missing" for key in ("data", "architecture", "learning_rate")]
            + ["the budget is missing: give epochs, updates or samples"],
        ),
    ],
)
def test_mistakes_name_the_argument_all_at_once(make: Callable[[], object], messages: list[str]) -> None:
    with pytest.raises(runner.StudyError) as caught:
        make()
    assert str(caught.value).splitlines() == messages


def test_a_study_that_no_file_could_hold_is_refused() -> None:
    with pytest.raises(runner.StudyError, match=r"^the study has 16,\d+,\d+ bytes as a file, more than 16,777,216$"):
        runner.study(**XOR, description="x" * 2**24)
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(runner.StudyError, match=r"^argument init\[0\]: nested more than 16 deep$"):
        runner.study(**XOR, init=endless)


def test_a_study_from_python_is_run_grown_and_replayed() -> None:
    study = runner.study(**{**XOR, "learning_rate": [0.5, 2]}, name="grown", replicates=3)
    first = runner.run(study).read_bytes()
    assert runner.run(_written(study)).read_bytes() == first
    results = runner.run(study.with_(learning_rate=[0.5, 2, 8]))
    assert len(results.runs) == 9
    assert runner.run(study.with_(learning_rate=[0.5, 2])).read_bytes() == first
    assert not runner.replay("grown").differences
    assert runner.run({**XOR, "name": "mapped"}, "replicates=2").name == "mapped"
