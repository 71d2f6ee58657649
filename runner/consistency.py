"""What must hold across a whole study: what is missing, what nothing uses, and whether the networks fit the data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from runner.axes import Axes
from runner.calls import Call
from runner.checks import CHECKS, combination_faults, places
from runner.data import DataError, DataSet, load_data
from runner.errors import Problem, counted
from runner.keys import KEYS, element
from runner.layout import BUDGETS, FULL, Layout
from runner.ops import LOSSES, OPTIMIZERS, SETTINGS
from runner.wrong import Flaw, Step

DATA_KEYS = ("data", "scaling", "missing", "target_encoding", "target_range")
LISTED = 12
"""Values of an axis that a message lists, at most."""


def study_faults(layout: Layout, unknown: frozenset[str], overridden: frozenset[str]) -> Iterator[Flaw]:
    """Everything wrong with a study whose values are right one by one, data sets apart.

    Parameters
    ----------
    layout : Layout
    unknown : frozenset of str
        Keys whose values could not be read: nothing is said about them.
    overridden : frozenset of str
        Keys given on the command line: it is fine when they leave a condition or a setting without use.
    """
    yield from _elements(layout, unknown)
    yield from _missing(layout, unknown)
    if not unknown.intersection(BUDGETS):
        yield from _budgets(layout)
    yield from combination_faults(layout, tuple(c for c in CHECKS if not unknown.intersection(c.keys)))
    yield from _unused_settings(layout, unknown | overridden)
    yield from _conditions(layout, unknown | overridden)


def _missing(layout: Layout, unknown: frozenset[str]) -> Iterator[Flaw]:
    for key in (key.name for key in KEYS.values() if key.required):
        if key in layout.base or key in unknown:
            continue
        if not layout.axes_of(key):
            yield Flaw(f"{key} is missing")
        elif not layout.is_everywhere(key) and layout.bare.possible(_absent(layout, key)):
            yield Flaw(f"{key} is missing where no when gives it")
        for i, row in enumerate(layout.sweep.include):
            if key not in row and layout.axes_of(key):
                yield Flaw(f"include: {key} is missing here and at the top", ("sweep", "include", i))


def _absent(layout: Layout, *keys: str) -> dict[int, frozenset[int]]:
    """The rule that no axis gives these keys."""
    return {at: frozenset([len(layout.axes[at].rows)]) for key in keys for at in layout.axes_of(key)}


def _budgets(layout: Layout) -> Iterator[Flaw]:
    """Every cell needs exactly one budget; that of the sweep replaces that of the top."""
    both = [key for key in BUDGETS if key in layout.base]
    if len(both) == 2:
        yield Flaw("updates: give epochs or updates, not both", ("updates",), at_key=True)
        return
    swept = [key for key in BUDGETS if layout.axes_of(key)]
    if len(swept) == 2:
        yield from _both_budgets(layout)
    if not both and not any(layout.is_everywhere(key) for key in swept):
        if not swept:
            yield Flaw("the budget is missing: give epochs or updates")
        elif layout.bare.possible(_absent(layout, *swept)):
            yield Flaw("the budget is missing where no when gives it: give epochs or updates")
    for i, row in enumerate(layout.sweep.include):
        given = [key for key in BUDGETS if key in row]
        if len(given) == 2:
            yield Flaw("updates: give epochs or updates, not both", ("sweep", "include", i, "updates"), at_key=True)
        elif not given and not both and swept:
            yield Flaw("include: the budget is missing here and at the top", ("sweep", "include", i))


def _both_budgets(layout: Layout) -> Iterator[Flaw]:
    for first in layout.axes_of("epochs"):
        for second in layout.axes_of("updates"):
            rule = {at: frozenset(range(len(layout.axes[at].rows))) for at in (first, second)}
            if layout.bare.possible(rule):
                later = layout.axes[max(first, second)]
                key = "updates" if "updates" in later.keys else "epochs"
                message = f"{key}: give epochs or updates, not both"
                yield Flaw(message, later.key_path(key), at_key=True)
                return


def _elements(layout: Layout, unknown: frozenset[str]) -> Iterator[Flaw]:
    """`init[k]` varies a number of an init that is a list, and the same list in every cell."""
    if "init" in unknown:
        return
    init = layout.base.get("init")
    given = [(name, layout.axes[layout.axes_of(name)[0]].key_path(name), init) for name in layout.swept]
    for i, row in enumerate(layout.sweep.include):
        given += [(name, ("sweep", "include", i, name), row.get("init", init)) for name in row]
    for name, path, numbers in given:
        if (k := element(name)) is None:
            continue
        if layout.axes_of("init") and path[1] != "include":
            yield Flaw(f"{name}: init is on an axis itself", path, at_key=True)
        elif not isinstance(numbers, tuple):
            found = KEYS["init"].text(numbers or KEYS["init"].default)
            yield Flaw(f"{name}: expected init as a list of numbers, found {found}", path, at_key=True)
        elif k >= len(numbers):
            yield Flaw(f"{name}: init has {len(numbers)} numbers, counted from 0", path, at_key=True)


def _unused_settings(layout: Layout, silent: frozenset[str]) -> Iterator[Flaw]:
    if "optimizer" in silent:
        return
    optimizers = {str(name) for (name,) in layout.together(("optimizer",), lambda key, value: value)}
    for key in SETTINGS:
        where = places(layout, key)
        if key in silent or not where or any(key in OPTIMIZERS[name].settings for name in optimizers):
            continue
        users = ", ".join(name for name, record in OPTIMIZERS.items() if key in record.settings)
        yield Flaw(f"{key} is used by {users}; no run of this study uses them", next(iter(where.values())))


def _conditions(layout: Layout, silent: frozenset[str]) -> Iterator[Flaw]:
    """Conditions of when and exclude that hold in no cell."""
    conditions: list[tuple[str, Axes, tuple[Step, ...], int | None]] = [
        ("when", when.condition, ("sweep", "when", i, "if"), i) for i, when in enumerate(layout.sweep.when)
    ]
    conditions += [
        ("exclude", condition, ("sweep", "exclude", i), None) for i, condition in enumerate(layout.sweep.exclude)
    ]
    for what, condition, path, before in conditions:
        if silent.intersection(condition):
            continue
        never = list(_never(layout, what, condition, path))
        yield from never
        rules = layout.matching(condition, before)
        if not never and not any(layout.bare.possible(rule) for rule in rules):
            yield Flaw(f"{what}: no cell matches; these values never occur together", path)
    if not silent and layout.product.count() == 0 and not layout.sweep.include:
        yield Flaw("exclude: no cell is left", ("sweep", "exclude"))


def _never(layout: Layout, what: str, condition: Axes, path: tuple[Step, ...]) -> Iterator[Flaw]:
    """Values that a key of a condition never has."""
    for key, wanted in condition.items():
        values = layout.values(key)
        known = KEYS[key] if key in KEYS else KEYS["weight_decay"]
        texts = [known.text(value) or "none" for value in values if value is not None or key == "target_range"]
        tail = ", ..." if len(texts) > LISTED else ""
        for j, value in enumerate(wanted):
            if value not in values:
                which = f"its values are {', '.join(texts[:LISTED])}{tail}" if texts else "nothing gives it"
                item = (j,) if len(wanted) > 1 else ()
                message = f"{what}: {key} is never {known.text(value) or 'none'}; {which}"
                yield Flaw(message, (*path, key, *item))


class DataChecks:
    """The data sets of a study, loaded once, and whether architectures and batches fit them.

    Parameters
    ----------
    layout : Layout
    base : Path
        Folder of the study.
    """

    def __init__(self, layout: Layout, base: Path) -> None:
        self._layout = layout
        self._base = base
        self.faults: list[Flaw] = []
        self.problems: list[Problem] = []
        self._loaded: dict[tuple[Any, ...], DataSet] = {}

    def check(self, unknown: frozenset[str]) -> None:
        """Load every data set and note what is wrong with it or does not fit it."""
        if unknown.intersection(DATA_KEYS):
            return
        for values in self._layout.together(DATA_KEYS, _same):
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
                path = places(self._layout, key).get(values[DATA_KEYS.index(key)], ("data",))
                message = problem.message if problem.message.startswith(key) else f"data: {problem.message}"
                self.faults.append(Flaw(message, path))

    def _compare(self, key: str, complaints: Any) -> None:
        where: Mapping[Any, tuple[Step, ...]] = places(self._layout, key)
        for values in self._layout.together((*DATA_KEYS, key), _same):
            data, value = values[:-1], values[-1]
            loaded = self._loaded.get(data)
            if loaded is not None and value is not None:
                name = str(data[0]) if isinstance(data[0], Call) else str(getattr(data[0], "csv", data[0]))
                path = where.get(value, (key,))
                self.faults += [Flaw(f"{key}: {text}", path) for text in complaints(value, loaded, name)]


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
