"""Programs that hang, exit, print, fail or draw random numbers."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.right_programs import RIGHT_PROGRAMS

from runner.diagnosis.diagnose import diagnose_program
from runner.errors import StudyError

RIGHT = RIGHT_PROGRAMS["in place"]


def file(folder: Path, text: str) -> Path:
    path = folder / "mine.py"
    path.write_text(text)
    return path


def broken(line: str) -> str:
    """The right program with a line at the beginning of its update."""
    return RIGHT.replace("def update(weights, biases, x, y):\n", f"def update(weights, biases, x, y):\n    {line}\n")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("raise ValueError('no such luck')", "ValueError: no such luck"),
        ("exit()", "it ends itself (exit)"),
        ("while True: pass", "it was still running after 1 s"),
        ("return None[0]", "TypeError: 'NoneType' object is not subscriptable"),
        ("import os; os._exit(3)", "its process ended"),
        ("input('go on?')", "EOFError: EOF when reading a line"),
        ("import time; time.sleep(1000)", "it was still running after 1 s"),
        ("update(weights, biases, x, y)", "RecursionError"),
    ],
)
def test_what_can_not_be_asked_is_told_in_the_authors_words(line: str, message: str, tmp_path: Path) -> None:
    path = file(tmp_path, broken(line))
    number = next(n for n, each in enumerate(path.read_text().splitlines(), start=1) if each.strip() == line)
    with pytest.raises(StudyError) as error:
        diagnose_program(path, seconds=1.0)
    assert message in str(error.value)
    if "process ended" not in message:
        assert f"mine.py:{number}: " in str(error.value)
    assert error.value.exit_code == 2


@pytest.mark.parametrize(
    "line",
    [
        "print('hello', flush=True)",
        "import sys; sys.stderr.write('noise' * 1000)",
        "import os; os.system('echo noise')",
        "import warnings; warnings.warn('careful')",
        "global calls; calls = globals().get('calls', 0) + 1",
        "np.seterr(all='raise')",
        "np.random.seed(3); np.random.rand()",
        "import random; random.random()",
        "import os; os.chdir('/')",
        "import sys; sys.setrecursionlimit(200)",
        "import threading; threading.Thread(target=print, daemon=True).start()",
    ],
)
def test_noise_and_state_are_survived(line: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert diagnose_program(file(tmp_path, broken(line))).right is True
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "line",
    [
        "x = x + np.random.default_rng().normal(size=x.shape)",
        "x = x + np.random.normal(size=x.shape)",
        "import random; x = x * random.random()",
        "import time; x = x + time.time_ns() % 1000",
    ],
)
def test_a_program_that_draws_is_told_not_to_be_deterministic(line: str, tmp_path: Path) -> None:
    found = diagnose_program(file(tmp_path, broken(line)))
    assert found.right is None
    assert "not deterministic" in found.unknown[0]["says"]
    assert found.findings == ()


def test_what_is_outside_of_the_algebra_is_not_named(tmp_path: Path) -> None:
    text = RIGHT.replace("below = error @ w * (a * (1 - a))", "below = np.sin(error @ w) * (a * (1 - a))")
    assert text != RIGHT
    found = diagnose_program(file(tmp_path, text))
    assert found.right is None
    assert found.findings == ()
    assert [(each["term"], each["layer"]) for each in found.unknown] == [("error", 1)]
    assert found.exit_code == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("def update", "def updaet", "update(weights, biases, x, y) is missing; did you mean 'updaet'?"),
        ('"2-3-1"', '"2-3-2"', "targets: 1 columns, but the architecture 2-3-2 has 2"),
        ('"2-3-1"', '"two"', "architecture: expected layer sizes as in '2-4-1', found 'two'"),
        ("learning_rate", "rate", "learning_rate is missing"),
        ("import numpy", "import nmupy", "No module named 'nmupy'"),
        ("def s(z):", "def s(z)", "SyntaxError"),
    ],
)
def test_what_the_file_must_say(old: str, new: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError) as error:
        diagnose_program(file(tmp_path, RIGHT.replace(old, new)))
    assert message in str(error.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="there is no such file"):
        diagnose_program(tmp_path / "mine.py")


def test_it_takes_less_than_ten_seconds(tmp_path: Path) -> None:
    start = time.monotonic()
    diagnose_program(file(tmp_path, RIGHT))
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("loss = 'crossentropy'", "loss: expected one of half_sse, "),
        ("loss = 'crossentropy'", "did you mean 'cross_entropy'"),
        ("updates = 'many'", "updates: expected a whole number from 1 to 1,000,000,000,000, found 'many'"),
        ("epochs = 0", "epochs: expected a whole number from 1 to 1,000,000,000,000, found 0"),
        ("activation = 'sigmoidal'", "activation: expected one of sigmoid, "),
    ],
)
def test_what_is_said_of_the_program_must_make_sense(line: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError) as error:
        diagnose_program(file(tmp_path, f"{RIGHT}\n{line}\n"))
    assert message in str(error.value)


@pytest.mark.parametrize("line", ["loss = [0.3, 0.2]", "output = np.zeros(3)", "activation = np.tanh"])
def test_names_that_stand_for_something_else_are_left_alone(line: str, tmp_path: Path) -> None:
    assert diagnose_program(file(tmp_path, f"{RIGHT}\n{line}\n")).right is True


def test_no_file_of_another_program_is_left(tmp_path: Path) -> None:
    into = tmp_path / "told"
    into.mkdir()
    (into / "settings.yaml").write_text("name: another\n")
    (into / "own.txt").write_text("mine")
    diagnose_program(file(tmp_path, RIGHT), into, seeds=20)
    assert not (into / "settings.yaml").exists()
    assert (into / "own.txt").read_text() == "mine"
    assert (into / "diagnosis.json").exists()
