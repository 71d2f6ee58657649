"""What must hold across a whole study: what is missing, what nothing uses, and whether the networks fit the data."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from runner.keys.definitions import BUDGETS, KEYS, element
from runner.keys.issues import Issue, Step
from runner.ops import OPTIMIZERS, SETTINGS
from runner.study.checks import CHECKS, combination_issues, places
from runner.study.claims.grammar import Claim, Selection
from runner.sweep.axes import Axes
from runner.sweep.space import SweepSpace

LISTED = 12
"""Values of an axis that a message lists, at most."""


def study_issues(layout: SweepSpace, unknown: frozenset[str], overridden: frozenset[str]) -> Iterator[Issue]:
    """Everything wrong with a study whose values are right one by one, data sets apart.

    Parameters
    ----------
    layout : SweepSpace
    unknown : frozenset of str
        Keys whose values could not be read: nothing is said about them.
    overridden : frozenset of str
        Keys given on the command line: it is fine when they leave a condition or a setting without use.
    """
    yield from _elements(layout, unknown)
    yield from _missing(layout, unknown)
    if not unknown.intersection(BUDGETS):
        yield from _budgets(layout)
    yield from combination_issues(layout, tuple(c for c in CHECKS if not unknown.intersection(c.keys)))
    yield from _unused_settings(layout, unknown | overridden)
    yield from _conditions(layout, unknown | overridden)


def _missing(layout: SweepSpace, unknown: frozenset[str]) -> Iterator[Issue]:
    for key in (key.name for key in KEYS.values() if key.required):
        if key in layout.base or key in unknown:
            continue
        if not layout.axes_of(key):
            yield Issue(f"{key} is missing")
        elif not layout.is_everywhere(key) and layout.bare.possible(_absent(layout, key)):
            yield Issue(f"{key} is missing where no when gives it")
        for i, row in enumerate(layout.sweep.include):
            if key not in row and layout.axes_of(key):
                yield Issue(f"include: {key} is missing here and at the top", ("sweep", "include", i))


def _absent(layout: SweepSpace, *keys: str) -> dict[int, frozenset[int]]:
    """The rule that no axis gives these keys."""
    return {at: frozenset([len(layout.axes[at].rows)]) for key in keys for at in layout.axes_of(key)}


def _budgets(layout: SweepSpace) -> Iterator[Issue]:
    """Every cell needs exactly one budget; that of the sweep replaces that of the top."""
    both = [key for key in BUDGETS if key in layout.base]
    if len(both) == 2:
        yield Issue("updates: give epochs or updates, not both", ("updates",), at_key=True)
        return
    swept = [key for key in BUDGETS if layout.axes_of(key)]
    if len(swept) == 2:
        yield from _both_budgets(layout)
    if not both and not any(layout.is_everywhere(key) for key in swept):
        if not swept:
            yield Issue("the budget is missing: give epochs or updates")
        elif layout.bare.possible(_absent(layout, *swept)):
            yield Issue("the budget is missing where no when gives it: give epochs or updates")
    for i, row in enumerate(layout.sweep.include):
        given = [key for key in BUDGETS if key in row]
        if len(given) == 2:
            yield Issue("updates: give epochs or updates, not both", ("sweep", "include", i, "updates"), at_key=True)
        elif not given and not both and swept:
            yield Issue("include: the budget is missing here and at the top", ("sweep", "include", i))


def _both_budgets(layout: SweepSpace) -> Iterator[Issue]:
    for first in layout.axes_of("epochs"):
        for second in layout.axes_of("updates"):
            rule = {at: frozenset(range(len(layout.axes[at].rows))) for at in (first, second)}
            if layout.bare.possible(rule):
                later = layout.axes[max(first, second)]
                key = "updates" if "updates" in later.keys else "epochs"
                message = f"{key}: give epochs or updates, not both"
                yield Issue(message, later.key_path(key), at_key=True)
                return


def _elements(layout: SweepSpace, unknown: frozenset[str]) -> Iterator[Issue]:
    """`init[k]` varies a number of an init that is a list, and the same list in every cell."""
    if "init" in unknown:
        return
    init = layout.base.get("init")
    given = [(name, layout.axes[layout.axes_of(name)[0]].key_path(name), init) for name in layout.swept]
    for i, row in enumerate(layout.sweep.include):
        given += [(name, ("sweep", "include", i, name), row.get("init", init)) for name in row]
    for name, path, numbers in given:
        if (k := element(name)) is None:
            continue
        if layout.axes_of("init") and path[1] != "include":
            yield Issue(f"{name}: init is on an axis itself", path, at_key=True)
        elif not isinstance(numbers, tuple):
            found = KEYS["init"].text(numbers or KEYS["init"].default)
            yield Issue(f"{name}: expected init as a list of numbers, found {found}", path, at_key=True)
        elif k >= len(numbers):
            yield Issue(f"{name}: init has {len(numbers)} numbers, counted from 0", path, at_key=True)


def _unused_settings(layout: SweepSpace, silent: frozenset[str]) -> Iterator[Issue]:
    if "optimizer" in silent:
        return
    optimizers = {str(name) for (name,) in layout.together(("optimizer",), lambda key, value: value)}
    for key in SETTINGS:
        where = places(layout, key)
        if key in silent or not where or any(key in OPTIMIZERS[name].settings for name in optimizers):
            continue
        users = ", ".join(name for name, record in OPTIMIZERS.items() if key in record.settings)
        yield Issue(f"{key} is used by {users}; no run of this study uses them", next(iter(where.values())))


def _conditions(layout: SweepSpace, silent: frozenset[str]) -> Iterator[Issue]:
    """Conditions of when and exclude that hold in no cell."""
    conditions: list[tuple[str, Axes, tuple[Step, ...], int | None]] = [
        ("when", when.condition, ("sweep", "when", i, "if"), i) for i, when in enumerate(layout.sweep.when)
    ]
    conditions += [
        ("exclude", condition, ("sweep", "exclude", i), None) for i, condition in enumerate(layout.sweep.exclude)
    ]
    for what, condition, path, before in conditions:
        if silent.intersection(condition):
            continue
        never = [issue.named(what).under(*path) for issue in _never(condition, layout.values)]
        yield from never
        rules = layout.matching(condition, before)
        if not never and not any(layout.bare.possible(rule) for rule in rules):
            yield Issue(f"{what}: no cell matches; these values never occur together", path)
    if not silent and layout.product.count() == 0 and not layout.sweep.include:
        yield Issue("exclude: no cell is left", ("sweep", "exclude"))


def _never(condition: Mapping[str, tuple[Any, ...]], values_of: Callable[[str], Collection[Any]]) -> Iterator[Issue]:
    """Values that a key of a condition never has."""
    for key, wanted in condition.items():
        values = values_of(key)
        known = KEYS[key] if key in KEYS else KEYS["weight_decay"]
        texts = [known.text(value) or "none" for value in values if value is not None or key == "target_range"]
        tail = ", ..." if len(texts) > LISTED else ""
        which = f"its values are {', '.join(texts[:LISTED])}{tail}" if texts else "nothing gives it"
        for j, value in enumerate(wanted):
            if value not in values:
                item = (j,) if len(wanted) > 1 else ()
                yield Issue(f"{key} is never {known.text(value) or 'none'}; {which}", (key, *item))


# What these are in a cell follows from other keys, and is not known before the cells are.
_DERIVED = frozenset({"bias_learning_rate", "weight_decay", "order", "evaluate_every", *SETTINGS})


def claim_issues(claims: Sequence[Claim], layout: SweepSpace, silent: frozenset[str]) -> Iterator[Issue]:
    """Values in `where` and `versus` that no cell has.

    Parameters
    ----------
    claims : sequence of Claim
    layout : SweepSpace
        The cells of the study.
    silent : frozenset of str
        Keys that could not be read, or are given on the command line: nothing is said about them.
    """
    for i, claim in enumerate(claims):
        for side, selection in (("where", claim.where), ("versus", claim.versus)):
            for issue in _never(_checkable(selection, layout, silent), partial(_values, layout)):
                yield issue.named(side).under("claims", i, side)


def _checkable(selection: Selection, layout: SweepSpace, silent: frozenset[str]) -> Selection:
    """The part of a selection whose keys have values that are known before the cells are numbered."""
    # Where an element of the initial weights is varied, the lists that there are stand nowhere.
    varied = {"init"} if any(element(name) is not None for name in layout.swept) else set()
    left_out = silent | varied | _DERIVED | {"seed"}
    return {key: wanted for key, wanted in selection.items() if key in KEYS and key not in left_out}


def _values(layout: SweepSpace, key: str) -> list[Any]:
    """All values of a key in the cells, those that are included one by one as well."""
    found = dict.fromkeys(layout.values(key))
    for row in layout.sweep.include:
        found.setdefault(row.get(key, layout.common(key)))
    return list(found)
