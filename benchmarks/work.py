"""Work items: a study file, and everything a program needs to do the same work without this project."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.network import Floats, Network, described, final_losses

if TYPE_CHECKING:
    from runner.studies.plan import Plan


@dataclass(frozen=True)
class Program:
    """A program that is ready to train the networks it was prepared for.

    Attributes
    ----------
    train : callable () -> result
        Always from the same initial weights. This is what is timed.
    losses : callable (result) -> array (runs,)
        Final losses.
    """

    train: Callable[[], Any]
    losses: Callable[[Any], Floats]


def _replicates(runs: int) -> list[str]:
    return [f"replicates={runs}"]


@dataclass(frozen=True)
class WorkItem:
    """What is to be trained.

    Attributes
    ----------
    name, title : str
    study : Path
        Its runs are all of the same network and data.
    runs : int
        Networks that the project trains in a few tenths of a second.
    tolerance : mapping of str to float
        By precision: largest relative difference of a program's final losses to the project's.
    overrides : callable (int) -> list of str
        Changes of the study that make so many runs.
    below : float
        Only those runs are compared whose loss fell below this share of the initial one.
    outliers : float
        Share of the compared runs that may differ by more: of thousands of networks some pass a point where a
        difference in the last digit decides what becomes of them.
    """

    name: str
    title: str
    study: Path
    runs: int
    tolerance: dict[str, float] = field(default_factory=lambda: {"float64": 1e-9, "float32": 1e-2})
    overrides: Callable[[int], list[str]] = _replicates
    below: float = np.inf
    outliers: float = 0.01


# The other programs do not look at every network in every epoch; so the project does not either.
_TRAIN_ONLY = "evaluate_every=1000000000"


@dataclass(frozen=True, eq=False)
class Work:
    """A work item in one precision, for a number of networks.

    Attributes
    ----------
    item : WorkItem
    precision : str
    plan : Plan
        Of all its runs.
    network : Network
    inputs, targets : arrays (samples, inputs), (samples, outputs)
    epochs : int
    rates : array (runs, layers)
        Learning rates.
    weights : array (runs, parameters)
        Initial ones: layer by layer W (fan_out, fan_in) row-major, then b.
    losses : float64 array (runs,)
        Final ones of the project, which every program must reach.
    comparable : bool array (runs,)
        For which runs it must.
    """

    item: WorkItem
    precision: str
    plan: Plan
    network: Network
    inputs: Floats
    targets: Floats
    epochs: int
    rates: Floats
    weights: Floats
    losses: Floats
    comparable: NDArray[np.bool_]

    @property
    def runs(self) -> int:
        """How many networks are trained."""
        return len(self.weights)

    @property
    def sample_steps(self) -> int:
        """Samples seen, forward and backward, by all networks together."""
        return self.runs * self.epochs * self.network.samples

    def part(self, which: slice | NDArray[np.int64]) -> Work:
        """Some of the runs, for a program that has no use for the plan."""
        rows = {name: getattr(self, name)[which] for name in ("rates", "weights", "losses", "comparable")}
        return replace(self, **rows)

    def spread(self, runs: int) -> Work:
        """So many runs from all over the study."""
        return self if runs >= self.runs else self.part(np.arange(runs) * self.runs // runs)

    def from_weights(self, weights: Floats) -> Floats:
        """Final losses, for a program that gives final weights (runs, parameters)."""
        return final_losses(self.network, self.inputs, self.targets, weights)

    def difference(self, losses: Floats, outliers: float = 0.0) -> float:
        """Largest relative difference to the losses that must be reached, but for a share of outliers.

        NaN when there is nothing to compare; infinite for losses that are not numbers.
        """
        found, wanted = np.asarray(losses, np.float64)[self.comparable], self.losses[self.comparable]
        if not len(wanted):
            return float("nan")
        differences = np.sort(np.nan_to_num(np.abs(found - wanted) / np.abs(wanted), nan=np.inf))
        return float(differences[len(wanted) - 1 - int(len(wanted) * outliers)])


def prepare(item: WorkItem, precision: str, runs: int, overrides: Sequence[str] = (), threads: int = 1) -> Work:
    """A work item for so many networks; initial weights and losses to reach are the project's.

    Parameters
    ----------
    item : WorkItem
    precision : {"float64", "float32"}
    runs : int
    overrides : sequence of str
        Further changes of the study, such as ``"epochs=10"``.
    threads : int
        Of the project, which trains them once.
    """
    from runner.measurements import RECORD_COLUMNS
    from runner.studies.load import load_study
    from runner.studies.plan import make_plan
    from runner.training.engine import train

    changes = [f"precision={precision}", _TRAIN_ONLY, *item.overrides(runs), *overrides]
    kept = make_plan(load_study(item.study, [*changes, "record.weights=true"]))
    wanted = [RECORD_COLUMNS.index(name) for name in ("initial_loss", "final_loss")]
    dtype = np.dtype(precision)
    data = kept.cell(0).data_set
    network = described(kept.cell(0), len(data.inputs))
    weights, losses = np.empty((kept.n_runs, network.parameters), dtype), np.empty((kept.n_runs, 2))
    for result in train(kept, np.zeros(kept.n_runs, bool), threads):
        if result.error is not None or result.weights is None:
            raise RuntimeError(f"{item.name}: {result.error}")
        weights[result.runs] = result.weights[0]
        losses[result.runs] = result.records[:, wanted]
    rates = np.array([np.broadcast_to(kept.cell(i).learning_rate, network.layers) for i in range(kept.n_cells)])
    return Work(
        item,
        precision,
        make_plan(load_study(item.study, changes)),
        network,
        data.inputs.astype(dtype),
        data.targets.astype(dtype),
        int(kept.cell(0).epochs),
        np.repeat(rates.astype(dtype), len(kept.seeds), axis=0),
        weights,
        losses[:, 1],
        np.isfinite(losses[:, 1]) & (losses[:, 1] < item.below * losses[:, 0]),
    )
