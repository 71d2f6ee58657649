"""From a YAML file and `key=value` arguments to a validated, frozen study; or to everything wrong with them at once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from runner.errors import Problem, StudyError
from runner.keys.issues import Issue
from runner.studies.claims.grammar import Claim
from runner.studies.consistency import check_together
from runner.studies.model import RecordOptions, StudyModel, validate
from runner.studies.overrides import override
from runner.studies.parser import MOST_BYTES, parse
from runner.studies.pruning import prune
from runner.studies.tree import Entries, Node, located
from runner.sweep.model import Sweep
from runner.sweep.space import SweepSpace

__all__ = ["Study", "load_study", "read_study"]

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
    space : SweepSpace
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
    space: SweepSpace

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
    return read_study(_read_text(os.fspath(path)), path, overrides)


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

    Returns
    -------
    Study

    Raises
    ------
    StudyError
        As `load_study`.
    """
    file = os.fspath(path)
    tree, misread = parse(text, file)
    overridden = override(tree, overrides, _SweptNumbers(tree, Path(file).parent))
    draft = _Draft(file, overrides, overridden.tree)
    draft.note([*misread, *overridden.problems])
    model = _check_values(draft)
    draft.note(_check_name_and_seeds(model, Path(file).stem))
    space = SweepSpace(model.given, model.sweep)
    draft.note(check_together(space, model.claims, Path(file).parent, draft.unknown, overridden.keys))
    if draft.found:
        raise draft.error()
    return Study(
        name=model.name or Path(file).stem,
        description=model.description,
        path=Path(file),
        text=text,
        overrides=tuple(overrides),
        record=model.record,
        claims=model.claims,
        base=MappingProxyType(space.base),
        sweep=model.sweep,
        seeds=model.run_seeds,
        space=space,
    )


def overridden_tree(text: str, path: str | os.PathLike[str], overrides: Sequence[str]) -> Mapping[str, object]:
    """A study's content as it stands in the file once the arguments are applied, nothing checked yet.

    Raises
    ------
    StudyError
        When the text is no mapping, or an argument is wrong.
    """
    file = os.fspath(path)
    tree, misread = parse(text, file)
    overridden = override(tree, overrides, _SweptNumbers(tree, Path(file).parent))
    if (problems := [*misread, *overridden.problems]) or not isinstance(overridden.tree, Entries):
        raise StudyError(problems or [Problem("expected a mapping of keys", file)])
    return overridden.tree.value


class _SweptNumbers:
    """From a key to the numbers that a study gives it in its sweep, before any argument changes it; else none."""

    def __init__(self, tree: Node, base: Path) -> None:
        self._tree, self._base = tree, base

    @cached_property
    def _space(self) -> SweepSpace | None:
        model, _ = validate(self._tree, self._base)
        return None if model is None else SweepSpace(model.given, model.sweep)

    def __call__(self, key: str) -> list[float]:
        if self._space is None:
            return []
        swept = [value for at in self._space.axes_of(key) for value in self._space.axes[at].column(key)]
        included = [row[key] for row in self._space.sweep.include if key in row]
        return [value for value in (*swept, *included) if isinstance(value, float)]


def _read_text(file: str) -> str:
    """The text of the study's file."""

    def failed(message: str, line: int | None = None) -> StudyError:
        return StudyError([Problem(message, file, line)])

    # Reading a pipe might never end.
    if os.path.exists(file) and not os.path.isfile(file):
        what = "is a folder" if os.path.isdir(file) else "is a pipe or a device"
        raise failed(f"{what}, not a study file")
    try:
        with open(file, "rb") as stream:
            # A file without a size is empty, or one of the system's that may never end.
            content = stream.read(MOST_BYTES + 1) if os.fstat(stream.fileno()).st_size else b""
    except FileNotFoundError:
        link = os.path.islink(file)
        raise failed("it is a link to a file that is not there" if link else "there is no such file") from None
    except (OSError, ValueError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        raise failed(f"cannot be read: {reason[:1].lower()}{reason[1:]}") from None
    if len(content) > MOST_BYTES:
        raise failed(f"the file has more than {MOST_BYTES:,} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise failed("expected UTF-8 text", content.count(b"\n", 0, error.start) + 1) from None


@dataclass
class _Draft:
    """A study while it is read, and everything found wrong with it so far.

    Attributes
    ----------
    file : str
        The study's file, as the user named it.
    arguments : sequence of str
        The `key=value` arguments.
    tree : Node
        What the study says, without the values that cannot be read.
    unknown : frozenset of str
        Keys of a run about which nothing is known, because a value that gives them cannot be read.
    found : list of pairs
        Each thing that is wrong, with the tree as it was then: the path of an issue leads through that tree.
    """

    file: str
    arguments: Sequence[str]
    tree: Node
    unknown: frozenset[str] = frozenset()
    found: list[tuple[Issue | Problem, Node]] = field(default_factory=list)

    def note(self, wrong: Iterable[Issue | Problem]) -> None:
        """Keep what is wrong with the tree as it is now."""
        self.found += [(each, self.tree) for each in wrong]

    def error(self) -> StudyError:
        """Everything found, each thing once and at its place.

        Only here do paths become places. The problems of the study come first, by position, then those of other files,
        then those of the arguments, one argument after the other.
        """
        placed = [located(each, tree) if isinstance(each, Issue) else each for each, tree in self.found]
        named = [p if p.file else Problem(p.message, self.file, p.line, p.column) for p in dict.fromkeys(placed)]
        ranks = {self.file: 0, **{f"<{argument}>": 2 + i for i, argument in enumerate(self.arguments)}}

        def place(problem: Problem) -> tuple[int, int, int]:
            rank = ranks.get(problem.file, 1)
            # Those of other files come in the order of the file, at the end how many more there are.
            return (rank, 0, 0) if rank == 1 else (rank, problem.line or 0, problem.column or 0)

        return StudyError(sorted(named, key=place))


def _check_values(draft: _Draft) -> StudyModel:
    """Check every value by itself.

    What cannot be read is noted and taken out of the draft, so that the rest can be checked against each other.
    """
    base = Path(draft.file).parent
    model, issues = validate(draft.tree, base)
    while model is None:
        draft.note(issues)
        pruned = prune(draft.tree, issues)
        if pruned is None:
            raise draft.error()
        draft.tree, draft.unknown = pruned.tree, draft.unknown | pruned.keys
        model, issues = validate(draft.tree, base)
    return model


def _check_name_and_seeds(model: StudyModel, stem: str) -> Iterator[Issue]:
    """Whether the name can be that of a folder, and the seeds are given in one way only.

    Parameters
    ----------
    model : StudyModel
    stem : str
        The name of the file without its ending: that of the study where it gives none.
    """
    if model.name is not None and not _NAME.fullmatch(model.name):
        what = "expected up to 100 letters, digits and . _ - that do not begin with a dot"
        yield Issue(f"name: {what}, found '{model.name}'", ("name",))
    elif model.name is None and not _NAME.fullmatch(stem):
        yield Issue(f"name is missing: the file's name '{stem}' cannot be used")
    elif (name := model.name or stem).startswith("-"):
        path = ("name",) if model.name else ()
        yield Issue(f"name: '{name}' would be taken for a flag; expected one that does not begin with -", path)
    given = [key for key in _SEEDS if key in model.model_fields_set]
    for key in given[1:]:
        yield Issue(f"{key}: {given[0]} is given already", (key,), at_key=True)
