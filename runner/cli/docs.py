"""The command `docs`: a page of the documentation in the terminal, without a network.

In a checkout the pages stand in `docs/`; the wheel carries their texts as `runner/docs`.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping
from pathlib import Path

from runner.cli.parser import PROGRAM, Parser
from runner.errors import Problem, StudyError, nearest
from runner.terminal import show_markdown

_PACKAGE = Path(__file__).parents[1]
# Commands that are told of on a page of another name.
_OF_COMMAND: Mapping[str, str] = {
    "run": "study",
    "plan": "study",
    "report": "page",
    "watch": "page",
    "replay": "promises",
    "merge": "clusters",
    "export": "python",
    "plot": "figures",
    "table": "figures",
    "example": "start",
    "examples": "start",
    "schema": "editors",
    "completion": "editors",
}
_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)


def pages() -> dict[str, Path]:
    """The pages by their names, which are those of their files without the ending."""
    inside = _PACKAGE / "docs"
    folder = inside if inside.is_dir() else _PACKAGE.parent / "docs"
    # What is made when the site is built has no text here.
    return {path.stem: path for path in sorted(folder.glob("*.md")) if "<!-- made: " not in path.read_text("utf-8")}


def page_of(topic: str) -> Path:
    """The page of a topic: its own, or that which tells of a command.

    Raises
    ------
    StudyError
        When there is none.
    """
    found = pages()
    name = topic if topic in found else _OF_COMMAND.get(topic, "")
    if name not in found:
        known = [*found, *_OF_COMMAND]
        message = f"no page is about '{topic}'{nearest(topic, known)} (see {PROGRAM} docs)"
        raise StudyError([Problem(message)])
    return found[name]


def docs_parser() -> Parser:
    """Arguments of the command."""
    parser = Parser(
        "docs",
        "Show a page of the documentation, by its name or that of a command; without a name, list the pages. It needs "
        "no internet connection.",
    )
    parser.add_argument("topic", nargs="?", metavar="TOPIC", help="a page or a command, such as not_learning or plot")
    path = "print only the path of the page, for an editor or a browser"
    parser.add_argument("--path", action="store_true", help=path)
    parser.add_argument("--json", action="store_true", help="one JSON object for each page: its name, title and file")
    return parser


def run(given: argparse.Namespace) -> int:
    """Show one page, or list all of them."""
    if given.topic is None:
        chosen = pages()
    else:
        path = page_of(given.topic)
        chosen = {path.stem: path}
    if given.json:
        for name, path in chosen.items():
            print(json.dumps({"name": name, "title": _title(path), "file": str(path)}))
    elif given.path:
        for path in chosen.values():
            print(path)
    elif given.topic is None:
        widest = max(map(len, chosen))
        for name, path in chosen.items():
            print(f"{name.ljust(widest)}  {_title(path)}")
    else:
        show_markdown(path.read_text("utf-8"))
    return 0


def _title(path: Path) -> str:
    found = _TITLE.search(path.read_text("utf-8"))
    return found[1] if found else path.stem
