"""Right programs in different dress: no false alarm."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.right_programs import RIGHT_PROGRAMS

from runner.diagnosis.diagnose import diagnose_program


@pytest.mark.parametrize("name", RIGHT_PROGRAMS)
def test_a_right_program_is_told_to_be_right(name: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(RIGHT_PROGRAMS[name])
    found = diagnose_program(file)
    assert found.findings == ()
    assert found.unknown == ()
    assert found.right is True
    assert found.exit_code == 0
    assert found.twin is not None
    assert found.twin["parts_at"] is None


_SQUARED = "your gradient is that of half the squared error"


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("in place", "your a(1 - a) is right: a is the activation already"),
        ("tanh", "your 1 - a^2 is right: a is the activation already"),
        ("sum of squares", "the step is 2 times the learning rate: the 2 of (y - t)^2, as with loss: sse"),
        ("transposed", "weights are (fan_in, fan_out): transposed to what the runner has, which is no mistake"),
        ("bias as a column", "biases are the weights of an extra input, the last column of the weights"),
        ("momentum", "the optimizer is momentum 0.9"),
        ("mean", f"{_SQUARED}, averaged over the samples of a call (loss: half_mse)"),
        ("three layers", f"{_SQUARED}, summed over the samples of a call (loss: half_sse)"),
        (
            "sum of squares",
            "your gradient is that of the squared error, summed over the samples of a call (loss: sse)",
        ),
        (
            "softmax with cross-entropy",
            "your gradient is that of the cross-entropy, averaged over the samples of a call (loss: cross_entropy)",
        ),
        (
            "lists of lists",
            f"{_SQUARED}, with an update for every sample of a call, one after the other (loss: half_sse)",
        ),
    ],
)
def test_what_is_worth_a_note(name: str, note: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(RIGHT_PROGRAMS[name])
    assert note in diagnose_program(file).notes


@pytest.mark.parametrize(
    ("said", "step", "notes"),
    [
        ("learning_rate = 3", "1.0 * gradient", ["your learning rate is 1, and not the 3 of your file"]),
        ("learning_rate = 0.2", "0.07 * gradient", ["your learning rate is 0.07, and not the 0.2 of your file"]),
        (
            "learning_rate = 0.2",
            "learning_rate**2 * gradient",
            ["your learning rate is 0.04, as it is a factor of the step twice, and not the 0.2 of your file"],
        ),
        (
            "learning_rate = 0.2",
            "learning_rate * gradient / len(inputs)",
            [f"{_SQUARED}, summed and divided by 4, the number of your samples (loss: half_mse)"],
        ),
        (
            "learning_rate = 0.2",
            "(1.0 if gradient.ndim == 2 else 0.2) * gradient",
            ["the learning rate of the weights of layer 1 and weights of layer 2 is 1, and not the 0.2 of your file"],
        ),
        (
            "learning_rate, loss = 0.2, 'binary_cross_entropy'",
            "learning_rate * gradient",
            [f"{_SQUARED}, summed over the samples of a call, and not that of the binary_cross_entropy of your file"],
        ),
    ],
)
def test_the_rate_and_the_loss_that_a_program_has_are_told(
    said: str, step: str, notes: list[str], tmp_path: Path
) -> None:
    text = RIGHT_PROGRAMS["in place"].replace("parameter -= learning_rate * gradient", f"parameter -= {step}")
    file = tmp_path / "mine.py"
    file.write_text(f"{text}\n{said}\n")
    assert set(notes) <= set(diagnose_program(file).notes)
