"""A comparison as a table to paste: rates and medians of both sides, and their differences with intervals."""

from __future__ import annotations

from collections.abc import Iterator

from runner.analysis.compare.result import Compared
from runner.analysis.compare.show import about_measures, measures, sentences, side
from runner.figures.tables import Grid, TableFormat

_NUMBERS = ["measurement", "a", "b", "difference", "low", "high", "pairs"]


def write_differences(found: Compared, form: TableFormat) -> str:
    """The table of a comparison, in a format of tables.

    Parameters
    ----------
    found : Compared
        With pairs.
    form : TableFormat
        In `csv` the numbers are in full, with the ends of each interval in columns of their own.
    """
    if form.name == "csv":
        return form.lay_out(Grid(_NUMBERS, list(_numbers(found)), 1), ())
    head, *lines = (list(line) for line in measures(found))
    sides = [side(letter, each) for letter, each in (("A", found.a), ("B", found.b))]
    return form.lay_out(Grid(head, lines, 1), [*sides, *sentences(found), *about_measures(found)])


def _numbers(found: Compared) -> Iterator[list[str]]:
    rates = found.rates
    assert rates is not None
    numbers = [rates.a.rate, rates.b.rate, rates.difference, rates.low, rates.high]
    yield ["converged", *map(repr, map(float, numbers)), str(found.pairs)]
    for each in found.medians:
        numbers = [each.a, each.b, each.difference, each.low, each.high]
        yield [f"median({each.column})", *map(repr, map(float, numbers)), str(each.pairs)]
