"""The columns of the results table, and what the results need to know of a plan and of its trained runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from runner.errors import RunnerError
from runner.keys.columns import Column
from runner.measurements import MEASUREMENTS, OUTCOMES

Records = NDArray[np.float64]
Indices = NDArray[np.int64]
Ids = NDArray[np.uint64]
_TRUTH = {"True", "False"}
_CAPITAL = {"TRUE": "True", "FALSE": "False"}


class CellLike(Protocol):
    """A combination of all keys except the seed."""

    @property
    def texts(self) -> tuple[str, ...]: ...
    @property
    def architecture(self) -> tuple[int, ...]: ...


class PlanLike(Protocol):
    """The runs of a study, in order: run `i * len(seeds) + k` is seed number `k` of cell `i`."""

    @property
    def n_cells(self) -> int: ...
    @property
    def n_runs(self) -> int: ...
    @property
    def seeds(self) -> Sequence[int]: ...
    def cell(self, i: int) -> CellLike: ...
    def columns(self, cells: Indices) -> Sequence[Column]:
        """Of all keys but the seed, in some cells that are given by their numbers."""
        ...


@dataclass(frozen=True, eq=False)
class Written:
    """Some finished runs as rows, in the order of the plan.

    Attributes
    ----------
    order : array of int, shape (n,)
        Their numbers among the runs of their result.
    ids : array of uint64, shape (n,)
        Identities.
    text : bytes
        The rows, each with its line end.
    ends : array of int, shape (n,)
        Where each row ends in `text`.
    sums : array of uint32, shape (n,)
        Checksum of each row.
    """

    order: Indices
    ids: Ids
    text: bytes
    ends: Indices
    sums: NDArray[np.uint32]


class ResultLike(Protocol):
    """Some finished runs, as `runner.training.engine.train` yields them."""

    @property
    def runs(self) -> Indices: ...
    @property
    def records(self) -> Records: ...
    @property
    def curves(self) -> list[Records] | None: ...
    @property
    def weights(self) -> tuple[Records, Records] | None: ...
    @property
    def rows(self) -> list[Written] | None: ...


@dataclass(frozen=True)
class Header:
    """Columns of the table.

    Attributes
    ----------
    keys : tuple of str
        Every key of a run in the order of its columns; the last one is the seed.
    measurements : tuple of (str, str)
        Name and kind ("float", "int" or "bool") of every measurement after the outcome.
    outcomes : tuple of str
        Name of an outcome by its code.
    """

    keys: tuple[str, ...]
    measurements: tuple[tuple[str, str], ...]
    outcomes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns."""
        return ("run_id", "cell_id", *self.keys, "outcome", *(name for name, _ in self.measurements))

    @cached_property
    def line(self) -> bytes:
        """First line of the table, with its line end."""
        return (",".join(self.names) + "\n").encode()


def standard_header() -> Header:
    """Columns of the table that this version of the runner writes."""
    from runner.keys.definitions import KEYS

    measurements = tuple((column.name, column.kind) for column in MEASUREMENTS)
    return Header(tuple(KEYS), measurements, tuple(OUTCOMES))


def truth(texts: Iterable[str]) -> list[str]:
    """`True` or `False` for every field of the column `converged`; spreadsheets write `TRUE` and `FALSE`.

    Raises
    ------
    RunnerError
        When a field is neither.
    """
    found = [text if text in _TRUTH else _CAPITAL.get(text, text) for text in texts]
    for text in set(found) - _TRUTH:
        raise RunnerError(f"the column converged holds {text!r}: expected True or False")
    return found


def key_columns(names: Sequence[str]) -> list[str]:
    """The keys of a cell among the columns of a table, but for the seed.

    Those that this version knows come first, in this version's order; then unknown columns that stand between
    `cell_id` and `outcome`.
    """
    end = names.index("outcome")
    if [*names[:2]] == ["run_id", "cell_id"] and [*names[end + 1 :]] == [column.name for column in MEASUREMENTS]:
        # As the runner writes it: the registry of keys, which takes long to import, would say the same.
        return [name for name in names[2:end] if name != "seed"]
    known = standard_header()
    others = {"run_id", "cell_id", "outcome", *known.keys, *(name for name, _ in known.measurements)}
    first = names.index("cell_id") if "cell_id" in names else -1
    keys = [key for key in known.keys if key in names and key != "seed"]
    return keys + [name for name in names[first + 1 : end] if name not in others]
