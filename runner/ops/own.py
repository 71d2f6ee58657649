"""Pieces of a user's own: activations, losses, optimizers, initialisers and schedules that the package has not.

A piece is registered by a decorator of `runner.pieces`, and is then a member of its registry like any other: a study
names it, kernels for it compile apart, and the checks of `runner.testing` are for it too. Its record holds the hash of
the file that it was written in, so that results know by which one they were made.
"""

from __future__ import annotations

import hashlib
import inspect
import linecache
import math
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, TypeVar

import numpy as np

from runner.errors import Problem, StudyError, nearest
from runner.kernels.lanes.functions import lane_function
from runner.kernels.loops import activation_loop, slope_loop, stateless_update_loop, update_loop
from runner.ops.activations import ACTIVATIONS, Activation
from runner.ops.initializers import INITIALIZERS, Distribution, Initializer
from runner.ops.losses import LOSSES, Loss, Per
from runner.ops.optimizers import OPTIMIZERS, SETTINGS, Optimizer, no_tick
from runner.ops.schedules import SCHEDULES, Bound, Floats, Schedule
from runner.registry import Registry

F = TypeVar("F", bound=Callable[..., Any])

ENTRY_POINTS = "runner.pieces"
"""The group of entry points by which an installed package names modules with pieces."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_DIGITS = 16


@dataclass(frozen=True)
class SourceFile:
    """A file of pieces that was loaded.

    Attributes
    ----------
    name : str
        As the user named it.
    text : str
    """

    name: str
    text: str


_loaded: dict[str, SourceFile] = {}
# The hash of the file that is being loaded.
_loading: list[str] = []
# What registries held before that file registered something in them.
_before: list[tuple[Registry[Any], dict[str, Any]]] = []


def load_file(path: str | Path) -> None:
    """Register the pieces of a Python file; a file that is as it was when it was loaded before is not run again.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    StudyError
        When the file can not be read or run, or what it registers is no piece: one message, with its line.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StudyError([Problem(f"the pieces can not be read: {reason}", str(path))]) from None
    load_text(SourceFile(str(path), text))


def load_text(source: SourceFile) -> None:
    """Register the pieces of a file by its text, as `load_file` does."""
    digest = _digest(source.text)
    if digest in _loaded:
        return
    # Compiled kernels look for the module by its name.
    module = ModuleType(f"runner_pieces_{digest}")
    module.__file__ = source.name
    sys.modules[module.__name__] = module
    linecache.cache[source.name] = (len(source.text), None, source.text.splitlines(keepends=True), source.name)
    _loading.append(digest)
    try:
        with _undone_after_an_error():
            exec(compile(source.text, source.name, "exec"), module.__dict__)
    except SyntaxError as error:
        problem = Problem(f"{error.msg}", source.name, error.lineno, error.offset)
        raise StudyError([problem]) from None
    except Exception as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == source.name]
        what = str(error) if isinstance(error, PieceError) else f"{type(error).__name__}: {error}".rstrip(": ")
        raise StudyError([Problem(what, source.name, lines[-1] if lines else None)]) from None
    finally:
        _loading.pop()
    _loaded[digest] = source


@cache
def load_installed() -> None:
    """Register the pieces of installed packages, once in a process.

    Raises
    ------
    StudyError
        When one of them can not be imported.
    """
    for entry in metadata.entry_points(group=ENTRY_POINTS):
        try:
            entry.load()
        except Exception as error:
            what = f"the pieces of {entry.value} can not be loaded: {type(error).__name__}: {error}"
            raise StudyError([Problem(what)]) from None


def source_of(digest: str) -> SourceFile | None:
    """The file with this hash, if it was loaded as a file of pieces."""
    return _loaded.get(digest)


class PieceError(ValueError):
    """What is to be registered is no piece."""


def activation(
    name: str,
    *,
    slope: Callable[..., Any],
    low: float = -float("inf"),
    high: float = float("inf"),
    exact: bool = True,
) -> Callable[[F], F]:
    """Decorator: a function of the weighted sum z is an activation.

    Parameters
    ----------
    name : str
        Small letters, digits and underscores: what a study writes.
    slope : callable (z, a) -> da/dz
        Its derivative, of the weighted sum and of the activation itself.
    low, high : float
        A hidden unit counts as saturated at or beyond one of these; infinite where there is no limit.
    exact : bool
        False where the slope is something else than the derivative on purpose.
    """

    def register(function: F) -> F:
        loops = activation_loop(_part(function, 1)), slope_loop(_part(slope, 2))
        record = Activation(name, doc_of(function), *loops, low, high, exact=exact, source=source_hash(function))
        put(ACTIVATIONS, record)
        return function

    return register


def loss(
    name: str,
    *,
    slope: Callable[..., Any],
    factor: float = 1.0,
    per: Per = "elements",
    low: float = -float("inf"),
    high: float = float("inf"),
    classes: tuple[float, float] | None = None,
) -> Callable[[F], F]:
    """Decorator: a function (y, t) of an output and its target is a loss.

    Parameters
    ----------
    name : str
    slope : callable (y, t)
        Its derivative by y.
    factor : float
        Of the sum over samples and outputs.
    per : {"sum", "samples", "elements"}
        What the factor is divided by: nothing, the samples of the batch, or samples times outputs.
    low, high : float
        Targets must lie between these.
    classes : tuple of two floats, optional
        The only values that targets may have.
    """

    def register(function: F) -> F:
        if per not in ("sum", "samples", "elements"):
            raise PieceError(f"loss {name}: expected per as sum, samples or elements, found {per!r}")
        value = _part(function, 2)

        @lane_function
        def of_output(z: Any, y: Any, t: Any) -> Any:
            return value(y, t)

        limits: dict[str, Any] = {"low": low, "high": high, "classes": classes, "source": source_hash(function)}
        put(LOSSES, Loss(name, doc_of(function), of_output, _part(slope, 2), factor, per, **limits))
        return function

    return register


def optimizer(
    name: str,
    *,
    settings: Mapping[str, float] | None = None,
    tick: Callable[..., Any] | None = None,
    clock: tuple[float, float] = (0.0, 0.0),
    weight_decay: float = 0.0,
    needs_loss: bool = False,
) -> Callable[[F], F]:
    """Decorator: a function that changes a weight is an optimizer.

    It is (w, g, h, rate) -> w for a method that keeps nothing of a weight, and (w, g, s, h, c, rate) -> (w, s) for one
    that keeps two numbers `s`; `runner.ops.optimizers` tells what the letters are.

    Parameters
    ----------
    name : str
    settings : mapping of str to float, optional
        At most five of the settings that there are (`momentum`, `beta1`, ...), in the order of `h`, and their defaults.
    tick : callable (h, c, loss) -> c, optional
        Changes the clock `c`, two numbers of a run, once per update.
    clock : tuple of two floats
        The clock before the first update.
    weight_decay : float
        Default of the key `weight_decay`, which is `h[5]`.
    needs_loss : bool
        Whether `tick` uses the loss.
    """

    def register(function: F) -> F:
        chosen = dict(settings or {})
        for key in chosen:
            if key not in SETTINGS:
                known = f"known are {', '.join(SETTINGS)}"
                raise PieceError(f"optimizer {name}: unknown setting {key!r}{nearest(key, SETTINGS)}; {known}")
        if len(chosen) > 5:
            raise PieceError(f"optimizer {name}: expected at most five settings, found {len(chosen)}")
        keeps = len(inspect.signature(function).parameters) == 6
        update = _part(function, 6 if keeps else 4)
        ticking = _part(tick, 3) if tick is not None else no_tick if keeps else None
        loop = update_loop(update) if keeps else stateless_update_loop(update)
        record = Optimizer(
            name,
            doc_of(function),
            loop,
            MappingProxyType({key: float(value) for key, value in chosen.items()}),
            weight_decay,
            clock,
            keeps,
            needs_loss,
            source_hash(function),
            update=update,
            tick=ticking,
        )
        put(OPTIMIZERS, record)
        return function

    return register


def initializer(name: str, *, biases: bool = True, finish: Callable[..., None] | None = None) -> Callable[[F], F]:
    """Decorator: a function (fan_in, fan_out, ...) -> Distribution is an initialiser.

    Parameters
    ----------
    name : str
        What the function takes behind fan_in and fan_out are numbers in the parentheses of a study: `name(1, 0.5)`.
    biases : bool
        Whether it can be used for biases.
    finish : callable (weights, seeds, ...), optional
        Changes the drawn weights of a layer, a float64 array (runs, fan_out, fan_in), in place; by NumPy.
    """

    def register(function: F) -> F:
        names = tuple(inspect.signature(function).parameters)
        if len(names) < 2:
            raise PieceError(f"initialiser {name}: expected a function of fan_in, fan_out and perhaps more")
        fixed: Callable[..., Distribution] = function
        record = Initializer(name, doc_of(function), fixed, names[2:], biases, finish, source_hash(function))
        put(INITIALIZERS, record)
        return function

    return register


def schedule(name: str, *, ends: Callable[..., int] | None = None) -> Callable[[F], F]:
    """Decorator: a function (epochs, ...) -> factors is a schedule.

    It is given the epochs 0, 1, 2, ... of a run as an array, and gives an array with the factor of each.

    Parameters
    ----------
    name : str
        What the function takes behind the epochs are numbers in the parentheses of a study: `name(1, 0.5)`.
    ends : callable (...) -> int, optional
        From the same numbers to the epoch from which on the factor stays as it is.
    """

    def register(function: F) -> F:
        names = tuple(inspect.signature(function).parameters)
        if not names:
            raise PieceError(f"schedule {name}: expected a function of epochs and perhaps more")

        def factors(epochs: Floats, *args: float) -> Floats:
            found = np.array(function(epochs, *args), np.float64)
            if found.shape != epochs.shape:
                raise ValueError(f"schedule {name}: expected one factor for each epoch, found an array {found.shape}")
            return found

        declared = MappingProxyType(dict.fromkeys(names[1:], Bound(-math.inf)))
        put(SCHEDULES, Schedule(name, doc_of(function), factors, declared, ends, source_hash(function)))
        return function

    return register


def put(registry: Registry[Any], record: Any) -> None:
    """Register a piece, or the piece of this name as it is now."""
    if not isinstance(record.name, str) or not _NAME.fullmatch(record.name):
        raise PieceError(
            f"{registry.kind} {record.name!r}: expected a name of small letters, digits and underscores, "
            "which begins with a letter"
        )
    if record.name in registry and not registry[record.name].source:
        raise PieceError(f"{registry.kind} {record.name!r} is one of the package: give yours another name")
    if _loading:
        _before.append((registry, dict(registry)))
    registry.replace(record)


def _part(function: Callable[..., Any], n: int) -> Callable[..., Any]:
    """A function as a part of a kernel."""
    found = len(inspect.signature(function).parameters)
    if found != n:
        raise PieceError(f"{function.__name__}: expected a function of {n} arguments, found one of {found}")
    made: Callable[..., Any] = lane_function(function)
    return made


def doc_of(function: Callable[..., Any]) -> str:
    """The first line of its docstring."""
    return (inspect.getdoc(function) or "").split("\n")[0]


def source_hash(function: Callable[..., Any]) -> str:
    """The hash of the file that a function stands in; in a notebook, of its cell."""
    if _loading:
        return _loading[-1]
    try:
        lines = linecache.getlines(function.__code__.co_filename)
        return _digest("".join(lines) or inspect.getsource(function))
    except OSError:
        raise PieceError(f"{function.__name__}: its source is not to be found: write it in a file") from None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


@contextmanager
def _undone_after_an_error() -> Iterator[None]:
    """Take back what was registered when an error comes up: half a file is no file."""
    n_before = len(_before)
    try:
        yield
    except BaseException:
        for registry, records in reversed(_before[n_before:]):
            registry.reset(records)
        raise
    finally:
        del _before[n_before:]
