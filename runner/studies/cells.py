"""One cell with all its keys: what the study gives and what follows from it, as values, as texts, and as ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from runner.data import Data, DataSet, FileData, HeldOut, KFold, load_data
from runner.keys.definitions import DATA_KEYS, FULL, KEYS
from runner.keys.identity import Identity
from runner.keys.restarts import Restarts
from runner.ops import OPTIMIZERS, RATES, SETTINGS
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
_EPOCHS, _UPDATES, _EVERY = PLACE["epochs"], PLACE["updates"], PLACE["evaluate_every"]


class Change(NamedTuple):
    """A value that an axis or an included row gives in a cell, in place of the one at the top of the study.

    Attributes
    ----------
    place : int
        Of the key in `CELL_KEYS`.
    value : object
    text : str
        Canonical.
    element : int or None
        The k of `init[k]`; the value is then that one number of the list, and there is no text.
    """

    place: int
    value: Any
    text: str
    element: int | None = None

    @classmethod
    def of(cls, key: str, value: Any) -> Change:
        """The change that gives a key, or a number of a list such as `init[k]`, a canonical value."""
        if (one := element(key)) is not None:
            return cls(PLACE[one.key], value, "", one.k)
        return cls(PLACE[key], value, KEYS[key].text(value))


class _Defaults(NamedTuple):
    """What an optimizer brings into a cell: places of settings that it has not, and what is not given otherwise."""

    unused: tuple[int, ...]
    values: tuple[Change, ...]


@lru_cache(maxsize=64)
def _defaults(name: str, source: str) -> _Defaults:
    """What an optimizer brings; `source` tells pieces of a user's own apart that have the same name."""
    record = OPTIMIZERS[name]
    given = {**record.settings, "weight_decay": record.weight_decay}
    return _Defaults(
        tuple(PLACE[key] for key in (*SETTINGS, *RATES) if not record.takes(key)),
        tuple(Change.of(key, KEYS[key].read(value)) for key, value in given.items()),
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


class Resolver:
    """Finds the value of every key in a cell: given by an axis, given at the top, a default, or following from others.

    Parameters
    ----------
    base : mapping
        The keys given at the top of the study.
    data_sets : DataSets
    """

    def __init__(self, base: Mapping[str, Any], data_sets: DataSets) -> None:
        self._data_sets = data_sets
        self._values: list[Any] = [base.get(key, KEYS[key].default) for key in CELL_KEYS]
        self._texts = [KEYS[key].text(value) for key, value in zip(CELL_KEYS, self._values, strict=True)]

    def resolve(self, changes: Iterable[Change]) -> tuple[list[Any], list[str]]:
        """Values and texts of all keys of a cell, in the order of `CELL_KEYS`.

        Parameters
        ----------
        changes : iterable of Change
            What differs from the top. A number of a list comes after the list itself.
        """
        values, texts = self._values.copy(), self._texts.copy()
        budget = None
        lists: dict[int, list[float]] = {}
        for place, value, text, k in changes:
            if k is not None:
                lists.setdefault(place, list(values[place]))[k] = value
                continue
            values[place], texts[place] = value, text
            if place in (_EPOCHS, _UPDATES):
                budget = place
        for place, numbers in lists.items():
            values[place] = tuple(numbers)
            texts[place] = KEYS[CELL_KEYS[place]].text(values[place])
        if budget is not None:
            # A budget of the sweep takes the place of the one at the top.
            other = _UPDATES if budget == _EPOCHS else _EPOCHS
            values[other], texts[other] = None, ""
        self._derive(values, texts)
        return values, texts

    def _derive(self, values: list[Any], texts: list[str]) -> None:
        """Set what follows from other keys."""
        name = values[_OPTIMIZER]
        defaults = _defaults(name, OPTIMIZERS[name].source)
        for place in defaults.unused:
            values[place], texts[place] = None, ""
        for place, value, text, _ in defaults.values:
            if values[place] is None:
                values[place], texts[place] = value, text
        if values[_BIAS_RATE] is None:
            values[_BIAS_RATE], texts[_BIAS_RATE] = values[_RATE], texts[_RATE]
        if not isinstance(values[_TEST], KFold):
            values[_FOLD], texts[_FOLD] = None, ""
        if values[_TEST] is None or isinstance(values[_TEST], FileData):
            values[_SPLIT_SEED], texts[_SPLIT_SEED] = None, ""
        if values[_BATCH] == FULL:
            values[_ORDER] = texts[_ORDER] = "sequential"
        if values[_EVERY] is None:
            every = self._data_sets.updates_per_epoch(tuple(values[_DATA]), values[_BATCH])
            values[_EVERY], texts[_EVERY] = every, str(every)


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
    architecture = _Key[tuple[int, ...]]()
    shortcuts = _Key[str | None]()
    activation = _Key[str | tuple[str, ...]]()
    output = _Key[str]()
    bias = _Key[str | float]()
    gain = _Key[float | None]()
    parameterization = _Key[str]()
    init = _Key[Call | tuple[float, ...]]()
    bias_init = _Key[Call]()
    loss = _Key[str]()
    rule = _Key[str]()
    faults = _Key[tuple[Call, ...]]()
    optimizer = _Key[str]()
    learning_rate = _Key[float | tuple[float, ...] | None]()
    bias_learning_rate = _Key[float | tuple[float, ...] | None]()
    learning_rate_schedule = _Key[Call]()
    weight_decay = _Key[float]()
    batch = _Key[str | int]()
    order = _Key[str]()
    epochs = _Key[int | None]()
    updates = _Key[int | None]()
    criterion = _Key[tuple[tuple[str, float], ...]]()
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
        epochs = self.values[_EPOCHS]
        return int(self.values[_UPDATES] if epochs is None else epochs * self.updates_per_epoch)
