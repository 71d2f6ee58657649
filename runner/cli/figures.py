"""The commands that make figures and tables for a paper: plot, table."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from runner.cli.results import Reading, table_of
from runner.errors import Problem, StudyError
from runner.terminal import counted, listed, visible

if TYPE_CHECKING:
    from runner.figures.draw import Asked

_WHERE = "only these runs, such as 'init=[xavier_uniform, he_normal]'; may be given several times"
_CONFIDENCE = "confidence level of the intervals (default: 0.95)"


def _one_table(given: argparse.Namespace, command: str) -> Path:
    if len(given.items) > 1:
        raise StudyError([Problem(f"{command} looks at one study: give one NAME")])
    return table_of(given.items[0], given.out)


def _plot(given: argparse.Namespace) -> int:
    if given.into is None and given.zoom is None:
        raise StudyError([Problem("where to? give --into FILE.pdf, FILE.svg or FILE.png")])
    from runner.figures.draw import Asked, plot

    table = _one_table(given, "plot")
    asked = Asked(
        x=given.x,
        y=given.y,
        by=given.by,
        facet=given.facet,
        where=given.where,
        kind=given.kind,
        width=given.width,
        confidence=given.confidence,
    )
    if given.zoom is not None:
        return _zoom(table, asked, given)
    drawn = plot(table, asked, given.into)
    if given.json:
        content = {"name": table.parent.name, "results": str(table), "figure": str(given.into), "kind": given.kind}
        print(json.dumps({**content, "runs": drawn.runs, "pooled": drawn.pooled}))
    elif not given.quiet:
        print(visible(f"{given.into}: {counted(drawn.runs, 'run')}"))
        if drawn.pooled:
            print(visible(f"runs that differ in {listed(drawn.pooled)} are taken together"))
    return 0


def _zoom(table: Path, asked: Asked, given: argparse.Namespace) -> int:
    from runner.figures.zoom import zoom

    if asked.kind != "plane":
        raise StudyError([Problem("--zoom is about a plane: give --kind plane")])
    made = zoom(table, asked, given.zoom, given.into)
    if given.json:
        print(json.dumps({"name": made.name, "results": str(table), "study": str(made.path), "runs": made.runs}))
    elif not given.quiet:
        print(visible(f"{made.path}: {counted(made.runs, 'run')}"))
    return 0


def _numbers(text: str) -> list[float]:
    """Numbers with commas between them."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected numbers x0,x1,y0,y1, not {text!r}") from None


def _plot_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--x", metavar="KEY", help="the key along the horizontal axis")
    y = "an outcome (its rate), a measured column (its median), or a statistic such as 'quantile(0.9, final_loss)'"
    parser.add_argument("--y", metavar="STATISTIC", help=f"{y}; of a plane, a key; default: converged")
    parser.add_argument("--by", metavar="KEY", help="a line for each value; of a heat map, the vertical axis")
    parser.add_argument("--facet", metavar="KEY", help="a panel for each value")
    parser.add_argument("--where", action="append", default=[], metavar="KEY=VALUE", help=_WHERE)
    from runner.figures.kinds import FIGURES

    kinds = f"one of {', '.join(FIGURES)} (default: line); see docs/figures.md"
    parser.add_argument("--kind", default="line", metavar="KIND", help=kinds)
    parser.add_argument("--into", type=Path, metavar="FILE", help="the figure: FILE.pdf, FILE.svg or FILE.png")
    width = "column (3.4 inches) or page (7 inches); default: column, with --facet page"
    parser.add_argument("--width", metavar="WIDTH", help=width)
    zoom = "write a study of this part of a plane instead of a figure, to --into FILE.yaml (default: NAME_zoom.yaml)"
    parser.add_argument("--zoom", type=_numbers, metavar="X0,X1,Y0,Y1", help=zoom)
    parser.add_argument("--confidence", type=float, default=0.95, metavar="C", help=_CONFIDENCE)


def _table(given: argparse.Namespace) -> int:
    from runner.figures.tables import Asked, format_of, tabulate

    form = format_of(given.format, given.into)
    path = _one_table(given, "table")
    shown = given.show or ["rate(converged)"]
    found = tabulate(path, Asked(given.rows, given.columns, shown, given.where, given.confidence))
    if given.into is not None:
        from runner.results.files import write_file

        write_file(given.into, form.write(found).encode())
    if given.json:
        rows = [{name: _plain(cell) for name, cell in row.items()} for row in found.frame().to_dict("records")]
        content = {"name": path.parent.name, "results": str(path), "confidence": given.confidence, "rows": rows}
        print(json.dumps({**content, "notes": list(found.notes)}, allow_nan=False))
    elif given.into is None:
        print(form.write(found), end="")
    elif not given.quiet:
        print(visible(f"{given.into}: {counted(found.runs, 'run')}"))
    return 0


def _plain(value: object) -> object:
    """A cell for another program; a number without end is the text "inf" or "-inf", as in the JSON of claims."""
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return None if math.isnan(value) else str(value)


def _table_flags(parser: argparse.ArgumentParser) -> None:
    rows = "its values are rows; may be given several times"
    parser.add_argument("--rows", action="append", default=[], metavar="KEY", help=rows)
    parser.add_argument("--columns", metavar="KEY", help="its values are columns")
    show = "a statistic, written as in claims (default: rate(converged)); may be given several times"
    parser.add_argument("--show", action="append", default=[], metavar="STATISTIC", help=show)
    parser.add_argument("--where", action="append", default=[], metavar="KEY=VALUE", help=_WHERE)
    from runner.figures.tables import FORMATS

    formats = f"one of {', '.join(FORMATS)} (default: text, or by the extension of FILE)"
    parser.add_argument("--format", metavar="FORMAT", help=formats)
    parser.add_argument("--into", type=Path, metavar="FILE", help="write to FILE instead of the terminal")
    parser.add_argument("--confidence", type=float, default=0.95, metavar="C", help=_CONFIDENCE)


_NAME = "a study's name, its file, its folder of results, or runs.csv"
COMMANDS: Mapping[str, Reading] = MappingProxyType(
    {
        "plot": Reading("Draw a figure for a paper from the results of a study.", _NAME, _plot, _plot_flags),
        "table": Reading("Make a table of statistics with their intervals.", _NAME, _table, _table_flags),
    }
)
