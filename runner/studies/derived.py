"""Studies that are made from others: a study's content as YAML, and a part of what it sweeps as a study of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from runner.keys.scalars import resolve
from runner.studies.load import overridden_tree, read_study

# The writer in C, where PyYAML has it, is ten times as fast.
_Writer: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_Writer):  # type: ignore[misc]
    """Writes so that `runner.studies.parser`, which follows YAML 1.2, reads the same values."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: Any, text: str) -> Any:
    # What would be read as a number, such as 1e3, needs quotes.
    style = None if resolve(text) == text else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def study_text(content: Mapping[str, Any]) -> str:
    """A study file, its keys in the order in which they are given."""
    text: str = yaml.dump(
        dict(content), Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=110, allow_unicode=True
    )
    return text


def derive(text: str, folder: Path, overrides: Sequence[str], name: str, into: Path, heading: str) -> str:
    """A study with some of its keys replaced, for a file elsewhere.

    Claims, and what the sweep leaves out or adds to its axes, are about other cells, and are left out.

    Parameters
    ----------
    text : str
        The study.
    folder : Path
        Where relative paths of its data start.
    overrides : sequence of str
        `key=value` arguments.
    name : str
        Of the new study.
    into : Path
        The file that it is for.
    heading : str
        A comment at its top.

    Raises
    ------
    StudyError
        When the new study would be wrong.
    """
    tree = overridden_tree(text, str(folder / "study.yaml"), [*overrides, f"name={name}"])
    content = {key: value for key, value in dict(tree).items() if key != "claims"}
    if isinstance(sweep := content.get("sweep"), dict):
        content["sweep"] = {key: value for key, value in sweep.items() if key not in ("exclude", "include")}
    new = f"# {heading}\n{study_text(_moved(content, folder, into.parent))}"
    read_study(new, into)
    return new


def _moved(value: Any, old: Path, new: Path) -> Any:
    """The same with relative paths of CSV data from another folder."""
    if isinstance(value, list):
        return [_moved(item, old, new) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: os.path.relpath(old / item, new)
        if key == "csv" and isinstance(item, str) and not os.path.isabs(item)
        else _moved(item, old, new)
        for key, item in value.items()
    }
