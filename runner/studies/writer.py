"""From the content of a study to the text of its file; the parser reads the same content back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from runner.data.files.spec import FORMS
from runner.keys.scalars import resolve

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
    # Lists and mappings of single values stand on one line, but the study itself does not.
    flow = None if any(isinstance(value, list | dict) for value in content.values()) else False
    text: str = yaml.dump(
        dict(content), Dumper=_Dumper, sort_keys=False, default_flow_style=flow, width=110, allow_unicode=True
    )
    return text


def moved(value: Any, old: Path, new: Path) -> Any:
    """The same with relative paths of data from another folder."""
    if isinstance(value, list):
        return [moved(item, old, new) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: os.path.relpath(old / item, new)
        if key in FORMS and isinstance(item, str) and not os.path.isabs(item)
        else moved(item, old, new)
        for key, item in value.items()
    }
