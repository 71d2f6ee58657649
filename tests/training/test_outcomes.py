"""Every outcome on runs made to show it, and the thresholds between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support import studies

from runner.data.targets import largest_deviation
from runner.measurements import (
    BACK_AND_FORTH,
    CONSTANT,
    DIVERGED,
    FALLEN,
    FEW,
    LEARNING,
    MOSTLY_RIGHT,
    OSCILLATING,
    OUTCOMES,
    SATURATED,
    SLOWLY,
    STEADY,
    WINDOW,
    classify,
    window,
)

# Each makes its outcome on every seed (oscillating: on nearly every), by what is said beside it.
MADE: dict[str, list[dict[str, Any]]] = {
    "converged": [
        {"data": "and", "architecture": "2-1", "learning_rate": 1.0, "updates": 300},
        {"data": "xor", "architecture": "2-8-1", "optimizer": "rprop", "learning_rate": 0.1, "updates": 300},
    ],
    "learning": [
        # the gradient is right, the budget is not
        {"data": "and", "architecture": "2-1", "init": "normal(0, 0.1)", "learning_rate": 0.1, "updates": 30},
        {"data": "iris", "target_encoding": "one_hot", "architecture": "4-3", "output": "softmax",
         "loss": "cross_entropy", "learning_rate": 0.05, "updates": 40},
    ],
    "mostly_right": [
        # one label of 200 contradicts the others, and no network of one input can be right for it
        {"data": {"csv": "noise.csv", "inputs": ["a"], "targets": ["b"]}, "architecture": "1-1",
         "output": "identity", "loss": "half_mse", "learning_rate": 0.5, "epochs": 3000},
        # the least squares solution of AND is right for every sample, but not to 0.1
        {"data": "and", "architecture": "2-1", "output": "identity", "criterion": {"max_error": 0.1},
         "learning_rate": 0.1, "updates": 3000},
    ],
    "constant_output": [
        # equal hidden units that stay equal: no more than one unit can do
        {"data": "xor", "architecture": "2-4-1", "init": "zeros", "learning_rate": 1.0, "updates": 2000},
        # a linear network's best answer to XOR is 1/2
        {"data": "xor", "architecture": "2-3-1", "activation": "identity", "output": "identity",
         "learning_rate": 0.1, "updates": 5000},
    ],
    "saturated": [
        # inputs far too large: every hidden unit stands at a limit and has no slope
        {"data": "xor", "architecture": "2-2-1", "scaling": "divide(1e-4)", "init": "normal(0, 1)",
         "bias_init": "constant(30)", "learning_rate": 0.1, "updates": 3000},
        {"data": "xor", "architecture": "2-3-1", "activation": "relu", "init": "uniform(-1, -0.5)",
         "bias_init": "constant(-1)", "learning_rate": 0.1, "updates": 3000},
    ],
    "stuck": [
        # no plane tells whether two or more of three bits are set apart from whether exactly one is
        {"data": "boolean(00010110)", "architecture": "3-1", "output": "identity",
         "learning_rate": 0.05, "updates": 3000},
    ],
    "oscillating": [
        # the perceptron cannot separate XOR and changes its mind for ever
        {"data": "xor", "architecture": "2-1", "output": "step", "rule": "perceptron", "learning_rate": 0.3,
         "batch": 1, "evaluate_every": 1, "updates": 500, "criterion": {"accuracy": 1.0}},
        # steps that cannot become smaller jump over the minimum for ever
        {"data": "xor", "architecture": "2-3-1", "activation": "identity", "output": "identity",
         "optimizer": "rprop", "step_min": 0.5, "step_max": 0.5, "learning_rate": 0.5, "updates": 500},
    ],
    "diverged": [
        {"data": "and", "architecture": "2-1", "output": "identity", "learning_rate": 3.0, "updates": 1000},
        # finite, and beyond a million times the first loss
        {"data": "and", "architecture": "2-1", "output": "identity", "learning_rate": 3.0, "updates": 20},
        {"data": {"csv": "hole.csv", "inputs": ["a"], "targets": ["b"]}, "missing": "keep",
         "architecture": "1-1", "learning_rate": 0.1, "updates": 10},
    ],
}  # fmt: skip
CASES = [(outcome, k) for outcome, studies_of in MADE.items() for k in range(len(studies_of))]


def test_every_outcome_has_a_run() -> None:
    assert set(MADE) == set(OUTCOMES)


@pytest.mark.parametrize(("outcome", "k"), CASES)
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_runs_made_to_show_an_outcome(tmp_path: Any, outcome: str, k: int, precision: str) -> None:
    (tmp_path / "hole.csv").write_text("a,b\n0,0\n1,\n")
    labels = "".join(f"{k / 200},{int(k >= 100 or k == 3)}\n" for k in range(200))
    (tmp_path / "noise.csv").write_text(f"a,b\n{labels}")
    runs = studies.run(tmp_path, replicates=9, precision=precision, **MADE[outcome][k])
    found = [runs.outcome(number) for number, _, _ in runs.each()]
    # a cycle may by chance end where it began to be looked at
    least = 7 if outcome == "oscillating" else 9
    assert found.count(outcome) >= least, found
    assert (runs.column("converged") == (np.array(found) == "converged")).all()


def test_divergence_without_infinity(train: Callable[..., studies.Runs]) -> None:
    """The second of the diverged runs is still finite: only the ratio of its losses shows it."""
    runs = train(**MADE["diverged"][1])
    row = runs.row(0)
    assert np.isfinite(row["final_loss"])
    assert row["final_loss"] > DIVERGED * row["initial_loss"]
    assert np.isnan(row["epochs_to_diverge"])


def outcome_of(
    *,
    converged: bool = False,
    first: float = 1.0,
    before: float = 0.5,
    last: float = 0.5,
    variation: float = 0.0,
    evaluations: int = 10,
    noisy: bool = False,
    accuracy: float = 0.5,
    saturation: float = 0.0,
    spread: float = 1.0,
) -> str:
    """The outcome of one run; by default it is stuck."""
    losses = (np.array([first]), np.array([before]), np.array([last]))
    numbers = (
        np.array([variation]),
        evaluations,
        noisy,
        np.array([accuracy]),
        np.array([saturation]),
        np.array([spread]),
    )
    return OUTCOMES[classify(np.array([converged]), losses, *numbers)[0]]


def below(x: float) -> float:
    return float(np.nextafter(x, -np.inf))


def above(x: float) -> float:
    return float(np.nextafter(x, np.inf))


THRESHOLDS = [
    ({}, "stuck"),
    ({"converged": True, "last": np.nan, "saturation": 1.0}, "converged"),
    ({"last": np.nan}, "diverged"),
    ({"last": np.inf}, "diverged"),
    ({"before": np.nan}, "stuck"),
    ({"first": np.nan}, "diverged"),
    ({"last": DIVERGED, "before": DIVERGED}, "stuck"),
    ({"last": above(DIVERGED), "before": DIVERGED}, "diverged"),
    # the loss fell by LEARNING of itself: 1 to 0.99, however it did so
    ({"before": 1.0, "last": 1.0 - LEARNING, "variation": 0.1}, "learning"),
    ({"before": 1.0, "last": 1.0 - 0.999 * LEARNING, "variation": 0.1}, "stuck"),
    # or by SLOWLY, with at least STEADY of all changes falls in the end
    ({"before": 1.0, "last": 1.0 - 1.001 * SLOWLY}, "learning"),
    ({"before": 1.0, "last": 1.0 - 0.999 * SLOWLY}, "stuck"),
    ({"before": 1.0, "last": 1.0 - 2**-8, "variation": 2**-8 / STEADY}, "learning"),
    ({"before": 1.0, "last": 1.0 - 2**-8, "variation": above(2**-8 / STEADY)}, "stuck"),
    ({"before": 1.0, "last": 1.0 + 2 * LEARNING}, "stuck"),
    # changes of OSCILLATING of the loss per evaluation, forth and back
    ({"variation": 10 * OSCILLATING * 0.5}, "oscillating"),
    ({"variation": below(10 * OSCILLATING * 0.5)}, "stuck"),
    ({"variation": 10 * OSCILLATING * 0.5, "evaluations": 11}, "stuck"),
    # BACK_AND_FORTH times what is gained or lost in the end: gains of 1/4 and a loss of 1/4
    ({"before": 0.75, "variation": BACK_AND_FORTH * 0.25}, "oscillating"),
    ({"before": 0.75, "variation": below(BACK_AND_FORTH * 0.25)}, "learning"),
    ({"before": 0.25, "variation": BACK_AND_FORTH * 0.25}, "oscillating"),
    ({"before": 0.25, "variation": below(BACK_AND_FORTH * 0.25)}, "stuck"),
    ({"accuracy": MOSTLY_RIGHT}, "mostly_right"),
    ({"accuracy": below(MOSTLY_RIGHT)}, "stuck"),
    ({"accuracy": np.nan}, "stuck"),
    ({"accuracy": 1.0, "saturation": 1.0}, "saturated"),
    ({"accuracy": 1.0, "spread": 0.0}, "constant_output"),
    # in mini-batches, two evaluations are too few to tell a plateau from a bad moment
    ({"noisy": True, "evaluations": FEW, "last": FALLEN, "before": FALLEN}, "learning"),
    ({"noisy": True, "evaluations": FEW, "last": above(FALLEN), "before": FALLEN}, "stuck"),
    ({"noisy": True, "evaluations": FEW + 1, "last": FALLEN, "before": FALLEN}, "stuck"),
    ({"evaluations": FEW, "last": FALLEN, "before": FALLEN}, "stuck"),
    ({"accuracy": 1.0, "before": 1.0}, "learning"),
    ({"accuracy": 1.0, "variation": 10.0}, "oscillating"),
    ({"saturation": SATURATED}, "saturated"),
    ({"saturation": below(SATURATED)}, "stuck"),
    ({"saturation": np.nan}, "stuck"),
    ({"spread": below(CONSTANT)}, "constant_output"),
    ({"spread": CONSTANT}, "stuck"),
    ({"spread": np.inf}, "stuck"),
    ({"spread": np.nan}, "stuck"),
    # the order of the list decides where several hold
    ({"saturation": 1.0, "spread": 0.0}, "saturated"),
    ({"before": 1.0, "saturation": 1.0, "spread": 0.0}, "learning"),
    ({"variation": 10.0, "saturation": 1.0}, "oscillating"),
]


@pytest.mark.parametrize(("measured", "outcome"), THRESHOLDS)
def test_thresholds(measured: dict[str, Any], outcome: str) -> None:
    assert outcome_of(**measured) == outcome


def test_many_runs_at_once_are_classified_one_by_one() -> None:
    names = ["converged", "learning", "stuck"]
    losses = (np.ones(3), np.ones(3), np.array([1.0, 0.5, 1.0]))
    found = classify(
        np.array([True, False, False]), losses, np.zeros(3), 1, False, np.zeros(3), np.zeros(3), np.ones(3)
    )
    assert [OUTCOMES[code] for code in found] == names


@pytest.mark.parametrize(("budget", "updates"), [(1, 1), (9, 1), (10, 1), (19, 1), (20, 2), (10_000, 1_000)])
def test_the_window_is_a_tenth(budget: int, updates: int) -> None:
    assert WINDOW == 10
    assert window(budget) == updates


def test_targets_as_large_as_numbers_can_be(train: Callable[..., studies.Runs], tmp_path: Any) -> None:
    """Their squares, and their sum, are beyond all numbers; the standard deviation is not."""
    (tmp_path / "large.csv").write_text("x,t\n0,1.5e308\n1,1.5e308\n2,-1.5e308\n3,-1.5e308\n4,1.7e308\n")
    data = {"csv": "large.csv", "inputs": ["x"], "targets": ["t"]}
    runs = train(data=data, architecture="1-2-1", learning_rate=0.1, epochs=3, replicates=2)
    assert {runs.outcome(run) for run in range(2)} == {"diverged"}
    for column in ([1.5e308, 1.5e308, -1.5e308], [3e200, -1e200, 2e200], [1e308] * 9):
        power = np.array(column) / 1e300
        assert largest_deviation(np.array([column]).T) == pytest.approx(power.std() * 1e300, rel=1e-14)
    assert largest_deviation(np.array([[0.25, 1.0], [0.75, -1.0]])) == 1.0
