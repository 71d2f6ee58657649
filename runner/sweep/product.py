"""A sweep as a product of levels with rules, counted without ever being listed.

The first level is the slowest. A level is an axis, the rows of a zip, or a sample. Some levels belong to a block
(`when`): they have one more row, "absent", which is taken exactly in the cells where no rule of the block holds. Cells
where a forbidden rule holds are left out. A rule is a conjunction: for some levels, the rows that match.

Going through the levels from first to last, all that matters of the rows taken so far is which rules can still
hold. That is the state, one bit per rule. There are few states, and rows that leave the same rules possible are one
class; so time and memory go with the number of states and rows, never with the number of cells.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from runner.errors import Problem, StudyError

Rule = Mapping[int, frozenset[int]]
"""Level -> the rows of it that match; every row of a level that is not named does."""
Labels = Mapping[int, Sequence[Hashable]]
"""Level -> a label for each of its rows, "absent" last; cells are told apart by the labels of their rows."""
MOST_STEPS = 1_000_000
"""Steps from a state by a class of rows, beyond which the conditions of a sweep are refused."""


@dataclass(frozen=True)
class Level:
    """A level: how many rows it has, and the block it belongs to, in which it has one row more."""

    size: int
    block: int | None = None

    @property
    def rows(self) -> range:
        """Every row, "absent" last."""
        return range(self.size + (self.block is not None))


@dataclass(frozen=True)
class _Class:
    """Rows of a level that leave the same rules possible: the bits they keep, and how many rows they are."""

    bits: int
    count: int


@dataclass
class _Step:
    """What a level does to a state: what its rows keep, and what is decided once it is taken."""

    classes: list[_Class] = field(default_factory=list)
    of_row: dict[int, int] = field(default_factory=dict)  # rows whose class is not 0
    forbidden: int = 0  # rules that leave the cell out if they are still possible
    closing: list[tuple[int, int, int]] = field(default_factory=list)  # of each block: rules, all present, all absent
    forget: int = 0  # bits of all rules that are decided by then


class Product:
    """Levels and rules: counts cells, alone or by label.

    Parameters
    ----------
    levels : sequence of Level
    blocks : sequence of sequences of rules
        For each block, when it is present: when any of these holds.
    forbidden : sequence of rules
        The cells left out.
    """

    def __init__(
        self, levels: Sequence[Level], blocks: Sequence[Sequence[Rule]] = (), forbidden: Sequence[Rule] = ()
    ) -> None:
        self.levels = tuple(levels)
        self.blocks = tuple(tuple(rules) for rules in blocks)
        self.forbidden = tuple(forbidden)
        self._rules: list[Rule] = []
        self._steps = [_Step() for _ in (*self.levels, None)]  # the last: what is decided before any level
        for rule in self.forbidden:
            bit = self._add(rule)
            self._step_after([rule]).forbidden |= bit
        for block, rules in enumerate(self.blocks):
            self._add_block(block, rules)
        self._classify()
        self.start = self._decided(len(self.levels), (1 << len(self._rules)) - 1)

    def _add(self, rule: Rule) -> int:
        self._rules.append(rule)
        return 1 << (len(self._rules) - 1)

    def _step_after(self, rules: Sequence[Rule]) -> _Step:
        """The step of the last level that any of these rules looks at."""
        return self._steps[max((level for rule in rules for level in rule), default=-1)]

    def _add_block(self, block: int, rules: Sequence[Rule]) -> None:
        own = [at for at, level in enumerate(self.levels) if level.block == block]
        present = {at: frozenset(range(self.levels[at].size)) for at in own}
        absent = {at: frozenset([self.levels[at].size]) for at in own}
        bits = sum(self._add(rule) for rule in rules)
        closing = (bits, self._add(present), self._add(absent))
        self._step_after([*rules, present]).closing.append(closing)

    def _classify(self) -> None:
        """Group the rows of every level by the rules they leave possible."""
        touching: list[dict[int, int]] = [{} for _ in self.levels]
        named = [0] * len(self.levels)
        for number, rule in enumerate(self._rules):
            for at, rows in rule.items():
                named[at] |= 1 << number
                for row in rows:
                    touching[at][row] = touching[at].get(row, 0) | 1 << number
        everything = (1 << len(self._rules)) - 1
        for at, step in enumerate(self._steps[:-1]):
            rest = everything & ~named[at]
            numbers, counts = {rest: 0}, [len(self.levels[at].rows)]
            for row, bits in touching[at].items():
                number = numbers.setdefault(rest | bits, len(numbers))
                counts += [0] * (number == len(counts))
                counts[number] += 1
                counts[0] -= 1
                step.of_row[row] = number
            step.classes = [_Class(bits, count) for bits, count in zip(numbers, counts, strict=True)]
        decided = 0
        for step in (self._steps[-1], *self._steps[:-1]):
            decided |= step.forbidden
            for rules, present, absent in step.closing:
                decided |= rules | present | absent
            step.forget = decided

    def _decided(self, at: int, state: int) -> int | None:
        """The state after what step `at` decides: None when the cell is left out."""
        step = self._steps[at]
        if state & step.forbidden:
            return None
        for rules, present, absent in step.closing:
            if not state & (present if state & rules else absent):
                return None
        return state & ~step.forget

    def rows_of_classes(self, at: int) -> Mapping[int, int]:
        """The class of each row of a level that is not in class 0."""
        return self._steps[at].of_row

    def next_states(self, at: int, state: int) -> list[int | None]:
        """The state after each class of a level."""
        return [self._decided(at, state & each.bits) for each in self._steps[at].classes]

    def class_counts(self, at: int) -> list[int]:
        """How many rows each class of a level has."""
        return [each.count for each in self._steps[at].classes]

    def totals(
        self, labels: Labels, first: int = 0, last: int | None = None, state: int | None = None
    ) -> dict[tuple[int, tuple[Hashable, ...]], int]:
        """How many ways lead through levels `first` to `last` (excluded), by final state and labels.

        Parameters
        ----------
        labels : mapping of int to sequence
            For some levels, a label for every row; ways are told apart by these, in the order of the levels.
        first, last : int
            The levels; all of them when not given.
        state : int, optional
            The state before `first`; that of the beginning when not given.
        """
        state = self.start if state is None else state
        last = len(self.levels) if last is None else last
        ways: dict[tuple[int, tuple[Hashable, ...]], int] = {} if state is None else {(state, ()): 1}
        for at in range(first, last):
            parts = self._parts(at, labels.get(at))
            check_steps(len(ways) * len(parts))
            reached: dict[tuple[int, tuple[Hashable, ...]], int] = {}
            for (before, path), count in ways.items():
                nexts = self.next_states(at, before)
                for (number, label), rows in parts.items():
                    after = nexts[number]
                    if after is not None and rows:
                        key = (after, path if at not in labels else (*path, label))
                        reached[key] = reached.get(key, 0) + count * rows
            ways = reached
        return ways

    def _parts(self, at: int, labels: Sequence[Hashable] | None) -> dict[tuple[int, Hashable], int]:
        """How many rows of a level there are of each class and label."""
        if labels is None:
            return {(number, None): count for number, count in enumerate(self.class_counts(at))}
        parts: dict[tuple[int, Hashable], int] = {}
        for row in self.levels[at].rows:
            key = (self._steps[at].of_row.get(row, 0), labels[row])
            parts[key] = parts.get(key, 0) + 1
        return parts

    def by_label(self, labels: Labels) -> dict[tuple[Hashable, ...], int]:
        """How many cells there are for each combination of labels that occurs."""
        counts: dict[tuple[Hashable, ...], int] = {}
        for (_, path), count in self.totals(labels).items():
            counts[path] = counts.get(path, 0) + count
        return counts

    def count(self) -> int:
        """How many cells there are."""
        return sum(self.totals({}).values())

    def rearranged(self, order: Sequence[int], rows: Mapping[int, Sequence[int]]) -> Product:
        """The same cells with the levels, and the rows of some of them, in another order.

        Parameters
        ----------
        order : sequence of int
            The levels from the slowest to the fastest.
        rows : mapping of int to sequence of int
            For some levels, as they are numbered now, all rows but "absent" in their new order.
        """
        place = {at: new for new, at in enumerate(order)}
        moved = {at: {row: new for new, row in enumerate(old)} for at, old in rows.items()}

        def same(rule: Rule) -> Rule:
            return {
                place[at]: frozenset(moved[at].get(row, row) for row in matching) if at in moved else matching
                for at, matching in rule.items()
            }

        return Product(
            [self.levels[at] for at in order],
            [[same(rule) for rule in rules] for rules in self.blocks],
            [same(rule) for rule in self.forbidden],
        )

    def possible(self, rule: Rule) -> bool:
        """Whether the rule holds in any combination that the blocks allow, whatever is forbidden."""
        if not all(rule.values()):
            return False
        if not self.blocks:
            return True
        others = [{at: frozenset(self.levels[at].rows) - rows} for at, rows in rule.items()]
        return Product(self.levels, self.blocks, others).count() > 0


def check_steps(count: int) -> None:
    """Refuse conditions whose states are too many to go through."""
    if count > MOST_STEPS:
        message = "sweep: when and exclude depend on too many combinations of values"
        raise StudyError([Problem(message)])
