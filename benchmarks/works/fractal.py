"""A grid of two learning rates, one per layer: the work of Sohl-Dickstein (2024), arXiv:2402.06184.

All runs start from the same weights. Near the boundary of trainability two runs that differ in the last digit part
within some updates, so only runs whose loss at least halved are compared.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.work import WorkItem


def _grid(runs: int) -> list[str]:
    """The nearest square number of runs."""
    rates = np.geomspace(0.1, 100, max(2, round(runs**0.5))).tolist()
    return [f"learning_rate={[[first, second] for first in rates for second in rates]}"]


ITEM = WorkItem(
    name="fractal",
    title="272 gaussian samples, 16-16-1, tanh, mean field, mse, sgd, a rate per layer, full batch, 100 epochs",
    study=Path(__file__).with_suffix(".yaml"),
    runs=256,
    tolerance={"float64": 1e-6, "float32": 5e-2},
    overrides=_grid,
    below=0.5,
)
