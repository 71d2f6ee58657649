"""What a study says about a file of data: which file, which columns, which contents."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runner.errors import DataError, Problem
from runner.registry import Synonyms

Column = int | str
FORMS = ("csv", "npz", "parquet")
"""What kinds of files there are; the kind is the key under which the path stands."""
KEYS = (*FORMS, "inputs", "targets", "sha256")
"""What may be said about a file."""
ELSEWHERE = Synonyms(
    {
        "csv": "file filename path",
        "inputs": "x features feature_columns predictors",
        "targets": "y label labels outputs output response target_columns classes",
        "sha256": "hash checksum digest sha",
    }
)
"""What these are called in other programs."""
_HASH = re.compile(r"[0-9a-fA-F]{16}(?:[0-9a-fA-F]{48})?")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*")
# Words that YAML 1.1 or 1.2 reads as something other than text.
_RESERVED = frozenset(["true", "false", "yes", "no", "on", "off", "null", "none", "nan", "inf"])


@dataclass(frozen=True)
class FileData:
    """Data from a file.

    Attributes
    ----------
    path : str
        As written in the study; a relative one starts at the study's folder.
    inputs, targets : tuple of str or int
        Columns by name, or by position counted from 0; of an npz file its arrays, by name. Both are empty for held-out
        samples whose columns are those of the training data.
    sha256 : str
        First 16 hexadecimal digits of the SHA-256 of the file's bytes; empty when the study does not say.
    form : str
        One of `FORMS`.
    """

    path: str
    inputs: tuple[Column, ...]
    targets: tuple[Column, ...]
    sha256: str = ""
    form: str = "csv"

    @property
    def by_position(self) -> bool:
        """Whether the columns are named by position."""
        return isinstance(self.inputs[0], int)

    def __str__(self) -> str:
        """One line of YAML that `parse_file_spec` reads back to the same value."""
        columns = f", inputs: {flow_list(self.inputs)}, targets: {flow_list(self.targets)}" if self.inputs else ""
        tail = f', sha256: "{self.sha256}"' if self.sha256 else ""
        return f"{{{self.form}: {_flow(self.path)}{columns}{tail}}}"


def flow_list(columns: Sequence[Column]) -> str:
    """Columns as a YAML flow sequence: `[x, y]`."""
    return f"[{', '.join(str(c) if isinstance(c, int) else _flow(c) for c in columns)}]"


def _flow(text: str) -> str:
    """A text as a scalar inside a YAML flow mapping: plain where it is safe, else in double quotes."""
    if _PLAIN.fullmatch(text) and text.casefold() not in _RESERVED:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in quoted)


def parse_file_spec(spec: Mapping[str, object], columns: bool = True) -> FileData:
    """Check what a study says about a file of data, without looking at the file.

    Parameters
    ----------
    spec : mapping
        As YAML reads it: ``{"csv": "x.csv", "inputs": ["a", "b"], "targets": ["c"]}``, and ``sha256``.
    columns : bool
        Whether it must name its columns.

    Raises
    ------
    DataError
        With every problem, none of which has a position yet.
    """
    problems = [f"unknown key {key!r}{ELSEWHERE.hint(str(key), KEYS)}" for key in spec if key not in KEYS]
    form, *others = [form for form in FORMS if form in spec] or ["csv"]
    problems += [f"{other} must not stand beside {form}: data come from one file" for other in others]
    path = _path(form, spec.get(form), problems)
    named = columns or "inputs" in spec or "targets" in spec
    inputs = _columns("inputs", spec.get("inputs"), problems) if named else ()
    targets = _columns("targets", spec.get("targets"), problems) if named else ()
    kinds = {isinstance(column, int) for column in inputs + targets}
    if form == "npz" and int in {type(column) for column in inputs + targets}:
        problems.append("name the arrays of an npz file, which have no positions")
    elif len(kinds) == 2:
        problems.append("name all columns by their header, or all by position counted from 0")
    digest = _digest(spec.get("sha256", ""), problems)
    if problems:
        raise DataError([Problem(f"data: {message}") for message in problems])
    return FileData(path, inputs, targets, digest, form)


def _path(form: str, value: object, problems: list[str]) -> str:
    """The path of the file; what is wrong with it is added to `problems`."""
    if not isinstance(value, str) or not value or "\0" in value:
        problems.append(f"{form} must be the path of a file, found {value!r}")
        return ""
    return value


def _columns(key: str, value: object, problems: list[str]) -> tuple[Column, ...]:
    """The columns under `key`; what is wrong with them is added to `problems`."""
    if not isinstance(value, list | tuple) or not value:
        problems.append(f"{key} must be a list of column names or positions counted from 0, found {value!r}")
        return ()
    columns: list[Column] = []
    for item in (each.strip() if isinstance(each, str) else each for each in value):
        if isinstance(item, bool) or not isinstance(item, int | str) or item == "":
            problems.append(f"{key} must hold column names or positions counted from 0, found {item!r}")
        elif isinstance(item, int) and item < 0:
            problems.append(f"{key} counts positions from 0 up, found {item}")
        elif item in columns:
            problems.append(f"{key} has column {item!r} twice")
        else:
            columns.append(item)
    return tuple(columns)


def _digest(value: object, problems: list[str]) -> str:
    """The first 16 digits of a hash; 64 digits, as `sha256sum` prints them, are accepted too."""
    if value == "" or value is None:
        return ""
    if not isinstance(value, str):
        problems.append(f"sha256 must be a text: put it in quotes, found {value!r}")
    elif not _HASH.fullmatch(value):
        problems.append(f"sha256 must be the first 16 hexadecimal digits of the file's hash, found {value!r}")
    else:
        return value[:16].lower()
    return ""
