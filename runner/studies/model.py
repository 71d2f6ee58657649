"""A study file as a pydantic model: one field for every key of a run, and the study around them.

Validation with every message in our own words, and the JSON schema, are made from this one model.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError, create_model

from runner.keys import synonyms
from runner.keys.definitions import BUDGETS, KEYS, MOST_SEED, Key, sweep_key
from runner.keys.issues import Issue, Step, expected
from runner.keys.kinds import flag, integer, text
from runner.ops import OPTIMIZERS, RATES
from runner.registry import NO_SYNONYMS, Synonyms
from runner.studies.claims.grammar import Claim, claims_schema, read_claims
from runner.studies.tree import Node
from runner.sweep.axes import read_axis
from runner.sweep.model import Checked, Sample, Strict, Sweep, When, base_of, plain
from runner.sweep.ranges import range_schema

# Read like the axis of a key, which the seeds of a study are not.
_SEEDS = Key("seeds", "", integer(0, MOST_SEED))
_SEEDS_SCHEMA = {"anyOf": [{"type": "array", "items": _SEEDS.kind.schema, "minItems": 1}, range_schema()]}

MOST_POINTS = 100_000
"""Points of a curve, at most: more than a figure can show, and few enough for the curves of a few runs in memory."""


class RecordOptions(Strict):
    """What is kept of every run beside its row."""

    curves: Annotated[int | None, plain(integer(1, MOST_POINTS))] = Field(
        default=None,
        description="Loss and accuracy at up to so many epochs, evenly spaced in their logarithm, in curves.csv.",
    )
    weights: Annotated[bool, plain(flag())] = Field(
        default=False, description="Initial and final weights, in weights.npz."
    )


class StudyModel(Strict):
    """What a study says beside the keys of its run; `StudyFile` has a field for each of those, too."""

    name: Annotated[str | None, plain(text())] = Field(
        default=None, description="Of the folder of the results; default: the name of the file."
    )
    description: Annotated[str, plain(text())] = Field(default="", description="What the study is to find out.")
    sweep: Sweep = Field(default=Sweep(), description="Keys with many values.")
    replicates: Annotated[int | None, plain(integer(1))] = Field(default=None, description="How many seeds, from 0 up.")
    seeds: Annotated[
        tuple[int, ...] | None, Checked(lambda value, info: read_axis(_SEEDS, value, base_of(info)), _SEEDS_SCHEMA)
    ] = Field(default=None, description="Which seeds.")
    record: RecordOptions = Field(default=RecordOptions(), description="What is kept beside the rows.")
    claims: Annotated[
        tuple[Claim, ...], Checked(lambda value, info: read_claims(value, base_of(info)), claims_schema())
    ] = Field(default=(), description="Statements about the results, checked at the end of a run.")

    @property
    def given(self) -> dict[str, Any]:
        """The keys of the run that the study gives at the top, in the order of KEYS; the seed is none of them."""
        return {key: getattr(self, key) for key in KEYS if key in self.model_fields_set and key != "seed"}

    @property
    def run_seeds(self) -> range | tuple[int, ...]:
        """The seeds of every cell: those of `seeds`, or `seed` alone, or as many as `replicates` says."""
        if self.seeds is not None:
            return self.seeds
        seed: int | None = getattr(self, "seed", None)
        return range(self.replicates or 1) if seed is None else (seed,)


def _field(key: Key) -> Any:
    checked = Checked(lambda value, info: key.read(value, base_of(info)), key.kind.schema)
    extra: dict[str, Any] = {} if key.default is None else {"default": key.text(key.default)}
    return Annotated[Any, checked], Field(default=None, description=key.doc, json_schema_extra=extra)


StudyFile: type[StudyModel] = create_model(
    "Study",
    __base__=StudyModel,
    __doc__="A study: one run, what is swept, and which seeds.",
    **{key.name: _field(key) for key in KEYS.values()},
)
"""The whole file."""

# The model behind a name, and what its fields are called elsewhere: for hints.
_MODELS: dict[str, tuple[type[BaseModel], Synonyms]] = {
    "": (StudyFile, synonyms.KEYS),
    "sweep": (Sweep, synonyms.SWEEP),
    "record": (RecordOptions, NO_SYNONYMS),
    "sample": (Sample, synonyms.SAMPLE),
    "when": (When, NO_SYNONYMS),
}


def validate(tree: Node, base: Path) -> tuple[StudyModel | None, list[Issue]]:
    """Check every value of a study file by itself.

    Parameters
    ----------
    tree : Node
    base : Path
        Folder of the study.

    Returns
    -------
    study : StudyModel or None
        A `StudyFile`; None when anything is wrong.
    issues : list of Issue
        Everything that is.
    """
    value = tree.value
    if not isinstance(value, dict):
        return None, list(expected("a mapping of keys", value).issues)
    try:
        return StudyFile.model_validate(value, context={"base": base}), []
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        return None, [issue for each in errors for issue in _issues(each, value)]


def _issues(error: Any, value: Any) -> list[Issue]:
    """The issues in one error of pydantic, as seen from the top of the study.

    Our own readers have found most of them, and pydantic only adds where; an unknown or a missing field, and a value
    that is no mapping or no list, pydantic finds itself.
    """
    path: tuple[Step, ...] = error["loc"]
    kind: str = error["type"]
    if kind == "wrong":
        issues: Sequence[Issue] = error["ctx"]["issues"]
        # Messages about a key begin with its name; "expected ..." alone is about the field itself.
        return [
            (issue.named(_dotted(path)) if issue.message.startswith("expected ") else issue).under(*path)
            for issue in issues
        ]
    where = f"{_dotted(path[:-1])}: " if path[:-1] else ""
    if kind == "extra_forbidden":
        name = str(path[-1])
        return [Issue(f"{where}unknown key '{name}'{_hint(name, path[:-1])}", path, at_key=True)]
    if kind == "missing":
        return [Issue(f"{where}{path[-1]} is missing", path[:-1])]
    what = "a mapping" if "model" in kind or "dict" in kind else "a list"
    for step in path:
        value = value[step]
    return [issue.named(_dotted(path)).under(*path) for issue in expected(what, value).issues]


def _dotted(path: Sequence[Step]) -> str:
    return ".".join(str(step) for step in path if isinstance(step, str))


def _hint(name: str, path: Sequence[Step]) -> str:
    """The tail of the message that the model whose place is `path` has no field of this name."""
    at = next((step for step in reversed(path) if isinstance(step, str)), "")
    if at == "sweep" and sweep_key(name) is not None:
        return "; the keys to vary stand in its grid, zip or sample"
    model, elsewhere = _MODELS[at]
    return elsewhere.hint(name, [field.alias or known for known, field in model.model_fields.items()])


def json_schema() -> dict[str, Any]:
    """JSON schema of study files, for completion and checks in an editor.

    Examples
    --------
    >>> json_schema()["properties"]["stop"]["enum"]
    ['budget', 'converged']
    """
    schema = _tidy(StudyFile.model_json_schema())
    required = [[key.name] for key in KEYS.values() if key.required]
    needed = [{"anyOf": [form for key in keys for form in _given(key)]} for keys in (*required, BUDGETS)]
    for keys, forms in zip(required, needed, strict=False):
        if keys[0] in RATES:
            # An optimizer that has none may stand at the top, or perhaps in the sweep.
            without = [name for name, record in OPTIMIZERS.items() if not record.takes(keys[0])]
            top, *others = _given("optimizer")
            forms["anyOf"] += [{**top, "properties": {"optimizer": {"enum": without}}}, *others]
    one_budget = [{"not": {"required": list(pair)}} for pair in combinations(BUDGETS, 2)]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "allOf": [*needed, *one_budget]}


def _given(key: str) -> list[dict[str, Any]]:
    """Where a study may give a key that has no default: at the top, or somewhere in its sweep."""
    has = {"required": [key]}
    places: dict[str, Any] = {
        "grid": has,
        "zip": {"contains": has},
        "sample": {"properties": {"space": has}},
        "when": {"contains": {"properties": {"grid": has}}},
    }
    forms = [{"required": [name], "properties": {name: place}} for name, place in places.items()]
    return [has, {"required": ["sweep"], "properties": {"sweep": {"anyOf": forms}}}]


def _tidy(schema: Any) -> Any:
    """The schema without the titles that pydantic makes up and without empty defaults: an editor would show them."""
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
