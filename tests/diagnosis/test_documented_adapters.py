"""Every adapter of docs/diagnose.md runs, with a program of its kind beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runner.diagnosis.diagnose import diagnose_program

DOCS = Path(__file__).parents[2] / "docs" / "diagnose.md"
BLOCKS = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)

_GRADIENTS = """\
import numpy as np

def gradients(weights, biases, x, y):
    a = [x]
    for W, b in zip(weights, biases):
        a.append(1 / (1 + np.exp(-(a[-1] @ W.T + b))))
    d, gw, gb = (a[-1] - y) * a[-1] * (1 - a[-1]), [], []
    for k in reversed(range(len(weights))):
        gw.insert(0, d.T @ a[k]), gb.insert(0, d.sum(0))
        d = d @ weights[k] * a[k] * (1 - a[k])
    return gw, gb
"""
PROGRAMS = {
    "class": _GRADIENTS
    + """
class Network:
    def __init__(self, sizes):
        self.w = [np.random.randn(o, i) for i, o in zip(sizes, sizes[1:])]
        self.b = [np.zeros(o) for o in sizes[1:]]

    def train(self, sample, target, rate):
        for part, g in zip((*self.w, *self.b), sum(gradients(self.w, self.b, sample[None], target[None]), [])):
            part -= rate * g
""",
    "functions": _GRADIENTS,
    "lists": _GRADIENTS
    + """
def backpropagate(weights, biases, sample, target, rate):
    gw, gb = gradients([np.array(w) for w in weights], [np.array(b) for b in biases], sample[None], target[None])
    for parts, g in ((weights, gw), (biases, gb)):
        for k in range(len(parts)):
            parts[k] = (np.array(parts[k]) - rate * g[k]).tolist()
""",
    "torch": "",
    "keras": _GRADIENTS
    + """
class Model:
    parts = [np.zeros((2, 3)), np.zeros(3), np.zeros((3, 1)), np.zeros(1)]

    def get_weights(self):
        return [part.copy() for part in self.parts]

    def set_weights(self, parts):
        self.parts = [part.copy() for part in parts]

    def train_on_batch(self, x, y):
        gw, gb = gradients([part.T for part in self.parts[0::2]], self.parts[1::2], x, y)
        for k in (0, 1):
            self.parts[2 * k] -= learning_rate * gw[k].T
            self.parts[2 * k + 1] -= learning_rate * gb[k]

model = Model()
""",
}


def adapter(name: str) -> str:
    (block,) = [block for block in BLOCKS if block.startswith(f"# adapter: {name}\n")]
    return block


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_adapter_of_the_documentation_runs(name: str, tmp_path: Path) -> None:
    if name == "torch":
        pytest.importorskip("torch")
    file = tmp_path / "mine.py"
    file.write_text(PROGRAMS[name] + adapter(name))
    assert diagnose_program(file).right is True


def test_the_program_of_the_session_has_the_two_mistakes(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(BLOCKS[0])
    found = diagnose_program(file)
    assert {finding.fault for finding in found.findings} == {"moved_weights", "slope_of_activation"}
