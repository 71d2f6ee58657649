"""Three programs of the posts once more, straight in NumPy over all seeds at once and with NumPy's own random numbers:
their rates over 500 seeds are those of the studies.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.studies import train_plan

from runner.studies.load import load_study
from runner.studies.plan import make_plan

POSTS = Path(__file__).parents[2] / "configs" / "posts"
SEEDS = 500
QUANTILE = 2.576  # of the normal distribution, for 99%


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def boolean(random: np.random.Generator) -> np.ndarray:
    """3-4-1, one random sample per update, 999 updates at learning rate 1."""
    table = np.array([1, 1, 1, 0, 1, 0, 1, 1])
    samples = np.array([[n >> 2 & 1, n >> 1 & 1, n & 1] for n in range(8)], float)
    W1, b1 = random.normal(size=(SEEDS, 4, 3)), random.normal(size=(SEEDS, 4))
    w2, b2 = random.normal(size=(SEEDS, 4)), random.normal(size=SEEDS)
    for _ in range(999):
        n = random.integers(8, size=SEEDS)
        h = sigmoid(np.einsum("sji,si->sj", W1, samples[n]) + b1)
        y = sigmoid(np.sum(w2 * h, axis=1) + b2)
        d = (y - table[n]) * y * (1 - y)
        e = d[:, None] * w2 * h * (1 - h)
        w2, b2 = w2 - d[:, None] * h, b2 - d
        W1, b1 = W1 - e[:, :, None] * samples[n][:, None, :], b1 - e
    h = sigmoid(np.einsum("sji,ni->snj", W1, samples) + b1[:, None])
    y = sigmoid(np.einsum("sj,snj->sn", w2, h) + b2[:, None])
    return np.abs(y - table).max(axis=1) < 0.5


def one_hot_xor(random: np.random.Generator) -> np.ndarray:
    """2-2-2 with the slice mended: 1,000 epochs of the whole batch at learning rate 2."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)
    t = np.array([[1, 0], [0, 1], [0, 1], [1, 0]], float)
    W = [random.normal(0, 0.5, size=(SEEDS, 2, 2)) for _ in range(2)]
    b = [random.normal(0, 0.3, size=(SEEDS, 1, 2)) for _ in range(2)]
    for epoch in range(1001):
        h = sigmoid(x @ W[0].transpose(0, 2, 1) + b[0])
        y = sigmoid(h @ W[1].transpose(0, 2, 1) + b[1])
        if epoch < 1000:
            d = (y - t) * y * (1 - y) / 4
            e = d @ W[1] * h * (1 - h)
            W = [W[0] - 2 * e.transpose(0, 2, 1) @ x, W[1] - 2 * d.transpose(0, 2, 1) @ h]
            b = [b[0] - 2 * e.sum(axis=1, keepdims=True), b[1] - 2 * d.sum(axis=1, keepdims=True)]
    return np.abs(y - t).max(axis=(1, 2)) < 0.5


def error_signal(random: np.random.Generator) -> np.ndarray:
    """2-5-1 without biases, the residual times the mean cost, 10,000 epochs at rate 0.3."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)
    t = np.array([[0], [1], [1], [0]], float)
    V, w = random.random((SEEDS, 2, 5)), random.random((SEEDS, 5, 1))
    for epoch in range(10_001):
        h = sigmoid(x @ V)
        y = sigmoid(h @ w)
        if epoch < 10_000:
            cost = 0.5 * np.sum((y - t) ** 2, axis=(1, 2), keepdims=True) / 4
            d = (y - t) * cost * y * (1 - y)
            e = d @ w.transpose(0, 2, 1) * h * (1 - h)
            w = w - 0.3 * h.transpose(0, 2, 1) @ d
            V = V - 0.3 * x.T @ e
    return np.abs(y - t).max(axis=(1, 2)) < 0.5


@pytest.mark.parametrize(
    ("study", "program", "changes"),
    [
        (
            "boolean_3_4_1",
            boolean,
            ["architecture=3-4-1", "learning_rate=1", "updates=999", "init=normal(0, 1)", "bias_init=normal(0, 1)"],
        ),
        ("one_hot_xor_2_2_2", one_hot_xor, ["faults=none", "learning_rate=2", "epochs=1000", "architecture=2-2-2"]),
        ("error_signal_2_5_1", error_signal, ["faults=mean_cost_times_residual", "epochs=10000"]),
    ],
)
def test_rates_are_those_of_a_program_in_numpy(
    study: str, program: Callable[[np.random.Generator], np.ndarray], changes: list[str]
) -> None:
    plan = make_plan(load_study(POSTS / f"{study}.yaml", [*changes, f"replicates={SEEDS}"]))
    converged = train_plan(plan).column("converged").reshape(plan.n_cells, SEEDS)[0]
    ours, theirs = float(converged.mean()), float(program(np.random.default_rng(1)).mean())
    assert 0.2 < ours < 0.8, "a rate that could be missed"
    pooled = (ours + theirs) / 2
    assert abs(ours - theirs) < QUANTILE * math.sqrt(2 * pooled * (1 - pooled) / SEEDS), (ours, theirs)
