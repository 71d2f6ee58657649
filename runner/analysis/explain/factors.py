"""The factors of a table: columns that differ, sets of faults taken apart, columns that go together joined."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runner.results.reader import codes_of
from runner.terminal import Shortener

Ints = NDArray[np.int64]
DATA, FAULTS, BUDGETS = "data", "faults", ("epochs", "updates", "samples")
TASK = frozenset((DATA, "test", "fold", "split_seed", "label_noise"))
"""The keys that are what a network is to learn: nobody chooses others because runs converge with them."""
WITH, WITHOUT = "with", "without"
DERIVED = (
    *("momentum", "momentum_schedule", "dampening", "eta_minus", "eta_plus", "step_min", "step_max"),
    *("kappa", "phi", "theta", "max_growth", "lr_decay", "alpha"),
    *("beta1", "beta2", "epsilon", "damping", "damping_decrease", "damping_increase", "damping_max", "sigma"),
    *("history", "bias_learning_rate", "weight_decay", "order", "evaluate_every"),
)
"""Keys whose values follow from those of other keys where a study does not give them."""
_FEW_CELLS = 12
_FILE = re.compile(r"\{(?:csv|npz|parquet): (.*), inputs: (\[.*\]), targets: (\[.*\])(?:, sha256: .*)?\}")
_PARTS = re.compile(r",(?![^(]*\))")


@dataclass(frozen=True)
class Part:
    """One thing that differs between cells.

    Attributes
    ----------
    name : str
        A key, or the name of one fault.
    is_fault : bool
        Whether its values are `without` and `with` the fault of this name.
    short : callable
        From a value to the text that is shown for it.
    """

    name: str
    is_fault: bool = False
    short: Callable[[str], str] = field(default=str, compare=False, repr=False)

    def label(self, value: str) -> str:
        """A value as it is said: `learning_rate 2`, `without ascent`."""
        return f"{value} {self.name}" if self.is_fault else f"{self.name} {self.short(value)}"


@dataclass(frozen=True)
class Aside:
    """A key that differs only along with some values of a factor, as those of cells that a study includes one by one.

    Attributes
    ----------
    part : Part
    texts : tuple of str
        For each value of the factor, that of the key.
    usual : str
        What the key mostly is.
    """

    part: Part
    texts: tuple[str, ...]
    usual: str


@dataclass(frozen=True)
class Factor:
    """What differs between cells: a key, the presence of one fault, or several of these that advance together.

    Attributes
    ----------
    parts : tuple of Part
        Mostly one.
    values : tuple of tuple of str
        For each value, the canonical text of every part.
    asides : tuple of Aside
        What else differs where some values are; mostly nothing.
    """

    parts: tuple[Part, ...]
    values: tuple[tuple[str, ...], ...]
    asides: tuple[Aside, ...] = ()

    @property
    def name(self) -> str:
        """The names of its parts."""
        return " & ".join(part.name for part in self.parts)

    @property
    def is_fault(self) -> bool:
        """Whether it is one fault that is there or not."""
        return len(self.parts) == 1 and self.parts[0].is_fault

    @property
    def is_budget(self) -> bool:
        """Whether it is how long a run is trained, and nothing else."""
        return len(self.parts) == 1 and self.parts[0].name in BUDGETS

    @property
    def is_numeric(self) -> bool:
        """Whether all of its values are finite numbers."""
        try:
            return len(self.parts) == 1 and all(math.isfinite(float(text)) for (text,) in self.values)
        except ValueError:
            return False

    @property
    def companies(self) -> Ints:
        """For each value a number, the same where all that stands aside is the same: only such values compare."""
        texts = [*zip(*(aside.texts for aside in self.asides), strict=True)] or [()] * len(self.values)
        known = {text: i for i, text in enumerate(dict.fromkeys(texts))}
        return np.array([known[text] for text in texts], np.int64)

    def label(self, value: int, beside: int | None = None) -> str:
        """A value with its name: `learning_rate 2`, `without ascent`, `learning_rate 0.1, epochs 1000`.

        Parameters
        ----------
        value : int
            Its number.
        beside : int, optional
            The value that it replaces: what stands aside is told where it differs, else where it is not as usual.
        """
        labels = [part.label(text) for part, text in zip(self.parts, self.values[value], strict=True)]
        for aside in self.asides:
            if aside.texts[value] != (aside.usual if beside is None else aside.texts[beside]):
                labels.append(aside.part.label(aside.texts[value]))
        return ", ".join(labels)

    def short(self, value: int) -> str:
        """A value without its name."""
        text = " & ".join(part.short(text) for part, text in zip(self.parts, self.values[value], strict=True))
        more = [aside.part.label(aside.texts[value]) for aside in self.asides if aside.texts[value] != aside.usual]
        return f"{text} ({', '.join(more)})" if more else text

    def settings(self, value: int) -> dict[str, str]:
        """The canonical text of every part by its name, and of what is not as usual."""
        found = {part.name: text for part, text in zip(self.parts, self.values[value], strict=True)}
        more = {aside.part.name: aside.texts[value] for aside in self.asides if aside.texts[value] != aside.usual}
        return found | more

    def only(self, values: Sequence[int]) -> Factor:
        """The factor with some of its values."""
        asides = tuple(replace(aside, texts=tuple(aside.texts[i] for i in values)) for aside in self.asides)
        return replace(self, values=tuple(self.values[i] for i in values), asides=asides)


def find_factors(
    frame: pd.DataFrame, keys: Sequence[str], given: Sequence[str] = ()
) -> tuple[list[Factor], list[Ints]]:
    """Factors, and for each the number of every row's value.

    Parameters
    ----------
    frame : DataFrame
        Texts as categories.
    keys : sequence of str
        Columns that may be factors.
    given : sequence of str
        Those that the study sweeps: factors even when they follow from another one.
    """
    factors, columns = [], []
    for key in keys:
        codes, texts = codes_of(frame[key])
        if len(texts) > 1:
            part = Part(key, short=_short_data(texts) if key == DATA else Shortener(texts))
            factors.append(Factor((part,), tuple((text,) for text in texts)))
            columns.append(codes)
    n_cells = count_cells(factors, columns)
    factors, columns = _without_derived(factors, columns, n_cells, given)
    factors, columns = _with_asides(factors, columns, n_cells, given)
    factors, columns = _split_faults(factors, columns)
    names = [part.name for factor in factors for part in factor.parts]
    factors, columns = _joined(factors, columns, n_cells)
    return [_in_order(factor, names) for factor in factors], columns


def _in_order(factor: Factor, names: Sequence[str]) -> Factor:
    """The factor with its parts in the order of some names."""
    order = sorted(range(len(factor.parts)), key=lambda at: names.index(factor.parts[at].name.split(" + ")[0]))
    values = tuple(tuple(value[at] for at in order) for value in factor.values)
    return replace(factor, parts=tuple(factor.parts[at] for at in order), values=values)


def _short_data(texts: Sequence[str]) -> Callable[[str], str]:
    """How data are written: of data in a file only its path and the columns, as long as these tell them apart."""
    brief = {text: _FILE.sub(r"\1 \2 -> \3", text) for text in texts}
    if len(set(brief.values())) < len(texts):
        return Shortener(texts)
    short = Shortener([*brief.values()])
    return lambda text: short(brief[text])


def count_cells(factors: list[Factor], columns: list[Ints]) -> int:
    """How many combinations of values there are."""
    whole = np.zeros(len(columns[0]) if columns else 1, np.int64)
    for factor, column in zip(factors, columns, strict=True):
        _, whole = np.unique(whole * len(factor.values) + column, return_inverse=True)
    return int(whole.max(initial=0)) + 1


def _tells(factor: Factor, n_cells: int) -> bool:
    """Whether it means something that a column follows from this factor: from a name of the cell everything follows."""
    return len(factor.values) < n_cells or n_cells <= _FEW_CELLS


def _without_derived(
    factors: list[Factor], columns: list[Ints], n_cells: int, given: Sequence[str]
) -> tuple[list[Factor], list[Ints]]:
    """Without the derived keys that follow from another one, as `bias_learning_rate` from `learning_rate`."""
    kept = []
    for j, factor in enumerate(factors):
        others = [i for i in range(len(factors)) if i != j and (i in kept or factors[i].name not in DERIVED)]
        if (
            factor.name not in DERIVED
            or factor.name in given
            or not any(_follows(factors, columns, j, i, n_cells) for i in others)
        ):
            kept.append(j)
    return [factors[at] for at in kept], [columns[at] for at in kept]


def _with_asides(
    factors: list[Factor], columns: list[Ints], n_cells: int, given: Sequence[str]
) -> tuple[list[Factor], list[Ints]]:
    """Keys that no axis has and that follow from a factor, being one and the same for most of its values, beside it."""
    kept = dict(enumerate(factors))
    for j, factor in enumerate(factors):
        if factor.name in given:
            continue
        for i, other in list(kept.items()):
            if i == j or not _follows(factors, columns, j, i, n_cells) or len(other.values) == len(factor.values):
                continue
            partner = np.zeros(len(other.values), np.int64)
            partner[columns[i]] = columns[j]
            counts = np.bincount(partner)
            if 2 * counts.max() > len(other.values):
                texts = tuple(factor.values[v][0] for v in partner.tolist())
                aside = Aside(factor.parts[0], texts, factor.values[int(counts.argmax())][0])
                kept[i] = replace(other, asides=(*other.asides, aside))
                del kept[j]
                break
    return [*kept.values()], [columns[at] for at in kept]


def _follows(factors: list[Factor], columns: list[Ints], j: int, i: int, n_cells: int) -> bool:
    """Whether the value of factor j follows from that of factor i, and that means something."""
    same = factors[i].values == factors[j].values and np.array_equal(columns[i], columns[j])
    if not (same or _tells(factors[i], n_cells)):
        return False
    return _n_pairs(columns[i], columns[j], len(factors[j].values)) == len(factors[i].values)


def _n_pairs(a: Ints, b: Ints, levels: int) -> int:
    return len(np.unique(a * levels + b))


def _split_faults(factors: list[Factor], columns: list[Ints]) -> tuple[list[Factor], list[Ints]]:
    """A sweep over sets of faults as one factor for each fault, which is there or not."""
    at = next((i for i, factor in enumerate(factors) if factor.name == FAULTS), None)
    if at is None:
        return factors, columns
    sets = [fault_names(text) for (text,) in factors[at].values]
    # Alternatives of which each run has at most one are one factor already.
    if max(map(len, sets)) < 2:
        return factors, columns
    names = dict.fromkeys(name for each in sets for name in each)
    split, split_columns = [], []
    for name in names:
        present = np.array([name in each for each in sets], np.int64)
        if present.all():
            continue
        split.append(Factor((Part(name, is_fault=True),), ((WITHOUT,), (WITH,))))
        split_columns.append(present[columns[at]])
    return [*factors[:at], *split, *factors[at + 1 :]], [*columns[:at], *split_columns, *columns[at + 1 :]]


def fault_names(text: str) -> tuple[str, ...]:
    """The faults in a text such as `[ascent, round_sums(10)]`.

    Examples
    --------
    >>> fault_names("[ascent, round_sums(10)]"), fault_names("none")
    (('ascent', 'round_sums(10)'), ())
    """
    inside = text.strip().removeprefix("[").removesuffix("]")
    return tuple(name for part in _PARTS.split(inside) if (name := part.strip().strip('"')) not in ("", "none"))


def _joined(factors: list[Factor], columns: list[Ints], n_cells: int) -> tuple[list[Factor], list[Ints]]:
    """Factors of which one follows from the other as one: what each of them does by itself cannot be told."""
    kept: list[Factor] = []
    kept_columns: list[Ints] = []
    for factor, column in zip(factors, columns, strict=True):
        for i, (other, codes) in enumerate(zip(kept, kept_columns, strict=True)):
            pairs = _n_pairs(codes, column, len(factor.values))
            if pairs == len(other.values) and _tells(other, n_cells):
                kept[i] = _together(other, factor, codes, column)
                break
            if pairs == len(factor.values) and _tells(factor, n_cells):
                kept[i], kept_columns[i] = _together(factor, other, column, codes), column
                break
        else:
            kept.append(factor)
            kept_columns.append(column)
    return kept, kept_columns


def _together(first: Factor, second: Factor, codes: Ints, others: Ints) -> Factor:
    """The factor of two of which the second follows from the first."""
    partner = np.zeros(len(first.values), np.int64)
    partner[codes] = others
    asides = tuple(replace(aside, texts=tuple(aside.texts[i] for i in partner.tolist())) for aside in second.asides)
    if first.is_fault and second.is_fault and partner.tolist() == [0, 1]:
        return Factor((Part(f"{first.name} + {second.name}", is_fault=True),), first.values, (*first.asides, *asides))
    values = tuple((*own, *second.values[i]) for own, i in zip(first.values, partner.tolist(), strict=True))
    return Factor((*first.parts, *second.parts), values, (*first.asides, *asides))
