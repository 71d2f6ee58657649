"""The part of a results table that `explain` looks at, as numbers: its factors, and the value of each in every run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runner.analysis.explain.factors import DERIVED, FAULTS, Factor, count_cells, find_factors
from runner.errors import RunnerError
from runner.keys.architecture import parameter_count
from runner.registry import column_of
from runner.results.columns import key_columns
from runner.results.large import SomeSeeds, seeds_in_memory
from runner.results.reader import codes_of, differing, header, read_columns
from runner.statistics.shares import CHANCE, is_deterministic

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_COST = ("architecture", "bias", "shortcuts")
_TEXTS = ("cell_id", *CHANCE, *_COST, "batch", "data", "loss", "output", "criterion", "outcome", "converged")
_NUMBERS = ("epochs_run", "epochs_to_diverge", "accuracy", "final_loss")
_LARGEST = 2**62
_SIZES = re.compile(r"[0-9]{1,9}(-[0-9]{1,9}){1,99}")


@dataclass(frozen=True)
class Runs:
    """Runs by factor and seed.

    Attributes
    ----------
    factors : tuple of Factor
    codes : int array (n, factors)
        Number of each run's value on each factor.
    seeds : int array (n,)
        Number of its seed among `seed_values`.
    seed_values : int array
    converged : bool array (n,)
    outcomes : int array (n,)
        Into `outcome_names`.
    outcome_names : tuple of str
    cost : float array (n,)
        Passes over the data times parameters, 1 where that is not known.
    exact : bool
        Whether the seed makes no difference.
    broken_at_start : int
        How many had a loss that is no number before the first update.
    measured : mapping of str to float array (n,)
        How well runs did: `accuracy`, the share of the samples that are right, where a sample is right or wrong, and
        `loss` at the end, where all runs have the same data and the same loss; and what else `load_runs` was asked for.
        What the table lacks is missing.
    criteria : tuple of str
        Every criterion that occurs.
    full_batch : bool
        Whether every update of every run saw all samples.
    part : SomeSeeds or None
        Of a table that is too large for memory, which seeds these are the runs of.
    without_rate : bool
        Whether no run has a learning rate, as under a method of second order.
    """

    factors: tuple[Factor, ...]
    codes: Ints
    seeds: Ints
    seed_values: Ints
    converged: NDArray[np.bool_]
    outcomes: Ints
    outcome_names: tuple[str, ...]
    cost: Floats
    exact: bool
    broken_at_start: int = 0
    measured: Mapping[str, Floats] = field(default_factory=dict)
    criteria: tuple[str, ...] = ()
    full_batch: bool = False
    part: SomeSeeds | None = None
    without_rate: bool = False

    def __len__(self) -> int:
        return len(self.converged)

    @property
    def levels(self) -> tuple[int, ...]:
        """Values per factor."""
        return tuple(len(factor.values) for factor in self.factors)

    @cached_property
    def n_cells(self) -> int:
        """How many combinations of values there are."""
        return int(np.count_nonzero(np.bincount(self.place(range(len(self.factors))))))

    @property
    def n_seeds(self) -> int:
        """How many seeds there are."""
        return len(self.seed_values)

    @property
    def varied(self) -> tuple[str, ...]:
        """The keys that differ between runs."""
        parts = [part for factor in self.factors for part in (*factor.parts, *(a.part for a in factor.asides))]
        names = (FAULTS if part.is_fault else part.name.partition("[")[0] for part in parts)
        return tuple(dict.fromkeys(names))

    def place(self, factors: Sequence[int]) -> Ints:
        """One number for the values on some factors, the same for the same values, as small as can be."""
        return combined([(self.codes[:, at], self.levels[at]) for at in factors], len(self))


def part_of(runs: Runs, rows: NDArray[np.bool_]) -> Runs:
    """Some of the runs, without the factors and values that do not occur among them."""
    factors, columns = [], []
    for at, factor in enumerate(runs.factors):
        used, codes = np.unique(runs.codes[rows, at], return_inverse=True)
        if len(used) > 1:
            factors.append(factor.only(used.tolist()))
            columns.append(np.asarray(codes, np.int64))
    n = int(np.count_nonzero(rows))
    return replace(
        runs,
        factors=tuple(factors),
        codes=np.stack(columns, axis=1) if columns else np.zeros((n, 0), np.int64),
        seeds=runs.seeds[rows],
        converged=runs.converged[rows],
        outcomes=runs.outcomes[rows],
        cost=runs.cost[rows],
        measured={name: values[rows] for name, values in runs.measured.items()},
    )


def combined(columns: Iterable[tuple[Ints, int]], n: int) -> Ints:
    """Several columns of numbers as one: mixed radix, made dense wherever it would overflow or be sparse."""
    whole, size = np.zeros(n, np.int64), 1
    for codes, levels in columns:
        if size > _LARGEST // max(levels, 1):
            _, whole = np.unique(whole, return_inverse=True)
            size = int(whole.max(initial=0)) + 1
        whole, size = whole * levels + codes, size * levels
    if size > 4 * n + 1024:
        _, whole = np.unique(whole, return_inverse=True)
    return np.asarray(whole, np.int64)


def load_runs(
    path: Path, axes: Sequence[str] | None = None, measured: Sequence[str] = (), seeds: Iterable[int] = ()
) -> Runs:
    """Read a table; of one that is too large for memory the runs of its first seeds.

    Parameters
    ----------
    path : Path
        `runs.csv` of a study.
    axes : sequence of str, optional
        Keys that the study sweeps; when not given, those that differ between rows and do not follow from others.
    measured : sequence of str
        Further measurements to keep of every run.
    seeds : iterable of int
        Seeds whose runs are kept in any case.

    Raises
    ------
    RunnerError
        When there is no table, or no row in it.
    """
    names = header(path)
    keys = key_columns(names)
    others = [name for name in _TEXTS if name in names]
    measured = [name for name in measured if name in names]
    numbers = list(dict.fromkeys([name for name in _NUMBERS if name in names] + measured))
    given = [name for name in axes or () if column_of(name) in keys]
    part = seeds_in_memory(path, seeds)
    read = partial(read_columns, path, numbers=numbers, seeds=None if part is None else part.seeds)
    frame = read([*(given or keys), *others])
    if given and not frame.empty:
        # Cells that the study includes one by one may differ in keys that are on no axis.
        cells = frame["cell_id"].nunique()
        others_of = set(keys).difference(map(column_of, given), DERIVED)
        wanted = [*given, *differing(path, [key for key in names if key in others_of])]
        if len(wanted) > len(given):
            frame = read([*wanted, *others])
        if cells > count_cells(*find_factors(frame, wanted, given)):
            # They may differ in any number of a list, too: the whole list is one value then.
            given = [name for name in given if name in keys]
            frame = read([*keys, *others])
    if frame.empty:
        raise RunnerError(f"{path} has no rows yet: run the study first")
    lists = {column_of(name) for name in given if name not in keys}
    own = [key for key in keys if key in frame and key not in lists] + [name for name in given if name not in keys]
    runs = from_frame(frame, sorted(own, key=lambda name: keys.index(column_of(name))), given)
    more = {name: frame[name].to_numpy(float) for name in measured}
    return replace(runs, measured={**runs.measured, **more}, part=part)


def from_frame(frame: pd.DataFrame, keys: Sequence[str], given: Sequence[str] = ()) -> Runs:
    """From a table to numbers.

    Parameters
    ----------
    frame : DataFrame
        Texts as categories.
    keys : sequence of str
        Columns that may be factors.
    given : sequence of str
        Those that the study sweeps: factors even when they follow from another one.
    """
    may_be = [key for key in keys if key in given] + [key for key in keys if key not in given]
    factors, columns = find_factors(frame, may_be, given)
    outcomes, names = codes_of(frame["outcome"])
    seed_values, seeds = np.unique(frame["seed"].to_numpy(), return_inverse=True)
    chance = [[str(text) for text in frame[name].unique()] for name in CHANCE if name in frame]
    return Runs(
        factors=tuple(factors),
        codes=np.stack(columns, axis=1) if columns else np.zeros((len(frame), 0), np.int64),
        seeds=np.asarray(seeds, np.int64),
        seed_values=seed_values,
        converged=(frame["converged"] == "True").to_numpy(),
        outcomes=outcomes,
        outcome_names=tuple(names),
        cost=_cost(frame),
        exact=len(chance) == len(CHANCE) and is_deterministic(*chance),
        measured=_measured(frame),
        criteria=tuple(map(str, frame["criterion"].unique())) if "criterion" in frame else (),
        full_batch="batch" in frame and set(map(str, frame["batch"].unique())) == {"full"},
        without_rate="learning_rate" in frame and set(map(str, frame["learning_rate"].unique())) <= {"", "nan"},
        broken_at_start=int((frame["epochs_to_diverge"] == 0).sum()) if "epochs_to_diverge" in frame else 0,
    )


def _measured(frame: pd.DataFrame) -> dict[str, Floats]:
    """How well runs did, as far as their numbers mean the same."""
    found = {}
    # A linear output may be any number, so that no sample is right or wrong.
    if "accuracy" in frame and "output" in frame and "identity" not in set(map(str, frame["output"].unique())):
        found["accuracy"] = frame["accuracy"].to_numpy(float)
    if "final_loss" in frame and all(name in frame and frame[name].nunique() == 1 for name in ("data", "loss")):
        found["loss"] = frame["final_loss"].to_numpy(float)
    return found


def _cost(frame: pd.DataFrame) -> Floats:
    """Work of training: passes over the data times parameters."""
    cost = np.ones(len(frame))
    if "architecture" in frame:
        usual = {"architecture": "", "bias": "trained", "shortcuts": ""}
        columns = [frame[n] if n in frame else pd.Series(x, frame.index, dtype="category") for n, x in usual.items()]
        places, (shapes, biases, shortcuts) = zip(*map(codes_of, columns), strict=True)
        # Another program may have made dates of them, or nothing.
        sizes = [tuple(map(int, shape.split("-"))) if _SIZES.fullmatch(shape) else None for shape in shapes]
        table = [[[parameter_count(a, b, c) if a else 1 for c in shortcuts] for b in biases] for a in sizes]
        cost = np.array(table, float)[places]
    if "epochs_run" in frame:
        passes: Any = frame["epochs_run"].to_numpy()
        cost = cost * np.where(np.isfinite(passes), passes, 0.0)
    return np.maximum(cost, 1e-9)
