"""What is made from a study that was run: its content, and a part of what it sweeps as a study of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runner.results.files import io_errors
from runner.results.provenance import STUDY, overrides_of, read_environment
from runner.studies.load import overridden_tree, read_study
from runner.studies.writer import moved, study_text


def derive(text: str, folder: Path, overrides: Sequence[str], name: str, into: Path, heading: str) -> str:
    """A study with some of its keys replaced, for a file elsewhere.

    Claims, and what the sweep leaves out or adds to its axes, are about other cells, and are left out. Data from memory
    are put beside the file that it is for.

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
    content = {key: value for key, value in tree.value.items() if key != "claims"}
    if isinstance(sweep := content.get("sweep"), dict):
        content["sweep"] = {key: value for key, value in sweep.items() if key not in ("exclude", "include")}
    new = f"# {heading}\n{study_text(moved(content, folder, into.parent))}"
    read_study(new, into).keep_data(into.parent)
    return new


def recorded(folder: Path) -> dict[str, Any]:
    """What the study says whose results are in a folder, with the arguments of its last start, and `versions`.

    Parameters
    ----------
    folder : Path
        The folder of results. Without the copy of the study in it, there are only the versions.

    Raises
    ------
    StudyError
        When the copy is no study.
    RunnerError
        When it cannot be read.
    """
    copy = folder / STUDY
    content: dict[str, Any] = {}
    if copy.is_file():
        with io_errors(copy, "read"):
            text = copy.read_text(encoding="utf-8-sig")
        content = overridden_tree(text, copy, overrides_of(folder)).value
    return {**content, "versions": read_environment(folder).get("versions", {})}
