"""Mutation: random pairs of faults on random shapes, each restated in plain NumPy, are named and nothing else is.

The whole measurement, with the share that is named exactly, is `pytest -m slow tests/diagnosis/test_mutation.py -s`.
"""

from __future__ import annotations

from collections import Counter

import pytest
from support.mutation import diagnosed, judged, pairs, written

# Pairs of a seed of their own, so that what was mended for the measurement is not all that is tested.
FEW, MANY = 24, 200


def shown(cell: object) -> str:
    return "-".join(written(fault) for fault in cell.faults)  # type: ignore[attr-defined]


@pytest.mark.parametrize("cell", list(pairs(FEW, seed=1)), ids=shown)
def test_what_is_named_of_a_pair_is_there(cell: object) -> None:
    found = judged(cell, diagnosed(cell))
    assert found.kind != "wrong", found.named


@pytest.mark.slow
def test_pairs_are_named_exactly_and_none_wrongly() -> None:
    kinds: Counter[str] = Counter()
    for cell in pairs(MANY):
        found = judged(cell, diagnosed(cell))
        kinds[found.kind] += 1
        if found.kind in ("wrong", "not known"):
            print(found.kind, "-".join(map(str, cell.architecture)), shown(cell), "->", found.named)
    print(kinds)
    assert kinds["wrong"] == 0
    assert kinds["exact"] + kinds["same"] >= 0.95 * MANY
