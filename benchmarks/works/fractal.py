"""A grid of two learning rates, one per layer: the work of Sohl-Dickstein (2024), arXiv:2402.06184.

All runs start from the same weights. Close to the boundary of trainability, runs that differ in the last digit part
within some tens of updates. So only runs that learn are compared, and of these a fifth may differ.
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
    title="272 gaussian samples, 16-16-1, tanh, mean field, mse, sgd, a rate per layer, full batch, 50 epochs",
    study=Path(__file__).with_suffix(".yaml"),
    runs=576,
    overrides=_grid,
    below=0.9,
    outliers=0.2,
)
