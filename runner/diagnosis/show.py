"""A diagnosis as its author reads it in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from textwrap import wrap
from typing import Any

from runner.diagnosis.advice import label
from runner.diagnosis.anatomy import anatomy, place
from runner.diagnosis.findings import Finding, line_of
from runner.diagnosis.legend import legend
from runner.diagnosis.result import Diagnosis
from runner.diagnosis.worker import FUNCTIONS
from runner.statistics.intervals import wilson
from runner.terminal import counted, listed, visible


def page_text(diagnosis: Diagnosis, width: int = 80) -> str:
    """All that is to be said, in words, in lines of `width` columns but for formulas and lines of code."""
    lines = [f"{diagnosis.file.name}: {verdict(diagnosis)}", ""]
    number = 1
    for _, group in groupby(diagnosis.findings, line_of):
        together = list(group)
        lines += _mistakes(together, number, diagnosis.file.name, width)
        number += len(together)
    for each in diagnosis.unknown:
        says = f"{place(each['term'], each.get('layer'))}: not known. {sentence(each['says'])}"
        lines += _wrapped(says, "? ", "  ", width)
        for name, value in each.get("numbers", {}).items():
            lines += _wrapped(f"{name}: {value}", "  ", "    ", width)
        lines.append("")
    right = list(_right(diagnosis, width))
    if right:
        lines += ["Right in it:", *right, ""]
    if symbols := legend(formulas(diagnosis)):
        lines.append("In these formulas:")
        for symbol, means in symbols:
            lines += _wrapped(f"{symbol.ljust(7)}  {means}", "  ", " " * 11, width)
        lines.append("")
    for note in diagnosis.notes:
        if note not in diagnosis.advice:
            lines += _wrapped(sentence(note), "- ", "  ", width)
    if diagnosis.rates:
        lines += ["", *_rates(diagnosis, width)]
    if diagnosis.advice:
        lines.append("")
    for note in diagnosis.advice:
        lines += _wrapped(sentence(note), "", "", width)
    if diagnosis.twin:
        lines += ["", *_wrapped(sentence(agreement(diagnosis.twin)), "", "", width)]
    return visible("\n".join(lines).rstrip() + "\n")


def formulas(diagnosis: Diagnosis) -> Iterator[str]:
    """All formulas that are shown."""
    for finding in diagnosis.findings:
        yield from (finding.is_, finding.should_be)
    for part in anatomy(diagnosis):
        if part.term != "batch":
            yield part.stands


def _mistakes(together: Sequence[Finding], number: int, file: str, width: int) -> Iterator[str]:
    """A mistake; or all that are in one line, whose formula has all of them."""
    first = together[0]
    if len(together) == 1:
        yield from _wrapped(f"{place(first.term, first.layer)}: {first.says}.", f"{number}. ", "   ", width)
        yield from _formulas(first)
        yield from _where(first, "   ", file, [] if first.source else [("look for:", first.line)])
        yield ""
        return
    numbers = listed([str(number + i) for i in range(len(together))])
    where = f"{place(first.together, first.layers)}: {len(together)} mistakes in one formula."
    yield from _wrapped(where, f"{numbers}. ", "   ", width)
    yield from _formulas(first)
    same = len({finding.source for finding in together}) == 1
    if same:
        yield from _lines(first, "   ", file)
    for n, finding in enumerate(together, start=number):
        yield from _wrapped(f"{place(finding.term, None)}: {finding.says}.", f"   {n}. ", "      ", width)
        own = replace(finding, source=()) if same else finding
        yield from _where(own, "      ", file, [("by itself:", finding.line)])
    yield ""


def _formulas(finding: Finding) -> Iterator[str]:
    yield f"   there stands:  {finding.is_}"
    yield f"   there should:  {finding.should_be}"


def _where(finding: Finding, indent: str, file: str, more: Sequence[tuple[str, str]]) -> Iterator[str]:
    """The author's lines, or how it looks in NumPy, and its name."""
    yield from _lines(finding, indent, file)
    for what, text in (*more, ("fault:", finding.fault or "a known formula without a name")):
        yield f"{indent}{what.ljust(13)}  {text}"


def _lines(finding: Finding, indent: str, file: str) -> Iterator[str]:
    for line in finding.source:
        yield f"{indent}{f'{line.place(file)}:'.ljust(13)}  {line.text}"


def sentence(note: str) -> str:
    """With a capital, unless it begins with the name of a function, and a full stop."""
    start = note[0] if note.split()[0] in FUNCTIONS else note[0].upper()
    return f"{start}{note[1:]}."


def verdict(diagnosis: Diagnosis) -> str:
    """In a few words."""
    found = counted(len(diagnosis.findings), "mistake") if diagnosis.findings else ""
    if diagnosis.unknown:
        return f"{found}, and something that is not known" if found else "something in it is not known"
    return found or "your program is right"


def agreement(twin: dict[str, Any]) -> str:
    """How long the twin has the weights of the program, without a full stop."""
    updates, off = twin["updates"], twin["largest_difference"]
    if twin["parts_at"] is None:
        how = "bit for bit" if off == 0 else f"to {off:.0e}".replace("e-0", "e-")
        return f"these formulas alone give the weights of your program for {updates} updates, {how}"
    parted = f"from update {twin['parts_at']} of {updates} on, these formulas give other weights than your program"
    return f"{parted}: they are not all of it, or rounding grows, as it does where steps are large or signs alone count"


def _right(diagnosis: Diagnosis, width: int) -> Iterator[str]:
    """What is right, with the layers of which the same is true."""
    layers: dict[tuple[str, str], list[int]] = {}
    for part in anatomy(diagnosis):
        # How samples are put together is a note as well.
        if part.finding is None and part.term != "batch":
            layers.setdefault((part.term, part.stands), []).extend(part.layers)
    for (term, stands), where in layers.items():
        yield from _wrapped(f"{place(term, where)}: {stands}", "  ", "    ", width)


def _rates(diagnosis: Diagnosis, width: int) -> Iterator[str]:
    """A table of what was trained."""
    rates = diagnosis.rates
    heading = f"How many of {counted(rates[0].runs, 'network')} learn it ({diagnosis.criterion}), and the 95% interval:"
    yield from _wrapped(heading, "", "", width)
    labels = [label(rate, rates) for rate in rates]
    widest = max(map(len, labels))
    for name, rate in zip(labels, rates, strict=True):
        low, high = wilson(rate.converged, rate.runs)
        yield f"  {name.ljust(widest)}  {rate.share:6.1%}  {low:.1%} to {high:.1%}"


def _wrapped(text: str, first: str, later: str, width: int) -> list[str]:
    return wrap(text, width, initial_indent=first, subsequent_indent=later, break_long_words=False) or [first]
