"""The printed table, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib import metadata

from benchmarks.aspects import Fact
from benchmarks.goals import OURS, base_of, judged
from benchmarks.measure import Row
from benchmarks.order import Found
from benchmarks.works import load_item
from runner.machine import surroundings

_PACKAGES = {
    "numba": "Numba",
    "numpy": "NumPy",
    "jax": "JAX",
    "torch": "PyTorch",
    "scikit-learn": "scikit-learn",
}


def lines(found: Found, repeats: int) -> Iterator[str]:
    """Everything that was measured.

    Parameters
    ----------
    found : Found
    repeats : int
    """
    yield from _head(repeats)
    for work in dict.fromkeys(row.work for row in found.rows):
        yield from _of_work(work, [row for row in found.rows if row.work == work])
    if found.rows:
        yield from _goals(found.rows)
    if found.facts:
        yield from _facts(found.facts)
    if found.notes:
        yield ""
        yield from (f"- {note}." for note in found.notes)


def machine() -> str:
    """The processor by name."""
    facts = surroundings()["machine"]
    return f"{facts['processor']}, {facts['cores_allowed']} cores"


def _head(repeats: int) -> Iterator[str]:
    yield f"{machine()}; {', '.join(_versions())}."
    yield ""
    yield (
        f"Million sample-steps per second, medians of {repeats} repeats in which the programs took turns: on one core "
        "by processor time, on two by the clock. In brackets how many times as fast the project is: below 1, the other "
        "program is faster."
    )


def _versions() -> Iterator[str]:
    for package, title in _PACKAGES.items():
        try:
            yield f"{title} {metadata.version(package)}"
        except metadata.PackageNotFoundError:
            continue


def _of_work(work: str, rows: Sequence[Row]) -> Iterator[str]:
    columns = list(dict.fromkeys((row.cores, row.precision) for row in rows))
    yield ""
    yield f"**{load_item(work).title}**"
    yield ""
    heads = [f"{precision}, {cores} core{'s' if cores > 1 else ''}" for cores, precision in columns]
    yield _row(["program", *heads, "from repeat to repeat", "losses differ by"])
    yield "|---|" + "---:|" * (len(columns) + 2)
    first = {row.peer: row for row in reversed(rows)}
    for row in sorted(first.values(), key=lambda row: (row.peer != "runner", row.peer not in OURS, -row.speed)):
        mine = [each for each in rows if each.peer == row.peer]
        cells = [next((_cell(each, rows) for each in mine if (each.cores, each.precision) == c), "") for c in columns]
        spread = max((max(each.speeds) - min(each.speeds)) / each.speed for each in mine)
        differences = [max(_of(mine, precision)) for precision in dict.fromkeys(each.precision for each in mine)]
        yield _row([row.title, *cells, f"{spread:.0%}", ", ".join(f"{d:.0e}" for d in differences)])


def _of(rows: Iterable[Row], precision: str) -> list[float]:
    return [row.difference for row in rows if row.precision == precision]


def _cell(row: Row, rows: Sequence[Row]) -> str:
    base = base_of(row, rows)
    speed = f"{row.speed / 1e6:.3g}"
    return speed if base is None or row.peer == "runner" else f"{speed} ({times(row.ratio(base))} x)"


def times(ratio: float) -> str:
    """A ratio with as many digits as it deserves."""
    return f"{ratio:.{2 if ratio < 10 else 1 if ratio < 100 else 0}f}"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _goals(rows: Sequence[Row]) -> Iterator[str]:
    verdicts = list(judged(rows))
    if not verdicts:
        return
    yield ""
    yield "**Goals on one core**"
    yield ""
    yield (
        "Judged is what a study of some minutes trains with, alone: special is a kernel that knows its network, which "
        "the project makes by itself for small ones, general is the one that trains any network."
    )
    yield ""
    yield "| work | precision | against | kernel | goal | measured | met | through the engine |"
    yield "|---|---|---|---|---:|---:|---|---:|"
    for each in verdicts:
        goal = each.goal
        kind = "special" if each.kernel.peer == "special" else "general"
        engine = f"{times(each.peer.ratio(each.engine))} x" if each.engine else ""
        met = "yes" if each.is_met else "no"
        measured = f"{times(each.ratio)} x"
        yield _row([goal.work, goal.precision, each.peer.title, kind, f"{goal.factor:g} x", measured, met, engine])


def _facts(facts: Sequence[Fact]) -> Iterator[str]:
    yield ""
    yield "**Beside the speed of training**"
    yield ""
    yield "| what | measured | goal | met |"
    yield "|---|---|---|---|"
    for fact in facts:
        yield _row([fact.what, fact.value, fact.goal, {True: "yes", False: "no", None: ""}[fact.met]])
