"""The study that made a folder of results, from the copy beside its table."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from runner.data.memory import look_in
from runner.errors import StudyError
from runner.results.files import io_errors
from runner.results.provenance import STUDY, overrides_of, read_environment, study_folders
from runner.studies.load import Study, read_study


def recorded_study(folder: Path, overrides: Sequence[str] = ()) -> Study:
    """Read it, with the `key=value` of its last start, and then with some more.

    Parameters
    ----------
    folder : Path
        A folder of results.
    overrides : sequence of str

    Returns
    -------
    Study
        Its results are in this folder, whatever name the folder has got since; data is looked for where that start has
        found it, and where that would be if study and results were moved together.

    Raises
    ------
    StudyError
        When it is no study any more.
    RunnerError
        When there is no copy, or it cannot be read.
    """
    path = folder / STUDY
    look_in(folder)
    with io_errors(path, "read"):
        text = path.read_text(encoding="utf-8-sig")
    name = Path(read_environment(folder).get("study", {}).get("file", path)).name
    *others, last = study_folders(folder)
    arguments = [*overrides_of(folder), *overrides]
    for place in others:
        with contextlib.suppress(StudyError):
            return replace(read_study(text, place / name, arguments), name=folder.name)
    return replace(read_study(text, last / name, arguments), name=folder.name)
