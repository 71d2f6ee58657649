"""Data from memory: what counts as a data set, what is said of what does not, and that results outlive the process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.datasets import load_iris
from torch.utils.data import TensorDataset

import runner

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
Y = np.array([0, 1, 1, 0])
COLUMNS = {"a": X[:, 0], "b": X[:, 1], "c": Y}
KEYS: dict[str, Any] = {"architecture": "2-4-1", "learning_rate": [0.5, 2], "epochs": 50, "replicates": 3}
IRIS: dict[str, Any] = {
    "architecture": "4-5-3",
    "target_encoding": "one_hot",
    "scaling": "standardize",
    "output": "softmax",
    "loss": "cross_entropy",
    "learning_rate": 0.01,
    "epochs": 20,
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which everything happens."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def named(**keys: Any) -> str:
    """The data of a study with these keys."""
    return str(runner.study(**KEYS, **keys).base["data"])


def test_whatever_holds_the_same_numbers_is_the_same_data() -> None:
    name = named(data=(X, Y))
    assert name.startswith("memory:")
    frame = pd.DataFrame(COLUMNS)
    for same in (
        {"data": (X.tolist(), Y.tolist())},
        {"data": (pd.DataFrame(X), pd.Series(Y))},
        {"data": (torch.tensor(X, dtype=torch.float64).requires_grad_(), torch.tensor(Y))},
        {"data": TensorDataset(torch.tensor(X), torch.tensor(Y))},
        {"data": frame, "inputs": ["a", "b"], "targets": ["c"]},
        {"data": frame.astype({"a": "Int8", "b": bool}), "inputs": np.array(["a", "b"]), "targets": "c"},
        {"data": frame[["b", "c", "a"]], "inputs": ["a", "b"], "targets": "c"},
        {"data": pl.DataFrame(COLUMNS), "targets": "c"},
        {"data": {"frame": frame, "targets": "c"}},
    ):
        assert named(**same) == name
    assert named(data=(X, 1 - Y)) != name
    assert (
        runner.study(**KEYS, data="xor").with_(data=frame, targets="c").base["data"]
        == runner.study(**KEYS, data=(X, Y)).base["data"]
    )
    mapped = runner.load({**KEYS, "learning_rate": 1, "data": frame, "targets": "c"})
    assert str(mapped.base["data"]) == name


def test_a_bunch_of_scikit_learn_is_data_and_labels_may_be_text() -> None:
    bunch, framed = load_iris(), load_iris(as_frame=True)
    study = runner.study(data=bunch, **IRIS)
    assert study.with_(data=framed).base["data"] == study.base["data"]
    labels = bunch.target_names[bunch.target]
    results = [
        runner.run(study.with_(data=data, name=name)).runs.final_loss[0]
        for name, data in (("codes", bunch), ("words", (bunch.data, labels)))
    ]
    assert results[0] == results[1]


def test_missing_values_go_by_missing() -> None:
    holes = pd.DataFrame({"a": [0, None, 1, 1], "b": X[:, 1], "c": Y})
    dropped = runner.study(data=holes, targets="c", missing="drop", **KEYS)
    assert len(runner.plan(dropped).cell(0).data_set.inputs) == 3
    with pytest.raises(runner.StudyError) as caught:
        runner.study(data=holes, targets="c", **KEYS)
    assert str(caught.value) == (
        "argument data: inputs[1, 0] is missing; expected a number, or 'missing: drop' or 'missing: keep' in the study"
    )


def test_many_data_sets_are_an_axis() -> None:
    study = runner.study(data=["xor", (X, Y), (X, 1 - Y)], **KEYS)
    results = runner.run(study)
    losses = results.runs.groupby("data", sort=False).final_loss.apply(list)
    assert len(losses) == 3
    assert losses.iloc[0] == losses.iloc[1] != losses.iloc[2]
    assert len(list((results.parent / "data").iterdir())) == 2


AGAIN = """
import runner
print(runner.replay("study"))
print(runner.plan(runner.load("results/study/study.yaml")).n_runs)
runner.run("grown.yaml", "name=study")
runner.run("grown.yaml", "name=study", "learning_rate=[0.5, 2, 8]")
print(runner.replay("study"))
"""


def test_results_are_replayed_grown_and_merged_without_the_arrays() -> None:
    study = runner.study(data=(X, Y), **KEYS, record={"weights": True})
    whole = runner.run(study)
    study.to_yaml("grown.yaml")

    def run(*arguments: str) -> str:
        done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    command = ("-m", "runner")
    for part in ("1/2", "2/2"):
        run(*command, "grown.yaml", "--shard", part, "--out", "parts", "name=study", "-q")
    run(*command, "merge", "study", "--out", "parts", "-q")
    for name in ("runs.csv", "weights.npz", "study.yaml"):
        written = Path("parts/study", name).read_bytes()
        assert written == (whole.parent / name).read_bytes() or name == "study.yaml"
    assert list(Path("parts/study/data").iterdir())
    run(*command, "replay", "study", "--all", "--out", "parts", "-q")
    assert run("-c", AGAIN).splitlines() == [
        "study: 6 of 6 rows trained again: the same, bit for bit",
        "6",
        "study: 9 of 9 rows trained again: the same, bit for bit",
    ]


def test_a_study_sent_to_another_process_has_its_data() -> None:
    """As Dask sends it: checked, and its data loaded."""
    import cloudpickle

    plan = runner.plan(runner.study(data=(X, Y), **KEYS))
    Path("errand.pickle").write_bytes(cloudpickle.dumps((plan.study, plan.all_data_sets())))
    code = """if True:
        import cloudpickle
        from runner.studies.plan import Plan
        plan = Plan(*cloudpickle.load(open("errand.pickle", "rb")))
        print(plan.cell(0).data_set.targets.ravel().tolist())
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[0.0, 1.0, 1.0, 0.0]\n"


def test_a_zoom_of_a_plane_has_the_data_beside_it() -> None:
    keys = {**KEYS, "learning_rate": [0.5, 1, 2], "replicates": 1}
    runner.run(runner.study(data=(X, Y), **keys, weight_decay=[0, 0.1, 0.2]))
    path = runner.zoom("study", "learning_rate", "weight_decay", [0.5, 1, 0, 0.1])
    assert list(path.absolute().parent.glob("data/*.npz"))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            lambda: {"data": X},
            "argument data: expected inputs and targets, as in data=(X, y), found a ndarray alone",
        ),
        (lambda: {"data": (X,)}, "argument data: expected inputs and targets, as in data=(X, y), found 1 of them"),
        (
            lambda: {"data": ["xor", X]},
            "argument data[1]: expected inputs and targets, as in data=(X, y), found a ndarray alone",
        ),
        (lambda: {"data": (X, Y[:3])}, "argument data: targets has 3 samples, and inputs has 4"),
        (
            lambda: {"data": (X, [[0], [1, 2]])},
            "argument data: targets: expected an array, found a list that is none",
        ),
        (lambda: {"data": (X, Y + 1j)}, "argument data: targets holds complex128; expected numbers"),
        (
            lambda: {"data": (X, list("abca"))},
            "argument data: targets holds text; expected numbers (class labels need 'target_encoding: one_hot')",
        ),
        (
            lambda: {"data": pd.DataFrame(COLUMNS)},
            "argument data: targets: expected columns of the data frame, which has a, b and c",
        ),
        (
            lambda: {"data": pd.DataFrame({"length": [1], "c": [1]}), "inputs": "lengths", "targets": "c"},
            "argument data: inputs: there is no column 'lengths'; did you mean 'length'?",
        ),
        (
            lambda: {"data": pl.DataFrame({"a": [1], "b": ["u"], "c": [0]}), "targets": "c"},
            "argument data: column 'b' holds text; expected numbers",
        ),
        (lambda: {"data": pd.DataFrame(COLUMNS), "targets": 1.5}, "argument data: targets: expected names of columns"),
        (
            lambda: {"data": {"frame": pd.DataFrame(COLUMNS), "target": "c"}},
            "argument data: expected frame, inputs and targets, found 'target'",
        ),
        (
            lambda: {"data": "memory:12"},
            "argument data: expected memory: and 16 hexadecimal digits, found 'memory:12'",
        ),
        (lambda: {"data": "memory:0123456789abcdef"}, "argument data: memory:0123456789abcdef is not in this process"),
        (lambda: {"data": (X, Y), "architecture": "3-1"}, "argument architecture: 3-1 begins with 3; memory:"),
    ],
)
def test_what_is_no_data_set_is_told(keys: Callable[[], dict[str, Any]], message: str) -> None:
    with pytest.raises(runner.StudyError) as caught:
        runner.study(**{**KEYS, **keys()})
    assert len(caught.value.problems) == 1
    assert str(caught.value).startswith(message)
