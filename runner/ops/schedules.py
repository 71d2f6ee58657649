"""Schedules: how the learning rate, or the momentum, changes from epoch to epoch. One block is one schedule.

Each gives the factor of every epoch, by which the learning rates of all layers are multiplied, or the momentum; the
formulas and names are PyTorch's (torch.optim.lr_scheduler, 2.x, closed forms) where it has them. A kernel reads the
factors from an array, so that a new schedule is compiled into nothing. Each step is one IEEE operation per NumPy call:
the same bits on every processor. A schedule that follows a loss has no factors: what it does is in
`runner.kernels.schedules`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from runner.registry import NUMBER, Argument, Call, Registry, whole_number

Floats = NDArray[np.float64]

CONSTANT = "constant"
MOST_EPOCHS = 10**7
"""Epochs that a schedule may have: each takes eight bytes."""


@dataclass(frozen=True)
class Bound:
    """What an argument may be.

    Attributes
    ----------
    low, high : float
        Bounds, both included.
    whole : bool
        Whether it is a whole number.
    above : bool
        Whether `low` itself is left out.
    """

    low: float
    high: float = math.inf
    whole: bool = False
    above: bool = False

    @property
    def expected(self) -> str:
        """In words that follow "must be"."""
        what = "a whole number" if self.whole else "a number"
        lower = f" {'>' if self.above else '>='} {self.low:g}" if self.low > -math.inf else ""
        return f"{what}{lower}" + (f" and <= {self.high:,.0f}" if self.high < math.inf else "")

    def accepts(self, value: Argument) -> bool:
        """Whether a number is one."""
        if isinstance(value, str) or (self.whole and value != int(value)):
            return False
        return (self.low < value if self.above else self.low <= value) and value <= self.high

    @property
    def pattern(self) -> str:
        """Regular expression of the texts of valid numbers, for the JSON schema."""
        return whole_number(int(self.low), int(self.high)) if self.whole else NUMBER

    def read(self, value: float) -> float | int:
        """The valid `value` in the type that the schedule takes."""
        return int(value) if self.whole else float(value) + 0.0


@dataclass(frozen=True)
class Schedule:
    """A registered schedule.

    Attributes
    ----------
    name, doc : str
        As in a study; one line for the reference.
    factors : callable (epochs, *arguments) -> float64 array, or None
        Of each epoch, from 0 on; `epochs` is that array. The last one holds for all later epochs. None where they
        follow a loss.
    declared : mapping of str to Bound
        Names of its arguments, and what they may be.
    ends : callable (*arguments) -> int, optional
        The number of the epoch from which on its factor stays; none where it never does.
    source : str
        As of an activation.
    follows : str
        The column of the loss that the factor follows, from evaluation to evaluation; empty where it follows epochs.
    """

    name: str
    doc: str
    factors: Callable[..., Floats] | None
    declared: Mapping[str, Bound] = field(default_factory=lambda: MappingProxyType({}))
    ends: Callable[..., int] | None = None
    source: str = ""
    follows: str = ""

    @property
    def is_endless(self) -> bool:
        """Whether it has a factor of its own for every epoch there is."""
        return self.ends is None and not self.follows

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of its arguments."""
        return tuple(self.declared)

    @property
    def signature(self) -> str:
        """How it is called: `cosine(n)`."""
        return str(Call(self.name, self.parameters))


SCHEDULES: Registry[Schedule] = Registry("schedule")
_EPOCHS = Bound(1, MOST_EPOCHS, whole=True)
_POSITIVE = Bound(0, above=True)


def factors_of(schedule: Call, epochs: int) -> Floats:
    """Factors of the epochs of a run with so many; fewer where all that follow equal the last one.

    Returns
    -------
    float64 array (n,), n from 1 to `epochs`
        Not to be written to.
    """
    return _factors(schedule, epochs, SCHEDULES[schedule.name].source)


@lru_cache(maxsize=32)
def _factors(schedule: Call, epochs: int, source: str) -> Floats:
    """`factors_of`; `source` tells pieces of a user's own apart that have the same name."""
    record = SCHEDULES[schedule.name]
    assert record.factors is not None, "one that follows a loss has no factors"
    last = epochs - 1 if record.ends is None else min(epochs - 1, record.ends(*schedule.args))
    with np.errstate(over="ignore", under="ignore"):
        factors = record.factors(np.arange(last + 1, dtype=np.float64), *schedule.args)
    factors.flags.writeable = False
    return factors


def cosine_of_half_turns(x: Floats) -> Floats:
    """cos(pi x) for x from 0 to 1, to within 2e-16: the cosines of NumPy differ from processor to processor."""
    # cos(pi x) = sin(pi (1/2 - x)), exact where it is 0, 1 or -1; and sin(pi y) = cos(pi (1/2 - y)) for y beyond 1/4.
    away = 0.5 - x
    near = np.abs(away) <= 0.25
    angle = math.pi * np.where(near, away, 0.5 - np.abs(away))
    square = angle * angle
    return np.where(near, angle * _series(square, 1), np.copysign(_series(square, 0), away))


def _series(square: Floats, first: int) -> Floats:
    """The Taylor series of cos x (first 0), or of sin x / x (first 1), from x^2, within an eighth of a turn."""
    total = np.zeros_like(square)
    for k in reversed(range(10)):
        total = total * square
        total = total + (-1.0) ** k / math.factorial(2 * k + first)
    return total


def _powers(base: float, n: int) -> Floats:
    """base^0 to base^(n - 1), each from the one before."""
    powers = np.full(n, base)
    powers[0] = 1.0
    return np.multiply.accumulate(powers)


SCHEDULES.add(Schedule(CONSTANT, "It stays as it is.", lambda epochs: np.ones_like(epochs), ends=lambda: 0))


def _step(epochs: Floats, n: int, gamma: float) -> Floats:
    steps = np.floor_divide(epochs, n).astype(np.int64)
    return _powers(gamma, int(steps[-1]) + 1)[steps]


SCHEDULES.add(Schedule("step", "Times gamma after every n epochs (StepLR).", _step, {"n": _EPOCHS, "gamma": _POSITIVE}))
SCHEDULES.add(
    Schedule(
        "exponential",
        "Times gamma after every epoch (ExponentialLR).",
        lambda epochs, gamma: _powers(gamma, len(epochs)),
        {"gamma": _POSITIVE},
    )
)
SCHEDULES.add(
    Schedule(
        "inverse",
        "1 / (1 + epoch / tau): search, then converge (Darken and Moody, NIPS 1990).",
        lambda epochs, tau: 1.0 / (1.0 + epochs / tau),
        {"tau": _POSITIVE},
    )
)


def _search_converge(epochs: Floats, c: float, tau: float) -> Floats:
    t = epochs / tau
    top = 1.0 + c * t
    return top / (top + tau * (t * t))


SCHEDULES.add(
    Schedule(
        "search_converge",
        "(1 + c t) / (1 + c t + tau t^2) with t = epoch / tau: stays near 1 until tau, then falls as c / epoch "
        "(Darken, Chang and Moody, NNSP 1992, where c is divided by the learning rate).",
        _search_converge,
        {"c": _POSITIVE, "tau": _POSITIVE},
    )
)


def _cosine(epochs: Floats, n: int) -> Floats:
    place = np.mod(epochs, 2 * n)
    return (1.0 + cosine_of_half_turns(np.minimum(place, 2 * n - place) / n)) / 2.0


SCHEDULES.add(
    Schedule(
        "cosine",
        "Half a cosine from 1 to 0 within n epochs, and back after that (CosineAnnealingLR).",
        _cosine,
        {"n": _EPOCHS},
    )
)
SCHEDULES.add(
    Schedule(
        "linear",
        "In a line from a to b within n epochs, then b (LinearLR).",
        lambda epochs, a, b, n: a + (b - a) * (np.minimum(epochs, n) / n),
        {"a": Bound(0), "b": Bound(0), "n": _EPOCHS},
        ends=lambda a, b, n: n,
    )
)
SCHEDULES.add(
    Schedule(
        "warmup",
        "(epoch + 1) / n for the first n epochs, then 1.",
        lambda epochs, n: np.minimum(epochs + 1.0, n) / n,
        {"n": _EPOCHS},
        ends=lambda n: n - 1,
    )
)


def _one_cycle(epochs: Floats, n: int) -> Floats:
    return _two_halves(epochs, n, 1.0 / 25.0, 1.0, 1.0 / 25.0 / 1e4)


def _two_halves(epochs: Floats, n: int, first: float, middle: float, last: float) -> Floats:
    """By half a cosine from the first to the middle factor within 0.3 n epochs, and by another one to the last."""
    top, end = 0.3 * n - 1.0, n - 1.0
    begins = epochs <= top
    share = np.where(begins, epochs / top, (epochs - top) / (end - top))
    falling = cosine_of_half_turns(share) + 1.0
    return np.where(begins, middle + (first - middle) / 2.0 * falling, last + (middle - last) / 2.0 * falling)


SCHEDULES.add(
    Schedule(
        "one_cycle",
        "From 1/25 up to 1 within 0.3 n epochs and down to 4e-6 at epoch n, by cosines; then stays "
        "(OneCycleLR; for its momentum see cycle_momentum).",
        _one_cycle,
        {"n": Bound(4, MOST_EPOCHS, whole=True)},
        ends=lambda n: n - 1,
    )
)
SCHEDULES.add(
    Schedule(
        "cycle_momentum",
        "From 1 to b within 0.3 n epochs and back to 1 at epoch n, by cosines; then stays: the momentum of OneCycleLR, "
        "where momentum is its max_momentum and b = base_momentum / max_momentum.",
        lambda epochs, b, n: _two_halves(epochs, n, 1.0, b, 1.0),
        {"b": Bound(0), "n": Bound(4, MOST_EPOCHS, whole=True)},
        ends=lambda b, n: n - 1,
    )
)

_PLATEAU = {"factor": Bound(0, 1), "patience": Bound(0, MOST_EPOCHS, whole=True)}
SCHEDULES.add(
    Schedule(
        "plateau",
        "Times factor where the loss has not fallen for more than patience evaluations (ReduceLROnPlateau).",
        None,
        _PLATEAU,
        follows="loss",
    )
)
SCHEDULES.add(
    Schedule(
        "test_plateau",
        "The same by the loss of the held-out samples.",
        None,
        _PLATEAU,
        follows="test_loss",
    )
)
