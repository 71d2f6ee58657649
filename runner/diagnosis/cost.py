"""What each mistake costs: the twin as it is, each mistake mended alone, all of them, and with the nearest settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from runner.diagnosis.find import Found
from runner.diagnosis.layouts import Network
from runner.diagnosis.training import frozen_bias, train_study
from runner.diagnosis.twin import DATA, Twin, flat, study_name, write_study
from runner.errors import RunnerError
from runner.statistics.intervals import wilson

SEEDS = 500
USUAL_UPDATES = 10_000
"""Where the author says none."""
FEWEST_SEEDS = 100
EVALUATIONS = 10
"""Epochs from one look at the criterion to the next: fewer looks take less time and change no rate."""

_DESCRIPTION = "How many initial weights learn, with the mistakes, without them, and with other settings."

# What training may take: a unit is a third of a nanosecond on one core. Beyond this fewer of the initial weights are
# trained. It is counted and not measured, so that the rates do not depend on the machine.
_MOST_WORK = 2e10
# A sample takes as long as so many parameters, beside its own; with faults it takes so many times as long.
_PARAMETERS, _FAULTY = 10, 2.5
# Numbers of initial weights in a study file, which has at most 1 MiB.
_MOST_NUMBERS, _NUMBERS_AT_MOST = 15_000, 45_000


@dataclass(frozen=True)
class Rate:
    """How many of the initial weights learn.

    Attributes
    ----------
    mended : tuple of str
        Faults that are gone.
    settings : mapping
        Keys that are not the author's.
    converged, runs : int
    """

    mended: tuple[str, ...]
    settings: Mapping[str, Any]
    converged: int
    runs: int

    @property
    def share(self) -> float:
        """Of all runs."""
        return self.converged / self.runs

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        low, high = wilson(self.converged, self.runs)
        return {
            "mended": list(self.mended),
            "settings": dict(self.settings),
            "converged": self.share,
            "interval": [low, high],
            "runs": self.runs,
        }


@dataclass(frozen=True, eq=False)
class Trial:
    """What all variants of a program have in common, and what they change.

    Attributes
    ----------
    faults : mapping
        Those of the twin, and how the findings call them.
    base : mapping
        Keys of the study that no variant changes, or only one with other settings.
    rates : mapping
        `learning_rate` and, where biases move, `bias_learning_rate`.
    updates, per_epoch, samples : int
        The author's budget; updates in an epoch, and samples of an update.
    inits : list of list of float
        The author's initial weights.
    sizes : tuple of int
        Units of every layer.
    folder : Path
        Where the data of the twin are.
    program : Path
        The author's file, after which studies are named.
    """

    faults: Mapping[str, str]
    base: Mapping[str, Any]
    rates: Mapping[str, Any]
    updates: int
    per_epoch: int
    samples: int
    inits: list[list[float]]
    sizes: tuple[int, ...]
    folder: Path
    program: Path = Path("program.py")

    @property
    def work(self) -> float:
        """What the author's budget takes for one network without faults."""
        return self.updates * self.samples * (_PARAMETERS + parameters(self.sizes))

    @property
    def criterion(self) -> Mapping[str, float]:
        """When a network has learnt."""
        said: Mapping[str, float] = self.base["criterion"]
        return said

    def faster(self, factor: float) -> dict[str, Any]:
        """All learning rates times a factor."""
        return {key: _times(rate, factor) for key, rate in self.rates.items()}


@dataclass(frozen=True)
class Variant:
    """Runs with some faults and settings.

    Attributes
    ----------
    mended, faults : tuple of str
        Faults that are gone, and those that are left.
    settings : mapping
        Keys that are not the author's. With any of them, a network that has learnt is not trained any further.
    """

    mended: tuple[str, ...]
    faults: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def drawn(self) -> bool:
        """Whether its initial weights are drawn by the runner, and are not the author's."""
        return "init" in self.settings


def parameters(sizes: Sequence[int]) -> int:
    """Weights and biases."""
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(sizes))


def author_weights(found: Found, seeds: int) -> list[Network] | None:
    """The author's own initial weights; None where the file has no `initial`."""
    asked = found.asked
    if "initial" not in asked.program.functions:
        return None
    networks = []
    for given in asked.program.demand([{"do": "initial", "seeds": list(range(seeds))}])[0]:
        network = asked.layout.take(given, asked.sizes)
        if network is None:
            return None
        networks.append(network)
    return networks


def make_trial(
    found: Found,
    twin: Twin,
    names: Sequence[str],
    networks: Sequence[Network],
    folder: Path,
    keys: Mapping[str, Any],
    seeds: int | None,
) -> Trial:
    """What is to be trained, from as many of the initial weights as it may.

    Parameters
    ----------
    names : sequence of str
        How the findings call the faults of the twin.
    networks : sequence of Network
        The author's initial weights.
    keys : mapping
        What the author's file says: `updates`, `epochs` and `criterion` are his.
    seeds : int or None
        How many initial weights; None for 500, or fewer where these would take more than some seconds.

    Raises
    ------
    RunnerError
        When so many initial weights do not go into a study file.
    """
    bias = twin.keys["bias"] if twin.trained_biases else frozen_bias(networks[0], twin)
    base = {**twin.keys, "bias": bias}
    faults = dict(zip(base.pop("faults", ()), names, strict=True))
    if bias not in ("trained", "shared"):
        base.pop("bias_learning_rate", None)
    rates: dict[str, Any] = {key: base.pop(key) for key in ("learning_rate", "bias_learning_rate") if key in base}
    base["criterion"] = keys.get("criterion", {"max_error": 0.5})
    rows = len(found.asked.program.array("inputs"))
    samples = rows if base["batch"] == "full" else int(base["batch"])
    per_epoch = -(-rows // samples)
    updates = _budget(keys, per_epoch)
    base["evaluate_every"] = EVALUATIONS * per_epoch
    sizes = tuple(found.asked.sizes)
    trial = Trial(faults, base, rates, updates, per_epoch, samples, [], sizes, folder, found.asked.program.path)
    numbers = len(flat(networks[0], bias))
    if seeds is None:
        work = trial.work * sum(1 + (_FAULTY - 1) * bool(v.faults) for v in variants(faults))
        seeds = int(min(SEEDS, max(FEWEST_SEEDS, _MOST_WORK / work), max(20, _MOST_NUMBERS / numbers)))
    elif seeds * numbers > _NUMBERS_AT_MOST:
        most = _NUMBERS_AT_MOST // numbers
        raise RunnerError(f"{seeds:,} initial weights of such a network do not go into one study: at most {most:,} do")
    trial.inits.extend(flat(network, bias) for network in networks[:seeds])
    return trial


def variants(faults: Mapping[str, str]) -> list[Variant]:
    """As it is, each mistake mended alone, all mended; all different."""
    left = [tuple(faults), *(tuple(f for f in faults if f != one) for one in faults), ()]
    return [Variant(tuple(faults[f] for f in faults if f not in some), some) for some in dict.fromkeys(left)]


def cost(trial: Trial) -> list[Rate]:
    """Train the program as it is and with its mistakes mended, from all initial weights; `cost.yaml` is written."""
    return train_variants(trial, variants(trial.faults), trial.folder / "cost.yaml")


def train_variants(trial: Trial, these: Sequence[Variant], path: Path) -> list[Rate]:
    """Train some variants and count the networks that have learnt."""
    needed = updates_needed(trial, these, path, len(trial.inits))
    counts = np.count_nonzero(np.isfinite(needed), axis=1)
    return [Rate(v.mended, v.settings, int(n), len(trial.inits)) for v, n in zip(these, counts, strict=True)]


def updates_needed(trial: Trial, these: Sequence[Variant], path: Path, n: int) -> Any:
    """Updates after which each of n networks has learnt, for every variant; infinite where it has not.

    Returns
    -------
    array (variants, n)
    """
    write_variants(trial, these, path, n)
    table = train_study(path, ["converged"], ["updates_to_converge"])
    learnt = (table["converged"].astype(str) == "True").to_numpy()
    needed = np.where(learnt, table["updates_to_converge"].to_numpy(), np.inf)
    # A grid of initial weights goes before a zip of variants, and that before the seeds.
    return needed.reshape(len(these), n) if these[0].drawn else needed.reshape(n, len(these)).T


def write_variants(trial: Trial, these: Sequence[Variant], path: Path, n: int) -> None:
    """The study of some variants from n initial weights: the author's first ones, or all drawn by the runner."""
    rows = []
    for variant in these:
        stop = "converged" if variant.settings else "budget"
        faults = list(variant.faults) or "none"
        usual = {"faults": faults, "updates": trial.updates, "stop": stop, **trial.rates}
        rows.append(usual | dict(variant.settings))
    swept = dict.fromkeys(key for row in rows for key in row)
    rows = [{key: row.get(key, trial.base.get(key)) for key in swept} for row in rows]
    same = {key: rows[0][key] for key in swept if all(row[key] == rows[0][key] for row in rows)}
    content = {"name": study_name(trial.program, path.stem), "description": _DESCRIPTION, **trial.base, **same}
    if path.parent != trial.folder:
        content["data"] = {**trial.base["data"], "csv": str((trial.folder / DATA).resolve())}
    sweep: dict[str, Any] = {}
    if not these[0].drawn:
        sweep["grid"] = {"init": trial.inits[:n]}
    if len(same) < len(swept):
        sweep["zip"] = [{key: value for key, value in row.items() if key not in same} for row in rows]
    if sweep:
        content["sweep"] = sweep
    if these[0].drawn:
        content["replicates"] = n
    write_study(path, content)


def _times(rate: Any, factor: float) -> Any:
    return [float(f"{r * factor:.12g}") for r in rate] if isinstance(rate, list) else float(f"{rate * factor:.12g}")


def _budget(keys: Mapping[str, Any], per_epoch: int) -> int:
    """Updates that the author makes."""
    for key, updates in (("updates", 1), ("epochs", per_epoch)):
        said = keys.get(key)
        if isinstance(said, int | np.integer) and said > 0:
            return int(said) * updates
    return USUAL_UPDATES
