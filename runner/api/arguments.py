"""What the public functions take: each check gives the value, or a TypeError or ValueError that names the argument."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.errors import Problem, StudyError
from runner.machine import DEVICES, MOST_THREADS

if TYPE_CHECKING:
    from runner.results.table import Store, Writer
    from runner.studies.load import Study


def table_of(target: str | Path, out: str | Path) -> Path:
    """The table that a user names."""
    from runner.results.files import find_table

    return find_table(path_of("target", target), path_of("out", out))


def path_of(name: str, value: object, expected: str = "a str or a Path") -> Path:
    """A path, from a text or whatever stands for a path."""
    if not isinstance(value, str | os.PathLike):
        raise unfit(name, expected, value)
    if "\0" in os.fsdecode(value):
        raise StudyError([Problem(f"{name}: expected a path, which holds no zero byte, found {os.fsdecode(value)!r}")])
    return Path(value)


def text_of(name: str, value: object) -> str | None:
    """A text, or nothing."""
    if value is not None and not isinstance(value, str):
        raise unfit(name, "a str or None", value)
    return value


def texts_of(name: str, value: object) -> list[str]:
    """One text, or several."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, Sequence) or not all(isinstance(text, str) for text in texts):
        raise unfit(name, "a str or a list of them", value)
    return list(texts)


def selection_of(value: object, name: str = "where") -> Mapping[str, Any]:
    """Which runs: nothing chooses all."""
    if value is not None and not isinstance(value, Mapping):
        raise unfit(name, "a mapping of keys to values, or None", value)
    return value or {}


def number_of(name: str, value: Any) -> float:
    """A number of Python or NumPy."""
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise unfit(name, "a number", value)
    return float(value)


def study_of(name: str, value: object) -> Study:
    """A study that was checked."""
    from runner.studies.load import Study

    if not isinstance(value, Study):
        raise unfit(name, "a Study, as study() and load() return it", value)
    return value


def count_of(name: str, value: Any) -> int | None:
    """A whole number of at least 1, or nothing."""
    # NumPy's whole numbers are some too; True is not.
    if value is not None and (isinstance(value, bool) or not hasattr(value, "__index__")):
        raise unfit(name, "a whole number or None", value)
    if value is not None and int(value) < 1:
        raise ValueError(f"{name}: expected a whole number of at least 1, found {value}")
    return None if value is None else int(value)


def register_pieces(value: object) -> None:
    """Load the files of a user's own pieces: none, one or several."""
    if value is None:
        return
    from runner.ops.own import load_file

    files = [value] if isinstance(value, str | os.PathLike) else value
    if not isinstance(files, Sequence):
        raise unfit("pieces", "a str or a Path, or a list of them", value)
    for file in files:
        load_file(path_of("pieces", file))


def threads_of(value: Any) -> int | None:
    """A number of threads, or nothing for all cores."""
    n = count_of("threads", value)
    if n is not None and n > MOST_THREADS:
        raise ValueError(f"threads: expected at most {MOST_THREADS:,}, found {n:,}")
    return n


def store_of(name: str, value: Any) -> Store | None:
    """As what a table is kept, or nothing."""
    if value is not None and value not in ("csv", "parquet"):
        raise ValueError(f"{name}: expected 'csv' or 'parquet', found {value!r}")
    return value  # type: ignore[no-any-return]


def on_card(name: str, value: Any) -> bool:
    """Whether a graphics card trains."""
    if value not in DEVICES:
        raise ValueError(f"{name}: expected {' or '.join(map(repr, DEVICES))}, found {value!r}")
    return bool(value == "cuda")


def writer_of(name: str, value: Any) -> Writer:
    """Who writes the rows of a study."""
    if value not in ("client", "workers"):
        raise ValueError(f"{name}: expected 'client' or 'workers', found {value!r}")
    return value  # type: ignore[no-any-return]


def unfit(name: str, expected: str, value: object) -> TypeError:
    """The error about an argument of another type."""
    return TypeError(f"{name}: expected {expected}, found {type(value).__name__}")
