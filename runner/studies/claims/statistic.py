"""What a claim is about: `rate(converged)`, `quantile(0.9, updates_to_converge)`, `ratio(median(final_loss))`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runner.keys import synonyms
from runner.keys.issues import Invalid, expected
from runner.keys.scalars import resolve
from runner.measurements import MEASUREMENTS, OUTCOMES

COMPARISONS = ("ratio", "difference")
"""Statistics of two selections of runs, paired by their seeds."""
_OF_COLUMNS = ("median", "mean", "min", "max", "quantile")
NUMBERS = tuple(column.name for column in MEASUREMENTS if column.kind != "bool")
"""Columns whose values are numbers."""
FORMS = (
    "rate(OUTCOME)",
    *(f"{name}(COLUMN)" for name in _OF_COLUMNS[:-1]),
    "quantile(Q, COLUMN)",
    *(f"{name}(STATISTIC or COLUMN)" for name in COMPARISONS),
)
_CALL = re.compile(r"\s*([A-Za-z_]+)\s*\((.*)\)\s*", re.DOTALL)

# Columns where "no number" means "without end": never reached, or overflowed. In all others a run without a number
# says nothing.
UNBOUNDED = frozenset(
    {
        "epochs_to_diverge",
        "epochs_to_converge",
        "updates_to_converge",
        "initial_loss",
        "final_loss",
        "best_loss",
        "mse",
        "max_error",
        "grad_norm",
        "weight_norm",
    }
)


@dataclass(frozen=True)
class Statistic:
    """A number made from the rows of a table.

    Attributes
    ----------
    name : str
        rate, quantile (median is the one at 0.5), mean, min, max; or `value` for the bare column of a comparison.
    subject : str
        The outcome or the column.
    q : float
        Which quantile.
    comparison : str
        ratio or difference, of the same statistic in two selections; else empty.
    text : str
        As it is shown.
    """

    name: str
    subject: str
    q: float = 0.5
    comparison: str = ""
    text: str = ""

    @property
    def column(self) -> str:
        """The column of the table that it is made from."""
        if self.name != "rate":
            return self.subject
        return "converged" if self.subject == "converged" else "outcome"

    @property
    def limits(self) -> tuple[float, float] | None:
        """The least and the greatest value there can be, where that is known."""
        if self.name != "rate" or self.comparison == "ratio":
            return None
        return (-1.0, 1.0) if self.comparison else (0.0, 1.0)


def read_statistic(value: object) -> Statistic:
    """The statistic that a text names; raises Invalid."""
    if not isinstance(value, str):
        raise expected(f"a statistic such as {FORMS[0]}", value)
    name, inside = _split(value, (*COMPARISONS, "rate", *_OF_COLUMNS))
    if name not in COMPARISONS:
        return _simple(name, inside, value)
    if "(" not in inside:
        column = _column(inside.strip())
        return Statistic("value", column, comparison=name, text=f"{name}({column})")
    inner, arguments = _split(inside, ("rate", *_OF_COLUMNS))
    if inner in COMPARISONS:
        raise Invalid(f"expected rate, {', '.join(_OF_COLUMNS)} or a column in {name}(...), found '{inside.strip()}'")
    of = _simple(inner, arguments, inside)
    return Statistic(of.name, of.subject, of.q, name, f"{name}({of.text})")


def _split(text: str, known: tuple[str, ...]) -> tuple[str, str]:
    match = _CALL.fullmatch(text)
    name = match[1] if match else text.split("(")[0].strip()
    if match is None or name not in (*known, *COMPARISONS):
        hint = synonyms.STATISTICS.hint(name, known)
        raise Invalid(f"expected one of {', '.join(FORMS)}, found '{text.strip()}'{hint}")
    return name, match[2]


def _simple(name: str, inside: str, whole: str) -> Statistic:
    parts = [part.strip() for part in inside.split(",")]
    if name == "quantile":
        if len(parts) != 2:
            raise Invalid(f"expected quantile(Q, COLUMN) such as quantile(0.9, final_loss), found '{whole.strip()}'")
        q = resolve(parts[0])
        if isinstance(q, bool) or not isinstance(q, int | float) or not 0 < q < 1:
            raise Invalid(f"expected a quantile between 0 and 1, found '{parts[0]}'")
        column = _column(parts[1])
        return Statistic("quantile", column, float(q), text=f"quantile({q:g}, {column})")
    if len(parts) != 1:
        raise Invalid(f"expected one name in {name}(...), found '{inside.strip()}'")
    if name == "rate":
        if parts[0] not in OUTCOMES:
            hint = synonyms.OUTCOMES.hint(parts[0], OUTCOMES)
            raise Invalid(f"expected one of the outcomes {', '.join(OUTCOMES)}, found '{parts[0]}'{hint}")
        return Statistic("rate", parts[0], text=f"rate({parts[0]})")
    column = _column(parts[0])
    return Statistic("quantile" if name == "median" else name, column, text=f"{name}({column})")


def _column(name: str) -> str:
    if name in NUMBERS:
        return name
    if name in OUTCOMES:
        raise Invalid(f"'{name}' is an outcome, not a column of numbers: use rate({name})")
    raise Invalid(f"unknown column '{name}'{synonyms.COLUMNS.hint(name, NUMBERS)}")
