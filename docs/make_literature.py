"""Write the table of `docs/literature.md` from the claims of `configs/literature/` and their results.

    python -m runner configs/literature/*.yaml
    python docs/make_literature.py

With `--out DIR` the results are elsewhere than in `results/`. The table stands between `<!-- begin literature -->` and
`<!-- end literature -->`; the text around it is written by hand.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import runner
from runner.analysis.claims.show import found_in_words
from runner.analysis.claims.verdict import Checked
from runner.studies.load import Study

ROOT = Path(__file__).parent.parent
SHELF = ROOT / "configs" / "literature"
PAGE = ROOT / "docs" / "literature.md"
_BLOCK = re.compile(r"(<!-- begin literature -->\n).*?(<!-- end literature -->)", re.DOTALL)
_PAPER = re.compile(r"(.*?) \((\d{4})")
HEAD = ("paper and study", "claim", "source", "published", "expected", "here", "99% interval", "verdict")


def studies() -> list[Study]:
    """Those of the shelf, by the year of their paper."""
    found = [runner.load(path) for path in SHELF.glob("*.yaml")]
    return sorted(found, key=lambda study: (paper(study)[-5:-1], study.name))


def paper(study: Study) -> str:
    """Authors and year, with which the description of a study begins.

    Raises
    ------
    SystemExit
        When it begins with something else.
    """
    match = _PAPER.match(study.description)
    if match is None:
        raise SystemExit(f"the description of {study.name} does not begin with authors and a year in parentheses")
    return f"{match[1]} ({match[2]})"


def stated(study: Study) -> list[tuple[str, ...]]:
    """What stands in the table whatever the results are: the first five columns."""
    rows = []
    for k, claim in enumerate(study.claims):
        link = f"{paper(study)}: [{study.name}](../configs/literature/{study.path.name})" if k == 0 else ""
        published = "" if claim.published is None else f"{claim.published:,.10g}"
        what = f"{claim.name}: `{claim.statistic.text}`"
        rows.append((link, what, claim.source, published, claim.expect.text.replace("<", "&lt;")))
    return rows


def table(out: Path) -> str:
    """The table, and below it how much came out."""
    lines = [HEAD, ("---",) * len(HEAD)]
    verdicts: Counter[str] = Counter()
    runs = 0
    for study in studies():
        checked = runner.claims(study.name, study, out).checked
        for row, each in zip(stated(study), checked, strict=True):
            lines.append((*row, *_found(each)))
            verdicts[each.verdict] += 1
        with (out / study.name / "runs.csv").open("rb") as table:
            runs += sum(1 for _ in table) - 1
    words = {"holds": "hold", "fails": "fail"}
    counts = ", ".join(f"{n} {words.get(verdict, verdict)}" for verdict, n in verdicts.most_common())
    below = f"{verdicts.total()} claims: {counts}. {runs:,} runs."
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + f"\n{below}\n"


def _found(each: Checked) -> Iterator[str]:
    value, interval = found_in_words(each)
    yield value
    yield interval
    more = f", about {each.more:,} more seeds" if each.more else ""
    yield f"**{each.verdict}**{more}" if each.verdict != "holds" else each.verdict


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "results", help="where the results are")
    given = parser.parse_args(argv)
    text = PAGE.read_text(encoding="utf-8")
    made = table(given.out)
    PAGE.write_text(_BLOCK.sub(lambda match: f"{match[1]}\n{made}\n{match[2]}", text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
