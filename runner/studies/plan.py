"""The cells and runs of a study by number, without listing them, and in which order to train them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import islice
from itertools import product as combinations
from typing import Any

import numpy as np

from runner.data import DATASETS
from runner.errors import Refused, RunnerError
from runner.keys.columns import Column, Indices, Mask, merged, stacked
from runner.keys.definitions import BUDGETS, DATA_KEYS, FULL, KEYS, sweep_key
from runner.machine import MAX_RUNS
from runner.ops import ACTIVATIONS, INITIALIZERS, LOSSES, OPTIMIZERS, SCHEDULES, Members
from runner.printed import Printed, Writer
from runner.registry import Call, Registry, element
from runner.studies.cells import PLACE, Cell, Change, DataSets, Resolver, text_of
from runner.studies.load import Study
from runner.studies.plan_text import plan_lines
from runner.studies.schedule import Schedule
from runner.sweep.numbering import Expansion
from runner.sweep.space import Axis, SweepSpace, is_unused
from runner.sweep.trajectories import Trajectories
from runner.terminal import counted

MOST_NUMBERED = 2**62
"""Runs that can be numbered, whatever the user allows."""
# The keys whose values are members of registries that take pieces of a user's own.
_FAMILIES: tuple[tuple[Registry[Any], tuple[str, ...]], ...] = (
    (ACTIVATIONS, ("activation", "output")),
    (LOSSES, ("loss",)),
    (OPTIMIZERS, ("optimizer",)),
    (INITIALIZERS, ("init", "bias_init")),
    (SCHEDULES, ("learning_rate_schedule", "momentum_schedule")),
    (DATASETS, ("data",)),
)
# Values of an axis that are listed; of more, only their number is told.
_MOST_VALUES = 1000
# Cells of about a kilobyte, and rows of axes.
_KEPT_CELLS, _KEPT_ROWS = 1 << 10, 1 << 16
_MOST_REASONS = 3


def make_plan(study: Study, max_runs: int = MAX_RUNS) -> Plan:
    """Number the runs of a study.

    Parameters
    ----------
    study : Study
    max_runs : int
        More runs than these are refused.

    Returns
    -------
    Plan

    Raises
    ------
    Refused
        When there are more, and at once, however many there are.
    """
    cells = study.space.product.count() + len(study.sweep.include)
    # len() of a range fails beyond 2^63.
    seeds = study.seeds.stop - study.seeds.start if isinstance(study.seeds, range) else len(study.seeds)
    if cells * seeds > min(max_runs, MOST_NUMBERED):
        runs = f"{counted(cells * seeds, 'run')} ({counted(cells, 'cell')} x {counted(seeds, 'seed')})"
        raise Refused(f"the study has {runs}, more than --max-runs {max_runs:,}")
    return Plan(study)


class Plan(Printed):
    """Every cell of a study by its number; the number of a run is cell * len(seeds) + place of the seed.

    Cells come in the order of the sweep, the first axis slowest, then those of `include`.

    Attributes
    ----------
    study : Study
    seeds : range or tuple of int
    n_cells, n_runs : int
    """

    def __init__(self, study: Study, data_sets: DataSets | None = None) -> None:
        self.study = study
        self.seeds = study.seeds
        self._data_sets = data_sets or DataSets(study.folder)
        self._space: SweepSpace = study.space
        self._resolver = Resolver(study.base, self._data_sets)
        self._expansion = Expansion(study.space.product)
        self._cell = lru_cache(maxsize=_KEPT_CELLS)(self._make_cell)
        self._row = lru_cache(maxsize=_KEPT_ROWS)(self._make_row)
        self._included = self._new_cells()
        self.n_cells = len(self._expansion) + len(self._included)
        self.n_runs = self.n_cells * len(self.seeds)

    def __repr__(self) -> str:
        parts = f"{counted(self.n_cells, 'cell')} x {counted(len(self.seeds), 'seed')}"
        return f"<Plan of {self.study.name}: {counted(self.n_runs, 'run')} = {parts}>"

    def write_page(self, writer: Writer) -> None:
        """Write what is asked for, without what is there already: this the command `plan` tells as well."""
        axes, seeds = self.listed_axes(), len(self.seeds)
        trained = self.n_updates, self.n_trajectories, self.n_runs
        lines = plan_lines(self.study.name, self.n_cells, seeds, axes, *trained)
        if self.left_out:
            lines.insert(-1, self.left_out)
        writer.print("\n".join(lines), soft_wrap=True)

    def all_data_sets(self) -> DataSets:
        """The data sets of all cells, looked up and loaded: what a plan of the same study elsewhere needs of files."""
        for combination in combinations(*map(self._values, DATA_KEYS)):
            # Some may not fit together; those are no cells of this study.
            with contextlib.suppress(RunnerError):
                self._data_sets(combination)
        return self._data_sets

    def _values(self, key: str) -> dict[Any, None]:
        """All values that a key may have in a cell, each once."""
        return dict.fromkeys(
            [
                self.study.base.get(key, KEYS[key].default),
                *(value for at in self._space.axes_of(key) for value in self._space.axes[at].column(key)),
                *(row[key] for row in self.study.sweep.include if key in row),
            ]
        )

    @property
    def holds_out(self) -> bool:
        """Whether samples are held out of the training of some runs."""
        return any(test is not None for test in self._values("test"))

    @cached_property
    def members(self) -> Members:
        """The members of the registries that the kernels for this study must know."""
        activations = {*_names(self._values("activation")), *self._values("output"), *self._slopes_of_faults}
        return Members(activations, self._values("loss"), self._values("optimizer"))

    @property
    def _slopes_of_faults(self) -> set[str]:
        """Activations whose slope a fault may put into a layer."""
        arguments = {name for faults in self._values("faults") for fault in faults for name in fault.args}
        return {name for name in ACTIVATIONS if name in arguments}

    @cached_property
    def own_pieces(self) -> dict[str, str]:
        """The pieces of a user's own that it uses, such as `activation wave`, and the hashes of their files."""
        found: dict[str, str] = {}
        for registry, keys in _FAMILIES:
            names = _names(value for key in keys for value in self._values(key))
            names |= self._slopes_of_faults if registry is ACTIVATIONS else set()
            found |= {f"{registry.kind} {name}": registry[name].source for name in registry if name in names}
        return {piece: source for piece, source in found.items() if source}

    def cell(self, i: int) -> Cell:
        """Cell `i`, from 0."""
        if not 0 <= i < self.n_cells:
            raise IndexError(f"cell {i} of {self.n_cells}")
        return self._cell(i)

    def _make_cell(self, i: int) -> Cell:
        if i >= len(self._expansion):
            columns = self._included[i - len(self._expansion)]
        else:
            columns = self._of_rows(np.array([self._expansion.rows(i)]))
        return Cell(self._data_sets, i, *_only(columns))

    def columns(self, cells: Indices) -> list[Column]:
        """The values of every key in some cells, given by their numbers, in the order of `CELL_KEYS`."""
        swept = cells < len(self._expansion)
        if swept.all():
            return self._of_rows(self._expansion.rows_of(cells))
        all_included = stacked(self._included)
        included = [column.part(cells[~swept] - len(self._expansion)) for column in all_included]
        return merged(swept, included, self.columns(cells[swept])) if swept.any() else included

    def budgets(self, columns: Sequence[Column], n: int) -> Indices:
        """Changes of the weights that training makes in n cells, of which these are the columns."""
        return self._resolver.budgets(columns, n)

    def _of_rows(self, rows: Indices) -> list[Column]:
        """The columns of cells that the axes make, given by their rows of all axes."""
        return self._resolver.resolve(
            change for at, axis in enumerate(self._space.axes) for change in self._given(at, axis, rows[:, at])
        )

    def _given(self, at: int, axis: Axis, rows: Indices) -> Iterator[Change]:
        """What an axis gives in some cells, whose rows of it are these."""
        numbers, which = (rows[:1], None) if (rows == rows[0]).all() else np.unique(rows, return_inverse=True)
        where: Mask = True
        if numbers[-1] == len(axis.rows):
            # The row after the last is that of the cells without this axis.
            numbers, where = numbers[:-1], which is not None and which < len(numbers) - 1
            which = None if which is None else np.where(where, which, 0)
        if len(numbers):
            made = [self._row(at, row) for row in numbers.tolist()]
            columns = (zip(*part, strict=True) for part in zip(*made, strict=True))
            for key, values, texts in zip(axis.keys, *columns, strict=True):
                yield Change.of(key, Column(values, texts, which if len(numbers) > 1 else None), where)

    def _make_row(self, at: int, row: int) -> tuple[tuple[Any, ...], tuple[str, ...]]:
        """The values of a row of an axis, and their texts."""
        axis = self._space.axes[at]
        return axis.rows[row], tuple(map(text_of, axis.keys, axis.rows[row]))

    def _new_cells(self) -> list[list[Column]]:
        """The cells of `include` that the axes do not make, each by its columns."""
        found: dict[tuple[str, ...], list[Column]] = {}
        for row in self.study.sweep.include:
            columns = self._resolver.resolve(
                Change.of(key, Column.one(value, text_of(key, value))) for key, value in row.items()
            )
            values, texts = _only(columns)
            if self._find(values, texts) is None:
                found.setdefault(texts, columns)
        return list(found.values())

    def _find(self, values: Sequence[Any], texts: Sequence[str]) -> int | None:
        """The number of the cell with these values, if the axes make one."""
        rows = [_candidates(axis, values) for axis in self._space.axes]
        tried = list(combinations(*rows))
        table = np.array(tried, np.int64).reshape(len(tried), len(rows))
        for number in self._expansion.numbers_of(table).tolist():
            if number >= 0 and self._cell(number).texts == tuple(texts):
                return int(number)
        return None

    @cached_property
    def axes(self) -> list[tuple[str, list[str]]]:
        """What is swept: the keys, and the texts of their values."""
        return [(name, _axis_texts(self._space, name)) for name in self._space.swept]

    def listed_axes(self) -> dict[str, int | list[str]]:
        """What is swept: the keys, and the texts of their values, or how many there are when these are very many."""
        return {key: values if len(values) <= _MOST_VALUES else len(values) for key, values in self.axes}

    @property
    def left_out(self) -> str:
        """What to say of cells that are left out because a fault does not fit their architecture; mostly nothing."""
        if not (n := self._space.n_misfits):
            return ""
        reasons = [*dict.fromkeys(text for each in self._space.misfits.values() for text in each.values())]
        more = f"; and {len(reasons) - _MOST_REASONS:,} more like these" if len(reasons) > _MOST_REASONS else ""
        what = f"{counted(n, 'cell')} {'is' if n == 1 else 'are'} left out, whose architecture does not fit a fault"
        return f"{what}: {'; '.join(reasons[:_MOST_REASONS])}{more}"

    @cached_property
    def _trajectories(self) -> Trajectories:
        def updates_of(values: tuple[Any, ...], budget: tuple[str, int]) -> int:
            *data, batch, order = values
            return self._data_sets.updates_of(tuple(data), batch, order, *budget)

        return Trajectories(self._space, updates_of, (*DATA_KEYS, "batch", "order"))

    @cached_property
    def _included_groups(self) -> list[list[int]]:
        """The numbers of the included cells by trajectory, budgets ascending."""
        groups: dict[tuple[str, ...], list[int]] = {}
        places = {PLACE[key] for key in BUDGETS}
        for number, (values, texts) in enumerate(map(_only, self._included), len(self._expansion)):
            budget = next(key for key in BUDGETS if values[PLACE[key]] is not None)
            rest = tuple(text for place, text in enumerate(texts) if place not in places)
            groups.setdefault((budget, *rest), []).append(number)
        return [sorted(group, key=lambda i: self.cell(i).budget) for group in groups.values()]

    @property
    def n_trajectories(self) -> int:
        """How many networks are trained: runs that differ only in their budget, in one unit, are one."""
        return (self._trajectories.totals[0] + len(self._included_groups)) * len(self.seeds)

    @property
    def n_updates(self) -> int:
        """How many changes of weights are to be made, each trajectory to its longest budget."""
        included = sum(self.cell(group[-1]).budget for group in self._included_groups)
        return (self._trajectories.totals[1] + included) * len(self.seeds)

    def schedule(self) -> Schedule:
        """Every cell once, by trajectory: those of the axes first, then those of `include`."""
        cells, starts = self._trajectories.cells(self._expansion.numbers_of)
        included = self._included_groups
        sizes = np.array([len(group) for group in included], np.int64)
        more = [np.array(group, np.int64) for group in included]
        return Schedule(np.concatenate([cells, *more]), np.concatenate([starts, len(cells) + np.cumsum([0, *sizes])]))


def _names(values: Iterable[Any]) -> set[str]:
    """The members of registries that values name: by themselves, with arguments, or in a list of one for each layer."""
    found: set[str] = set()
    for value in values:
        found.update([value.name] if isinstance(value, Call) else value if isinstance(value, tuple) else [value])
    return found


def _only(columns: Sequence[Column]) -> tuple[tuple[Any, ...], tuple[str, ...]]:
    """Values and texts of the only cell of some columns."""
    return tuple(column.values[0] for column in columns), tuple(column.texts[0] for column in columns)


def _candidates(axis: Axis, values: Sequence[Any]) -> list[int]:
    """The rows of an axis that could have made a cell with these values.

    They are the first row that fits, for a later one would have made the same cell again and is left out, and the row
    after the last where there are cells without this axis.
    """
    optimizer, full = values[PLACE["optimizer"]], values[PLACE["batch"]] == FULL

    def fits(key: str, value: Any) -> bool:
        if is_unused(key, optimizer) or (key == "order" and full):
            return True
        if (one := element(key)) is not None:
            numbers = values[PLACE[one.key]]
            return isinstance(numbers, tuple) and one.k < len(numbers) and numbers[one.k] == value
        return bool(values[PLACE[key]] == value)

    fitting = (number for number, row in enumerate(axis.rows) if all(map(fits, axis.keys, row)))
    return [*islice(fitting, 1), *([len(axis.rows)] if axis.block is not None else [])]


def _axis_texts(space: SweepSpace, name: str) -> list[str]:
    """The texts of the values of a key, or of a number of its list, on the axes that hold it."""
    key = sweep_key(name)
    assert key is not None  # the axes of a sweep are named by keys
    values = dict.fromkeys(value for at in space.axes_of(name) for value in space.axes[at].column(name))
    return [key.text(value) or "none" for value in values]
