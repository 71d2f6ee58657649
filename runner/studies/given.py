"""What Python gives for the keys of a study, as the content that its file would have.

A file has numbers, texts, lists and mappings. Python also has tuples, `range`, arrays of NumPy, pandas, Polars and
PyTorch, and `None`, and it has no `sweep` to tell the values of an axis from a value that is a list by itself. The
rule that tells them apart is that of `is_axis`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runner.data.objects import FRAME_KEYS, data_of, is_data, is_frame
from runner.errors import DataError
from runner.keys.definitions import Key, sweep_key
from runner.keys.issues import Invalid, Issue, Step
from runner.registry import element
from runner.sweep.axes import is_range, is_value

MOST_DEPTH = 16
"""Lists and mappings within each other, at most."""
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Content:
    """What the file of a study would say.

    Attributes
    ----------
    values : dict
        As YAML gives it.
    issues : tuple of Issue
        What no file can say; their paths lead through `values`.
    arguments : frozenset of str
        The keys that are arguments of a call, and not keys of a mapping.
    axes : frozenset of str
        The arguments that stand under `sweep.grid` in `values`.
    """

    values: dict[str, Any]
    issues: tuple[Issue, ...] = ()
    arguments: frozenset[str] = frozenset()
    axes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Change:
    """One key that is given another value.

    Attributes
    ----------
    value : object
        As YAML gives it; None takes the key away.
    axis : bool
        Whether it is the list or the range of an axis.
    issues : tuple of Issue
        Seen from the value.
    """

    value: object
    axis: bool
    issues: tuple[Issue, ...]


def content_of_mapping(mapping: Mapping[str, object]) -> Content:
    """The content that a mapping gives, which has the form of a file."""
    issues: list[Issue] = []
    values = _plain(with_columns(mapping), (), issues)
    return Content({key: value for key, value in values.items() if value is not None}, tuple(issues))


def content_of_arguments(arguments: Mapping[str, object]) -> Content:
    """The content that the arguments of `runner.study` give: keys of a study, of which many values are an axis."""
    values: dict[str, Any] = {}
    axes: dict[str, object] = {}
    issues: list[Issue] = []
    for name, given in with_columns(arguments).items():
        change = change_of(name, given)
        if change.value is None:
            continue
        if change.axis:
            axes[name] = change.value
        else:
            values["seeds" if name == "seed" and isinstance(change.value, list) else name] = change.value
        above = ("sweep", "grid", name) if change.axis else (name,)
        issues += [issue.under(*above) for issue in change.issues]
    if axes:
        sweep = values.setdefault("sweep", {})
        grid = sweep.setdefault("grid", {}) if isinstance(sweep, dict) else None
        for name in axes:
            if isinstance(grid, dict) and name in grid:
                issues.append(Issue(f"{name}: it is an axis of sweep.grid already", ("sweep", "grid", name)))
            elif isinstance(grid, dict):
                grid[name] = axes[name]
    return Content(values, tuple(issues), frozenset(arguments), frozenset(axes))


def with_columns(given: Mapping[str, object]) -> dict[str, object]:
    """The keys of a study, with a data frame and the names of its columns beside it taken together."""
    keys = dict(given)
    if is_frame(keys.get("data")):
        keys["data"] = {"frame": keys["data"]} | {key: keys.pop(key) for key in FRAME_KEYS if key in keys}
    return keys


def change_of(name: str, given: object) -> Change:
    """What a key is given, and whether it is an axis."""
    issues: list[Issue] = []
    value = _plain(given, (), issues, name == "data")
    key = sweep_key(name)
    if key is None or value is None or issues:
        return Change(value, False, tuple(issues))
    try:
        axis = is_axis(key, given, value)
    except Invalid as invalid:
        return Change(value, False, tuple(issue.named(name) for issue in invalid.issues))
    # A number of a list, such as `init[3]`, can only be varied.
    return Change([value] if axis and not isinstance(value, list | dict) else value, axis, ())


def is_axis(key: Key, given: object, value: object) -> bool:
    """Whether what Python gives for a key is many values rather than one.

    A tuple is one value, and so is a list that can only be one: the layer sizes `[2, 4, 1]`, the numbers of an `init`,
    the two ends of a `target_range`. Every other list, a `range`, an array, and a mapping such as
    `{"geomspace": [0.1, 10, 7]}` are many. A list of learning rates or of activations is many, as on the command
    line; those of the layers of one network are a tuple.

    Parameters
    ----------
    key : Key
    given : object
        As Python has it.
    value : object
        The same as YAML would give it.

    Raises
    ------
    Invalid
        When a list may be either; the message has both spellings.
    """
    if element(key.name) is not None:
        return True
    if isinstance(value, dict):
        return is_range(value)
    if not isinstance(value, list) or isinstance(given, tuple):
        return False
    if not is_value(key, value, None):
        return True
    if len(value) > 1 and all(is_value(key, item, None) for item in value):
        one, many = repr(tuple(value)), repr([[item] for item in value])
        raise Invalid(f"a list may be one value or an axis here: write {one} for one value, {many} for an axis")
    return False


def _plain(value: Any, path: tuple[Step, ...], issues: list[Issue], data: bool = False) -> Any:
    """A value as YAML would give it; what YAML has nothing for is noted, and stands as a text in its place.

    Parameters
    ----------
    data : bool
        Whether it is a value of the key `data`, or a list of them: data in memory are kept, and named by their content.
    """
    if data and is_data(value):
        try:
            return str(data_of(value))
        except DataError as error:
            issues += [Issue(problem.message, path) for problem in error.problems]
            return "?"
    if value is None or isinstance(value, bool | int | float | str):
        # Subclasses, such as NumPy's float64 and str_, become what they are.
        if isinstance(value, str) and _SURROGATE.search(value):
            issues.append(Issue("half of a surrogate pair is not a character", path))
            return "?"
        kinds = (bool, int, float, str)
        return next((kind(value) for kind in kinds if isinstance(value, kind)), None)
    if len(path) > MOST_DEPTH:
        issues.append(Issue(f"nested more than {MOST_DEPTH} deep", path[:1]))
        return "?"
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        if strange := [key for key in value if not isinstance(key, str)]:
            issues.append(Issue(f"expected names as keys, found {strange[0]!r}", path))
        return {str(key): _plain(item, (*path, str(key)), issues, key == "data") for key, item in value.items()}
    if isinstance(value, list | tuple | range):
        return [_plain(item, (*path, i), issues, data) for i, item in enumerate(value)]
    for name in ("tolist", "to_list"):
        # Arrays and their numbers: NumPy, pandas and PyTorch have the first, Polars has the second.
        if hasattr(value, name):
            return _plain(getattr(value, name)(), path, issues)
    issues.append(Issue(f"expected a number, a text, a list or a mapping, found {_kind(value)}", path))
    return "?"


def _kind(value: object) -> str:
    """What a value is, for a message."""
    name = type(value).__name__
    return f"a {name}, which has no order" if isinstance(value, set | frozenset) else f"a {name}"
