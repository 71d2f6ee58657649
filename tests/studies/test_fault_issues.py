"""Faults that can not stand where a study says: one message each."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import StudyError
from runner.ops import ACTIVATIONS
from runner.studies.load import load_study

BASE = "data: xor\narchitecture: 2-4-1\nlearning_rate: 0.5\nepochs: 100\n"
SQUARED = "half_sse or sse or half_mse or mse"

HIDDEN = ", ".join(name for name, record in ACTIVATIONS.items() if record.hidden)
WRONG = [
    ("ascent(2)", "expected ascent without arguments, found ascent(2)"),
    ("round_errors", "expected round_errors(n) with 0 to 15 decimals, found round_errors"),
    ('"round_sums(16, layer=1)"', "expected round_sums(n) with 0 to 15 decimals, found round_sums(16, layer=1)"),
    ("until_right(0)", "expected until_right(tolerance) with a tolerance > 0, found until_right(0)"),
    (
        "slope_of(softmax)",
        f"expected slope_of(activation) with one of {HIDDEN}, found slope_of(softmax)",
    ),
    (
        "no_factor(layer=0)",
        "expected no_factor(layer=1) or another layer, counted from the inputs, found no_factor(layer=0)",
    ),
    ("scalar_cost(layer=1)", "scalar_cost is about the whole network and takes no layer, found scalar_cost(layer=1)"),
    (
        "no_output_slope(layer=2)",
        "no_output_slope is about the output layer and takes no layer, found no_output_slope(layer=2)",
    ),
    ("[ascent(layer=1), ascent(layer=1)]", "ascent(layer=1) stands there twice"),
    (
        "[no_factor, own_activation(layer=2)]",
        "own_activation(layer=2) and no_factor exclude each other: both replace the input",
    ),
    (
        "[ascent, ascent(layer=2)]",
        "ascent and ascent(layer=2) exclude each other: both replace the direction of a layer's step",
    ),
    (
        "[slope_at_sum(layer=2), no_output_slope]",
        "slope_at_sum(layer=2) and no_output_slope exclude each other in architecture 2-4-1: both replace the slope",
    ),
    ("no_factor(layer=3)", "no_factor(layer=3): architecture 2-4-1 has 2 layers of weights"),
    (
        "moved_weights(layer=2)",
        "moved_weights(layer=2) is about a hidden layer; in architecture 2-4-1 layer 2 is the output layer",
    ),
    (
        "weighted_sum(layer=1)",
        "weighted_sum(layer=1) is about a layer after hidden; in architecture 2-4-1 layer 1 is the first layer",
    ),
    (
        "transposed_weights",
        "transposed_weights needs layer 2 to have as many units as inputs; architecture 2-4-1 has 1 and 4",
    ),
    ("softmax_over_all", "softmax_over_all needs output softmax, found sigmoid"),
    (
        "output_twice",
        "output_twice needs loss cross_entropy or binary_cross_entropy, found half_sse",
    ),
    ("momentum_late", "momentum_late needs optimizer momentum, found sgd"),
    ("until_right(0.1)", "until_right(0.1) needs batch 1, found full"),
]
WITH = [
    ("moved_weights", "architecture: 2-1\n", "moved_weights needs a hidden layer; architecture 2-1 has none"),
    (
        "diagonal_weights",
        "architecture: 2-1-2-1\n",
        "diagonal_weights needs layer 2 to have no more units than inputs; architecture 2-1-2-1 has 2 and 1",
    ),
    (
        "bias_outside",
        "loss: binary_cross_entropy\n",
        f"bias_outside in the output layer needs loss {SQUARED}, found binary_cross_entropy",
    ),
    ("exponent_sign", "activation: tanh\n", "exponent_sign needs activation sigmoid in layer 1, found tanh"),
    ("inputs_shuffled_apart", "batch: 2\n", "inputs_shuffled_apart needs order shuffled, found sequential"),
]


@pytest.mark.parametrize(("faults", "more", "message"), [(a, "", b) for a, b in WRONG] + WITH)
def test_a_fault_that_can_not_stand_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faults: str, more: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    base = BASE.replace("architecture: 2-4-1\n", "") if "architecture" in more else BASE
    Path("x.yaml").write_text(f"{base}{more}faults: {faults}\n")
    with pytest.raises(StudyError) as caught:
        load_study("x.yaml")
    (problem,) = caught.value.problems
    assert problem.message == f"faults: {message}"


@pytest.mark.parametrize(
    "faults",
    [
        "[own_activation(layer=1), no_factor(layer=2)]",
        "[no_hidden_slope, no_output_slope]",
        "[slope_at_sum(layer=1), no_output_slope]",
        '["round_errors(3, layer=1)", "round_errors(2, layer=2)"]',
        "[bias_ascent(layer=1), ascent(layer=2), moved_weights]",
    ],
)
def test_faults_of_different_layers_or_terms_stand_together(tmp_path: Path, faults: str) -> None:
    (tmp_path / "x.yaml").write_text(f"{BASE}faults: {faults}\n")
    assert len(load_study(tmp_path / "x.yaml").base["faults"]) == faults.count(" ") + 1 - faults.count(
        "3, layer"
    ) - faults.count("2, layer")
