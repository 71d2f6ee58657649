"""What `run` gives back: a table, what can be asked of it, and a path to it."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.api import functions
from runner.printed import Printed, Writer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas

    from runner.analysis.claims.check import Verdicts
    from runner.analysis.explain.explanation import Explanation
    from runner.analysis.summary import Summary
    from runner.figures.draw import Axes


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
