"""Tables of results whose true rates are known, without any training."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

KEYS: dict[str, str] = {
    "data": "xor",
    "architecture": "2-4-1",
    "bias": "trained",
    "init": "normal(0, 1)",
    "bias_init": "zeros",
    "optimizer": "sgd",
    "learning_rate": "0.5",
    "bias_learning_rate": "0.5",
    "batch": "full",
    "order": "sequential",
    "epochs": "100",
    "criterion": "{max_error: 0.5}",
}
Rate = Callable[[Mapping[str, str]], float]


def table(
    axes: Mapping[str, Sequence[str]],
    rate: Rate,
    seeds: int,
    rng: np.random.Generator | None = None,
    common: bool = True,
) -> pd.DataFrame:
    """A full grid: a run converges where its seed's uniform number is below the cell's rate.

    Parameters
    ----------
    axes : mapping of str to texts
    rate : callable
        From the keys of a cell to its true rate.
    seeds : int
    rng : Generator, optional
    common : bool
        Whether a seed has one number for all cells (common random numbers), or one for each.
    """
    rng = rng or np.random.default_rng(0)
    luck = rng.random(seeds)
    rows = []
    for values in itertools.product(*axes.values()):
        cell = KEYS | dict(zip(axes, values, strict=True))
        if "learning_rate" in axes:
            cell["bias_learning_rate"] = cell["learning_rate"]
        drawn = luck if common else rng.random(seeds)
        hits = drawn < rate(cell)
        identity = digest(cell)
        for seed in range(seeds):
            rows.append(
                {"run_id": digest((identity, seed)), "cell_id": identity, **cell, "seed": seed}
                | {"outcome": "converged" if hits[seed] else "stuck", "converged": bool(hits[seed])}
                | {"epochs_run": float(cell["epochs"])}
            )
    return pd.DataFrame(rows)


def digest(value: object) -> str:
    """An identity: 16 hexadecimal digits."""
    return hashlib.blake2b(repr(value).encode(), digest_size=8).hexdigest()


def write(frame: pd.DataFrame, folder: Path, name: str = "made") -> Path:
    """Write a table as the runner does, and say where."""
    path = folder / name / "runs.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(path, index=False, lineterminator="\n")
    return path
