"""The verdicts on all claims of a study: of one that has just been run, or as its results record it.

Most studies claim nothing, and a start of one does not wait for the packages that read a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.analysis.claims.show import show, summary, write
from runner.analysis.claims.verdict import Checked, exit_code
from runner.printed import Printed, Writer
from runner.results.journal import JOURNAL
from runner.results.provenance import overrides_of
from runner.terminal import page_width

if TYPE_CHECKING:
    from runner.studies.claims.grammar import Claim
    from runner.studies.load import Study


@dataclass(frozen=True, repr=False)
class Verdicts(Printed):
    """The claims of a study, checked.

    Attributes
    ----------
    name : str
        Of the study.
    checked : sequence of Checked
    whole : bool
        Whether all runs are there that the claims may be about.
    """

    name: str
    checked: Sequence[Checked]
    whole: bool

    @property
    def exit_code(self) -> int:
        """1 when a claim fails."""
        return exit_code(self.checked, partial=not self.whole)

    def as_json(self) -> dict[str, Any]:
        """For another program; nothing where nothing is claimed."""
        return {"claims": [each.as_json() for each in self.checked]} if self.checked else {}

    def __repr__(self) -> str:
        return f"<Claims of {self.name}: {summary(self.checked) if self.checked else 'none'}>"

    def write_page(self, writer: Writer) -> None:
        """Write the page of `claims`."""
        if not self.checked:
            writer.print(f"{self.name}: the study makes no claims")
            return
        writer.print(f"{self.name}\n", style="bold")
        write(self.checked, writer, page_width())

    def show(self) -> None:
        """Print them below something else."""
        if self.checked:
            print()
            show(self.checked)


def check_claims(study: Study, table: Path, whole: bool) -> Verdicts:
    """Check the claims of a study that was run.

    Parameters
    ----------
    study : Study
    table : Path
    whole : bool
        Whether every run has its row.
    """
    # With key=value arguments a study is another one, and may lack what it makes claims about.
    return Verdicts(study.name, _check(table, study.claims), whole and not study.overrides)


def check_recorded_claims(table: Path, study: Study | None = None) -> Verdicts:
    """Check claims on results, whoever has made them.

    Parameters
    ----------
    table : Path
    study : Study, optional
        Whose claims; default those of the study as it was run.
    """
    from runner.analysis.claims.recorded import recorded_claims

    folder = table.parent
    claims = recorded_claims(folder) if study is None else study.claims
    whole = not overrides_of(folder) and not (folder / JOURNAL).exists()
    return Verdicts(folder.name, _check(table, claims), whole)


def _check(table: Path, claims: Sequence[Claim]) -> Sequence[Checked]:
    if not claims:
        return ()
    from runner.analysis.claims.check import check

    return check(table, claims)
