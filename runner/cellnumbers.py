"""The numbers of a cell: its part of what a kernel takes, which may differ from lane to lane."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runner.cells import PLACE
from runner.checks import stored_biases
from runner.kernels import codes
from runner.keys import CRITERIA
from runner.ops import INITIALIZERS, OPTIMIZERS

if TYPE_CHECKING:
    from runner.cells import Cell

Floats = NDArray[np.float64]

_BIAS, _CRITERION, _OPTIMIZER = PLACE["bias"], PLACE["criterion"], PLACE["optimizer"]
_RATES, _DECAY = (PLACE["learning_rate"], PLACE["bias_learning_rate"]), PLACE["weight_decay"]
_SETTINGS = {name: [PLACE[key] for key in record.settings] for name, record in OPTIMIZERS.items()}


@dataclass(frozen=True, eq=False)
class CellNumbers:
    """What differs between the cells of one program.

    Attributes
    ----------
    numbers : float64 array (2 * layers + SLOTS + CRITERIA,)
        Learning rates of weights and biases by layer, settings of the optimizer, thresholds of the criterion.
    kinds : int64 array (2,)
        Kind of distribution of the weights and of the biases.
    scales : float64 array (layers, 4)
        Location and width of both, layer by layer.
    bias : float or None
        Value of a bias that is not trained.
    given : float64 array or None
        Initial weights given one by one.
    """

    numbers: Floats
    kinds: NDArray[np.int64]
    scales: Floats
    bias: float | None
    given: Floats | None


def cell_numbers(cell: Cell) -> CellNumbers:
    """The numbers of one cell."""
    # A study may have a million cells: values are taken by their places, and one array is made of one list.
    values = cell.values
    sizes = cell.architecture
    numbers: list[float] = []
    for place in _RATES:
        rate = values[place]
        numbers += rate if isinstance(rate, tuple) else [rate] * (len(sizes) - 1)
    settings = [values[place] for place in _SETTINGS[values[_OPTIMIZER]]]
    numbers += settings
    numbers += [0.0] * (codes.SLOTS - 1 - len(settings))
    numbers.append(values[_DECAY])
    numbers += _thresholds(values[_CRITERION])
    bias = values[_BIAS]
    kinds, scales = _distributions(cell.init, cell.bias_init, sizes)
    return CellNumbers(
        np.array(numbers, np.float64),
        kinds,
        scales,
        None if bias in ("trained", "shared") else 0.0 if bias == "none" else float(bias),
        expand_weights(cell, np.array(cell.init)) if isinstance(cell.init, tuple) else None,
    )


@lru_cache(maxsize=1024)
def _thresholds(criterion: tuple[tuple[str, float], ...]) -> list[float]:
    """Limit of every measure that a criterion may have."""
    limits = dict(criterion)
    return [limits.get(name, np.inf) for name in CRITERIA]


@lru_cache(maxsize=1024)
def _distributions(init: Any, bias_init: Any, sizes: tuple[int, ...]) -> tuple[NDArray[np.int64], Floats]:
    """Kinds and scales of the initial weights and biases; zeros where they are given one by one."""
    layers = len(sizes) - 1
    kinds, scales = np.zeros(2, np.int64), np.zeros((layers, 4))
    for row, each in enumerate((init, bias_init)):
        if isinstance(each, tuple):
            continue
        for layer in range(layers):
            drawn = INITIALIZERS[each.name].distribution(sizes[layer], sizes[layer + 1], *each.args)
            kinds[row] = drawn.kind
            scales[layer, 2 * row : 2 * row + 2] = drawn.location, drawn.width
    return kinds, scales


def expand_weights(cell: Cell, numbers: Floats) -> Floats:
    """Numbers in the order of weights.npz as the kernel keeps them: with a bias for every unit."""
    parts, at = [], 0
    for fan_in, fan_out in pairwise(cell.architecture):
        parts.append(numbers[at : at + fan_in * fan_out])
        at += fan_in * fan_out
        n = stored_biases(cell.bias, fan_out)
        parts.append(np.broadcast_to(numbers[at : at + n], fan_out) if n else np.zeros(fan_out))
        at += n
    return np.concatenate(parts)


def stored_parameters(bias: Any, sizes: Iterable[int]) -> NDArray[np.int64]:
    """Places, among the kernel's parameters, of those that weights.npz holds."""
    sizes = list(sizes)
    parts, at = [], 0
    for fan_in, fan_out in pairwise(sizes):
        n = fan_in * fan_out + stored_biases(bias, fan_out)
        parts.append(np.arange(at, at + n))
        at += fan_out * (fan_in + 1)
    return np.concatenate(parts)
