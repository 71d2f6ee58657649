"""What a claim is about: `rate(converged)`, `quantile(0.9, updates_to_converge)`, `ratio(median(final_loss))`,
`slope(log2(median(epochs_to_converge)), data)`, `box_dimension(converged, learning_rate[0], learning_rate[1])`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from runner.keys import synonyms
from runner.keys.issues import Invalid, expected
from runner.keys.scalars import resolve
from runner.measurements import MEASUREMENTS, OUTCOMES
from runner.statistics import STATISTICS, Member
from runner.statistics.trend import SCALES
from runner.statistics.weights import WEIGHTS, read_weights

COMPARISONS = ("ratio", "difference")
"""Statistics of two selections of runs, paired by their seeds."""
SLOPE = "slope"
DIMENSION = "box_dimension"
NUMBERS = tuple(column.name for column in MEASUREMENTS if column.kind != "bool")
"""Columns whose values are numbers."""
SIMPLE_FORMS = tuple(member.form for member in STATISTICS.values())
FORMS = (
    *SIMPLE_FORMS,
    f"{SLOPE}(STATISTIC, KEY)",
    f"{DIMENSION}(OUTCOME, KEY, KEY)",
    *(f"{name}(STATISTIC or COLUMN)" for name in COMPARISONS),
)
_CALL = re.compile(r"\s*([A-Za-z_0-9]+)\s*\((.*)\)\s*", re.DOTALL)

NEVER = frozenset(("epochs_to_converge", "updates_to_converge", "epochs_to_diverge"))
"""Columns in which infinite means that it never happened, as it is shown to a reader."""
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
class Trend:
    """The line whose slope is looked at.

    Attributes
    ----------
    key : str
        Along whose values the statistic is followed.
    x_scale, y_scale : str
        Logarithms, of `runner.statistics.trend.SCALES`.
    """

    key: str
    x_scale: str = ""
    y_scale: str = ""


@dataclass(frozen=True)
class Statistic:
    """A number made from the rows of a table.

    Attributes
    ----------
    name : str
        Of the registry (a median is the quantile at 0.5); or `value` for the bare column of a comparison.
    subject : str
        The outcome, the column, or the number of weights.
    q : float
        Which quantile.
    comparison : str
        ratio or difference, of the same statistic in two selections; else empty.
    trend : Trend or None
        Where its slope over a key is meant.
    plane : pair of str or None
        Two keys, where the dimension of the border of an outcome over their values is meant.
    text : str
        As it is shown.
    """

    name: str
    subject: str
    q: float = 0.5
    comparison: str = ""
    text: str = ""
    trend: Trend | None = None
    plane: tuple[str, str] | None = None

    @property
    def member(self) -> Member:
        """Its record; of a bare column that of the median, which pairs are summed up by."""
        return STATISTICS["median" if self.name == "value" else self.name]

    @property
    def column(self) -> str:
        """The column of the table that it is made from, or the number of weights."""
        if self.name != "rate":
            return self.subject
        return "converged" if self.subject == "converged" else "outcome"

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that it needs."""
        return tuple(dict.fromkeys((self.column, *self.member.needs, *self.keys)))

    @property
    def keys(self) -> tuple[str, ...]:
        """Along whose values it is followed; then it is no number of single runs."""
        return (self.trend.key,) if self.trend else self.plane or ()

    @property
    def is_share(self) -> bool:
        """Whether the number is a share, which is shown in per cent."""
        return self.name == "rate" and not self.keys

    @property
    def limits(self) -> tuple[float, float] | None:
        """The least and the greatest value there can be, where that is known."""
        limits = self.member.limits
        if limits is None or self.comparison == "ratio" or self.keys:
            return None
        low, high = limits
        return (low - high, high - low) if self.comparison else limits


def read_statistic(value: object) -> Statistic:
    """The statistic that a text names; raises Invalid."""
    if not isinstance(value, str):
        raise expected(f"a statistic such as {FORMS[0]}", value)
    name, inside = _split(value, (*COMPARISONS, SLOPE, DIMENSION, *STATISTICS))
    if name == SLOPE:
        return _slope(inside, value)
    if name == DIMENSION:
        return _dimension(inside, value)
    if name not in COMPARISONS:
        return _simple(name, inside, value)
    if "(" not in inside or read_weights(inside):
        column = _column(inside.strip())
        return Statistic("value", column, comparison=name, text=f"{name}({column})")
    inner, arguments = _split(inside, tuple(STATISTICS), also=(*COMPARISONS, SLOPE, DIMENSION))
    if inner not in STATISTICS:
        raise Invalid(f"expected {', '.join(STATISTICS)} or a column in {name}(...), found '{inside.strip()}'")
    of = _simple(inner, arguments, inside)
    return Statistic(of.name, of.subject, of.q, name, f"{name}({of.text})")


def _split(text: str, known: tuple[str, ...], also: tuple[str, ...] = ()) -> tuple[str, str]:
    match = _CALL.fullmatch(text)
    name = match[1] if match else text.split("(")[0].strip()
    if match is None or name not in (*known, *also):
        hint = synonyms.STATISTICS.hint(name, known)
        raise Invalid(f"expected one of {', '.join(FORMS)}, found '{text.strip()}'{hint}")
    return name, match[2]


def _slope(inside: str, whole: str) -> Statistic:
    """A statistic and a key, each perhaps within a logarithm."""
    parts = _arguments(inside)
    if len(parts) != 2:
        example = f"{SLOPE}(log2(median(epochs_to_converge)), log2(architecture))"
        raise Invalid(f"expected {SLOPE}(STATISTIC, KEY) such as {example}, found '{whole.strip()}'")
    (y_scale, of), (x_scale, key) = map(_unscaled, parts)
    name, arguments = _split(of, tuple(STATISTICS), also=(*COMPARISONS, SLOPE, DIMENSION))
    if name not in STATISTICS:
        raise Invalid(f"expected one of {', '.join(SIMPLE_FORMS)} in {SLOPE}(...), found '{of}'")
    _check_key(key)
    inner = _simple(name, arguments, of)
    shown = [f"{scale}({each})" if scale else each for scale, each in ((y_scale, inner.text), (x_scale, key))]
    trend = Trend(key, x_scale, y_scale)
    return Statistic(inner.name, inner.subject, inner.q, "", f"{SLOPE}({', '.join(shown)})", trend)


def _dimension(inside: str, whole: str) -> Statistic:
    """An outcome and two keys."""
    parts = _arguments(inside)
    if len(parts) != 3 or parts[1] == parts[2]:
        example = f"{DIMENSION}(converged, learning_rate[0], learning_rate[1])"
        raise Invalid(f"expected {DIMENSION}(OUTCOME, KEY, KEY) such as {example}, found '{whole.strip()}'")
    outcome, *keys = parts
    inner = _simple("rate", outcome, f"rate({outcome})")
    for key in keys:
        _check_key(key)
    return Statistic("rate", inner.subject, text=f"{DIMENSION}({', '.join(parts)})", plane=(keys[0], keys[1]))


def _check_key(key: str) -> None:
    """Raise Invalid where a sweep has no such key."""
    # It takes long to import, for it knows all keys.
    from runner.keys.definitions import KEYS, sweep_key

    if sweep_key(key) is None:
        raise Invalid(f"unknown key '{key}'{synonyms.KEYS.hint(key, KEYS)}")


def _unscaled(text: str) -> tuple[str, str]:
    """The logarithm around a text, or nothing, and the text."""
    match = _CALL.fullmatch(text)
    if match and match[1] in SCALES:
        return match[1], match[2].strip()
    return "", text


def _arguments(inside: str) -> list[str]:
    """What stands between commas that are in no parentheses."""
    parts, depth = [""], 0
    for sign in inside:
        depth += (sign == "(") - (sign == ")")
        if sign == "," and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]


def _simple(name: str, inside: str, whole: str) -> Statistic:
    member, parts = STATISTICS[name], _arguments(inside)
    if member.takes_q:
        if len(parts) != 2:
            example = member.form.replace("Q", "0.9").replace("COLUMN", "final_loss")
            raise Invalid(f"expected {member.form} such as {example}, found '{whole.strip()}'")
        q = resolve(parts[0])
        if isinstance(q, bool) or not isinstance(q, int | float) or not 0 < q < 1:
            raise Invalid(f"expected a quantile between 0 and 1, found '{parts[0]}'")
        column = _column(parts[1])
        return Statistic(name, column, float(q), text=f"{name}({q:g}, {column})")
    if len(parts) != 1:
        raise Invalid(f"expected one name in {name}(...), found '{inside.strip()}'")
    if member.of == "OUTCOME":
        if parts[0] not in OUTCOMES:
            hint = synonyms.OUTCOMES.hint(parts[0], OUTCOMES)
            raise Invalid(f"expected one of the outcomes {', '.join(OUTCOMES)}, found '{parts[0]}'{hint}")
        return Statistic(name, parts[0], text=f"{name}({parts[0]})")
    column = _column(parts[0])
    if member.columns and column not in member.columns:
        raise Invalid(f"expected {name} of {' or '.join(member.columns)}, found '{column}'")
    return Statistic("quantile" if name == "median" else name, column, text=f"{name}({column})")


def _column(name: str) -> str:
    if name in NUMBERS:
        return name
    if weights := read_weights(name):
        return weights[0]
    if name in OUTCOMES:
        raise Invalid(f"'{name}' is an outcome, not a column of numbers: use rate({name})")
    raise Invalid(f"unknown column '{name}'{synonyms.COLUMNS.hint(name, (*NUMBERS, *WEIGHTS))}")
