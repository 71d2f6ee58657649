"""Which runs were being trained when a process died: a file of notes beside the table, which the next start reads.

A block can kill its process: it takes more memory than there is, or runs into a mistake of the compiler. At the next
start it would be begun first once more, and no other run would ever be trained. So its runs come last then. If the
process dies once more, they come last and alone; and if it dies a third time, they are runs that have failed.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from runner.studies.plan import Plan

BEGUN = "begun.json"
MOST_DEATHS = 3
REASON = "Killed: the process died three times while it trained this run (too little memory?)"

# Beyond it the file is begun anew.
_MOST_BYTES = 1 << 20

Runs = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Suspects:
    """Runs of one block.

    Attributes
    ----------
    runs : int64 array
        Their numbers in the plan, ascending.
    deaths : int
        How many processes in a row have died while they trained these runs.
    """

    runs: Runs
    deaths: int


class Begun:
    """The blocks that are being trained now, and those that earlier processes have begun and never ended.

    Notes are a help and no more: where they can not be written, training goes on without them.

    Parameters
    ----------
    folder : Path
        The folder of results, whose lock is held.
    plan : Plan
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._path = folder / BEGUN
        study = plan.study
        content = json.dumps([study.text, *study.overrides, plan.n_runs])
        self._study = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        self._now: dict[int, Runs] = {}
        self._descriptor: int | None = None
        self._size = 0
        self.suspects = _suspects(self._path, self._study, plan.n_runs)

    def begin(self, block: int, runs: Runs) -> None:
        """Note that a block of these runs is handed to a thread."""
        self._now[block] = runs = np.sort(runs)
        if self._descriptor is None or self._size > _MOST_BYTES:
            self._rewrite()
        else:
            self._append({"begin": block, "runs": _text(runs)})

    def end(self, block: int) -> None:
        """Note that a block has come back."""
        runs = self._now.pop(block)
        self.suspects = [each for each in self.suspects if not _meet(each.runs, runs)]
        self._append({"end": block})

    def close(self) -> None:
        """Remove the notes, or keep those of suspects that were not trained now: this process ends in order."""
        self._now.clear()
        if self.suspects:
            self._rewrite()
        else:
            with contextlib.suppress(OSError):
                self._path.unlink()
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None

    def _rewrite(self) -> None:
        """Begin the file anew with what is true now; it need not survive a loss of power, only the process."""
        with contextlib.suppress(OSError):
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o666)
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            self._size = 0
            before = [[_text(each.runs), each.deaths] for each in self.suspects]
            self._append({"study": self._study, "before": before})
            for block, runs in self._now.items():
                self._append({"begin": block, "runs": _text(runs)})

    def _append(self, note: dict[str, Any]) -> None:
        """Write one note: a line."""
        line = f"{json.dumps(note)}\n".encode()
        self._size += len(line)
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.write(self._descriptor, line)


def _suspects(path: Path, study: str, n_runs: int) -> list[Suspects]:
    """What the notes of a process that died tell; nothing when they are about another study, or damaged."""
    begun: dict[int, Runs] = {}
    try:
        head, *notes = [json.loads(line) for line in path.read_bytes().splitlines()]
        if head["study"] != study:
            return []
        found = [Suspects(_runs(text, n_runs), int(deaths)) for text, deaths in head["before"]]
        for note in notes:
            if "begin" in note:
                begun[note["begin"]] = _runs(note["runs"], n_runs)
            else:
                ended = begun.pop(note["end"])
                found = [each for each in found if not _meet(each.runs, ended)]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return []
    for runs in begun.values():
        together = [each for each in found if _meet(each.runs, runs)]
        found = [each for each in found if each not in together]
        found.append(Suspects(runs, 1 + max((each.deaths for each in together), default=0)))
    return found


def _meet(some: Runs, others: Runs) -> bool:
    """Whether two blocks have a run in common."""
    return bool(np.isin(some, others, kind="sort").any())


def _text(runs: Runs) -> str:
    """Ascending numbers as the first and the last of those that follow each other, 64 bits each."""
    starts = np.flatnonzero(np.diff(runs, prepend=-2) != 1)
    ends = np.append(starts[1:], len(runs)) - 1
    return base64.b64encode(np.stack([runs[starts], runs[ends]], axis=1).astype("<i8").tobytes()).decode()


def _runs(text: str, n_runs: int) -> Runs:
    """The numbers that a text stands for; ValueError when the plan does not have them."""
    ranges = np.frombuffer(base64.b64decode(text, validate=True), "<i8").reshape(-1, 2)
    firsts, lasts = ranges.T
    if not ((firsts >= 0) & (firsts <= lasts) & (lasts < n_runs)).all() or (np.diff(ranges.ravel()) < 0).any():
        raise ValueError(text)
    return np.concatenate([np.empty(0, np.int64), *(np.arange(first, last + 1) for first, last in ranges)])


def in_turn(suspects: Sequence[Suspects], size: Callable[[int], int]) -> Iterator[tuple[Runs, bool]]:
    """What is trained after all other runs, and whether alone: small networks first, as large ones take the memory.

    Parameters
    ----------
    suspects : sequence of Suspects
    size : callable
        From the number of a run to the size of its network.
    """
    sized = sorted(((size(int(each.runs[-1])), each) for each in suspects), key=itemgetter(0))
    for _, alike in groupby((pair for pair in sized if pair[1].deaths == 1), key=itemgetter(0)):
        yield np.unique(np.concatenate([each.runs for _, each in alike])), False
    for _, each in sized:
        if each.deaths > 1:
            yield each.runs, True
