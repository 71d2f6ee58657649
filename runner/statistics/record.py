"""What a statistic is: one record, from which validation, messages, schema, documentation and tests are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runner.registry import Registry
from runner.statistics.estimate import Estimate, Sample


@dataclass(frozen=True)
class Member:
    """A statistic of some runs.

    Attributes
    ----------
    name : str
    estimate : callable (values, q, confidence) -> Estimate
        Of at least one value; q is the argument Q, which most have not.
    doc, interval : str
        What the number is, and how its interval is made, in Markdown.
    title : str
        For the axis of a figure; `{}` stands for the column, `{q}` for the argument.
    of : {"COLUMN", "OUTCOME"}
        What it is made from.
    takes_q : bool
        Whether a number between 0 and 1 stands before the column.
    columns : tuple of str
        The columns that it makes sense of; empty for all.
    needs : tuple of str
        Columns beside its own.
    left_out : bool
        Whether a run without a number is left out; else it counts as infinite where that means "without end".
    limits : pair of float or None
        The least and the greatest value there can be.
    as_share : callable (values, q, bound) -> (share, target), or None
        Where the number is beyond a bound just when a share of the runs is beyond a target: how many more replicates
        would decide is found exactly.
    """

    name: str
    estimate: Callable[[Sample, float, float], Estimate]
    doc: str
    interval: str
    title: str
    of: str = "COLUMN"
    takes_q: bool = False
    columns: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    left_out: bool = False
    limits: tuple[float, float] | None = None
    as_share: Callable[[Sample, float, float], tuple[float, float]] | None = None

    @property
    def form(self) -> str:
        """How it is written: `quantile(Q, COLUMN)`."""
        of = self.columns[0] if len(self.columns) == 1 else self.of
        return f"{self.name}({'Q, ' if self.takes_q else ''}{of})"


STATISTICS: Registry[Member] = Registry("statistic")
"""All statistics by name."""
