"""A comparison in words and tables: the page of `compare`, and what its HTML shows."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from runner.analysis.compare.result import CellChange, Compared
from runner.analysis.compare.sides import Differing, Side
from runner.printed import Writer
from runner.statistics.reading import NEVER
from runner.terminal import Shortener, counted, listed, number, page, page_width, percent, table

WIDTH = 80
_LABEL = 36
_VALUES = 6
_LONGEST = 60


def show(found: Compared, stream: TextIO | None = None) -> None:
    """Print the page.

    Parameters
    ----------
    found : Compared
    stream : file
        Default stdout; plain text when it is no terminal.
    """
    with page(stream) as console:
        write(found, console)


def write(found: Compared, writer: Writer) -> None:
    """Write the page, in at most 80 columns.

    Parameters
    ----------
    found : Compared
    writer : Writer
    """
    writer.print(f"{title(found)}\n", style="bold")
    for line in (side(name, each) for name, each in (("A", found.a), ("B", found.b))):
        writer.print(_wrapped(line, "   "))
    writer.print("")
    for sentence in sentences(found):
        writer.print(_wrapped(sentence))
    if found.rates is None:
        return
    writer.print("\nOn the same seeds", style="bold")
    writer.print(_table(measures(found), "lrrrl"))
    for sentence in about_measures(found):
        writer.print(_wrapped(sentence))
    if found.outcomes:
        writer.print("\nOutcomes that changed", style="bold")
        writer.print(_table(outcomes(found), "llrr"))
    some = [*changes(found)]
    for heading, cells in some:
        writer.print(f"\n{heading}", style="bold")
        writer.print(_table(cells, "lrrrrl"))
    if some and not found.exact:
        writer.print(_wrapped(CHANCE))


def title(found: Compared) -> str:
    """`one and other`; for two parts of a study its name."""
    return listed([*dict.fromkeys((found.a.name, found.b.name))])


def _wrapped(text: str, indent: str = "") -> str:
    width = min(WIDTH, page_width())
    return textwrap.fill(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


Rows = list[tuple[str, ...]]
"""Headings, and then rows of texts."""


def _table(rows: Rows, align: str) -> Any:
    made = table(*rows[0], align=align, wrapped={0})
    for first, *others in rows[1:]:
        made.add_row("\n".join(textwrap.wrap(first, _LABEL, break_on_hyphens=False)), *others)
    return made


def side(letter: str, each: Side) -> str:
    """`A  xor_sweep where optimizer=sgd: 3,360 runs`."""
    where = f" where {listed(each.where)}" if each.where else ""
    return f"{letter}  {each.name}{where}: {counted(len(each.rows), 'run')}"


def sentences(found: Compared) -> Iterable[str]:
    """What tells the sides apart, and what they have in common."""
    if found.apart:
        yield f"They differ in {listed([_apart(each) for each in found.apart])}."
    for each in found.partly:
        yield _partly(each)
    if not found.differing:
        yield "They have the same values of all keys."
    common, only_a, only_b = found.n_cells
    settings = "settings" if not found.apart else "settings but for what they differ in"
    if not found.pairs:
        if common:
            yield f"They have {counted(common, 'setting')} in common, but no seed: nothing can be compared."
        else:
            yield f"No run of A has the same {settings} as a run of B: nothing can be compared."
            if foreign := [each.key for each in found.partly if not each.in_common]:
                where = "give one value for each side with where and versus, or values that both have"
                yield f"They have no value of {listed(foreign)} in common; {where}."
    else:
        own = [f"{n:,} only in {name}" for name, n in (("A", only_a), ("B", only_b)) if n]
        rest = f" ({listed(own)}, which {'is' if only_a + only_b == 1 else 'are'} left out)" if own else ""
        yield (
            f"{counted(found.pairs, 'pair')} of runs with the same seed and the same {settings}: "
            f"{counted(common, 'setting')} in common{rest}, {counted(found.seeds, 'seed')}."
        )
    yield from found.notes


def _apart(each: Differing) -> str:
    short = Shortener([*each.a, *each.b])
    return f"{each.key} (A {short(each.a[0])}, B {short(each.b[0])})"


def _partly(each: Differing) -> str:
    """Which values only one side has."""
    short = Shortener([*each.a, *each.b])

    def told(own: Sequence[str], other: Sequence[str]) -> str:
        there = set(other)
        only = [text for text in own if text not in there]
        shown = [short(text) for text in only[:_VALUES]]
        while len(shown) > 1 and len(", ".join(shown)) > _LONGEST:
            shown.pop()
        more = f" and {len(only) - len(shown):,} more" if len(only) > len(shown) else ""
        return f"{', '.join(shown)}{more}"

    sides = (("A", each.a, each.b), ("B", each.b, each.a))
    parts = [f"{told(own, other)} only in {name}" for name, own, other in sides if {*own} - {*other}]
    return f"{each.key}: {'; '.join(parts)}."


def measures(found: Compared) -> Rows:
    """The rate and the medians on both sides, and their differences with intervals."""
    rates = found.rates
    assert rates is not None
    rows: Rows = [("", "A", "B", "B - A", interval_of(found))]
    ends = _ends(found, _points(rates.low), _points(rates.high))
    change = f"{_points(rates.difference)} points"
    rows.append(("share converged", percent(rates.a.rate), percent(rates.b.rate), change, ends))
    for each in found.medians:
        name = f"median {each.column.replace('_', ' ')}"
        ends = _ends(found, _signed(each.low), _signed(each.high))
        rows.append((name, _number(each.a, each.column), _number(each.b, each.column), _signed(each.difference), ends))
    return rows


def interval_of(found: Compared) -> str:
    """`95% interval`."""
    return f"{100 * found.confidence:g}% interval"


def about_measures(found: Compared) -> Iterable[str]:
    """What stands behind the numbers."""
    rates = found.rates
    assert rates is not None
    yield (
        f"Of the {counted(found.pairs, 'pair')}, {rates.both:,} converged on both sides, {rates.only_a:,} in A only, "
        f"{rates.only_b:,} in B only and {rates.neither:,} on neither."
    )
    if found.medians:
        yield "B - A of a measurement is the median of the differences within pairs, not that of the medians."
    for each in found.medians:
        yield from (f"{each.column}: {note}, which says nothing." for note in each.notes)


def outcomes(found: Compared) -> Rows:
    """The most frequent changes of an outcome."""
    rows: Rows = [("in A", "in B", "pairs", "share")]
    return rows + [(a, b, f"{n:,}", percent(n / found.pairs)) for a, b, n in found.outcomes]


def changes(found: Compared) -> Iterable[tuple[str, Rows]]:
    """The settings that became better, and those that became worse."""
    if len(found.cells) < 2:
        return
    change = (found.cells["b"] - found.cells["a"]).to_numpy()
    for what, cells, which in (("Better", found.better, change > 0), ("Worse", found.worse, change < 0)):
        if cells:
            n = int(which.sum())
            most = f", of which these {len(cells)} most" if n > len(cells) else ""
            yield f"{what} in B: {n:,} of {len(found.cells):,} settings{most}", _cell_rows(found, cells)


CHANCE = "Of many settings some differ by chance: an interval that leaves out 0 is a sign of more than that."
"""What is said below settings one by one."""


def _cell_rows(found: Compared, cells: Sequence[CellChange]) -> Rows:
    rows: Rows = [("setting", "pairs", "A", "B", "B - A", interval_of(found))]
    for each in cells:
        shares = percent(each.a / each.pairs, 0), percent(each.b / each.pairs, 0)
        ends = _ends(found, _points(each.low, 0), _points(each.high, 0))
        rows.append((each.label, f"{each.pairs:,}", *shares, _points(each.difference, 0), ends))
    return rows


def _ends(found: Compared, low: str, high: str) -> str:
    return "exact" if found.exact else f"{low} to {high}"


def _points(share: float, digits: int = 1) -> str:
    """A difference of shares in percentage points."""
    text = f"{100 * share:+.{digits}f}"
    return text[1:] if float(text) == 0 else text


def _number(value: float, column: str) -> str:
    if math.isinf(value):
        return "never" if column in NEVER else "infinite"
    return number(value)


def _signed(value: float) -> str:
    if math.isinf(value):
        return "-∞" if value < 0 else "+∞"
    return f"{'+' if value > 0 else ''}{number(value)}"
