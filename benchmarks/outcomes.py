"""Are outcomes true? Runs that had not converged at the end of a budget are continued ten times as long.

`python -m benchmarks.outcomes` trains the studies of `outcomes.yaml`, which are of different kinds, and counts by
outcome how many runs converge later. Runs that differ in their budget only are one network, so the run with ten times
the budget is the continuation of the one with the budget itself.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

import runner
from benchmarks.document import replace_table
from runner.measurements import OUTCOMES, window
from runner.results.columns import key_columns

ROOT = Path(__file__).parent.parent
STUDIES = Path(__file__).with_suffix(".yaml")
TIMES = 10
"""How many times as long every run goes on."""
ENOUGH = 20
"""Runs with an outcome that a study must have, to count in the mean over studies."""
FEW = 2
"""With so few evaluations there is no trend to be seen."""
_COLUMNS = ["study", "outcome", "outcome_later", "converged_later", "looks", "whole"]
_WORDS = tuple(name for name in OUTCOMES if name != "converged")


@dataclass(frozen=True)
class Case:
    """A study whose runs are continued.

    Attributes
    ----------
    name, kind : str
    study : Path or None
        A file of the project that `keys` change; with None, they are the whole study.
    sort : {"epochs", "updates"}
        What the budget counts.
    budgets : sequence of int
        At each of them outcomes are looked at.
    keys : mapping
    """

    name: str
    kind: str
    study: Path | None
    sort: str
    budgets: Sequence[int]
    keys: Mapping[str, Any]


def read_cases(path: Path = STUDIES) -> list[Case]:
    """The studies of a file."""
    found = []
    for name, entry in yaml.safe_load(path.read_text(encoding="utf-8")).items():
        ((sort, budgets),) = entry["budget"].items()
        study = ROOT / entry["study"] if "study" in entry else None
        found.append(Case(name, entry["kind"], study, sort, budgets, entry["keys"]))
    return found


def study_of(case: Case, folder: Path, changes: Sequence[str] = ()) -> runner.Study:
    """The study of a case, with every budget and ten times that as an axis.

    Parameters
    ----------
    case : Case
    folder : Path
        Where the study and its data are written, when it is no file of the project.
    changes : sequence of str
        More `key=value`.
    """
    axis = sorted({n for budget in case.budgets for n in (budget, TIMES * budget)})
    keys = {**case.keys, "name": case.name, case.sort: axis}
    if case.study is None:
        write_data(folder)
        sweep = keys.get("sweep", {})
        whole = {"learning_rate": 0.1, **keys, "sweep": sweep | {"grid": sweep.get("grid", {}) | {case.sort: axis}}}
        del whole[case.sort]
        path = folder / f"{case.name}.yaml"
        path.write_text(yaml.safe_dump(whole, sort_keys=False), encoding="utf-8")
        return runner.load(path, *changes)
    return runner.load(case.study, *(f"{key}={json.dumps(value)}" for key, value in keys.items()), *changes)


def pairs_of(study: runner.Study, case: Case, folder: Path, threads: int | None = None) -> pd.DataFrame:
    """Train the study of a case, and put every run beside its continuation.

    Parameters
    ----------
    study : Study
        As `study_of` gives it.
    case : Case
    folder : Path
        For the results.
    threads : int, optional
        Default all cores.

    Returns
    -------
    DataFrame
        One row per run: its columns, and those of the run with ten times the budget with `_later` behind their names;
        `looks` is how often the loss was evaluated in that part of the budget by which the outcome is decided, and
        `whole` whether every update uses all samples.
    """
    runs = runner.read_results(runner.run(study, out=folder, threads=threads))
    plan = runner.plan(study)
    cells = [plan.cell(i) for i in range(plan.n_cells)]
    looks = [_looks(cell.budget, cell.evaluate_every) for cell in cells]
    whole = [cell.updates_per_epoch == 1 for cell in cells]
    runs["looks"], runs["whole"] = (np.repeat(column, len(plan.seeds)) for column in (looks, whole))
    shared = [key for key in key_columns(runs.columns.tolist()) if key not in ("epochs", "updates")] + ["seed"]
    # Keys that a run does not use are equal too.
    runs[shared] = runs[shared].astype(str)
    first = runs[runs[case.sort].isin(case.budgets)]
    later = runs[runs[case.sort].isin([TIMES * budget for budget in case.budgets])]
    later = later.assign(**{case.sort: later[case.sort] // TIMES})
    return first.merge(later, on=[*shared, case.sort], suffixes=("", "_later"), validate="1:1").assign(study=case.name)


def _looks(budget: int, every: int) -> int:
    """Evaluations within the last tenth of a budget, and at its end."""
    return max(1, budget // every - (budget - window(budget)) // every + (budget % every != 0))


def _classes(random: np.random.Generator) -> dict[str, Any]:
    """Two classes, a ring around a heap, 1 in 50 labels wrong."""
    radius = np.concatenate([random.normal(0.0, 0.5, 200), random.normal(2.0, 0.4, 200)])
    angle = random.uniform(0, 2 * np.pi, 400)
    label = np.repeat([0, 1], 200) ^ (random.uniform(size=400) < 0.02)
    return {"x0": radius * np.cos(angle), "x1": radius * np.sin(angle), "label": label}


def _three_classes(random: np.random.Generator) -> dict[str, Any]:
    """Three clouds that overlap."""
    label = np.repeat([0, 1, 2], 100)
    x = random.normal(size=(300, 3)) + 1.8 * np.eye(3)[label]
    return {**{f"x{k}": x[:, k] for k in range(3)}, "label": np.array(["red", "green", "blue"])[label]}


def _curve(random: np.random.Generator) -> dict[str, Any]:
    """A wave with noise of variance 0.01."""
    x = random.uniform(-3, 3, 200)
    return {"x": x, "y": np.sin(2 * x) * np.exp(-0.1 * x * x) + random.normal(0, 0.1, 200)}


def _surface(random: np.random.Generator) -> dict[str, Any]:
    """A function of five inputs, the sixth one irrelevant, after Friedman (1991); variance about 1."""
    x = random.uniform(size=(500, 6))
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    return {**{f"x{k}": x[:, k] for k in range(6)}, "y": (y - 14.4) / 5 + random.normal(0, 0.1, 500)}


_DATA: Mapping[str, Callable[[np.random.Generator], dict[str, Any]]] = {
    "classes": _classes,
    "three_classes": _three_classes,
    "curve": _curve,
    "surface": _surface,
}


def write_data(folder: Path) -> None:
    """Write the CSV files that studies read, the same ones every time."""
    for name, columns in _DATA.items():
        pd.DataFrame(columns(np.random.default_rng(1))).round(4).to_csv(folder / f"{name}.csv", index=False)


def all_pairs(
    cases: Sequence[Case], threads: int | None = None, tell: Callable[[str], None] = lambda text: None
) -> pd.DataFrame:
    """The pairs of several studies, those only that had not converged at the end of their budget."""
    found = []
    for case in cases:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            pairs = pairs_of(study_of(case, folder), case, folder / "results", threads)
        found.append(pairs[pairs["outcome"] != "converged"][_COLUMNS])
        tell(f"{case.name}: {len(pairs):,} runs, {len(found[-1]):,} of them not converged")
    return pd.concat(found, ignore_index=True)


def lines(pairs: pd.DataFrame, cases: Sequence[Case]) -> Iterator[str]:
    """The tables, in Markdown.

    Parameters
    ----------
    pairs : DataFrame
        As `all_pairs` gives it.
    cases : sequence of Case
    """
    by_study = _by_study(pairs)
    yield f"{len(cases)} studies, {len(pairs):,} runs that had not converged at the end of their budget."
    yield ""
    yield f"**After {TIMES} times the budget**, as shares of the runs that had the outcome at the budget:"
    yield ""
    yield from _confusion(pairs)
    yield ""
    yield f"**Every study counted once**: means of the shares in those studies that have at least {ENOUGH} such runs."
    yield ""
    yield _row("at the budget", "studies", "converge later", "or are learning still", "studies in which most converge")
    yield "|---|---:|---:|---:|---:|"
    for word in _WORDS:
        shares = by_study[(by_study["outcome"] == word) & (by_study["runs"] >= ENOUGH)]
        converged, both = (f"{shares[name].mean():.1%}" if len(shares) else "" for name in ("converged", "either"))
        yield _row(f"`{word}`", f"{len(shares)}", converged, both, f"{(shares['converged'] > 0.5).sum()}")
    yield ""
    yield "**`stuck`, by how often the loss was evaluated** in the last tenth of the budget:"
    yield ""
    yield from _by_looks(pairs[pairs["outcome"] == "stuck"])
    yield ""
    yield "**Study by study**: how many of the runs with the outcome at the budget converge later."
    yield ""
    yield _row("study", "what it is", *(f"`{word}`" for word in _WORDS))
    yield "|---|---|" + "---:|" * len(_WORDS)
    texts = {
        (outcome, study): f"{share:.0%} of {n:,}"
        for outcome, study, n, share in by_study[["outcome", "study", "runs", "converged"]].to_numpy().tolist()
    }
    for case in cases:
        yield _row(f"`{case.name}`", case.kind, *(texts.get((word, case.name), "") for word in _WORDS))


def _by_study(pairs: pd.DataFrame) -> pd.DataFrame:
    """For every outcome in every study: runs, the share that converges later, and that or is learning still."""
    either = pairs["outcome_later"].isin(["converged", "learning"])
    groups = pairs.assign(either=either).groupby(["outcome", "study"], as_index=False)
    return groups.agg(
        runs=("converged_later", "size"), converged=("converged_later", "mean"), either=("either", "mean")
    )


def _by_looks(stuck: pd.DataFrame) -> Iterator[str]:
    yield _row("trained with", "evaluations", "runs", "converge later")
    yield "|---|---|---:|---:|"
    whole, few = stuck["whole"], stuck["looks"] <= FEW
    for batch, of_batch in (("all samples in every update", whole), ("mini-batches", ~whole)):
        for often, so_often in ((f"at most {FEW}", few), ("more", ~few)):
            later = stuck.loc[of_batch & so_often, "converged_later"]
            yield _row(batch, often, f"{len(later):,}", f"{later.mean():.1%}" if len(later) else "")


def _confusion(pairs: pd.DataFrame) -> Iterator[str]:
    """Outcomes at the budget against those after ten times as long."""
    counts = pd.crosstab(pairs["outcome"], pairs["outcome_later"])
    counts = counts.reindex(index=list(_WORDS), columns=list(OUTCOMES), fill_value=0).astype(int)
    yield _row("at the budget", "runs", *(f"`{name}`" for name in OUTCOMES))
    yield "|---|---:|" + "---:|" * len(OUTCOMES)
    for word in _WORDS:
        row = list(map(int, counts.loc[word].to_numpy()))
        yield _row(f"`{word}`", f"{sum(row):,}", *(f"{k / sum(row):.1%}" if k else "" for k in row))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; default those of the process.
    """
    cases = read_cases()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.outcomes", description=(__doc__ or "").split("\n")[0])
    names = [case.name for case in cases]
    parser.add_argument("studies", nargs="*", metavar="STUDY", help=f"default: {', '.join(names)}")
    parser.add_argument("-j", type=int, metavar="N", dest="threads", help="threads (default: all cores)")
    parser.add_argument("--into", type=Path, metavar="PAGE", help="put the tables into a page, between its markers")
    given = parser.parse_args(argv)
    if unknown := [name for name in given.studies if name not in names]:
        parser.error(f"unknown study '{unknown[0]}'; there are {', '.join(names)}")
    chosen = [case for case in cases if not given.studies or case.name in given.studies]
    pairs = all_pairs(chosen, given.threads, tell=lambda text: print(text, file=sys.stderr, flush=True))
    text = "\n".join(lines(pairs, chosen))
    print(text)
    if given.into:
        replace_table(given.into, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
