"""Programs in other dress than the census, with several defects at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.others import OTHERS

from runner.diagnosis.diagnose import diagnose_program


@pytest.mark.parametrize("name", OTHERS)
def test_every_defect_is_named_whatever_the_dress(name: str, tmp_path: Path) -> None:
    text, faults = OTHERS[name]
    file = tmp_path / "mine.py"
    file.write_text(text)
    found = diagnose_program(file)
    assert {finding.fault for finding in found.findings} == faults
    assert found.unknown == ()
    assert found.right is False


def test_thresholds_are_no_mistake_and_predictions_may_be_rounded(tmp_path: Path) -> None:
    """A gate that is right, written with the threshold that its sum must reach."""
    text = OTHERS["a gate: threshold and residual, the sign lost"][0]
    right = text.replace("+ learning_rate * error * g", "- learning_rate * error * g")
    right = right.replace(") + b >= 0", ") - b >= 0").replace(" + biases[0][0] >= 0", " - biases[0][0] >= 0")
    file = tmp_path / "mine.py"
    file.write_text(right)
    found = diagnose_program(file)
    assert found.right is True
    assert "biases are thresholds: they are subtracted from the weighted sum" in found.notes
