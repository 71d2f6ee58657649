"""The claims of a study whose results are at hand: from the copy of the study beside its table."""

from __future__ import annotations

from pathlib import Path

from runner.errors import RunnerError, StudyError
from runner.keys.issues import Invalid
from runner.results.files import io_errors
from runner.results.provenance import STUDY, overrides_of
from runner.studies.claims.grammar import Claim, read_claims
from runner.studies.overrides import override
from runner.studies.parser import parse
from runner.studies.tree import Entries, located


def recorded_claims(folder: Path) -> tuple[Claim, ...]:
    """Claims of the study as it was run.

    Parameters
    ----------
    folder : Path
        A folder of results.

    Raises
    ------
    StudyError
        When the claims cannot be understood; with their places in the copy.
    RunnerError
        When there is no copy of the study.
    """
    path = folder / STUDY
    if not path.is_file():
        raise RunnerError(f"{folder} has no {STUDY}: pass the study itself, to check its claims on these results")
    with io_errors(path, "read"):
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    tree, _ = parse(text, str(path))
    tree = override(tree, overrides_of(folder)).tree
    node = tree.get("claims") if isinstance(tree, Entries) else None
    if node is None:
        return ()
    try:
        return read_claims(node.value)
    except Invalid as invalid:
        raise StudyError([located(issue.under("claims"), tree) for issue in invalid.issues]) from None
