"""The forward pass in plain NumPy, of many networks at once: arrays are (probes, samples, units)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from runner.diagnosis.functions import FUNCTIONS, Floats, Function

Layers = tuple[Floats, ...]
Decimals = Mapping[int, int]
"""To how many decimals the numbers of some layers, counted from 0, are rounded."""


@dataclass(frozen=True)
class Forward:
    """How a network makes outputs of its inputs.

    Attributes
    ----------
    functions : tuple of str
        Activation of every layer of weights, the outputs' last.
    outside : set of int
        Layers, counted from 0, whose bias is added to the activation instead of the weighted sum.
    round_sums, round_outputs : mapping of int to int
        Decimals to which weighted sums and activations of layers are rounded; those of softmax stay as they are.
    carries : set of int
        Layers whose weighted sums start from the unit's activation in the call before.
    """

    functions: tuple[str, ...]
    outside: frozenset[int] = frozenset()
    round_sums: Decimals = field(default_factory=dict)
    round_outputs: Decimals = field(default_factory=dict)
    carries: frozenset[int] = frozenset()

    def rounding(self, what: str, decimals: Decimals) -> Forward:
        """The same with some `sums` or `outputs` rounded beside those that are."""
        if what == "sums":
            return replace(self, round_sums={**self.round_sums, **decimals})
        return replace(self, round_outputs={**self.round_outputs, **decimals})


@dataclass(frozen=True, eq=False)
class Pass:
    """What a forward pass leaves for the way back.

    Attributes
    ----------
    W, b : tuples of array (probes, fan_out, fan_in) and (probes, fan_out)
    z, a : tuples of array (probes, samples, units)
        Weighted sums of every layer of weights; activations, with the inputs first.
    t : array (probes, samples, outputs)
    functions : tuple of Function
    values : tuple of array
        Activations before a bias is added to them: a itself, but for biases outside.
    moved : tuple of array
        Weights as they are after the update, as far as they are known.
    """

    W: Layers
    b: Layers
    z: Layers
    a: Layers
    t: Floats
    functions: tuple[Function, ...]
    values: Layers
    moved: Sequence[Floats] = field(default_factory=tuple)

    @property
    def y(self) -> Floats:
        """Outputs."""
        return self.a[-1]

    def first(self, n: int) -> Pass:
        """The same of the first probes only."""
        W, b, z, a, values, moved = (
            tuple(part[:n] for part in layers)
            for layers in (self.W, self.b, self.z, self.a, self.values, tuple(self.moved))
        )
        return Pass(W, b, z, a, self.t[:n], self.functions, values, moved)

    @property
    def last(self) -> int:
        """Number of the output layer, counted from 0."""
        return len(self.W) - 1


def rounded(numbers: Floats, decimals: Decimals, layer: int) -> Floats:
    """Numbers of a layer as a program has them that rounds some layers."""
    return np.round(numbers, decimals[layer]) if layer in decimals else numbers


def run_forward(
    how: Forward, W: Layers, b: Layers, x: Floats, t: Floats, moved: Sequence[Floats] = (), before: Layers = ()
) -> Pass:
    """Outputs of the networks for samples x, and all that is computed before them.

    Parameters
    ----------
    before : tuple of array
        Activations of the call before, for a network that carries them over.
    """
    if how.carries and x.shape[1] > 1:
        return _in_turn(how, W, b, x, t, moved, before)
    z, values, a = [], [], [x]
    functions = tuple(FUNCTIONS[name] for name in how.functions)
    for k, function in enumerate(functions):
        total = np.einsum("poi,pni->pno", W[k], a[-1])
        if k not in how.outside:
            total = total + b[k][:, None]
        if k in how.carries and before:
            total = total + before[k + 1][:, -1:]
        total = rounded(total, how.round_sums, k)
        out = function.value(total)
        # What softmax puts out is never rounded.
        decimals = how.round_outputs if function.slope is not None else {}
        z.append(total)
        values.append(rounded(out, decimals, k))
        a.append(rounded(out + b[k][:, None] if k in how.outside else out, decimals, k))
    return Pass(W, b, tuple(z), tuple(a), t, functions, tuple(values), moved)


def _in_turn(how: Forward, W: Layers, b: Layers, x: Floats, t: Floats, moved: Sequence[Floats], before: Layers) -> Pass:
    """Samples one after the other, each carrying its activations over to the next."""
    passes: list[Pass] = []
    for n in range(x.shape[1]):
        last = tuple(part[:, -1:] for part in (passes[-1].a if passes else before))
        passes.append(run_forward(how, W, b, x[:, n : n + 1], t[:, n : n + 1], moved, last))
    z, a, values = (
        tuple(np.concatenate(parts, axis=1) for parts in zip(*(getattr(p, name) for p in passes), strict=True))
        for name in ("z", "a", "values")
    )
    return Pass(W, b, z, a, t, passes[0].functions, values, moved)
