"""From a YAML file, or from what Python gives, to a validated, frozen study; or to everything wrong with it at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from runner.data.memory import MemoryData, content_of
from runner.errors import Problem, StudyError
from runner.keys.issues import Issue
from runner.ops.own import load_installed
from runner.results.files import io_errors, write_file
from runner.studies.checks import places
from runner.studies.claims.grammar import Claim
from runner.studies.consistency import check_recorded, check_together
from runner.studies.draft import Draft, check_name_and_seeds, check_values
from runner.studies.given import Content, change_of, with_columns
from runner.studies.leftovers import without_leftovers
from runner.studies.model import RecordOptions, validate
from runner.studies.numbered import Numbered
from runner.studies.overrides import apply_change, override, take_off, with_budgets
from runner.studies.parser import MOST_BYTES, parse
from runner.studies.tree import Entries, Node, Scalar
from runner.studies.writer import moved, study_text
from runner.sweep.model import Sweep
from runner.sweep.space import SweepSpace

__all__ = ["Study", "load_study", "read_study"]


@dataclass(frozen=True, eq=False)
class Study:
    """A study that can be planned.

    Attributes
    ----------
    name : str
        Also the name of the folder of its results.
    description : str
    path : Path
        The file; of a study that was made in Python, one that need not be there, in the folder of that moment.
    text : str
        Its contents as read, or the file that would say the same.
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

    def with_(self, **changes: Any) -> Study:
        """The same study with some keys changed, as a new one.

        Parameters
        ----------
        **changes
            Keys of a study, as `runner.study` takes them. One value takes its key off every axis; many values make it
            an axis; None takes the key away. A budget takes the place of the other one, and seeds that of other seeds.
            Claims and conditions of the sweep about cells that there are no longer, and settings that no run uses any
            more, are left out.

        Returns
        -------
        Study

        Raises
        ------
        StudyError
            With every problem, each with the argument or the key that it is about.
        """
        tree = self._tree()
        issues: list[Issue] = []
        for name, given in with_columns(changes).items():
            change = change_of(name, given)
            if change.value is None:
                tree = take_off(tree, name)
                continue
            value = parse(study_text({name: change.value}), "", positions=False)[0]
            assert isinstance(value, Entries)
            tree = apply_change(tree, *value.entries[0], change.axis)
            above = ("sweep", "grid", name) if change.axis else (name,)
            issues += [issue.under(*above) for issue in change.issues]
        if not issues:
            tree = without_leftovers(tree, self.folder, with_budgets(changes))
        return study_of_content(Content(tree.value, tuple(issues), frozenset(changes), frozenset(changes)), self.folder)

    def to_yaml(self, path: str | os.PathLike[str] | None = None) -> str:
        """The study as the text of a file, which loads to a study with the same runs.

        Parameters
        ----------
        path : path, optional
            A file to write, which is replaced if it is there. Relative paths of data start at its folder; as a path is
            part of what a run is, a file in another folder has such runs under other identities.

        Returns
        -------
        str
            The text.
        """
        content: Mapping[str, Any] = self._tree().value
        if path is None:
            return study_text(content)
        file = Path(path)
        text = study_text(moved(content, self.folder, file.parent))
        self.keep_data(file.parent)
        write_file(file, text.encode())
        return text

    def keep_data(self, folder: Path) -> None:
        """Write the data sets that came from memory below a folder, where they are looked for from a file in it."""
        for data in places(self.space, "data"):
            if isinstance(data, MemoryData) and not (file := folder / data.file).exists():
                with io_errors(file):
                    file.parent.mkdir(parents=True, exist_ok=True)
                write_file(file, content_of(data))

    def _tree(self) -> Entries:
        """What it says, with the arguments applied and its name."""
        tree = overridden_tree(self.text, self.path, self.overrides)
        if self.overrides:
            keys = with_budgets(argument.partition("=")[0].strip() for argument in self.overrides)
            tree = without_leftovers(tree, self.folder, keys)
        if tree.get("name") is not None:
            return tree
        name = Scalar("name", True, tree.mark), Scalar(self.name, False, tree.mark)
        return replace(tree, entries=(name, *tree.entries))


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
    load_installed()
    file = os.fspath(path)
    tree, misread = parse(text, file)
    return _checked(tree, misread, text, file, overrides)


def study_of_content(content: Content, folder: Path, overrides: Sequence[str] = ()) -> Study:
    """Check a study that was made in Python.

    Parameters
    ----------
    content : Content
    folder : Path
        Where relative paths of its data start.
    overrides : sequence of str
        As in `load_study`.

    Returns
    -------
    Study
        Its text is that of the file which says the same.

    Raises
    ------
    StudyError
        With every problem; each names an argument, or a key of the mapping, in the place of a file.
    """
    load_installed()
    text = study_text(content.values)
    if (size := len(text.encode())) > MOST_BYTES:
        raise StudyError([Problem(f"the study has {size:,} bytes as a file, more than {MOST_BYTES:,}")])
    name = content.values.get("name")
    # What the name can be is checked with everything else; here it only has to be one of a file.
    file = folder / f"{name if isinstance(name, str) and name.isprintable() and '/' not in name else 'study'}.yaml"
    tree = parse(text, str(file), positions=False)[0]
    numbered = Numbered(tree, str(file))
    try:
        return _checked(numbered.tree, content.issues, text, str(file), overrides)
    except StudyError as error:
        raise StudyError([numbered.told(problem, content) for problem in error.problems]) from None


def _checked(tree: Node, wrong: Sequence[Issue | Problem], text: str, file: str, overrides: Sequence[str]) -> Study:
    """The study of a tree, in which something may have been found wrong already."""
    overridden = override(tree, overrides, _SweptNumbers(tree, Path(file).parent))
    draft = Draft(file, overrides, overridden.tree)
    draft.note([*(each for each in wrong if isinstance(each, Problem)), *overridden.problems])
    if issues := [each for each in wrong if isinstance(each, Issue)]:
        draft.take_out(issues)
    model = check_values(draft)
    draft.note(check_name_and_seeds(model, Path(file).stem))
    space = SweepSpace(model.given, model.sweep)
    draft.note(check_together(space, model.claims, Path(file).parent, draft.unknown, overridden.keys))
    if "record" not in overridden.keys:
        draft.note(check_recorded(model.claims, model.record.weights))
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
        sweep=space.sweep,
        seeds=model.run_seeds,
        space=space,
    )


def overridden_tree(text: str, path: str | os.PathLike[str], overrides: Sequence[str]) -> Entries:
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
    return overridden.tree


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
            size = os.fstat(stream.fileno()).st_size
            content = stream.read(min(size, MOST_BYTES) + 1) if size else b""
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
