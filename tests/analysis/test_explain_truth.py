"""Every sentence of `explain` counted anew: the page is read back, and pandas finds each of its numbers in runs.csv.

The studies are really trained. What a number should be is said here once more, in the plainest way: a loop over the
failed runs, a groupby, a formula of the paper. A sentence that no pattern here knows fails the test.
"""

from __future__ import annotations

import io
import itertools
import math
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.synthetic import table, write

import runner
from runner.__main__ import main
from runner.analysis.explain.outcomes import MEANINGS
from runner.analysis.explain.show import show

STUDY = """\
name: {name}
data: xor
architecture: 2-2-1
activation: tanh
init: normal(0, 1)
learning_rate: 2
epochs: 100
replicates: 12
"""

GRID = """\
sweep:
  grid:
    architecture: [2-2-1, 2-4-1]
    learning_rate: {geomspace: [0.3, 20, 5]}
    epochs: [20, 60, 400]
"""
ZIP = """\
sweep:
  zip:
    - {learning_rate: 0.1, epochs: 400}
    - {learning_rate: 1, epochs: 100}
    - {learning_rate: 10, epochs: 30}
  grid:
    architecture: [2-2-1, 2-3-1, 2-6-1]
    init: ["normal(0, 1)", "normal(0, 0.1)"]
"""
SAMPLE = """\
sweep:
  sample:
    n: 60
    seed: 3
    space:
      learning_rate: {loguniform: [0.01, 20]}
      momentum: {uniform: [0, 0.9]}
optimizer: momentum
"""
WHEN = """\
sweep:
  grid:
    optimizer: [sgd, momentum]
    learning_rate: [0.5, 4]
    epochs: [30, 200]
  when:
    - if: {optimizer: momentum}
      grid: {momentum: [0.5, 0.7, 0.9]}
"""
INCLUDE = """\
sweep:
  grid:
    architecture: [2-2-1, 2-4-1]
    learning_rate: [0.5, 2, 8]
  include:
    - {architecture: 2-8-1, learning_rate: 8}
    - {bias: none, epochs: 400}
    - {architecture: 2-6-1, init: "normal(0, 3)"}
"""
FAULTS = """\
sweep:
  grid:
    faults: {subsets: [ascent, no_factor]}
    epochs: [30, 300]
"""
EXCLUDE = """\
sweep:
  grid:
    architecture: [2-2-1, 2-3-1, 2-5-1]
    learning_rate: [0.3, 2, 30]
  exclude:
    - {architecture: 2-2-1, learning_rate: 30}
    - {architecture: 2-3-1, learning_rate: 0.3}
    - {architecture: 2-5-1, learning_rate: 2}
"""
ALL = "sweep: {grid: {learning_rate: [2, 4]}}\ncriterion: {max_error: 2}\n"
NONE = "sweep: {grid: {learning_rate: [0.001, 0.002], architecture: [2-2-1, 2-3-1]}}\n"
FIXED = """\
init: [0.3, -0.1, 0.5, 0.7, 0.2, -0.4, 0.6, -0.8, 0.1]
sweep: {grid: {learning_rate: [0.5, 4, 16], epochs: [50, 500]}}
"""
# Noise near the border between two classes: nearly all samples are right, and no run converges.
NOISE = """\
data: {csv: noise.csv, inputs: [x], targets: [class]}
sweep: {grid: {learning_rate: [1, 4], architecture: [1-2-1, 1-3-1]}}
loss: half_mse
"""
FAULTY = ("ascent", "no_factor")
# Told only where it is not as usual: it differs along with another key.
ASIDE = {"include": "init"}


@dataclass(frozen=True)
class Made:
    """A study that was trained.

    Attributes
    ----------
    frame : DataFrame
        runs.csv, with a column for each factor; texts as they stand in the table.
    factors : tuple of str
    on_grid : Series of bool or None
        The rows of the full grid; None where there is none.
    path : Path
    """

    frame: pd.DataFrame
    factors: tuple[str, ...]
    on_grid: pd.Series[bool] | None
    path: Path
    asides: frozenset[str] = frozenset()

    @property
    def failed(self) -> pd.DataFrame:
        return self.frame[~self.frame.converged]

    @property
    def cells(self) -> Any:
        return self.frame.groupby(list(self.factors), sort=False)

    @property
    def fixed(self) -> bool:
        """Whether nothing is drawn by chance."""
        return bool(self.frame.init.str.startswith("[").all())


SPECS: Mapping[str, tuple[str, tuple[str, ...], str | None]] = {
    "grid": (GRID, ("architecture", "learning_rate", "epochs"), "True"),
    "zip": (ZIP, ("architecture", "init", "learning_rate & epochs"), "True"),
    "sample": (SAMPLE, ("learning_rate", "momentum"), None),
    "when": (WHEN, ("optimizer & momentum", "learning_rate", "epochs"), "True"),
    "include": (
        INCLUDE,
        ("architecture", "learning_rate", "bias & epochs", "init"),
        "architecture in ('2-2-1', '2-4-1') and bias != 'none'",
    ),
    "faults": (FAULTS, ("ascent", "no_factor", "epochs"), "True"),
    "exclude": (EXCLUDE, ("architecture", "learning_rate"), None),
    "all": (ALL, ("learning_rate",), "True"),
    "none": (NONE, ("learning_rate", "architecture"), "True"),
    "noise": (NOISE, ("learning_rate", "architecture"), "True"),
    "fixed": (FIXED, ("learning_rate", "epochs"), "True"),
}


@pytest.fixture(scope="session")
def studies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    """All studies, trained once; and one table that is made up, in which one run of sixty converges at a low rate."""
    folder = tmp_path_factory.mktemp("truth")
    labels = "".join(f"{k / 200},{int(k >= 100) ^ int(k % 41 == 0)}\n" for k in range(200))
    (folder / "noise.csv").write_text(f"x,class\n{labels}")
    made = {}
    for name, (text, factors, grid) in SPECS.items():
        (folder / f"{name}.yaml").write_text(yaml_of(name, text))
        runner.run(folder / f"{name}.yaml", out=folder / "results")
        asides = frozenset(ASIDE[name].split()) if name in ASIDE else frozenset()
        made[name] = read(folder / "results" / name / "runs.csv", factors, grid, asides)
    rare = table(
        {"learning_rate": ("0.1", "1.0"), "epochs": ("10", "20")}, lambda cell: cell["learning_rate"] == "1.0", 60
    )
    rare.loc[7, ["outcome", "converged"]] = ["converged", True]
    made["rare"] = read(write(rare, folder, "rare"), ("learning_rate", "epochs"), "True", frozenset())
    return made


def read(path: Path, factors: tuple[str, ...], grid: str | None, asides: frozenset[str]) -> Made:
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    frame["converged"] = frame.converged == "True"
    frame["seed"] = frame.seed.astype(int)
    for name in factors:
        if name in FAULTY:
            frame[name] = np.where(frame.faults.str.contains(rf"\b{name}\b"), "with", "without")
        if " & " in name:
            first, second = name.split(" & ")
            frame[name] = frame[first] + " & " + frame[second]
    layers = frame.architecture.str.split("-").map(lambda sizes: [*map(int, sizes)])
    weights = layers.map(lambda sizes: sum(a * b for a, b in itertools.pairwise(sizes)))
    biases = layers.map(lambda sizes: sum(sizes[1:])).where(frame.bias == "trained", 0)
    frame["cost"] = (weights + biases) * frame.epochs_run.astype(float)
    on_grid = None if grid is None else pd.Series(True, frame.index) if grid == "True" else frame.eval(grid)
    return Made(frame, factors, on_grid, path, asides)


def slow(*names: str) -> list[Any]:
    """Studies whose pages take pandas a minute to recount."""
    return [pytest.param(name, marks=pytest.mark.slow) for name in names]


def yaml_of(name: str, text: str) -> str:
    """A study: what all have in common, but for the keys that this one gives itself."""
    given = {line.partition(":")[0] for line in text.splitlines() if not line.startswith(" ")}
    common = [line for line in STUDY.format(name=name).splitlines() if line.partition(":")[0] not in given]
    return "\n".join([*common, text])


# --- reading the page


def page(made: Made, run_id: str | None = None) -> str:
    stream = io.StringIO()
    show(runner.explain(made.path, run_id), stream)
    return stream.getvalue()


def sections(text: str) -> dict[str, list[str]]:
    """The lines below each heading; the answer is below the name of the study."""
    blocks = [block.splitlines() for block in text.strip().split("\n\n")]
    found = {"answer": blocks[1]}
    for block in blocks[2:]:
        found[block[0]] = block[1:]
    return found


def sentences(lines: list[str]) -> list[str]:
    """The sentences of some lines: a full stop ends one before a capital letter, a number, or the name of a key."""
    text = " ".join(" ".join(lines).split())
    names = "init|bias|ascent|no_factor|epochs|learning_rate|momentum|architecture|optimizer"
    names += "|stuck|learning|constant_output|mostly_right|saturated|oscillating|diverged"
    return re.split(rf"(?<=[a-z0-9)%])\. (?=[A-Z0-9]|(?:{names}) )", f"{text} ")


def number(text: str) -> float:
    return float(text.replace(",", ""))


def is_share(text: str, value: float) -> bool:
    """Whether a percentage is this share, rounded to the digits that it has."""
    digits = len(text.rstrip("%").partition(".")[2])
    step = 10.0**-digits
    if text.startswith("<"):
        return 0 < 100 * value < float(text[1:-1])
    if text.startswith(">"):
        return float(text[1:-1]) < 100 * value < 100
    return abs(float(text.rstrip("%")) - 100 * value) <= step / 2 + 1e-9


def is_cost(text: str, value: float) -> bool:
    if text == "the same":
        return 0.95 <= value < 1.05
    shown = number(text.removesuffix(" times"))
    step = 1.0 if value >= 10 else 0.1 if value > 1 else 10.0 ** (math.floor(math.log10(value)) - 1)
    return abs(shown - value) <= step / 2 + 1e-9


def in_full(made: Made, name: str, shown: str) -> str:
    """The value of the table that a shown one is: the only one that it can be."""
    values = made.frame[name].unique()

    def alike(value: str, text: str) -> bool:
        try:
            x = float(value)
            digits = len(re.sub(r"e.*|[-.]|^0\.?0*", "", text))
            return x == float(text) or (x != round(x) and float(f"{x:.{max(digits, 4) - 1}e}") == float(text))
        except ValueError:
            return (value or "none") == text

    def fits(value: str) -> bool:
        parts, texts = value.split(" & "), shown.split(" & ")
        return len(parts) == len(texts) and all(map(alike, parts, texts))

    (found,) = [value for value in values if fits(value)]
    return str(found)


def settings(made: Made, label: str) -> dict[str, str]:
    """`learning_rate 4.642, without ascent` as values of factors."""
    names = "|".join(re.escape(part) for factor in made.factors for part in factor.split(" & "))
    found: dict[str, str] = {}
    for part in re.split(rf", (?=(?:{names}) |with |without )", label):
        if match := re.fullmatch(r"(with|without) (\S+)", part):
            found[match[2]] = match[1]
        else:
            name, _, value = part.partition(" ")
            found[name] = value
    joined = {factor: factor.split(" & ") for factor in made.factors if " & " in factor}
    for factor, parts in joined.items():
        if set(parts) <= found.keys():
            found[factor] = " & ".join(found.pop(part) for part in parts)
    assert set(found) <= set(made.factors)
    return {
        name: value if value in ("with", "without") else in_full(made, name, value) for name, value in found.items()
    }


# --- counting


def interval(hits: pd.Series[Any], runs: pd.Series[Any]) -> tuple[float, float]:
    """95% of a share over seeds: Wilson's with the effective number of runs of Korn and Graubard."""
    p, worth = hits.sum() / runs.sum(), effective(hits, runs)
    z = stats.norm.ppf(0.975)
    middle, half = p + z**2 / 2 / worth, z * math.sqrt(p * (1 - p) / worth + z**2 / 4 / worth**2)
    low, high = (middle - half) / (1 + z**2 / worth), (middle + half) / (1 + z**2 / worth)
    return (0.0 if p == 0 else low), (1.0 if p == 1 else high)


def effective(hits: pd.Series[Any], runs: pd.Series[Any]) -> float:
    """How many independent runs a share over seeds is worth, by Korn and Graubard."""
    runs, hits = runs[runs > 0], hits[runs > 0]
    n, seeds, p = runs.sum(), len(runs), hits.sum() / runs.sum()
    if seeds in (1, n) or not 0 < p < 1:
        return float(seeds)
    variance = seeds / (seeds - 1) * ((hits - p * runs) ** 2).sum() / n**2
    t = [stats.t.ppf(0.975, freedom) for freedom in (n - 1, seeds - 1)]
    return float(min(max(p * (1 - p) / variance * (t[0] / t[1]) ** 2 if variance else n, seeds), n))


COLUMN = {"accuracy": "accuracy", "loss": "final_loss"}


def check_median(text: str, made: Made, rows: pd.DataFrame, name: str) -> None:
    """`0.469 (0.461 to 0.475)`: the median, and the two values between which it lies by the binomial distribution."""
    match = re.fullmatch(r"(\S+)(?: \((?:(\S+) to (\S+)|too few runs for an interval)\))?", text)
    assert match, text
    values = pd.to_numeric(rows[COLUMN[name]], errors="coerce").fillna(np.inf)
    assert is_number(match[1], values.median()), (text, values.median())
    if made.fixed:
        assert match[2] is None
        return
    below = (values <= values.median()).groupby(rows.seed)
    m, n = int(effective(below.sum(), below.size())), len(values)
    rank = max((k for k in range(1, m + 1) if stats.binom.cdf(k - 1, m, 0.5) <= 0.025), default=0)
    if rank == 0:
        assert "too few" in text or values.nunique() == 1
        return
    ordered = sorted(values)
    low, high = ordered[(rank - 1) * n // m], ordered[math.ceil((m + 1 - rank) * n / m) - 1]
    if match[2] is None:
        assert low == high == values.median()
    else:
        assert is_number(match[2], low), (text, low)
        assert is_number(match[3], high), (text, high)


def is_number(text: str, value: float) -> bool:
    """Whether a text of at least three digits is this number."""
    if not math.isfinite(value) or value == 0:
        return float(text) == value
    return abs(float(text) - value) <= 0.5 * 10.0 ** (math.floor(math.log10(abs(value))) - 2) + 1e-12


def check_interval(text: str, made: Made, hits: pd.Series[Any], runs: pd.Series[Any]) -> None:
    if made.fixed:
        assert text in ("exact", "exact: no chance is involved")
        return
    low, high = text.removeprefix("95% interval ").split(" to ")
    expected = interval(hits, runs)
    assert is_share(low, expected[0]), (text, expected)
    assert is_share(high, expected[1]), (text, expected)


def by_seed(made: Made, rows: pd.DataFrame) -> tuple[pd.Series[Any], pd.Series[Any]]:
    groups = rows.groupby("seed").converged
    return groups.sum(), groups.size()


def parts_of_variance(made: Made) -> dict[frozenset[str], float]:
    """Of the differences between the cells of the grid, the part of every factor, of every pair, and of the rest."""
    assert made.on_grid is not None
    rows = made.frame[made.on_grid]
    names = [name for name in made.factors if rows[name].nunique() > 1]
    y = rows.set_index(["seed", *names]).converged.astype(float)
    seeds = y.index.get_level_values("seed")
    grand = y.groupby(seeds).transform("mean")

    def variance(effect: pd.Series[Any]) -> float:
        """Mean square of the mean over the seeds, less what the scatter over the seeds adds to it."""
        middle = effect.groupby(names).transform("mean")
        square, n = float((middle**2).mean()), seeds.nunique()
        if made.fixed or n == 1:
            return square
        scatter = ((effect - middle) ** 2).groupby(names).sum().mean()
        return square - float(scatter) / (n * (n - 1))

    def means(*some: str) -> pd.Series[Any]:
        return y.groupby(["seed", *some]).transform("mean")

    total = variance(y - grand)
    found = {frozenset([name]): variance(means(name) - grand) for name in names}
    for a, b in itertools.combinations(names, 2):
        found[frozenset([a, b])] = variance(means(a, b) - means(a) - means(b) + grand)
    return {some: min(max(value / total, 0.0), 1.0) for some, value in found.items()}


@dataclass(frozen=True)
class Tried:
    """A change of settings, tried on every failed run."""

    counterparts: int
    saved: int
    by_seed: pd.Series[Any]
    cost: float


def try_change(made: Made, change: Mapping[str, str], failed: pd.DataFrame | None = None) -> Tried:
    """One failed run after the other, of all or of some, is looked up with the new settings."""
    there = made.frame.set_index([*made.factors, "seed"])[["converged", "cost"]].to_dict("index")
    counterparts, saved, before, after = 0, [], 0.0, 0.0
    for row in (made.failed if failed is None else failed).to_dict("records"):
        new = {name: change.get(name, row[name]) for name in made.factors}
        if all(new[name] == row[name] for name in made.factors):
            continue
        if "epochs" in change and int(change["epochs"]) < int(row["epochs"]):
            continue
        partner = there.get((*new.values(), row["seed"]))
        if partner is None:
            continue
        counterparts += 1
        before, after = before + row["cost"], after + partner["cost"]
        if partner["converged"]:
            saved.append(row["seed"])
    seeds = sorted(made.frame.seed.unique())
    counted = pd.Series(saved, dtype=int).value_counts().reindex(seeds, fill_value=0)
    return Tried(counterparts, len(saved), counted, after / before if before else math.nan)


def single_changes(made: Made, failed: pd.DataFrame | None = None, names: tuple[str, ...] = ()) -> Iterator[Tried]:
    """All changes of one factor that a fifth of the failed runs, or of some of them, could make."""
    failed = made.failed if failed is None else failed
    for name in names or made.factors:
        for value in made.frame[name].unique():
            tried = try_change(made, {name: str(value)}, failed)
            if tried.counterparts >= max(0.2 * len(failed), 1):
                yield tried


# --- what the sentences say


def says_how_many_converged(made: Made, share: str, runs: str, tried: str) -> None:
    assert is_share(share, made.frame.converged.mean())
    assert number(runs) == len(made.frame)
    says_what_was_tried(made, tried)


def says_what_was_tried(made: Made, text: str) -> None:
    assert text == f"{made.cells.ngroups:,} settings, {made.frame.seed.nunique()} seeds each"
    assert len(made.frame) == made.cells.ngroups * made.frame.seed.nunique()


def says_what_converged_means(made: Made, asked: str) -> None:
    (criterion,) = made.frame.criterion.unique()
    (limit,) = re.findall(r"\{max_error: (.*)\}", criterion)
    assert asked == f"every output of every sample within {limit} of its target"


def says_which_values(made: Made, text: str) -> None:
    told = set()
    for part in text.split("; "):
        name = next(
            name for name in sorted(made.factors, key=len, reverse=True) if part.startswith((f"{name} ", "with"))
        )
        if part.startswith("with and without "):
            told.add(part.removeprefix("with and without "))
            continue
        told.add(name)
        values, shown = set(made.frame[name].unique()), part.removeprefix(f"{name} ")
        if match := re.fullmatch(r"(\S+) to (\S+) \(([\d,]+) values\)", shown):
            assert number(match[3]) == len(values)
            ends = {in_full(made, name, match[1]), in_full(made, name, match[2])}
            assert ends == {min(values, key=float), max(values, key=float)}
        else:
            texts = re.split(r"(?:, | and )(?![^(]*\))", shown)
            assert {in_full(made, name, re.sub(r" \((?:init|bias) .*\)$", "", each)) for each in texts} == values
    assert told == set(made.factors) - made.asides


def says_what_decides_most(made: Made, name: str, label: str, saved: str, failed: str, share: str) -> None:
    shares = parts_of_variance(made)
    assert shares[frozenset([name])] == max(value for some, value in shares.items() if len(some) == 1)
    ((factor, _),) = settings(made, label).items()
    best = max(each.saved for each in single_changes(made, names=(name,)))
    assert factor == name
    assert try_change(made, settings(made, label)).saved == best
    assert (number(saved), number(failed)) == (best, len(made.failed))
    assert is_share(share, best / len(made.failed))
    assert best < max(each.saved for each in single_changes(made))


def says_what_is_worst(made: Made, labels: str) -> None:
    """The values of the best setting that are the worst of all on average."""
    for name, value in settings(made, labels.replace(" and ", ", ")).items():
        on_grid = made.on_grid is not None and made.frame[made.on_grid][name].nunique() > 1
        if on_grid:
            means = made.frame[made.on_grid].groupby(name).converged.mean()
        else:
            means = leads(made, name).groupby(name).lead.mean()
        assert means[value] == means.min() < means.max()


def says_where_the_loss_is_lower(made: Made, what: str, other: str, hits: str, pairs: str, sure: str) -> None:
    name, _, best = what.rpartition(" ")
    name = next(each for each in made.factors if what.startswith(f"{each} "))
    best = what.removeprefix(f"{name} ")
    found = loss_is_lower(made, name, in_full(made, name, best), in_full(made, name, other))
    assert (number(hits), number(pairs)) == (found.sum(), len(found))
    seeds = found.groupby(level="seed")
    check_interval(sure, made, seeds.sum(), seeds.size())
    medians = made.frame.assign(loss=made.frame.final_loss.astype(float)).groupby(name).loss.median()
    assert medians[in_full(made, name, best)] == medians.min()
    assert medians[in_full(made, name, other)] == medians.max()


def loss_is_lower(made: Made, name: str, best: str, other: str) -> pd.Series[bool]:
    """For each pair of runs that agree in all else whether its loss is lower with one value."""
    keys = ["seed", *(each for each in made.factors if each != name)]
    loss = made.frame.assign(loss=made.frame.final_loss.astype(float)).set_index(keys)
    both = [loss[loss[name] == value].loss for value in (best, other)]
    pairs = pd.concat(both, axis=1, join="inner")
    return pairs.iloc[:, 0] < pairs.iloc[:, 1]


def says_what_decides(made: Made, settings: str, grid: str | None, parts: str) -> None:
    assert made.on_grid is not None
    cells = made.frame[made.on_grid].groupby(list(made.factors)).ngroups
    assert number(settings) == cells
    assert (grid is None) == (cells == made.cells.ngroups)
    shares = parts_of_variance(made)
    left = 1.0
    for text in re.split(r", | and (?=\d+%|[<>]1)", parts):
        match = re.fullmatch(r"([<>]?\d+%) (?:come )?from (.*)", text)
        assert match, text
        share, source = match.groups()
        if source.endswith(" alone"):
            value = shares[frozenset([source.removesuffix(" alone")])]
        elif source == "how several settings act together":
            value = 1 - sum(value for some, value in shares.items() if len(some) == 1)
        elif pair := re.fullmatch(r"how (.+) and (.+) act together", source):
            value = shares[frozenset(pair.groups())]
        else:
            assert source == "all else"
            value = left
        assert is_share(share, value), (text, value)
        left -= value
    assert left < 0.01


def says_what_hardly_matters(made: Made, names: str) -> None:
    shares = parts_of_variance(made)
    for name in re.split(", | and ", names):
        assert all(value < 0.02 for some, value in shares.items() if name in some)


def says_how_many_failed(made: Made, failed: str) -> None:
    assert number(failed) == len(made.failed)


def says_what_a_change_saves(
    made: Made, what: str, label: str, some: str | None, saved: str, share: str, sure: str, cost: str | None
) -> None:
    change = settings(made, label)
    tried = try_change(made, change)
    assert tried.counterparts == (len(made.failed) if some is None else number(some))
    assert number(saved) == tried.saved
    assert is_share(share, tried.saved / len(made.failed))
    failed = made.failed.groupby("seed").size().reindex(tried.by_seed.index, fill_value=0)
    check_interval(sure, made, tried.by_seed, failed)
    assert (tried.cost < 1.05) if cost is None else is_cost(cost, tried.cost)
    if size := re.search(r"best (\d+) changes", what):
        assert len(change) == int(size[1])
        return
    assert len(change) == 1
    others = [each for each in single_changes(made) if "no more training" not in what or each.cost < 1.05]
    assert tried.saved == max(each.saved for each in others)


def says_that_one_change_is_not_enough(made: Made, most: str, label: str | None, share: str | None) -> None:
    if most == "single change":
        best = max((each.saved for each in single_changes(made)), default=0)
        assert 2 * best <= len(made.failed)
        if share is not None:
            assert is_share(share, best / len(made.failed))
    if label is not None and share is not None:
        assert is_share(share, try_change(made, settings(made, label)).saved / len(made.failed))


def says_what_never_works(made: Made, most: str | None, labels: str) -> None:
    rates = made.cells.converged.mean().reset_index()
    found = []
    for label in re.split(r", (?=with |without )| or (?=with |without )", labels):
        names = "|".join(part for factor in made.factors for part in factor.split(" & "))
        text = label.removeprefix("with ") if re.match(rf"with (?:{names}) ", label) else label
        ((name, value),) = settings(made, text).items()
        of_value = rates[rates[name] == value].converged
        assert len(of_value) > 1
        found.append(of_value.max())
    assert max(found) == 0 if most is None else 0 <= float(most[:-1]) / 100 - max(found) < 0.001
    assert max(found) <= 0.02


def says_what_is_best(made: Made, equals: str | None, label: str, hits: str, runs: str) -> None:
    rates = made.cells.agg(rate=("converged", "mean"), cost=("cost", "mean"), n=("seed", "size")).reset_index()
    best = rates[np.isclose(rates.rate, rates.rate.max(), rtol=0, atol=1e-12)]
    assert len(best) == (1 if equals is None else number(equals))
    usual = {name: made.frame[name].mode()[0] for name in made.asides}
    chosen = usual | settings(made, label)
    assert set(chosen) == set(made.factors)
    row = best[(best[list(chosen)] == pd.Series(chosen)).all(axis=1)].iloc[0]
    assert row.cost == best.cost.min()
    assert (number(hits), number(runs)) == (row.rate * row.n, row.n)


def leads(made: Made, name: str) -> pd.DataFrame:
    """How far each run is above the mean of the runs with the same seed and all other settings the same."""
    others = [*(other for other in made.factors if other != name), "seed"]
    groups = made.frame.groupby(others).converged
    rows = made.frame.assign(lead=made.frame.converged - groups.transform("mean"), size=groups.transform("size"))
    return rows[rows["size"] > 1]


def typical_lead(made: Made, name: str) -> float:
    cells = leads(made, name).groupby(list(made.factors)).lead
    noise = 0.0 if made.fixed else (cells.var(ddof=0) / (cells.size() - 1).where(cells.size() > 1)).fillna(0)
    return math.sqrt(max(float((cells.mean() ** 2 - noise).mean()), 0.0))


def says_what_moves(made: Made, moves: str) -> None:
    for text in re.split(r", | and ", moves):
        name, points = text.rsplit(" by ", 1)
        assert abs(float(points) - 100 * typical_lead(made, name)) <= 0.5 + 1e-9


def ranges(made: Made, name: str) -> pd.Series[Any]:
    """Six ranges of a sampled key with about as many runs each; the number of that of each run."""
    values = made.frame[name].astype(float)
    below = values.rank(method="max") / len(values)
    return np.ceil(below * 6 - 1e-9).astype(int)


def explained(made: Made, name: str) -> float:
    """About which part of the variance between cells lies between ranges (omega squared, less the binomial noise)."""
    cells = made.frame.assign(range=ranges(made, name)).groupby(list(made.factors))
    table = cells.agg(rate=("converged", "mean"), n=("seed", "size"), range=("range", "first"))
    groups = table.groupby("range").rate
    between = float((groups.size() * (groups.mean() - table.rate.mean()) ** 2).sum())
    within = float(((table.rate - groups.transform("mean")) ** 2).sum()) / (len(table) - len(groups))
    noise = float((table.rate * (1 - table.rate) / (table.n - 1)).mean())
    total = float(table.rate.var(ddof=0)) - noise
    return min(max((between - (len(groups) - 1) * within) / len(table) / total, 0.0), 1.0)


def says_what_goes_with(made: Made, settings: str, parts: str) -> None:
    assert number(settings) == made.cells.ngroups
    for text in re.split(r", | and ", parts):
        match = re.fullmatch(r"about ([<>]?\d+%) (?:go )?with (\S+)", text)
        assert match, text
        assert is_share(match[1], explained(made, match[2]))


def says_that_nothing_helps(made: Made, names: str) -> None:
    assert not made.frame.converged.any()
    assert set(re.split(", | or ", names)) == set(made.factors)


def says_how_most_ended(made: Made, hits: str, runs: str, share: str, outcome: str) -> None:
    counts = made.failed.outcome.value_counts()
    assert (number(hits), number(runs)) == (counts.iloc[0], len(made.frame))
    assert counts.index[0] == outcome
    assert is_share(share, counts.iloc[0] / len(made.frame))


def says_how_nearly_right(made: Made, failed: str, median: str, low: str, high: str) -> None:
    accuracy = made.failed.accuracy.astype(float)
    assert number(failed) == len(accuracy)
    for text, q in ((low, 0.25), (median, 0.5), (high, 0.75)):
        assert is_share(text, accuracy.quantile(q))


def says_who_would_have_converged(made: Made, limit: str, hits: str, runs: str) -> None:
    assert number(hits) == (made.frame.accuracy.astype(float) >= float(limit)).sum()
    assert number(runs) == len(made.frame)


SHARE = r"([<>]?[\d.]+%)"
SURE = r"\((95% interval \S+ to \S+|exact: no chance is involved)\)"
TOLD = (
    r"(.+): (?:all|([\d,]+) of the) failed runs (?:was|were) also run with that, with the same seed and all else the "
    rf"same, and ([\d,]+) of these converged, which is {SHARE} of all the failed runs {SURE}"
    r"(?:, at (\S+ times) the training cost on average)?"
)
WHICH = r"(?:single change(?: that costs no more training)?|at any cost|\d+ changes at once)"
FEWER = rf"(?: \(the best, (.+), saves {SHARE} of them\))?"
OF = r"Of the differences in success rate \(the share of runs that converge\) between the ([\d,]+) settings"
ANSWER: Mapping[str, Callable[..., None]] = {
    rf"{SHARE} of the ([\d,]+) runs converged \((.*)\)": says_how_many_converged,
    r"(?:All|None of the) [\d,]+ runs converged \((.*)\)": says_what_was_tried,
    r"What usually helps and was not tried here: (.*)": lambda made, text: says_what_was_not_tried(made, text),
    r"Converged means, at the end of training: (.*)": says_what_converged_means,
    r"Tried: (.*)": says_which_values,
    r"(.+) decides most on average over all settings, but for the runs that failed a change of it does less: the best, "
    rf"(.+), saves ([\d,]+) of the ([\d,]+) \({SHARE}\)": says_what_decides_most,
    r"On average over everything else, (.+) (?:is the worst value|are the worst values); together with the rest of "
    r"this setting (?:it does|they do) as well as any": says_what_is_worst,
    r"Still, with (.+) the loss ends lower than with (.+) in ([\d,]+) of the ([\d,]+) pairs? of runs that agree in all "
    rf"else {SURE}": says_where_the_loss_is_lower,
    rf"{OF}( that form a full grid)?, ([<>]?\d+% come .+)": says_what_decides,
    rf"{OF}, (about .+)": says_what_goes_with,
    r"(.+) hardly matters?: at most 2% alone, and at most 2% together with any one other setting": (
        says_what_hardly_matters
    ),
    r"([\d,]+) runs? failed": says_how_many_failed,
    rf"(The best {WHICH}) (?:is|are) {TOLD}": says_what_a_change_saves,
    rf"No (single change|change of up to \d+ settings was found that) saves half of them{FEWER}": (
        says_that_one_change_is_not_enough
    ),
    rf"Whatever else is set, (?:no run converges|at most {SHARE} of the runs of any setting converge) (.+)": (
        says_what_never_works
    ),
    r"The best of all settings tried(?: \(the cheapest to train of ([\d,]+) that do equally well\))? is (.+): "
    r"([\d,]+) of ([\d,]+) runs? converged": says_what_is_best,
    r"Among runs that agree in all else, the success rate \(the share of runs that converge\) typically moves with "
    r"(.+) percentage points": says_what_moves,
    r"No value of (.+) that was tried helps, alone or with the others": says_that_nothing_helps,
    rf"([\d,]+) of the ([\d,]+) runs \({SHARE}\) ended as (\w+)": says_how_most_ended,
    rf"The ([\d,]+) failed runs? (?:is|are) right for {SHARE} of the samples \(the median; "
    rf"the middle half of these runs: {SHARE} to {SHARE}\)": says_how_nearly_right,
    r"The criterion asks for more": lambda made: None,
    r"With criterion=\{accuracy: ([\d.]+)\}, ([\d,]+) of the ([\d,]+) runs would have converged": (
        says_who_would_have_converged
    ),
    r"Nothing failed, so there is nothing to mend": lambda made: assert_(made.frame.converged.all()),
}


def assert_(holds: object) -> None:
    assert holds


def check(made: Made, lines: list[str], patterns: Mapping[str, Callable[..., None]], known: str = "") -> int:
    """Check every sentence of some lines by the one pattern that it matches, but for those of a known text."""
    n = 0
    for sentence in sentences(lines):
        sentence = sentence.strip().removesuffix(".")
        if sentence in known:
            continue
        matches = [(match, tell) for pattern, tell in patterns.items() if (match := re.fullmatch(pattern, sentence))]
        assert len(matches) == 1, sentence
        match, tell = matches[0]
        tell(made, *match.groups())
        n += 1
    return n


# --- what the tables and the notes say


def says_outcomes(made: Made, lines: list[str]) -> None:
    counts = made.frame.outcome.value_counts()
    texts: dict[str, str] = {}
    for line in lines[1:]:
        if match := re.match(rf"(\w+) +{SHARE}  (\S.*)", line):
            name, share, texts[match[1]] = match.groups()
            assert is_share(share, counts[name] / len(made.frame))
        else:
            texts[name] += f" {line.strip()}"
    assert set(texts) == set(counts.index)
    for name, text in texts.items():
        rows = made.frame[made.frame.outcome == name]
        says_medians(made, rows, text)
        if name != "converged":
            says_what_helps(made, rows, text)


def says_medians(made: Made, rows: pd.DataFrame, text: str) -> None:
    if "accuracy" not in made.frame:
        return
    match = re.search(r"Median accuracy (\S+(?: \(.*?\))?), median loss (\S+(?: \(.*?\))?)\.(?= [A-Z]|$)", text)
    assert match, text
    for name, shown in zip(("accuracy", "loss"), match.groups(), strict=True):
        check_median(shown, made, rows, name)


KEY_OF = {
    "longer training": "epochs",
    "a larger learning_rate": "learning_rate",
    "a smaller learning_rate": "learning_rate",
    "a much smaller learning_rate": "learning_rate",
    "more hidden units": "architecture",
    "smaller initial weights": "init",
}


def says_what_helps(made: Made, rows: pd.DataFrame, text: str) -> None:
    """What the study shows, and what usually helps, of which nothing was tried."""
    most = max((each.saved for each in single_changes(made, rows)), default=None)
    if match := re.search(r"Here (.+) would have saved (?:it|([\d,]+) of these ([\d,]+))\.", text):
        saved = try_change(made, settings(made, match[1]), rows).saved
        assert (saved, len(rows)) == (1, 1) if match[2] is None else (number(match[2]), number(match[3]))
        assert saved == most >= 0.1 * len(rows)
    elif "No single change that was tried here would have saved a tenth of them." in text:
        assert most is not None
        assert most < 0.1 * len(rows)
    else:
        assert most is None or not made.frame.converged.any()
    if match := re.search(r"What usually helps and was not tried here: (.+?)\.(?= [A-Z]|$)", text):
        says_what_was_not_tried(made, match[1])


def says_what_was_not_tried(made: Made, text: str) -> None:
    for advice in re.split(r", | or ", text.replace(", where", " where")):
        if beyond := re.fullmatch(r"(\w+) (above|below) (\S+) where the loss is lowest so far", advice):
            values = made.frame[beyond[1]].astype(float)
            assert float(beyond[3]) == (values.max() if beyond[2] == "above" else values.min())
            assert made.frame.final_loss.astype(float).groupby(values).median().idxmin() == float(beyond[3])
            assert not made.frame.converged.any()
        else:
            key = KEY_OF.get(advice)
            assert key is None or all(key not in factor.split(" & ") for factor in made.factors), advice


def says_how_near(made: Made, lines: list[str]) -> None:
    """The medians by each value, whatever else is set."""
    start = next(i for i, line in enumerate(lines) if line.startswith("setting "))
    told, name = set(), ""
    for line in lines[start + 1 :]:
        head, *medians = re.split(r" {2,}", line.strip()) if line.startswith(" ") else re.split(r" {2,}", line)[1:]
        name = name if line.startswith(" ") else line.split()[0]
        rows = made.frame[made.frame[name] == value_of(made, name, head)]
        told.add((name, rows[name].iloc[0]))
        for column, shown in zip(lines[start].split()[2:], medians, strict=True):
            check_median(shown, made, rows, column)
    assert told == {(name, value) for name in made.factors for value in made.frame[name].unique()}


def says_levels(made: Made, rows: pd.DataFrame, name: str, worst: str, best: str) -> None:
    """Success rates at the worst and the best value of a factor, among some rows."""
    rates = rows.groupby(name).converged.mean()
    for text, expected in ((worst, rates.min()), (best, rates.max())):
        match = re.fullmatch(rf"(.+): {SHARE} \((.+)\)", text)
        assert match, text
        of_value = rows[rows[name] == value_of(made, name, match[1])]
        assert of_value.converged.mean() == pytest.approx(expected, abs=1e-12)
        assert is_share(match[2], expected)
        check_interval(match[3], made, *by_seed(made, of_value))


def value_of(made: Made, name: str, shown: str) -> str:
    return shown if name in FAULTY else in_full(made, name, shown)


def says_leads(made: Made, name: str, worst: str, best: str) -> None:
    rows = leads(made, name)
    by_value = rows.groupby(name).lead.mean()
    for text, expected in ((worst, by_value.min()), (best, by_value.max())):
        match = re.fullmatch(r"(.+): ([+-][\d.]+) points(?: \+- ([\d.]+))?", text)
        assert match, text
        of_value = rows[rows[name] == value_of(made, name, match[1])]
        assert of_value.lead.mean() == pytest.approx(expected, abs=1e-12)
        assert abs(float(match[2]) - 100 * expected) <= 0.05 + 1e-9
        sums, counts = of_value.groupby("seed").lead.sum(), of_value.groupby("seed").size()
        k = len(sums)
        variance = k / (k - 1) * ((sums - expected * counts) ** 2).sum() / counts.sum() ** 2
        reach = 100 * stats.t.ppf(0.975, k - 1) * math.sqrt(variance)
        assert abs(float(match[3] or 0) - reach) <= 0.05 + 1e-9


def says_ranges(made: Made, name: str, worst: str, best: str) -> None:
    """The cells are what is drawn by chance here, so they are what an interval counts."""
    values, of = made.frame[name].astype(float), ranges(made, name)
    rates = made.frame.groupby(of).converged.mean()
    for text, expected in ((worst, rates.min()), (best, rates.max())):
        match = re.fullmatch(rf"(\S+) to (\S+): {SHARE} \((.+)\)", text)
        assert match, text
        low, high = (float(in_full(made, name, match[i])) for i in (1, 2))
        inside = made.frame[(values >= low) & (values <= high)]
        assert inside.converged.mean() == pytest.approx(expected, abs=1e-12)
        assert set(of[inside.index]) == {of[inside.index].iloc[0]}
        assert len(inside) == (of == of[inside.index].iloc[0]).sum()
        assert is_share(match[3], expected)
        cells = inside.groupby(list(made.factors)).converged
        check_interval(match[4], made, cells.sum().reset_index(drop=True), cells.size().reset_index(drop=True))


def says_what_matters(made: Made, lines: list[str]) -> None:
    start = next(i for i, line in enumerate(lines) if line.startswith("setting "))
    told = " ".join(lines[:start])
    if some := re.search(r"the (\d+) settings that form a full grid", told):
        assert made.on_grid is not None
        assert int(some[1]) == made.frame[made.on_grid].groupby(list(made.factors)).ngroups
    columns = [lines[start].index(heading) for heading in ("worst on average", "best on average")]
    rows: list[list[str]] = []
    for line in lines[start + 1 :]:
        texts = [line[: columns[0]], *(line[a:b].strip() for a, b in ((columns[0], columns[1]), (columns[1], None)))]
        if texts[0].strip():
            rows.append([*texts[0].rsplit(None, 2 if " points" in texts[0] else 1), *texts[1:]])
        else:
            rows[-1] = [*rows[-1][:-2], *(f"{a} {b}".strip() for a, b in zip(rows[-1][-2:], texts[1:], strict=True))]
    names = set()
    rest = {"two settings together": 0.0, "three or more": 0.0}
    if made.on_grid is not None:
        shares = parts_of_variance(made)
        rest["two settings together"] = sum(value for some, value in shares.items() if len(some) == 2)
        rest["three or more"] = max(1 - sum(shares.values()), 0.0)
    for name, *weights, worst, best in rows:
        if name.strip() in rest:
            assert is_share(weights[0], rest.pop(name.strip()))
            continue
        weight, ends = " ".join(weights), [end for end in (worst, best) if end]
        names.add(name.strip())
        name = name.strip()
        if ends == ["all values do equally well"]:
            rates = leads(made, name).groupby(name).lead.mean()
            assert rates.max() == pytest.approx(rates.min(), abs=1e-12)
        elif weight.endswith(" points"):
            assert abs(float(weight.removesuffix(" points")) - 100 * typical_lead(made, name)) <= 0.05 + 1e-9
            says_leads(made, name, *ends)
        elif weight.startswith("~"):
            assert is_share(weight.removeprefix("~"), explained(made, name))
            says_ranges(made, name, *ends)
        else:
            assert made.on_grid is not None
            assert is_share(weight, parts_of_variance(made)[frozenset([name])])
            says_levels(made, made.frame[made.on_grid], name, *ends)
    assert names == set(made.factors) - made.asides
    assert all(share < 0.005 for share in rest.values())


def says_which_depend(made: Made, lines: list[str]) -> None:
    assert made.on_grid is not None
    rows, shares = made.frame[made.on_grid], parts_of_variance(made)
    for text in re.split(r" (?=[<>]?\d+%  )", re.sub(r"(?<!%) +", " ", " ".join(lines))):
        if match := re.fullmatch(r"([<>]?\d+%) +(.+?) moves the success rate (by .+) and (by .+)", text):
            share, name, *ends = match.groups()
            spans, others = [], set()
            for end in ends:
                part = re.fullmatch(r"by (.+?) points? (?:at )?(.+?)(?: \(best: (.+)\))?", end)
                assert part, end
                ((other, value),) = settings(made, part[2]).items()
                others.add(other)
                rates = rows[rows[other] == value].groupby(name).converged.mean()
                span = 100 * (rates.max() - rates.min())
                assert span < 0.5 if part[1] == "less than 1" else abs(int(part[1]) - span) <= 0.5
                if part[3]:
                    assert rates[value_of(made, name, part[3])] == rates.max()
                spans.append(span)
            (other,) = others
            every = rows.groupby([other, name]).converged.mean().unstack()
            all_spans = 100 * (every.max(axis=1) - every.min(axis=1))
            assert sorted(spans) == pytest.approx([all_spans.min(), all_spans.max()])
        else:
            match = re.fullmatch(
                r"([<>]?\d+%) +(?:at )?(.+), the success rate is (\S+) (?:at )?(.+) but (\S+) (?:at )?(.+)", text
            )
            assert match, text
            share = match[1]
            ((name, value),) = settings(made, match[2]).items()
            for rate, where in ((match[3], match[4]), (match[5], match[6])):
                ((other, at),) = settings(made, where).items()
                assert is_share(rate, rows[(rows[name] == value) & (rows[other] == at)].converged.mean())
        assert is_share(share, shares[frozenset([name, other])])


CHANGE = re.compile(rf"(.*\S) {{2,}}([\d,]+) +([\d,]+) +{SHARE} +(exact|\S+ to \S+) +(the same|\S+ times)")


def says_changes(made: Made, lines: list[str], failed: pd.DataFrame, what: str, size: int | None) -> None:
    start = next(i for i, line in enumerate(lines) if line.startswith("change "))
    n = f"{len(failed):,}"
    told = "how many could be tried, how many of these it saves, and their share of all"
    assert " ".join(lines[:start]) == f"Of the {n} {what}: {told} {n}."
    rows: list[list[str]] = []
    for line in lines[start + 1 :]:
        if match := CHANGE.fullmatch(line):
            rows.append(list(match.groups()))
        else:
            rows[-1][0] += f" {line.strip()}"
    costs = []
    for label, counterparts, saved, share, sure, cost in rows:
        change = settings(made, label)
        assert size is None or len(change) == size
        tried = try_change(made, change)
        assert (tried.counterparts, tried.saved) == (number(counterparts), number(saved)), label
        assert is_share(share, tried.saved / len(failed))
        all_failed = failed.groupby("seed").size().reindex(tried.by_seed.index, fill_value=0)
        check_interval(sure, made, tried.by_seed, all_failed)
        assert is_cost(cost, tried.cost)
        costs.append(round(tried.cost, 3))
    assert costs == sorted(costs)


def says_which_form_a_grid(made: Made, cells: str, of: str, without: str | None) -> None:
    assert made.on_grid is not None
    rows = made.frame[made.on_grid]
    assert number(cells) == rows.groupby(list(made.factors)).ngroups
    assert number(of) == made.cells.ngroups
    for label in re.split(", | and ", without or ""):
        if label:
            ((name, value),) = settings(made, label).items()
            assert value not in set(rows[name])
            assert rows[name].nunique() > 1


def says_what_three_make(made: Made, share: str) -> None:
    assert is_share(share, 1 - sum(parts_of_variance(made).values()))


def says_how_many_seeds(made: Made, seeds: str) -> None:
    assert number(seeds) == made.frame.seed.nunique()


SILENT = (
    r"Every combination of the values was run, so .*|Differences are measured as a variance; the parts add up to 100%|"
    r"What chance adds to the differences, for there are few seeds, is estimated and taken out|"
    r"A change is tried on every failed run .*|A change that saves no more than a cheaper one is not listed|"
    r"Average cost: how many times as much .*|"
    r"All settings (?:share the seeds|have the same seed), .*|"
    r"(?:For .+|Not every combination was run:) only runs are compared .*|"
    r"Points are above or below .*|For .+ no runs agree .*"
)
NOTES: Mapping[str, Callable[..., None]] = {
    r"([\d,]+) of the ([\d,]+) settings form a full grid(?: \(without (.+)\))?, so .*": says_which_form_a_grid,
    rf"{SHARE} is made by three or more settings together": says_what_three_make,
    r"A 95% interval says between which values the share would lie, had other seeds than these ([\d,]+) been drawn": (
        says_how_many_seeds
    ),
    r"A 95% interval says between which values the share would lie, had another seed than this one been drawn": (
        lambda made: says_how_many_seeds(made, "1")
    ),
    SILENT: lambda made: None,
}


@pytest.mark.parametrize("name", [*(name for name in SPECS if name != "sample"), *slow("sample"), "rare"])
def test_every_number_of_the_page(studies: dict[str, Made], name: str) -> None:
    made = studies[name]
    found = sections(page(made))
    (outcomes,) = (lines for heading, lines in found.items() if heading.startswith("What became of the "))
    known = re.sub(r"\d", "", " ".join(" ".join(outcomes).split()))
    assert check(made, found.pop("answer"), ANSWER, known) >= 2
    for heading, lines in found.items():
        if heading.startswith("What became of the"):
            assert heading == f"What became of the {len(made.frame):,} runs"
            says_outcomes(made, lines)
        elif heading == "How near the runs came":
            says_how_near(made, lines)
        elif heading == "Which settings matter":
            says_what_matters(made, lines)
        elif heading == "Which settings depend on each other":
            says_which_depend(made, lines)
        elif match := re.fullmatch(
            r"What would have saved the failed runs: (one change|(\d+) changes at once), .*", heading
        ):
            says_changes(made, lines, made.failed, "failed runs", int(match[2] or 1))
        else:
            assert heading == "How to read this"
            check(made, lines, NOTES)


# --- one run


def says_which_run(run: pd.Series[Any], made: Made, run_id: str, seed: str, label: str | None, outcome: str) -> None:
    assert (run_id, int(seed), outcome) == (run.run_id, run.seed, run.outcome)
    for name, value in settings(made, label or "").items() if label else ():
        assert run[name] == value


def like(made: Made, run: pd.Series[Any]) -> pd.DataFrame:
    """The runs with the settings of a run."""
    return made.frame[(made.frame[list(made.factors)] == run[list(made.factors)]).all(axis=1)]


def says_how_others_fared(run: pd.Series[Any], made: Made, hits: str, runs: str, sure: str, luck: str | None) -> None:
    same = like(made, run)
    assert (number(hits), number(runs)) == (same.converged.sum(), len(same))
    check_interval(sure, made, *by_seed(made, same))
    rate = same.converged.mean()
    if run.converged or made.fixed:
        assert luck is None
    else:
        assert luck == (
            "bad luck with the initial weights"
            if rate > 0.5
            else "partly bad luck, which these settings make likely"
            if rate > 0.2
            else "not bad luck but the settings"
        )


def try_on_cell(made: Made, run: pd.Series[Any], change: Mapping[str, str]) -> tuple[Tried, pd.Series[Any], bool]:
    """A change of all runs that failed with a run's settings: what it saves, who failed, whether the run is saved."""
    failed = like(made, run)[lambda rows: ~rows.converged]
    there = made.frame
    for name in made.factors:
        there = there[there[name] == change.get(name, run[name])]
    partners = there[there.seed.isin(failed.seed)]
    seeds = sorted(made.frame.seed.unique())
    saved = partners[partners.converged].groupby("seed").size().reindex(seeds, fill_value=0)
    cost = partners.cost.mean() / failed.cost.mean()
    all_failed = failed.groupby("seed").size().reindex(seeds, fill_value=0)
    mine = bool(partners[partners.seed == run.seed].converged.all()) and run.seed in set(partners.seed)
    return Tried(len(partners), int(partners.converged.sum()), saved, cost), all_failed, mine


def says_what_saves_it(run: pd.Series[Any], made: Made, size: str | None, label: str, cost: str | None) -> None:
    change = settings(made, label)
    tried, _, mine = try_on_cell(made, run, change)
    assert mine
    assert all(run[name] != value for name, value in change.items())
    assert size is None or len(change) == int(size)
    assert (tried.cost < 1.05) if cost is None else is_cost(cost, tried.cost)
    made.path.with_name("last_change").write_text(label)


def says_whom_it_saves(run: pd.Series[Any], made: Made, saved: str, failed: str, sure: str) -> None:
    change = settings(made, made.path.with_name("last_change").read_text())
    tried, all_failed, _ = try_on_cell(made, run, change)
    assert (number(saved), number(failed)) == (tried.saved, all_failed.sum())
    check_interval(sure, made, tried.by_seed, all_failed)


def says_that_nothing_saves_it(run: pd.Series[Any], made: Made, others: str | None) -> None:
    same_seed = made.frame[made.frame.seed == run.seed]
    elsewhere = same_seed[~same_seed.index.isin(like(made, run).index)]
    assert not elsewhere.converged.any()
    assert len(elsewhere) == (1 if others is None else number(others))


def pairs(made: Made, run: pd.Series[Any], name: str, value: str) -> pd.DataFrame:
    """The runs with the settings of a run beside those of the same seeds with one other value."""
    there = made.frame[made.frame[name] == value]
    for other in made.factors:
        there = there if other == name else there[there[other] == run[other]]
    return like(made, run).merge(there, on="seed", suffixes=("_here", ""))


def helps(made: Made, run: pd.Series[Any], both: pd.DataFrame) -> bool:
    """Whether that more converge is told from chance, among all changes of one setting."""
    saved = int((both.converged & ~both.converged_here).sum())
    lost = int((~both.converged & both.converged_here).sum())
    tried = sum(len(pairs(made, run, name, value)) > 0 for name in made.factors for value in others(made, run, name))
    if made.fixed or saved <= lost:
        return saved > lost
    return bool(stats.binomtest(saved, saved + lost).pvalue * tried < 0.05)


def others(made: Made, run: pd.Series[Any], name: str) -> list[str]:
    return [value for value in made.frame[name].unique() if value != run[name]]


def gains(made: Made, run: pd.Series[Any], name: str) -> list[float]:
    """By which share more of the same seeds converge with each other value."""
    tried = [pairs(made, run, name, value) for value in others(made, run, name)]
    return [float(both.converged.mean() - both.converged_here.mean()) for both in tried if len(both)]


def one_change(made: Made, run: pd.Series[Any], label: str) -> tuple[str, pd.DataFrame]:
    """The factor of a change from a run's settings, and its pairs; it is the best of its factor."""
    ((name, value),) = settings(made, label).items()
    both = pairs(made, run, name, value)
    assert both.converged.mean() - both.converged_here.mean() == pytest.approx(max(gains(made, run, name)), abs=1e-12)
    return name, both


def says_what_helps_most(
    run: pd.Series[Any], made: Made, label: str, hits: str, seeds: str, before: str, sure: str, cost: str | None
) -> None:
    _, both = one_change(made, run, label)
    assert (number(hits), number(seeds), number(before)) == (both.converged.sum(), len(both), both.converged_here.sum())
    check_interval(sure, made, both.groupby("seed").converged.sum(), both.groupby("seed").size())
    ratio = both.cost.sum() / both.cost_here.sum()
    assert (ratio < 1.05) if cost is None else is_cost(cost, ratio)
    assert helps(made, run, both)
    assert both.converged.mean() - both.converged_here.mean() == pytest.approx(
        max(gain for name in made.factors for gain in gains(made, run, name)), abs=1e-12
    )


def says_what_else_helps(run: pd.Series[Any], made: Made, sure: bool, labels: str) -> None:
    told = list(re.finditer(r"(.+?) \(([\d,]+) of ([\d,]+) in place of ([\d,]+)\)(?:, | and |$)", labels))
    assert "".join(match[0] for match in told) == labels
    for match in told:
        _, both = one_change(made, run, match[1])
        found = both.converged.sum(), len(both), both.converged_here.sum()
        assert tuple(map(number, match.groups()[1:])) == found
        assert found[0] > found[2]
        assert helps(made, run, both) == sure


def says_what_does_not_help(run: pd.Series[Any], made: Made, names: str) -> None:
    for name in re.split(", | or ", names):
        assert max(gains(made, run, name)) <= 0


def says_what_was_not_run(run: pd.Series[Any], made: Made, names: str) -> None:
    for name in re.split(", | or ", names):
        assert not gains(made, run, name)


def says_how_it_fared(run: pd.Series[Any], made: Made, label: str | None, hits: str, runs: str, sure: str) -> None:
    same = like(made, run)
    assert settings(made, label or "") == {name: run[name] for name in made.factors if name not in made.asides}
    assert (number(hits), number(runs)) == (same.converged.sum(), len(same))
    check_interval(sure, made, *by_seed(made, same))


def says_how_they_ended(run: pd.Series[Any], made: Made, text: str) -> None:
    counts = like(made, run)[lambda rows: ~rows.converged].outcome.value_counts()
    found = re.findall(r"([\d,]+) (?:ended )?as (\w+)", text)
    assert {name: number(n) for n, name in found} == counts.to_dict()


def says_steps(run: pd.Series[Any], made: Made, lines: list[str]) -> None:
    start = next(i for i, line in enumerate(lines) if line.startswith("change "))
    rows: list[list[str]] = []
    for line in lines[start + 1 :]:
        if match := re.fullmatch(r"(.*\S) {2,}" + r"([\d,]+) +" * 5 + r"(the same|\S+ times)", line):
            rows.append(list(match.groups()))
        else:
            rows[-1][0] += f" {line.strip()}"
    told = set()
    for label, *numbers, cost in rows:
        name, both = one_change(made, run, label)
        told.add(name)
        now, before = both.converged, both.converged_here
        expected = len(both), now.sum(), before.sum(), (now & ~before).sum(), (before & ~now).sum()
        assert tuple(map(number, numbers)) == expected
        assert is_cost(cost, both.cost.sum() / both.cost_here.sum())
    assert told == {name for name in made.factors if name not in made.asides and gains(made, run, name)}


PRICE = r"(?:, at (\S+ times) the training cost on average)?"
RUN: Mapping[str, Callable[..., None]] = {
    r"Run (\w+), seed (\d+)(?: \((.+)\))?, ended as (\w+)": says_which_run,
    rf"([\d,]+) of the ([\d,]+) runs with these settings converged {SURE}(?:: it was (.+))?": says_how_others_fared,
    rf"(?:The cheapest change that saves it is|It takes (\d+) changes at once, at the cheapest) (.+?){PRICE}": (
        says_what_saves_it
    ),
    rf"The (s)urest is (.+?){PRICE}": lambda run, made, _, label, cost: says_what_saves_it(
        run, made, None, label, cost
    ),
    rf"It saves ([\d,]+) of the ([\d,]+) seeds that failed here {SURE}": says_whom_it_saves,
    r"This seed did not converge with (?:the other setting|any of the ([\d,]+) other settings) with which it was run": (
        says_that_nothing_saves_it
    ),
    r"The single change from there that helps most is (.+): ([\d,]+) of the same ([\d,]+) seeds? converges?, in place "
    rf"of ([\d,]+) {SURE}{PRICE}": says_what_helps_most,
    r"Sure to help as well, but less: (.+)": lambda run, made, labels: says_what_else_helps(run, made, True, labels),
    r"Whether (.+) helps? is not sure: that may be chance": lambda run, made, labels: says_what_else_helps(
        run, made, False, labels
    ),
    r"No single change from there that was tried surely helps": lambda run, made: assert_(
        not any(
            helps(made, run, both)
            for name in made.factors
            for value in others(made, run, name)
            if len(both := pairs(made, run, name, value))
        )
    ),
    r"No other value of (.+) helps by itself": says_what_does_not_help,
    r"No other value of (.+) was run with all else as there": says_what_was_not_run,
    rf"At your settings(?: \((.+)\))? ([\d,]+) of ([\d,]+) runs? converged {SURE}": says_how_it_fared,
    r"Of those that failed, (.+)": says_how_they_ended,
    r"(\w+) means: (.+)": lambda run, made, outcome, what: assert_(
        MEANINGS[outcome].what.rstrip(".").lower() == what.lower() and outcome in set(like(made, run).outcome)
    ),
    r"The sweep below tries other values of .+": lambda run, made: None,  # see below
}


def measured(run: pd.Series[Any], lines: list[str]) -> None:
    """The measurements in words: every number is one of the row, as short as it is shown."""
    names = ("initial_loss", "final_loss", "best_loss", "epochs_run", "epochs_to_converge", "output_min", "output_max")
    names += ("output_spread", "max_error", "weight_norm", "grad_norm")
    known = [float(run[name]) for name in names if run[name]]
    change = abs(float(run.final_loss) / float(run.initial_loss) - 1)
    step = float(run.learning_rate) * float(run.grad_norm) / float(run.weight_norm)
    shares = [float(run.accuracy), float(run.saturation), change, 0.01]
    text = " ".join(lines).replace(f"({run.criterion[1:-1]})", "")
    text = re.sub(r"\(the criterion is [^)]*\)", "", text)
    for share in re.findall(r"[<>]?[\d.]+%", text):
        assert any(is_share(share, value) for value in shares), share
    for shown in re.findall(r"(?<![\w.])-?\d[\d,.]*(?:e[+-]?\d+)?(?![\w%])", re.sub(r"[<>]?[\d.]+%", "", text)):
        value = number(shown.rstrip(".,"))
        assert any(math.isclose(value, each, rel_tol=6e-3 if each != step else 6e-2) for each in (*known, step)), shown


@pytest.mark.parametrize(
    "name", ["grid", *slow("zip", "sample"), "when", "include", "faults", "exclude", "fixed", "none"]
)
def test_every_number_about_a_run(studies: dict[str, Made], name: str) -> None:
    made = studies[name]
    some = made.frame.groupby("outcome").head(1)
    for _, run in some.iterrows():
        found = sections(page(made, run.run_id))
        told = {p: lambda m, *found, tell=tell, run=run: tell(run, m, *found) for p, tell in RUN.items()}
        meaning = re.sub(r"\d", "", " ".join(" ".join(found["This run"]).split()))
        check(made, found.pop("answer"), told | ANSWER, meaning)
        measured(run, found.pop("This run"))
        if lines := found.pop("What saves this seed, cheapest first", None):
            says_what_saves_the_cell(run, made, lines)
        if lines := found.pop("From these settings, one change at a time", None):
            says_steps(run, made, lines)
        for heading in found:
            assert heading.startswith("A sweep to try (")


def varied(frame: pd.DataFrame) -> list[str]:
    """The keys that have several values."""
    columns = list(frame.columns)
    return [key for key in columns[2 : columns.index("outcome")] if frame[key].nunique() > 1]


@pytest.mark.parametrize("name", [*slow("grid"), "zip", "when", "faults", "exclude", "fixed", "none"])
def test_every_number_about_a_setting(studies: dict[str, Made], name: str) -> None:
    made = studies[name]
    keys = [key for key in varied(made.frame) if key != "seed"]
    for _, run in made.frame[made.frame.seed == 3].iloc[::4].iterrows():
        at = [f"{key}={run[key]}" for key in keys if run[key]]
        stream = io.StringIO()
        show(runner.explain(made.path, at=at), stream)
        found = sections(stream.getvalue())
        told = {p: lambda m, *found, tell=tell, run=run: tell(run, m, *found) for p, tell in RUN.items()}
        assert check(made, found.pop("answer"), told | ANSWER, " ".join(each.what for each in MEANINGS.values())) >= 2
        says_steps(run, made, found.pop("From these settings, one change at a time"))
        assert not found


def says_what_saves_the_cell(run: pd.Series[Any], made: Made, lines: list[str]) -> None:
    start = next(i for i, line in enumerate(lines) if line.startswith("change "))
    rows: list[list[str]] = []
    for line in lines[start + 1 :]:
        if match := CHANGE.fullmatch(line):
            rows.append(list(match.groups()))
        else:
            rows[-1][0] += f" {line.strip()}"
    for label, counterparts, saved, share, sure, cost in rows:
        tried, all_failed, mine = try_on_cell(made, run, settings(made, label))
        n = all_failed.sum()
        assert mine
        assert " ".join(lines[:start]).startswith(f"Of the {n:,} seeds that failed with these settings: ")
        assert (tried.counterparts, tried.saved) == (number(counterparts), number(saved))
        assert is_share(share, tried.saved / n)
        check_interval(sure, made, tried.by_seed, all_failed)
        assert is_cost(cost, tried.cost)


# --- what was not tried

ONE = """\
name: one
data: xor
architecture: 2-2-1
learning_rate: 0.01
epochs: 50
seed: 4
"""


@pytest.mark.parametrize(
    ("changed", "keys"),
    [
        ("", ("epochs", "learning_rate")),
        ("faults: [no_factor]\nlearning_rate: [0.01, 0.02]\n", ("faults", "epochs", "learning_rate")),
        ("init: [0.3, -0.1, 0.5, 0.7, 0.2, -0.4, 0.6, -0.8, 0.1]\n", ("epochs", "learning_rate")),
        ("init: normal(0, 60)\nlearning_rate: 1\nepochs: 300\n", None),
        ("learning_rate: 1000000\noutput: identity\nactivation: relu\n", None),
        ("claims: [{name: a, where: {epochs: 50}, statistic: rate(converged), expect: '> 0.1'}]\n", None),
        ("sweep: {grid: {learning_rate: [0.01, 0.02], init: [zeros, 'normal(0, 0.1)']}}\n", None),
        ("sweep: {zip: [{epochs: 40, batch: 1}, {epochs: 50, batch: full}]}\norder: shuffled\n", None),
    ],
)
def test_what_was_not_tried_is_a_sweep_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], changed: str, keys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    given = {line.partition(":")[0] for line in changed.splitlines()}
    text = "".join(f"{line}\n" for line in ONE.splitlines() if line.partition(":")[0] not in given) + changed
    Path("one.yaml").write_text(text)
    assert main(["one.yaml", "-q"]) in (0, 1)
    frame = pd.read_csv("results/one/runs.csv", dtype=str, keep_default_na=False)
    run = frame[frame.converged == "False"].iloc[-1]
    capsys.readouterr()
    assert main(["explain", "one", run.run_id]) == 0
    shown = capsys.readouterr().out
    if len(frame) == 1:
        assert "No other setting was tried with this seed, so nothing can be said about what would save it." in (
            " ".join(shown.split())
        )
    found = re.search(r"A sweep to try \(([\d,]+) runs: ([\d,]+) settings, (\d+) seeds each\)\n(.+)\n", shown)
    assert found, shown
    runs, cells, seeds, command = found.groups()
    assert number(runs) == number(cells) * number(seeds)
    arguments = shlex.split(command)
    assert arguments[:3] == ["python", "-m", "runner"]
    assert main([*arguments[3:], "-q"]) == 0
    tried = pd.read_csv("results/one_next/runs.csv", dtype=str, keep_default_na=False)
    assert (len(tried), tried.cell_id.nunique(), tried.seed.nunique()) == (number(runs), number(cells), number(seeds))
    assert run.run_id in set(tried.run_id), "the run itself is among them"
    if keys is not None:
        assert set(varied(tried)) - {"seed", "bias_learning_rate"} == set(keys)
