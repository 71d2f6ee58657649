"""Programs that do the same work: one module each, whose `PEERS` are found by `load_peers`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from benchmarks.work import Program, Work


class MissingError(ImportError):
    """What a program needs, and is no Python package, is not installed; the message says what."""


def _anything(work: Work) -> bool:
    return True


def _one(work: Work) -> int:
    return 1


@dataclass(frozen=True)
class Peer:
    """A program.

    Attributes
    ----------
    name, title : str
    prepare : callable (Work, int) -> Program
        For a number of cores. Everything that is not training happens here: layout of the weights, compilation.
    supports : callable (Work) -> bool
    block : callable (Work) -> int
        How many networks it trains at once; it is given a multiple of them.
    scales : bool
        Whether it can use more than one core.
    whole : bool
        Whether it goes by the plan of a work item, and so always trains all runs.
    tolerance : float
        Its losses may differ by so much, if the work item allows no more, where its formulas are others.
    checked : int or None
        Its losses are compared after so many epochs only, where its formulas part from the others' later on.
    outliers : float
        Share of networks whose losses may then differ all the same.
    remark : str
        What is to be said about it below the table.
    """

    name: str
    title: str
    prepare: Callable[[Work, int], Program]
    supports: Callable[[Work], bool] = _anything
    block: Callable[[Work], int] = _one
    scales: bool = True
    whole: bool = False
    tolerance: float = 0.0
    checked: int | None = None
    outliers: float = 0.0
    remark: str = ""


def in_threads(prepare: Callable[[Work], Program]) -> Callable[[Work, int], Program]:
    """A program that uses one core and frees the interpreter's lock, as one that trains a part of the runs per core."""

    def prepare_all(work: Work, cores: int) -> Program:
        if cores == 1:
            return prepare(work)
        ends = [work.runs * k // cores for k in range(cores + 1)]
        programs = [prepare(work.part(slice(a, b))) for a, b in pairwise(ends)]
        pool = ThreadPoolExecutor(cores)
        return Program(
            lambda: list(pool.map(lambda program: program.train(), programs)),
            lambda results: np.concatenate([p.losses(r) for p, r in zip(programs, results, strict=True)]),
        )

    return prepare_all


def one_hidden_layer(work: Work) -> bool:
    """For programs that are written out for one hidden layer."""
    return work.network.layers == 2


def load_peers() -> tuple[list[Peer], list[str]]:
    """Every program whose packages are installed, and what is to be said about the others."""
    peers, notes = [], []
    for module in pkgutil.iter_modules(__path__):
        try:
            peers += importlib.import_module(f"{__name__}.{module.name}").PEERS
        except ModuleNotFoundError as error:
            notes.append(f"{module.name} is left out: {error.name} is not installed")
        except MissingError as error:
            notes.append(f"{module.name} is left out: {error} is not installed")
    return sorted(peers, key=lambda peer: not peer.whole), notes
