"""The eight programs of the census: every defect of the update is named, and nothing else."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from support.census import PROGRAMS

from runner.diagnosis.diagnose import diagnose_program
from runner.diagnosis.result import Diagnosis


def diagnosed(folder: Path, text: str) -> Diagnosis:
    file = folder / "mine.py"
    file.write_text(text)
    return diagnose_program(file)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_defect_is_named_and_nothing_else(name: str, tmp_path: Path) -> None:
    found = diagnosed(tmp_path, PROGRAMS[name].file())
    assert {finding.fault for finding in found.findings} == PROGRAMS[name].expected()
    assert found.right is (not PROGRAMS[name].expected())
    assert not found.unknown
    assert found.twin is not None
    assert found.twin["parts_at"] is None
    assert found.twin["largest_difference"] < 1e-12


CASES = [
    (name, mend)
    for name, program in PROGRAMS.items()
    for n in range(1, len(program.faults) + 1)
    for mend in combinations(program.faults, n)
]


@pytest.mark.parametrize(("name", "mend"), CASES)
def test_what_is_mended_is_no_longer_named(name: str, mend: tuple[str, ...], tmp_path: Path) -> None:
    found = diagnosed(tmp_path, PROGRAMS[name].file(mend))
    assert {finding.fault for finding in found.findings} == PROGRAMS[name].expected(mend)
    assert not found.unknown
