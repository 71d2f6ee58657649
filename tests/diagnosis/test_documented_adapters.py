"""Every adapter of docs/diagnose.md runs, with a program of its kind beside it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from shutil import which

import pytest

from runner.diagnosis.diagnose import diagnose_program
from runner.diagnosis.show import page_text

DOCS = Path(__file__).parents[2] / "docs" / "diagnose.md"
PAGE = DOCS.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)

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


SCRIPT = """\
import numpy as np

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([[0], [1], [1], [0]])
np.random.seed(1)
W1, W2 = np.random.randn(2, 3), np.random.randn(3, 1)
b1, b2 = np.zeros((1, 3)), np.zeros((1, 1))

def sigmoid(x):
    return 1 / (1 + np.exp(-x))

for epoch in range(10000):
    hidden = sigmoid(X @ W1 + b1)
    output = sigmoid(hidden @ W2 + b2)
    delta2 = (y - output) * output * (1 - output)
    delta1 = delta2 @ W2.T * hidden * (1 - hidden)
    W2 += 0.1 * hidden.T @ delta2
    b2 += 0.1 * delta2.sum(0)
    W1 += 0.1 * X.T @ delta1
    b1 += 0.1 * delta1.sum(0)
    if epoch % 1000 == 0:
        print(np.mean(np.abs(y - output)))

print(output)
"""


def test_the_adapter_of_a_script_needs_no_change_of_it(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "mine.py").write_text(adapter("script"))
    found = diagnose_program(tmp_path / "mine.py", tmp_path / "out", seeds=20)
    assert found.right is True
    assert found.rates
    wrong = SCRIPT.replace("hidden * (1 - hidden)", "sigmoid(hidden) * (1 - sigmoid(hidden))")
    (tmp_path / "script.py").write_text(wrong)
    found = diagnose_program(tmp_path / "mine.py")
    assert [one.fault for one in found.findings] == ["slope_of_activation(layer=1)"]
    assert [(line.file, line.number) for line in found.findings[0].source] == [("script.py", 16)]


ONE_LINE = (
    BLOCKS[0]
    .replace("sigmoid(out) * (1 - sigmoid(out))", "out * (1 - out)")
    .replace("delta @ weights[1]", "(out - y) @ weights[1]")
    .replace("* hidden * (1 - hidden)", "* sigmoid(hidden) * (1 - sigmoid(hidden))")
    .replace("    weights[1] -= learning_rate * delta.T @ hidden\n", "")
    + "    weights[1] -= learning_rate * delta.T @ hidden\n"
)


def test_the_mistakes_of_one_line_of_the_documentation(tmp_path: Path) -> None:
    (shown,) = re.findall(r"<!-- session of one line -->\n```\n(.*?)```\n<!-- end", PAGE, re.DOTALL)
    file = tmp_path / "mine.py"
    file.write_text(ONE_LINE)
    assert shown in page_text(diagnose_program(file))


MENDED = BLOCKS[0][: BLOCKS[0].index("def update")] + BLOCKS[1].removeprefix("# mended\n")


@pytest.mark.parametrize(("marker", "text"), [("session", BLOCKS[0]), ("session of the mended program", MENDED)])
def test_a_session_of_the_documentation_is_what_is_printed(marker: str, text: str, tmp_path: Path) -> None:
    (shown,) = re.findall(rf"<!-- {marker} -->\n```\n\$ [^\n]*\n(.*?)```\n<!-- end", PAGE, re.DOTALL)
    file = tmp_path / "mine.py"
    file.write_text(text)
    said = page_text(diagnose_program(file, tmp_path / "out"))
    # The last digit of an agreement to rounding is the machine's.
    assert re.sub(r"to \de-16", "to 2e-16", said) == re.sub(r"to \de-16", "to 2e-16", shown)


def test_the_readme_shows_parts_of_the_session() -> None:
    readme = (DOCS.parents[1] / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"<!-- diagnose -->(.*?)<!-- end diagnose -->", readme, re.DOTALL)
    parts = re.findall(r"```\n(.*?)```", shown, re.DOTALL)
    assert len(parts) == 2
    assert all(part in PAGE for part in parts)


_JAVASCRIPT = """\
const s = (z) => 1 / (1 + Math.exp(-z));
const net = {
  train(x, t) {
    const [V, W] = this.weights, [c, b] = this.biases;
    const h = V.map((row, j) => s(row[0] * x[0] + row[1] * x[1] + c[j]));
    const y = s(W[0][0] * h[0] + W[0][1] * h[1] + b[0]);
    const d = (y - t[0]) * y * (1 - y);
    const e = h.map((a, j) => W[0][j] * d SLOPE);
    h.forEach((a, j) => { W[0][j] -= 0.5 * d * a; });
    b[0] -= 0.5 * d;
    e.forEach((each, j) => { V[j] = V[j].map((v, i) => v - 0.5 * each * x[i]); c[j] -= 0.5 * each; });
  },
};
"""


@pytest.mark.parametrize(("slope", "faults"), [("* a * (1 - a)", set()), ("", {"no_hidden_slope"})])
def test_the_trace_of_javascript_is_one(slope: str, faults: set[str], tmp_path: Path) -> None:
    node = which("node")
    if node is None:
        pytest.skip("there is no Node.js")
    (block,) = re.findall(r"```javascript\n(.*?)```", PAGE, re.DOTALL)
    assert len(block.splitlines()) <= 15
    (tmp_path / "trace.js").write_text(_JAVASCRIPT.replace("SLOPE", slope) + block)
    subprocess.run([node, "trace.js"], cwd=tmp_path, check=True)
    found = diagnose_program(tmp_path / "trace.json")
    assert {finding.fault for finding in found.findings} == faults
    assert found.right is not bool(faults)
