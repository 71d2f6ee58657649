"""What each mistake costs: the twin as it is, each mistake mended alone, all of them, and with other settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from runner.analysis.intervals import wilson
from runner.diagnosis.find import Found
from runner.diagnosis.layouts import Network
from runner.diagnosis.training import frozen_bias
from runner.diagnosis.twin import Twin, flat, write_study
from runner.results.reader import read_columns
from runner.study.load import load_study
from runner.study.plan import make_plan
from runner.training.session import Options, run_session

# Updates where the author says none; and how many samples the runs of one variant may see together, some seconds' work:
# beyond it fewer of the initial weights are trained, and longer budgets are left out.
USUAL_UPDATES = 10_000
MOST_SAMPLES = 4e8
# Other budgets and rates that are tried with everything mended: the nearest that works is told.
LONGER, FASTER = (1, 10, 100), (1.0, 10.0)


@dataclass(frozen=True)
class Rate:
    """How many of the author's initial weights learn.

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


def cost(
    found: Found, twin: Twin, faults: Sequence[str], networks: Sequence[Network], folder: Path, keys: Mapping[str, Any]
) -> list[Rate]:
    """Train all variants from all initial weights; `cost.yaml` is written on the way.

    Parameters
    ----------
    faults : sequence of str
        Those of the twin.
    networks : sequence of Network
        The author's initial weights.
    keys : mapping
        What the author's file says: `updates`, `epochs` and `criterion` are his.
    """
    bias = twin.keys["bias"] if twin.trained_biases else frozen_bias(networks[0], twin)
    rows = len(found.asked.program.array("inputs"))
    updates = _budget(keys, twin, rows)
    base = {**twin.keys, "bias": bias}
    base.pop("faults", None)
    if bias not in ("trained", "shared"):
        base.pop("bias_learning_rate", None)
    rate = base.pop("learning_rate")
    own_bias_rate = base.pop("bias_learning_rate", None)
    per_update = 1 if twin.keys["batch"] == 1 else rows
    networks = networks[: max(20, int(min(len(networks), MOST_SAMPLES / (updates * per_update))))]
    longest = max(updates, MOST_SAMPLES / (len(networks) * per_update))
    variants = [v for v in _variants(faults, updates, rate) if v["updates"] <= longest]
    inits = [flat(network, bias) for network in networks]
    points = []
    for variant in variants:
        point = {"faults": variant["faults"] or "none", "updates": variant["updates"], "learning_rate": variant["rate"]}
        if own_bias_rate is not None:
            point["bias_learning_rate"] = _times(own_bias_rate, variant["factor"])
        points.append(point)
    content = {"name": "cost", "description": "What each mistake costs.", **base}
    if "criterion" in keys:
        content["criterion"] = keys["criterion"]
    write_study(folder / "cost.yaml", {**content, "sweep": {"grid": {"init": inits}, "zip": points}})
    study = load_study(folder / "cost.yaml")
    session = run_session(make_plan(study), Options(out=folder / "results", quiet=True, fresh=True))
    table = read_columns(session.table, ["faults", "learning_rate", "converged"], ["updates"])
    return _rates(table, variants, faults, len(networks))


def _variants(faults: Sequence[str], updates: int, rate: Any) -> list[dict[str, Any]]:
    """As it is, each mended alone, all mended, all mended with other settings; all different."""
    sets = [tuple(faults), *(tuple(f for f in faults if f != one) for one in faults if len(faults) > 1), ()]
    found = [{"faults": list(each), "updates": updates, "rate": rate, "factor": 1.0} for each in dict.fromkeys(sets)]
    for factor in FASTER:
        for longer in LONGER:
            if longer != 1 or factor != 1:
                other = {"faults": [], "updates": updates * longer, "rate": _times(rate, factor), "factor": factor}
                found.append(other)
    return found


def _times(rate: Any, factor: float) -> Any:
    return [float(f"{r * factor:.12g}") for r in rate] if isinstance(rate, list) else float(f"{rate * factor:.12g}")


def _budget(keys: Mapping[str, Any], twin: Twin, rows: int) -> int:
    """Updates that the author makes."""
    if isinstance(keys.get("updates"), int):
        return int(keys["updates"])
    if isinstance(keys.get("epochs"), int):
        return int(keys["epochs"]) * (rows if twin.keys["batch"] == 1 else 1)
    return USUAL_UPDATES


def _rates(table: Any, variants: Sequence[dict[str, Any]], faults: Sequence[str], runs: int) -> list[Rate]:
    """The rows of every variant, in the order of the plan: all initial weights of one, then those of the next."""
    converged = (table["converged"].astype(str) == "True").to_numpy()
    grid = (
        converged.reshape(runs, len(variants)) if _inner(table, variants) else converged.reshape(len(variants), runs).T
    )
    found = []
    for v, variant in enumerate(variants):
        settings = {}
        if variant["updates"] != variants[0]["updates"]:
            settings["updates"] = variant["updates"]
        if variant["factor"] != 1:
            settings["learning_rate"] = variant["rate"]
        mended = tuple(fault for fault in faults if fault not in variant["faults"])
        found.append(Rate(mended, settings, int(np.count_nonzero(grid[:, v])), runs))
    return found


def _inner(table: Any, variants: Sequence[dict[str, Any]]) -> bool:
    """Whether the variants change from row to row: grid x zip has the zip inside."""
    budgets = [v["updates"] for v in variants]
    return bool((table["updates"].to_numpy()[: len(budgets)] == budgets).all())


def in_words(rates: Sequence[Rate]) -> list[str]:
    """What it costs, a line each."""
    if not rates:
        return []
    faults = max((rate.mended for rate in rates), key=len)
    plain = [rate for rate in rates if not rate.settings]
    lines = []
    for rate in plain:
        if not rate.mended:
            what = "as it is"
        else:
            what = "all mended" if rate.mended == faults else f"{rate.mended[0]} mended alone"
        lines.append(f"{what}: {rate.share:.1%} of {rate.runs:,} initial weights learn it")
    best_plain = plain[-1].share
    others = [rate for rate in rates if rate.settings]
    nearest = next((rate for rate in others if rate.share >= max(0.8, best_plain + 0.1)), None)
    nearest = nearest or max(others, key=lambda rate: rate.share, default=None)
    if nearest is not None and nearest.share > best_plain + 0.02:
        settings = " and ".join(f"{key} {value}" for key, value in nearest.settings.items())
        also = "all mended, and " if faults else "it is right; "
        lines.append(f"{also}with {settings}: {nearest.share:.1%}")
    for rate in plain:
        if len(rate.mended) == 1 < len(faults) and rate.share < plain[0].share - 0.02:
            lines.append(f"mending {rate.mended[0]} alone makes it worse: two mistakes mend each other")
    return lines
