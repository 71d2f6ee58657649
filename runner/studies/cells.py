"""Cells with all their keys: what the study gives and what follows from it, as values, as texts, and as ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from runner.data import Data, DataSet, FileData, HeldOut, KFold, load_data
from runner.keys.columns import Column, Indices, Mask, combined
from runner.keys.definitions import BUDGETS, DATA_KEYS, FULL, KEYS
from runner.keys.identity import Identity
from runner.keys.restarts import Restarts
from runner.ops import OPTIMIZERS, RATES, SCHEDULED, SETTINGS
from runner.registry import Call, element

T = TypeVar("T")

CELL_KEYS = tuple(key for key in KEYS if key != "seed")
"""The keys of a cell, in the order of the columns."""
PLACE = {key: place for place, key in enumerate(CELL_KEYS)}
"""Where each of them stands in the values and texts of a cell."""
_DATA = slice(PLACE[DATA_KEYS[0]], PLACE[DATA_KEYS[-1]] + 1)
_TEST, _FOLD, _SPLIT_SEED = PLACE["test"], PLACE["fold"], PLACE["split_seed"]
_OPTIMIZER, _BATCH, _ORDER = PLACE["optimizer"], PLACE["batch"], PLACE["order"]
_RATE, _BIAS_RATE = PLACE["learning_rate"], PLACE["bias_learning_rate"]
_EPOCHS, _UPDATES, _SAMPLES = (PLACE[key] for key in BUDGETS)
_EVERY = PLACE["evaluate_every"]
_NOTHING, _SEQUENTIAL = Column.one(None, ""), Column.one("sequential", "sequential")


class Change(NamedTuple):
    """What an axis or an included row gives for a key, in place of what stands at the top of the study.

    Attributes
    ----------
    place : int
        Of the key in `CELL_KEYS`.
    element : int or None
        The k of `init[k]`; the values are then that one number of the list.
    column : Column
    where : bool array (n,), or bool
        The cells in which it is given.
    """

    place: int
    element: int | None
    column: Column
    where: Mask

    @classmethod
    def of(cls, key: str, column: Column, where: Mask = True) -> Change:
        """The change of a key, or of a number of a list such as `init[k]`."""
        if (one := element(key)) is not None:
            return cls(PLACE[one.key], one.k, column, where)
        return cls(PLACE[key], None, column, where)


def text_of(key: str, value: Any) -> str:
    """The canonical text of a value; a number of a list such as `init[k]` has one only within the list."""
    return "" if element(key) is not None else KEYS[key].text(value)


class _Defaults(NamedTuple):
    """What an optimizer brings into a cell: places of settings that it has not, and what is not given otherwise."""

    unused: tuple[int, ...]
    values: tuple[tuple[int, Column], ...]


@lru_cache(maxsize=64)
def _defaults(name: str, source: str) -> _Defaults:
    """What an optimizer brings; `source` tells pieces of a user's own apart that have the same name."""
    record = OPTIMIZERS[name]
    values = {key: KEYS[key].read(value) for key, value in record.settings.items()}
    values["weight_decay"] = KEYS["weight_decay"].read(record.weight_decay)
    return _Defaults(
        tuple(PLACE[key] for key in (*SETTINGS, *RATES, *SCHEDULED) if not record.takes(key)),
        tuple((PLACE[key], Column.one(value, KEYS[key].text(value))) for key, value in values.items()),
    )


class DataSets:
    """The data sets of a study, each looked up once.

    Parameters
    ----------
    folder : Path
        Of the study.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[tuple[Any, ...], DataSet] = {}

    def __call__(self, values: tuple[Any, ...]) -> DataSet:
        """The data set that the values of `DATA_KEYS` stand for."""
        if values not in self._known:
            self._known[values] = load_data(**dict(zip(DATA_KEYS, values, strict=True)), base=self._folder)
        return self._known[values]

    def updates_per_epoch(self, values: tuple[Any, ...], batch: str | int) -> int:
        """Batches in one pass over such a data set, the last one perhaps smaller."""
        return 1 if batch == FULL else -(-len(self(values).inputs) // int(batch))

    def updates_of(self, values: tuple[Any, ...], batch: str | int, order: str, budget: str, n: int) -> int:
        """Changes of weights that are made with a budget of `n` epochs, updates or samples."""
        if budget == "updates":
            return n
        if budget == "epochs":
            return n * self.updates_per_epoch(values, batch)
        shown = len(self(values).inputs)
        if batch == FULL:
            return n // shown
        if order == "with_replacement":
            return n // int(batch)
        # In order, the last batch of an epoch may be smaller; what is left of the budget is less than an epoch.
        epochs, rest = divmod(n, shown)
        return epochs * self.updates_per_epoch(values, batch) + rest // int(batch)


class Resolver:
    """Finds the values of all keys in some cells: given by an axis or at the top, defaults, or following from others.

    Parameters
    ----------
    base : mapping
        The keys given at the top of the study.
    data_sets : DataSets
    """

    def __init__(self, base: Mapping[str, Any], data_sets: DataSets) -> None:
        self._data_sets = data_sets
        values = [base.get(key, KEYS[key].default) for key in CELL_KEYS]
        self._top = [Column.one(value, KEYS[key].text(value)) for key, value in zip(CELL_KEYS, values, strict=True)]

    def resolve(self, changes: Iterable[Change]) -> list[Column]:
        """The columns of all keys, in the order of `CELL_KEYS`.

        Parameters
        ----------
        changes : iterable of Change
            What differs from the top.
        """
        columns = self._top.copy()
        numbers: dict[int, list[Change]] = {}
        for change in changes:
            place, _, column, where = change
            if change.element is not None:
                numbers.setdefault(place, []).append(change)
                continue
            columns[place] = columns[place].replaced(where, column)
            if place in (_EPOCHS, _UPDATES, _SAMPLES):
                # A budget of the sweep takes the place of the one at the top.
                for other in {_EPOCHS, _UPDATES, _SAMPLES} - {place}:
                    columns[other] = columns[other].replaced(where, _NOTHING)
        for place, some in numbers.items():
            columns[place] = _with_numbers(columns[place], some, KEYS[CELL_KEYS[place]].text)
        self._derive(columns)
        return columns

    def _derive(self, columns: list[Column]) -> None:
        """Set what follows from other keys."""

        def default(place: int, column: Column, where: Mask = True) -> None:
            """What a key has where it is not given."""
            columns[place] = columns[place].replaced(where & columns[place].accepted(_is_none), column)

        def remove(place: int, where: Mask) -> None:
            """Leave a key out where it means nothing."""
            columns[place] = columns[place].replaced(where, _NOTHING)

        optimizers = columns[_OPTIMIZER]
        for name in dict.fromkeys(optimizers.values):
            where = optimizers.accepted(name.__eq__)
            defaults = _defaults(name, OPTIMIZERS[name].source)
            for place in defaults.unused:
                remove(place, where)
            for place, column in defaults.values:
                default(place, column, where)
        default(_BIAS_RATE, columns[_RATE])
        remove(_FOLD, columns[_TEST].accepted(lambda test: not isinstance(test, KFold)))
        remove(_SPLIT_SEED, columns[_TEST].accepted(lambda test: test is None or isinstance(test, FileData)))
        full = columns[_BATCH].accepted(lambda batch: bool(batch == FULL))
        columns[_ORDER] = columns[_ORDER].replaced(full, _SEQUENTIAL)
        if columns[_EVERY].accepted(_is_none) is not False:
            default(_EVERY, combined([*columns[_DATA], columns[_BATCH]], self._epoch))

    def budgets(self, columns: Sequence[Column], n: int) -> Indices:
        """Changes of the weights until training ends, in n cells."""
        per_epoch = combined([*columns[_DATA], columns[_BATCH]], self._epoch).made(n, int, np.int64)
        epochs, updates = (columns[place].made(n, lambda value: value or 0, np.int64) for place in (_EPOCHS, _UPDATES))
        made = updates + epochs * per_epoch
        if columns[_SAMPLES].accepted(_is_none) is not True:
            shown = combined([*columns[_DATA], *(columns[at] for at in (_BATCH, _ORDER, _SAMPLES))], self._of_samples)
            made = made + shown.made(n, int, np.int64)
        return np.asarray(made)

    def _of_samples(self, values: tuple[Any, ...]) -> tuple[int, str]:
        """Updates of a budget in samples, from the values of `DATA_KEYS`, `batch`, `order` and `samples`; 0 without."""
        *data, batch, order, n = values
        updates = 0 if n is None else self._data_sets.updates_of(tuple(data), batch, order, "samples", n)
        return updates, str(updates)

    def _epoch(self, values: tuple[Any, ...]) -> tuple[int, str]:
        """Updates per epoch, from the values of `DATA_KEYS` and `batch`."""
        updates = self._data_sets.updates_per_epoch(values[:-1], values[-1])
        return updates, str(updates)


def _is_none(value: Any) -> bool:
    return value is None


def _with_numbers(lists: Column, changes: Sequence[Change], text: Callable[[Any], str]) -> Column:
    """A column of lists, with some of their numbers from other columns."""

    def put(values: tuple[Any, ...]) -> tuple[Any, str]:
        whole = list(values[0])
        for change, number in zip(changes, values[1:], strict=True):
            if number is not None and change.element is not None:
                whole[change.element] = number
        return tuple(whole), text(tuple(whole))

    return combined([lists, *(_NOTHING.replaced(change.where, change.column) for change in changes)], put)


class _Key(Generic[T]):
    """A key as an attribute of a cell, of the type T."""

    def __set_name__(self, owner: type[Cell], name: str) -> None:
        self._place = PLACE[name]

    def __get__(self, cell: Cell, owner: type[Cell]) -> T:
        value: T = cell.values[self._place]
        return value


class Cell:
    """One combination of all keys but the seed.

    Every key is an attribute; `setting` gives the settings of optimizers. A new key is a line here.

    Parameters
    ----------
    data_sets : DataSets
        The data sets of the study.
    index : int
        Number of the cell in the plan.
    values, texts : iterable
        Value and canonical text of every key, in the order of `CELL_KEYS`.
    """

    __slots__ = ("_data_sets", "_identity", "index", "texts", "values")

    data = _Key[Data]()
    scaling = _Key[Call]()
    missing = _Key[str]()
    target_encoding = _Key[str]()
    target_range = _Key[tuple[float, float] | None]()
    test = _Key[HeldOut | None]()
    fold = _Key[int | None]()
    split_seed = _Key[int | None]()
    label_noise = _Key[float | None]()
    architecture = _Key[tuple[int, ...]]()
    shortcuts = _Key[str | None]()
    activation = _Key[str | tuple[str, ...]]()
    output = _Key[str]()
    bias = _Key[str | float]()
    gain = _Key[float | None]()
    dropout = _Key[float | tuple[float, ...] | None]()
    parameterization = _Key[str]()
    init = _Key[Call | tuple[float, ...]]()
    bias_init = _Key[Call]()
    loss = _Key[str]()
    label_smoothing = _Key[float | None]()
    class_weights = _Key[tuple[float, ...] | str | None]()
    rule = _Key[str]()
    undecided_band = _Key[float | None]()
    faults = _Key[tuple[Call, ...]]()
    optimizer = _Key[str]()
    learning_rate = _Key[float | tuple[float, ...] | None]()
    bias_learning_rate = _Key[float | tuple[float, ...] | None]()
    learning_rate_schedule = _Key[Call]()
    momentum_schedule = _Key[Call | None]()
    weight_decay = _Key[float]()
    l1 = _Key[float | None]()
    clip_value = _Key[float | None]()
    clip_norm = _Key[float | None]()
    batch = _Key[str | int]()
    order = _Key[str]()
    input_noise = _Key[float | None]()
    epochs = _Key[int | None]()
    updates = _Key[int | None]()
    samples = _Key[int | None]()
    scoring = _Key[str | None]()
    criterion = _Key[tuple[tuple[str, float], ...]]()
    criterion_from = _Key[str | None]()
    criterion_window = _Key[int | None]()
    evaluate_every = _Key[int]()
    stop = _Key[str | Call]()
    restarts = _Key[Restarts | None]()
    precision = _Key[str]()

    def __init__(self, data_sets: DataSets, index: int, values: Iterable[Any], texts: Iterable[str]) -> None:
        self._data_sets = data_sets
        self.index = index
        self.values = tuple(values)
        self.texts = tuple(texts)
        self._identity: Identity | None = None

    def setting(self, key: str) -> float | None:
        """A setting of an optimizer, such as `beta1`; None where the cell's optimizer does not use it."""
        value: float | None = self.values[PLACE[key]]
        return value

    def __repr__(self) -> str:
        return f"<Cell {self.index} {self.cell_id}>"

    @property
    def cell_id(self) -> str:
        """Sixteen hexadecimal digits, the hash of the canonical texts of all keys but the seed."""
        return self.identity.cell_id

    def run_id(self, seed: int) -> str:
        """Sixteen hexadecimal digits, the hash of the canonical texts of all keys."""
        return f"{self.run_ids((seed,))[0]:016x}"

    def run_ids(self, seeds: Iterable[int]) -> list[int]:
        """The ids of the runs with these seeds, each as the number that its sixteen hexadecimal digits write."""
        return self.identity.run_ids(seeds)

    @property
    def identity(self) -> Identity:
        """Its identity, made when it is first asked for: training needs none."""
        if self._identity is None:
            self._identity = Identity(CELL_KEYS, self.texts)
        return self._identity

    @property
    def data_set(self) -> DataSet:
        """The samples to train on, and those held out; where they depend on the seed, those of seed 0."""
        return self._data_sets(self.values[_DATA])

    @property
    def updates_per_epoch(self) -> int:
        """Batches in one pass over the data."""
        return self._data_sets.updates_per_epoch(self.values[_DATA], self.batch)

    @property
    def budget(self) -> int:
        """Changes of the weights until training ends."""
        key, n = next((key, self.values[PLACE[key]]) for key in BUDGETS if self.values[PLACE[key]] is not None)
        if key == "updates":
            return int(n)
        return int(self._data_sets.updates_of(self.values[_DATA], self.batch, self.order, key, n))
