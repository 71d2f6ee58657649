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


def study_issues(space: SweepSpace, unknown: frozenset[str], overridden: frozenset[str]) -> Iterator[Issue]:
    """Everything wrong with a study whose values are right one by one, data sets apart.

    Parameters
    ----------
    space : SweepSpace
    unknown : frozenset of str
        Keys whose values could not be read: nothing is said about them.
    overridden : frozenset of str
        Keys given on the command line: it is fine when they leave a condition or a setting without use.
    """
    yield from _elements(space, unknown)
    yield from _missing(space, unknown)
    if not unknown.intersection(BUDGETS):
        yield from _budgets(space)
    yield from combination_issues(space, tuple(c for c in CHECKS if not unknown.intersection(c.keys)))
    yield from _unused_settings(space, unknown | overridden)
    yield from _conditions(space, unknown | overridden)


def _missing(space: SweepSpace, unknown: frozenset[str]) -> Iterator[Issue]:
    for key in (key.name for key in KEYS.values() if key.required):
        if key in space.base or key in unknown:
            continue
        if not space.axes_of(key):
            yield Issue(f"{key} is missing")
        elif not space.is_everywhere(key) and space.bare.possible(_absent(space, key)):
            yield Issue(f"{key} is missing where no when gives it")
        for i, row in enumerate(space.sweep.include):
            if key not in row and space.axes_of(key):
                yield Issue(f"include: {key} is missing here and at the top", ("sweep", "include", i))


def _absent(space: SweepSpace, *keys: str) -> dict[int, frozenset[int]]:
    """The rule that no axis gives these keys."""
    return {at: frozenset([len(space.axes[at].rows)]) for key in keys for at in space.axes_of(key)}


def _budgets(space: SweepSpace) -> Iterator[Issue]:
    """Every cell needs exactly one budget; that of the sweep replaces that of the top."""
    both = [key for key in BUDGETS if key in space.base]
    if len(both) == 2:
        yield Issue("updates: give epochs or updates, not both", ("updates",), at_key=True)
        return
    swept = [key for key in BUDGETS if space.axes_of(key)]
    if len(swept) == 2:
        yield from _both_budgets(space)
    if not both and not any(space.is_everywhere(key) for key in swept):
        if not swept:
            yield Issue("the budget is missing: give epochs or updates")
        elif space.bare.possible(_absent(space, *swept)):
            yield Issue("the budget is missing where no when gives it: give epochs or updates")
    for i, row in enumerate(space.sweep.include):
        given = [key for key in BUDGETS if key in row]
        if len(given) == 2:
            yield Issue("updates: give epochs or updates, not both", ("sweep", "include", i, "updates"), at_key=True)
        elif not given and not both and swept:
            yield Issue("include: the budget is missing here and at the top", ("sweep", "include", i))


def _both_budgets(space: SweepSpace) -> Iterator[Issue]:
    for first in space.axes_of("epochs"):
        for second in space.axes_of("updates"):
            rule = {at: frozenset(range(len(space.axes[at].rows))) for at in (first, second)}
            if space.bare.possible(rule):
                later = space.axes[max(first, second)]
                key = "updates" if "updates" in later.keys else "epochs"
                message = f"{key}: give epochs or updates, not both"
                yield Issue(message, later.key_path(key), at_key=True)
                return


def _elements(space: SweepSpace, unknown: frozenset[str]) -> Iterator[Issue]:
    """`init[k]` varies a number of an init that is a list, and the same list in every cell."""
    if "init" in unknown:
        return
    init = space.base.get("init")
    given = [(name, space.axes[space.axes_of(name)[0]].key_path(name), init) for name in space.swept]
    for i, row in enumerate(space.sweep.include):
        given += [(name, ("sweep", "include", i, name), row.get("init", init)) for name in row]
    for name, path, numbers in given:
        if (k := element(name)) is None:
            continue
        if space.axes_of("init") and path[1] != "include":
            yield Issue(f"{name}: init is on an axis itself", path, at_key=True)
        elif not isinstance(numbers, tuple):
            found = KEYS["init"].text(numbers or KEYS["init"].default)
            yield Issue(f"{name}: expected init as a list of numbers, found {found}", path, at_key=True)
        elif k >= len(numbers):
            yield Issue(f"{name}: init has {len(numbers)} numbers, counted from 0", path, at_key=True)


def _unused_settings(space: SweepSpace, silent: frozenset[str]) -> Iterator[Issue]:
    if "optimizer" in silent:
        return
    optimizers = {str(name) for (name,) in space.together(("optimizer",), lambda key, value: value)}
    for key in SETTINGS:
        where = places(space, key)
        if key in silent or not where or any(key in OPTIMIZERS[name].settings for name in optimizers):
            continue
        users = ", ".join(name for name, record in OPTIMIZERS.items() if key in record.settings)
        yield Issue(f"{key} is used by {users}; no run of this study uses them", next(iter(where.values())))


def _conditions(space: SweepSpace, silent: frozenset[str]) -> Iterator[Issue]:
    """Conditions of when and exclude that hold in no cell."""
    conditions: list[tuple[str, Axes, tuple[Step, ...], int | None]] = [
        ("when", when.condition, ("sweep", "when", i, "if"), i) for i, when in enumerate(space.sweep.when)
    ]
    conditions += [
        ("exclude", condition, ("sweep", "exclude", i), None) for i, condition in enumerate(space.sweep.exclude)
    ]
    for what, condition, path, before in conditions:
        if silent.intersection(condition):
            continue
        never = [issue.named(what).under(*path) for issue in _never(condition, space.values)]
        yield from never
        rules = space.matching(condition, before)
        if not never and not any(space.bare.possible(rule) for rule in rules):
            yield Issue(f"{what}: no cell matches; these values never occur together", path)
    if not silent and space.product.count() == 0 and not space.sweep.include:
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


def claim_issues(claims: Sequence[Claim], space: SweepSpace, silent: frozenset[str]) -> Iterator[Issue]:
    """Values in `where` and `versus` that no cell has.

    Parameters
    ----------
    claims : sequence of Claim
    space : SweepSpace
        The cells of the study.
    silent : frozenset of str
        Keys that could not be read, or are given on the command line: nothing is said about them.
    """
    for i, claim in enumerate(claims):
        for side, selection in (("where", claim.where), ("versus", claim.versus)):
            for issue in _never(_checkable(selection, space, silent), partial(_values, space)):
                yield issue.named(side).under("claims", i, side)


def _checkable(selection: Selection, space: SweepSpace, silent: frozenset[str]) -> Selection:
    """The part of a selection whose keys have values that are known before the cells are numbered."""
    # Where an element of the initial weights is varied, the lists that there are stand nowhere.
    varied = {"init"} if any(element(name) is not None for name in space.swept) else set()
    left_out = silent | varied | _DERIVED | {"seed"}
    return {key: wanted for key, wanted in selection.items() if key in KEYS and key not in left_out}


def _values(space: SweepSpace, key: str) -> list[Any]:
    """All values of a key in the cells, those that are included one by one as well."""
    found = dict.fromkeys(space.values(key))
    for row in space.sweep.include:
        found.setdefault(row.get(key, space.common(key)))
    return list(found)
