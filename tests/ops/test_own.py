"""Pieces of a user's own: the example of docs/pieces.md, what is refused, and what a start keeps of them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import runner
from runner import pieces, testing
from runner.__main__ import main
from runner.data import DATASETS
from runner.errors import Refused, StudyError
from runner.ops import ACTIVATIONS, INITIALIZERS, LOSSES, OPTIMIZERS, SCHEDULES, own
from runner.studies.plan import make_plan

PAGE = Path(runner.__file__).parent.parent / "docs" / "pieces.md"
EXAMPLE, STUDY = (
    re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]  # type: ignore[index]
    for name in ("my_pieces.py", "waves.yaml")
)


@pytest.fixture(autouse=True)
def _registries_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    registries = (ACTIVATIONS, LOSSES, OPTIMIZERS, INITIALIZERS, SCHEDULES, DATASETS)
    before = [dict(registry) for registry in registries]
    monkeypatch.setattr(own, "_loaded", {})
    yield
    for registry, records in zip(registries, before, strict=True):
        registry.reset(records)  # type: ignore[attr-defined]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("my_pieces.py").write_text(EXAMPLE)
    Path("waves.yaml").write_text(STUDY)
    return tmp_path


def test_the_example_of_the_page_runs_from_python(folder: Path) -> None:
    results = runner.run("waves.yaml", "replicates=3", pieces="my_pieces.py")
    runs = results.runs
    assert set(runs.activation) == {"wave", "tanh"}
    assert set(runs.loss) == {"quartic", "mse"}
    assert (runs.final_loss < runs.initial_loss).mean() > 0.7
    # Pieces are written as they are registered, and a plan says which it uses.
    used = json.loads((folder / "results/waves/environment.json").read_text())["pieces"]
    assert used.keys() == {
        *("activation wave", "loss quartic", "optimizer heavy_ball", "initialiser within", "schedule sawtooth")
    }
    assert len({*used.values()}) == 1
    # Nothing is left to do, and the rows can be trained again.
    before = Path(results).read_bytes()
    runner.run("waves.yaml", "replicates=3", pieces="my_pieces.py")
    assert Path(results).read_bytes() == before
    assert runner.replay("waves", sample=4).n_differing == 0


def test_the_example_passes_the_checks_of_the_page(folder: Path) -> None:
    block = PAGE.read_text().partition("## Checks")[2].split("```")[1].removeprefix("python\n")
    exec(compile(block, "page", "exec"), {})
    pieces.load("my_pieces.py")
    testing.check_optimizer("sign_descent", rate=0.001)
    z = np.linspace(-2, 2, 9)
    a, slope = testing.activation_values("wave", z)
    assert a == pytest.approx(z + np.sin(z), rel=1e-14)
    assert slope == pytest.approx(1 + np.cos(z), rel=1e-14)


def test_a_wrong_slope_is_found(folder: Path) -> None:
    Path("wrong.py").write_text(EXAMPLE.replace("1 + pieces.cosine(z)", "pieces.cosine(z)"))
    pieces.load("wrong.py")
    with pytest.raises(AssertionError, match=r"wave: the slope at z = -8.03 is -0.17\d+, and has to be 0.82"):
        testing.check_activation("wave")


def test_a_piece_learns_what_its_formula_says(folder: Path) -> None:
    """One unit, one update, by hand: w - rate * dE/dw with a = z + sin z and the mean of the fourth powers.

    The first factor of the schedule is 1; with it, the kernel is that of the other studies.
    """
    Path("one.yaml").write_text(
        "name: one\ndata: and\narchitecture: 2-1\noutput: wave\nloss: quartic\nlearning_rate: 0.1\nupdates: 1\n"
        "init: [0.3, -0.2, 0.1]\nrecord: {weights: true}\noptimizer: heavy_ball\n"
        "learning_rate_schedule: sawtooth(2, 0.5)\n"
    )
    results = runner.run("one.yaml", pieces="my_pieces.py")
    with np.load(Path(results).parent / "weights.npz") as file:
        (final,) = (file[name] for name in file.files if name.endswith("final"))
    x, t = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]), np.array([0, 0, 0, 1.0])
    z = x @ [0.3, -0.2] + 0.1
    d = 4 * (z + np.sin(z) - t) ** 3 * (1 + np.cos(z)) / 4
    expected = np.array([0.3, -0.2, 0.1]) - 0.1 * np.array([*(d @ x), d.sum()])
    assert final.ravel() == pytest.approx(expected, rel=1e-13)


def test_a_schedule_gives_the_factors_of_its_formula(folder: Path) -> None:
    """One unit without an activation, four full-batch updates with the factors 1, 0.75, 1 and 0.75, by hand."""
    Path("one.yaml").write_text(
        "name: one\ndata: corners(4, 0.5)\narchitecture: 2-1\noutput: identity\nlearning_rate: 0.1\nupdates: 4\n"
        "learning_rate_schedule: sawtooth(2, 0.5)\ninit: [0.3, -0.2, 0.1]\nrecord: {weights: true}\n"
    )
    results = runner.run("one.yaml", pieces="my_pieces.py")
    with np.load(Path(results).parent / "weights.npz") as file:
        (final,) = (file[name] for name in file.files if name.endswith("final"))
    x = np.array([[0, 0, 1], [0.25, 0.75, 1], [0.5, 0.5, 1], [0.75, 1.25, 1]])
    w, t = np.array([0.3, -0.2, 0.1]), np.array([0, 1, 0, 1])
    for factor in (1, 0.75, 1, 0.75):
        w = w - 0.1 * factor * (x.T @ (x @ w - t))
    assert final.ravel() == pytest.approx(w, rel=1e-13)
    assert runner.replay("one", sample=1).n_differing == 0


def test_a_changed_data_set_is_another_one(folder: Path) -> None:
    keys = {"data": "corners(4, 0.5)", "architecture": "2-1", "learning_rate": 0.1, "epochs": 1}
    pieces.load("my_pieces.py")
    (before,) = runner.run(runner.study(name="one", **keys), out="a").runs.initial_loss
    Path("my_pieces.py").write_text(EXAMPLE.replace("gap * (k % 2)", "3 * gap * (k % 2)"))
    pieces.load("my_pieces.py")
    (after,) = runner.run(runner.study(name="one", **keys), out="b").runs.initial_loss
    assert after != before


WRONG_DATA = [
    ("return [[1, 2], [3]], [0, 1]", "ValueError: setting an array element with a sequence."),
    ("return [1, 2], [0, 1]", r"expected its inputs as an array \(samples, inputs\), found one of the shape \(2,\)"),
    ("return [[1], [2]], [0, float('nan')]", "expected finite numbers as its targets"),
    ("return [[1], [2]], [0, 1, 2]", "it has 2 rows of inputs, and 3 of targets"),
    ("raise RuntimeError('no such points')", "RuntimeError: no such points"),
]


@pytest.mark.parametrize(("body", "message"), WRONG_DATA)
def test_a_data_set_that_gives_no_samples_is_told(folder: Path, body: str, message: str) -> None:
    Path("bad.py").write_text(f"from runner import pieces\n@pieces.data_set('bad')\ndef bad(n: int):\n    {body}\n")
    pieces.load("bad.py")
    with pytest.raises(StudyError, match=rf"argument data: bad\(3\): {message}"):
        runner.study(name="one", data="bad(3)", architecture="1-1", learning_rate=1, epochs=1)
    with pytest.raises(StudyError, match=r"n must be a whole number from .*, found 0.5"):
        runner.study(name="one", data="bad(0.5)", architecture="1-1", learning_rate=1, epochs=1)


def test_a_changed_file_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runner.run("waves.yaml", "replicates=2", pieces="my_pieces.py")
    Path("my_pieces.py").write_text(EXAMPLE.replace("z + pieces.sine(z)", "z - pieces.sine(z)"))
    assert main(["waves.yaml", "replicates=4", "--pieces", "my_pieces.py"]) == 3
    told = capsys.readouterr().err
    assert "has rows that were made when the file of activation wave, loss quartic, optimizer heavy_ball" in told
    with pytest.raises(Refused):
        runner.run("waves.yaml", "replicates=4", pieces="my_pieces.py")


def test_a_plan_tells_its_pieces(folder: Path) -> None:
    study = runner.load("waves.yaml", "loss=mse", "init=zeros", "data=corners(4, 0.5)", pieces=["my_pieces.py"])
    used = {"activation wave", "optimizer heavy_ball", "schedule sawtooth", "data set corners"}
    assert make_plan(study).own_pieces.keys() == used
    assert make_plan(study).members.name


WRONG = [
    ("def wave(:\n", "bad.py:1:10: invalid syntax"),
    ("\nimport nothing_like_this\n", "bad.py:2: ModuleNotFoundError: No module named 'nothing_like_this'"),
    (
        "from runner import pieces\n@pieces.activation('tanh', slope=lambda z, a: a)\ndef f(z):\n    return z\n",
        "bad.py:2: activation 'tanh' is one of the package: give yours another name",
    ),
    (
        "from runner import pieces\n@pieces.activation('My Wave', slope=lambda z, a: a)\ndef f(z):\n    return z\n",
        "bad.py:2: activation 'My Wave': expected a name of small letters, digits and underscores, which begins with a "
        "letter",
    ),
    (
        "from runner import pieces\n@pieces.activation('f', slope=lambda z: z)\ndef f(z):\n    return z\n",
        "bad.py:2: <lambda>: expected a function of 2 arguments, found one of 1",
    ),
    (
        "from runner import pieces\n@pieces.loss('f', slope=lambda y, t: y, per='batch')\ndef f(y, t):\n    return y\n",
        "bad.py:2: loss f: expected per as sum, samples or elements, found 'batch'",
    ),
    (
        "from runner import pieces\n@pieces.optimizer('f', settings={'beta': 1})\ndef f(w, g, h, r):\n    return w\n",
        "bad.py:2: optimizer f: unknown setting 'beta'; did you mean 'beta1' or 'beta2'?; known are momentum, ",
    ),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_a_file_that_does_not_load_is_told_in_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    good = "from runner import pieces\n@pieces.initializer('fine')\ndef fine(i, o):\n    return pieces.normal(0, 1)\n"
    Path("bad.py").write_text(text if "from runner" not in text else text + good)
    assert main(["plan", "s.yaml", "--pieces", "bad.py"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {message}")
    # Half a file is no file.
    assert "fine" not in INITIALIZERS


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "s.yaml", "--pieces", "none.py"]) == 2
    assert capsys.readouterr().err == "error: none.py: the pieces can not be read: No such file or directory\n"
    assert main(["plan", "s.yaml", "--pieces"]) == 2
    assert capsys.readouterr().err == "error: --pieces: expected a Python file after it\n"


@pytest.mark.parametrize("key", ["activation", "loss", "optimizer", "init", "data", "learning_rate_schedule"])
def test_a_name_that_is_like_none_is_told_to_need_its_file(key: str) -> None:
    keys = {"data": "xor", "architecture": "2-2-1", "learning_rate": 1, "epochs": 1} | {key: "zebra_crossing"}
    with pytest.raises(
        StudyError, match=r"found 'zebra_crossing'; one of your own needs its file: --pieces FILE.py, or"
    ):
        runner.study(**keys)


def test_without_the_file_its_names_are_unknown(folder: Path) -> None:
    with pytest.raises(StudyError, match="found 'wave'"):
        runner.load("waves.yaml")


def test_a_start_that_was_killed_goes_on(folder: Path) -> None:
    """... to the bytes of a start that was not."""
    runner.run("waves.yaml", "replicates=20", "epochs=4000", "name=whole", pieces="my_pieces.py")
    command = [sys.executable, "-m", "runner", "waves.yaml", "replicates=20", "epochs=4000", "-j", "1"]
    command += ["--pieces", "my_pieces.py", "-q"]
    environment = os.environ | {"PYTHONPATH": str(PAGE.parent.parent)}
    table = folder / "results/waves/runs.csv"
    with subprocess.Popen(command, env=environment) as process:
        while process.poll() is None and not (table.exists() and len(table.read_bytes().splitlines()) > 1):
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert subprocess.run(command, env=environment, check=False).returncode == 0
    assert table.read_bytes() == (folder / "results/whole/runs.csv").read_bytes()
    assert len(pd.read_csv(table)) == 80


@pytest.mark.slow
def test_workers_of_a_cluster_are_sent_the_file(folder: Path) -> None:
    command = [sys.executable, "-m", "runner", "waves.yaml", "replicates=2", "--pieces", "my_pieces.py", "-q"]
    environment = os.environ | {"PYTHONPATH": str(PAGE.parent.parent)}
    for more in (["--dask", "local:1", "--out", "there"], ["--out", "here"]):
        subprocess.run([*command, *more], env=environment, check=True)
    assert (folder / "there/waves/runs.csv").read_bytes() == (folder / "here/waves/runs.csv").read_bytes()
