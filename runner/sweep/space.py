"""From the run at the top of a study and its sweep to levels and rules: which cells there are.

Two cells are never the same run: where an axis does not apply (`beta1` under sgd, `learning_rate` where the optimizer
has none, `order` under full batches), only its first value makes a cell.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product as combinations
from typing import Any

from runner.data import KFold
from runner.keys.definitions import FULL, KEYS
from runner.keys.issues import Issue, Step
from runner.keys.misfits import misfit
from runner.keys.scalars import meant
from runner.ops import OPTIMIZERS, RATES, SCHEDULED, SETTINGS
from runner.registry import Call, column_of
from runner.sweep.axes import Axes
from runner.sweep.model import Sweep, When
from runner.sweep.product import Level, Product, Rule


@dataclass(frozen=True)
class Axis:
    """Rows of one or more keys that advance together: one level of the product.

    Attributes
    ----------
    kind : {"grid", "zip", "sample", "when"}
    keys : tuple of str
    rows : tuple of tuples
        The values of the keys, row by row.
    block : int or None
        The number of the `when` that it belongs to; None for an axis that every cell has.
    """

    kind: str
    keys: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    block: int | None = None

    def path(self, key: str, row: int) -> tuple[Step, ...]:
        """Where in the study a value stands; a value of a range or a sample has no place of its own."""
        if self.kind == "zip":
            return "sweep", "zip", row, key
        if self.kind == "sample":
            return "sweep", "sample", "space", key
        if self.block is not None:
            return "sweep", "when", self.block, "grid", key, row
        return "sweep", "grid", key, row

    def key_path(self, key: str) -> tuple[Step, ...]:
        """Where the key itself stands."""
        path = self.path(key, 0)
        return path if path[-1] == key else path[:-1]

    def column(self, key: str) -> tuple[Any, ...]:
        """The values of one key, row by row."""
        at = self.keys.index(key)
        return tuple(row[at] for row in self.rows)


def _axes(sweep: Sweep) -> list[Axis]:
    """The levels: grid, zip, sample, then the axes of every when."""
    axes = [Axis("grid", (key,), tuple((v,) for v in values)) for key, values in sweep.grid.items()]
    if sweep.zip:
        axes.append(Axis("zip", tuple(sweep.zip[0]), tuple(tuple(row.values()) for row in sweep.zip)))
    if sweep.sample is not None:
        space = sweep.sample.space
        rows = dict.fromkeys(zip(*space.values(), strict=True))  # a small space repeats itself
        axes.append(Axis("sample", tuple(space), tuple(rows)))
    for block, when in enumerate(sweep.when):
        axes += [Axis("when", (key,), tuple((v,) for v in values), block) for key, values in when.grid.items()]
    return axes


def with_folds(base: Mapping[str, Any], sweep: Sweep) -> Sweep:
    """The sweep with all folds of every `k_fold`, where the study does not say which it wants."""
    everywhere = [sweep.grid, *((sweep.sample.space,) if sweep.sample else ())]
    somewhere = [when.grid for when in sweep.when]
    if "fold" in base or any("fold" in row for row in (*everywhere, *somewhere, *sweep.zip)):
        return sweep
    given = [test for axis in everywhere for test in axis.get("test", ())]
    given += [row["test"] for row in sweep.zip if "test" in row]
    # A test of the sweep takes the place of the one at the top.
    swept = bool(given or any("test" in axis for axis in somewhere))
    given = given or [base.get("test")]
    given += [test for axis in somewhere for test in axis.get("test", ())]
    tests = dict.fromkeys(test for test in given if isinstance(test, KFold))
    if not swept:
        folds = [tuple(range(test.k)) for test in tests]
        return sweep.model_copy(update={"grid": {**sweep.grid, "fold": folds[0]}}) if folds else sweep
    more = tuple(
        When.model_construct(condition={"test": (test,)}, grid={"fold": tuple(range(test.k))}) for test in tests
    )
    return sweep.model_copy(update={"when": (*sweep.when, *more)})


def is_of_optimizers(name: str) -> bool:
    """Whether only some optimizers have a use for a key, or for a number of its list."""
    return name in SETTINGS or name in SCHEDULED or column_of(name) in RATES


def _users(name: str) -> frozenset[str]:
    """The optimizers that have a use for such a key."""
    return frozenset(each for each, record in OPTIMIZERS.items() if record.takes(column_of(name)))


def is_unused(name: str, optimizer: str | None) -> bool:
    """Whether a key, or a number of its list, is one that this optimizer has no use for."""
    if not is_of_optimizers(name):
        return False
    return optimizer is None or not OPTIMIZERS[optimizer].takes(column_of(name))


def joined(*rules: Rule) -> Rule:
    """The rule that holds where all of these do."""
    whole: dict[int, frozenset[int]] = {}
    for rule in rules:
        for at, rows in rule.items():
            whole[at] = whole[at] & rows if at in whole else rows
    return whole


class SweepSpace:
    """The cells of a study, before they are numbered: its axes, and the rules that say which cells there are.

    Parameters
    ----------
    base : mapping
        The keys given at the top of the study, with their values.
    sweep : Sweep
    """

    def __init__(self, base: Mapping[str, Any], sweep: Sweep) -> None:
        self.base = dict(base)
        self.sweep = with_folds(base, sweep)
        self.axes = _axes(self.sweep)
        self._providers: dict[str, list[int]] = {}
        for at, axis in enumerate(self.axes):
            for key in axis.keys:
                self._providers.setdefault(key, []).append(at)

    @property
    def swept(self) -> tuple[str, ...]:
        """The keys on an axis."""
        return tuple(self._providers)

    def axes_of(self, key: str) -> list[int]:
        """The axes that hold a key: one, or some in different `when`."""
        return self._providers.get(key, [])

    def common(self, key: str) -> Any:
        """The value in cells where no axis gives it: that of the top, or the default."""
        return self.base.get(key, KEYS[key].default if key in KEYS else None)

    def is_everywhere(self, key: str) -> bool:
        """Whether an axis gives this key in every cell."""
        return any(self.axes[at].block is None for at in self.axes_of(key))

    def values(self, key: str) -> dict[Any, tuple[Step, ...]]:
        """All values that a key can have in the sweep, and where each of them stands first."""
        found: dict[Any, tuple[Step, ...]] = {}
        for at in self.axes_of(key):
            axis = self.axes[at]
            for row, value in enumerate(axis.column(key)):
                if value not in found:
                    found[value] = axis.path(key, row)
        if not self.is_everywhere(key):
            found.setdefault(self.common(key), (key,))
        return found

    def having(self, key: str, accepts: Callable[[Any], bool], before: int | None = None) -> list[Rule]:
        """Rules of which one holds exactly where the key has an accepted value.

        Parameters
        ----------
        key : str
        accepts : callable (value) -> bool
        before : int, optional
            Number of a `when`: only axes of earlier ones count, for its condition is judged before its own axes.
        """
        rules: list[Rule] = []
        absent: dict[int, frozenset[int]] = {}
        for at in self.axes_of(key):
            axis = self.axes[at]
            if axis.block is not None and before is not None and axis.block >= before:
                continue
            rules.append({at: frozenset(r for r, value in enumerate(axis.column(key)) if accepts(value))})
            if axis.block is None:
                return rules
            absent[at] = frozenset([len(axis.rows)])
        return [*rules, absent] if accepts(self.common(key)) else rules

    def matching(self, condition: Axes, before: int | None = None) -> list[Rule]:
        """Rules of which one holds exactly where a condition does; `before` as in `having`."""
        choices = []
        for key, wanted in condition.items():
            accepted = frozenset(self._in_full(key, value) for value in wanted)
            rules = self.having(key, accepted.__contains__, before)
            if is_of_optimizers(key):
                users = self.having("optimizer", _users(key).__contains__, before)
                rules = [joined(a, b) for a, b in combinations(rules, users)]
            elif key == "order":
                full, mini = self._by_batch(before)
                rules = [joined(a, b) for a, b in combinations(rules, mini)]
                rules += full if "sequential" in accepted else []
            choices.append(rules)
        return [joined(*rules) for rules in combinations(*choices)]

    def _in_full(self, key: str, value: Any) -> Any:
        """A value of a condition; a number that a page has shortened is the one value of the key that it stands for."""
        if not isinstance(value, float):
            return value
        found = meant(value, (each for each in self.values(key) if isinstance(each, float)))
        return found[0] if len(found) == 1 else value

    def _by_batch(self, before: int | None = None) -> tuple[list[Rule], list[Rule]]:
        full = self.having("batch", lambda batch: batch == FULL, before)
        return full, self.having("batch", lambda batch: batch != FULL, before)

    @cached_property
    def bare(self) -> Product:
        """The levels and blocks, with nothing left out."""
        levels = [Level(len(axis.rows), axis.block) for axis in self.axes]
        blocks = [self.matching(when.condition, block) for block, when in enumerate(self.sweep.when)]
        return Product(levels, blocks)

    @cached_property
    def product(self) -> Product:
        """The cells, those of `include` apart."""
        if not self._misfit_rules:
            return self._asked_for
        forbidden = [*self._asked_for.forbidden, *self._misfit_rules]
        return Product(self.bare.levels, self.bare.blocks, forbidden)

    @property
    def n_misfits(self) -> int:
        """How many cells the study asks for that are left out, because a fault does not fit their architecture."""
        return self._asked_for.count() - self.product.count() if self._misfit_rules else 0

    @cached_property
    def _asked_for(self) -> Product:
        """The cells that the study asks for, whether they can be trained or not."""
        forbidden = [rule for condition in self.sweep.exclude for rule in self.matching(condition)]
        for at in range(len(self.axes)):
            forbidden += self._repeated(at)
        possible = [rule for rule in forbidden if all(rule.values())]
        return Product(self.bare.levels, self.bare.blocks, possible)

    @cached_property
    def misfits(self) -> Mapping[tuple[Call, ...], Mapping[tuple[int, ...], str]]:
        """For each value of `faults` the architectures that it does not fit, and why.

        Only those values that fit some architecture of the study: one that fits none is a mistake of the study.
        """
        shapes = [shape for shape in self.values("architecture") if shape is not None]
        unfit: dict[Call, dict[tuple[int, ...], str]] = {}
        found = {}
        for faults in self.values("faults"):
            reasons: dict[tuple[int, ...], str] = {}
            for fault in faults:
                if fault not in unfit:
                    unfit[fault] = {shape: reason for shape in shapes if (reason := misfit(fault, shape))}
                reasons = unfit[fault] | reasons
            if 0 < len(reasons) < len(shapes):
                found[faults] = reasons
        return found

    @cached_property
    def _misfit_rules(self) -> list[Rule]:
        """Faults with architectures that they do not fit: one rule for all faults that fit the same ones."""
        alike: dict[frozenset[tuple[int, ...]], set[tuple[Call, ...]]] = {}
        for faults, reasons in self.misfits.items():
            alike.setdefault(frozenset(reasons), set()).add(faults)
        rules = [
            joined(a, b)
            for shapes, some in alike.items()
            for a in self.having("faults", some.__contains__)
            for b in self.having("architecture", shapes.__contains__)
        ]
        return [rule for rule in rules if all(rule.values())]

    def _repeated(self, at: int) -> list[Rule]:
        """The rows of an axis that, where some of its keys do not apply, repeat an earlier row."""
        keys = self.axes[at].keys
        settings = any(map(is_of_optimizers, keys))
        optimizers = list(self.values("optimizer")) if settings and "optimizer" not in keys else [None]
        batches = [FULL, None] if "order" in keys and "batch" not in keys else [None]
        rules: list[Rule] = []
        for optimizer, batch in combinations(optimizers, batches):
            repeated = self._repeated_rows(at, optimizer, batch)
            if not repeated:
                continue
            of_optimizer = self.having("optimizer", optimizer.__eq__) if optimizer else [{}]
            of_batch = self._by_batch()[0] if batch else [{}]
            rules += [joined({at: repeated}, a, b) for a, b in combinations(of_optimizer, of_batch)]
        return rules

    def _repeated_rows(self, at: int, optimizer: str | None, batch: str | None) -> frozenset[int]:
        axis = self.axes[at]
        first: set[Hashable] = set()
        repeated = []
        for number, row in enumerate(axis.rows):
            given = dict(zip(axis.keys, row, strict=True))
            name = given.get("optimizer", optimizer)
            full = given.get("batch", batch) == FULL
            kept = tuple(
                None if is_unused(key, name) or (key == "order" and full) else value for key, value in given.items()
            )
            if kept in first:
                repeated.append(number)
            first.add(kept)
        return frozenset(repeated)

    def together(self, keys: Sequence[str], reduce: Callable[[str, Any], Hashable]) -> Iterator[tuple[Any, ...]]:
        """Which values of some keys occur together in a cell, each combination once.

        Parameters
        ----------
        keys : sequence of str
        reduce : callable (key, value) -> hashable
            What of a value matters; the value is None in a cell where nothing gives the key.
        """
        holders = sorted({at for key in keys for at in self.axes_of(key)})
        labels: dict[int, list[Hashable]] = {}
        for at in holders:
            axis = self.axes[at]
            held = [(key, axis.keys.index(key)) for key in keys if key in axis.keys]
            labels[at] = [tuple((key, reduce(key, row[j])) for key, j in held) for row in axis.rows]
            labels[at] += [()] if axis.block is not None else []
        common = {key: reduce(key, self.common(key)) for key in keys}
        seen: dict[tuple[Hashable, ...], None] = {}  # in the order of the cells
        for path in self.product.by_label(labels):
            cell = dict(common)
            for label in path:
                cell.update(label)  # type: ignore[call-overload]
            seen[tuple(cell[key] for key in keys)] = None
        for row in self.sweep.include:
            seen[tuple(reduce(key, row.get(key, self.common(key))) for key in keys)] = None
        yield from seen


def collisions(space: SweepSpace) -> Iterator[Issue]:
    """Keys that more than one axis gives in the same cell."""
    for key in space.swept:
        places = space.axes_of(key)
        for i, at in enumerate(places):
            axis = space.axes[at]
            for earlier in places[:i]:
                other = space.axes[earlier]
                both: Rule = {p: frozenset(range(len(space.axes[p].rows))) for p in (earlier, at)}
                if other.block is None or space.bare.possible(both):
                    yield Issue(f"{key}: it is on an axis of {other.kind} already", axis.key_path(key), at_key=True)
                    break
