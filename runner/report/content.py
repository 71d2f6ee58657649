"""All that a page says and shows of a study, from its folder of results."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.analysis.claims.verdict import Checked
from runner.analysis.explain.answer import paragraphs, tried
from runner.analysis.explain.explanation import Explanation, explain_runs
from runner.analysis.explain.levels import GRID, MATCHED
from runner.analysis.explain.runs import load_runs
from runner.analysis.explain.wording import interval
from runner.analysis.groups import Grouping
from runner.errors import RunnerError
from runner.measurements import OUTCOMES
from runner.report.axes import page_axes, pairs_json
from runner.report.cells import cells_of
from runner.report.claims import tracks
from runner.report.curves import curves_json
from runner.results.provenance import STUDY, overrides_of, read_environment
from runner.terminal import duration, percent

_MEASURED = ("epochs_to_converge", "final_loss")
_MOST_PAIRS = 8
_LEAST = 0.005
_LONGEST_STUDY = 30_000


@dataclass(frozen=True)
class Content:
    """What is on a page.

    Attributes
    ----------
    parts : dict
        What the template shows as text.
    data : dict
        What the script draws.
    """

    parts: dict[str, Any]
    data: dict[str, Any]


def content_of(table: Path, checked: Sequence[Checked] | None = None) -> Content:
    """Read a table and all that stands beside it.

    Parameters
    ----------
    table : Path
        `runs.csv` of a study; it may still grow.
    checked : sequence of Checked, optional
        The claims of the study, where they are checked already.

    Raises
    ------
    RunnerError
        When it is no table of results, or has no rows.
    """
    environment = read_environment(table.parent)
    runs = load_runs(table, environment.get("axes"), _MEASURED)
    found = explain_runs(table.parent.name, runs)
    grouping = Grouping(runs)
    axes = page_axes(runs)
    cells = cells_of(runs, grouping)
    weights = _weights(found)
    planned = environment.get("runs")
    data = {
        "runs": len(runs),
        "seeds": runs.n_seeds,
        "exact": runs.exact,
        "outcomes": list(runs.outcome_names),
        "axes": [axis.as_json(grouping) for axis in axes],
        "pairs": pairs_json(axes, grouping),
        # What decides most is shown first.
        "first": sorted(range(len(axes)), key=lambda at: -weights.get(axes[at].name, 0.0)),
        "decides": _decides(found),
        "curves": curves_json(table, runs, axes),
        "orders": cells.orders,
    }
    parts = {
        "name": found.name,
        "n_runs": len(runs),
        "planned": planned if planned is not None and planned > len(runs) else None,
        "tried": tried(found),
        "answer": paragraphs(found),
        "outcomes": _outcomes(found),
        "axes": len(axes),
        "exact": runs.exact,
        "n_seeds": runs.n_seeds,
        "claims": tracks(_claims(table) if checked is None else checked),
        "cells": cells,
        **_study(table, environment),
    }
    return Content(parts, data)


def _weights(found: Explanation) -> dict[str, float]:
    """How much each factor does, so far as it is known."""
    shares = {effect.factors[0]: effect.share for effect in (found.effects.main if found.effects else ())}
    weights = {}
    for at, report in enumerate(found.factors):
        known = shares.get(at, report.typical if report.how == MATCHED else report.explained)
        weights[report.factor.name] = known if known == known else 0.0
    return weights


def _decides(found: Explanation) -> list[dict[str, Any]]:
    """Bars of what decides: parts of the differences on a full grid; elsewhere points, and parts of the differences."""
    converged = found.runs.converged
    if converged.all() or not converged.any() or not found.factors:
        return []
    charts = []
    names = [report.factor.name for report in found.factors]
    if found.effects is not None and found.effects.total > 1e-6:
        bars = [(names[effect.factors[0]], effect.share, "alone") for effect in found.effects.main]
        pairs = [effect for effect in found.effects.pairs if effect.share >= _LEAST][:_MOST_PAIRS]
        bars += [
            (" \N{MULTIPLICATION SIGN} ".join(names[at] for at in each.factors), each.share, "together")
            for each in pairs
        ]
        shown = sum(share for _, share, _ in bars)
        if 1 - shown >= _LEAST:
            bars.append(("all else", 1 - shown, "rest"))
        charts.append(_bars("part of the differences in success rate between settings", bars))
    others = [report for report in found.factors if report.how != GRID]
    points = [(each.factor.name, each.typical, "alone") for each in others if each.how == MATCHED]
    parts = [(each.factor.name, each.explained, "alone") for each in others if each.how != MATCHED]
    if points:
        charts.append(_bars("typical change of the success rate among runs that agree in all else", points, "points"))
    if parts:
        charts.append(_bars("about what part of the differences in success rate goes with a setting", parts))
    return charts


def _bars(title: str, bars: list[tuple[str, float, str]], unit: str = "%") -> dict[str, Any]:
    known = sorted((bar for bar in bars if bar[1] == bar[1]), key=lambda bar: (bar[2] == "rest", -bar[1]))
    shown = [
        {
            "label": label,
            "share": round(share, 6),
            "kind": kind,
            "text": percent(share) if unit == "%" else f"{100 * share:.1f} points",
        }
        for label, share, kind in known
    ]
    return {"title": title, "bars": shown}


def _outcomes(found: Explanation) -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "known": each.name if each.name in OUTCOMES else "other",
            "runs": int(each.share.hits),
            "share": percent(each.share.rate),
            "interval": interval(each.share),
            "width": round(100 * each.share.rate, 4),
            "what": each.meaning.what,
            "helps": each.helps,
        }
        for each in found.outcomes
    ]


def _claims(table: Path) -> Sequence[Checked]:
    """The claims of the study, checked; none where they cannot be: the page has more to say than that."""
    if b"claims" not in _study_bytes(table):
        return ()
    from runner.analysis.claims.verdicts import check_recorded_claims

    try:
        return check_recorded_claims(table).checked
    except RunnerError:
        return ()


def _study_bytes(table: Path) -> bytes:
    try:
        return (table.parent / STUDY).read_bytes()
    except OSError:
        return b""


def _study(table: Path, environment: dict[str, Any]) -> dict[str, Any]:
    """The study as it was run, with what made its results."""
    text = _study_bytes(table).decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
    versions, timings = environment.get("versions") or {}, environment.get("timings") or {}
    facts = [(name, str(version)) for name, version in versions.items() if version]
    if environment.get("git_commit"):
        facts.append(("commit", str(environment["git_commit"])))
    facts.append(("results version", str(environment.get("results_version", "unknown"))))
    machine = environment.get("machine")
    if isinstance(machine, dict) and machine.get("processor"):
        facts.append(("processor", str(machine["processor"])))
    if timings.get("finished"):
        facts.append(("finished", str(timings["finished"])))
        facts.append(("training took", duration(float(timings["seconds"]))))
    file = (environment.get("study") or {}).get("file") or str(table.parent / STUDY)
    words = ["python", "-m", "runner", str(file), *overrides_of(table.parent)]
    cut = len(text) > _LONGEST_STUDY
    return {
        "description": _description(text),
        "study": text[:_LONGEST_STUDY] + ("\n..." if cut else ""),
        "facts": facts,
        "command": " ".join(map(shlex.quote, words)),
    }


def _description(text: str) -> str:
    """What the study is to find out, in its own words."""
    from runner.studies.parser import parse
    from runner.studies.tree import Entries

    try:
        tree, _ = parse(text, STUDY)
    except RunnerError:
        return ""
    node = tree.get("description") if isinstance(tree, Entries) else None
    return node.value if node is not None and isinstance(node.value, str) else ""
