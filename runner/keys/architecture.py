"""Layer sizes: how they are read and written, and how many parameters a network of such layers has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.keys.issues import Invalid, expected
from runner.keys.kinds import Kind
from runner.keys.scalars import found, resolve

Floats = NDArray[np.float64]

_LAYERS = re.compile(r"[0-9]+(-[0-9]+)*")
MOST_UNITS = 65_536
MOST_LAYERS = 256


def architecture() -> Kind:
    """Layer sizes from input to output: `2-4-1` or `[2, 4, 1]`."""
    what = "layer sizes such as 2-4-1"

    def read(value: object, base: Path | None = None) -> tuple[int, ...]:
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


def expand_weights(architecture: Sequence[int], bias: str | float, numbers: Floats) -> Floats:
    """Numbers in the order of weights.npz as the kernel keeps them: with a bias for every unit.

    Parameters
    ----------
    architecture : sequence of int
        Layer sizes from input to output.
    bias : str or float
        The key `bias`: it says how many of the numbers are biases.
    numbers : float64 array (parameter_count(architecture, bias),)

    Returns
    -------
    float64 array (sum of (fan_in + 1) * fan_out,)
        Zero where a unit has no trained bias.
    """
    parts, at = [], 0
    for fan_in, fan_out in pairwise(architecture):
        parts.append(numbers[at : at + fan_in * fan_out])
        at += fan_in * fan_out
        n = stored_biases(bias, fan_out)
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


def parameter_count(architecture: tuple[int, ...], bias: str | float) -> int:
    """How many numbers an explicit init has: layer by layer the weights, then the trained biases."""
    count = 0
    for fan_in, fan_out in pairwise(architecture):
        count += fan_in * fan_out + stored_biases(bias, fan_out)
    return count


def stored_biases(bias: str | float, fan_out: int) -> int:
    """Biases of a layer that are parameters: one per unit, one for all, or none."""
    return fan_out if bias == "trained" else 1 if bias == "shared" else 0


def layer_text(architecture: tuple[int, ...]) -> str:
    """`1 layer of weights`, `2 layers of weights`."""
    layers = len(architecture) - 1
    return f"{layers} layer{'s' if layers > 1 else ''} of weights"
