"""A part of a table as the task of one worker: it trains the part's runs and writes them into the shared folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from runner.cluster.tasks import Errand, own_name, plan_of
from runner.errors import Refused

if TYPE_CHECKING:
    from runner.results.staging import Staged

TOKEN = "token"
"""File by which a worker knows the folder that the client sees."""


@dataclass(frozen=True)
class Place:
    """Where workers write.

    Attributes
    ----------
    folder : Path
        Absolute, and the same on all machines.
    word : str
        What stands in its file `token`.
    pyarrow : str
        The version of the package that writes a part; the bytes of a part depend on it.
    """

    folder: Path
    word: str
    pyarrow: str


@dataclass(frozen=True)
class PartErrand:
    """What a worker needs to write parts of a study.

    Attributes
    ----------
    errand : Errand
    place : Place
    kinds : dict of str to str
        As what the parts keep each key.
    """

    errand: Errand
    place: Place
    kinds: dict[str, str]


@dataclass(frozen=True)
class PartAnswer:
    """What became of a part.

    Attributes
    ----------
    staged : Staged or None
        None where it has no row.
    failed : list of (int64 array, str)
        Runs that could not be trained, and why.
    updates : int
        Changes of weights that were made.
    """

    staged: Staged | None
    failed: list[tuple[NDArray[np.int64], str]]
    updates: int


def find_obstacle(place: Place) -> str:
    """What keeps this process from writing parts into a folder; "" for nothing."""
    from runner.results.files import write_all
    from runner.results.part_file import pyarrow_version

    if (there := pyarrow_version()) != place.pyarrow:
        return f"pyarrow is {place.pyarrow} here and {there or 'not installed'} there"
    try:
        if (place.folder / TOKEN).read_text() != place.word:
            return "what it sees there is another folder"
        trial = place.folder / f"trial-{os.urandom(8).hex()}"
        descriptor = os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            write_all(descriptor, place.word.encode())
        finally:
            os.close(descriptor)
            trial.unlink()
    except OSError as error:
        return f"{error.strerror}: {error.filename}"
    return ""


def train_part(errand: PartErrand, number: int, bounds: list[NDArray[np.int64]]) -> PartAnswer:
    """Train the runs of a part and write it, on a worker.

    Parameters
    ----------
    errand : PartErrand
    number : int
        Of the part in the plan.
    bounds : list of int64 array (2,)
        First run of each of its row groups, and the one behind its last.

    Raises
    ------
    Refused
        When this process does not see the folder, or may give other bytes than the one that asks.
    """
    from runner.measurements import RECORD_COLUMNS
    from runner.results.columns import standard_header
    from runner.results.part_file import Form
    from runner.results.row_text import RowText
    from runner.results.staging import stage_part
    from runner.training.blocks.packing import turns_between
    from runner.training.engine import train_turns

    if obstacle := find_obstacle(errand.place):
        raise Refused(refusal(own_name(), errand.place, obstacle))
    plan, header = plan_of(errand.errand), standard_header()
    first, last = int(bounds[0][0]), int(bounds[-1][1])
    records = np.empty((last - first, len(RECORD_COLUMNS)))
    trained = np.zeros(last - first, np.bool_)
    failed, updates = [], 0
    for result in train_turns(plan, turns_between(plan, first, last), threads=1):
        updates += result.updates
        if result.error is not None:
            failed.append((result.runs, result.error))
            continue
        records[result.runs - first] = result.records
        trained[result.runs - first] = True
    text = RowText(plan, header)
    groups = [begin + np.flatnonzero(trained[begin - first : end - first]) for begin, end in bounds]
    texts = (text.rows(runs, records[runs - first])[1] for runs in groups if len(runs))
    # Another worker may be at the same part: one that was given up for lost.
    unfinished = f"unfinished-{os.urandom(8).hex()}"
    form = Form(header, errand.kinds)
    staged = stage_part(errand.place.folder, unfinished, form, number, texts) if trained.any() else None
    return PartAnswer(staged, failed, updates)


def refusal(worker: str, place: Place, obstacle: str) -> str:
    """What is said of a worker that can not write parts."""
    return (
        f"{worker} can not write parts into {place.folder.parent.parent}: {obstacle}; with --write workers all of them "
        "need pyarrow, and that folder under this path: mount it there, or leave out --write workers"
    )
