"""The faults of the posts against the programs they were found in: weight by weight, in the same order of samples."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from support import naive, posts
from support.studies import Runs, relative, run

from runner.ops import FAULTS
from runner.studies.load import load_study

LOOKED_AT = [1, 2, 7, 100]
"""Numbers of updates after which the weights are compared."""
SEEDS = [0, 1, 5]
TOLERANCE = 1e-10
XOR = {"data": "xor", "bias": "none", "init": "uniform(0, 1)"}
ONLINE = {"batch": 1, "order": "with_replacement"}
# The posts list the samples of XOR as 10, 01, 11, 00; the runner counts them up.
AS_POSTED = {2: 0, 1: 1, 3: 2, 0: 3}


def subsets(*faults: str) -> list[tuple[str, ...]]:
    return list(chain.from_iterable(combinations(faults, n) for n in range(len(faults) + 1)))


def as_axis(faults: list[tuple[str, ...]]) -> list[Any]:
    return [list(some) or "none" for some in faults]


def check_program(
    folder: Path,
    sizes: tuple[int, ...],
    program: Callable[..., list[posts.Weights]],
    faults: list[tuple[str, ...]],
    keys: dict[str, Any],
    samples: int | None = None,
    renumber: dict[int, int] | None = None,
    **settings: Any,
) -> Runs:
    """Train a study over the faults and hold every run against the program."""
    known = [FAULTS[name.split("(")[0]].name for some in faults for name in some]
    assert known or faults == [()]
    keys = {"architecture": "-".join(map(str, sizes)), "seeds": SEEDS, "record": {"weights": True}} | keys
    runs = run(folder, **keys, sweep={"grid": {"faults": as_axis(faults), "updates": LOOKED_AT}})
    for number, cell, seed in runs.each():
        first, last = (with_biases(part, sizes, cell.bias) for part in runs.weights[number])
        order = None
        if samples:
            epochs = range(-(-cell.updates // samples))
            order = [int(s) for epoch in epochs for s in naive.epoch_order(cell, seed, epoch)]
            order = [renumber[s] for s in order] if renumber else order
        names = [fault.name for fault in cell.faults]
        trail = program(posts.shaped(first, sizes), order, cell.updates, names, **settings)
        deviation = relative(last, posts.flat(trail[-1]))
        assert deviation < TOLERANCE, f"{names} after {cell.updates} updates, seed {seed}: off by {deviation:.1e}"
    return runs


def with_biases(numbers: np.ndarray, sizes: tuple[int, ...], bias: Any) -> np.ndarray:
    """All numbers of a network, where weights.npz leaves out biases that are not trained, and keeps one if shared."""
    if bias == "trained":
        return numbers
    parts, at = [], 0
    for fan_in, fan_out in pairwise(sizes):
        parts.append(numbers[at : at + fan_in * fan_out])
        at += fan_in * fan_out
        value = 0.0 if bias == "none" else bias
        if bias == "shared":
            value, at = numbers[at], at + 1
        parts.append(np.full(fan_out, value))
    return np.concatenate(parts)


def test_boolean_3_4_1_has_no_fault(tmp_path: Path) -> None:
    keys = {"data": "boolean(11101011)", "init": "normal(0, 1)", "bias_init": "normal(0, 1)", "learning_rate": 0.2}
    check_program(tmp_path, (3, 4, 1), posts.boolean_3_4_1, [()], keys | ONLINE, samples=8)


def test_parity_1_1_1(tmp_path: Path) -> None:
    keys = {"data": "parity_of_integers(9)", "scaling": "divide(9)", "loss": "sse", "learning_rate": 0.1}
    keys |= {"init": "uniform(-1, 1)"} | ONLINE
    faults = subsets("weight_itself", "no_output_derivative")
    check_program(tmp_path, (1, 1, 1), posts.parity_1_1_1, faults, keys, samples=9)


def test_one_hot_xor_2_2_2(tmp_path: Path) -> None:
    keys = {"data": "xor", "target_encoding": "one_hot", "loss": "half_mse", "batch": 4, "learning_rate": 0.1}
    keys |= {"init": "normal(0, 0.5)", "bias_init": "normal(0, 0.3)"}
    in_order = {"inputs": [(0, 0), (0, 1), (1, 0), (1, 1)], "labels": (0, 1, 1, 0)}
    runs = check_program(tmp_path, (2, 2, 2), posts.one_hot_xor_2_2_2, subsets("epoch_slice"), keys, **in_order)
    after7, after100 = (
        runs.weights[number][1]
        for number, cell, seed in runs.each()
        if cell.faults and seed == 0 and cell.updates in (7, 100)
    )
    assert np.array_equal(after7, after100), "from the fifth epoch on the slice is empty"


def test_index_and_sign_2_2_1(tmp_path: Path) -> None:
    faults = subsets("ascent", "own_activation", "early_derivative")
    keys = XOR | ONLINE | {"learning_rate": 0.1}
    check_program(tmp_path, (2, 2, 1), posts.index_and_sign_2_2_1, faults, keys, samples=4, renumber=AS_POSTED)


def test_finally_2_3_2_1_has_a_bias_rate_only(tmp_path: Path) -> None:
    keys = {"data": "xor", "init": "uniform(-1, 1)", "learning_rate": 0.4, "bias_learning_rate": 1} | ONLINE
    check_program(tmp_path, (2, 3, 2, 1), posts.finally_2_3_2_1, [()], keys, samples=4, renumber=AS_POSTED)


def test_object_2_4_1(tmp_path: Path) -> None:
    (tmp_path / "two.csv").write_text("a,b,y\n1,2,0\n3,4,1\n")
    keys = {"data": {"csv": "two.csv", "inputs": ["a", "b"], "targets": ["y"]}, "scaling": "sigmoid"}
    keys |= {"bias": "none", "init": "uniform(0, 1)", "loss": "half_mse", "learning_rate": 0.1}
    check_program(tmp_path, (2, 4, 1), posts.object_2_4_1, subsets("no_factor", "activation_factor"), keys)


def test_perceptron_gates(tmp_path: Path) -> None:
    keys = {"data": "boolean(1000)", "rule": "perceptron", "output": "step", "bias": -0.2, "init": [0.3, -0.1]}
    keys |= {"learning_rate": 0.1, "batch": 1, "seeds": [0]}
    faults = subsets("round_sums(10)", "round_weights(10)")
    check_program(tmp_path, (2, 1), posts.perceptron_gates, faults, keys, table="1000")


def test_raw_inputs_2_2(tmp_path: Path) -> None:
    rows = ["x0,x1,t0,t1", "10,20,1,0", "15,30,1,0", "8,16,1,0", "3,9,0,1", "6,18,0,1", "2,6,0,1"]
    (tmp_path / "six.csv").write_text("\n".join([*rows, ""]))
    keys = {"data": {"csv": "six.csv", "inputs": ["x0", "x1"], "targets": ["t0", "t1"]}, "loss": "sse"}
    keys |= {"bias": "shared", "bias_init": "constant(1)", "init": "uniform(0, 1)", "learning_rate": 0.05}
    # Small inputs, so that units are not pinned at once and every factor counts.
    keys |= {"scaling": "divide(20)"}
    faults = subsets("ascent", "input_of_wrong_sample", "bias_per_weight", "round_outputs(8)")
    check_program(tmp_path, (2, 2), posts.raw_inputs_2_2, faults, keys, divisor=20.0)


@pytest.mark.parametrize("fault", ["scalar_cost", "cost_times_residual", "mean_cost_times_residual"])
def test_error_signal_2_5_1(tmp_path: Path, fault: str) -> None:
    keys = XOR | {"loss": "sse" if fault == "scalar_cost" else "half_sse", "learning_rate": 0.3}
    check_program(tmp_path, (2, 5, 1), posts.error_signal_2_5_1, [(fault,)], keys)


def test_faults_are_read_in_any_order(tmp_path: Path) -> None:
    study = {"data": "xor", "architecture": "2-2-1", "learning_rate": 1, "epochs": 1}
    file = tmp_path / "study.yaml"
    texts = set()
    for faults in (["round_sums(3)", "ascent"], ["ascent", "round_sums(3)"]):
        file.write_text(yaml.safe_dump(study | {"faults": faults}))
        texts.add(str(load_study(file).base["faults"]))
    assert len(texts) == 1
