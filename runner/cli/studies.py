"""Which studies a command line means: files, results whose study is recorded, `key=value`, and what is neither."""

from __future__ import annotations

import argparse
import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.parser import USAGE
from runner.errors import Problem, StudyError, closest, did_you_mean, nearest

if TYPE_CHECKING:
    from runner.studies.load import Study
    from runner.studies.plan import Plan

# In bytes, on every common file system.
_LONGEST_NAME = 255


def plans_of(given: argparse.Namespace, commands: Collection[str], by_name: bool = False) -> list[tuple[Plan, Path]]:
    """Plan every study before anything is done: a mistake in the last one is not found a day later.

    Parameters
    ----------
    given : Namespace
        The parsed arguments: `items` are files, names and `key=value`, which hold for every study.
    commands : collection of str
        What the first argument could have meant, if it was misspelt.
    by_name : bool
        Whether results will do, named as by `report`: their study is planned as it was run.

    Returns
    -------
    list of (Plan, Path)
        Each with the folder of all results where its own are.
    """
    items = [item for item in given.items if not _is_override(item)]
    overrides = [item for item in given.items if _is_override(item)]
    recorded = {item: folder for item in items if by_name and (folder := _recorded(item, given.out))}
    problems = [
        Problem(_unknown(item, commands, given.out if by_name else None))
        for item in items
        if not os.path.isfile(item) and item not in recorded
    ]
    if not items:
        problems.append(Problem(f"which study? usage: {USAGE}"))
    if problems:
        raise StudyError(problems)
    from runner.studies.load import load_study
    from runner.studies.plan import make_plan
    from runner.studies.recorded import recorded_study

    studies: list[tuple[Study, Path]] = []
    for item in items:
        if item in recorded:
            studies.append((recorded_study(recorded[item], overrides), recorded[item].parent))
        else:
            studies.append((load_study(item, overrides), given.out))
        name = studies[-1][0].name
        if name in {study.name for study, _ in studies[:-1]}:
            raise StudyError([Problem(f"two studies have the name '{name}': their rows would mix", item)])
    return [(make_plan(study, given.max_runs), out) for study, out in studies]


def _recorded(item: str, out: Path) -> Path | None:
    """The folder of results that a user names, if its study is recorded there; a study file is none."""
    from runner.results.files import PARTS, TABLE
    from runner.results.provenance import STUDY

    # Functions of os.path, because methods of Path raise at names that are too long.
    if os.path.isfile(item) and Path(item).name != TABLE:
        return None
    folders = (path.parent if path.name in (TABLE, PARTS) else path for path in (Path(item), out / item))
    return next((folder for folder in folders if os.path.isfile(folder / STUDY)), None)


def _is_override(item: str) -> bool:
    return "=" in item and not os.path.isfile(item)


def _unknown(item: str, commands: Collection[str], out: Path | None) -> str:
    """What to say about an argument that is no file, nor the name of results in `out` where that would do."""
    if any(len(os.fsencode(part)) > _LONGEST_NAME for part in Path(item).parts):
        return f"'{item[:40]}...' is longer than the name of a file can be"
    path = Path(item)
    if os.path.isdir(item):
        return f"{item}: is a folder, not a study file"
    if os.path.exists(item):
        return f"{item}: is a pipe or a device, not a study file"
    if path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        siblings = sorted(str(path.parent / other.name) for other in path.parent.glob("*.y*ml"))
        return f"{item}: there is no such file{nearest(item, siblings)}"
    if item in commands:
        return f"'{item}' is a command: only flags may stand before it"
    # A study is often named without its folder or its extension.
    files = sorted([*Path().glob("*.y*ml"), *Path("configs").glob("*.y*ml")])
    known = {file.stem: str(file) for file in files}
    if out is None:
        from runner.studies.shipped import shipped

        examples = {name: f"example {name}" for name in shipped()}
        known = {command: command for command in commands} | examples | known
        what = "a command nor a study file"
    else:
        known |= {folder.name: folder.name for folder in out.glob("*") if folder.is_dir()}
        what = f"a study file nor a study that has results in {out}"
    guess = did_you_mean([known[name] for name in closest(item, known)])
    return f"'{item}' is neither {what}{guess}"
