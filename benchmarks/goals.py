"""What the project aims at: how many times as fast as a peer it should be, on one core."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.measure import Row

# Not peers: the project itself.
OURS = ("runner", "kernel")
BEST = "the best peer"


@dataclass(frozen=True)
class Goal:
    """At least `factor` times as fast as `peer` at `work`."""

    work: str
    precision: str
    peer: str
    factor: float


def _both(work: str, peer: str, factor: float) -> tuple[Goal, Goal]:
    return Goal(work, "float64", peer, factor), Goal(work, "float32", peer, factor)


GOALS = (
    Goal("xor", "float64", "jax vmap", 10.0),
    Goal("xor", "float32", "jax vmap", 18.0),
    *_both("xor", "jax lanes", 5.0),
    *_both("xor", "c", 1.2),
    *_both("online", BEST, 3.0),
    *_both("parity3", BEST, 3.0),
    *_both("parity8", BEST, 3.0),
    *_both("fractal", "jax vmap", 18.0),
    *_both("iris", BEST, 3.0),
    *_both("digits", BEST, 1.5),
)


def base_of(row: Row, rows: Sequence[Row]) -> Row | None:
    """The project's row of the same work, precision and number of cores."""
    same = (row.work, row.precision, row.cores)
    return next((r for r in rows if r.peer == "runner" and (r.work, r.precision, r.cores) == same), None)


def judged(rows: Sequence[Row]) -> Iterator[tuple[Goal, str, float]]:
    """Every goal whose work was measured, the title of the peer, and how many times as fast the project is."""
    for goal in GOALS:
        there = [r for r in rows if (r.work, r.precision, r.cores) == (goal.work, goal.precision, 1)]
        peers = [r for r in there if r.peer == goal.peer or (goal.peer == BEST and r.peer not in OURS)]
        base = next((r for r in there if r.peer == "runner"), None)
        if peers and base:
            hardest = min(peers, key=lambda row: row.ratio(base))
            yield goal, hardest.title, hardest.ratio(base)
