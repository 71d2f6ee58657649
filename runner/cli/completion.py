"""What a shell offers when the Tab key is pressed: commands, studies, names of results, run ids, keys and their values.

The shell's part is argcomplete's: its script asks this program, and shows what it answers. An answer must come at once,
so nothing here waits for the compiled members of the registries: the names of keys, values, columns and kinds are kept
in a file beside the compiled kernels, until the sources change.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argcomplete.completers import DirectoriesCompleter, FilesCompleter
from argcomplete.finders import CompletionFinder
from argcomplete.lexers import split_line

from runner.cli.main import COMMANDS
from runner.cli.parser import SHELLS, STORES, WRITERS, split_command
from runner.errors import RunnerError
from runner.machine import VERSION, cache_folder

if TYPE_CHECKING:
    from runner.results.part_reader import PartReader

Offers = dict[str, str]
"""What may stand at a place, and what is said about it."""

_PACKAGE = Path(__file__).parents[1]
# Seconds in which a table is looked through.
_PATIENCE = 0.2
_TABLE, _PARTS, _MANIFEST, _STUDY = "runs.csv", "runs", "runs.manifest.json", "study.yaml"
# Commands by what their arguments are, and flags by what their values are.
_READ_STUDIES = ("run", "plan", "example")
_READ_RUNS = ("explain", "replay")
_OF_TABLE = ("x", "by", "facet", "rows", "columns")
_CONDITIONS = ("at", "where", "versus")
_STATISTICS = ("y", "show")


def answer() -> None:
    """Write what may stand where the Tab key was pressed, as argcomplete's scripts expect it, and end the process."""
    *_, words, _ = split_line(os.environ["COMP_LINE"], int(os.environ["COMP_POINT"]))
    given = words[int(os.environ["_ARGCOMPLETE"]) :]
    command, others = split_command(given, COMMANDS)
    line = Line(command, others, implied=len(others) == len(given))
    _Finder.line = line
    _Finder()(line.parser)


class _Finder(CompletionFinder):  # type: ignore[misc]
    """argcomplete's protocol and quoting, with answers of our own: our words stand in any order."""

    line: Line

    def collect_completions(
        self, active_parsers: list[argparse.ArgumentParser], parsed_args: argparse.Namespace, cword_prefix: str
    ) -> list[str]:
        """What may stand at the cursor, in the place of what argparse would take there."""
        offers = {text: said for text, said in self.line.offers(cword_prefix).items() if text.startswith(cword_prefix)}
        self._display_completions.update(offers)
        return list(offers)


class Line:
    """The words before the cursor.

    Parameters
    ----------
    command : str
    words : sequence of str
        All but the command.
    implied : bool
        Whether the command is not among the words of the line.
    """

    def __init__(self, command: str, words: Sequence[str], implied: bool) -> None:
        self.parser = COMMANDS[command].parser()
        self._command, self._implied = command, implied
        self._options = {option: action for action in self.parser._actions for option in action.option_strings}
        self._items: list[str] = []
        self._values: dict[str, str] = {}
        self._pending: argparse.Action | None = None
        for word in words:
            if self._pending is not None:
                self._values[self._pending.dest] = word
                self._pending = None
            elif word.startswith("-"):
                option, equals, value = word.partition("=")
                action = self._options.get(option)
                if action is not None and action.nargs is None:
                    if equals:
                        self._values[action.dest] = value
                    else:
                        self._pending = action
            else:
                self._items.append(word)

    def offers(self, prefix: str) -> Offers:
        """What may stand at the cursor.

        Parameters
        ----------
        prefix : str
            What of it stands there already.
        """
        if self._pending is not None:
            return self._of_option(self._pending, prefix)
        if prefix.startswith("-"):
            option, equals, value = prefix.partition("=")
            if equals and option in self._options:
                offers = self._of_option(self._options[option], value)
                return {f"{option}={text}": said for text, said in offers.items()}
            return {
                text: action.help or "" for text, action in self._options.items() if len(text) > 2 or text == prefix
            }
        return self._of_items(prefix)

    @property
    def _out(self) -> Path:
        return Path(self._values.get("out", "results"))

    def _of_option(self, action: argparse.Action, prefix: str) -> Offers:
        """The values of a flag."""
        if action.dest == "out":
            return _plain(DirectoriesCompleter()(prefix))
        if action.dest in ("into", "pieces"):
            return _plain(FilesCompleter()(prefix))
        if action.dest in _CONDITIONS:
            return self._conditions(prefix)
        if action.dest in _OF_TABLE:
            return dict.fromkeys(self._columns, "")
        if action.dest in _STATISTICS:
            return dict(_names()["statistics"])
        return dict(_names().get(f"{self._command} --{action.dest}", {}))

    def _of_items(self, prefix: str) -> Offers:
        """The arguments of the command."""
        if self._command == "diagnose":
            return _plain(FilesCompleter(("py", "json", "npz", "csv"))(prefix))
        if self._command == "completion":
            return _plain(SHELLS)
        if self._command not in _READ_STUDIES:
            if self._command in _READ_RUNS and len(self._items) == 1:
                return dict.fromkeys(_run_ids(self._results, prefix), "")
            return self._studies() | _plain(DirectoriesCompleter()(prefix)) if "items" in self._dests else {}
        studies = [item for item in self._items if "=" not in item]
        key, equals, _ = prefix.partition("=")
        if equals:
            return {f"{key}={value}": "" for value in _names()["values"].get(key, ())}
        if studies:
            return {f"{name}=": said for name, said in _names()["keys"].items()}
        if self._command == "example":
            from runner.studies.shipped import shipped

            return dict.fromkeys(shipped(), "")
        files = _plain(FilesCompleter(("yaml", "yml"))(prefix))
        names = self._studies() if self._command == "plan" else {}
        return dict.fromkeys(COMMANDS, "") | files if self._implied else files | names

    @property
    def _dests(self) -> set[str]:
        return {action.dest for action in self.parser._actions}

    def _studies(self) -> Offers:
        """Studies that have results."""
        return {path.parent.name: "" for path in sorted(self._out.glob(f"*/{_STUDY}"))}

    @property
    def _results(self) -> Path:
        """The folder of results that the line is about."""
        item = Path(self._items[0]) if self._items else Path()
        if item.name in (_TABLE, _PARTS):
            return item.parent
        return item if (item / _STUDY).exists() else self._out / item

    @cached_property
    def _columns(self) -> list[str]:
        """The columns of the table."""
        if parts := _parts_in(self._results):
            return parts.names
        with contextlib.suppress(OSError, UnicodeDecodeError, StopIteration, csv.Error), self._table() as file:
            return next(csv.reader(file))
        return []

    def _table(self) -> Any:
        return (self._results / _TABLE).open(encoding="utf-8", newline="")

    def _conditions(self, prefix: str) -> Offers:
        """`key=value` of the values that stand in the table."""
        key, equals, _ = prefix.partition("=")
        if not equals:
            return {f"{name}=": "" for name in self._columns}
        values = _names()["outcomes"] if key == "outcome" else self._values_of(key)
        return {f"{key}={value}": "" for value in values}

    def _values_of(self, column: str) -> list[str]:
        """The values in a column of the table, as many as are found in a moment."""
        found: dict[str, None] = {}
        end = time.monotonic() + _PATIENCE
        if (parts := _parts_in(self._results)) and column in parts.names:
            from runner.results.part_file import coded

            with contextlib.suppress(RunnerError):
                for group in parts.groups([column]):
                    found |= {text: None for text in coded(group[column])[1] if text}
                    if time.monotonic() > end:
                        break
            return list(found)
        with contextlib.suppress(OSError, UnicodeDecodeError, csv.Error), self._table() as file:
            for row in csv.DictReader(file):
                if value := row.get(column):
                    found[value] = None
                if time.monotonic() > end:
                    break
        return list(found)


def _parts_in(folder: Path) -> PartReader | None:
    """The table of a folder, where it is one in parts that can be read."""
    # Reading Parquet takes a moment to import, and most tables are none.
    if not (folder / _MANIFEST).is_file():
        return None
    from runner.results.part_reader import PartReader

    try:
        return PartReader(folder / _PARTS)
    except RunnerError:
        return None


def _plain(texts: Iterable[str]) -> dict[str, str]:
    return dict.fromkeys(texts, "")


def _run_ids(folder: Path, prefix: str) -> Iterator[str]:
    """Identities of the runs of a table that begin like this, as many as are found in a moment."""
    if not prefix:
        return
    end = time.monotonic() + _PATIENCE
    if parts := _parts_in(folder):
        with contextlib.suppress(RunnerError):
            for _, run_id in parts.find(prefix):
                yield run_id
                if time.monotonic() > end:
                    return
        return
    with contextlib.suppress(OSError), (folder / _TABLE).open("rb") as file:
        next(file, None)
        for line in file:
            run_id = line.partition(b",")[0].decode(errors="replace")
            if run_id.startswith(prefix):
                yield run_id
            if time.monotonic() > end:
                return


def _names() -> dict[str, Any]:
    """All names of the code, from the file; made once more when sources have changed."""
    state = [VERSION, *sorted(f"{path} {path.stat().st_mtime_ns}" for path in _PACKAGE.rglob("*.py"))]
    path = cache_folder() / "completion.json"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(path.read_bytes())
        if kept["state"] == state:
            return dict(kept["names"])
    names = _collect_names()
    with contextlib.suppress(Exception):
        from runner.results.files import write_file

        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, json.dumps({"state": state, "names": names}).encode())
    return names


def _collect_names() -> dict[str, Any]:
    """Keys with what they are, the values of keys that have names, outcomes, statistics, and the values of flags."""
    from runner.figures.draw import WIDTHS
    from runner.figures.kinds import FIGURES
    from runner.figures.tables import FORMATS as TABLES
    from runner.measurements import MEASUREMENTS, OUTCOMES
    from runner.results.export import KNOWN
    from runner.statistics import STATISTICS
    from runner.studies.model import json_schema

    keys = json_schema()["properties"]
    measured = {column.name: column.doc for column in MEASUREMENTS}
    rates = {f"rate({outcome})": "" for outcome in OUTCOMES}
    numbers = [column.name for column in MEASUREMENTS if column.kind in ("float", "int")]
    statistics = {
        f"{member.name}({column})": member.doc
        for member in STATISTICS.values()
        if member.of == "COLUMN" and not member.takes_q
        for column in member.columns or numbers
    }
    return {
        "keys": {name: schema.get("description", "") for name, schema in keys.items()},
        "values": {name: list(_named(schema)) for name, schema in keys.items()},
        "outcomes": list(OUTCOMES),
        "statistics": measured | rates | statistics,
        "run --store": _plain(STORES),
        "example --store": _plain(STORES),
        "run --write": _plain(WRITERS),
        "example --write": _plain(WRITERS),
        "export --to": _plain(KNOWN),
        "plot --kind": {kind.name: kind.doc for kind in FIGURES.values()},
        "plot --width": _plain(WIDTHS),
        "table --format": _plain(TABLES),
    }


def _named(schema: Mapping[str, Any]) -> Iterator[str]:
    """The values that a schema names."""
    yield from map(str, schema.get("enum", ()))
    if "const" in schema:
        yield str(schema["const"])
    if schema.get("type") == "boolean":
        yield from ("true", "false")
    for part in schema.get("anyOf", ()):
        yield from _named(part)
