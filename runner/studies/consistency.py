"""Checks of values against each other: every cell has what its run needs, and whatever the study says has a use.

Every value is right by itself here. Still a key may be missing in some cells or be given twice, values may not fit each
other or the data, and a setting, a condition or a claim may be about runs that the study does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations, product
from pathlib import Path
from typing import Any

from runner.data import HeldOutFraction, KFold
from runner.errors import Problem, StudyError
from runner.keys import synonyms
from runner.keys.definitions import BUDGETS, KEYS, sweep_key
from runner.keys.issues import Issue, Step
from runner.keys.scalars import meant
from runner.ops import OPTIMIZERS, RATES, SCHEDULED, SETTINGS
from runner.registry import column_of, element
from runner.statistics.plane import LEAST
from runner.statistics.weights import read_weights
from runner.studies.checks import combination_issues, places
from runner.studies.claims.grammar import Claim
from runner.studies.data_checks import data_issues
from runner.sweep.axes import Axes
from runner.sweep.product import Rule
from runner.sweep.space import SweepSpace, collisions, joined
from runner.terminal import counted, listed

LISTED = 12
"""Values of an axis that a message lists, at most."""
# What these are in a cell follows from other keys, and is not known before the cells are numbered.
_DERIVED = frozenset({"bias_learning_rate", "weight_decay", "order", "evaluate_every", *SETTINGS, *SCHEDULED})


def check_together(
    space: SweepSpace, claims: Sequence[Claim], folder: Path, unknown: frozenset[str], overridden: frozenset[str]
) -> Iterator[Issue | Problem]:
    """Everything wrong with a study whose values are right one by one.

    Parameters
    ----------
    space : SweepSpace
        The cells of the study.
    claims : sequence of Claim
    folder : Path
        Of the study; relative paths of data start there.
    unknown : frozenset of str
        Keys whose values could not be read: nothing is said about them.
    overridden : frozenset of str
        Keys given on the command line: it is fine when they leave a setting, a condition or a claim without use.

    Yields
    ------
    Issue or Problem
        A problem is about a file of data, or about the study as a whole.
    """
    silent = unknown | overridden
    # Claims are compared with the values of each key alone, whatever is wrong with the cells.
    yield from _claims(space, claims, silent)
    try:
        collided = collisions(space)
        if (first := next(collided, None)) is not None:
            # Which of the two values a cell has is unknown, and so is what else is wrong with it.
            yield first
            yield from collided
            return
        yield from _elements(space, unknown)
        yield from _missing(space, unknown)
        yield from _budgets(space, unknown)
        yield from combination_issues(space, unknown)
        yield from _faults_without_cells(space, unknown)
        yield from _unused_settings(space, silent)
        yield from _unused_divisions(space, silent)
        yield from _conditions(space, silent)
        yield from data_issues(space, folder, unknown)
    except StudyError as error:
        # The conditions of the sweep are too entangled to find out which values occur together.
        yield from error.problems


def _elements(space: SweepSpace, unknown: frozenset[str]) -> Iterator[Issue]:
    """`init[k]` varies a number of an init that is a list, and the same list in every cell; so do learning rates."""
    given = [(name, space.axes[space.axes_of(name)[0]].key_path(name), space.base) for name in space.swept]
    for i, row in enumerate(space.sweep.include):
        given += [(name, ("sweep", "include", i, name), {**space.base, **row}) for name in row]
    for name, path, values in given:
        if (one := element(name)) is None or one.key in unknown:
            continue
        numbers = values.get(one.key, KEYS[one.key].default)
        if space.axes_of(one.key) and path[1] != "include":
            yield Issue(f"{name}: {one.key} is on an axis itself", path, at_key=True)
        elif not isinstance(numbers, tuple):
            found = "nothing" if numbers is None else KEYS[one.key].text(numbers)
            yield Issue(f"{name}: expected {one.key} as a list of numbers, found {found}", path, at_key=True)
        elif one.k >= len(numbers):
            has = counted(len(numbers), "number")
            yield Issue(f"{name}: {one.key} has {has}, counted from 0", path, at_key=True)


def _missing(space: SweepSpace, unknown: frozenset[str]) -> Iterator[Issue]:
    """Every cell needs the keys that have no default; a learning rate only where its optimizer has a use for it."""

    def needing(key: str, optimizer: object) -> bool:
        return key not in RATES or optimizer not in OPTIMIZERS or OPTIMIZERS[str(optimizer)].takes(key)

    for key in (key.name for key in KEYS.values() if key.required):
        if key in space.base or key in unknown:
            continue
        rules = space.having("optimizer", partial(needing, key))
        if not space.axes_of(key):
            if any(map(space.bare.possible, rules)):
                yield Issue(f"{key} is missing")
        elif not space.is_everywhere(key):
            absent = _absent(space, key)
            if any(space.bare.possible(joined(absent, rule)) for rule in rules):
                yield Issue(f"{key} is missing where no when gives it")
        for i, row in enumerate(space.sweep.include):
            needed = needing(key, row.get("optimizer", space.common("optimizer")))
            if key not in row and needed and (space.axes_of(key) or not needing(key, space.common("optimizer"))):
                yield Issue(f"include: {key} is missing here and at the top", ("sweep", "include", i))


def _absent(space: SweepSpace, *keys: str) -> Rule:
    """The rule that no axis gives these keys; every axis that could belongs to a `when`."""
    return {at: frozenset([len(space.axes[at].rows)]) for key in keys for at in space.axes_of(key)}


def _budgets(space: SweepSpace, unknown: frozenset[str]) -> Iterator[Issue]:
    """Every cell needs exactly one budget; one of the sweep takes the place of one at the top."""
    if unknown.intersection(BUDGETS):
        return
    at_top = [key for key in BUDGETS if key in space.base]
    if len(at_top) > 1:
        yield Issue(_one_budget(at_top, at_top[1]), (at_top[1],), at_key=True)
        return
    swept = [key for key in BUDGETS if space.axes_of(key)]
    for pair in combinations(swept, 2):
        yield from _swept_twice(space, pair)
    if not at_top and not any(space.is_everywhere(key) for key in swept):
        if not swept:
            yield Issue(f"the budget is missing: give {listed(BUDGETS, 'or')}")
        elif space.bare.possible(_absent(space, *swept)):
            yield Issue(f"the budget is missing where no when gives it: give {listed(BUDGETS, 'or')}")
    for i, row in enumerate(space.sweep.include):
        given = [key for key in BUDGETS if key in row]
        if len(given) > 1:
            yield Issue(_one_budget(given, given[1]), ("sweep", "include", i, given[1]), at_key=True)
        elif not given and not at_top and swept:
            yield Issue("include: the budget is missing here and at the top", ("sweep", "include", i))


def _one_budget(given: Sequence[str], key: str) -> str:
    return f"{key}: give {listed(given, 'or')}, not {'both' if len(given) == 2 else 'more than one'}"


def _swept_twice(space: SweepSpace, pair: tuple[str, str]) -> Iterator[Issue]:
    """The first axis of one budget that has cells in common with an axis of another."""
    for first, second in product(*map(space.axes_of, pair)):
        if space.bare.possible({at: frozenset(range(len(space.axes[at].rows))) for at in (first, second)}):
            later = space.axes[max(first, second)]
            key = pair[1] if pair[1] in later.keys else pair[0]
            yield Issue(_one_budget(pair, key), later.key_path(key), at_key=True)
            return


def _faults_without_cells(space: SweepSpace, unknown: frozenset[str]) -> Iterator[Issue]:
    """Faults that fit some architecture of the study, but none of those that they stand together with."""
    if not space.misfits or unknown.intersection(("faults", "architecture")):
        return
    left = {faults for (faults,) in space.together(("faults",), lambda key, value: value)}
    where = places(space, "faults")
    for faults, reasons in space.misfits.items():
        if faults not in left:
            yield Issue(f"faults: {next(iter(reasons.values()))}", where.get(faults, ("faults",)))


def _unused_settings(space: SweepSpace, silent: frozenset[str]) -> Iterator[Issue]:
    """Settings of optimizers, and learning rates, that no cell has a use for."""
    if "optimizer" in silent:
        return
    optimizers = {str(name) for (name,) in space.together(("optimizer",), lambda key, value: value)}
    for key in (*RATES, *SETTINGS, *SCHEDULED) if optimizers else ():
        where = {value: path for value, path in places(space, key).items() if value is not None}
        if key in silent or not where or any(OPTIMIZERS[name].takes(key) for name in optimizers):
            continue
        if key in RATES:
            message = f"{key}: {listed(sorted(optimizers), 'and')} {'has' if len(optimizers) == 1 else 'have'} none"
            yield Issue(message, next(iter(where.values())))
            continue
        users = ", ".join(name for name, record in OPTIMIZERS.items() if record.takes(key))
        elsewhere = synonyms.SETTINGS_ELSEWHERE.hint(key, ())
        message = f"{key} is used by {users}; no run of this study uses them{elsewhere}"
        yield Issue(message, next(iter(where.values())))


def _unused_divisions(space: SweepSpace, silent: frozenset[str]) -> Iterator[Issue]:
    """A fold or a seed of the division where no cell draws who is held out."""
    tests = [] if "test" in silent else [test for (test,) in space.together(("test",), lambda key, value: value)]
    users: dict[str, tuple[type, ...]] = {"fold": (KFold,), "split_seed": (KFold, HeldOutFraction)}
    for key, kinds in users.items():
        where = {value: path for value, path in places(space, key).items() if value is not None}
        if not where or key in silent or not tests or any(isinstance(test, kinds) for test in tests):
            continue
        shown = "test: {k_fold: 5}" if key == "fold" else "test: {fraction: 0.2} or {k_fold: 5}"
        yield Issue(
            f"{key} is about a division such as {shown}; no run of this study has one", next(iter(where.values()))
        )


def _conditions(space: SweepSpace, silent: frozenset[str]) -> Iterator[Issue]:
    """Conditions of `when` and `exclude` that hold in no cell, and an `exclude` that leaves no cell."""
    # Word of the message, condition, its place, and the number of its `when`: what later ones give does not count.
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
    if not silent and space.sweep.exclude and space.product.count() == 0 and not space.sweep.include:
        yield Issue("exclude: no cell is left", ("sweep", "exclude"))


def _claims(space: SweepSpace, claims: Sequence[Claim], silent: frozenset[str]) -> Iterator[Issue]:
    """Values in `where` and `versus` of claims that no cell has."""
    # Where a number of a list is varied, the lists that the cells have do not stand in the study.
    varied = {column_of(name) for name in space.swept if element(name) is not None}
    left_out = silent | varied | _DERIVED | {"seed"}

    def values_of(key: str) -> list[Any]:
        found = dict.fromkeys(space.values(key))
        for row in space.sweep.include:
            found.setdefault(row.get(key, space.common(key)))
        return list(found)

    for i, claim in enumerate(claims):
        for side, selection in (("where", claim.where), ("versus", claim.versus)):
            of_keys = {key: wanted for key, wanted in selection.items() if key in KEYS and key not in left_out}
            for issue in _never(of_keys, values_of):
                yield issue.named(side).under("claims", i, side)
        what, least = ("a box dimension", LEAST) if claim.statistic.plane else ("a slope", 2)
        for key in claim.statistic.keys:
            if key in KEYS and key not in left_out and (n := len(values_of(key))) < least:
                has = "one" if n == 1 else str(n)
                message = f"statistic: {what} needs {'two' if least == 2 else least} values of {key}, which has {has}"
                yield Issue(message, ("claims", i, "statistic"))


def check_recorded(claims: Sequence[Claim], weights: bool) -> Iterator[Issue]:
    """Claims about weights of a study that does not record them.

    Parameters
    ----------
    claims : sequence of Claim
    weights : bool
        Whether it does.
    """
    for i, claim in enumerate(claims):
        if not weights and read_weights(claim.statistic.subject):
            message = f"statistic: {claim.statistic.subject} needs record: {{weights: true}}"
            yield Issue(message, ("claims", i, "statistic"))


def _never(condition: Mapping[str, tuple[Any, ...]], values_of: Callable[[str], Collection[Any]]) -> Iterator[Issue]:
    """Values that a key of a condition never has.

    Parameters
    ----------
    condition : mapping
    values_of : callable
        From a key to the values that it has. A number of the condition may stand for one of these with more digits.
    """
    for name, wanted in condition.items():
        key = sweep_key(name)
        assert key is not None  # conditions are read by the names of keys
        values = values_of(name)
        texts = [key.text(value) or "none" for value in values if value is not None or key.kind.none]
        tail = ", ..." if len(texts) > LISTED else ""
        which = f"its values are {', '.join(texts[:LISTED])}{tail}" if texts else "nothing gives it"
        for j, value in enumerate(wanted):
            item = (j,) if len(wanted) > 1 else ()
            found = [value] if value in values else []
            if isinstance(value, float):
                found = meant(value, (each for each in values if isinstance(each, float)))
            if len(found) > 1:
                yield Issue(f"{name} {key.text(value)} may be {listed([*map(key.text, found)], 'or')}", (name, *item))
            elif not found:
                yield Issue(f"{name} is never {key.text(value) or 'none'}; {which}", (name, *item))
