"""The grammar of `sweep`: models whose fields are axes, rows and conditions on keys of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from runner.keys import synonyms
from runner.keys.definitions import KEYS, LISTS, MOST_SEED, Key, sweep_key
from runner.keys.issues import Invalid
from runner.keys.kinds import Kind, choice, integer
from runner.sweep.axes import (
    Axes,
    ReadOne,
    Row,
    read_axis,
    read_keyed,
    read_matching,
    read_rows,
    read_space,
    read_value,
)
from runner.sweep.ranges import MOST_VALUES, range_schema
from runner.sweep.sampling import DISTRIBUTIONS, METHODS


class Checked:
    """How pydantic validates a field: by one of our readers, so that every message is ours.

    What the reader finds wrong passes through pydantic as it is, as the `issues` of an error of type "wrong";
    `runner.studies.model` takes them out again.

    Parameters
    ----------
    read : callable (value, info) -> value
        Raises Invalid.
    schema : mapping
        JSON schema of the field.
    """

    def __init__(self, read: Callable[[Any, ValidationInfo], Any], schema: Mapping[str, Any]) -> None:
        self._read = read
        self._schema = schema

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def validate(value: Any, info: ValidationInfo) -> Any:
            try:
                return self._read(value, info)
            except Invalid as invalid:
                raise PydanticCustomError("wrong", "wrong", {"issues": invalid.issues}) from None

        return core_schema.with_info_plain_validator_function(validate)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return dict(self._schema)


def plain(kind: Kind) -> Checked:
    """A field that is one value."""
    return Checked(lambda value, info: kind.read(value, base_of(info)), kind.schema)


def base_of(info: ValidationInfo) -> Path | None:
    """Folder of the study, from the context of the validation."""
    return info.context["base"] if info.context else None


def _keyed(read_one: ReadOne, schema_of: Callable[[Key], Mapping[str, Any]]) -> Checked:
    """A field that is a mapping of keys."""
    return Checked(lambda value, info: read_keyed(value, read_one, base_of(info)), _keyed_schema(schema_of))


def _keyed_schema(schema_of: Callable[[Key], Mapping[str, Any]]) -> dict[str, Any]:
    keys = [key for key in KEYS.values() if key.name != "seed"]
    numbers = {name: sweep_key(f"{name}[0]") for name in LISTS}
    return {
        "type": "object",
        "properties": {key.name: {"description": key.doc, **schema_of(key)} for key in keys},
        "patternProperties": {
            rf"^{name}\[[0-9]+\]$": {"description": key.doc, **schema_of(key)} for name, key in numbers.items() if key
        },
        "additionalProperties": False,
        "minProperties": 1,
    }


def _axis_schema(key: Key) -> dict[str, Any]:
    values = {"type": "array", "items": dict(key.kind.schema), "minItems": 1, "uniqueItems": True}
    if key.kind.ranges:
        own = {name: {"type": "array"} for name in key.kind.ranges}
        return {"anyOf": [values, {"type": "object", "properties": own, "additionalProperties": False}]}
    return {"anyOf": [values, range_schema()]} if key.kind.number else values


def _matching_schema(key: Key) -> dict[str, Any]:
    one = dict(key.kind.schema)
    return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}


def _space_schema(key: Key) -> dict[str, Any]:
    pair = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
    choices = {"type": "array", "items": dict(key.kind.schema), "minItems": 1}
    names = DISTRIBUTIONS if key.kind.number else ()
    return {
        "type": "object",
        "properties": {**dict.fromkeys(names, pair), "choice": choices},
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
    }


def _row_schema(key: Key) -> Mapping[str, Any]:
    return key.kind.schema


_ROWS = Checked(
    lambda value, info: read_rows(value, base_of(info)),
    {"type": "array", "items": _keyed_schema(_row_schema), "minItems": 1},
)


def _read_space(value: object, info: ValidationInfo) -> Axes:
    """The space of a sample, drawn from as the fields before it say.

    Fields that are wrong are missing here; a single point is then enough to see what is wrong with the space itself.
    """
    how = info.data
    return read_space(value, base_of(info), how.get("n", 1), how.get("method", "random"), how.get("seed", 0))


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Sample(Strict):
    """Cells drawn from a space of keys."""

    n: Annotated[int, plain(integer(1, MOST_VALUES))] = Field(description="How many cells.")
    method: Annotated[str, plain(choice(METHODS, synonyms.METHODS))] = Field(
        "random", description="How they fill the space."
    )
    seed: Annotated[int, plain(integer(0, MOST_SEED))] = Field(0, description="Of the sample.")
    space: Annotated[Axes, Checked(_read_space, _keyed_schema(_space_schema))] = Field(
        description="For every key: uniform, loguniform or integers with [lo, hi], or choice with a list."
    )


class When(Strict):
    """Axes for the cells that match a condition."""

    condition: Annotated[Axes, _keyed(read_matching, _matching_schema)] = Field(
        alias="if", description="Keys and the value, or list of values, that they must have."
    )
    grid: Annotated[Axes, _keyed(read_axis, _axis_schema)] = Field(description="Axes: every combination.")


class Sweep(Strict):
    """Keys with many values: grid x zip x sample, then when, exclude, include."""

    grid: Annotated[Axes, _keyed(read_axis, _axis_schema)] = Field(
        default={}, description="Axes: every combination, the first axis slowest."
    )
    zip: Annotated[tuple[Row, ...], _ROWS] = Field(default=(), description="Rows of keys that advance together.")
    sample: Sample | None = Field(default=None, description="Cells drawn from a space of keys.")
    when: tuple[When, ...] = Field(default=(), description="Extra axes for the cells that match.")
    exclude: tuple[Annotated[Axes, _keyed(read_matching, _matching_schema)], ...] = Field(
        default=(), description="Cells that match one of these are left out."
    )
    include: tuple[Annotated[Row, _keyed(read_value, _row_schema)], ...] = Field(
        default=(), description="Cells that are always added, as changes of the run at the top."
    )
