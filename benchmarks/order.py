"""What is to be measured, and the process that does it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.aspects import Fact
    from benchmarks.measure import Row

# Read when a library is imported.
_THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Order:
    """What one process measures.

    Attributes
    ----------
    cores : int
    works, aspects : sequence of str
    repeats : int
    seconds : float
        About as long as a program trains in one repeat.
    runs : int or None
        Networks that the project trains; default the item's.
    overrides : sequence of str
        Changes of the studies of works.
    peers : sequence of str
        Only these; default all.
    quick : bool
        Aspects do little work: to see that they run.
    """

    cores: int
    works: Sequence[str] = ()
    aspects: Sequence[str] = ()
    repeats: int = 5
    seconds: float = 0.2
    runs: int | None = None
    overrides: Sequence[str] = ()
    peers: Sequence[str] = ()
    quick: bool = False


@dataclass
class Found:
    """What was measured."""

    rows: list[Row] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def take(self, message: dict[str, Any]) -> None:
        """A line of the process that measures."""
        from benchmarks.aspects import Fact
        from benchmarks.measure import Row

        if message["kind"] == "row":
            self.rows.append(Row(**message["row"]))
        elif message["kind"] == "fact":
            self.facts.append(Fact(**message["fact"]))
        elif message["text"] not in self.notes:
            self.notes.append(message["text"])


def carry_out(order: Order, found: Found, progress: Callable[[str], None]) -> None:
    """Measure in a process of its own, and add to what was found.

    Raises
    ------
    RuntimeError
        When the process fails; what it said is on stderr.
    """
    threads = dict.fromkeys(_THREADS, str(order.cores))
    # Products of small matrices: threads of their own would only be in the way of those that share the runs.
    threads["OPENBLAS_NUM_THREADS"] = "1"
    command = (sys.executable, "-m", "benchmarks.child", json.dumps(asdict(order)))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **threads}) as process:
        assert process.stdout is not None
        for line in process.stdout:
            message = json.loads(line)
            found.take(message)
            if message["kind"] == "row":
                row = found.rows[-1]
                progress(f"{row.work} {row.precision} cores {row.cores} {row.peer}: {row.speed / 1e6:.3g} M/s")
            elif message["kind"] == "fact":
                progress(f"{found.facts[-1].what}: {found.facts[-1].value}")
    if process.returncode:
        raise RuntimeError(f"measuring on {order.cores} cores failed")
