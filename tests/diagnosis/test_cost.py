"""What mistakes cost: the shares against a program trained by hand, and the nearest settings that work."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from support.census import PROGRAMS

import runner
from runner.diagnosis.advice import advice
from runner.diagnosis.cost import Rate, Trial
from runner.diagnosis.result import Diagnosis
from runner.diagnosis.show import sentence
from runner.errors import StudyError

SEEDS = 20


def trained_by_hand(text: str, updates: int, batch: str) -> int:
    """How many of SEEDS networks have every output within 0.5 of its target after so many updates of the program."""
    author: dict[str, Any] = {}
    exec(text, author)
    x, y = np.array(author["inputs"], float), np.array(author["targets"], float)
    learnt = 0
    for seed in range(SEEDS):
        weights, biases = author["initial"](seed)
        for u in range(updates):
            n = u % len(x)
            given = (x[n : n + 1], y[n : n + 1]) if batch == "one" else (x, y)
            weights, biases = author["update"](weights, biases, *given) or (weights, biases)
        a = x
        for W, b in zip(weights, biases, strict=True):
            a = author["s"](a @ W.T + b)
        learnt += bool(np.abs(a - y).max() <= 0.5)
    return learnt


@pytest.fixture
def diagnosed(tmp_path: Path) -> Any:
    def diagnose(text: str, seeds: int = SEEDS) -> Diagnosis:
        (tmp_path / "mine.py").write_text(text)
        return runner.diagnose(tmp_path / "mine.py", into=tmp_path / "out", seeds=seeds)

    return diagnose


@pytest.mark.parametrize(
    ("name", "updates", "batch"), [("contrary", 300, "all"), ("output_delta_everywhere", 3_000, "one")]
)
def test_the_shares_are_those_of_the_program_itself(name: str, updates: int, batch: str, diagnosed: Any) -> None:
    program = PROGRAMS[name]
    text = re.sub(r"= (\S+), (\S+), [\d_]+\n", rf"= \1, \2, {updates}\n", program.file(), count=1)
    found = diagnosed(text)
    plain = [rate for rate in found.rates if not rate.settings]
    assert plain[0].mended == ()
    assert plain[0].converged == trained_by_hand(text, updates, batch)
    mended = text.replace("mend = []", f"mend = {sorted(program.faults)!r}")
    assert set(plain[-1].mended) == program.expected()
    assert plain[-1].converged == trained_by_hand(mended, updates, batch)


def file(architecture: str, rate: float, updates: int, initial: str, biased: bool = True, step: str = "") -> str:
    """A right program for XOR, full batch, with half the sum of squares."""
    return f"""\
import numpy as np
architecture, learning_rate, updates = "{architecture}", {rate}, {updates}
inputs, targets = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
sizes = [int(n) for n in architecture.split("-")]

def initial(seed):
    rng = np.random.default_rng(seed)
    weights = [{initial} for i, o in zip(sizes, sizes[1:])]
    return weights, {"[np.zeros(o) for o in sizes[1:]]" if biased else "None"}

def update(weights, biases, x, y):
    a = [x]
    for k, w in enumerate(weights):
        a.append(1 / (1 + np.exp(-(a[-1] @ w.T + ({"biases[k]" if biased else "0"})))))
    d = (a[-1] - y) * a[-1] * (1 - a[-1])
    for k in reversed(range(len(weights))):
        back = d @ weights[k] * a[k] * (1 - a[k])
        weights[k] -= learning_rate * d.T @ a[k]
        {"biases[k] -= learning_rate * d.sum(0)" if biased else "pass"}
        d = back
"""


EVENLY = "rng.uniform(-1, 1, (o, i))"
NOTHING_WRONG = {
    "not patient enough": (
        file("2-4-1", 0.5, 200, EVENLY),
        {"updates"},
        r"Your program is right, but it is not patient enough: .* and .* with [\d,]+ updates\.",
    ),
    "steps too small": (
        file("2-4-1", 0.001, 2_000, EVENLY),
        {"learning_rate"},
        r"Your program is right, but its steps are too small( and .*)?: .* learning_rate (0\.1|1)( .*)?\.",
    ),
    "steps too large": (
        file("2-4-1", 100.0, 2_000, EVENLY),
        {"learning_rate"},
        r"Your program is right, but its steps are too large: .* with learning_rate 10\.",
    ),
    "two hidden units": (
        file("2-2-1", 2.0, 5_000, EVENLY),
        {"init", "architecture"},
        r"Your program is right, but 2 hidden units are too few: .* with 4 hidden units and initial weights evenly .*",
    ),
    "no hidden layer": (
        file("2-1", 1.0, 5_000, EVENLY),
        {"init", "architecture"},
        r"Your program is right, but it has no hidden layer: .* with 4 hidden units and .*",
    ),
    "weights all alike": (
        file("2-4-1", 2.0, 3_000, "np.full((o, i), 1e-3 * (1 + seed))"),
        {"init"},
        r"Your program is right, but its initial weights are too small and all of one sign: .* from -1 to 1\.",
    ),
    "patient and wide": (
        file("2-4-1", 2.0, 4_000, EVENLY),
        set(),
        r"Your program is right, and 100\.0% of 100 networks learn it\.",
    ),
}


@pytest.mark.parametrize("case", NOTHING_WRONG)
def test_nothing_wrong_is_told_with_the_nearest_settings_that_work(case: str, diagnosed: Any) -> None:
    text, changed, says = NOTHING_WRONG[case]
    found = diagnosed(text, 100)
    assert found.right is True
    assert {key for rate in found.rates for key in rate.settings} >= changed
    assert found.rates[-1].share >= 0.85
    *alike, told = found.advice
    assert bool(alike) == (case == "weights all alike")
    assert re.fullmatch(says, sentence(told)), told
    assert told in found.notes


def test_biases_are_told_to_be_lacking(diagnosed: Any) -> None:
    of_and = file("2-1", 2.0, 1_000, EVENLY, biased=False).replace("[[0], [1], [1], [0]]", "[[0], [0], [0], [1]]")
    found = diagnosed(of_and, 100)
    assert found.right is True
    assert found.rates[-1].settings["bias"] == "trained"
    assert "it lacks trained biases" in found.advice[-1]


def test_two_wrongs_that_mend_each_other_are_told(diagnosed: Any) -> None:
    text = PROGRAMS["output_delta_everywhere"].file()
    found = diagnosed(text, 100)
    rates = {rate.mended: rate.share for rate in found.rates}
    assert rates["unweighted_error",] < rates[()] < rates["no_hidden_slope", "unweighted_error"]
    assert any("mending unweighted_error alone makes it worse" in note for note in found.advice)


_LOOP = """
def train(weights, biases, inputs, targets, updates):
    rng, made = np.random.default_rng(0), 0
    while made < updates:
        for n in ORDER:
            if made < updates:
                update(weights, biases, inputs[n:n + 1], targets[n:n + 1])
                made += 1
    return weights, biases
"""


@pytest.mark.parametrize(
    ("order", "keys"),
    [
        ("range(len(inputs))", {"batch": 1}),
        ("rng.permutation(len(inputs))", {"batch": 1, "order": "shuffled"}),
        ("[0]", {"batch": 1}),
    ],
)
def test_the_cost_is_that_of_the_authors_own_loop(
    order: str, keys: dict[str, Any], diagnosed: Any, tmp_path: Path
) -> None:
    found = diagnosed(file("2-4-1", 0.5, 100, EVENLY) + _LOOP.replace("ORDER", order), 20)
    study = yaml.safe_load((tmp_path / "out" / "cost.yaml").read_text())
    assert {key: study[key] for key in ("batch", "order") if key in study} == keys
    assert found.twin is not None
    assert found.twin["parts_at"] is None
    if order == "[0]":
        assert [rate.mended for rate in found.rates[:2]] == [(), ("first_batch",)]


def trial(sizes: tuple[int, ...] = (2, 2, 1)) -> Trial:
    return Trial({}, {"criterion": {}}, {"learning_rate": 0.5}, 1_000, 1, 4, [[0.5, -0.5]], sizes, Path())


def test_the_words_of_the_advice() -> None:
    wrong, right = Rate((), {}, 0, 100), Rate(("ascent",), {}, 95, 100)
    assert advice([wrong, right], trial()) == ["mend it: 95.0% of 100 networks learn it instead of 0.0%"]
    half = Rate(("ascent",), {}, 50, 100)
    other = Rate(("ascent",), {"updates": 20_000, "learning_rate": 0.05}, 93, 100)
    assert advice([wrong, half, other], trial()) == [
        "mend it AND take 20,000 updates and learning_rate 0.05: then 93.0% of 100 networks learn it. "
        "With your settings 50.0% would: its steps are too large and it is not patient enough"
    ]
    assert advice([wrong, half], trial()) == [
        "mend it: then 50.0% of 100 networks learn it, and none of the other settings that were tried is better"
    ]
    best = Rate(("ascent",), {"updates": 20_000}, 70, 100)
    assert "learn it, the best of what was tried. With" in advice([wrong, half, best], trial())[0]
    linear = Rate(("ascent",), {"output": "identity", "learning_rate": 0.05}, 93, 100)
    reasons = "its steps are too large for linear outputs and its outputs can not reach the targets"
    assert advice([wrong, half, linear], trial())[0].endswith(f"With your settings 50.0% would: {reasons}")
    assert advice([], trial()) == []


def test_the_studies_can_be_run_by_anyone(diagnosed: Any, tmp_path: Path) -> None:
    found = diagnosed(file("2-2-1", 2.0, 500, EVENLY), 20)
    for name, runs in (("cost", 20), ("twin", 1), ("settings", 20)):
        table = runner.run(tmp_path / "out" / f"{name}.yaml", out=tmp_path / "results")
        rows = runner.read_results(table)
        assert len(rows) == runs
        if name != "twin":
            rate = found.rates[0 if name == "cost" else -1]
            assert int(rows["converged"].sum()) == rate.converged


def test_more_initial_weights_than_a_study_holds(diagnosed: Any) -> None:
    found = diagnosed(file("2-4-1", 2.0, 10, EVENLY), 5_000)
    assert found.rates == ()
    assert any("5,000 initial weights of such a network do not go into one study" in note for note in found.notes)


def test_without_initial_weights_nothing_is_measured(diagnosed: Any) -> None:
    text = file("2-4-1", 2.0, 10, EVENLY)
    found = diagnosed(text.replace("def initial", "def other"))
    assert found.rates == ()
    assert found.notes[-1] == "what it costs is not measured, as there is no initial(seed)"


def test_initial_weights_that_fail_are_told(diagnosed: Any) -> None:
    with pytest.raises(StudyError, match=r"mine.py:7: ValueError: no seed 3"):
        diagnosed(
            file("2-4-1", 2.0, 10, EVENLY).replace(
                "    rng = np", "    if seed == 3: raise ValueError('no seed 3')\n    rng = np"
            )
        )


@pytest.mark.parametrize("weights", ["np.zeros", "lambda n: np.full(n, 0.3)", "lambda n: np.full(n, float(seed))"])
def test_units_that_begin_alike_are_told(weights: str, diagnosed: Any) -> None:
    """They stay alike, as the same program trained by hand shows."""
    text = file("2-4-1", 2.0, 10, EVENLY)
    start = "    return [w((4, 2)), w((1, 4))], [np.zeros(4), np.zeros(1)]\n"
    text = f"{text}\n\ndef initial(seed):\n    w = {weights}\n{start}"
    author: dict[str, Any] = {}
    exec(text, author)
    W, b = author["initial"](3)
    for _ in range(100):
        W, b = author["update"](W, b, np.array(author["inputs"]), np.array(author["targets"])) or (W, b)
    assert np.allclose(W[0], W[0][0])
    told = "all 4 hidden units begin with the same weights, and so they still have the same ones after 100 updates"
    assert diagnosed(text).advice[0].startswith(told)
    assert not any(told in note for note in diagnosed(file("2-4-1", 2.0, 10, EVENLY)).notes)
