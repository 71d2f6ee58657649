"""The studies that come with the package, found by name from any folder.

In a checkout they stand in `configs/`; the wheel carries that folder as `runner/configs`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from runner.errors import Problem, Refused, StudyError, nearest
from runner.results.files import io_errors

_PACKAGE = Path(__file__).parents[1]


def folder() -> Path:
    """Where the studies are: within an installed package, or beside the package in a checkout."""
    inside = _PACKAGE / "configs"
    return inside if inside.is_dir() else _PACKAGE.parent / "configs"


def shipped() -> dict[str, Path]:
    """All studies that come with the package.

    Returns
    -------
    dict of str to Path
        By name, which is that of the file without its ending; those of subfolders after the others.
    """
    files = sorted(folder().rglob("*.yaml"), key=lambda path: (len(path.parts), path))
    return {path.stem: path for path in files}


def find(name: str) -> Path:
    """The file of a study that comes with the package.

    Parameters
    ----------
    name : str
        Such as `xor_sweep`.

    Raises
    ------
    StudyError
        When there is none of that name.
    """
    known = shipped()
    if name not in known:
        hint = nearest(name, known) or "; `python -m runner examples` lists them"
        raise StudyError([Problem(f"no study that comes with the package is called '{name}'{hint}")])
    return known[name]


def copy(name: str, into: Path) -> list[Path]:
    """Copy a study and the CSV files it reads, to be edited.

    Parameters
    ----------
    name : str
    into : Path
        An existing folder.

    Returns
    -------
    list of Path
        The copies, the study first.

    Raises
    ------
    StudyError
        When there is no such study.
    Refused
        When one of the files is there already: nothing is copied then.
    RunnerError
        When a file cannot be written.
    """
    study = find(name)
    tables = dict.fromkeys(_tables(yaml.safe_load(study.read_text(encoding="utf-8"))))
    copies = {study.parent / file: into / file for file in (study.name, *tables)}
    for target in copies.values():
        if target.exists():
            raise Refused(f"{target} is there already: move it, or change to another folder")
    for source, target in copies.items():
        with io_errors(target):
            shutil.copyfile(source, target)
    return list(copies.values())


def _tables(node: Any) -> Iterator[str]:
    """The CSV files that a study names anywhere."""
    if isinstance(node, dict):
        if isinstance(node.get("csv"), str):
            yield node["csv"]
        node = node.values()
    elif not isinstance(node, list):
        return
    for part in node:
        yield from _tables(part)
