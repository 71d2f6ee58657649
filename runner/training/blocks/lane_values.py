"""What may differ from lane to lane of a block: learning rates, settings, thresholds, how weights begin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runner.kernels import codes
from runner.keys.architecture import expand_weights, fan_ins, parameter_count
from runner.keys.columns import Column, combined
from runner.keys.definitions import CRITERIA
from runner.ops import INITIALIZERS, OPTIMIZERS, SETTINGS
from runner.registry import Call
from runner.studies.cells import PLACE

Floats = NDArray[np.float64]

# Keys whose values may differ from lane to lane of a block. All others choose code or shape (as a whole number of an
# optimizer does: how much it remembers), which runs of a block share; of `bias` and `criterion` a part is shared and a
# part may differ.
LANE_KEYS = (
    frozenset(
        ("init", "bias_init", "learning_rate", "bias_learning_rate", "weight_decay", "epochs", "updates", "samples")
    )
    | {name for name, setting in SETTINGS.items() if not setting.whole}
    | {"l1", "clip_value", "clip_norm", "input_noise", "dropout"}
)
# In the order of the rows of gradients.Adjustment.numbers.
ADJUSTMENTS = PLACE["l1"], PLACE["clip_value"], PLACE["clip_norm"]
NOISES = PLACE["input_noise"], PLACE["dropout"]
_BIAS, _CRITERION, _OPTIMIZER, _FAULTS = (PLACE[key] for key in ("bias", "criterion", "optimizer", "faults"))
_RATES, _DECAY = (PLACE["learning_rate"], PLACE["bias_learning_rate"]), PLACE["weight_decay"]
_SIZES, _SHORTCUTS, _INIT, _BIAS_INIT = (PLACE[key] for key in ("architecture", "shortcuts", "init", "bias_init"))


@dataclass(frozen=True, eq=False)
class LaneValues:
    """What differs between m cells that train side by side.

    Attributes
    ----------
    numbers : float64 array (m, 2 * layers + SLOTS + CRITERIA)
        Learning rates of weights and biases by layer, settings of the optimizer, thresholds of the criterion.
    adjustments : float64 array (m, ADJUSTMENTS)
        Of gradients, with any number for what is not done to them; no columns where nothing is.
    noise : float64 array (m, hidden layers + 1)
        The standard deviation of the noise on inputs, and the probabilities of dropout; no columns where nothing is
        random.
    kinds : int64 array (m, 2)
        Kind of distribution of the weights and of the biases.
    scales : float64 array (m, layers, 4)
        Location and width of both, layer by layer.
    bias : float64 array (m,)
        Value of a bias that is not trained; NaN for one that is.
    given : float64 array (m, parameters) or None
        Initial weights given one by one; NaN where they are drawn. None where no cell has such.
    finish : object array (m,)
        What is made of the weights of a layer when they are drawn (see `runner.ops.initializers`): a callable
        (weights, seeds), or None.
    unit_variance : float64 array (m,)
        1 where weights are then divided by what the data say, else 0.
    """

    numbers: Floats
    adjustments: Floats
    noise: Floats
    kinds: NDArray[np.int64]
    scales: Floats
    bias: Floats
    given: Floats | None
    finish: NDArray[np.object_]
    unit_variance: Floats

    def part(self, cells: Any) -> LaneValues:
        """That of some of the cells."""
        given = None if self.given is None else self.given[cells]
        drawn = self.kinds[cells], self.scales[cells], self.bias[cells]
        options = self.adjustments[cells], self.noise[cells]
        made = self.finish[cells], self.unit_variance[cells]
        return LaneValues(self.numbers[cells], *options, *drawn, given, *made)


def lane_values(columns: Sequence[Column], n: int) -> LaneValues:
    """The numbers of n cells that share the rest."""
    sizes, shortcuts, name, faults = (columns[place].at(0) for place in (_SIZES, _SHORTCUTS, _OPTIMIZER, _FAULTS))
    layers = len(sizes) - 1
    # A method of second order has no learning rates.
    numbers = [
        columns[place].made(
            n, lambda rate: rate if isinstance(rate, tuple) else [0.0 if rate is None else rate] * layers
        )
        for place in _RATES
    ]
    settings = [columns[PLACE[key]].made(n, float)[:, None] for key in OPTIMIZERS[name].settings]
    if any(fault.name == "momentum_sign" for fault in faults):
        settings[0] = -settings[0]
    unused = np.zeros((n, codes.SLOTS - 1 - len(settings)))
    numbers += [*settings, unused, columns[_DECAY].made(n, float)[:, None], columns[_CRITERION].made(n, _thresholds)]

    def starts(values: tuple[Any, ...]) -> tuple[_Start, str]:
        init, bias_init, bias = values
        return _start(init, bias_init, bias if isinstance(init, tuple) else 0.0, sizes, shortcuts), ""

    def given(start: _Start) -> Floats:
        return np.full(parameter_count(sizes, "trained", shortcuts), np.nan) if start.given is None else start.given

    start = combined([columns[_INIT], columns[_BIAS_INIT], columns[_BIAS]], starts)
    return LaneValues(
        np.concatenate(numbers, axis=1),
        _adjustments(columns, n),
        _noise(columns, n, layers - 1),
        start.made(n, attrgetter("kinds"), np.int64),
        start.made(n, attrgetter("scales")),
        columns[_BIAS].made(n, _frozen),
        start.made(n, given) if any(isinstance(init, tuple) for init in columns[_INIT].values) else None,
        start.made(n, attrgetter("finish"), object),
        start.made(n, attrgetter("unit_variance")),
    )


def _frozen(bias: str | float) -> float:
    """The value of a bias that is not trained, or NaN."""
    return np.nan if bias in ("trained", "shared") else 0.0 if bias == "none" else float(bias)


def _adjustments(columns: Sequence[Column], n: int) -> Floats:
    """The numbers of what is done to gradients."""
    if all(columns[place].at(0) is None for place in ADJUSTMENTS):
        return np.empty((n, 0))
    return np.stack([columns[place].made(n, lambda value: value or 0.0) for place in ADJUSTMENTS], axis=1)


def _noise(columns: Sequence[Column], n: int, hidden: int) -> Floats:
    """The numbers of what is random in training networks with so many hidden layers."""
    if all(columns[place].at(0) is None for place in NOISES):
        return np.empty((n, 0))
    on_inputs = columns[NOISES[0]].made(n, lambda value: value or 0.0)
    dropout = columns[NOISES[1]].made(n, lambda value: np.broadcast_to(value or 0.0, hidden))
    return np.concatenate([on_inputs[:, None], dropout.reshape(n, hidden)], axis=1)


def _thresholds(criterion: tuple[tuple[str, float], ...]) -> list[float]:
    """Limit of every measure that a criterion may have."""
    limits = dict(criterion)
    return [limits.get(name, np.inf) for name in CRITERIA]


class _Start(NamedTuple):
    """How weights begin: `kinds`, `scales`, `given`, `finish` and `unit_variance` of a cell (see `LaneValues`)."""

    kinds: NDArray[np.int64]
    scales: Floats
    given: Floats | None
    finish: Callable[..., None] | None
    unit_variance: float = 0.0


# A study may sweep a thousand scales of the initial weights, which come again in every block.
@lru_cache(maxsize=4096)
def _start(
    init: Call | tuple[float, ...],
    bias_init: Call | tuple[float, ...],
    bias: str | float,
    sizes: tuple[int, ...],
    shortcuts: str | None,
) -> _Start:
    """How weights begin; `bias` counts where they are given one by one."""
    layers = len(sizes) - 1
    kinds, scales = np.zeros(2, np.int64), np.zeros((layers, 4))
    for row, each in enumerate((init, bias_init)):
        if isinstance(each, tuple):
            continue
        for layer, fan_in in enumerate(fan_ins(sizes, shortcuts)):
            drawn = INITIALIZERS[each.name].distribution(fan_in, sizes[layer + 1], *each.args)
            kinds[row] = drawn.kind
            scales[layer, 2 * row : 2 * row + 2] = drawn.location, drawn.width
    if isinstance(init, tuple):
        return _Start(kinds, scales, expand_weights(sizes, bias, np.array(init), shortcuts), None)
    record = INITIALIZERS[init.name]
    finish = record.finish
    if finish is None:
        return _Start(kinds, scales, None, None, float(record.unit_variance))
    return _Start(kinds, scales, None, lambda weights, seeds: finish(weights, seeds, *init.args))
