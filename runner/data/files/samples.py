"""From the records of a CSV file to inputs and targets: numbers, missing cells, class labels."""

from __future__ import annotations

import math
import re
from array import array
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

import numpy as np

from runner.data.files.columns import Columns, resolve
from runner.data.files.file import records
from runner.data.files.problems import FileProblems
from runner.data.files.spec import FileData
from runner.data.parameters import Floats
from runner.terminal import counted

MISSING_POLICIES = ("error", "drop", "keep")
MISSING_CELLS = frozenset(["", "?", "na", "n/a", "#n/a", "<na>", "nan", "null", "none"])
"""Cells that mean "no value here", whatever their case."""
MOST_ROWS = 10**7


class Samples(NamedTuple):
    """Inputs and targets before they are scaled and encoded.

    Attributes
    ----------
    inputs : array of float64 (samples, inputs)
    targets : array of float64 (samples, targets)
    labels : tuple of str
        What the targets stand for that are 0, 1, 2, ...; empty where they are numbers by themselves.
    """

    inputs: Floats
    targets: Floats
    labels: tuple[str, ...] = ()


_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INFINITE = re.compile(r"([+-]?)inf(?:inity)?", re.IGNORECASE)


def is_number(cell: str) -> bool:
    """Whether a cell is a decimal number: digits, a point, an exponent; no separators or units."""
    return _NUMBER.fullmatch(cell.strip()) is not None


def read_number(cell: str) -> tuple[float, str]:
    """The number in a cell, NaN or infinite where there is none; and what is wrong with it, if anything."""
    text = cell.strip()
    if _NUMBER.fullmatch(text):
        value = float(text)
        return value, "" if math.isfinite(value) else f"holds {_quoted(text)}, too large for a number"
    if infinite := _INFINITE.fullmatch(text):
        return float(f"{infinite[1]}inf"), f"holds {_quoted(text)}; expected a finite number"
    if text.casefold() in MISSING_CELLS:
        return math.nan, _missing(text, "number")
    return math.nan, f"holds {_quoted(text)}; expected a number"


def _missing(text: str, expected: str) -> str:
    found = f"is missing ({_quoted(text)})" if text else "is blank"
    return f"{found}; expected a {expected}, or 'missing: drop' or 'missing: keep' in the study"


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")


def _label_complaint(cell: str) -> str:
    text = cell.strip()
    return _missing(text, "class label") if text.casefold() in MISSING_CELLS else ""


@dataclass
class _Cells:
    """The cells read so far: the inputs and targets row by row, or class labels in place of the targets."""

    columns: Columns
    labelled: bool
    quotes: bool
    inputs: array[float] = field(default_factory=lambda: array("d"))
    targets: array[float] = field(default_factory=lambda: array("d"))
    labels: list[str] = field(default_factory=list)
    count: int = 0

    def take(self, fields: list[str], keep: bool) -> list[tuple[int, str]]:
        """Take a row; what is wrong with its cells, as field numbers and messages.

        A row with a complaint is taken, NaN in place of the number, under `keep` only.
        """
        complaints: list[tuple[int, str]] = []
        inputs = self._numbers(fields, self.columns.inputs, "", complaints)
        if self.labelled:
            at = self.columns.targets[0]
            label = fields[at].strip()
            if complaint := _label_complaint(label):
                complaints.append((at + 1, f"{self.columns.label(at)} {complaint}"))
            if keep or not complaints:
                self.labels.append(label)
        else:
            hint = " (class labels need 'target_encoding: one_hot')" if len(self.columns.targets) == 1 else ""
            targets = self._numbers(fields, self.columns.targets, hint, complaints)
            if keep or not complaints:
                self.targets.extend(targets)
        if keep or not complaints:
            self.count += 1
            self.inputs.extend(inputs)
        return complaints

    def _numbers(
        self, fields: list[str], columns: tuple[int, ...], hint: str, complaints: list[tuple[int, str]]
    ) -> list[float]:
        """The numbers in some columns; complaints are added, with `hint` where there is text."""
        values = []
        for at in columns:
            value, complaint = read_number(fields[at])
            if complaint and not self.quotes:
                complaint = "does not hold a finite number"
            values.append(value)
            if complaint:
                text_hint = hint if complaint.endswith("expected a number") else ""
                complaints.append((at + 1, f"{self.columns.label(at)} {complaint}{text_hint}"))
        return values

    def arrays(self) -> Samples:
        """Inputs and targets."""
        targets, labels = codes_of(self.labels) if self.labelled else (np.array(self.targets), ())
        return Samples(
            np.array(self.inputs).reshape(self.count, len(self.columns.inputs)),
            targets.reshape(self.count, len(self.columns.targets)),
            labels,
        )


def codes_of(labels: list[str]) -> tuple[Floats, tuple[str, ...]]:
    """Class labels as numbers: themselves if all are numbers, else their rank when sorted; NaN if missing.

    Returns
    -------
    codes : array of float64
    ranked : tuple of str
        The labels in their order; empty where they are numbers.
    """
    present = [label for label in labels if not _label_complaint(label)]
    if all(not read_number(label)[1] for label in present):
        return np.array([read_number(label)[0] for label in labels]), ()
    ranked = sorted(set(present))
    codes = {label: float(code) for code, label in enumerate(ranked)}
    return np.array([codes.get(label, math.nan) for label in labels]), tuple(ranked)


def read_table(data: FileData, content: bytes, missing: str, labelled: bool) -> Samples:
    """Inputs and targets of a CSV file.

    Parameters
    ----------
    data : FileData
        The columns, and the file's name for messages.
    content : bytes
        The file.
    missing : str
        What a cell without a finite number does: `error`, `drop` its row, or `keep` it as NaN.
    labelled : bool
        Whether the one target column holds class labels, text or numbers.

    Returns
    -------
    Samples
        Labels that are text are replaced by their rank in sorted order.

    Raises
    ------
    DataError
        With the problems of the file, each with its line and the number of the field in that line.
    """
    problems = FileProblems(data.path)
    rows = records(content, problems)
    first = next(rows, None)
    if first is None:
        problems.fail("the file is empty")
    line, fields = first
    columns = resolve(data, line, fields, [is_number(cell) for cell in fields], missing == "keep", problems)
    cells = _Cells(columns, labelled, problems.quotes)
    dropped = 0
    example = ""
    for line, fields in rows if columns.header else chain([first], rows):
        if len(fields) != columns.width:
            problems.add(f"the row has {counted(len(fields), 'field')}, the first row has {columns.width:,}", line)
        elif complaints := cells.take(fields, missing == "keep"):
            dropped += 1
            example = example or f"line {line}: {complaints[0][1]}"
            for column, message in complaints if missing == "error" else ():
                problems.add(message, line, column)
        if cells.count > MOST_ROWS:
            problems.fail(f"more than {MOST_ROWS:,} rows", line)
    problems.raise_any()
    if not cells.count:
        problems.fail(f"no row is left of {dropped:,}; {example}" if dropped else "there is no row but the header")
    return cells.arrays()
