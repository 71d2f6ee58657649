"""From content to HTML: one file with its style, its script, plotly's and all numbers in it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.analysis.claims.verdict import Checked
from runner.report.content import Content, content_of
from runner.results.curves import CURVES
from runner.results.files import PAGE, write_file
from runner.results.reader import bytes_as_csv
from runner.terminal import visible

if TYPE_CHECKING:
    from jinja2 import Template

_FOLDER = Path(__file__).parent / "page"
# Measured on one core at 2.5 GHz: a page takes so long whatever it shows, and reads so many bytes a second.
_SECONDS = 0.7
_TABLE_BYTES, _CURVES_BYTES = 50e6, 10e6


def write_page(table: Path, checked: Sequence[Checked] | None = None) -> Path:
    """Write the page of a study beside its table, in one step.

    Parameters
    ----------
    table : Path
        `runs.csv` of the study.
    checked : sequence of Checked, optional
        Its claims, where they are checked already.

    Returns
    -------
    Path
        The page: the same results give the same bytes.

    Raises
    ------
    RunnerError
        When it is no table of results, has no rows, or the file cannot be written.
    """
    path = table.parent / PAGE
    write_file(path, html(content_of(table, checked)))
    return path


def seconds_to_write(table: Path) -> float:
    """About how long `write_page` will take, by the size of what it has to read."""
    curves = table.parent / CURVES
    read = curves.stat().st_size / _CURVES_BYTES if curves.is_file() else 0.0
    return _SECONDS + bytes_as_csv(table) / _TABLE_BYTES + read


def html(content: Content, live: bool = False) -> bytes:
    """The whole page.

    Parameters
    ----------
    content : Content
    live : bool
        Whether the page asks where it came from for newer numbers.
    """
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    plotly, script = get_plotlyjs(), (_FOLDER / "page.js").read_text()
    text = _template().render(
        **content.parts,
        live=live,
        policy=policy([plotly, script], live),
        style=Markup((_FOLDER / "page.css").read_text()),
        plotly=Markup(plotly),
        script=Markup(script),
        data=Markup(in_script(content.data)),
    )
    # A field of a table may be no text of Unicode; it is shown as what it is.
    return text.encode(errors="backslashreplace")


def parts(content: Content) -> dict[str, str]:
    """The parts of a page that are text, each as it stands in the page."""
    template = _template()
    return {
        name: "".join(block(template.new_context({**content.parts, "live": True})))
        for name, block in template.blocks.items()
    }


def in_script(data: Any) -> str:
    """JSON that can stand in a script element: nothing in it ends the element or begins a comment."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def policy(scripts: Sequence[str], live: bool) -> str:
    """What a browser lets the page do: run these scripts, and fetch nothing but, where it is live, its own numbers."""
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = {
        "default-src": "'none'",
        "script-src": " ".join(f"'sha256-{each}'" for each in hashes),
        "style-src": "'unsafe-inline'",
        "img-src": "data: blob:",
        "connect-src": "'self'" if live else "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in allowed.items())


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(_FOLDER)
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    return environment.get_template("page.html")


def _shown(text: Any) -> Any:
    """What turns the direction of text, or is no character at all, as what it is; the page's own files as they are."""
    return visible(text) if isinstance(text, str) and not hasattr(text, "__html__") else text
