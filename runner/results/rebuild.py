"""Rewriting the table, of either store, and the rows set aside: each row is in some complete file at every moment."""

from __future__ import annotations

import os

import numpy as np

from runner.results.columns import Header, Indices, PlanLike
from runner.results.files import ORPHANS, TABLE, io_errors, sync_folder, write_all
from runner.results.held import Held
from runner.results.inventory import IN_PARTS, NO_PLACE, Inventory, gather
from runner.results.part_file import Form, key_kinds
from runner.results.row_file import RowFile
from runner.results.staging import Staging, part_bounds

# Rows that are copied together: few enough to stay in the cache of a core between reading and writing.
_BLOCK = 1 << 12


def rebuild_table(held: Held, state: Inventory, header: bytes, places: Indices) -> None:
    """Write the table anew: the rows at some places, in that order."""
    with held.replacing(TABLE) as descriptor:
        write_all(descriptor, header)
        _copy(descriptor, state, places)


def rebuild_parts(held: Held, state: Inventory, plan: PlanLike, header: Header, label: str) -> None:
    """Move every row there is into parts, in the plan's order; parts that hold what they should stay as they are."""
    form, old = Form(header, key_kinds(plan, header)), state.parts
    alike = old.manifest is not None and dict(old.manifest.kinds) == form.all_kinds
    staging = Staging(held, form)
    for number, bounds in enumerate(part_bounds(len(plan.seeds), plan.n_runs)):
        groups = [places[places != NO_PLACE] for places in (state.place[first:last] for first, last in bounds)]
        places = np.concatenate(groups)
        if not len(places):
            continue
        there = alike and bool((places >= IN_PARTS).all())
        if part := old.whole_part(number, places - IN_PARTS) if there else None:
            staging.keep(part)
        else:
            staging.write(number, (b"".join(gather(state, group)) for group in groups if len(group)))
    if staging.n_new or old.manifest is None or list(old.manifest.parts) != staging.parts:
        staging.finish(label)
    else:
        staging.discard()


def keep_orphans(held: Held, state: Inventory, header: bytes) -> None:
    """Append the rows that the study no longer has to those set aside before; the table still has them."""
    new = places_of_new_orphans(state)
    if not len(new):
        return
    descriptor = held.open(ORPHANS, os.O_RDWR | os.O_CREAT)
    with io_errors(state.orphans.path):
        try:
            os.ftruncate(descriptor, state.orphans.rows.end)
            os.lseek(descriptor, 0, os.SEEK_END)
            if not state.orphans.rows.end:
                write_all(descriptor, header)
            _copy(descriptor, state, new)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_folder(held.descriptor)


def places_of_new_orphans(state: Inventory) -> Indices:
    """Places of the rows that the study no longer has, and that have not been set aside before."""
    if not len(state.orphan_ids):  # as in almost every start, which is spared an import of NumPy's masked arrays
        return np.empty(0, np.int64)
    _, firsts = np.unique(state.orphan_ids, return_index=True)
    firsts = np.sort(firsts)  # each once: a row may be both in the table and in the journal
    # By sorting: NumPy 2.0.0 cannot make a table of numbers beyond 2^63.
    places: Indices = state.to_orphans[firsts[~np.isin(state.orphan_ids[firsts], state.orphans.rows.ids, kind="sort")]]
    return places


def forget_adopted(held: Held, state: Inventory, header: bytes) -> None:
    """Drop from the rows set aside those that the study has again: they stand in the table now."""
    if not (state.index.find(state.orphans.rows.ids) >= 0).any():
        return
    held.check()
    aside = RowFile(state.orphans.path, header)
    others = np.flatnonzero(state.index.find(aside.rows.ids) < 0)
    if not len(others):
        held.drop(ORPHANS)
        with io_errors(aside.path, "remove"):
            os.unlink(ORPHANS, dir_fd=held.descriptor)
            sync_folder(held.descriptor)
        return
    with held.replacing(ORPHANS) as descriptor:
        write_all(descriptor, header)
        for start in range(0, len(others), _BLOCK):
            for piece in aside.segments(others[start : start + _BLOCK]):
                write_all(descriptor, piece)


def _copy(descriptor: int, state: Inventory, places: Indices) -> None:
    """Write the rows at some places."""
    for start in range(0, len(places), _BLOCK):
        write_all(descriptor, b"".join(gather(state, places[start : start + _BLOCK])))
