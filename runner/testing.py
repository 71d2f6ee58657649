"""Checks of activations, losses, initialisers and optimizers: those of the package, and pieces of a user's own.

A check raises AssertionError, whose message says what is wrong and where, or returns nothing. The functions are
compiled for it as for training, in both precisions.

Examples
--------
>>> from runner.testing import check_activation, check_optimizer
>>> check_activation("tanh")
>>> check_optimizer("adam")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from runner.kernels import probe
from runner.kernels.codes import SLOTS
from runner.kernels.lanes.vector import Lanes
from runner.ops import ACTIVATIONS, INITIALIZERS, LOSSES, OPTIMIZERS, Members

Floats = NDArray[Any]

__all__ = [
    "activation_values",
    "check_activation",
    "check_initializer",
    "check_loss",
    "check_optimizer",
    "loss_values",
    "updated_weights",
]

_PRECISIONS = (np.float64, np.float32)
_LANES = Lanes(16)
_FAMILIES: tuple[Mapping[str, Any], ...] = (ACTIVATIONS, LOSSES, OPTIMIZERS)
# Between two of these arguments lies no point where a usual activation has a kink.
_STEP = 1e-5
_DERIVATIVE = "the derivative of its value"
_SEEN = "a run that has diverged must not look sound"


def activation_values(name: str, z: ArrayLike, dtype: Any = np.float64) -> tuple[Floats, Floats]:
    """An activation and its slope at some weighted sums, as a kernel computes them.

    Parameters
    ----------
    name : str
        A registered activation.
    z : array_like of float (n,)
    dtype : dtype
        float64 or float32.

    Returns
    -------
    a, slope : arrays (n,)
    """
    members, x = _members(ACTIVATIONS, name), _filled(z, dtype)
    a, slopes = np.empty_like(x), np.ones_like(x)
    probe.probe_activation(members.activate, members.slope, members.activation(name), x, a, slopes, _LANES)
    n = np.size(z)
    return a[:n], slopes[:n]


def loss_values(
    name: str, y: ArrayLike, t: ArrayLike, z: ArrayLike | None = None, dtype: Any = np.float64
) -> tuple[Floats, Floats]:
    """A loss of single outputs, before its factor, and its slope, as a kernel computes them.

    Parameters
    ----------
    name : str
        A registered loss.
    y, t, z : array_like of float (n,)
        Outputs, their targets, and their weighted sums; `z` is `y` where it is not given.
    dtype : dtype

    Returns
    -------
    value, slope : arrays (n,)
    """
    members = _members(LOSSES, name)
    outputs, targets, sums = (_filled(each, dtype) for each in (y, t, y if z is None else z))
    values, slopes = np.empty_like(outputs), np.empty_like(outputs)
    code = members.loss(name)
    probe.probe_loss(members.loss_value, members.loss_slope, code, sums, outputs, targets, values, slopes, _LANES)
    n = np.size(y)
    return values[:n], slopes[:n]


def updated_weights(
    name: str,
    weights: ArrayLike,
    gradients: Sequence[ArrayLike] | Any,
    rate: float,
    losses: Sequence[float] | None = None,
    settings: dict[str, float] | None = None,
    weight_decay: float | None = None,
    dtype: Any = np.float64,
) -> list[Floats]:
    """Weights after every one of some updates, as a kernel makes them.

    Parameters
    ----------
    name : str
        A registered optimizer.
    weights : array_like of float (n,)
    gradients : sequence of array_like (n,), or callable
        One for each update; or a function from the weights to the gradient and the loss, for as many as `losses` has.
    rate : float
    losses : sequence of float, optional
        Of the batch of each update, for an optimizer that needs it.
    settings : dict, optional
        Those that are not the optimizer's defaults.
    weight_decay : float, optional
    dtype : dtype

    Returns
    -------
    list of arrays (n,)
    """
    record, members = OPTIMIZERS[name], _members(OPTIMIZERS, name)
    n, L = np.size(weights), _LANES.n
    W = _filled(weights, dtype)
    G, S0, S1 = (np.zeros_like(W) for _ in range(3))
    state = probe.Weights(W, G, S0, S1, np.repeat(np.array(record.clock, dtype), L))
    h = np.zeros((SLOTS, L), dtype)
    for k, value in enumerate((dict(record.settings) | (settings or {})).values()):
        h[k] = value
    h[-1] = record.weight_decay if weight_decay is None else weight_decay
    found = []
    for k, gradient in enumerate(gradients):
        state.G[:] = _filled(gradient(W[:n].copy()) if callable(gradient) else gradient, dtype)
        loss = 0.0 if losses is None else losses[k]
        given = np.repeat(np.array([rate, loss], dtype), L)
        probe.probe_update(
            *(members.update_stateless, members.update, members.tick),
            int(record.keeps_state),
            members.optimizer(name),
            *(state, h.reshape(-1), given, _LANES),
        )
        found.append(W[:n].copy())
    return found


def check_activation(name: str) -> None:
    """Check an activation: its slope is its derivative, and what is not a number does not become one.

    Parameters
    ----------
    name : str

    Raises
    ------
    AssertionError
    """
    record, z = ACTIVATIONS.find(name), np.linspace(-8.03, 8.01, 1001)
    a, slopes = activation_values(name, z)
    finite = np.isfinite(a)
    assert finite.all(), f"{name}: the value at z = {z[~finite][0]:g} is {a[~finite][0]}, and has to be finite"
    if record.exact:
        numeric = (activation_values(name, z + _STEP)[0] - activation_values(name, z - _STEP)[0]) / (2 * _STEP)
        _agree(slopes, numeric, z, f"{name}: the slope at z", _DERIVATIVE, 1e-6)
    single, single_slopes = activation_values(name, z, np.float32)
    _agree(single, a, z, f"{name}: the value in float32 at z", "that in float64", 1e-5)
    _agree(single_slopes, slopes, z, f"{name}: the slope in float32 at z", "that in float64", 1e-4)
    for dtype in _PRECISIONS:
        of_nan = activation_values(name, [np.nan], dtype)[0][0]
        assert np.isnan(of_nan), f"{name}: the value of NaN is {of_nan:g}, and has to be NaN: {_SEEN}"


def check_loss(name: str) -> None:
    """Check a loss: its slope is its derivative, it is least where output and target agree, and NaN stays NaN.

    Parameters
    ----------
    name : str

    Raises
    ------
    AssertionError
    """
    record = LOSSES.find(name)
    assert not record.fused, f"{name} cancels with its output activation: it has no slope by the output alone"
    targets = record.classes or (max(record.low, -1.0), 0.3, min(record.high, 1.0))
    y = np.linspace(-2.93, 2.91, 301)
    for target in targets:
        t = np.full_like(y, target)
        values, slopes = loss_values(name, y, t)
        numeric = (loss_values(name, y + _STEP, t)[0] - loss_values(name, y - _STEP, t)[0]) / (2 * _STEP)
        _agree(slopes, numeric, y, f"{name}: for the target {target:g}, the slope at the output", _DERIVATIVE, 1e-5)
        at_target = float(loss_values(name, [target], [target])[0][0])
        least = y[values.argmin()]
        assert record.pairwise or at_target <= values.min() + 1e-12, (
            f"{name}: for the target {target:g}, the loss of the output {least:g} is {values.min():g}, and has to be "
            f"at least {at_target:g}, that of an output at its target"
        )
        single = loss_values(name, y, t, dtype=np.float32)[0]
        _agree(single, values, y, f"{name}: the loss in float32 of the output", "that in float64", 1e-4)
    for dtype in _PRECISIONS:
        of_nan = loss_values(name, [np.nan], [targets[0]], dtype=dtype)
        assert np.isnan(of_nan).all(), f"{name}: loss and slope of NaN are {of_nan}, and have to be NaN: {_SEEN}"


def check_optimizer(name: str, rate: float = 0.01) -> None:
    """Check an optimizer on a bowl: its loss falls, weights do not see their neighbours, and NaN stays NaN.

    Parameters
    ----------
    name : str
    rate : float
        The learning rate.

    Raises
    ------
    AssertionError
    """
    OPTIMIZERS.find(name)
    start, steep = np.linspace(-1.0, 1.2, 20), np.linspace(0.5, 2.0, 20)

    def descend(weights: Floats, dtype: Any = np.float64, only: slice = slice(None)) -> Floats:
        """The weights after 200 updates down the bowl sum(steep * weights^2) / 2."""
        w = weights[only]
        losses: list[float] = []

        def gradient(current: Floats) -> Floats:
            losses.append(float((steep[only] * current.astype(float) ** 2).sum() / 2))
            return steep[only] * current

        class Losses(Sequence[float]):
            """What the gradients found."""

            def __len__(self) -> int:
                return len(losses)

            def __getitem__(self, k: Any) -> Any:
                return losses[k]

        return updated_weights(name, w, [gradient] * 200, rate, Losses(), dtype=dtype)[-1]

    end = descend(start)
    before, after = ((steep * w**2).sum() for w in (start, end))
    assert after < before, (
        f"{name}: the loss of a bowl is {before:g} at first and {after:g} after 200 updates, and has to fall"
    )
    if not OPTIMIZERS[name].needs_loss:
        alone = descend(start, only=slice(3, 4))
        assert alone[0] == end[3], (
            f"{name}: a weight becomes {end[3]!r} beside others and {alone[0]!r} alone, and has to become the same"
        )
    _agree(
        descend(start, np.float32), end, start, f"{name}: in float32, the end of the weight", "that in float64", 1e-2
    )
    for dtype in _PRECISIONS:
        broken = updated_weights(name, [1.0, 1.0], [[0.1, 0.1], [0.1, np.nan]], rate, [1.0, 1.0], dtype=dtype)[-1]
        assert np.isnan(broken).tolist() == [False, True], (
            f"{name}: the weights 1 and 1 with the gradients 0.1 and NaN become {broken.tolist()}, and the second one "
            f"alone has to become NaN: {_SEEN}"
        )


def check_initializer(name: str, *arguments: float) -> None:
    """Check an initialiser: its numbers are finite, and a seed gives the same ones in whatever lane.

    Parameters
    ----------
    name : str
    *arguments : float
        What it takes in parentheses.

    Raises
    ------
    AssertionError
    """
    record = INITIALIZERS.find(name)
    for fan_in, fan_out in ((1, 1), (2, 8), (784, 10)):
        drawn = record.distribution(fan_in, fan_out, *arguments)
        where = f"{name} for fan_in {fan_in} and fan_out {fan_out}"
        assert np.isfinite([drawn.location, drawn.width]).all(), f"{where} is not finite: {drawn}"
        assert drawn.width >= 0, f"{where} has a negative width: {drawn}"
        assert drawn == record.distribution(fan_in, fan_out, *arguments), f"{where} changes from call to call"


def _members(registry: Mapping[str, Any], name: str) -> Members:
    """All members of the package, so that they are compiled once for all checks; or a piece of a user's own alone."""
    chosen = [[name] if registry is each and registry[name].source else [] for each in _FAMILIES]
    if not any(chosen):
        chosen = [[one.name for one in each.values() if not one.source] for each in _FAMILIES]
    return Members(*chosen)


def _filled(numbers: ArrayLike, dtype: Any) -> Floats:
    """Numbers as whole vectors, the last one repeated."""
    x = np.asarray(numbers, dtype).reshape(-1)
    return np.concatenate([x, np.repeat(x[-1:], -len(x) % _LANES.n)])


def _agree(found: Floats, expected: Floats, at: Floats, what: str, other: str, tolerance: float) -> None:
    """Raise where two functions differ by more than a tolerance, unless it is at a kink between two points."""
    found, expected = found.astype(float), expected.astype(float)
    wrong = ~np.isclose(found, expected, rtol=tolerance, atol=tolerance)
    if wrong.any():
        k = int(np.flatnonzero(wrong)[0])
        raise AssertionError(f"{what} = {at[k]:.6g} is {found[k]:.6g}, and has to be {expected[k]:.6g}, {other}")
