"""From a rectangle of a plane to the study that trains it at the same resolution."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runner.errors import Problem, RunnerError, StudyError
from runner.figures.draw import Asked, check
from runner.figures.plane import refuse_no_plane
from runner.figures.rows import Axis, Floats, pooled, read_rows
from runner.registry import element
from runner.results.files import io_errors, write_file
from runner.results.provenance import STUDY, overrides_of, read_environment
from runner.results.reader import header
from runner.terminal import listed

if TYPE_CHECKING:
    from runner.studies.claims.grammar import Selection

_ZOOMED = re.compile(r"_zoom[0-9]*$")


@dataclass(frozen=True)
class Zoomed:
    """A study of a rectangle.

    Attributes
    ----------
    path : Path
        The file.
    name : str
    runs : int
    """

    path: Path
    name: str
    runs: int


def zoom(table: Path, asked: Asked, rectangle: Sequence[float], into: Path | None = None) -> Zoomed:
    """Write the study of a rectangle of a plane, with as many values on each axis as the plane has.

    Parameters
    ----------
    table : Path
    asked : Asked
        The plane: its axes and which runs it shows.
    rectangle : sequence of four floats
        Where x begins and ends, and where y does, in values of the axes.
    into : Path, optional
        The file; default `NAME_zoom.yaml` in this folder, with a number where that is taken.

    Raises
    ------
    StudyError
        With everything that is wrong with what is asked for.
    RunnerError
        When the study is not at hand, or the file cannot be written.
    """
    names = header(table)
    kind, request, where = check(table, names, asked, None)
    assert request.x is not None
    keys = (request.x, request.column)
    rows = read_rows(table, names, keys, kind.columns, where, all_in_memory=f"the figure {kind.name}")
    across, up = rows.axes[request.x], rows.axes[request.column]
    refuse_no_plane(rows, across, up, pooled(table, (request.x, request.column), where))
    _check_rectangle(rectangle, across, up)
    if into is not None and into.suffix not in (".yaml", ".yml"):
        raise StudyError([Problem(f"into: expected a file that ends in .yaml, found '{into.name}'")])
    path = into or _free_file(table)
    x0, x1, y0, y1 = rectangle
    ends = (across, x0, x1), (up, y0, y1)
    spans = [f"{axis.name} {low:g} to {high:g}" for axis, low, high in ends]
    chosen = [*overrides_of(table.parent), *_choices(where), *(_range(axis, low, high) for axis, low, high in ends)]
    text = _derived(table, path, chosen, f"A part of {table.parent.name}: {listed(spans)}.")
    write_file(path, text.encode())
    return Zoomed(path, path.stem, len(across.texts) * len(up.texts))


def _check_rectangle(rectangle: Sequence[float], across: Axis, up: Axis) -> None:
    if len(rectangle) != 4 or not np.isfinite(rectangle).all():
        raise StudyError([Problem("zoom: expected four numbers x0,x1,y0,y1")])
    problems = []
    x0, x1, y0, y1 = rectangle
    for axis, low, high in ((across, x0, x1), (up, y0, y1)):
        assert axis.numbers is not None
        first, last = float(axis.numbers[0]), float(axis.numbers[-1])
        if not low < high:
            problems.append(f"zoom: {axis.name} begins at {low:g} and ends at {high:g}: expected the smaller one first")
        elif low < first or high > last:
            beyond = f"{low:g}" if low < first else f"{high:g}"
            problems.append(f"zoom: {axis.name} reaches from {first:g} to {last:g}: {beyond} lies beyond")
    if problems:
        raise StudyError([Problem(text) for text in problems])


def _free_file(table: Path) -> Path:
    """A name that no file here and no study has."""
    stem, results = _ZOOMED.sub("", table.parent.name), table.parent.parent
    for k in count(1):
        name = f"{stem}_zoom{k if k > 1 else ''}"
        if not Path(f"{name}.yaml").exists() and not (results / name).exists():
            break
    return Path(f"{name}.yaml")


def _range(axis: Axis, low: float, high: float) -> str:
    """An axis between two numbers, spaced as it was, as an argument."""
    assert axis.numbers is not None
    form = "geomspace" if low > 0 and _is_geometric(axis.numbers) else "linspace"
    return f"{axis.name}={{{form}: [{low!r}, {high!r}, {len(axis.numbers)}]}}"


def _is_geometric(numbers: Floats) -> bool:
    """Whether ratios between neighbours differ less than steps do."""
    positive = numbers[numbers > 0]
    if len(positive) < 3:
        return len(positive) == 2 and float(positive[1] / positive[0]) >= 10
    ratios, steps = np.diff(np.log(positive)), np.diff(positive)
    return float(np.ptp(ratios) / ratios.mean()) < float(np.ptp(steps) / steps.mean())


def _choices(where: Selection) -> list[str]:
    """The chosen values of keys as arguments."""
    from runner.keys.definitions import KEYS, sweep_key

    chosen = []
    for name, values in where.items():
        key = KEYS["seed"] if name == "seed" else sweep_key(name)
        if key is None:
            raise StudyError([Problem(f"zoom: {name} is measured, and cannot be chosen before a run is trained")])
        texts = [key.text(value) or "none" for value in values]
        if element(name) is None and name != "seed" and len(texts) == 1 and not isinstance(values[0], tuple):
            chosen.append(f"{name}={texts[0]}")
        else:
            chosen.append(f"{'seeds' if name == 'seed' else name}=[{', '.join(texts)}]")
    return chosen


def _derived(table: Path, path: Path, arguments: Sequence[str], heading: str) -> str:
    """The text of the new study."""
    from runner.data.memory import look_in
    from runner.studies.derived import derive

    look_in(table.parent)
    copy = table.parent / STUDY
    if not copy.is_file():
        raise RunnerError(f"there is no {copy}, the study as it was run: a part of it cannot be made")
    with io_errors(copy, "read"):
        text = copy.read_text(encoding="utf-8-sig")
    study: Mapping[str, Any] = read_environment(table.parent).get("study") or {}
    try:
        return derive(text, Path(study.get("folder", copy.parent)), arguments, path.stem, path, heading)
    except StudyError as error:
        wrong = [Problem(f"zoom: the study of this part would be wrong: {each.message}") for each in error.problems]
        raise StudyError(wrong) from None
