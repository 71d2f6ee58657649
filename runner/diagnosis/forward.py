"""The forward pass in plain NumPy, of many networks at once: arrays are (probes, samples, units)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from runner.diagnosis.functions import FUNCTIONS, Floats, Function

Layers = tuple[Floats, ...]


@dataclass(frozen=True)
class Forward:
    """How a network makes outputs of its inputs.

    Attributes
    ----------
    functions : tuple of str
        Activation of every layer of weights, the outputs' last.
    outside : bool
        Whether a bias is added to the activation instead of the weighted sum.
    round_sums, round_outputs : int or None
        Decimals to which weighted sums and activations are rounded.
    carries : bool
        Whether a weighted sum starts from the unit's activation in the call before.
    """

    functions: tuple[str, ...]
    outside: bool = False
    round_sums: int | None = None
    round_outputs: int | None = None
    carries: bool = False


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
        if not how.outside:
            total = total + b[k][:, None]
        if how.carries and before:
            total = total + before[k + 1][:, -1:]
        if how.round_sums is not None:
            total = np.round(total, how.round_sums)
        out = function.value(total)
        if how.round_outputs is not None:
            out = np.round(out, how.round_outputs)
        z.append(total)
        values.append(out)
        a.append(out + b[k][:, None] if how.outside else out)
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
