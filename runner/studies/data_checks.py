"""The data sets of a study: each loaded once, and whether architectures, batches and losses fit them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from runner.data import DataError, DataSet, FileData, load_data
from runner.data.targets import are_classes, class_counts
from runner.errors import Problem
from runner.keys.definitions import BUDGETS, DATA_KEYS, FULL, KEYS
from runner.keys.issues import Issue
from runner.ops import ACTIVATIONS, LOSSES, RULES, SCHEDULES
from runner.registry import Call
from runner.studies.checks import SCHEDULE_KEYS, places, schedule_message
from runner.studies.precision_checks import data_message
from runner.sweep.space import SweepSpace
from runner.terminal import counted


def data_issues(space: SweepSpace, folder: Path, unknown: frozenset[str]) -> Iterator[Issue | Problem]:
    """Load every data set and tell what is wrong with it, and what does not fit it.

    Parameters
    ----------
    space : SweepSpace
        The cells of the study.
    folder : Path
        Of the study.
    unknown : frozenset of str
        Keys whose values could not be read: nothing is said about them.

    Yields
    ------
    Issue or Problem
        A problem stands in a file of data, an issue in the study.
    """
    if unknown.intersection(DATA_KEYS):
        return
    loaded: dict[tuple[Any, ...], DataSet] = {}
    values: tuple[Any, ...]
    for values in space.together(DATA_KEYS, _same):
        if values[0] is None:
            continue  # that data is missing is said elsewhere
        try:
            loaded[values] = load_data(**dict(zip(DATA_KEYS, values, strict=True)), base=folder)
        except DataError as error:
            for problem in error.problems:
                yield problem if problem.file else _blamed(problem.message, values, space)
    checks = (
        ("architecture", _wrong_sizes),
        ("batch", _too_large),
        ("loss", _out_of_range),
        ("rule", _not_bipolar),
        ("scoring", _not_two),
        ("precision", _too_precise),
    )
    for key, misfits in checks:
        if key in unknown:
            continue
        where = places(space, key)
        for values in space.together((*DATA_KEYS, key), _same):
            data_set, value = loaded.get(values[:-1]), values[-1]
            if data_set is None or value is None:
                continue
            name = values[0].path if isinstance(values[0], FileData) else str(values[0])
            for message in misfits(value, data_set, name):
                yield Issue(f"{key}: {message}", where.get(value, (key,)))
    if not unknown.intersection(("class_weights", "output")):
        yield from _not_balanced(space, loaded)
    if not unknown.intersection(("samples", "batch")):
        yield from _too_few(space, loaded)
    for key in SCHEDULE_KEYS:
        if not unknown.intersection((*BUDGETS, "batch", key)):
            yield from _too_long(space, loaded, key)


def _same(key: str, value: Any) -> Any:
    return value


def _blamed(message: str, values: tuple[Any, ...], space: SweepSpace) -> Issue:
    """The issue with the key of the data that the message begins with; with `data` where it begins with none."""
    key = next((key for key in DATA_KEYS if message.startswith(key)), "data")
    path = places(space, key).get(values[DATA_KEYS.index(key)], ("data",))
    return Issue(message if message.startswith(key) else f"data: {message}", path)


def _wrong_sizes(architecture: tuple[int, ...], data: DataSet, name: str) -> Iterator[str]:
    shown = KEYS["architecture"].text(architecture)
    inputs, outputs = data.inputs.shape[1], data.targets.shape[1]
    if architecture[0] != inputs:
        yield f"{shown} begins with {architecture[0]}; {name} has {counted(inputs, 'input')}"
    if architecture[-1] != outputs:
        yield f"{shown} ends with {architecture[-1]}; {name} has {counted(outputs, 'target')}"


def _too_large(batch: str | int, data: DataSet, name: str) -> Iterator[str]:
    samples = len(data.inputs)
    if batch != FULL and int(batch) > samples:
        yield f"{batch} is larger than the data set; {name} has {counted(samples, 'sample')}"


def _not_bipolar(rule: str, data: DataSet, name: str) -> Iterator[str]:
    if RULES[rule].bipolar and not np.isin(data.targets, (-1.0, 1.0)).all():
        yield f"{rule} needs the targets -1 and 1, as target_range: [-1, 1] makes them; those of {name} are others"


def _not_two(scoring: str, data: DataSet, name: str) -> Iterator[str]:
    away = np.abs(data.targets - data.middle)
    if not (away == away.max()).all():
        yield f"{scoring} is about targets of two values; those of {name} have more"


def _too_few(space: SweepSpace, loaded: Mapping[tuple[Any, ...], DataSet]) -> Iterator[Issue]:
    """Budgets of fewer samples than one update shows."""
    where = {value: path for value, path in places(space, "samples").items() if value is not None}
    n = len(DATA_KEYS)
    for values in space.together((*DATA_KEYS, "batch", "samples", "epochs", "updates"), _same) if where else ():
        data_set, (batch, budget, *others) = loaded.get(values[:n]), values[n:]
        # An axis of another budget takes the place of one at the top.
        if data_set is None or budget is None or any(others):
            continue
        shown = len(data_set.inputs) if batch == FULL else int(batch)
        if budget < shown:
            message = f"samples: {budget:,} is less than the {counted(shown, 'sample')} of one update (batch {batch})"
            yield Issue(message, where.get(budget, ("samples",)))


def _too_long(space: SweepSpace, loaded: Mapping[tuple[Any, ...], DataSet], key: str) -> Iterator[Issue]:
    """Budgets of updates or samples in which there are more epochs than a schedule has factors."""
    n, where = len(DATA_KEYS), places(space, key)
    given = [budget for budget in BUDGETS if places(space, budget).keys() - {None}]
    if given == ["epochs"] or not any(map(_is_endless, where)):
        return
    for values in space.together((*DATA_KEYS, "batch", *BUDGETS, key), _same):
        data_set, (batch, *budgets, schedule) = loaded.get(values[:n]), values[n:]
        found = {name: value for name, value in zip(BUDGETS, budgets, strict=True) if value is not None}
        # An axis of another budget takes the place of one at the top.
        name, budget = next((item for item in found.items() if len(found) == 1 or space.axes_of(item[0])), ("", 0))
        if data_set is None or name not in ("updates", "samples"):
            continue
        samples = len(data_set.inputs)
        in_an_epoch = samples if name == "samples" else 1 if batch == FULL else -(-samples // int(batch))
        if message := schedule_message(schedule, budget // in_an_epoch):
            yield Issue(f"{key}: {message}", where.get(schedule, (key,)))


def _is_endless(schedule: Call | None) -> bool:
    return schedule is not None and SCHEDULES[schedule.name].is_endless


def _not_balanced(space: SweepSpace, loaded: Mapping[tuple[Any, ...], DataSet]) -> Iterator[Issue]:
    """Targets that give no weights of classes."""
    path = places(space, "class_weights").get("balanced", ())
    for values in space.together((*DATA_KEYS, "class_weights", "output"), _same) if path else ():
        data, (weights, output) = loaded.get(values[:-2]), values[-2:]
        if data is None or weights != "balanced":
            continue
        of_outputs = output in ACTIVATIONS and ACTIVATIONS[output].couples
        classes = _have_one_class(data) if of_outputs else are_classes(data.targets)
        if not classes:
            yield Issue("class_weights: balanced needs targets that are classes", path)
        elif not class_counts(data.targets, data.middle, of_outputs).all():
            yield Issue("class_weights: balanced needs samples of every class to train on", path)


def _have_one_class(data: DataSet) -> bool:
    """Whether one target of each sample, and no other, lies above the middle."""
    return bool(((data.targets > data.middle).sum(axis=1) == 1).all())


def _out_of_range(loss: str, data: DataSet, name: str) -> Iterator[str]:
    low, high = LOSSES[loss].low, LOSSES[loss].high
    least, most = float(data.targets.min()), float(data.targets.max())
    if least < low or most > high:
        yield f"{loss} needs targets from {low:g} to {high:g}; those of {name} lie between {least:g} and {most:g}"
    classes = LOSSES[loss].classes
    if classes is not None and not np.isin(data.targets, classes).all():
        wanted = ", ".join(f"{value:g}" for value in classes)
        yield (
            f"{loss} needs targets of the two values {wanted}; those of {name} lie between {least:g} and {most:g} "
            f"(target_range: [{wanted}] maps two values to these)"
        )
    if LOSSES[loss].pairwise:
        parts = [data, *([] if data.test is None else [data.test])]
        if not all(map(_have_one_class, parts)):
            wanted = "targets of which one is the class, as target_encoding: one_hot makes them"
            yield f"{loss} needs {wanted}; {name} has others"


def _too_precise(precision: str, data: DataSet, name: str) -> Iterator[str]:
    if message := data_message(precision, data, name):
        yield message
