"""One cell with all its keys: what the study gives, and what follows from it; its canonical texts and its ids."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from runner.data import CsvData, DataSet, load_data
from runner.keys.definitions import FULL, KEYS, element
from runner.ops import OPTIMIZERS, SETTINGS
from runner.registry import Call

T = TypeVar("T")

CELL_KEYS = tuple(key for key in KEYS if key != "seed")
PLACE = {key: place for place, key in enumerate(CELL_KEYS)}
_DATA = slice(PLACE["data"], PLACE["target_range"] + 1)
_OPTIMIZER, _BATCH, _ORDER = PLACE["optimizer"], PLACE["batch"], PLACE["order"]
_RATE, _BIAS_RATE, _DECAY = PLACE["learning_rate"], PLACE["bias_learning_rate"], PLACE["weight_decay"]
_EPOCHS, _UPDATES, _EVERY, _INIT = PLACE["epochs"], PLACE["updates"], PLACE["evaluate_every"], PLACE["init"]
# The first of sixteen hexadecimal digits becomes one of six letters, a to f.
_FIRST_DIGIT = 60
_REST = (1 << _FIRST_DIGIT) - 1
_LETTERS = tuple(0xA + digit % 6 << _FIRST_DIGIT for digit in range(16))
_PREFIXES = tuple(f"{key}=" for key in CELL_KEYS)

Change = tuple[int, Any, str]
"""Place of a key, or -1 - k for `init[k]`; its value; its text."""


def change(key: str, value: Any) -> Change:
    """A value of a key as `Resolver` takes it."""
    k = element(key)
    return (PLACE[key], value, KEYS[key].text(value)) if k is None else (-1 - k, value, "")


def _optimizer_defaults() -> Mapping[str, tuple[list[int], list[Change], str, float]]:
    """For each optimizer: settings that it does not use, those that it does, and its weight decay."""
    found = {}
    for name, record in OPTIMIZERS.items():
        unused = [PLACE[key] for key in SETTINGS if key not in record.settings]
        used = [change(key, float(value)) for key, value in record.settings.items()]
        decay = float(record.weight_decay)
        found[name] = (unused, used, KEYS["weight_decay"].text(decay), decay)
    return found


_DEFAULTS = _optimizer_defaults()


class Resolver:
    """Turns what is given in a cell into a value and a text for every key.

    Parameters
    ----------
    base : mapping
        The keys given at the top of the study.
    samples : callable
        From the values of the keys of the data to the number of samples.
    """

    def __init__(self, base: Mapping[str, Any], samples: Callable[[tuple[Any, ...]], int]) -> None:
        self._samples = samples
        self._values: list[Any] = [base.get(key, KEYS[key].default) for key in CELL_KEYS]
        self._texts = [KEYS[key].text(value) for key, value in zip(CELL_KEYS, self._values, strict=True)]

    def __call__(self, changes: Iterable[Change]) -> tuple[list[Any], list[str]]:
        """Values and texts in the order of the columns, without the seed."""
        values, texts = self._values.copy(), self._texts.copy()
        budget = None
        for place, value, text in changes:
            if place < 0:
                numbers = list(values[_INIT])
                numbers[-1 - place] = value
                values[_INIT] = tuple(numbers)
                texts[_INIT] = KEYS["init"].text(values[_INIT])
                continue
            values[place], texts[place] = value, text
            if place in (_EPOCHS, _UPDATES):
                budget = place
        if budget is not None:
            other = _UPDATES if budget == _EPOCHS else _EPOCHS
            values[other], texts[other] = None, ""
        self._fill(values, texts)
        return values, texts

    def _fill(self, values: list[Any], texts: list[str]) -> None:
        """What follows from other keys."""
        unused, used, decay_text, decay = _DEFAULTS[values[_OPTIMIZER]]
        for place in unused:
            values[place], texts[place] = None, ""
        for place, value, text in used:
            if values[place] is None:
                values[place], texts[place] = value, text
        if values[_DECAY] is None:
            values[_DECAY], texts[_DECAY] = decay, decay_text
        if values[_BIAS_RATE] is None:
            values[_BIAS_RATE], texts[_BIAS_RATE] = values[_RATE], texts[_RATE]
        if values[_BATCH] == FULL:
            values[_ORDER] = texts[_ORDER] = "sequential"
        if values[_EVERY] is None:
            every = updates_per_epoch(values, self._samples)
            values[_EVERY], texts[_EVERY] = every, str(every)


def updates_per_epoch(values: list[Any], samples: Callable[[tuple[Any, ...]], int]) -> int:
    """Batches in one pass over the data, the last one perhaps smaller."""
    batch = values[_BATCH]
    return 1 if batch == FULL else -(-samples(tuple(values[_DATA])) // batch)


def _identity(digest: bytes) -> int:
    """The digest as a number, a letter in front: `12e4567890123456`, or digits alone, would be a number to pandas."""
    number = int.from_bytes(digest, "big")
    return number & _REST | _LETTERS[number >> _FIRST_DIGIT]


class DataSets:
    """The data sets of a study by the values of the keys of the data, each looked up once.

    Parameters
    ----------
    folder : Path
        Of the study.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[tuple[Any, ...], DataSet] = {}

    def __call__(self, values: tuple[Any, ...]) -> DataSet:
        """The data set of these values of `data`, `scaling`, `missing`, `target_encoding`, `target_range`."""
        if values not in self._known:
            arguments = dict(zip(CELL_KEYS[_DATA], values, strict=True))
            self._known[values] = load_data(**arguments, base=self._folder)
        return self._known[values]

    def samples(self, values: tuple[Any, ...]) -> int:
        """How many samples it has."""
        return len(self(values).inputs)


class _Key(Generic[T]):
    """A key as an attribute of a cell, whose type mypy knows."""

    def __set_name__(self, owner: type[Cell], name: str) -> None:
        self._place = PLACE[name]

    def __get__(self, cell: Cell, owner: type[Cell]) -> T:
        value: T = cell.values[self._place]
        return value


class Cell:
    """One combination of all keys but the seed. Every key is an attribute; settings of optimizers: `setting`.

    Parameters
    ----------
    data_sets : DataSets
        The data sets of the study.
    index : int
        Its number in the plan.
    values, texts : iterable
        Value and canonical text of every key but the seed, in the order of the columns.
    """

    __slots__ = ("_data_sets", "_hash", "index", "texts", "values")

    data = _Key[Call | CsvData]()
    scaling = _Key[Call]()
    missing = _Key[str]()
    target_encoding = _Key[str]()
    target_range = _Key[tuple[float, float] | None]()
    architecture = _Key[tuple[int, ...]]()
    activation = _Key[str]()
    output = _Key[str]()
    bias = _Key[str | float]()
    parameterization = _Key[str]()
    init = _Key[Call | tuple[float, ...]]()
    bias_init = _Key[Call]()
    loss = _Key[str]()
    rule = _Key[str]()
    faults = _Key[tuple[Call, ...]]()
    optimizer = _Key[str]()
    learning_rate = _Key[float | tuple[float, ...]]()
    bias_learning_rate = _Key[float | tuple[float, ...]]()
    weight_decay = _Key[float]()
    batch = _Key[str | int]()
    order = _Key[str]()
    epochs = _Key[int | None]()
    updates = _Key[int | None]()
    criterion = _Key[tuple[tuple[str, float], ...]]()
    evaluate_every = _Key[int]()
    stop = _Key[str]()
    precision = _Key[str]()

    def __init__(self, data_sets: DataSets, index: int, values: Iterable[Any], texts: Iterable[str]) -> None:
        self._data_sets = data_sets
        self.index = index
        self.values = tuple(values)
        self.texts = tuple(texts)
        self._hash: hashlib.blake2b | None = None

    def setting(self, key: str) -> float | None:
        """A setting of an optimizer, such as `beta1`; None where the cell's optimizer does not use it."""
        value: float | None = self.values[PLACE[key]]
        return value

    def __repr__(self) -> str:
        return f"<Cell {self.index} {self.cell_id}>"

    @property
    def cell_id(self) -> str:
        """Sixteen hexadecimal digits, the hash of the canonical texts of all keys but the seed."""
        return f"{_identity(self._hashed().digest()):016x}"

    def run_id(self, seed: int) -> str:
        """Sixteen hexadecimal digits, the hash of the canonical texts of all keys."""
        return f"{self.run_ids((seed,))[0]:016x}"

    def run_ids(self, seeds: Iterable[int]) -> list[int]:
        """The same of many seeds, as numbers.

        Parameters
        ----------
        seeds : iterable of int
        """
        fork, found = self._hashed().copy, []
        for seed in seeds:
            whole = fork()
            whole.update(b"seed=%d\n" % seed)
            found.append(_identity(whole.digest()))
        return found

    def _hashed(self) -> hashlib.blake2b:
        """The hash of all keys but the seed, made when it is first asked for: training needs none."""
        if self._hash is None:
            lines = [prefix + text for prefix, text in zip(_PREFIXES, self.texts, strict=True)]
            self._hash = hashlib.blake2b("\n".join([*lines, ""]).encode(), digest_size=8)
        return self._hash

    @property
    def data_set(self) -> DataSet:
        """The samples."""
        return self._data_sets(self.values[_DATA])

    @property
    def updates_per_epoch(self) -> int:
        """Batches in one pass over the data."""
        return updates_per_epoch(list(self.values), self._data_sets.samples)

    @property
    def budget(self) -> int:
        """Changes of the weights."""
        epochs = self.values[_EPOCHS]
        return int(self.values[_UPDATES] if epochs is None else epochs * self.updates_per_epoch)
