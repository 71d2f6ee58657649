"""How a program holds its weights, and the same as the runner has them: W (fan_out, fan_in) and b (fan_out,)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np

from runner.diagnosis.functions import Floats

Given = tuple[list[Any], list[Any] | None]
Network = tuple[list[Floats], list[Floats]]


@dataclass(frozen=True)
class Layout:
    """Where weights and biases of a program lie.

    Attributes
    ----------
    transposed : bool
        Whether weights are (fan_in, fan_out).
    biases : str
        `vector`, `column`, `row`, `single` (one number a layer), `none` (the program has none), or a part of the
        weights: `first` or `last`, the weight of an input that is always 1.
    sign : int
        -1 where a bias is a threshold, or the weight of an input that is always -1.
    dtype : str
        Of the weights: what is sent is rounded to it.
    """

    transposed: bool = False
    biases: str = "vector"
    sign: int = 1
    dtype: str = "float64"

    def give(self, network: Network) -> Given:
        """The runner's weights as the program has them."""
        weights, biases = network
        if self.biases in ("first", "last"):
            parts = [(self.sign * b[:, None], W) for W, b in zip(weights, biases, strict=True)]
            weights = [np.hstack(pair if self.biases == "first" else pair[::-1]) for pair in parts]
        weights = [np.array(W.T if self.transposed else W, self.dtype, order="C") for W in weights]
        shape = {"column": (-1, 1), "row": (1, -1)}.get(self.biases, (-1,))
        if self.biases in ("first", "last", "none"):
            return weights, None
        if self.biases == "single":
            return weights, [np.array(self.sign * b[:1], self.dtype) for b in biases]
        return weights, [np.array(self.sign * b, self.dtype).reshape(shape) for b in biases]

    def take(self, given: Given, sizes: Sequence[int]) -> Network | None:
        """The program's weights as the runner has them; None where they are of other shapes."""
        weights, biases = given
        taken: Network = ([], [])
        within = self.biases in ("first", "last")
        if len(weights) != len(sizes) - 1:
            return None
        for k, (fan_in, fan_out) in enumerate(pairwise(sizes)):
            W = np.asarray(weights[k])
            if W.dtype.kind not in "fiub":
                return None
            W = W.astype(float).T if self.transposed else W.astype(float)
            if W.shape != (fan_out, fan_in + within):
                return None
            b = np.zeros(fan_out)
            if within:
                b, W = (W[:, 0], W[:, 1:]) if self.biases == "first" else (W[:, -1], W[:, :-1])
            elif self.biases != "none" and biases is not None:
                if len(biases) != len(weights) or np.size(biases[k]) != (1 if self.biases == "single" else fan_out):
                    return None
                b = np.broadcast_to(np.ravel(np.asarray(biases[k], float)), fan_out)
            taken[0].append(W)
            taken[1].append(self.sign * b)
        return taken

    def exact(self, network: Network) -> Network:
        """A network whose numbers the program can hold without rounding them."""
        return tuple([np.asarray(part, self.dtype).astype(float) for part in parts] for parts in network)  # type: ignore[return-value]


def fitting(example: Given | None, sizes: Sequence[int]) -> Iterator[Layout]:
    """Layouts that weights can have, the plainest first.

    Parameters
    ----------
    example : weights and biases, or None
        What the program's own `initial` gives.
    sizes : sequence of int
        Units of every layer.
    """
    dtype = "float64"
    if example is not None:
        arrays = [np.asarray(part) for part in example[0]]
        dtype = str(arrays[0].dtype) if arrays and arrays[0].dtype.kind == "f" else dtype
    forms = ("vector", "column", "row", "single", "none", "last", "first")
    for sign, biases, transposed in product((1, -1), forms, (False, True)):
        layout = Layout(transposed, biases, sign, dtype)
        if biases == "none" and sign < 0:
            continue
        if example is None or (_same_kind(example[1], biases) and layout.take(example, sizes) is not None):
            yield layout


def _same_kind(biases: Any, kind: str) -> bool:
    if kind in ("none", "first", "last"):
        return biases is None or len(biases) == 0
    if biases is None or len(biases) == 0:
        return False
    shapes = [np.shape(b) for b in biases]
    match kind:
        case "vector":
            return all(len(s) == 1 for s in shapes)
        case "column":
            return all(len(s) == 2 and s[1] == 1 for s in shapes)
        case "row":
            return all(len(s) == 2 and s[0] == 1 for s in shapes)
    return all(np.prod(s) == 1 for s in shapes)
