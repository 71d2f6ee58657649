"""Programs that hang, exit, print, fail or draw random numbers."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.right_programs import RIGHT_PROGRAMS

from runner.diagnosis.diagnose import diagnose_program
from runner.errors import StudyError
from runner.studies.load import load_study

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
        ("input('go on?')", "EOFError: EOF when reading a line (it is given no input to read)"),
        ("get_ipython().run_line_magic('matplotlib', 'inline')", "(a command of a notebook, to be taken out"),
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
        ("def update", "def step", "what a file for diagnose says: python -m runner docs diagnose"),
        ("[[0], [1], [1], [0]]", "zip([0, 1, 1, 0])", "targets: expected numbers, found zip"),
        ("[[0], [1], [1], [0]]", "np.array([{}, {}])", "targets: expected numbers, found ndarray"),
        ("import numpy", "import nmupy", "No module named 'nmupy'"),
        ("def s(z):", "def s(z)", "SyntaxError"),
    ],
)
def test_what_the_file_must_say(old: str, new: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError) as error:
        diagnose_program(file(tmp_path, RIGHT.replace(old, new)))
    assert message in str(error.value)


def test_samples_may_be_a_data_frame(tmp_path: Path) -> None:
    frame = "import pandas\ninputs, targets = pandas.DataFrame(inputs), pandas.Series([0, 1, 1, 0])\n"
    found = diagnose_program(file(tmp_path, RIGHT + frame))
    assert found.right is True
    assert found.twin is not None
    assert found.twin["parts_at"] is None


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


GIVEN = "(v, w), (c, b) = weights, biases"
OWN = "v, w, c, b = np.ones((3, 2)), np.ones((1, 3)), np.ones(3), np.ones(1)"
MOVES_NOTHING = "moves none of the weights that it is given, and returns no others"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([("x @ v.T", "np.array(inputs) @ v.T"), ("below.T @ x", "below.T @ np.array(inputs)")], "whatever x is"),
        (
            [(GIVEN, f"{GIVEN}; x, y = np.array(inputs, float), np.array(targets, float)")],
            "update gives the same weights whatever x and y are",
        ),
        ([(GIVEN, OWN)], f"update {MOVES_NOTHING}"),
        ([(GIVEN, OWN), ("@END", "    return [v, w], [c, b]")], "whatever weights and biases are"),
    ],
)
def test_an_update_that_does_not_use_what_it_is_given(
    changes: list[tuple[str, str]], told: str, tmp_path: Path
) -> None:
    text = RIGHT + "@END\n"
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    found = diagnose_program(file(tmp_path, text.replace("@END", "")))
    assert found.right is None
    assert len(found.unknown) == 1
    assert told in found.unknown[0]["says"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("for u in range(updates): update(weights, biases, X, Y)", "whatever its inputs and its targets are"),
        ("for u in range(7): update(weights, biases, inputs, targets)", "whatever its number of updates is"),
        ("for u in range(updates): update(W, B, inputs, targets)", f"train {MOVES_NOTHING}"),
    ],
)
def test_a_loop_that_does_not_use_what_it_is_given(body: str, told: str, tmp_path: Path) -> None:
    own = "X, Y = np.array(inputs, float), np.array(targets, float)\n"
    own += "W, B = [np.ones((3, 2)), np.ones((1, 3))], [np.ones(3), np.ones(1)]"
    train = f"{own}\ndef train(weights, biases, inputs, targets, updates):\n    {body}\n"
    found = diagnose_program(file(tmp_path, f"{RIGHT}\n{train}"))
    assert not found.right
    says = [*(each["says"] for each in found.unknown), *(finding.says for finding in found.findings)]
    assert any(told.casefold() in each.casefold() for each in says)


INITIAL = """\
def initial(seed):
    r = np.random.default_rng(seed)
    return [r.normal(size=n) for n in ((3, 2), (1, 3))], [np.zeros(3), np.zeros(1)]
"""


def test_initial_weights_that_are_always_the_same_are_told(tmp_path: Path) -> None:
    same = INITIAL.replace("default_rng(seed)", "default_rng(1)")
    found = diagnose_program(file(tmp_path, f"{RIGHT}\n{same}"), tmp_path / "out", seeds=20)
    assert found.rates == ()
    assert any("initial(seed) gives the same weights for several seeds" in note for note in found.notes)


def test_studies_are_named_after_their_program(tmp_path: Path) -> None:
    text = f"{RIGHT}\nupdates = 50\n{INITIAL}"
    for name, called in (("mine.py", "mine"), ("my net (2).py", "my_net__2_")):
        (tmp_path / name).write_text(text)
        diagnose_program(tmp_path / name, tmp_path / "out", seeds=20)
        for kind in ("twin", "cost"):
            assert load_study(tmp_path / "out" / f"{kind}.yaml").name == f"{called}_{kind}"


def test_an_endless_update_ends_with_the_diagnosis(tmp_path: Path) -> None:
    """Ctrl-C while a copy of the process answers, which goes to the runner alone: the copy is not left to run."""
    log = tmp_path / "log"
    path = file(tmp_path, broken(f"while True: open({str(log)!r}, 'ab', 0).write(b'.')"))
    command = [sys.executable, "-m", "runner", "diagnose", str(path), "--into", str(tmp_path / "out")]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        while not log.exists():
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        process.wait(30)
    assert process.returncode == 130
    written = log.stat().st_size
    time.sleep(0.2)
    assert log.stat().st_size == written
