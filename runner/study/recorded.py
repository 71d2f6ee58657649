"""The study that made a folder of results, from the copy beside its table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from runner.results.files import io_errors
from runner.results.provenance import STUDY, overrides_of, read_environment
from runner.study.load import Study, read_study


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
        found it.

    Raises
    ------
    StudyError
        When it is no study any more.
    RunnerError
        When there is no copy, or it cannot be read.
    """
    path = folder / STUDY
    with io_errors(path, "read"):
        text = path.read_text(encoding="utf-8-sig")
    facts = read_environment(folder).get("study", {})
    file = Path(facts.get("folder", folder), Path(facts.get("file", path)).name)
    return replace(read_study(text, file, [*overrides_of(folder), *overrides]), name=folder.name)
