"""The programs of the posts, as `support.posts` restates them: every defect is named, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.diagnosis.diagnose import diagnose_program

TESTS = Path(__file__).parents[1]
_TOP = f"""\
import sys
import numpy as np
sys.path.insert(0, {str(TESTS)!r})
from support import posts

def joined(weights, biases):
    return [part.copy() for pair in zip(weights, biases) for part in pair]

def apart(parts):
    return parts[0::2], parts[1::2]

"""
_ONE_BY_ONE = """\
def update(weights, biases, x, y):
    parts = joined(weights, biases)
    for given, wanted in zip(x, y):
        parts = posts.{call}[-1]
    return apart(parts)
"""
_TOGETHER = """\
def update(weights, biases, x, y):
    return apart(posts.{call}[-1])
"""
_SAMPLES = (
    "inputs, targets = np.random.default_rng(0).normal(size=(6, {i})), np.random.default_rng(1).random((6, {o}))\n"
)

# Architecture, rate, how samples are used, the call, faults (None: those of the post).
POSTS = {
    "boolean_3_4_1": ("3-4-1", 0.4, _ONE_BY_ONE, "finally_2_3_2_1(parts, [0], 1, learning_rate=0.4,"
                      " bias_learning_rate=0.4, inputs=[given], targets=[wanted])", ()),
    "parity_1_1_1": ("1-1-1", 0.1, _ONE_BY_ONE, "parity_1_1_1(parts, [0], 1, inputs=given, targets=wanted)",
                     ("weight_itself", "no_output_derivative")),
    "index_and_sign_2_2_1": ("2-2-1", 0.1, _ONE_BY_ONE, "index_and_sign_2_2_1(parts, [0], 1, inputs=[given],"
                             " targets=[wanted])", ("ascent", "own_activation", "early_derivative")),
    "finally_2_3_2_1": ("2-3-2-1", 0.4, _ONE_BY_ONE, "finally_2_3_2_1(parts, [0], 1, inputs=[given], targets=[wanted])",
                        ()),
    "object_2_4_1": ("2-4-1", 0.1, _TOGETHER, "object_2_4_1(joined(weights, biases), None, 1, squashed=False,"
                     " inputs=x, targets=y)", ("no_factor", "activation_factor")),
    "error_signal_2_5_1": ("2-5-1", 0.3, _TOGETHER, "error_signal_2_5_1(joined(weights, biases), None, 1, inputs=x,"
                           " targets=y)", ("scalar_cost",)),
    "cost_times_residual": ("2-5-1", 0.3, _TOGETHER, "error_signal_2_5_1(joined(weights, biases), None, 1,"
                            " ['cost_times_residual'], inputs=x, targets=y)", ("cost_times_residual",)),
    "line_fit": ("1-1", 0.1, _TOGETHER, "line_fit(joined(weights, biases), None, 1, learning_rate=0.1,"
                 " points=np.hstack([x, y]))", ()),
    "raw_inputs_2_2": ("2-2", 0.05, _TOGETHER, "raw_inputs_2_2(joined(weights, biases), None, 1, shared_bias=False,"
                       " inputs=x, targets=y)",
                       ("ascent", "input_of_wrong_sample", "bias_per_weight", "round_outputs(8)")),
}  # fmt: skip


@pytest.mark.parametrize("name", POSTS)
def test_every_defect_is_named_and_nothing_else(name: str, tmp_path: Path) -> None:
    architecture, rate, way, call, faults = POSTS[name]
    sizes = architecture.split("-")
    file = tmp_path / "mine.py"
    says = f"architecture, learning_rate = {architecture!r}, {rate}\n" + _SAMPLES.format(i=sizes[0], o=sizes[-1])
    file.write_text(_TOP + says + way.format(call=call))
    found = diagnose_program(file)
    assert {finding.fault for finding in found.findings} == set(faults)
    assert not found.unknown
    assert found.twin is not None
    assert found.twin["parts_at"] is None


def test_labels_instead_of_targets(tmp_path: Path) -> None:
    """A program that takes classes: it is asked with rows of the author's own targets."""
    text = """\
architecture, learning_rate = "2-2-2", 0.1
inputs, targets = [[1, 1], [0, 0], [1, 0], [0, 1]], np.eye(2)[[0, 0, 1, 1]]

def update(weights, biases, x, y):
    labels = list(y.argmax(1))
    return apart(posts.one_hot_xor_2_2_2(joined(weights, biases), None, 1, (), inputs=x, labels=labels)[-1])
"""
    file = tmp_path / "mine.py"
    file.write_text(_TOP + text)
    assert diagnose_program(file).right is True
