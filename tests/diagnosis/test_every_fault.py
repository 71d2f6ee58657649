"""Mutation: every fault of the registry alone, and random pairs, in networks that restate them in plain NumPy."""

from __future__ import annotations

import random
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from support import authors

from runner.diagnosis.diagnose import likeliest, told
from runner.diagnosis.result import Diagnosis
from runner.ops.faults import FAULTS
from runner.registry import Call

# Which samples come next is no matter of one update; biases that never move are a setting (`bias`).
OTHERS = {"epoch_slice", "until_right", "first_batch", "inputs_shuffled_apart", "biases_not_trained"}
NAMES = [name for name in FAULTS if name not in OTHERS]
ARGUMENTS: dict[str, tuple[Any, ...]] = {"slope_of": ("tanh",)} | {
    name: (6,) for name in FAULTS if name[:6] == "round_"
}


def written(fault: Call) -> str:
    return f"{fault.name}({', '.join(map(str, fault.args))})" if fault.args else fault.name


def network(name: str) -> tuple[tuple[int, ...], dict[str, Any]]:
    """A network in which a fault can stand and shows."""
    fault = FAULTS[name]
    keys: dict[str, Any] = {"optimizer": "momentum"} if fault.optimizer else {}
    if fault.softmax or name == "output_twice":
        keys |= {"output": "softmax", "loss": "cross_entropy"}
    if fault.square or fault.equal_widths:
        return (3, 3, 3), keys
    if fault.single_layer:
        return (3, 2), keys
    return (3, 4, fault.outputs or 2), keys


def diagnosed(cell: Any) -> Diagnosis:
    author: Any = authors.mistaken(cell)
    return told(Path("author.py"), likeliest(author, cell.architecture, author.keys), author.keys)


@pytest.mark.parametrize("name", NAMES)
def test_every_fault_is_named_and_nothing_else(name: str) -> None:
    sizes, keys = network(name)
    faults = [Call(name, ARGUMENTS.get(name, ()))]
    if name == "late_slope":
        faults.append(Call("bias_outside"))
    found = diagnosed(authors.cell(sizes, faults, **keys))
    assert {finding.fault for finding in found.findings} == {written(fault) for fault in faults}
    assert not found.unknown


# Faults of one layer or term that show beside most others.
PLAIN = [
    "ascent", "bias_ascent", "weight_itself", "own_activation", "no_factor", "slope_of_activation", "no_hidden_slope",
    "slope_is_activation", "moved_weights", "unweighted_error", "no_output_derivative", "activation_factor",
    "scalar_cost", "no_output_slope", "bias_step_summed", "bias_outside", "gradient_never_zeroed", "weight_set_to_step",
]  # fmt: skip
PAIRS = [
    pair
    for pair in product(PLAIN, PLAIN)
    if pair[0] < pair[1] and (not FAULTS[pair[0]].replaces or FAULTS[pair[0]].replaces != FAULTS[pair[1]].replaces)
]


@pytest.mark.parametrize("pair", random.Random(0).sample(PAIRS, 30), ids="-".join)
def test_two_faults_are_both_named(pair: tuple[str, str]) -> None:
    found = diagnosed(authors.cell((3, 4, 2), [Call(name) for name in pair]))
    assert {finding.fault for finding in found.findings} == set(pair)
    assert not found.unknown


@pytest.mark.parametrize(("name", "layer"), [("own_activation", 1), ("no_factor", 2), ("ascent", 2)])
def test_a_fault_of_one_layer_is_said_of_it(name: str, layer: int) -> None:
    fault = Call(name, (*ARGUMENTS.get(name, ()), f"layer={layer}"))
    found = diagnosed(authors.cell((3, 4, 2), [fault]))
    assert {finding.fault for finding in found.findings} == {written(fault)}
    assert [finding.layer for finding in found.findings] == [layer]
