"""Data that come as arrays and columns, from npz and Parquet files or from memory: numbers, labels, what is missing.

The rules are those of CSV cells (`runner.data.files.samples`), where every value is a text.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.data.files.problems import LISTED, FileProblems
from runner.data.files.samples import MISSING_CELLS, MOST_ROWS, Samples, codes_of
from runner.terminal import counted

_MISSING = "expected a number, or 'missing: drop' or 'missing: keep' in the study"


@dataclass(frozen=True, eq=False)
class Part:
    """An array, or a column of a table.

    Attributes
    ----------
    name : str
        As messages call it.
    values : array (samples,) or (samples, columns)
        Of float64; or of objects, which are texts, and None where one is missing.
    column : bool
        Whether it is a column of a table.
    """

    name: str
    values: NDArray[Any]
    column: bool = False

    @classmethod
    def of(cls, name: str, raw: NDArray[Any], column: bool = False) -> Part:
        """An array as it comes; ValueError with what is wrong with it."""
        if raw.ndim not in (1, 2):
            raise ValueError(f"{name} has shape {raw.shape}; expected (samples,) or (samples, columns)")
        try:
            return cls(name, _plain(raw), column)
        except ValueError as error:
            raise ValueError(f"{name} holds {error}; expected numbers") from None

    @property
    def is_text(self) -> bool:
        """Whether it holds texts."""
        return bool(self.values.dtype == object)

    @property
    def table(self) -> NDArray[Any]:
        """Its values as a table of columns."""
        return self.values if self.values.ndim == 2 else self.values[:, None]

    def at(self, place: Sequence[int]) -> str:
        """One of its values, as messages call it."""
        if self.column:
            return f"{self.name}, row {place[0]},"
        # Of a single column only the row, as whoever gave a vector would say it.
        indices = place[:1] if self.table.shape[1] == 1 else place
        return f"{self.name}[{', '.join(map(str, indices))}]"


def _plain(raw: NDArray[Any]) -> NDArray[Any]:
    """Numbers as float64, texts as objects; ValueError with what else there is."""
    if raw.dtype.kind in "biuf":
        return raw.astype(np.float64)
    if raw.dtype.kind not in "OUT":
        raise ValueError(f"{raw.dtype}")
    items = [None if _absent(item) else item for item in raw.ravel().tolist()]
    present = [item for item in items if item is not None]
    if all(isinstance(item, numbers.Real | Decimal) for item in present):
        return np.array([math.nan if item is None else float(item) for item in items]).reshape(raw.shape)
    if strange := next((item for item in present if not isinstance(item, str)), None):
        raise ValueError(f"a {type(strange).__name__}" + (" beside text" if isinstance(strange, numbers.Real) else ""))
    found = np.empty(len(items), object)
    found[:] = [None if item is None or item.strip().casefold() in MISSING_CELLS else item.strip() for item in items]
    return found.reshape(raw.shape)


def _absent(item: Any) -> bool:
    """Whether an element stands for a missing value: None, NaN, pandas.NA."""
    return item is None or item is Ellipsis or type(item).__name__ in ("NAType", "NaTType") or _is_nan(item)


def _is_nan(item: Any) -> bool:
    return isinstance(item, float | Decimal) and item != item


def samples_of(
    inputs: Sequence[Part], targets: Sequence[Part], missing: str, labelled: bool, problems: FileProblems
) -> Samples:
    """Inputs and targets from arrays.

    Parameters
    ----------
    inputs, targets : sequence of Part
        Their columns stand side by side.
    missing : str
        What a value that is no finite number does: `error`, `drop` its sample, or `keep` it.
    labelled : bool
        Whether the targets are class labels, texts or numbers.
    problems : FileProblems
        Where everything that is wrong is noted; then DataError is raised.
    """
    _check(inputs, targets, labelled, problems)
    x = np.hstack([part.table for part in inputs])
    y = np.hstack([part.table for part in targets])
    text = y.dtype == object
    bad = ~np.isfinite(x).all(axis=1)
    bad |= (_lacking(y) if text else ~np.isfinite(y)).any(axis=1)
    if missing == "error" and bad.any():
        for part in (*inputs, *targets):
            _tell_missing(part, labelled, problems)
        problems.raise_any()
    if missing == "drop":
        x, y = x[~bad], y[~bad]
    if not len(x):
        problems.fail(f"no sample is left of {len(bad):,}" if len(bad) else "there is no sample")
    if text:
        codes, labels = codes_of(["" if label is None else label for label in y[:, 0].tolist()])
        return Samples(x, codes.reshape(-1, 1), labels)
    return Samples(x, y)


def _lacking(texts: NDArray[Any]) -> NDArray[np.bool_]:
    """Where there is no text."""
    return np.array([text is None for text in texts.ravel().tolist()], np.bool_).reshape(texts.shape)


def _check(inputs: Sequence[Part], targets: Sequence[Part], labelled: bool, problems: FileProblems) -> None:
    """Whether the parts fit each other and hold what they should."""
    first, *others = (*inputs, *targets)
    for part in others:
        if len(part.values) != len(first.values):
            many = counted(len(part.values), "sample")
            problems.add(f"{part.name} has {many}, and {first.name} has {len(first.values):,}")
    for part in inputs:
        if part.is_text:
            problems.add(f"{part.name} holds text; expected numbers")
    for part in targets:
        if part.is_text and not labelled:
            problems.add(f"{part.name} holds text; expected numbers (class labels need 'target_encoding: one_hot')")
        elif part.is_text and part.table.shape[1] > 1:
            problems.add(f"{part.name} has {counted(part.table.shape[1], 'column')}; one_hot takes one of labels")
    if len(first.values) > MOST_ROWS:
        problems.add(f"more than {MOST_ROWS:,} samples")
    problems.raise_any()


def _tell_missing(part: Part, labelled: bool, problems: FileProblems) -> None:
    """Note every value that is no finite number, the first of them with its place."""
    if part.is_text:
        places = np.argwhere(_lacking(part.values))
        wanted = _MISSING.replace("a number", "a class label")
    else:
        places, wanted = np.argwhere(~np.isfinite(part.values)), _MISSING
    for place in places[:LISTED].tolist():
        value = part.values[tuple(place)]
        infinite = not part.is_text and math.isinf(value)
        said = f"is {value}; expected a finite number" if infinite else f"is missing; {wanted}"
        problems.add(f"{part.at(place)} {said}")
    problems.count_more(len(places) - LISTED)
