"""How many parameters a network has and where they lie, against PyTorch and against layers laid out by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from runner.keys.architecture import architecture, expand_weights, layer_text, parameter_count, stored_parameters
from runner.keys.issues import Invalid


@pytest.mark.parametrize(
    ("sizes", "bias", "count"),
    [((2, 4, 1), "trained", 17), ((2, 4, 1), "none", 12), ((2, 4, 1), "shared", 14), ((2, 1), "-0.2", 2)],
)
def test_parameters_counted_by_hand(sizes: tuple[int, ...], bias: str, count: int) -> None:
    assert parameter_count(sizes, bias) == count


@pytest.mark.parametrize(
    ("sizes", "shortcuts", "bias", "count"),
    [
        # Lang and Witbrock (1988) give their network 138 weights; Rumelhart, Hinton and Williams (1986) draw 7.
        ((2, 5, 5, 5, 1), "all", "trained", 15 + 40 + 65 + 18),
        ((2, 1, 1), "all", "trained", 7),
        ((2, 1, 1), "input_output", "trained", 7),
        ((2, 5, 4, 1), "input_output", "trained", 15 + 24 + 7),
        ((2, 5, 4, 1), "all", "none", 10 + 28 + 11),
        ((2, 5, 4, 1), "all", "shared", 11 + 29 + 12),
    ],
)
def test_parameters_with_shortcuts_counted_by_hand(
    sizes: tuple[int, ...], shortcuts: str, bias: str, count: int
) -> None:
    assert parameter_count(sizes, bias, shortcuts) == count
    whole = parameter_count(sizes, "trained", shortcuts)
    stored = stored_parameters(sizes, bias, shortcuts)
    assert len(stored) == count
    assert set(stored) <= set(range(whole))
    numbers = np.arange(1.0, count + 1)
    assert expand_weights(sizes, bias, numbers, shortcuts)[stored].tolist() == numbers.tolist()


@pytest.mark.parametrize("sizes", [(2, 1), (2, 4, 1), (7, 3, 5, 2), (4, 16, 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_parameters_are_as_many_as_those_of_pytorch(sizes: tuple[int, ...], bias: bool) -> None:
    layers = [torch.nn.Linear(n, m, bias=bias) for n, m in pairwise(sizes)]
    count = sum(parameter.numel() for layer in layers for parameter in layer.parameters())
    assert parameter_count(sizes, "trained" if bias else "none") == count


# 2-3-2 as the kernels keep it: W of the first layer, its three biases, W of the second, its two.
WHOLE = np.array([1, 2, 3, 4, 5, 6, 10, 11, 12, 21, 22, 23, 24, 25, 26, 30, 31], float)


@pytest.mark.parametrize(
    ("bias", "stored", "expanded"),
    [
        ("trained", WHOLE.tolist(), WHOLE.tolist()),
        (
            "shared",
            [1, 2, 3, 4, 5, 6, 10, 21, 22, 23, 24, 25, 26, 30],
            [1, 2, 3, 4, 5, 6, 10, 10, 10, 21, 22, 23, 24, 25, 26, 30, 30],
        ),
        (
            "none",
            [1, 2, 3, 4, 5, 6, 21, 22, 23, 24, 25, 26],
            [1, 2, 3, 4, 5, 6, 0, 0, 0, 21, 22, 23, 24, 25, 26, 0, 0],
        ),
        (
            -0.5,
            [1, 2, 3, 4, 5, 6, 21, 22, 23, 24, 25, 26],
            [1, 2, 3, 4, 5, 6, 0, 0, 0, 21, 22, 23, 24, 25, 26, 0, 0],
        ),
    ],
)
def test_parameters_and_the_numbers_of_the_kernel(
    bias: str | float, stored: list[float], expanded: list[float]
) -> None:
    sizes = (2, 3, 2)
    parameters = WHOLE[stored_parameters(sizes, bias)]
    assert parameters.tolist() == stored
    assert len(parameters) == parameter_count(sizes, bias)
    assert expand_weights(sizes, bias, parameters).tolist() == expanded


def test_layers_in_words() -> None:
    assert [layer_text((2, 1)), layer_text((2, 4, 1))] == ["1 layer of weights", "2 layers of weights"]


@pytest.mark.parametrize("value", ["2-4-1", [2, 4, 1], [2.0, 4, 1]])
def test_sizes_as_people_write_them(value: object) -> None:
    assert architecture().read(value, None) == (2, 4, 1)


@pytest.mark.parametrize("value", ["2", 2, "2-0-1", "2--1", [2, True], [2, 1.5], ["2", "1"], "2-65537-1", [1] * 257])
def test_what_is_no_architecture(value: object) -> None:
    with pytest.raises(Invalid):
        architecture().read(value, None)
