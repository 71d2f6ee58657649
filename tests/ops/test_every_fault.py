"""Every fault and pairs of them, by layers and in several shapes, against plain NumPy over 100 updates."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml
from support import mistakes, naive
from support.studies import Runs, relative, run, write_samples

from runner.errors import StudyError
from runner.ops import FAULTS
from runner.studies.load import load_study

LOOKED_AT = [1, 2, 7, 100]
TOLERANCE = 1e-10
RUN_AWAY = 1e4
"""Weights beyond this are no longer compared."""
ARGUMENTS = {"n": "3", "tolerance": "0.05", "activation": "tanh"}

BASE: dict[str, Any] = {"learning_rate": 0.1, "init": "normal(0, 0.8)", "bias_init": "uniform(-0.5, 0.5)"}
CASES: dict[str, dict[str, Any]] = {
    "square, full batch, a rate per layer": {"architecture": "3-3-3-3", "learning_rate": [0.1, 0.05, 0.2]},
    "wide, single samples": {"architecture": "3-5-4-2", "batch": 1, "order": "shuffled", "activation": "tanh"},
    "one output, mini-batches": {
        "architecture": "3-4-1",
        "batch": 3,
        "order": "with_replacement",
        "loss": "mse",
        "optimizer": "momentum",
        "momentum": 0.5,
        "dampening": 0.1,
    },
    "mean field, shuffled batches": {
        "architecture": "3-3-2",
        "batch": 2,
        "order": "shuffled",
        "loss": "half_mse",
        "activation": "softplus",
        "output": "identity",
        "parameterization": "mean_field",
        "optimizer": "momentum",
    },
    "probabilities": {"architecture": "3-4-3", "output": "softmax", "loss": "cross_entropy", "activation": "softsign"},
    "softmax of squares": {"architecture": "3-3-3", "output": "softmax", "batch": 3},
    "one probability": {
        "weight_decay": 0.01,
        "architecture": "3-4-1",
        "loss": "binary_cross_entropy",
        "bias_learning_rate": 0.2,
    },
    "one layer": {"architecture": "3-3", "loss": "sse", "batch": 4, "learning_rate": [0.05]},
    "in order": {"architecture": "3-3-1", "batch": 1, "loss": "sse", "bias": "shared"},
}


def written(name: str, layer: int | None = None) -> str:
    parts = [ARGUMENTS[parameter] for parameter in FAULTS[name].parameters]
    parts += [f"layer={layer}"] if layer else []
    return f"{name}({', '.join(parts)})" if parts else name


def keys_of(case: str) -> dict[str, Any]:
    return BASE | CASES[case]


def fits(folder: Path, case: str, faults: list[str]) -> bool:
    """Whether a study accepts these faults."""
    keys = keys_of(case)
    outputs = int(keys["architecture"].split("-")[-1])
    (folder / "fits.yaml").write_text(
        yaml.safe_dump(keys | {"data": write_samples(folder, targets=outputs), "faults": faults, "updates": 1})
    )
    try:
        load_study(folder / "fits.yaml")
    except StudyError:
        return False
    return True


@cache
def singles(case: str) -> list[list[str]]:
    """Every fault that fits a case, of all layers and of each."""
    layers = keys_of(case)["architecture"].count("-")
    with TemporaryDirectory() as folder:
        found = []
        for name, fault in FAULTS.items():
            found += [[written(name, at)] for at in (None, *(range(1, layers + 1) if fault.by_layer else ()))]
        return [faults for faults in found if fits(Path(folder), case, faults)]


@cache
def pairs(case: str) -> list[list[str]]:
    """Two faults at a time, of different terms."""
    rng = np.random.default_rng(len(case))
    found = []
    for a, b in combinations(singles(case), 2):
        first, second = (FAULTS[one[0].split("(")[0]] for one in (a, b))
        # Trying whether samples are right is a forward pass of its own, which a sum that goes on would notice.
        names = {first.name, second.name}
        unclear = names in ({"until_right", "sum_from_last_output"}, {"error_below", "moved_weights"})
        if first.term != second.term and not unclear and rng.random() < 0.05:
            found.append([*a, *b])
    with TemporaryDirectory() as folder:
        return [faults for faults in found if fits(Path(folder), case, faults)]


def train(folder: Path, case: str, faults: list[list[str]], updates: list[int], seeds: list[int]) -> Runs:
    keys = keys_of(case)
    outputs = int(keys["architecture"].split("-")[-1])
    keys |= {"data": write_samples(folder, targets=outputs), "seeds": seeds, "record": {"weights": True}}
    return run(folder, **keys, sweep={"grid": {"faults": faults, "updates": updates}})


def order_of(cell: Any, seed: int) -> Any:
    names = [fault.name for fault in cell.faults]
    if "inputs_shuffled_apart" in names:
        cell = SimpleNamespace(order="shuffled", data_set=cell.data_set)
    return lambda epoch: naive.epoch_order(cell, seed, epoch)


def deviation(found: np.ndarray, expected: np.ndarray) -> float:
    if not np.abs(expected).max() < RUN_AWAY:
        # A program that runs away does so here too; to which numbers, rounding decides.
        return 0.0 if not np.abs(found).max() < RUN_AWAY / 10 else np.inf
    return relative(found, expected)


def compare(runs: Runs, looked_at: list[int]) -> None:
    """Hold every run against the program, and tell all that deviate."""
    bad: dict[str, list[Any]] = {}
    programs: dict[Any, dict[int, np.ndarray]] = {}
    for number, cell, seed in runs.each():
        first, last = runs.weights[number]
        if (cell.faults, seed) not in programs:
            programs[cell.faults, seed] = mistakes.train(cell, first, order_of(cell, seed), looked_at)
        off = deviation(last, programs[cell.faults, seed][cell.updates])
        if not off < TOLERANCE:
            bad.setdefault(", ".join(map(str, cell.faults)), []).append((cell.updates, seed, f"{off:.1e}"))
    assert not bad, "\n".join(f"{faults}: {found}" for faults, found in bad.items())


# Plain programs take most of the time: one case has two runs of each.
SEEDS = {"square, full batch, a rate per layer": [0, 3]}


@pytest.mark.parametrize("case", CASES)
def test_every_fault(tmp_path: Path, case: str) -> None:
    compare(train(tmp_path, case, singles(case), LOOKED_AT, SEEDS.get(case, [3])), LOOKED_AT)


@pytest.mark.parametrize("case", CASES)
def test_pairs_of_faults(tmp_path: Path, case: str) -> None:
    compare(train(tmp_path, case, pairs(case), [30], [1]), [30])


def test_every_fault_is_compared_in_some_case() -> None:
    compared = {one[0].split("(")[0] for case in CASES for one in singles(case)}
    assert compared == set(FAULTS)


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_a_run_does_not_depend_on_its_lane(tmp_path: Path, precision: str) -> None:
    """The last of 67 seeds is what it is alone, also where others stop before it."""
    keys = {"data": "xor", "architecture": "2-3-1", "learning_rate": 2, "epochs": 150, "batch": 1, "stop": "converged"}
    keys |= {"init": "normal(0, 1)", "precision": precision, "record": {"weights": True}}
    faults = ["until_right(0.2)", "moved_weights", "no_factor(layer=2)", ["sum_from_last_output(layer=1)"]]
    sweep = {"grid": {"faults": faults}}
    many, alone = (run(tmp_path, **keys, sweep=sweep, seeds=seeds) for seeds in (list(range(67)), [66]))
    assert (many.column("converged") == 1).any()
    for k in range(len(faults)):
        assert np.array_equal(many.bits[67 * k + 66], alone.bits[k])
        assert np.array_equal(many.weights[67 * k + 66][1], alone.weights[k][1])
