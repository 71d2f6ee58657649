"""A small plan and an engine without networks: what is measured is a function of the run's identity alone."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from runner.keys.columns import Column
from runner.keys.identity import Identity
from runner.measurements import MISSING
from runner.results.columns import Header

HEADER = Header(
    ("data", "architecture", "init", "learning_rate", "epochs", "seed"),
    (("converged", "bool"), ("epochs_to_converge", "float"), ("updates", "int"), ("final_loss", "float")),
    ("converged", "stuck", "diverged"),
)


@dataclass(frozen=True)
class FakeCell:
    """A cell that is nothing but the texts of its keys."""

    texts: tuple[str, ...]

    @property
    def cell_id(self) -> str:
        return self.identity.cell_id

    @property
    def identity(self) -> Identity:
        return Identity(HEADER.keys[:-1], self.texts)

    @property
    def architecture(self) -> tuple[int, ...]:
        return tuple(map(int, self.texts[1].split("-")))

    @property
    def budget(self) -> int:
        return int(self.texts[4])

    def run_id(self, seed: int) -> str:
        return f"{self.identity.run_ids([seed])[0]:016x}"


@dataclass
class FakePlan:
    """Cells are (data, architecture, init, learning rate, epochs); every cell runs with every seed."""

    cells: Sequence[tuple[str, ...]]
    seeds: Sequence[int] = range(5)
    n_runs: int = field(init=False)

    def __post_init__(self) -> None:
        self.n_runs = len(self.cells) * len(self.seeds)

    @property
    def n_cells(self) -> int:
        return len(self.cells)

    def cell(self, i: int) -> FakeCell:
        return FakeCell(self.cells[i])

    def columns(self, cells: np.ndarray) -> list[Column]:
        by_key = zip(*(self.cells[i] for i in cells.tolist()), strict=True)
        return [Column(texts, texts, np.arange(len(cells))) for texts in by_key]


def grid(
    rates: Sequence[float] = (0.1, 1.0, 10.0), epochs: Sequence[int] = (10, 100), data: str = "xor"
) -> list[tuple[str, ...]]:
    """Cells of a small grid; one of the texts needs quotes."""
    shapes = ("2-2-1", "2-4-1")
    return [
        (data, shape, "uniform(-1, 1)", repr(rate), str(budget))
        for shape, rate, budget in itertools.product(shapes, rates, epochs)
    ]


@dataclass(frozen=True)
class FakeResult:
    """Finished runs, with the attributes of `runner.training.engine.Result`."""

    runs: np.ndarray
    records: np.ndarray
    curves: list[np.ndarray] | None = None
    weights: tuple[np.ndarray, np.ndarray] | None = None
    updates: int = 1
    rows: None = None
    part: None = None
    error: str | None = None


def train_run(plan: FakePlan, run: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Record, curve and weights of one run."""
    cell, seed = plan.cell(run // len(plan.seeds)), plan.seeds[run % len(plan.seeds)]
    random = np.random.default_rng(int(cell.run_id(seed), 16))
    record = np.array([random.integers(3), 0, MISSING, cell.budget, random.normal()])
    if record[0] == 0:
        record[1:3] = 1, random.exponential()
    if record[0] == 2:
        record[4] = [np.nan, np.inf][random.integers(2)]
    curve = np.column_stack([[0, 1, 2.5], random.normal(size=(3, 2))])
    size = sum((a + 1) * b for a, b in itertools.pairwise(cell.architecture))
    return record, curve, random.normal(size=(2, size))


def train(
    plan: FakePlan, done: np.ndarray, order: np.random.Generator | None = None, block: int = 3
) -> Iterator[FakeResult]:
    """Blocks of finished runs of one architecture; in a random order when a generator is given."""
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for run in np.flatnonzero(~done).tolist():
        by_shape.setdefault(plan.cell(run // len(plan.seeds)).architecture, []).append(run)
    blocks = []
    for runs in by_shape.values():
        if order is not None:
            order.shuffle(runs)
        blocks += [runs[i : i + block] for i in range(0, len(runs), block)]
    if order is not None:
        order.shuffle(blocks)
    for runs in blocks:
        records, curves, weights = zip(*(train_run(plan, run) for run in runs), strict=True)
        stacked = np.stack(weights)
        yield FakeResult(np.array(runs), np.stack(records), list(curves), (stacked[:, 0], stacked[:, 1]))
