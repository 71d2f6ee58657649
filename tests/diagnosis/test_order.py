"""Which samples a program's own loop takes, by programs written for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.loops import LOOPS, with_loop
from support.right_programs import RIGHT_PROGRAMS

from runner.diagnosis.diagnose import diagnose_program, likeliest
from runner.diagnosis.order import find_order
from runner.diagnosis.program import Program

PREDICT = """
def predict(weights, biases, x):
    return s(s(x @ weights[0].T + biases[0]) @ weights[1].T + biases[1])
"""


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_is_followed_sample_by_sample(name: str, tmp_path: Path) -> None:
    order, fault, loop = LOOPS[name]
    path = tmp_path / "mine.py"
    path.write_text(with_loop(loop, RIGHT_PROGRAMS["in place"] + PREDICT))
    with Program(path, 10.0) as program:
        found = find_order(likeliest(program, (2, 3, 1), dict(program.keys)))
    assert found is not None
    assert (found.name, found.fault) == (order, fault or "")


def test_the_order_is_a_finding_beside_those_of_the_update(tmp_path: Path) -> None:
    program = RIGHT_PROGRAMS["in place"].replace("below = error @ w * (a * (1 - a))", "below = error @ w")
    path = tmp_path / "mine.py"
    path.write_text(with_loop(LOOPS["inputs shuffled apart, once"][2], program))
    found = diagnose_program(path)
    assert [finding.fault for finding in found.findings] == ["no_hidden_slope", "inputs_shuffled_apart"]
    assert found.findings[1].term == "order"


@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_the_order_is_found_under_an_optimizer_that_remembers(name: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(with_loop(LOOPS["shuffled once a pass, seeded"][2], RIGHT_PROGRAMS[name]))
    found = diagnose_program(path)
    assert found.right is True
    assert "train shuffles the samples in every pass" in found.notes
