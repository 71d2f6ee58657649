"""The gain of activations is a scale of weights and learning rate (Thimm, Moerland and Fiesler 1996)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import studies

COMMON: dict[str, Any] = {
    "data": "xor",
    "architecture": "2-3-2-1",
    "bias_init": "uniform(-0.5, 0.5)",
    "updates": 200,
    "record": {"weights": True},
    "replicates": 5,
}


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"optimizer": "momentum", "momentum": 0.8, "activation": ["tanh", "softplus"]},
        {"shortcuts": "all", "loss": "binary_cross_entropy", "batch": 1, "order": "shuffled"},
    ],
    ids=str,
)
def test_a_gain_is_a_scale_of_weights_and_learning_rate(tmp_path: Path, keys: dict[str, Any]) -> None:
    """Twice the gain, half the weights, a quarter of the rate: a power of two changes no digit of a number."""
    plain = studies.run(tmp_path, init="uniform(-1, 1)", learning_rate=0.4, **COMMON, **keys)
    halves = {"init": "uniform(-0.5, 0.5)", "bias_init": "uniform(-0.25, 0.25)", "gain": 2, "learning_rate": 0.1}
    twice = studies.run(tmp_path, **{**COMMON, **halves, **keys})
    for name in ("final_loss", "best_loss", "mse", "max_error", "output_min", "output_spread", "saturation"):
        assert np.array_equal(plain.column(name), twice.column(name)), name
    for mine, other in zip(twice.weights, plain.weights, strict=True):
        assert np.array_equal(2 * mine[1], other[1])
        assert not np.array_equal(other[0], other[1])


def test_a_gain_of_one_is_none(tmp_path: Path) -> None:
    one = studies.run(tmp_path, learning_rate=0.4, gain=1, **COMMON)
    none = studies.run(tmp_path, learning_rate=0.4, **COMMON)
    assert np.array_equal(one.bits, none.bits)
