"""From the keys of a study to trained runs, in this process and by the public path: YAML, plan, engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from runner.measurements import OUTCOMES, RECORD_COLUMNS
from runner.studies.cells import Cell
from runner.studies.load import load_study
from runner.studies.plan import Plan, make_plan
from runner.training.engine import train
from runner.training.specials import Specials


@dataclass(frozen=True)
class Runs:
    """All runs of a study, in the order of its plan."""

    plan: Plan
    records: np.ndarray
    weights: list[tuple[np.ndarray, np.ndarray]]
    curves: list[np.ndarray]

    def column(self, name: str) -> np.ndarray:
        """A measurement of all runs."""
        return self.records[:, RECORD_COLUMNS.index(name)]

    def row(self, run: int) -> dict[str, float]:
        """All measurements of a run by name."""
        return dict(zip(RECORD_COLUMNS, self.records[run].tolist(), strict=True))

    def outcome(self, run: int) -> str:
        """In one word."""
        return OUTCOMES[int(self.records[run, 0])]

    def each(self) -> Iterator[tuple[int, Cell, int]]:
        """Number, cell and seed of every run."""
        for run in range(self.plan.n_runs):
            at, place = divmod(run, len(self.plan.seeds))
            yield run, self.plan.cell(at), self.plan.seeds[place]

    @property
    def bits(self) -> np.ndarray:
        """The records as integers, by which NaN equals itself and 0.0 is not -0.0."""
        return self.records.view(np.uint64)


def make(folder: Path, **keys: Any) -> Plan:
    """The plan of a study with these keys."""
    file = folder / "study.yaml"
    file.write_text(yaml.safe_dump(keys, sort_keys=False))
    return make_plan(load_study(file))


def run(folder: Path, *, threads: int = 1, **keys: Any) -> Runs:
    """Train a study with these keys; its weights are recorded when `record` says so."""
    return train_plan(make(folder, **keys), threads)


def train_plan(plan: Plan, threads: int = 1, specials: Specials | None = None) -> Runs:
    """Train all runs of a plan, perhaps with kernels that know their networks."""
    records = np.full((plan.n_runs, len(RECORD_COLUMNS)), np.nan)
    weights: list[Any] = [None] * plan.n_runs
    curves: list[Any] = [None] * plan.n_runs
    seen = np.zeros(plan.n_runs, int)
    for result in train(plan, np.zeros(plan.n_runs, bool), threads, specials=specials):
        assert result.error is None, result.error
        records[result.runs] = result.records
        seen[result.runs] += 1
        for k, number in enumerate(result.runs.tolist()):
            if result.weights is not None:
                weights[number] = (result.weights[0][k], result.weights[1][k])
            if result.curves is not None:
                curves[number] = result.curves[k]
    assert (seen == 1).all(), "every run is trained once"
    return Runs(plan, records, weights, curves)


def write_samples(folder: Path, n: int = 7, inputs: int = 3, targets: int = 3, seed: int = 5) -> dict[str, Any]:
    """Samples without any symmetry as CSV data: `data` for a study in the same folder.

    Targets lie between 0 and 1 and add up to 1 in every sample, so that they suit every loss. 7 samples are no
    multiple of what a tile of the kernel holds. Symmetric data (XOR) would make gradients that are exactly 0 in
    mathematics and a rounding error in every program, which methods that look at its sign only make large.
    """
    random = np.random.default_rng(seed)
    x, t = random.normal(size=(n, inputs)), random.dirichlet(np.full(targets, 2.0), size=n)
    names = [f"x{k}" for k in range(inputs)] + [f"t{k}" for k in range(targets)]
    lines = [",".join(map(repr, row)) for row in np.hstack([x, t]).tolist()]
    (folder / "samples.csv").write_text("\n".join([",".join(names), *lines, ""]))
    return {"csv": "samples.csv", "inputs": names[:inputs], "targets": names[inputs:]}


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    """Norm of the difference divided by that of the expected value; infinite when either is not finite."""
    if np.array_equal(found, expected):
        return 0.0
    with np.errstate(all="ignore"):
        deviation = float(np.linalg.norm(found - expected) / np.linalg.norm(expected))
    return deviation if np.isfinite(deviation) else np.inf
