"""Programs that do the same work: one module each, whose `PEERS` are found by `load_peers`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.work import Program, Work


@dataclass(frozen=True)
class Peer:
    """A program.

    Attributes
    ----------
    name, title : str
    prepare : callable (Work) -> Program
        Everything that is not training happens here: layout of the weights, compilation.
    supports : callable (Work) -> bool
    cost : float
        Roughly how many times as long as the project it takes for the same work; it trains as many networks fewer.
    """

    name: str
    title: str
    prepare: Callable[[Work], Program]
    supports: Callable[[Work], bool]
    cost: float


def one_hidden_layer(work: Work) -> bool:
    """Whether this is full-batch gradient descent on half_sse for sigmoid units, one hidden layer of them."""
    cell = work.plan.cell(0)
    wanted = {
        "activation": "sigmoid",
        "output": "sigmoid",
        "loss": "half_sse",
        "optimizer": "sgd",
        "batch": "full",
        "bias": "trained",
        "rule": "backprop",
        "parameterization": "standard",
        "weight_decay": 0.0,
        "bias_learning_rate": cell.learning_rate,
    }
    return len(work.sizes) == 3 and all(getattr(cell, key) == value for key, value in wanted.items())


def load_peers() -> tuple[list[Peer], list[str]]:
    """Every program whose packages are installed, and what is to be said about the others."""
    peers, notes = [], []
    for module in pkgutil.iter_modules(__path__):
        try:
            peers += importlib.import_module(f"{__name__}.{module.name}").PEERS
        except ModuleNotFoundError as error:
            notes.append(f"{module.name} is left out: {error.name} is not installed")
    return sorted(peers, key=lambda peer: peer.cost), notes
