"""From a YAML file and `key=value` arguments to a validated, frozen study; or every problem of the file at once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from runner.errors import Problem, StudyError
from runner.keys.definitions import KEYS
from runner.keys.issues import Issue
from runner.study.claims.grammar import Claim
from runner.study.consistency import claim_issues, study_issues
from runner.study.data_checks import DataChecks
from runner.study.model import RecordOptions, json_schema, validate
from runner.study.overrides import override
from runner.study.parser import MOST_BYTES, parse
from runner.study.pruning import prune
from runner.study.tree import Node, located
from runner.sweep.model import Sweep
from runner.sweep.space import SweepSpace, collisions

__all__ = ["RecordOptions", "Study", "json_schema", "load_study"]

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
_SEEDS = ("replicates", "seeds", "seed")


@dataclass(frozen=True, eq=False)
class Study:
    """A study that can be planned.

    Attributes
    ----------
    name : str
        Also the name of the folder of its results.
    description : str
    path : Path
        The file.
    text : str
        Its contents as read.
    overrides : tuple of str
        The `key=value` arguments.
    record : RecordOptions
        What is kept of every run: `curves`, about how many points or None, and `weights`.
    claims : tuple of Claim
        Statements about the results.
    base : mapping
        The keys given at the top, with their canonical values.
    sweep : Sweep
        What is swept.
    seeds : range or tuple of int
    layout : SweepSpace
        The cells, before they are numbered.
    """

    name: str
    description: str
    path: Path
    text: str
    overrides: tuple[str, ...]
    record: RecordOptions
    claims: tuple[Claim, ...]
    base: Mapping[str, Any]
    sweep: Sweep
    seeds: range | tuple[int, ...]
    layout: SweepSpace

    @property
    def folder(self) -> Path:
        """Where relative paths of data start."""
        return self.path.parent


def load_study(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Study:
    """Read and check a study.

    Parameters
    ----------
    path : path
        The YAML file.
    overrides : sequence of str
        `key=value` arguments; the value is YAML. A list or a range makes an axis.

    Returns
    -------
    Study

    Raises
    ------
    StudyError
        With every problem, in the order of the file.
    """
    return read_study(_contents(os.fspath(path)), path, overrides)


def read_study(text: str, path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Study:
    """Check the text of a study.

    Parameters
    ----------
    text : str
        YAML.
    path : path
        Where it stands, for messages and for data with relative paths.
    overrides : sequence of str
        As in `load_study`.

    Raises
    ------
    StudyError
        As `load_study`.
    """
    file = os.fspath(path)
    tree, problems = parse(text, file)
    changed = override(tree, overrides)
    problems += changed.problems
    tree, base = changed.tree, Path(file).parent
    model, issues = validate(tree, base)
    unknown: frozenset[str] = frozenset()
    while model is None:
        problems += [located(issue, tree) for issue in issues]
        pruned = prune(tree, issues)
        if pruned is None:
            raise _sorted(problems, file, overrides)
        tree, unknown = pruned.tree, unknown | pruned.keys
        model, issues = validate(tree, base)
    problems += _own_problems(model, file, tree)
    layout = SweepSpace(_given(model), model.sweep)
    problems += [located(issue, tree) for issue in claim_issues(model.claims, layout, unknown | changed.keys)]
    problems += _cross_checked(layout, base, unknown, changed.keys, tree)
    if problems:
        raise _sorted(problems, file, overrides)
    return Study(
        name=model.name or Path(file).stem,
        description=model.description,
        path=Path(file),
        text=text,
        overrides=tuple(overrides),
        record=model.record,
        claims=model.claims,
        base=MappingProxyType(layout.base),
        sweep=model.sweep,
        seeds=_seeds(model),
        layout=layout,
    )


def _contents(file: str) -> str:
    def failed(message: str) -> StudyError:
        return StudyError([Problem(message, file)])

    # Reading a pipe might never end.
    if os.path.exists(file) and not os.path.isfile(file):
        what = "is a folder" if os.path.isdir(file) else "is a pipe or a device"
        raise failed(f"{what}, not a study file")
    try:
        with open(file, "rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise failed("there is no such file") from None
    except (OSError, ValueError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        raise failed(f"cannot be read: {reason[:1].lower()}{reason[1:]}") from None
    if len(content) > MOST_BYTES:
        raise failed(f"the file has more than {MOST_BYTES:,} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise StudyError([Problem("expected UTF-8 text", file, line)]) from None


def _given(model: Any) -> dict[str, Any]:
    """The keys at the top that make a run, in the order of KEYS."""
    return {key: getattr(model, key) for key in KEYS if key in model.model_fields_set and key != "seed"}


def _own_problems(model: Any, file: str, tree: Node) -> list[Problem]:
    """What is wrong with the name and the seeds."""
    issues = []
    if model.name is not None and not _NAME.fullmatch(model.name):
        what = "expected up to 100 letters, digits and . _ - that do not begin with a dot"
        issues.append(Issue(f"name: {what}, found '{model.name}'", ("name",)))
    elif model.name is None and not _NAME.fullmatch(Path(file).stem):
        issues.append(Issue(f"name is missing: the file's name '{Path(file).stem}' cannot be used"))
    given = [key for key in _SEEDS if key in model.model_fields_set]
    if len(given) > 1:
        issues += [Issue(f"{key}: {given[0]} is given already", (key,), at_key=True) for key in given[1:]]
    return [located(issue, tree) for issue in issues]


def _seeds(model: Any) -> range | tuple[int, ...]:
    if model.seeds is not None:
        return tuple(model.seeds)
    return (model.seed,) if model.seed is not None else range(model.replicates or 1)


def _cross_checked(
    layout: SweepSpace, base: Path, unknown: frozenset[str], overridden: frozenset[str], tree: Node
) -> list[Problem]:
    """What is wrong with values that are right one by one."""
    problems: list[Problem] = []
    issues: list[Issue] = []
    try:
        issues += collisions(layout)
        if not issues:
            issues += study_issues(layout, unknown, overridden)
            data = DataChecks(layout, base)
            data.check(unknown)
            issues += data.issues
            problems += data.problems
    except StudyError as error:  # conditions that are too entangled
        problems += error.problems
    return problems + [located(issue, tree) for issue in issues]


def _sorted(problems: Iterable[Problem], file: str, overrides: Sequence[str]) -> StudyError:
    """Each problem once: those of the study by position, then those of other files and of the arguments."""
    named = [p if p.file else Problem(p.message, file, p.line, p.column) for p in dict.fromkeys(problems)]
    ranks = {file: 0, **{f"<{argument}>": 2 + i for i, argument in enumerate(overrides)}}
    return StudyError(sorted(named, key=lambda p: (ranks.get(p.file, 1), p.line or 0, p.column or 0)))
