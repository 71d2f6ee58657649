"""The data sets of a study: each loaded once, and whether architectures, batches and losses fit them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from runner.data import DataError, DataSet, load_data
from runner.errors import Problem
from runner.keys.definitions import DATA_KEYS, FULL, KEYS
from runner.keys.issues import Issue, Step
from runner.ops import LOSSES
from runner.registry import Call
from runner.study.checks import places
from runner.sweep.space import SweepSpace
from runner.terminal import counted


class DataChecks:
    """The data sets of a study, loaded once, and whether architectures and batches fit them.

    Parameters
    ----------
    space : SweepSpace
    base : Path
        Folder of the study.
    """

    def __init__(self, space: SweepSpace, base: Path) -> None:
        self._space = space
        self._base = base
        self.issues: list[Issue] = []
        self.problems: list[Problem] = []
        self._loaded: dict[tuple[Any, ...], DataSet] = {}

    def check(self, unknown: frozenset[str]) -> None:
        """Load every data set and note what is wrong with it or does not fit it."""
        if unknown.intersection(DATA_KEYS):
            return
        for values in self._space.together(DATA_KEYS, _same):
            if values[0] is not None:
                self._load(values)
        if "architecture" not in unknown:
            self._compare("architecture", _fits)
        if "batch" not in unknown:
            self._compare("batch", _batch_fits)
        if "loss" not in unknown:
            self._compare("loss", _targets_fit)

    def _load(self, values: tuple[Any, ...]) -> None:
        try:
            self._loaded[values] = load_data(**dict(zip(DATA_KEYS, values, strict=True)), base=self._base)
        except DataError as error:
            for problem in error.problems:
                if problem.file:
                    self.problems.append(problem)
                    continue
                key = next((key for key in DATA_KEYS if problem.message.startswith(key)), "data")
                path = places(self._space, key).get(values[DATA_KEYS.index(key)], ("data",))
                message = problem.message if problem.message.startswith(key) else f"data: {problem.message}"
                self.issues.append(Issue(message, path))

    def _compare(self, key: str, complaints: Any) -> None:
        where: Mapping[Any, tuple[Step, ...]] = places(self._space, key)
        for values in self._space.together((*DATA_KEYS, key), _same):
            data, value = values[:-1], values[-1]
            loaded = self._loaded.get(data)
            if loaded is not None and value is not None:
                name = str(data[0]) if isinstance(data[0], Call) else str(getattr(data[0], "csv", data[0]))
                path = where.get(value, (key,))
                self.issues += [Issue(f"{key}: {text}", path) for text in complaints(value, loaded, name)]


def _same(key: str, value: Any) -> Any:
    return value


def _fits(architecture: tuple[int, ...], data: DataSet, name: str) -> Iterator[str]:
    shown = KEYS["architecture"].text(architecture)
    inputs, outputs = data.inputs.shape[1], data.targets.shape[1]
    if architecture[0] != inputs:
        yield f"{shown} begins with {architecture[0]}; {name} has {counted(inputs, 'input')}"
    if architecture[-1] != outputs:
        yield f"{shown} ends with {architecture[-1]}; {name} has {counted(outputs, 'target')}"


def _batch_fits(batch: str | int, data: DataSet, name: str) -> Iterator[str]:
    samples = len(data.inputs)
    if batch != FULL and int(batch) > samples:
        yield f"{batch} is larger than the data set; {name} has {counted(samples, 'sample')}"


def _targets_fit(loss: str, data: DataSet, name: str) -> Iterator[str]:
    low, high = LOSSES[loss].low, LOSSES[loss].high
    least, most = float(data.targets.min()), float(data.targets.max())
    if least < low or most > high:
        yield f"{loss} needs targets from {low:g} to {high:g}; those of {name} lie between {least:g} and {most:g}"
