"""What the symbols in formulas mean: a legend of those that occur."""

from __future__ import annotations

import re
from collections.abc import Iterable

# A symbol, how it is written in formulas, and what it means; i, j and k are explained together.
_SYMBOLS: tuple[tuple[str, str, str], ...] = (
    ("x", r"\bx(_|\b)", "input"),
    ("y", r"\by(_|\b)", "output"),
    ("t", r"\bt(_|\b)", "target"),
    ("E", r"\bE\b(?! =)|dE/", "loss"),
    ("a", r"\ba(_|\b)", "activation, what a unit puts out; of the inputs, x"),
    ("z", r"\bz(_|\b)", "weighted sum of a unit: W x + b"),
    ("f", r"\bf\(", "activation function: a = f(z)"),
    ("f'", r"\bf'", "its slope"),
    ("F'", r"\bF'", "the slope of another activation function"),
    ("e", r"\be(_|\b)", "dE/da, the error that comes to a unit"),
    ("d", r"\bd(_|\b)", "dE/dz = f' e, the error of a unit after its slope"),
    ("w, W", r"\b[wW](_|\b)", "weight; w_ji leads from unit i to unit j, w_kj from unit j to unit k"),
    ("b", r"\bb(_|\b)", "bias"),
    ("g", r"\bg(_|\b)", "gradient dE/dw of a weight, or dE/db of a bias"),
    ("h", r"\bh\b", "learning rate"),
    ("s", r"\bs = s", "sum of all gradients so far"),
    ("v", r"\bv\b", "what momentum remembers"),
    ("m", r"\bm v\b", "momentum"),
    ("N", r"\bN\b", "number of samples"),
)
_INDICES = r"_k?[ij]|sum_[ijk]"


def legend(formulas: Iterable[str]) -> list[tuple[str, str]]:
    """The symbols of some formulas, each with what it means, in the order of an update."""
    text = "\n".join(formulas)
    found = [(symbol, means) for symbol, pattern, means in _SYMBOLS if re.search(pattern, text)]
    if re.search(_INDICES, text):
        found.append(("i, j, k", "a unit of the layer below, of the layer itself, of the layer above"))
    return found
