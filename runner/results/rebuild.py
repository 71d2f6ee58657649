"""Rewriting the table and the rows set aside, each row being in some complete file at every moment."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from runner.results.columns import Indices
from runner.results.files import TABLE, io_errors, replacing, sync_folder, write_all
from runner.results.inventory import NO_PLACE, ORPHANS, Inventory, RowFile, gather

_BLOCK = 1 << 15


def rebuild_table(folder: Path, state: Inventory, header: bytes) -> None:
    """Write the table anew: every row there is, in the plan's order."""
    runs = np.flatnonzero(state.place != NO_PLACE)
    with replacing(folder / TABLE) as descriptor:
        write_all(descriptor, header)
        _copy(descriptor, state, state.place[runs])


def keep_orphans(folder: Path, state: Inventory, header: bytes) -> None:
    """Append the rows that the study no longer has to those set aside before; the table still has them."""
    _, firsts = np.unique(state.orphan_ids, return_index=True)
    firsts = np.sort(firsts)  # each once: a row may be both in the table and in the journal
    new = firsts[~np.isin(state.orphan_ids[firsts], state.orphans.rows.ids)]
    if not len(new):
        return
    path = folder / ORPHANS
    with io_errors(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            os.ftruncate(descriptor, state.orphans.rows.end)
            os.lseek(descriptor, 0, os.SEEK_END)
            if not state.orphans.rows.end:
                write_all(descriptor, header)
            _copy(descriptor, state, state.to_orphans[new])
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_folder(folder)


def forget_adopted(folder: Path, state: Inventory, header: bytes) -> None:
    """Drop from the rows set aside those that the study has again: they stand in the table now."""
    if not (state.index.find(state.orphans.rows.ids) >= 0).any():
        return
    path = folder / ORPHANS
    aside = RowFile(path, header)
    others = np.flatnonzero(state.index.find(aside.rows.ids) < 0)
    if not len(others):
        with io_errors(path, "remove"):
            path.unlink()
            sync_folder(folder)
        return
    with replacing(path) as descriptor:
        write_all(descriptor, header)
        for start in range(0, len(others), _BLOCK):
            for piece in aside.segments(others[start : start + _BLOCK]):
                write_all(descriptor, piece)


def _copy(descriptor: int, state: Inventory, places: Indices) -> None:
    """Write the rows at some places."""
    for start in range(0, len(places), _BLOCK):
        write_all(descriptor, b"".join(gather(state, places[start : start + _BLOCK])))
