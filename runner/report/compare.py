"""The page of a comparison: one small HTML file without a script, which says what the command prints."""

from __future__ import annotations

from pathlib import Path

from runner.analysis.compare.result import Compared
from runner.analysis.compare.show import CHANCE, about_measures, changes, measures, outcomes, sentences, side, title
from runner.results.files import write_file
from runner.terminal import visible

_FOLDER = Path(__file__).parent / "page"


def write_comparison(found: Compared, path: Path) -> None:
    """Write the page in one step.

    Parameters
    ----------
    found : Compared
    path : Path

    Raises
    ------
    RunnerError
        When the file cannot be written.
    """
    # A field of a table may be no text of Unicode; it is shown as what it is.
    write_file(path, comparison_html(found).encode(errors="backslashreplace"))


def comparison_html(found: Compared) -> str:
    """The page as text; whatever a study says stands in it as text, never as markup."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if isinstance(value, str) else value,
    )
    tables = []
    rates = found.rates
    if rates is not None:
        tables.append(("On the same seeds", measures(found), [*about_measures(found)]))
        if found.outcomes:
            tables.append(("Outcomes that changed", outcomes(found), []))
        cells = [*changes(found)]
        tables += [(heading, rows, []) for heading, rows in cells]
        if cells and not found.exact:
            heading, rows, _ = tables.pop()
            tables.append((heading, rows, [CHANCE]))
    shares = () if rates is None else (("A", rates.a.rate), ("B", rates.b.rate))
    return environment.get_template("compare.html").render(
        title=title(found),
        sides=[side("A", found.a), side("B", found.b)],
        sentences=[*sentences(found)],
        shares=shares,
        tables=tables,
    )
