"""Layer sizes: how they are read and written, and how many parameters a network of such layers has."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runner.keys.issues import Invalid, expected
from runner.keys.kinds import Kind
from runner.keys.scalars import found, resolve
from runner.terminal import counted

Floats = NDArray[np.float64]
Sizes = tuple[int, ...]
"""Units of every layer, from the inputs to the outputs."""

MOST_UNITS = 65_536
MOST_LAYERS = 256
SHORTCUTS = ("all", "input_output")
"""Which layers see layers before the one below them."""
_LAYERS = re.compile(r"[0-9]+(-[0-9]+)*")


def architecture() -> Kind:
    """Layer sizes from input to output: `2-4-1` or `[2, 4, 1]`."""
    what = "layer sizes such as 2-4-1"

    def read(value: object, base: Path | None = None) -> Sizes:
        sizes = [value] if isinstance(value, int) and not isinstance(value, bool) else value
        if isinstance(sizes, str) and _LAYERS.fullmatch(sizes):
            sizes = [resolve(part) for part in sizes.split("-")]
        if not isinstance(sizes, list) or any(
            isinstance(n, bool) or not isinstance(n, int | float) or n != n // 1 for n in sizes
        ):
            raise expected(what, value)
        if len(sizes) < 2:
            raise Invalid(f"expected at least two {what}, found {len(sizes)}")
        if len(sizes) > MOST_LAYERS:
            raise Invalid(f"expected at most {MOST_LAYERS} layers, found {len(sizes):,}")
        if bad := [n for n in sizes if not 1 <= n <= MOST_UNITS]:
            raise Invalid(f"expected layers of 1 to {MOST_UNITS:,} units, found {found(bad[0])}")
        return tuple(int(n) for n in sizes)

    schema = {
        "anyOf": [
            {"type": "string", "pattern": "^[0-9]+(-[0-9]+)+$"},
            {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": MOST_UNITS}, "minItems": 2}
            | {"maxItems": MOST_LAYERS},
        ]
    }
    return Kind(read, lambda sizes: "-".join(map(str, sizes)), schema)


def layer_text(sizes: Sizes) -> str:
    """`1 layer of weights`, `2 layers of weights`."""
    return f"{counted(len(sizes) - 1, 'layer')} of weights"


def hidden_activations(activation: str | tuple[str, ...], sizes: Sizes) -> tuple[str, ...]:
    """The activation of every hidden layer, by the key `activation`.

    Examples
    --------
    >>> hidden_activations("tanh", (2, 4, 4, 1)), hidden_activations(("tanh", "relu"), (2, 4, 4, 1))
    (('tanh', 'tanh'), ('tanh', 'relu'))
    """
    return (activation,) * (len(sizes) - 2) if isinstance(activation, str) else activation


def seen_by(sizes: Sizes, shortcuts: str | None = None) -> tuple[tuple[int, ...], ...]:
    """The layers that each layer of weights sees, in the order of its inputs; layer 0 are the inputs of the network.

    Parameters
    ----------
    sizes : tuple of int
    shortcuts : {None, "all", "input_output"}
        Whether each layer sees the one below it alone; or all before it (Lang and Witbrock 1988); or the output layer
        the inputs besides the layer below it.

    Examples
    --------
    >>> seen_by((2, 5, 5, 1)), seen_by((2, 5, 5, 1), "all"), seen_by((2, 5, 5, 1), "input_output")
    (((0,), (1,), (2,)), ((0,), (0, 1), (0, 1, 2)), ((0,), (1,), (0, 2)))
    """
    layers = len(sizes) - 1
    if shortcuts == "all":
        return tuple(tuple(range(layer)) for layer in range(1, layers + 1))
    below = [(layer - 1,) for layer in range(1, layers + 1)]
    return (*below[:-1], (0, layers - 1)) if shortcuts == "input_output" and layers > 1 else tuple(below)


def fan_ins(sizes: Sizes, shortcuts: str | None = None) -> tuple[int, ...]:
    """How many units each layer of weights sees; arguments as of `seen_by`.

    Examples
    --------
    >>> fan_ins((2, 5, 5, 1)), fan_ins((2, 5, 5, 1), "all")
    ((2, 5, 5), (2, 7, 12))
    """
    return tuple(sum(sizes[layer] for layer in seen) for seen in seen_by(sizes, shortcuts))


def _trained_biases(bias: str | float, fan_out: int) -> int:
    """How many biases of a layer are parameters: one per unit, one for all units, or none."""
    return {"trained": fan_out, "shared": 1}.get(str(bias), 0)


def parameter_count(sizes: Sizes, bias: str | float, shortcuts: str | None = None) -> int:
    """How many numbers training can change: layer by layer the weights, then the biases that are trained.

    Parameters
    ----------
    sizes : tuple of int
    bias : str or float
        The key `bias`: `trained`, `shared`, or a word or number that leaves no bias to train.
    shortcuts : str or None
        The key `shortcuts`.

    Examples
    --------
    >>> parameter_count((2, 4, 1), "trained"), parameter_count((2, 4, 1), "none")
    (17, 12)
    """
    layers = zip(fan_ins(sizes, shortcuts), sizes[1:], strict=True)
    return sum(fan_in * fan_out + _trained_biases(bias, fan_out) for fan_in, fan_out in layers)


# The kernels give every unit a bias, trained or not: layer by layer the weights, then as many biases as units. Results
# and an explicit init hold the parameters alone.


def stored_parameters(sizes: Sizes, bias: str | float, shortcuts: str | None = None) -> NDArray[np.int64]:
    """Places of the parameters among the numbers of the kernel: what weights.npz holds.

    Returns
    -------
    int64 array (parameter_count(sizes, bias, shortcuts),)
        A bias that all units share is taken from the first of them.
    """
    parts, at = [], 0
    for fan_in, fan_out in zip(fan_ins(sizes, shortcuts), sizes[1:], strict=True):
        parts.append(np.arange(at, at + fan_in * fan_out + _trained_biases(bias, fan_out)))
        at += (fan_in + 1) * fan_out
    return np.concatenate(parts)


def expand_weights(sizes: Sizes, bias: str | float, numbers: Floats, shortcuts: str | None = None) -> Floats:
    """The numbers of the kernel from parameters in the order of weights.npz.

    Parameters
    ----------
    sizes : tuple of int
    bias : str or float
        The key `bias`.
    numbers : float64 array (parameter_count(sizes, bias, shortcuts),)
    shortcuts : str or None
        The key `shortcuts`.

    Returns
    -------
    float64 array (sum of (fan_in + 1) * fan_out,)
        Zero where a unit has no trained bias.
    """
    parts, at = [], 0
    for fan_in, fan_out in zip(fan_ins(sizes, shortcuts), sizes[1:], strict=True):
        parts.append(numbers[at : at + fan_in * fan_out])
        at += fan_in * fan_out
        n = _trained_biases(bias, fan_out)
        parts.append(np.broadcast_to(numbers[at : at + n], fan_out) if n else np.zeros(fan_out))
        at += n
    return np.concatenate(parts)
