"""How far the runs that failed are from what the criterion asks for, and what most of them would reach.

A network that is right for 99% of its samples has not failed for want of training or hidden units: the criterion may
ask for more than anybody meant, as the default one does of data with noise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from runner.analysis.explain.runs import Runs
from runner.terminal import listed

# Below this there is too much wrong for the criterion to be to blame.
_NEARLY_RIGHT = 0.9
_LIMITS = (0.9, 0.95, 0.98, 0.99, 0.995, 0.999)


@dataclass(frozen=True)
class Gap:
    """How nearly right the failed runs are.

    Attributes
    ----------
    criterion : str
        The study's, as it stands in the table.
    failed : int
        Runs that failed.
    low, median, high : float
        Quartiles of their accuracy.
    limit : float
        The strictest accuracy, of some round ones, that half of all runs reach.
    meet : int
        How many runs reach it.
    """

    criterion: str
    failed: int
    low: float
    median: float
    high: float
    limit: float
    meet: int

    def as_json(self) -> dict[str, Any]:
        """For another program."""
        return vars(self) | {}


def criterion_gap(runs: Runs) -> Gap | None:
    """What there is to say of the criterion; None where runs fail by far, or where being right means little."""
    accuracy = runs.measured.get("accuracy")
    # A criterion on held-out samples is not about this accuracy.
    if accuracy is None or len(runs.criteria) != 1 or "test_" in runs.criteria[0] or runs.converged.all():
        return None
    failed = accuracy[~runs.converged]
    known = failed[np.isfinite(failed)]
    if not len(known) or np.median(known) < _NEARLY_RIGHT:
        return None
    meet = [int(np.count_nonzero(accuracy >= limit)) for limit in _LIMITS]
    best = max((i for i, n in enumerate(meet) if n >= len(runs) / 2), default=0)
    low, median, high = (float(value) for value in np.quantile(known, [0.25, 0.5, 0.75]))
    return Gap(runs.criteria[0], len(failed), low, median, high, _LIMITS[best], meet[best])


def asked(criterion: str) -> str:
    """What a criterion asks for, in words.

    Examples
    --------
    >>> asked("{max_error: 0.5}")
    'every output of every sample within 0.5 of its target'
    >>> asked("{loss: 0.01, accuracy: 0.9}")
    'a loss of at most 0.01 and at least 90% of the samples right'
    """
    words = {
        "max_error": "every output of every sample within {} of its target",
        "accuracy": "at least {} of the samples right",
        "loss": "a loss of at most {}",
        "mse": "a mean squared error of at most {}",
        "grad_norm": "a gradient of length at most {}",
    }
    words |= {f"test_{name}": f"{text} (held-out samples)" for name, text in words.items() if name != "grad_norm"}
    parts = re.findall(r"(\w+): ([^,}]+)", criterion)
    if not parts or any(name not in words for name, _ in parts):
        return criterion
    return listed([words[name].format(f"{100 * float(x):g}%" if name.endswith("accuracy") else x) for name, x in parts])
