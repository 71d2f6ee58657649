"""The shelf of published results: it loads, its page says what it claims, and what came out comes out again."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from types import ModuleType

import pytest

import runner
from runner.studies.load import Study

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "literature.md"
STUDIES = sorted((ROOT / "configs" / "literature").glob("*.yaml"))
EXACT = ("fausett", "mazur", "negnevitsky_and", "nielsen", "saxe_linear", "sohl_dickstein")
"""Studies without chance that are trained in a moment."""


def maker() -> ModuleType:
    """`docs/make_literature.py`."""
    spec = importlib.util.spec_from_file_location("make_literature", ROOT / "docs" / "make_literature.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKER = maker()
ROWS = [
    tuple(cell.strip() for cell in line.strip("|\n").split(" | "))
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| ")
][2:]


def rows_of(study: Study) -> dict[str, tuple[str, ...]]:
    """What the page says of each claim: what was found, its interval, the verdict."""
    claims = {f"{claim.name}: `{claim.statistic.text}`": claim.name for claim in study.claims}
    return {claims[row[1]]: row[5:] for row in ROWS if row[1] in claims}


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_claim_says_where_it_stands_and_how_near_it_is_to_come(path: Path) -> None:
    study = runner.load(path)
    assert study.name == path.stem
    assert study.claims
    for claim in study.claims:
        assert claim.source, claim.name
        assert claim.tolerance, claim.name
        # A number that was published lies in the expected range, or on its bound.
        low, high = claim.expect.low, claim.expect.high
        assert claim.published is None or low <= claim.published <= high


def test_the_page_shows_every_claim_as_it_is() -> None:
    expected = [tuple(row) for study in MAKER.studies() for row in MAKER.stated(study)]
    assert [row[:5] for row in ROWS] == expected
    assert len(STUDIES) >= 14


@pytest.mark.parametrize("name", EXACT)
def test_what_needs_no_chance_comes_out_as_the_page_says(name: str, tmp_path: Path) -> None:
    study = runner.load(ROOT / "configs" / "literature" / f"{name}.yaml")
    runner.run(study, out=tmp_path)
    told = rows_of(study)
    for each in runner.claims(name, study, tmp_path).checked:
        value, interval, verdict = told[each.claim.name]
        assert interval == "exact"
        assert each.exact
        assert each.verdict in verdict
        assert math.isclose(each.estimate, float(value.replace(",", "")), rel_tol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_with_fewer_seeds_no_verdict_turns(path: Path, tmp_path: Path) -> None:
    """What holds does not fail, and what fails does not hold; some may be undecided."""
    study = runner.load(path)
    few = runner.load(path, "replicates=100") if len(study.seeds) > 100 else study
    runner.run(few, out=tmp_path)
    told = rows_of(study)
    for each in runner.claims(path.stem, study, tmp_path).checked:
        verdict = told[each.claim.name][2].strip("*").split("*")[0]
        assert {verdict, each.verdict} != {"holds", "fails"}, each.claim.name
