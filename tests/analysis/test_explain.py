"""explain on tables whose true effects are known: what decides, what helps, and what it says about it."""

from __future__ import annotations

import io
import itertools
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.synthetic import table, write

import runner
from runner.analysis.explain.anova import Effects, effects, full_grid
from runner.analysis.explain.answer import answer
from runner.analysis.explain.counterfactuals import Change, changes, cheapest_first
from runner.analysis.explain.explanation import Explanation, as_json, best_cell, explain
from runner.analysis.explain.factors import DERIVED, fault_names
from runner.analysis.explain.levels import GRID, MATCHED, RANGES, factor_reports
from runner.analysis.explain.one_run import words
from runner.analysis.explain.outcomes import MEANINGS
from runner.analysis.explain.runs import Runs, load_runs
from runner.analysis.explain.show import show
from runner.analysis.explain.wording import median, times
from runner.errors import RunnerError, StudyError
from runner.measurements import OUTCOMES
from runner.statistics.shares import Median

A, B, C = ("2-2-1", "2-4-1", "2-8-1"), ("0.1", "1.0", "10.0"), ("10", "100")
AXES = {"architecture": A, "learning_rate": B, "epochs": C}
Cell = Mapping[str, str]


def runs_of(frame: pd.DataFrame, folder: Path) -> Runs:
    return load_runs(write(frame, folder))


def text_of(found: Explanation) -> str:
    stream = io.StringIO()
    show(found, stream)
    return stream.getvalue()


def settings_of(change: Change) -> dict[str, str]:
    """The keys that a change sets."""
    settings: dict[str, str] = change.as_json()["set"]
    return settings


def levels(cell: Cell) -> tuple[int, int, int]:
    return A.index(cell["architecture"]), B.index(cell["learning_rate"]), C.index(cell["epochs"])


def additive(cell: Cell) -> float:
    a, b, _ = levels(cell)
    return 0.3 + 0.1 * (a - 1) + 0.2 * (b - 1)


def interaction(cell: Cell) -> float:
    _, b, c = levels(cell)
    return 0.5 + 0.4 * (b - 1) * (2 * c - 1)


def three_way(cell: Cell) -> float:
    a, b, c = levels(cell)
    return 0.5 + 0.4 * (a - 1) * (b - 1) * (2 * c - 1)


def naive_effects(rate: Callable[[Cell], float]) -> dict[tuple[str, ...], float]:
    """Shares of variance from the true rates, by the textbook's formulas."""
    cells = [dict(zip(AXES, values, strict=True)) for values in itertools.product(*AXES.values())]
    frame = pd.DataFrame([{**cell, "rate": rate(cell)} for cell in cells])
    total = frame.rate.var(ddof=0)
    grand, found = frame.rate.mean(), {}
    main = {name: frame.groupby(name).rate.transform("mean") - grand for name in AXES}
    for name in AXES:
        found[name,] = float((main[name] ** 2).mean() / total) if total else 0.0
    for pair in itertools.combinations(AXES, 2):
        both = frame.groupby(list(pair)).rate.transform("mean") - grand - main[pair[0]] - main[pair[1]]
        found[pair] = float((both**2).mean() / total) if total else 0.0
    return found


def shares(found: Effects, names: list[str]) -> dict[tuple[str, ...], float]:
    return {tuple(names[at] for at in effect.factors): effect.share for effect in (*found.main, *found.pairs)}


# --- what decides


@pytest.mark.parametrize("rate", [additive, interaction, three_way])
@pytest.mark.parametrize("common", [True, False])
def test_known_effects_are_found(tmp_path: Path, rate: Callable[[Cell], float], common: bool) -> None:
    runs = runs_of(table(AXES, rate, 4000, common=common), tmp_path)
    grid = full_grid(runs)
    assert grid is not None
    found = effects(grid)
    names = [factor.name for factor in runs.factors]
    expected = naive_effects(rate)
    assert sorted(names) == sorted(AXES)
    for factors, share in shares(found, names).items():
        key = factors if factors in expected else factors[::-1]
        assert share == pytest.approx(expected[key], abs=0.03)
    assert found.rest == pytest.approx(1 - sum(expected.values()), abs=0.03)


def test_without_chance_the_shares_are_exact(tmp_path: Path) -> None:
    def rate(cell: Cell) -> float:
        return float(cell["learning_rate"] == "1.0" or cell["epochs"] == "100")

    runs = runs_of(table(AXES | {"init": ("zeros",)}, rate, 1), tmp_path)
    assert runs.exact
    grid = full_grid(runs)
    assert grid is not None
    found = effects(grid, runs.exact)
    expected = naive_effects(rate)
    for factors, share in shares(found, [factor.name for factor in runs.factors]).items():
        assert share == pytest.approx(expected[factors], abs=1e-12)


def test_noise_is_removed_without_bias() -> None:
    """Few seeds and no effect at all: the variance between cells is nought on average, for common seeds and others."""
    from runner.analysis.explain.anova import Grid

    rng = np.random.default_rng(0)
    for common in (True, False):
        main, total = [], []
        for _ in range(4000):
            luck = rng.random((5, 1, 1) if common else (5, 3, 3))
            y = (luck < np.full((3, 3), 0.5)).astype(float)
            found = effects(Grid(y, np.arange(5)))
            main.append(next(effect.variance for effect in found.main if effect.factors == (0,)))
            total.append(found.total)
        # Negative estimates are shown as nought, so the mean is a little above it, and far below the noise of 1 / 20.
        assert np.mean(main) < 0.006
        assert np.mean(total) < 0.02


def test_the_estimator_itself_is_unbiased() -> None:
    from runner.analysis.explain.anova import _variance

    rng = np.random.default_rng(1)
    true = np.array([0.2, 0.5, 0.8])
    found = []
    for _ in range(6000):
        y = (rng.random((4, 1)) < true).astype(float)
        found.append(_variance(y - y.mean(axis=1, keepdims=True), exact=False))
    assert np.mean(found) == pytest.approx(true.var(), abs=0.002)


def test_a_dead_axis_does_not_matter(tmp_path: Path) -> None:
    found = explain(write(table(AXES, additive, 500), tmp_path))
    assert found.effects is not None
    dead = next(effect for effect in found.effects.main if found.factors[effect.factors[0]].factor.name == "epochs")
    assert dead.share < 0.01
    hardly = "epochs hardly matters: at most 2% alone, and at most 2% together with any one other setting."
    assert hardly in " ".join(answer(found))


def test_a_seed_without_all_cells_is_left_out_of_the_exact_shares(tmp_path: Path) -> None:
    frame = table(AXES, additive, 50).iloc[:-10]
    found = explain(write(frame, tmp_path))
    assert (found.complete_seeds, found.runs.n_seeds) == (40, 50)
    assert "10 seeds that were not run with all of them are left out." in " ".join(text_of(found).split())


def test_best_and_worst_values_have_plain_rates_on_a_full_grid(tmp_path: Path) -> None:
    frame = table(AXES, additive, 300)
    found = explain(write(frame, tmp_path))
    for report in found.factors:
        rates = frame.groupby(report.factor.name).converged.mean()
        assert report.how == GRID
        assert report.best.share.rate == pytest.approx(rates.max())
        assert report.worst.share.rate == pytest.approx(rates.min())


def test_of_a_number_with_many_values_ranges_are_told(tmp_path: Path) -> None:
    """The worst range holds the best setting, and the answer says so; the numbers of single values stay in the JSON."""
    rates = tuple(repr(float(k)) for k in range(1, 25))

    def rate(cell: Cell) -> float:
        return float(cell["epochs"] == "1000") if float(cell["learning_rate"]) < 3 else 0.8

    frame = table({"learning_rate": rates, "epochs": ("100", "1000")}, rate, 50)
    found = explain(write(frame, tmp_path), axes=["learning_rate", "epochs"])
    report = next(each for each in found.factors if each.factor.name == "learning_rate")
    groups = frame.groupby((frame["learning_rate"].astype(float) + 1) // 2)["converged"].mean()
    assert [level.share.rate for level in report.ranges] == pytest.approx(groups.tolist(), rel=1e-12)
    assert (len(report.levels), len(report.ranges), report.worst.value) == (24, 12, "1 to 2")
    assert found.best.label == "learning_rate 1, epochs 1000"
    told = " ".join(answer(found))
    assert (
        "On average over everything else, the worst values of learning_rate are 1 to 2; with the rest of this" in told
    )
    assert "1 to 2: 50.0%" in text_of(found)
    assert len(as_json(found, [])["axes"][0]["levels"]) == 24
    # Where the best setting stands elsewhere, nothing is said.
    other = table({"learning_rate": rates, "epochs": ("100", "1000")}, lambda cell: 1.0 - 0.9 * (rate(cell) < 0.9), 50)
    assert "the worst values of" not in " ".join(
        answer(explain(write(other, tmp_path, "b"), axes=["learning_rate", "epochs"]))
    )


def test_matched_cells_undo_what_an_incomplete_grid_confounds(tmp_path: Path) -> None:
    """Large learning rates were tried with few epochs only: plain rates would say that they are bad."""

    def rate(cell: Cell) -> float:
        _, b, c = levels(cell)
        return 0.05 + 0.1 * b + 0.6 * c

    frame = table(AXES, rate, 400)
    frame = frame[~((frame.learning_rate == "10.0") & (frame.epochs == "100"))]
    plain = frame.groupby("learning_rate").converged.mean()
    assert plain["10.0"] < plain["0.1"]
    found = explain(write(frame, tmp_path))
    assert (found.in_grid, found.n_cells) == (12, 15)
    reports = {report.factor.name: report for report in factor_reports(found.runs, None)}
    assert all(report.how == MATCHED for report in reports.values())
    assert (reports["learning_rate"].best.value, reports["learning_rate"].worst.value) == ("10", "0.1")
    epochs = reports["epochs"]
    both = frame[frame.learning_rate != "10.0"].groupby("epochs").converged.mean()
    assert epochs.best.lead - epochs.worst.lead == pytest.approx(both["100"] - both["10"])
    assert epochs.typical == pytest.approx(0.3, abs=0.03)
    said = " ".join(text_of(found).split())
    assert "12 of the 15 settings form a full grid (without learning_rate 10), so the differences can" in said


def test_cells_included_one_by_one_leave_the_grid_exact(tmp_path: Path) -> None:
    """Keys that only such cells change are on no axis of the study, and still tell cells apart."""
    grid = table(AXES, interaction, 300)
    extra = table({"bias": ("none",), "init": ("he_normal",), "epochs": ("100",)}, lambda cell: 0.5, 300)
    path = write(pd.concat([grid, extra]), tmp_path)
    found = explain(path, axes=list(AXES))
    assert (found.in_grid, found.n_cells) == (18, 19)
    assert found.effects is not None
    alone = explain(write(grid, tmp_path, "alone"))
    assert alone.effects is not None
    names = [report.factor.name for report in found.factors][:3]
    assert shares(found.effects, names) == shares(alone.effects, [report.factor.name for report in alone.factors])


def test_no_grid_at_all(tmp_path: Path) -> None:
    frame = table({"architecture": A, "learning_rate": B}, additive_rate, 100)
    # Two rates for each width, another pair for each.
    places = zip(frame.architecture.map(A.index), frame.learning_rate.map(B.index), strict=True)
    mask = [(a - b) % 3 != 1 for a, b in places]
    found = explain(write(frame[mask], tmp_path))
    assert found.effects is None
    assert "Not every combination was run: only runs are compared" in " ".join(text_of(found).split())


def test_another_task_is_no_remedy(tmp_path: Path) -> None:
    def rate(cell: Cell) -> float:
        return 1.0 if cell["data"] == "and" else 0.4 if cell["epochs"] == "100" else 0.0

    found = explain(write(table({"data": ("and", "xor"), "epochs": C}, rate, 100), tmp_path))
    assert {change.label for some in found.changes.values() for change in some} == {"epochs 100"}
    assert "Best of all" not in " ".join(answer(found))


def test_a_change_that_few_failed_runs_could_make_does_not_count(tmp_path: Path) -> None:
    grid = table({"architecture": A, "learning_rate": B}, lambda cell: 0.1, 100)
    lucky = table({"init": ("he_normal",), "architecture": A[:1], "learning_rate": B[:1]}, lambda cell: 1.0, 100)
    found = explain(write(pd.concat([grid, lucky]), tmp_path))
    assert all("he_normal" not in change.label for change in found.changes.get(1, ()))


def test_a_random_sample_is_cut_into_ranges(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    rates, others = ([repr(float(x)) for x in rng.uniform(0.01, 10, 300)] for _ in range(2))
    parts = [table({"learning_rate": (r,)}, lambda cell: float(cell["learning_rate"]) / 12, 20) for r in rates]
    frame = pd.concat(parts)
    frame.insert(2, "momentum", np.repeat(others, 20))
    found = explain(write(frame, tmp_path), axes=["learning_rate", "momentum"])
    by_name = {report.factor.name: report for report in found.factors}
    assert by_name["learning_rate"].how == RANGES
    assert by_name["learning_rate"].explained > 0.8
    assert by_name["momentum"].explained < 0.05
    assert " to " in by_name["learning_rate"].best.value
    assert found.changes == {}
    assert "estimate from ranges of values" in " ".join(text_of(found).split())


# --- factors


def test_columns_that_follow_from_others_are_no_axes(tmp_path: Path) -> None:
    runs = runs_of(table(AXES, additive, 5), tmp_path)
    assert {factor.name for factor in runs.factors} == set(AXES)


def test_keys_that_advance_together_are_one_axis(tmp_path: Path) -> None:
    frame = table({"learning_rate": B}, additive_rate, 20)
    frame["epochs"] = frame.learning_rate.map({"0.1": "1000", "1.0": "100", "10.0": "10"})
    runs = load_runs(write(frame, tmp_path), ["learning_rate", "epochs"])
    (factor,) = runs.factors
    assert factor.name == "learning_rate & epochs"
    assert factor.label(0) == "learning_rate 0.1, epochs 1000"


def additive_rate(cell: Cell) -> float:
    return 0.2 + 0.3 * B.index(cell["learning_rate"])


def test_the_values_of_an_axis_of_numbers_ascend(tmp_path: Path) -> None:
    runs = runs_of(table({"learning_rate": ("10.0", "0.1", "2.0")}, lambda cell: 0.5, 4), tmp_path)
    assert runs.factors[0].values == (("0.1",), ("2.0",), ("10.0",))


def test_settings_of_optimizers_and_what_else_follows_from_other_keys_is_known_by_name() -> None:
    from runner.ops import SCHEDULED, SETTINGS

    assert set(DERIVED) == {*SETTINGS, *SCHEDULED, "bias_learning_rate", "weight_decay", "order", "evaluate_every"}


def test_a_key_that_differs_in_one_cell_is_told_beside_its_value(tmp_path: Path) -> None:
    grid = table({"architecture": A}, lambda cell: 0.5, 40)
    extra = table({"architecture": ("2-9-1",), "scaling": ("minmax",)}, lambda cell: 1.0, 40)
    found = explain(write(pd.concat([grid.assign(scaling="none"), extra]), tmp_path), axes=["architecture"])
    assert [report.factor.name for report in found.factors] == ["architecture"]
    assert found.best.label == "architecture 2-9-1, scaling minmax"
    # A cell that differs in another key too is no counterpart.
    assert all(change.saved.hits == 0 or "2-9-1" not in change.label for change in found.changes.get(1, ()))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ()),
        ("none", ()),
        ("[]", ()),
        ("ascent", ("ascent",)),
        ("[ascent, round_sums(10)]", ("ascent", "round_sums(10)")),
        ("[a(1, 2), b]", ("a(1, 2)", "b")),
    ],
)
def test_names_of_faults(text: str, names: tuple[str, ...]) -> None:
    assert fault_names(text) == names


FAULTS = ("ascent", "early", "rounding")


def ablation(seeds: int, rate: Callable[[frozenset[str]], float]) -> pd.DataFrame:
    """All sets of three faults."""
    sets = [c for n in range(4) for c in itertools.combinations(FAULTS, n)]
    texts = tuple(f"[{', '.join(c)}]" if c else "none" for c in sets)
    return table({"faults": texts}, lambda cell: rate(frozenset(fault_names(cell["faults"]))), seeds)


def test_an_ablation_tells_which_fault_kills(tmp_path: Path) -> None:
    def rate(faults: frozenset[str]) -> float:
        return 0.0 if "ascent" in faults else 0.9

    found = explain(write(ablation(200, rate), tmp_path))
    assert [report.factor.name for report in found.factors] == list(FAULTS)
    said = " ".join(answer(found))
    assert "between the 8 settings, 100% come from ascent alone. early and rounding hardly matter: at most 2%" in said
    assert "with without" not in said
    assert "Whatever else is set, no run converges with ascent." in said
    assert found.changes[1][0].label == "without ascent"


def test_faults_that_mask_each_other_have_to_be_mended_together(tmp_path: Path) -> None:
    def rate(faults: frozenset[str]) -> float:
        return 0.9 if not faults & {"ascent", "early"} else 0.0

    found = explain(write(ablation(200, rate), tmp_path))
    assert sorted(found.changes) == [1, 2]
    (best,) = found.changes[2]
    assert best.label == "without ascent, without early"
    # The seeds that fail with both mended are not saved, and their runs there could not be changed at all.
    frame = ablation(200, rate)
    lost = frame[~frame.converged & ~frame.faults.str.contains("ascent|early")]
    assert best.counterparts == (~frame.converged).sum() - len(lost)
    assert best.saved.hits == best.counterparts - 3 * len(lost)
    said = " ".join(answer(found))
    assert "No single change saves half of them (the best, without " in said
    assert "The best 2 changes at once are without ascent, without early: " in said


# --- what helps


def test_changes_count_the_same_seeds(tmp_path: Path) -> None:
    frame = table(AXES, additive, 100, common=False)
    runs = runs_of(frame, tmp_path)
    found = changes(runs)
    failed = frame[~frame.converged]
    for change in itertools.chain.from_iterable(found.values()):
        hits = count = 0
        new = settings_of(change)
        there = frame.set_index([*AXES, "seed"]).converged.to_dict()
        for row in failed[[*AXES, "seed"]].itertuples(index=False, name=None):
            cell = dict(zip(AXES, row[:-1], strict=True))
            if all(cell[key] == value for key, value in new.items()):
                continue
            if int(new.get("epochs", "1000")) < int(cell["epochs"]):
                continue
            count += 1
            hits += there[*({**cell, **new}.values()), row[-1]]
        assert (change.saved.hits, change.counterparts, change.saved.runs) == (hits, count, len(failed))


def test_cost_is_epochs_times_parameters(tmp_path: Path) -> None:
    def rate(cell: Cell) -> float:
        return 0.95 if cell["epochs"] == "100" else 0.05

    found = changes(runs_of(table({"epochs": C}, rate, 200), tmp_path))
    (change,) = found[1]
    assert (change.label, change.cost) == ("epochs 100", pytest.approx(10.0))
    assert change.saved.hits / change.counterparts == pytest.approx(0.947, abs=0.03)


def test_costly_changes_that_save_no_more_are_left_out() -> None:
    candidates = [(1.0, 0.5, "a"), (1.0, 0.7, "b"), (2.0, 0.7, "c"), (3.0, 0.705, "d"), (0.5, 0.1, "e")]
    assert cheapest_first(candidates) == ["e", "b", "d"]
    assert cheapest_first([]) == []
    assert len(cheapest_first([(float(i), i / 30, i) for i in range(30)])) == 6


def test_large_tables_are_counted_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = runs_of(table(AXES, additive, 60), tmp_path)
    whole = {size: [change.as_json() for change in some] for size, some in changes(runs).items()}
    monkeypatch.setattr("runner.analysis.explain.counterfactuals._MOST_TABLE", 100)
    parts = {size: [change.as_json() for change in some] for size, some in changes(runs).items()}
    assert parts == whole


def test_the_interval_of_a_change_knows_about_common_seeds(tmp_path: Path) -> None:
    def rate(cell: Cell) -> float:
        return 0.5 if cell["epochs"] == "100" else 0.0

    (change,) = changes(runs_of(table(AXES, rate, 50), tmp_path))[1]
    # Nine cells on 50 seeds that fare alike are 50 draws, not 450.
    assert change.counterparts == 450
    assert change.saved.high - change.saved.low > 0.2


def test_the_cheapest_of_the_best_cells(tmp_path: Path) -> None:
    best = best_cell(runs_of(table(AXES, lambda cell: 1.0, 10), tmp_path))
    assert best.label == "architecture 2-2-1, learning_rate 0.1, epochs 10"


# --- one run


def test_one_run_and_what_saves_its_seed(tmp_path: Path) -> None:
    def rate(cell: Cell) -> float:
        return 0.95 if cell["learning_rate"] == "10.0" else 0.1

    frame = table(AXES, rate, 100)
    failed = frame[~frame.converged & (frame.learning_rate == "0.1")].iloc[3]
    found = explain(write(frame, tmp_path), failed.run_id)
    assert found.run is not None
    assert (found.run.seed, found.run.outcome, found.run.converged) == (str(failed.seed), "stuck", False)
    cell = frame[frame.cell_id == failed.cell_id]
    assert found.run.same_settings.hits == cell.converged.sum()
    saving = frame.set_index([*AXES, "seed"]).converged
    for change in found.run.changes:
        new = settings_of(change)
        settings = {**{key: failed[key] for key in AXES}, **new}
        assert saving[*settings.values(), failed.seed]
    if found.run.changes:
        assert [change.label for change in found.run.changes] == ["learning_rate 10"]
        seeds = set(cell[~cell.converged].seed)
        assert found.run.changes[0].saved.runs == len(seeds)
    said = " ".join(answer(found))
    assert "it was not bad luck but the settings." in said
    json.dumps(as_json(found, answer(found)), allow_nan=False)


def test_a_run_that_converged_needs_nothing(tmp_path: Path) -> None:
    frame = table(AXES, additive, 50)
    run_id = frame[frame.converged].run_id.iloc[0]
    found = explain(write(frame, tmp_path), run_id)
    assert found.run is not None
    assert found.run.changes == ()
    cell = frame[frame.cell_id == frame[frame.run_id == run_id].cell_id.iloc[0]]
    assert f"{cell.converged.sum()} of the 50 runs with these settings converged (95% " in " ".join(answer(found))


FIELDS = {
    "outcome": "constant_output",
    "initial_loss": "0.5",
    "final_loss": "0.49",
    "best_loss": "0.49",
    "epochs_run": "1000.0",
    "epochs_to_converge": "",
    "output_min": "0.49",
    "output_max": "0.51",
    "output_spread": "0.005",
    "max_error": "0.51",
    "accuracy": "0.75",
    "criterion": "{max_error: 0.5}",
    "weight_norm": "2.0",
    "grad_norm": "0.01",
    "learning_rate": "0.5",
    "optimizer": "sgd",
    "saturation": "0.25",
}


def test_measurements_in_words() -> None:
    assert words(FIELDS) == (
        f"Outcome constant_output: {MEANINGS['constant_output'].what}",
        "The loss went from 0.5 to 0.49: it fell by 2.00%.",
        "It trained for 1,000 epochs and never met the criterion.",
        "Its outputs lie between 0.49 and 0.51; from input to input they vary by 0.005: nearly the same for every "
        "input.",
        "Its largest error is 0.51 and 75% of the samples are on the right side of the middle "
        "(the criterion is max_error: 0.5).",
        "Its weights have length 2 and its gradient 0.01: another full-batch update would move the weights by 0.0025 "
        "of their length.",
        "25% of the hidden units' outputs lie within 1% of their activation's limit.",
    )


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            {"epochs_to_diverge": "0.0", "final_loss": "nan", "initial_loss": "nan"},
            "The loss is not a number before the first update: a value is missing in the data, or far too large.",
        ),
        (
            {"epochs_to_diverge": "12.0", "final_loss": "inf"},
            "The loss began at 0.5 and was no longer finite after 12 epochs.",
        ),
        (
            {"final_loss": "0.75", "best_loss": "0.3"},
            "The loss went from 0.5 to 0.75: it rose by 50.00%; its lowest was 0.3.",
        ),
        ({"epochs_to_converge": "20.0"}, "It trained for 1,000 epochs and met the criterion first after 20."),
    ],
)
def test_other_measurements_in_words(changed: dict[str, str], sentence: str) -> None:
    assert sentence in words(FIELDS | changed)


def test_missing_measurements_are_passed_over() -> None:
    assert words({"outcome": "stuck", "saturation": ""}) == (f"Outcome stuck: {MEANINGS['stuck'].what}",)


# --- what it says


def test_every_outcome_has_a_meaning() -> None:
    assert set(MEANINGS) == set(OUTCOMES)
    for name, meaning in MEANINGS.items():
        assert meaning.what.endswith(".")
        assert bool(meaning.advice) == (name != "converged")


MEANS = "Converged means, at the end of training: every output of every sample within 0.5 of its target."
TRIED = "Tried: architecture 2-2-1, 2-4-1 and 2-8-1; learning_rate 0.1, 1 and 10; epochs 10 and 100."


def test_all_runs_converged(tmp_path: Path) -> None:
    found = explain(write(table(AXES, lambda cell: 1.0, 10), tmp_path))
    assert answer(found) == [
        "All 180 runs converged (18 settings, 10 seeds each).",
        MEANS,
        TRIED,
        "Nothing failed, so there is nothing to mend.",
    ]
    assert "saved" not in text_of(found)


def test_no_run_converged(tmp_path: Path) -> None:
    found = explain(write(table(AXES, lambda cell: 0.0, 10), tmp_path))
    assert answer(found) == [
        "None of the 180 runs converged (18 settings, 10 seeds each).",
        MEANS,
        TRIED,
        "No value of architecture, learning_rate or epochs that was tried helps, alone or with the others.",
        f"180 of the 180 runs (100.0%) ended as stuck. {MEANINGS['stuck'].what}",
    ]
    text_of(found)


def test_a_single_setting_is_a_matter_of_the_seed(tmp_path: Path) -> None:
    found = explain(write(table({}, lambda cell: 0.5, 100), tmp_path))
    assert found.factors == ()
    assert answer(found)[0].endswith("of the 100 runs converged (1 setting, 100 seeds).")
    text_of(found)


def test_broken_data_is_told_from_divergence(tmp_path: Path) -> None:
    frame = table({"data": ("a", "b")}, lambda cell: float(cell["data"] == "a"), 5)
    frame["epochs_to_diverge"] = np.where(frame.data == "b", 0.0, np.nan)
    said = " ".join(answer(explain(write(frame, tmp_path))))
    assert "In 5 runs the loss was infinite or not a number before the first update: look for values of" in said


@pytest.mark.parametrize("seeds", [1, 2, 300])
def test_it_is_plain_text_within_100_columns(tmp_path: Path, seeds: int) -> None:
    long = {"init": (f"uniform(-{'1' * 60}, {'1' * 60})", "normal(0, 1)")}
    found = explain(write(table(AXES | long, interaction, seeds), tmp_path))
    text = text_of(found)
    assert text.isascii()
    assert all(len(line) <= 100 and line == line.rstrip() for line in text.splitlines())
    assert len(text.splitlines()) <= 80


def test_the_whole_of_it(tmp_path: Path) -> None:
    def rate(cell: Cell) -> float:
        return 0.9 if cell["learning_rate"] == "1.0" else 0.2

    frame = table({"learning_rate": ("0.1", "1.0")}, rate, 400)
    text = text_of(explain(write(frame, tmp_path)))
    slow, fast = (frame[frame.learning_rate == value].converged.to_numpy() for value in ("0.1", "1.0"))
    failed, saved = (~frame.converged).sum(), (fast & ~slow).sum()
    assert " ".join(text.split()).startswith(
        f"made {frame.converged.mean():.1%} of the 800 runs converged (2 settings, 400 seeds each). {MEANS} Tried: "
        "learning_rate 0.1 and 1. Of the differences in success rate (the share of runs that converge) between the 2 "
        f"settings, 100% come from learning_rate alone. {failed} runs failed. The best single change is learning_rate "
        f"1: {(~slow).sum()} of the failed runs were also run with that, with the same seed and all else the same, and "
        f"{saved} of these converged, which is {saved / failed:.1%} of all the failed runs (95% interval "
    )
    for heading in ("What became of the 800 runs", "Which settings matter", "How to read this"):
        assert f"\n{heading}\n" in text
    assert "What would have saved the failed runs: one change, cheapest first" in text


def test_json_has_every_number(tmp_path: Path) -> None:
    found = explain(write(table(AXES, additive, 50), tmp_path))
    content = json.loads(json.dumps(as_json(found, answer(found)), allow_nan=False))
    assert content["runs"] == 900
    assert content["grid"] == {"full": True, "cells": 18}
    assert {factor["name"] for factor in content["axes"]} == set(AXES)
    assert content["answer"] == answer(found)
    assert content["changes"]["1"][0]["set"].keys() <= set(AXES)
    assert len(content["interactions"]) == 3


@pytest.mark.parametrize(
    ("cost", "text"), [(1.02, "the same"), (1.5, "1.5 times"), (30.4, "30 times"), (0.5, "0.5 times")]
)
def test_costs_in_words(cost: float, text: str) -> None:
    assert times(cost) == text


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Median(0.46914, 0.46073, 0.47532), "0.469 (0.461 to 0.475)"),
        (Median(0.49960, 0.49914, 0.49992), "0.4996 (0.4991 to 0.4999)"),
        (Median(0.75, 0.75, 0.75), "0.75"),
        (Median(0.5, -math.inf, math.inf), "0.5 (too few runs for an interval)"),
        (Median(2.0, 1.0, math.inf), "2 (1 to no bound)"),
        (Median(math.inf, 1.0, math.inf), "infinite"),
    ],
)
def test_medians_in_words(found: Median, text: str) -> None:
    assert median(found) == text


# --- one setting


def test_a_setting_is_told_by_its_own_pairs(tmp_path: Path) -> None:
    """On average over all else 1.0 is the better rate; at 2-2-1 and 10 epochs it is the worse one."""

    def rate(cell: Cell) -> float:
        here = cell["architecture"] == "2-2-1" and cell["epochs"] == "10"
        return {"0.1": 0.9, "1.0": 0.1}[cell["learning_rate"]] if here else float(cell["learning_rate"] == "1.0")

    axes = {"architecture": ("2-2-1", "2-4-1"), "learning_rate": ("0.1", "1.0"), "epochs": ("10", "100")}
    path = write(table(axes, rate, 100), tmp_path)
    found = runner.explain(path, at={"architecture": (2, 2, 1), "learning_rate": 1, "epochs": 10})
    assert found.cell is not None
    assert found.cell.settings == "architecture 2-2-1, learning_rate 1, epochs 10"
    slow = next(step for step in found.cell.steps if step.factor.name == "learning_rate")
    assert found.cell.helps(slow)
    assert slow.saved > 50 > slow.lost
    assert found.cell.as_json()["changes"][0]["helps"] is True
    worse = runner.explain(path, at=["architecture=2-4-1,learning_rate=1", "epochs=10"]).cell
    assert worse is not None
    assert worse.helping == ()


def test_what_does_not_name_a_setting(tmp_path: Path) -> None:
    path = write(table(AXES, additive, 5), tmp_path)
    with pytest.raises(StudyError) as caught:
        runner.explain(path, at={"learning_rate": 1})
    assert str(caught.value) == (
        "at: expected one setting; say also which architecture (2-2-1, 2-4-1, 2-8-1) and epochs (10, 100)"
    )
    with pytest.raises(StudyError, match=r"at: unknown key 'lr'; did you mean 'learning_rate'\?"):
        runner.explain(path, at=["lr=1"])
    with pytest.raises(RunnerError, match=r"no run has learning_rate 2\.0; there are 0\.1, 1\.0, 10\.0"):
        runner.explain(path, at=["learning_rate=2"])
    with pytest.raises(TypeError, match="give one of them"):
        runner.explain(path, "ab", at=["learning_rate=2"])


# --- misuse


def test_a_table_without_rows(tmp_path: Path) -> None:
    path = write(table(AXES, additive, 1).iloc[:0], tmp_path)
    with pytest.raises(RunnerError) as caught:
        explain(path)
    assert str(caught.value) == f"{path} has no rows yet: run the study first"


def test_another_table(tmp_path: Path) -> None:
    path = tmp_path / "iris.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(RunnerError) as caught:
        explain(path)
    assert str(caught.value) == f"{path} is not a table of results: it has no columns run_id, outcome and converged"


def test_a_run_that_is_not_there(tmp_path: Path) -> None:
    frame = table(AXES, additive, 5)
    path = write(frame, tmp_path)
    run_id = str(frame.run_id[0])
    wrong = run_id[:-1] + ("0" if run_id[-1] != "0" else "1")
    with pytest.raises(RunnerError) as caught:
        explain(path, wrong)
    assert str(caught.value) == f"{path} has no run '{wrong}'; did you mean '{run_id}'?"


def test_reports_import_no_kernels() -> None:
    import subprocess
    import sys

    loaded = "any(m.startswith(('runner.kernels', 'numba')) for m in sys.modules)"
    code = f"import sys, runner.analysis.explain.show; print({loaded})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_large_table_takes_seconds(tmp_path: Path) -> None:
    """A hundred thousand rows here; the work grows in proportion."""
    import time

    factors = {"architecture": A, "learning_rate": B, "epochs": C, "init": ("normal(0, 1)", "he_normal")}
    path = write(table(factors, interaction, 2800), tmp_path)
    began = time.monotonic()
    found = explain(path)
    assert len(found.runs) == 100_800
    assert time.monotonic() - began < 10
    assert math.isclose(sum(each.share.hits for each in found.outcomes), len(found.runs))


def test_held_out_samples_that_fail_are_not_called_a_strict_criterion(tmp_path: Path) -> None:
    """Some networks learn all irises that they see, and miss one of those that they do not see."""
    study = runner.study(
        name="tested",
        data="iris",
        target_encoding="one_hot",
        scaling="standardize",
        architecture="4-8-3",
        output="softmax",
        loss="cross_entropy",
        optimizer="adam",
        learning_rate=0.01,
        weight_decay=0.003,
        epochs=2000,
        test={"fraction": 0.2},
        criterion={"test_accuracy": 1},
        replicates=30,
    )
    table = runner.run(study, out=tmp_path).table
    shown = str(runner.explain(table))
    assert "the held-out samples do not meet the criterion" in " ".join(shown.split())
    assert "an earlier stop, such as stop=patience(20)" in " ".join(shown.split())
    assert "more hidden units" not in shown.split("How to read")[0]
    frame = pd.read_csv(table)
    failed = frame[frame.outcome == "mostly_right"].iloc[0]
    told = " ".join(str(runner.explain(table, failed.run_id)).split())
    assert "the held-out samples do not meet the criterion" in told
    assert "patience(20)" in told.rsplit("python -m runner", 1)[1]
    assert "weight_decay" in told.rsplit("python -m runner", 1)[1]
