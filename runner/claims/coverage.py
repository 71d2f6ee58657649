"""Whether the values that claims name occur in a study at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from runner.claims.grammar import Claim, Selection
from runner.consistency import LISTED
from runner.keys import KEYS, element
from runner.layout import Layout
from runner.ops import SETTINGS
from runner.wrong import Flaw

# What these are in a cell follows from other keys, and is not known before the cells are.
_DERIVED = frozenset({"bias_learning_rate", "weight_decay", "order", "evaluate_every", *SETTINGS})


def claim_faults(claims: Sequence[Claim], layout: Layout, silent: frozenset[str]) -> Iterator[Flaw]:
    """Values in `where` and `versus` that no cell has.

    Parameters
    ----------
    claims : sequence of Claim
    layout : Layout
        The cells of the study.
    silent : frozenset of str
        Keys that could not be read, or are given on the command line: nothing is said about them.
    """
    for i, claim in enumerate(claims):
        for side, selection in (("where", claim.where), ("versus", claim.versus)):
            for flaw in _never(selection, layout, silent):
                yield Flaw(f"{side}: {flaw.message}", ("claims", i, side, *flaw.path))


def _never(selection: Selection, layout: Layout, silent: frozenset[str]) -> Iterator[Flaw]:
    for key, wanted in selection.items():
        # Where an element of the initial weights is varied, the lists that there are stand nowhere.
        varied = key == "init" and any(element(name) is not None for name in layout.swept)
        if key not in KEYS or key == "seed" or key in _DERIVED or key in silent or varied:
            continue
        values = _values(layout, key)
        texts = [KEYS[key].text(value) or "none" for value in values if value is not None or key == "target_range"]
        tail = ", ..." if len(texts) > LISTED else ""
        which = f"its values are {', '.join(texts[:LISTED])}{tail}" if texts else "nothing gives it"
        for j, value in enumerate(wanted):
            if value not in values:
                item = (j,) if len(wanted) > 1 else ()
                yield Flaw(f"{key} is never {KEYS[key].text(value) or 'none'}; {which}", (key, *item))


def _values(layout: Layout, key: str) -> list[Any]:
    """All values of a key in the cells, those that are included one by one as well."""
    found = dict.fromkeys(layout.values(key))
    for row in layout.sweep.include:
        found.setdefault(row.get(key, layout.common(key)))
    return list(found)
