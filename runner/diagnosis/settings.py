"""The nearest settings with which a program learns once its mistakes are mended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import log10
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from runner.diagnosis.cost import (
    Rate,
    Trial,
    Variant,
    parameters,
    train_variants,
    updates_needed,
    variants,
    write_variants,
)

WORKS = 0.9
"""Share of the initial weights that must learn."""
TRIED = 100
"""Networks of each of the settings that are tried."""
LONGER = (1, 2, 5, 10, 20, 50, 100)
"""Budgets that are tried, in those of the author."""
FASTEST = 10.0
"""The largest learning rate that is tried."""

# What one round may take; see `cost`. And by how much a setting must be better to be worth a word.
_MOST_WORK = 1e10
_BETTER = 0.05
_ONE_MORE = 0.5


@dataclass(frozen=True)
class _Change:
    """A change of settings, and how far it is from the author's: 1 for a factor of ten, and 0.5 for each setting."""

    keys: Mapping[str, Any]
    distance: float

    def with_other(self, other: _Change) -> _Change:
        return _Change({**self.keys, **other.keys}, self.distance + other.distance)


@dataclass(frozen=True)
class _Candidate:
    change: _Change
    longer: int
    share: float

    @property
    def distance(self) -> float:
        return self.change.distance + (_ONE_MORE + log10(self.longer) if self.longer > 1 else 0.0)


def nearest(trial: Trial, own: Rate, targets: tuple[float, float]) -> Rate | None:
    """Other settings with which 90% of the networks learn, or the best; None where none is better, or none is needed.

    Other budgets and rates are tried with the author's initial weights, and written to `cost.yaml`; other initial
    weights, more hidden units and biases with weights that the runner draws, and written to `settings.yaml`.

    Parameters
    ----------
    own : Rate
        With all mistakes mended and the author's settings.
    targets : tuple of float
        The least and the largest.
    """
    if own.share >= WORKS:
        return None
    singles = list(_changes(trial, targets))
    pairs = [one.with_other(two) for one, two in combinations(singles, 2) if not one.keys.keys() & two.keys.keys()]
    tried: list[_Candidate] = []
    with TemporaryDirectory() as folder:
        for changes in ([_Change({}, 0.0), *singles], pairs):
            tried += _try(trial, own, changes, Path(folder))
            working = [each for each in tried if each.share >= WORKS]
            if working:
                return _rate(trial, own, min(working, key=lambda each: each.distance))
    best = max(tried, key=lambda each: (round(each.share, 2), -each.distance))
    return _rate(trial, own, best) if best.share >= own.share + _BETTER else None


def _changes(trial: Trial, targets: tuple[float, float]) -> Iterator[_Change]:
    """Single changes, the nearest first."""
    base, sizes = trial.base, trial.sizes
    rates = np.ravel(trial.rates["learning_rate"])
    for power in (1, -1, 2, -2, 3, 4):
        if power < 0 or rates.max() * 10.0**power <= FASTEST:
            yield _Change(trial.faster(10.0**power), _ONE_MORE + abs(power))
    low, high = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}.get(base["output"], (-np.inf, np.inf))
    if base["loss"].endswith(("sse", "mse")) and not low <= targets[0] <= targets[1] <= high:
        yield _Change({"output": "identity"}, _ONE_MORE)
    reach = _reach(sizes)
    drawn = {"init": f"uniform({-reach:g}, {reach:g})"}
    if unusual_weights(trial):
        yield _Change(drawn, _ONE_MORE + 1.1)
    if base["bias"] not in ("trained", "shared"):
        yield _Change({**drawn, "bias": "trained"}, _ONE_MORE + 1.2)
    wider = [2 * units for units in sizes[1:-1]] or [4]
    yield _Change({**drawn, "architecture": "-".join(map(str, (sizes[0], *wider, sizes[-1])))}, _ONE_MORE + 1.3)


def _reach(sizes: Sequence[int]) -> float:
    """Initial weights up to this size suit a network: 1, or less where a unit has many inputs."""
    return float(f"{min(1.0, (6 / (max(sizes[:-1]) + 1)) ** 0.5):.1g}")


def unusual_weights(trial: Trial) -> list[str]:
    """What is unusual about the author's initial weights: their size, or that all have one sign."""
    numbers = np.array(trial.inits)
    moved = np.abs(numbers[numbers != 0])
    # Half of the weights that are drawn evenly are smaller than half of the largest.
    size = 2 * float(np.median(moved)) / _reach(trial.sizes) if moved.size else 0.0
    told = ["too small"] * (size < 0.3) + ["too large"] * (size > 3)
    return told + ["all of one sign"] * bool((numbers >= 0).all() or (numbers <= 0).all())


def _try(trial: Trial, own: Rate, changes: Sequence[_Change], folder: Path) -> Iterator[_Candidate]:
    """Every change with all budgets that are not too long: those are parts of one training."""
    n = min(TRIED, len(trial.inits))
    work = sum(_work(trial, change) for change in changes) * n
    longest = max(int(trial.updates * min(LONGER[-1], _MOST_WORK / work)) if work else 0, trial.updates)
    for drawn in (False, True):
        group = [change for change in changes if ("init" in change.keys) is drawn]
        if not group:
            continue
        these = [Variant(own.mended, (), {**change.keys, "updates": longest}) for change in group]
        found = updates_needed(trial, these, folder / "tried.yaml", n)
        for change, needed in zip(group, found, strict=True):
            for longer in LONGER:
                if longer * trial.updates <= longest and (longer > 1 or change.keys):
                    yield _Candidate(change, longer, float(np.mean(needed <= longer * trial.updates)))


def _work(trial: Trial, change: _Change) -> float:
    """What the author's budget takes with a change."""
    sizes = [int(n) for n in str(change.keys.get("architecture", "")).split("-") if n] or trial.sizes
    return trial.work * (1 + parameters(sizes)) / (1 + parameters(trial.sizes))


def _rate(trial: Trial, own: Rate, candidate: _Candidate) -> Rate:
    """With as many networks as the author's settings have been trained with, and in a study that is kept."""
    settings = dict(candidate.change.keys)
    if candidate.longer > 1:
        settings["updates"] = candidate.longer * trial.updates
    variant = Variant(own.mended, (), settings)
    if variant.drawn:
        return train_variants(trial, [variant], trial.folder / "settings.yaml")[0]
    with TemporaryDirectory() as folder:
        (rate,) = train_variants(trial, [variant], Path(folder) / "chosen.yaml")
    write_variants(trial, [*variants(trial.faults), variant], trial.folder / "cost.yaml", len(trial.inits))
    return rate
