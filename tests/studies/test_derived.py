"""What is made from a study that was run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.errors import StudyError
from runner.studies.derived import recorded

TEXT = "name: small\ndata: xor\nepochs: 100\nsweep: {grid: {learning_rate: [0.1, 1e-3]}}\n"


def test_what_was_run_is_the_file_with_its_arguments(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(TEXT)
    facts = {"versions": {"runner": "1.2.3"}, "study": {"overrides": ["epochs=5", "replicates=3"]}}
    (tmp_path / "environment.json").write_text(json.dumps(facts))
    assert recorded(tmp_path) == {
        "name": "small",
        "data": "xor",
        "epochs": 5,
        "replicates": 3,
        "sweep": {"grid": {"learning_rate": [0.1, 0.001]}},
        "versions": {"runner": "1.2.3"},
    }


def test_without_a_copy_of_the_study_there_are_only_versions(tmp_path: Path) -> None:
    assert recorded(tmp_path) == {"versions": {}}


def test_a_damaged_copy_is_named(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("- no\n- study\n")
    with pytest.raises(StudyError, match=r"study\.yaml"):
        recorded(tmp_path)
