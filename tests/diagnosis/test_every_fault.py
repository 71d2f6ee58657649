"""Mutation: every fault of the registry alone, in networks that restate it in plain NumPy."""

from __future__ import annotations

from typing import Any

import pytest
from support import authors
from support.mutation import diagnosed, written

from runner.ops.faults import FAULTS
from runner.registry import Call

# Which samples come next is no matter of one update; biases that never move are a setting (`bias`).
OTHERS = {"epoch_slice", "until_right", "first_batch", "inputs_shuffled_apart", "biases_not_trained"}
NAMES = [name for name in FAULTS if name not in OTHERS]
ARGUMENTS: dict[str, tuple[Any, ...]] = {"slope_of": ("tanh",)} | {
    name: (6,) for name in FAULTS if name[:6] == "round_"
}


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


@pytest.mark.parametrize("name", NAMES)
def test_every_fault_is_named_and_nothing_else(name: str) -> None:
    sizes, keys = network(name)
    faults = [Call(name, ARGUMENTS.get(name, ()))]
    if name == "late_slope":
        faults.append(Call("bias_outside"))
    found = diagnosed(authors.cell(sizes, faults, **keys))
    assert {finding.fault for finding in found.findings} == {written(fault) for fault in faults}
    assert not found.unknown


@pytest.mark.parametrize(("name", "layer"), [("own_activation", 1), ("no_factor", 2), ("ascent", 2)])
def test_a_fault_of_one_layer_is_said_of_it(name: str, layer: int) -> None:
    fault = Call(name, (*ARGUMENTS.get(name, ()), f"layer={layer}"))
    found = diagnosed(authors.cell((3, 4, 2), [fault]))
    assert {finding.fault for finding in found.findings} == {written(fault)}
    assert [finding.layer for finding in found.findings] == [layer]
