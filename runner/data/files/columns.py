"""Which fields of a CSV row are the inputs and targets: header or not, names or positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.data.files.problems import FileProblems
from runner.data.files.spec import Column, FileData, flow_list
from runner.errors import nearest

SHOWN = 10
"""Columns that a message lists, at most."""


@dataclass(frozen=True)
class Columns:
    """The columns in use.

    Attributes
    ----------
    inputs, targets : tuple of int
        Fields of a row, from 0.
    width : int
        Number of fields of every row.
    names : tuple of str
        Name of each field, empty without a header.
    """

    inputs: tuple[int, ...]
    targets: tuple[int, ...]
    width: int
    names: tuple[str, ...] = ()

    @property
    def header(self) -> bool:
        """Whether the first row holds the names."""
        return bool(self.names)

    def label(self, at: int) -> str:
        """A field as messages call it."""
        return f"column {self.names[at]!r}" if self.names else f"column {at}"


def resolve(
    data: FileData,
    line: int,
    first: Sequence[str],
    numeric: Sequence[bool],
    keep: bool,
    problems: FileProblems,
) -> Columns:
    """Find the columns that a study asks for in the first row of the file.

    Parameters
    ----------
    data : FileData
        The columns, by name or by position.
    line : int
        Line of the first row.
    first : sequence of str
        Its fields.
    numeric : sequence of bool
        Which of them are numbers.
    keep : bool
        With columns by position, take the first row as data even if it looks like a header.
    problems : FileProblems
        Where columns that are not there are reported; then DataError is raised.
    """
    if data.by_position:
        return _by_position(data, line, first, numeric, keep, problems)
    return _by_name(data, line, first, numeric, problems)


def _by_position(
    data: FileData,
    line: int,
    first: Sequence[str],
    numeric: Sequence[bool],
    keep: bool,
    problems: FileProblems,
) -> Columns:
    positions = {at for at in (*data.inputs, *data.targets) if isinstance(at, int)}
    width = len(first)
    for at in sorted(positions):
        if at >= width:
            problems.add(f"there is no column {at}: the row has {_counted(width)}{_separator(first)}", line)
    problems.raise_any()
    if not keep and not any(numeric) and any(field.strip() for field in first):
        by_name = _request(*(_names(columns, first) for columns in (data.inputs, data.targets)))
        header = "the first row holds no number and is taken as a header"
        shown, names = (f" ({listed_names(first)})", f": {by_name}") if problems.quotes else ("", "")
        problems.fail(f"{header}{shown}, so name its columns{names}", line)
    return Columns(_integers(data.inputs), _integers(data.targets), width)


def _counted(width: int) -> str:
    """How many columns there are and how they are numbered."""
    return "1 column, 0" if width == 1 else f"{width} columns, 0 to {width - 1}"


def _integers(columns: tuple[Column, ...]) -> tuple[int, ...]:
    return tuple(at for at in columns if isinstance(at, int))


def _names(columns: tuple[Column, ...], first: Sequence[str]) -> list[str]:
    return [first[at].strip() for at in _integers(columns)]


def _by_name(
    data: FileData, line: int, first: Sequence[str], numeric: Sequence[bool], problems: FileProblems
) -> Columns:
    header = [name.strip() for name in first]
    wanted = dict.fromkeys(map(str, (*data.inputs, *data.targets)))
    # A header may hold numbers (years, say); a first row of numbers only is data.
    if all(numeric) or (any(numeric) and not any(name in header for name in wanted)):
        counts = len(data.inputs), len(data.targets)
        positions = range(sum(counts))
        shown = f" (its first row is {listed_names(first)})" if problems.quotes else ""
        by_position = _request(positions[: counts[0]], positions[counts[0] :])
        problems.fail(
            f"the file has no header{shown}, so name columns by position, counted from 0, as in: {by_position}",
            line,
        )
    for name in wanted:
        places = [at for at, held in enumerate(header, 1) if held == name]
        if not places:
            hint = f"; the row has {_counted(len(first))}"
            if problems.quotes:
                hint = (
                    nearest(name, filter(None, header)) or f"; the columns are {listed_names(first)}{_separator(first)}"
                )
            problems.add(f"there is no column {name!r}{hint}", line)
        elif len(places) > 1:
            fields = f"{', '.join(map(str, places[:-1]))} and {places[-1]}"
            message = f"the header has column {name!r} more than once, in fields {fields}"
            problems.add(message, line, places[1])
    problems.raise_any()
    inputs = tuple(header.index(str(name)) for name in data.inputs)
    targets = tuple(header.index(str(name)) for name in data.targets)
    return Columns(inputs, targets, len(first), tuple(header))


def _request(inputs: Sequence[Column], targets: Sequence[Column]) -> str:
    """How a study asks for these columns."""
    return f"inputs: {flow_list(inputs)}, targets: {flow_list(targets)}"


def listed_names(names: Sequence[str]) -> str:
    """The first fields of a row, each cut to a readable length."""
    shown = [name.strip() if len(name) <= 40 else f"{name[:37]}..." for name in names[:SHOWN]]
    return ", ".join(shown) + (", ..." if len(names) > SHOWN else "")


def _separator(first: Sequence[str]) -> str:
    """A hint when the row seems to be separated by something other than commas."""
    for mark, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(first) == 1 and mark in first[0]:
            return f"; fields are separated by commas, and this row seems to use {name}"
    return ""
