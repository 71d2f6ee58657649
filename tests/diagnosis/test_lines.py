"""What stands in a line with several mistakes, and which line of the author's file it is.

Every program here marks its wrong lines itself: what is told is held against the marks.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.census import PROGRAMS as CENSUS
from support.right_programs import RIGHT_PROGRAMS

from runner.diagnosis.diagnose import diagnose_program
from runner.diagnosis.legend import legend
from runner.diagnosis.result import Diagnosis
from runner.diagnosis.show import formulas, page_text

TOP = """\
import numpy as np
architecture, learning_rate = "2-3-1", 0.5
inputs, targets = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
def s(z):
    return 1 / (1 + np.exp(-z))
"""
ARRAYS = """\
def update(weights, biases, x, y):
    (v, w), (c, b) = weights, biases
    h = s(x @ v.T + c)
    o = s(h @ w.T + b)
    top = (o - y) * o * (1 - o)
    low = top @ w * h * (1 - h)
    w -= learning_rate * top.T @ h
    b -= learning_rate * top.sum(0)
    v -= learning_rate * low.T @ x
    c -= learning_rate * low.sum(0)
"""
LOOP = """\
def update(weights, biases, x, y):
    a = [x]
    for W, b in zip(weights, biases):
        a.append(s(a[-1] @ W.T + b))
    error = a[-1] - y
    for k in reversed(range(len(weights))):
        delta = (
            error
            * SLOPE
        )
        error = delta @ weights[k]
        weights[k] = weights[k] - learning_rate * delta.T @ FACTOR
        biases[k] = biases[k] - learning_rate * delta.sum(0)
"""
NEURONS = """\
class Neuron:
    def __init__(self, w, b):
        self.w, self.b = list(w), b
    def out(self, values):
        self.values = values
        self.o = s(sum(w * a for w, a in zip(self.w, values)) + self.b)
        return self.o
    def learn(self):
        for i in range(len(self.w)):
            self.w[i] -= learning_rate * self.delta * FACTOR
        self.b -= learning_rate * self.delta
def times(one, other):
    product = one * other
    return product
def update(weights, biases, x, y):
    hidden = [Neuron(w, b) for w, b in zip(weights[0], biases[0])]
    last = Neuron(weights[1][0], biases[1][0])
    for sample, target in zip(x, y):
        o = last.out([n.out(list(sample)) for n in hidden])
        last.delta = (o - target[0]) * o * (1 - o)
        for j, n in enumerate(hidden):
            n.delta = times(times(last.delta, last.w[j]), SLOPE)
        for n in (*hidden, last):
            n.learn()
    return [[n.w for n in hidden], [last.w]], [[n.b for n in hidden], [last.b]]
"""


def diagnosed(folder: Path, text: str) -> Diagnosis:
    (folder / "mine.py").write_text(text)
    return diagnose_program(folder / "mine.py")


def changed(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


LOW = "low = top @ w * h * (1 - h)"


@pytest.mark.parametrize(
    ("change", "stands", "should", "faults"),
    [
        (
            (LOW, "low = (o - y) @ w * s(h) * (1 - s(h))"),
            "d_j = f'(a_j) sum_k w_kj (y_k - t_k)",
            "d_j = f'(z_j) sum_k w_kj d_k",
            {"no_output_derivative", "slope_of_activation(layer=1)"},
        ),
        (
            (LOW, "low = (o - y).sum(1, keepdims=True) * np.ones_like(h) * h"),
            "d_j = a_j sum_k (y_k - t_k)",
            "d_j = f'(z_j) sum_k w_kj d_k",
            {"no_output_derivative", "slope_is_activation(layer=1)", "unweighted_error"},
        ),
        (
            ("top = (o - y) * o * (1 - o)", "top = -y * s(o) * (1 - s(o))"),
            "d_k = f'(a_k) -t_k",
            "d_k = f'(z_k) (y_k - t_k)",
            {"target_for_residual", "slope_of_activation(layer=2)"},
        ),
        (
            ("v -= learning_rate * low.T @ x", "v += learning_rate * low.sum(0)[:, None]"),
            "w_ji += h d_j",
            "w_ji -= h d_j a_i",
            {"weight_ascent(layer=1)", "no_factor(layer=1)"},
        ),
        (
            ("c -= learning_rate * low.sum(0)", "c += learning_rate * low.sum()"),
            "b_j += h sum_i d_i",
            "b_j -= h d_j",
            {"bias_ascent(layer=1)", "bias_step_summed"},
        ),
        (
            ("h = s(x @ v.T + c)", "h = (x @ v.T >= 0) * 1.0 + c"),
            "a_j = (1 where z >= 0, else 0) + b_j, z = sum_i w_ji a_i",
            "a_j = f(sum_i w_ji a_i + b_j)",
            None,
        ),
    ],
)
def test_mistakes_of_one_line_have_the_formula_that_stands_there(
    change: tuple[str, str], stands: str, should: str, faults: set[str] | None, tmp_path: Path
) -> None:
    if faults is None:
        text = changed(TOP + ARRAYS, change, ("h * (1 - h)", "s(x @ v.T) * s(-x @ v.T)"))
    else:
        text = changed(TOP + ARRAYS, change)
    found = diagnosed(tmp_path, text)
    assert {(one.is_, one.should_be) for one in found.findings} == {(stands, should)}
    assert faults is None or {one.fault for one in found.findings} == faults
    number = next(n for n, line in enumerate(text.splitlines(), start=1) if line.strip() == change[1])
    named = {tuple(line.number for line in one.source) for one in found.findings if one.term != "direction"}
    assert named <= {(number,)}
    said = page_text(found)
    assert said.count(f"there stands:  {stands}") == 1
    assert f"{len(found.findings)} mistakes in one formula." in said
    assert change[1] in said


def test_mistakes_of_different_lines_keep_their_own_formulas(tmp_path: Path) -> None:
    text = changed(TOP + ARRAYS, ("o * (1 - o)", "s(o) * (1 - s(o))"), ("low.T @ x", "low.sum(0)[:, None] * v"))
    found = diagnosed(tmp_path, text)
    assert {one.is_ for one in found.findings} == {"d_j = f'(a_j) e_j", "g_ji = d_j w_ji"}
    assert "in one formula" not in page_text(found)


def test_a_mistake_of_all_layers_that_meets_another_in_one_of_them(tmp_path: Path) -> None:
    slope = ("o * (1 - o)", "s(o) * (1 - s(o))")
    text = changed(TOP + ARRAYS, slope, (LOW, "low = (o - y) @ w * s(h) * (1 - s(h))"))
    found = diagnosed(tmp_path, text)
    both = next(one for one in found.findings if one.fault == "slope_of_activation")
    assert both.is_ == "in layer 1 d_j = f'(a_j) sum_k w_kj (y_k - t_k); in layer 2 d_k = f'(a_k) (y_k - t_k)"
    assert [line.number for line in both.source] == [10, 11]


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        (changed(LOOP, ("SLOPE", "s(a[k + 1]) * (1 - s(a[k + 1]))"), ("FACTOR", "a[k]")), ["delta = ("]),
        (
            changed(LOOP, ("SLOPE", "a[k + 1] * (1 - a[k + 1])"), ("delta.T @ FACTOR", "delta.sum(0)[:, None]")),
            ["weights[k] = "],
        ),
        (changed(NEURONS, ("FACTOR", "self.values[i]"), ("SLOPE", "1.0")), ["n.delta = "]),
        (
            changed(NEURONS, ("FACTOR", "self.o"), ("SLOPE", "s(n.o) * (1 - s(n.o))")),
            ["n.delta = ", "self.w[i] -="],
        ),
        (
            # The slope stands in a line of its own.
            changed(ARRAYS, (LOW, "slope = s(h) * (1 - s(h))\n    low = top @ w * slope")),
            ["slope = "],
        ),
        (
            # The way back stands in a line of its own.
            changed(ARRAYS, (LOW, "back = top.sum(1)[:, None] * np.ones_like(h)\n    low = back * h * (1 - h)")),
            ["back = "],
        ),
        (changed(ARRAYS, ("x @ v.T + c)", "x @ v.T) + c"), ("h * (1 - h)", "s(x @ v.T) * s(-x @ v.T)")), ["h = s("]),
        # Which of two signs is wrong is the author's to say.
        (changed(ARRAYS, ("(o - y)", "(y - o)")), ["top = (y - o)", "low = top", "w -= ", "v -= "]),
    ],
)
def test_the_line_is_named(text: str, marks: list[str], tmp_path: Path) -> None:
    found = diagnosed(tmp_path, TOP + text)
    assert found.findings
    lines = {line.number: line.text for one in found.findings for line in one.source}
    written = (TOP + text).splitlines()
    assert all(line.startswith(written[number - 1].strip()) for number, line in lines.items())
    assert sorted(lines) == sorted(n for n, line in enumerate(written, 1) if line.strip().startswith(tuple(marks)))


def test_no_line_is_named_where_none_is_sure(tmp_path: Path) -> None:
    """A list made at once, and a function that multiplies anything: no line has the value of a term."""
    made = "def mul(p, q):\n        return p * q\n    parts = {'low': mul(top @ w, s(h) * (1 - s(h)))}"
    text = changed(TOP + ARRAYS, (LOW, made), ("low.T", "parts['low'].T"), ("low.sum", "parts['low'].sum"))
    found = diagnosed(tmp_path, text)
    assert [one.fault for one in found.findings] == ["slope_of_activation(layer=1)"]
    assert found.findings[0].source == ()
    assert "look for:" in page_text(found)


def test_a_line_of_another_file_is_told_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(changed(TOP + ARRAYS, ("h * (1 - h)", "h")))
    found = diagnosed(tmp_path, "from net import *\n")
    assert [(line.file, line.number) for line in found.findings[0].source] == [("net.py", 11)]
    assert "net.py, line 11:" in page_text(found)


@pytest.mark.parametrize("name", CENSUS)
def test_lines_of_programs_that_people_have_asked_about(name: str, tmp_path: Path) -> None:
    """Whatever line is named holds the quantity of its term: an assignment to it, or a step of the weights."""
    found = diagnosed(tmp_path, CENSUS[name].file())
    for one in found.findings:
        for line in one.source:
            assert re.search(r"=|return", line.text)
            assert line.text in (tmp_path / "mine.py").read_text()


def test_every_symbol_that_is_shown_is_explained(tmp_path: Path) -> None:
    """Whatever stands in formulas as a single letter is in the legend below them."""
    texts = {name: program.file() for name, program in CENSUS.items()} | RIGHT_PROGRAMS
    for text in (texts["moved_weights"], texts["endless_gradient"], texts["in place"], texts["momentum"]):
        found = diagnosed(tmp_path, text)
        explained = {letter for symbols, _ in legend(formulas(found)) for letter in symbols.split(", ")}
        shown = " ".join(formulas(found)).replace("dE/d", "E ")
        letters = set(re.findall(r"\b[a-zA-Z]\b", re.sub(r"_[a-z]+", "", shown)))
        assert letters <= explained, letters - explained


def test_the_line_of_an_error_alone_is_not_shown_for_a_step_uphill(tmp_path: Path) -> None:
    """The step is made where it is returned: it has no line of its own, and that of the error is right."""
    steps = ARRAYS[ARRAYS.index("    w -= ") :]
    uphill = "    return [v + 0.5 * low.T @ x, w - 0.5 * top.T @ h], [c - 0.5 * low.sum(0), b - 0.5 * top.sum(0)]\n"
    (one,) = diagnosed(tmp_path, TOP + ARRAYS.replace(steps, uphill)).findings
    assert one.fault == "weight_ascent(layer=1)"
    assert one.source == ()
