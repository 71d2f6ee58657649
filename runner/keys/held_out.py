"""The keys `test` and `stop`: which samples are held out of training, and how they may end it."""

from __future__ import annotations

from pathlib import Path

from runner.data import DataError, HeldOut, HeldOutFraction, KFold, fingerprint, parse_file_spec
from runner.data.files.spec import FORMS
from runner.keys import synonyms
from runner.keys.calls import FILE_SCHEMA, file_issues, split_call, to_argument
from runner.keys.issues import Invalid, Issue, expected, unknown
from runner.keys.kinds import Kind, integer, to_float
from runner.registry import NUMBER, Call, shortest

_WAYS = ("fraction", "k_fold", *FORMS)
_EXPECTED = "none, {fraction: 0.2}, {k_fold: 5} or {csv: ...}"
_FOLDS = integer(2, 10**6)


def _read_test(value: object, base: Path | None = None) -> HeldOut | None:
    if value == "none":
        return None
    if not isinstance(value, dict) or not value:
        raise expected(_EXPECTED, value)
    way = next((name for name in _WAYS if name in value), None)
    if way in FORMS:
        try:
            spec = parse_file_spec(value, columns=False)
            return spec if base is None else fingerprint(spec, base)
        except DataError as error:
            raise Invalid(*file_issues(problem.message for problem in error.problems)) from None
    for name in value:
        if name not in _WAYS:
            message = f"unknown key '{name}'{synonyms.TEST.hint(str(name), _WAYS)}"
            raise Invalid(Issue(message, (name,), at_key=True))
    if len(value) > 1:
        raise Invalid(f"expected one of {', '.join(_WAYS)}, found {' and '.join(value)}")
    assert way is not None, "every key is a way, and there is one"
    try:
        if way == "k_fold":
            return KFold(int(_FOLDS.read(value[way], None)))
        fraction = to_float(value[way], "a number between 0 and 1")
        if not 0 < fraction < 1:
            raise expected("a number between 0 and 1", value[way])
        return HeldOutFraction(fraction)
    except Invalid as invalid:
        raise Invalid(*(issue.named(way).under(way) for issue in invalid.issues)) from None


_FILE = {**FILE_SCHEMA, "required": []}
_FRACTION = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
_SCHEMA = {
    "anyOf": [
        {"const": "none"},
        *(
            {"type": "object", "properties": {name: schema}, "required": [name], "additionalProperties": False}
            for name, schema in (("fraction", _FRACTION), ("k_fold", dict(_FOLDS.schema)))
        ),
        _FILE,
    ]
}

TEST = Kind(_read_test, str, _SCHEMA)


_ENDS = ("budget", "converged")
_AT_LEAST_1, _STRIP = integer(1), integer(2)
EARLY = {"patience": ("n",), "gl": ("alpha",), "pq": ("alpha", "k"), "up": ("s", "k")}
"""The rules of early stopping, with the names of their numbers."""


def _read_stop(value: object, base: Path | None = None) -> str | Call:
    names = [*_ENDS, *EARLY]
    if not isinstance(value, str):
        raise Invalid(_unknown_stop(value))
    name, parts = split_call(value, "a rule such as patience(20)")
    if name not in names:
        raise Invalid(_unknown_stop(name))
    wanted = EARLY.get(name, ())
    if len(parts) != len(wanted):
        shown = f"{name}({', '.join(wanted)})" if wanted else f"{name} without arguments"
        raise Invalid(f"expected {shown}, found {value}")
    if name in _ENDS:
        return name
    args: list[float | int] = []
    for parameter, argument in zip(wanted, map(to_argument, parts), strict=True):
        try:
            if parameter == "alpha":
                if argument <= 0:
                    raise expected("a number > 0", argument)
                args.append(float(argument))
            else:
                args.append((_STRIP if parameter == "k" else _AT_LEAST_1).read(argument, None))
        except Invalid as invalid:
            message = str(invalid.issues[0].message).partition(", found")[0].replace("expected ", "", 1)
            raise Invalid(f"expected {parameter} to be {message}, found {shortest(value)}") from None
    return Call(name, tuple(args))


def _unknown_stop(value: object) -> str:
    shown = [*_ENDS, *(f"{name}({', '.join(wanted)})" for name, wanted in EARLY.items())]
    return unknown([*_ENDS, *EARLY], value, synonyms.STOP, shown)


_COMMA = r"\s*,\s*"
_CALLS = "|".join(rf"{name}\(\s*{_COMMA.join([NUMBER] * len(wanted))}\s*\)" for name, wanted in EARLY.items())

STOP = Kind(_read_stop, str, {"anyOf": [{"enum": list(_ENDS)}, {"type": "string", "pattern": f"^({_CALLS})$"}]})
