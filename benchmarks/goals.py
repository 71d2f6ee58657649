"""What the project aims at: how many times as fast as a peer it should be, on one core.

What is judged is the kernel that a study of some minutes trains with: one that knows its network, where the project
makes one by itself, and the general one elsewhere. The other programs train only, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.measure import Row

# Not peers: the project itself; what a long study trains with is the first of the last two that there is.
OURS = ("runner", "special", "kernel")
_KERNELS = ("special", "kernel")
_C, _BY_HAND, _VMAP = ("c",), ("jax lanes",), ("jax vmap", "jax vmap all")
_PRECISIONS = ("float64", "float32")
_TIMES_C = {"xor": 1.4, "online": 1.2, "parity3": 1.3, "parity8": 1.1, "fractal": 1.1, "iris": 1.1, "digits": 1.0}
_TIMES_VMAP = 2.0


@dataclass(frozen=True)
class Goal:
    """At least `factor` times as fast as the fastest of `peers` at `work`."""

    work: str
    precision: str
    peers: tuple[str, ...]
    factor: float


GOALS = (
    *(Goal(work, precision, _C, factor) for work, factor in _TIMES_C.items() for precision in _PRECISIONS),
    Goal("xor", "float64", _BY_HAND, 2.4),
    Goal("xor", "float32", _BY_HAND, 1.9),
    *(Goal(work, precision, _VMAP, _TIMES_VMAP) for work in _TIMES_C for precision in _PRECISIONS),
)


@dataclass(frozen=True)
class Verdict:
    """How a goal came out.

    Attributes
    ----------
    goal : Goal
    peer, kernel : Row
        The fastest of its peers, and what a long study trains with.
    engine : Row or None
        A study through the engine, if that was measured.
    """

    goal: Goal
    peer: Row
    kernel: Row
    engine: Row | None

    @property
    def ratio(self) -> float:
        """How many times as fast as the peer the kernel is."""
        return self.peer.ratio(self.kernel)

    @property
    def is_met(self) -> bool:
        """Whether that is enough."""
        return self.ratio >= self.goal.factor


def base_of(row: Row, rows: Sequence[Row]) -> Row | None:
    """The project's row of the same work, precision and number of cores."""
    same = (row.work, row.precision, row.cores)
    return next((r for r in rows if r.peer == "runner" and (r.work, r.precision, r.cores) == same), None)


def judged(rows: Sequence[Row]) -> Iterator[Verdict]:
    """Every goal for which the project and one of the goal's peers were measured."""
    for goal in GOALS:
        there = {r.peer: r for r in rows if (r.work, r.precision, r.cores) == (goal.work, goal.precision, 1)}
        peers = [there[name] for name in goal.peers if name in there]
        kernel = next((there[name] for name in _KERNELS if name in there), None)
        if peers and kernel:
            yield Verdict(goal, min(peers, key=lambda row: row.ratio(kernel)), kernel, there.get("runner"))
