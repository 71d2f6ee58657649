"""A study file as a pydantic model: one field per key of a run, and the study around it; validation and JSON schema."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError, ValidationInfo, create_model

from runner.errors import nearest
from runner.keys.definitions import KEYS, MOST_SEED, Key
from runner.keys.issues import Issue, Step, expected
from runner.keys.kinds import flag, integer, text
from runner.study.claims.grammar import Claim, claims_schema, read_claims
from runner.study.tree import Node
from runner.sweep.axes import read_axis
from runner.sweep.model import Checked, Sample, Strict, Sweep, When, base_of, plain
from runner.sweep.ranges import range_schema

_SEEDS = Key("seeds", "", integer(0, MOST_SEED))
_SEEDS_SCHEMA = {"anyOf": [{"type": "array", "items": _SEEDS.kind.schema, "minItems": 1}, range_schema()]}


def _read_seeds(value: Any, info: ValidationInfo) -> tuple[int, ...]:
    return read_axis(_SEEDS, value, base_of(info))


# Of a curve: more than a figure can show, and a study of a few runs still fits into memory.
MOST_POINTS = 100_000


class RecordOptions(Strict):
    """What is kept of every run beside its row."""

    curves: Annotated[int | None, plain(integer(1, MOST_POINTS))] = Field(
        default=None,
        description="Loss and accuracy at up to so many epochs, evenly spaced in their logarithm, in curves.csv.",
    )
    weights: Annotated[bool, plain(flag())] = Field(
        default=False, description="Initial and final weights, in weights.npz."
    )


class _Study(Strict):
    """A study: one run, what is swept, and which seeds."""

    name: Annotated[str | None, plain(text())] = Field(
        default=None, description="Of the folder of the results; default: the name of the file."
    )
    description: Annotated[str, plain(text())] = Field(default="", description="What the study is to find out.")
    sweep: Sweep = Field(default=Sweep(), description="Keys with many values.")
    replicates: Annotated[int | None, plain(integer(1))] = Field(default=None, description="How many seeds, from 0 up.")
    seeds: Annotated[tuple[int, ...] | None, Checked(_read_seeds, _SEEDS_SCHEMA)] = Field(
        default=None, description="Which seeds."
    )
    record: RecordOptions = Field(default=RecordOptions(), description="What is kept beside the rows.")
    claims: Annotated[
        tuple[Claim, ...], Checked(lambda value, info: read_claims(value, base_of(info)), claims_schema())
    ] = Field(default=(), description="Statements about the results, checked at the end of a run.")


def _field(key: Key) -> Any:
    checked = Checked(lambda value, info: key.read(value, base_of(info)), key.kind.schema)
    extra: dict[str, Any] = {} if key.default is None else {"default": key.text(key.default)}
    return Annotated[Any, checked], Field(default=None, description=key.doc, json_schema_extra=extra)


StudyFile: type[_Study] = create_model(
    "Study", __base__=_Study, __doc__=_Study.__doc__, **{key.name: _field(key) for key in KEYS.values()}
)
"""The whole file."""

_MODELS: dict[str, type[BaseModel]] = {"sweep": Sweep, "record": RecordOptions, "sample": Sample, "when": When}


def _names(path: Sequence[Step]) -> list[str]:
    """The fields of the model whose place is `path`."""
    at = next((step for step in reversed(path) if isinstance(step, str)), "")
    fields = _MODELS.get(at, StudyFile).model_fields
    return [field.alias or name for name, field in fields.items()]


def _dotted(path: Sequence[Step]) -> str:
    return ".".join(str(step) for step in path if isinstance(step, str))


def _value_at(value: Any, path: Sequence[Step]) -> Any:
    for step in path:
        value = value[step]
    return value


def _issues(error: Any, value: object) -> list[Issue]:
    """Our words for one of pydantic's errors."""
    path: tuple[Step, ...] = error["loc"]
    kind: str = error["type"]
    if kind == "wrong":
        issues: Iterable[Issue] = error["ctx"]["issues"]
        # Messages about a key begin with its name; "expected ..." alone is about the field itself.
        bare = "expected "
        return [(f.named(_dotted(path)) if f.message.startswith(bare) else f).under(*path) for f in issues]
    where = f"{_dotted(path[:-1])}: " if path[:-1] else ""
    if kind == "extra_forbidden":
        name = str(path[-1])
        return [Issue(f"{where}unknown key '{name}'{nearest(name, _names(path[:-1]))}", path, at_key=True)]
    if kind == "missing":
        return [Issue(f"{where}{path[-1]} is missing", path[:-1])]
    what = "a mapping" if "model" in kind or "dict" in kind else "a list"
    message = expected(what, _value_at(value, path)).issues[0].message
    return [Issue(f"{_dotted(path)}: {message}", path)]


def validate(tree: Node, base: Path) -> tuple[_Study | None, list[Issue]]:
    """Check every value of a study file by itself.

    Parameters
    ----------
    tree : Node
    base : Path
        Folder of the study.

    Returns
    -------
    study : StudyFile or None
        None when anything is wrong.
    issues : list of Issue
        Everything that is.
    """
    value = tree.value
    if not isinstance(value, dict):
        return None, [Issue(expected("a mapping of keys", value).issues[0].message)]
    try:
        return StudyFile.model_validate(value, context={"base": base}), []
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        return None, [issue for each in errors for issue in _issues(each, value)]


def json_schema() -> dict[str, Any]:
    """JSON schema of study files, for completion and checks in an editor.

    Examples
    --------
    >>> json_schema()["properties"]["stop"]["enum"]
    ['budget', 'converged']
    """
    schema = _tidy(StudyFile.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _tidy(schema: Any) -> Any:
    """Without pydantic's generated titles and empty defaults, which an editor would show."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    fields = {"properties", "$defs", "patternProperties"}
    return {
        name: {key: _tidy(item) for key, item in value.items()} if name in fields else _tidy(value)
        for name, value in schema.items()
        if not (name == "title" and isinstance(value, str))
        and not (name == "default" and (value is None or isinstance(value, dict)))
    }
