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
    assert found.twin["parts_at"] is None or "float32" in name


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("in place", "your a(1 - a) is right: a is the activation already"),
        ("tanh", "your 1 - a^2 is right: a is the activation already"),
        ("sum of squares", "the step is 2 times the learning rate: the 2 of (y - t)^2, as with loss: sse"),
        ("transposed", "weights are (fan_in, fan_out): transposed to what the runner has, which is no mistake"),
        ("bias as a column", "biases are the weights of an extra input, the last column of the weights"),
        ("momentum", "the optimizer is momentum 0.9"),
        ("mean", "when update is given several samples, their gradients are averaged"),
        ("three layers", "when update is given several samples, their gradients are summed"),
        (
            "lists of lists",
            "when update is given several samples, it makes an update for every one of them, one after the other",
        ),
    ],
)
def test_what_is_worth_a_note(name: str, note: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(RIGHT_PROGRAMS[name])
    assert note in diagnose_program(file).notes
