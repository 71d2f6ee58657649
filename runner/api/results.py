"""What `run` gives back: a table, what can be asked of it, and a path to it."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.api import functions
from runner.api.arguments import threads_of, unfit
from runner.errors import RunnerError, nearest
from runner.printed import Printed, Writer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas

    from runner.analysis.claims.verdicts import Verdicts
    from runner.analysis.explain.explanation import Explanation
    from runner.analysis.summary import Summary
    from runner.figures.draw import Axes
    from runner.networks.network import Network


_MORE_IS_BETTER = ("accuracy", "converged")


class Results(Printed):
    """The results of a study: its table, what can be asked of it, and a path to it.

    It stands for the path of `runs.csv` wherever a path is expected: `pandas.read_csv(results)`, `results.parent`,
    `results == Path("results/small/runs.csv")`. `print` shows the table at the end of a run.

    Attributes
    ----------
    table : Path
        `runs.csv`.
    name : str
        Of the study.
    """

    def __init__(self, table: Path) -> None:
        self.table = table
        self.name = table.parent.name

    @cached_property
    def runs(self) -> pandas.DataFrame:
        """One row per run, read once."""
        return functions.read_results(self.table)

    @cached_property
    def summary(self) -> Summary:
        """Outcomes, and what share converged by the value of each axis."""
        return functions.summarize(self.table)

    def explain(self, run_id: str | None = None, *, at: Sequence[str] | Mapping[str, Any] = ()) -> Explanation:
        """Why runs fail and what would have saved them, as `runner.explain`."""
        return functions.explain(self.table, run_id, at=at)

    def claims(self) -> Verdicts:
        """The verdicts on the claims of the study, as `runner.claims`."""
        return functions.claims(self.table)

    def plot(self, *args: Any, **options: Any) -> Axes:
        """Draw a figure, as `runner.plot`, without its first argument."""
        return functions.plot(self.table, *args, **options)

    def best(self, column: str = "final_loss", *, largest: bool | None = None) -> pandas.Series[Any]:
        """The row with the best value of a measured column.

        Parameters
        ----------
        column : str
            Such as ``"mse"`` or ``"accuracy"``.
        largest : bool, optional
            Whether the largest value is the best; by default only of `accuracy` and `converged`.

        Returns
        -------
        Series
            The first of several rows in the order of the table; NaN, infinite and empty values are never the best.

        Raises
        ------
        ValueError
            When there is no such column of numbers.
        RunnerError
            When no run has a finite value.
        """
        return best_row(self.runs, column, largest)

    def network(self, run: str | pandas.Series[Any], *, threads: int | None = None) -> Network:
        """The network of a run at the end of its training.

        Its weights are those of `weights.npz`, or of an earlier call; where they were not recorded, the run is trained
        again, and what comes out must be its row to the last bit. That it then leaves in `replay/RUN_ID`.

        Parameters
        ----------
        run : str or Series
            The `run_id`, or its beginning; or a row, as `best` gives it.
        threads : int, optional
            Of the training, where there is one.

        Raises
        ------
        RunnerError
            When there is no such run, it cannot be trained, its network has a fault that changes its outputs, or an
            activation that is known to the kernels only.
        """
        from runner.networks.load import load_network
        from runner.results.reader import full_id

        run_id = run if isinstance(run, str) else getattr(run, "run_id", None)
        if not isinstance(run_id, str):
            raise unfit("run", "a run_id or a row", run)
        return load_network(self.table, full_id(self.table, run_id), threads_of(threads))

    def report(self) -> Path:
        """Write the page with all charts beside the table, as `runner.page`."""
        return functions.page(self.table)

    def __fspath__(self) -> str:
        return os.fspath(self.table)

    def __eq__(self, other: object) -> bool:
        return self.table == (other.table if isinstance(other, Results) else other)

    def __hash__(self) -> int:
        return hash(self.table)

    def __truediv__(self, other: str | os.PathLike[str]) -> Path:
        return self.table / other

    def __getattr__(self, name: str) -> Any:
        # What a path can do, this can: `parent`, `exists()`, `read_text()` and all others.
        if name.startswith("_") or name == "table":
            raise AttributeError(name)
        return getattr(self.table, name)

    def __repr__(self) -> str:
        return f"<Results of {self.name}: {self.table}>"

    def write_page(self, writer: Writer) -> None:
        """Write the page of `report`."""
        self.summary.write_page(writer)


def best_row(runs: pandas.DataFrame, column: str, largest: bool | None) -> pandas.Series[Any]:
    """The row of a table with the best value of a column; see `Results.best`."""
    import numpy as np

    if column not in runs:
        raise ValueError(f"column: there is no column {column!r}{nearest(column, runs.columns)}")
    kind = runs[column].dtype
    if not isinstance(kind, np.dtype) or kind.kind not in "biuf":
        raise ValueError(f"column: expected a column of numbers, and {column} has none")
    values = runs[column].to_numpy(np.float64)
    finite = np.isfinite(values)
    if not finite.any():
        raise RunnerError(f"no run has a finite {column}")
    sign = -1.0 if (column in _MORE_IS_BETTER if largest is None else largest) else 1.0
    return runs.iloc[int(np.where(finite, sign * values, np.inf).argmin())]
