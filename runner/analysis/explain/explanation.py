"""What a table of results says about why runs fail and what helps: the parts of `explain`, put together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runner.analysis.explain.anova import Effect, Effects, effects, full_grid, main_grid
from runner.analysis.explain.counterfactuals import Change, best_by_factor, changes
from runner.analysis.explain.criterion import Gap, criterion_gap
from runner.analysis.explain.levels import RANGES, FactorReport, Level, factor_reports, share_where
from runner.analysis.explain.nearness import FEW, Nearness, medians_json, nearness
from runner.analysis.explain.next_sweep import next_sweep
from runner.analysis.explain.one_cell import CellReport, cell_report, row_at
from runner.analysis.explain.one_run import RunReport, run_report
from runner.analysis.explain.outcomes import OutcomeShare, outcome_shares
from runner.analysis.explain.runs import Runs, load_runs, part_of
from runner.results.provenance import read_environment
from runner.results.reader import find_row
from runner.statistics.shares import Share

if TYPE_CHECKING:
    from runner.studies.claims.grammar import Selection


@dataclass(frozen=True)
class BestCell:
    """The cell in which the largest share of the runs converges; of equal ones the cheapest.

    Attributes
    ----------
    label : str
        Its values of all factors.
    share : Share
        Of its runs that converge.
    cost : float
        Of training it, as a multiple of the mean over all cells.
    equals : int
        How many cells do as well, itself counted.
    values : tuple of int
        Number of its value on each factor.
    """

    label: str
    share: Share
    cost: float
    equals: int
    values: tuple[int, ...]


@dataclass(frozen=True)
class Explanation:
    """Everything that `explain` has found.

    Attributes
    ----------
    name : str
        Of the study.
    runs : Runs
    all_runs : Share
    outcomes : tuple of OutcomeShare
    factors : tuple of FactorReport
    grid : Runs or None
        The runs that make a full grid: all, or all but some cells beside it.
    effects : Effects or None
        On that grid; None when there is none.
    complete_seeds : int
        Seeds for which every cell of the grid was run; 0 when there is none.
    changes : dict of int to tuple of Change
        By how many factors they change.
    by_factor : tuple of Change
        For each factor the value that saves most of the failed runs.
    nearness : tuple of Nearness
        How near the runs came by the values of each factor; empty where enough converge to tell by these.
    gap : Gap or None
        How far the failed runs are from the criterion, when they are near.
    best : BestCell
        The cheapest of the cells in which most runs converge.
    run : RunReport or None
        When a run was asked for.
    cell : CellReport or None
        When a setting was asked for, or a run: then its own.
    """

    name: str
    runs: Runs
    all_runs: Share
    outcomes: tuple[OutcomeShare, ...]
    factors: tuple[FactorReport, ...]
    grid: Runs | None
    effects: Effects | None
    complete_seeds: int
    changes: dict[int, tuple[Change, ...]]
    by_factor: tuple[Change, ...]
    nearness: tuple[Nearness, ...]
    gap: Gap | None
    best: BestCell
    run: RunReport | None
    cell: CellReport | None

    @property
    def n_cells(self) -> int:
        """Settings that were tried."""
        return self.runs.n_cells

    @property
    def in_grid(self) -> int:
        """How many of them make a full grid; 0 when none do."""
        return 0 if self.grid is None else self.grid.n_cells


def explain(
    path: Path, run_id: str | None = None, axes: Sequence[str] | None = None, at: Selection | None = None
) -> Explanation:
    """Look at a table.

    Parameters
    ----------
    path : Path
        `runs.csv` of a study.
    run_id : str, optional
        A run to look at in particular: its identity or the beginning of it.
    axes : sequence of str, optional
        Keys that the study sweeps; when not given, those that are recorded beside the table, else those that differ
        between rows.
    at : mapping of str to tuple, optional
        Values of keys that name a setting to look at in particular.

    Raises
    ------
    RunnerError
        When there is no such table, run or setting, or the table is empty.
    """
    if axes is None:
        axes = read_environment(path.parent).get("axes")
    row = None if run_id is None else find_row(path, run_id)
    seeds = [int(row[1]["seed"])] if row is not None else (at or {}).get("seed", ())
    runs = load_runs(path, axes, seeds=seeds)
    if at:
        return explain_runs(path.parent.name, runs, cell=cell_report(runs, row_at(path, runs, at)))
    run, cell = None, None
    if row is not None:
        number, fields = row
        if runs.part is not None:
            number = runs.part.place(path, number)
        run, cell = run_report(runs, number, fields), cell_report(runs, number)
        if not run.converged and not run.changes:
            varied = [*runs.varied, *(axis.partition("[")[0] for axis in axes or ())]
            run = replace(run, next=next_sweep(path, fields, list(dict.fromkeys(varied))))
    return explain_runs(path.parent.name, runs, run, cell)


def explain_runs(name: str, runs: Runs, run: RunReport | None = None, cell: CellReport | None = None) -> Explanation:
    """The same from runs that were read already."""
    rows = main_grid(runs)
    part = None if rows is None else part_of(runs, rows)
    grid = None if part is None else full_grid(part)
    factors = factor_reports(runs, None if grid is None else part)
    gap = criterion_gap(runs)
    few = gap is not None or np.count_nonzero(runs.converged) < FEW * len(runs)
    near = nearness(runs, {report.factor.name for report in factors if report.how == RANGES}) if few else ()
    whole = run is None and cell is None
    return Explanation(
        name=name,
        runs=runs,
        all_runs=share_where(runs, np.ones(len(runs), bool)),
        outcomes=outcome_shares(runs, near),
        factors=factors,
        grid=None if grid is None else part,
        effects=None if grid is None else effects(grid, runs.exact),
        complete_seeds=0 if grid is None else len(grid.seeds),
        changes=changes(runs) if whole else {},
        by_factor=best_by_factor(runs, ~runs.converged) if whole and runs.converged.any() else (),
        nearness=near,
        gap=gap,
        best=best_cell(runs),
        run=run,
        cell=cell,
    )


def best_cell(runs: Runs) -> BestCell:
    """The cell with the largest share that converges; of equal ones the cheapest."""
    place = runs.place(range(len(runs.factors)))
    _, first, cell = np.unique(place, return_index=True, return_inverse=True)
    counts = np.bincount(cell)
    rate, cost = np.bincount(cell, runs.converged) / counts, np.bincount(cell, runs.cost) / counts
    best = int(np.lexsort((cost, -rate))[0])
    codes = runs.codes[first[best]]
    label = ", ".join(factor.label(int(value)) for factor, value in zip(runs.factors, codes, strict=True))
    equals = int(np.count_nonzero(rate == rate[best]))
    return BestCell(
        label, share_where(runs, cell == best), float(cost[best] / cost.mean()), equals, tuple(codes.tolist())
    )


def most_in_any_cell(runs: Runs, at: int) -> list[tuple[float, int]]:
    """For every value of a factor the largest share that converges in any cell with it, and how many such cells are."""
    place = runs.place(range(len(runs.factors)))
    _, first, cell = np.unique(place, return_index=True, return_inverse=True)
    rate = np.bincount(cell, runs.converged) / np.bincount(cell)
    most = np.zeros(runs.levels[at])
    np.maximum.at(most, runs.codes[first, at], rate)
    return [*zip(most.tolist(), np.bincount(runs.codes[first, at]).tolist(), strict=True)]


def as_json(found: Explanation, answer: Sequence[str]) -> dict[str, Any]:
    """Everything as numbers and texts for another program."""
    return {
        "name": found.name,
        "answer": list(answer),
        "runs": len(found.runs),
        "cells": found.n_cells,
        "seeds": found.runs.n_seeds,
        **(
            {}
            if found.runs.part is None
            else {"of": {"runs": found.runs.part.n_rows, "seeds": found.runs.part.n_seeds}}
        ),
        "converged": found.all_runs.as_json(),
        "criterion": None if found.gap is None else found.gap.as_json(),
        "outcomes": {
            each.name: {
                **each.share.as_json(),
                **medians_json(each.medians),
                "means": each.meaning.what,
                "helps": each.helps,
            }
            for each in found.outcomes
        },
        "grid": {"full": found.in_grid == found.n_cells, "cells": found.in_grid},
        "axes": [_factor_json(found, i) for i in range(len(found.factors))],
        "interactions": [_effect_json(found, effect) for effect in (found.effects.pairs if found.effects else ())],
        "rest": found.effects.rest if found.effects else None,
        "best": _best_json(found.best),
        "changes": {str(size): [change.as_json() for change in some] for size, some in found.changes.items()},
        "nearness": [each.as_json() for each in found.nearness],
        **({} if found.cell is None else {"at_settings": found.cell.as_json()}),
        **({} if found.run is None else {"run": _run_json(found.run)}),
    }


def _best_json(best: BestCell) -> dict[str, Any]:
    return {"settings": best.label, **best.share.as_json(), "cost": best.cost, "equals": best.equals}


def _factor_json(found: Explanation, at: int) -> dict[str, Any]:
    report = found.factors[at]
    main = next((effect for effect in (found.effects.main if found.effects else ()) if effect.factors == (at,)), None)
    return {
        "name": report.factor.name,
        "how": report.how,
        "share_of_variance": main.share if main else _known(report.explained),
        "typical_change": _known(report.typical),
        "levels": [_level_json(level) for level in report.levels],
    }


def _level_json(level: Level) -> dict[str, Any]:
    lead = {} if math.isnan(level.lead) else {"lead": level.lead, "reach": _known(level.reach)}
    return {"value": level.value, **level.share.as_json(), **lead}


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _effect_json(found: Explanation, effect: Effect) -> dict[str, Any]:
    return {"axes": [found.factors[at].factor.name for at in effect.factors], "share_of_variance": effect.share}


def _run_json(run: RunReport) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "seed": int(run.seed),
        "outcome": run.outcome,
        "converged": run.converged,
        "settings": run.settings,
        "words": list(run.words),
        "same_settings": run.same_settings.as_json(),
        "other_settings_tried": run.tried,
        "changes": [change.as_json() for change in run.changes],
        "next_sweep": None if run.next is None else run.next.as_json(),
    }
