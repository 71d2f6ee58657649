"""Numbers of runs that need not fit into memory: read in passes, as often as a statistic asks for something.

Every answer is the one that the same numbers give in memory, to the last bit: sums over a seed are made in the same
order, and a number at a rank is found by counting, not by sorting. In memory there is a number for each seed, and some
million numbers at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from runner.errors import RunnerError
from runner.statistics.estimate import Bools, Floats, Ints, Sample, Score, Values
from runner.statistics.intervals import Ordered
from runner.terminal import counted

Keys = NDArray[np.uint64]
_SIGN = np.uint64(1 << 63)
_BITS = 16
_MOST_HELD = 1 << 21
"""Numbers that are sorted in memory."""
_MOST_DIFFERENT = 1 << 23


@dataclass(frozen=True)
class _Facts:
    """What one pass tells.

    Attributes
    ----------
    n, missing : int
        Of all numbers, and of those that are no number.
    least, greatest : float
    present : bool array (candidates,)
        Which seeds there are.
    """

    n: int
    missing: int
    least: float
    greatest: float
    present: Bools


@dataclass(frozen=True)
class PassedValues(Sample):
    """Numbers of runs that are read in passes.

    Attributes
    ----------
    read : callable
        From numbers of entries to the values of their runs, some at a time; what an entry is, is the reader's business.
    candidates : int array
        All seeds that there may be, ascending.
    entries : int array
        Which entries are read.
    exact : bool
    notes : tuple of str
    """

    read: Callable[[Ints], Iterator[Values]]
    candidates: Ints
    entries: Ints
    exact: bool
    notes: tuple[str, ...] = ()
    _changes: tuple[Callable[[Values], Values], ...] = field(default=())

    def take(self, entries: Ints, exact: bool | None = None) -> PassedValues:
        """Those of some of the entries."""
        return replace(self, entries=self.entries[entries], exact=self.exact if exact is None else exact)

    def pieces(self) -> Iterator[Values]:
        for piece in self.read(self.entries):
            for change in self._changes:
                piece = change(piece)
            yield piece

    @cached_property
    def _facts(self) -> _Facts:
        n = missing = 0
        least, greatest = math.inf, -math.inf
        present = np.zeros(len(self.candidates), np.bool_)
        for piece in self.pieces():
            n += len(piece)
            missing += piece.missing
            least = float(np.fmin.reduce(piece.numbers, initial=least))
            greatest = float(np.fmax.reduce(piece.numbers, initial=greatest))
            present[self._codes(piece.seeds)] = True
        return _Facts(n, missing, least, greatest, present)

    def _codes(self, seeds: Ints) -> Ints:
        """Numbers of some seeds among the candidates."""
        first = int(self.candidates[0]) if len(self.candidates) else 0
        # Nearly always they are 0, 1, 2, ...
        if len(self.candidates) and int(self.candidates[-1]) - first == len(self.candidates) - 1:
            return seeds - first
        return np.searchsorted(self.candidates, seeds)

    def __len__(self) -> int:
        return self._facts.n

    @property
    def missing(self) -> int:
        return self._facts.missing

    @property
    def n_seeds(self) -> int:
        return int(np.count_nonzero(self._facts.present))

    @property
    def ends(self) -> tuple[float, float]:
        return self._facts.least, self._facts.greatest

    def ordered(self) -> Ordered:
        return Ranked(self)

    def sums_by_seed(self, scores: Sequence[Score]) -> tuple[Ints, list[Floats], Floats]:
        sums, runs = [np.zeros(len(self.candidates)) for _ in scores], np.zeros(len(self.candidates))
        for piece in self.pieces():
            codes = self._codes(piece.seeds)
            np.add.at(runs, codes, 1.0)
            for own, score in zip(sums, scores, strict=True):
                # One after the other, as `totals` adds them up.
                np.add.at(own, codes, np.asarray(score(piece), np.float64))
        there = runs > 0
        if there.all():
            return self.candidates, sums, runs
        return self.candidates[there], [own[there] for own in sums], runs[there]

    def tables_by_seed(self, place: Score, n: int, score: Score) -> tuple[Floats, Floats]:
        sums, runs = np.zeros((2, len(self.candidates), n))
        for piece in self.pieces():
            at = self._codes(piece.seeds), place(piece)
            np.add.at(sums, at, score(piece))
            np.add.at(runs, at, 1.0)
        there = runs.any(axis=1)
        return (sums, runs) if there.all() else (sums[there], runs[there])

    def different(self, of: Score | None = None) -> tuple[Floats, Ints]:
        numbers, counts = np.empty(0), np.empty(0, np.int64)
        waiting: list[tuple[Floats, Ints]] = []
        for piece in self.pieces():
            waiting.append(piece.different(of))
            if sum(len(some) for some, _ in waiting) > max(len(numbers), _MOST_HELD):
                numbers, counts = _merged([(numbers, counts), *waiting])
                waiting.clear()
                if len(numbers) > _MOST_DIFFERENT:
                    raise RunnerError(
                        f"there are more than {counted(_MOST_DIFFERENT, 'different number')} in this table, too many "
                        "for that: choose fewer runs with where"
                    )
        return _merged([(numbers, counts), *waiting])

    def settled(self, infinite: bool) -> PassedValues:
        return replace(self, _changes=(*self._changes, lambda piece: piece.settled(infinite)))

    def successes(self) -> PassedValues:
        return replace(self, _changes=(*self._changes, Values.successes))


def _merged(parts: Sequence[tuple[Floats, Ints]]) -> tuple[Floats, Ints]:
    """Different numbers and their counts, of several such."""
    numbers, place = np.unique(np.concatenate([some for some, _ in parts]), return_inverse=True)
    counts = np.zeros(len(numbers), np.int64)
    np.add.at(counts, place, np.concatenate([some for _, some in parts]))
    return numbers, counts


class Ranked:
    """Numbers in ascending order, none of which is NaN: read like a sorted array, and found in passes.

    Numbers are counted by the highest bits that they have in ascending order, then, where a rank lies, by the bits
    below, until few enough are left to be sorted.
    """

    def __init__(self, values: PassedValues) -> None:
        self._values = values
        self._counts: dict[tuple[int, int], Ints] = {}
        self._sorted: dict[tuple[int, int], Floats] = {}

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, rank: int) -> float:
        shift, prefix, n = 64, 0, len(self)
        while n > _MOST_HELD and shift:
            shift -= _BITS
            until = np.cumsum(self._count(shift, prefix))
            digit = int(np.searchsorted(until, rank, "right"))
            n = int(until[digit]) - (before := int(until[digit - 1]) if digit else 0)
            rank -= before
            prefix = prefix << _BITS | digit
        if not shift:
            return float(numbers_of_keys(np.array([prefix], np.uint64))[0])
        return float(self._hold(shift, prefix)[rank])

    def _count(self, shift: int, prefix: int) -> Ints:
        """How many numbers have each digit at a place, of those that begin with some others."""
        if (shift, prefix) not in self._counts:
            found = np.zeros(1 << _BITS, np.int64)
            for keys in self._keys(shift + _BITS, prefix):
                digits = (keys >> np.uint64(shift)).astype(np.int64) & ((1 << _BITS) - 1)
                found += np.bincount(digits, minlength=1 << _BITS)
            self._counts[shift, prefix] = found
        return self._counts[shift, prefix]

    def _hold(self, shift: int, prefix: int) -> Floats:
        """The numbers that begin with some digits, sorted."""
        if (shift, prefix) not in self._sorted:
            # One such list at a time.
            self._sorted.clear()
            keys = np.concatenate([np.empty(0, np.uint64), *self._keys(shift, prefix)])
            keys.sort()
            self._sorted[shift, prefix] = numbers_of_keys(keys)
        return self._sorted[shift, prefix]

    def _keys(self, shift: int, prefix: int) -> Iterator[Keys]:
        for piece in self._values.pieces():
            keys = ordered_keys(piece.numbers)
            yield keys if shift == 64 else keys[keys >> np.uint64(shift) == np.uint64(prefix)]


def ordered_keys(numbers: Floats) -> Keys:
    """Whole numbers in the order of some doubles, none of which is NaN."""
    # -0.0 and 0.0 are the same number.
    bits = np.asarray(numbers + 0.0, np.float64).view(np.uint64)
    return np.where(bits >= _SIGN, ~bits, bits | _SIGN)


def numbers_of_keys(keys: Keys) -> Floats:
    """The doubles that they stand for."""
    bits = np.where(keys >= _SIGN, keys ^ _SIGN, ~keys)
    return np.ascontiguousarray(bits).view(np.float64)
