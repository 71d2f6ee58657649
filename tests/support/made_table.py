"""A table of results with all that figures show, made by chance and not by training, and its truth as pandas has it."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd

from support.synthetic import KEYS, digest, write

ARCHITECTURES = ("2-2-1", "2-3-1", "2-4-1")
RATES = ("0.1", "1.0", "10.0")
INITS = ("xavier_uniform", "normal(0, 1)")
BUDGETS = (100, 1000)
SEEDS = 24


def made(folder: Path, name: str = "made") -> pd.DataFrame:
    """Write `runs.csv`, `curves.csv` and `environment.json`, and read the table as anybody would."""
    rng = np.random.default_rng(7)
    rows, points = [], ["run_id,epoch,loss,accuracy"]
    cells = itertools.product(ARCHITECTURES, INITS, RATES, BUDGETS)
    for architecture, init, rate, budget in cells:
        cell = KEYS | {"architecture": architecture, "init": init, "learning_rate": rate, "epochs": str(budget)}
        cell |= {"bias_learning_rate": rate, "updates": "", "stop": "budget"}
        width = int(architecture.split("-")[1])
        for seed in range(SEEDS):
            run = digest((tuple(cell.values()), seed))
            when = np.floor(60 * rng.exponential() / float(rate) ** 0.5 * 4 / width)
            met = when <= budget
            loss = float(rng.lognormal(-4 if met else -1, 1))
            rows.append(
                {"run_id": run, "cell_id": digest(tuple(cell.values())), **cell, "seed": seed}
                | {"outcome": "converged" if met else "stuck", "converged": bool(met)}
                | {"epochs_to_converge": float(when) if met else None, "updates_to_converge": when if met else None}
                | {"epochs_to_diverge": None}
                | {"epochs_run": float(budget), "final_loss": loss, "accuracy": float(rng.integers(0, 5)) / 4}
            )
            for epoch in [e for e in (0, 1, 3, 10, 32, 100, 316, 1000) if e <= budget]:
                points.append(f"{run},{epoch},{1 / (1 + epoch * float(rate) * rng.random())!r},{rng.random()!r}")
    path = write(pd.DataFrame(rows), folder, name)
    (path.parent / "curves.csv").write_text("\n".join([*points, ""]))
    axes = ["architecture", "init", "learning_rate", "epochs"]
    (path.parent / "environment.json").write_text(json.dumps({"axes": axes}))
    return pd.read_csv(path)
