"""Claims: what is understood, how sure the numbers are, and what the verdicts say."""

from __future__ import annotations

import io
import json
import math
from fractions import Fraction
from pathlib import Path

import mpmath
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.synthetic import table, write

from runner.analysis.claims.check import check
from runner.analysis.claims.estimate import Values, estimate
from runner.analysis.claims.recorded import recorded_claims
from runner.analysis.claims.show import show
from runner.analysis.claims.verdict import NO_RUNS, Checked, exit_code
from runner.errors import RunnerError, StudyError
from runner.keys.issues import Invalid
from runner.measurements import MEASUREMENTS, OUTCOMES
from runner.results.reader import find_row, read_columns
from runner.statistics.intervals import clopper_pearson, order_ranks, quantile, student_t
from runner.statistics.reading import NUMBERS, UNBOUNDED, read_statistic
from runner.statistics.shares import effective_runs, is_deterministic, share_over_seeds, totals
from runner.studies.claims.expectation import FAILS, HOLDS, UNDECIDED, read_expectation
from runner.studies.claims.grammar import Claim, claims_schema, read_claims
from runner.studies.parser import parse
from runner.studies.tree import located
from runner.terminal import number

RATE = "rate(converged)"


def claim(statistic: str = RATE, expect: str = "> 0.5", **more: object) -> Claim:
    (one,) = read_claims([{"name": "c", "statistic": statistic, "expect": expect, **more}])
    return one


def one(path: Path, statistic: str = RATE, expect: str = "> 0.5", **more: object) -> Checked:
    (checked,) = check(path, [claim(statistic, expect, **more)])
    return checked


# --- numbers against SciPy


@pytest.mark.parametrize(("hits", "n"), [(0, 1), (1, 1), (0, 500), (3, 500), (250, 500), (499, 500), (7, 10**6)])
@pytest.mark.parametrize("confidence", [0.95, 0.99])
def test_clopper_pearson_equals_scipy(hits: int, n: int, confidence: float) -> None:
    expected = stats.binomtest(hits, n).proportion_ci(confidence, method="exact")
    assert clopper_pearson(hits, n, confidence) == pytest.approx((expected.low, expected.high), rel=1e-7)


@pytest.mark.parametrize(("hits", "n"), [(1, 3), (7, 20), (39, 40)])
def test_clopper_pearson_leaves_half_of_the_rest_on_each_side(hits: int, n: int) -> None:
    """By its definition: so rare are so many hits at the lower end, and so few at the upper one."""
    low, high = (Fraction(end) for end in clopper_pearson(hits, n, 0.99))

    def chance(p: Fraction, counts: range) -> float:
        return float(sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in counts))

    assert chance(low, range(hits, n + 1)) == pytest.approx(0.005, rel=1e-12)
    assert chance(high, range(hits + 1)) == pytest.approx(0.005, rel=1e-12)


@pytest.mark.parametrize(("hits", "worth"), [(0.5, 31.7), (12.25, 40.5), (0.01, 300.0)])
def test_clopper_pearson_of_an_effective_number_of_runs(hits: float, worth: float) -> None:
    low, high = clopper_pearson(hits, worth, 0.95)
    assert float(mpmath.betainc(hits, worth - hits + 1, 0, low, regularized=True)) == pytest.approx(0.025, rel=1e-10)
    assert float(mpmath.betainc(hits + 1, worth - hits, 0, high, regularized=True)) == pytest.approx(0.975, rel=1e-10)


def test_nothing_tried_is_no_knowledge() -> None:
    assert clopper_pearson(0, 0, 0.99) == (0.0, 1.0)


@pytest.mark.parametrize("freedom", [1, 2, 9, 99, 9999])
def test_student_t_equals_scipy(freedom: int) -> None:
    assert student_t(0.99, freedom) == pytest.approx(stats.t.ppf(0.995, freedom), rel=1e-9)


@pytest.mark.parametrize("n", [1, 5, 7, 8, 9, 100, 1001])
@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
def test_order_ranks_are_the_narrowest_that_are_sure_enough(n: int, q: float) -> None:
    low, high = order_ranks(n, q, 0.99)
    below = stats.binom(n, q)
    # The k-th value is above the quantile when fewer than k values are below it.
    assert low == 0 or below.cdf(low - 1) <= 0.005
    assert below.cdf(low) > 0.005
    assert high == n + 1 or below.sf(high - 1) <= 0.005
    assert high == 1 or below.sf(high - 2) > 0.005


# --- coverage


@pytest.mark.parametrize("p", [0.002, 0.02, 0.5, 0.98])
def test_a_rate_is_within_its_interval_99_times_of_100(p: float) -> None:
    n = 500
    hits = np.arange(n + 1)
    chance = stats.binom(n, p).pmf(hits)
    inside = [low <= p <= high for low, high in (clopper_pearson(float(k), float(n), 0.99) for k in hits)]
    assert chance[inside].sum() >= 0.99


def test_a_pool_of_cells_on_common_seeds_covers_as_well() -> None:
    rng = np.random.default_rng(1)
    rates, n_seeds, trials = np.array([0.4, 0.45, 0.5, 0.55]), 100, 1500
    inside = naive = 0
    for _ in range(trials):
        hits = (rng.random((n_seeds, 1)) < rates).sum(axis=1).astype(float)
        runs = np.full(n_seeds, 4.0)
        worth = effective_runs(hits, runs, 0.99)
        low, high = clopper_pearson(hits.sum() / runs.sum() * worth, worth, 0.99)
        inside += low <= rates.mean() <= high
        low, high = clopper_pearson(hits.sum(), runs.sum(), 0.99)
        naive += low <= rates.mean() <= high
    assert inside / trials >= 0.985
    # Counting every run as independent would be wrong several times as often as it says.
    assert naive / trials < 0.97


def test_effective_runs_stay_between_seeds_and_runs() -> None:
    runs = np.full(50, 10.0)
    assert effective_runs(np.full(50, 5.0), runs, 0.95) <= 500
    assert effective_runs(np.r_[np.zeros(25), np.full(25, 10.0)], runs, 0.95) == 50
    assert effective_runs(np.zeros(50), runs, 0.95) == 50
    assert effective_runs(np.r_[1.0, np.zeros(49)], np.ones(50), 0.95) == 50
    assert effective_runs(np.array([3.0]), np.array([10.0]), 0.95) == 1


@pytest.mark.parametrize("q", [0.5, 0.9])
def test_a_quantile_is_within_its_interval_99_times_of_100(q: float) -> None:
    rng = np.random.default_rng(2)
    statistic = read_statistic(f"quantile({q}, final_loss)")
    true, inside, trials = stats.expon.ppf(q), 0, 1500
    for _ in range(trials):
        found = estimate(Values(rng.exponential(size=120), np.arange(120), False), statistic)
        inside += found.low <= true <= found.high
    assert inside / trials >= 0.985


def test_a_mean_is_within_its_interval() -> None:
    rng = np.random.default_rng(3)
    statistic, inside, trials = read_statistic("mean(final_loss)"), 0, 1500
    for _ in range(trials):
        luck = np.repeat(rng.normal(size=40), 3)
        found = estimate(Values(luck + rng.normal(size=120), np.repeat(np.arange(40), 3), False), statistic)
        inside += found.low <= 0 <= found.high
    assert 0.98 <= inside / trials <= 1.0


@pytest.mark.parametrize(("statistic", "true"), [("difference(rate(converged))", 0.3), ("ratio(rate(converged))", 2.5)])
@pytest.mark.parametrize("common", [True, False])
def test_a_comparison_is_within_its_interval(tmp_path: Path, statistic: str, true: float, common: bool) -> None:
    rng = np.random.default_rng(4)
    inside, trials = 0, 150
    rates = {"0.5": 0.5, "1.0": 0.2}
    for _ in range(trials):
        frame = table({"learning_rate": tuple(rates)}, lambda cell: rates[cell["learning_rate"]], 200, rng, common)
        found = one(write(frame, tmp_path), statistic, "> 0", where={"learning_rate": 0.5}, versus={"learning_rate": 1})
        inside += found.low <= true <= found.high
    assert inside / trials >= 0.97


def test_a_verdict_is_wrong_at_most_once_in_a_hundred() -> None:
    n, bound = 300, 0.05
    expect = read_expectation(f"< {bound}")
    hits = np.arange(n + 1)
    verdicts = [expect.verdict(*clopper_pearson(float(k), float(n), 0.99)) for k in hits]
    # On the bound itself "holds" is wrong; just below it "fails" is.
    chance = stats.binom(n, bound).pmf(hits)
    assert sum(p for p, verdict in zip(chance, verdicts, strict=True) if verdict == HOLDS) <= 0.005
    assert sum(p for p, verdict in zip(chance, verdicts, strict=True) if verdict == FAILS) <= 0.005


# --- what is understood


@pytest.mark.parametrize("name", OUTCOMES)
def test_every_outcome_has_a_rate(name: str) -> None:
    found = read_statistic(f"rate( {name} )")
    assert (found.name, found.subject, found.text) == ("rate", name, f"rate({name})")


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("form", ["median", "mean", "min", "max"])
def test_every_number_has_its_statistics(name: str, form: str) -> None:
    assert read_statistic(f"{form}({name})").column == name
    assert read_statistic(f"ratio({form}({name}))").comparison == "ratio"


def test_columns_that_count_as_infinite_exist() -> None:
    assert {column.name for column in MEASUREMENTS} > UNBOUNDED


FORMS = (
    "rate(OUTCOME), median(COLUMN), quantile(Q, COLUMN), mean(COLUMN), std(COLUMN), harmonic_mean(COLUMN), "
    "min(COLUMN), max(COLUMN), per_success(epochs_run), peak_efficiency(COLUMN), best_limit(COLUMN), "
    "efficient_from(COLUMN), efficient_to(COLUMN), slope(STATISTIC, KEY), box_dimension(OUTCOME, KEY, KEY), "
    "ratio(STATISTIC or COLUMN), "
    "difference(STATISTIC or COLUMN)"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (3, "expected a statistic such as rate(OUTCOME), found 3"),
        ("rat(converged)", f"expected one of {FORMS}, found 'rat(converged)'; did you mean 'rate'?"),
        ("converged", f"expected one of {FORMS}, found 'converged'"),
        (
            "rate(convergd)",
            f"expected one of the outcomes {', '.join(OUTCOMES)}, found 'convergd'; did you mean 'converged'?",
        ),
        ("median(final_los)", "unknown column 'final_los'; did you mean 'final_loss'?"),
        ("median(stuck)", "'stuck' is an outcome, not a column of numbers: use rate(stuck)"),
        ("median(a, b)", "expected one name in median(...), found 'a, b'"),
        (
            "quantile(mse)",
            "expected quantile(Q, COLUMN) such as quantile(0.9, final_loss), found 'quantile(mse)'",
        ),
        ("quantile(90, final_loss)", "expected a quantile between 0 and 1, found '90'"),
        (
            "ratio(ratio(final_loss))",
            "expected rate, median, quantile, mean, std, harmonic_mean, min, max, per_success, peak_efficiency, "
            "best_limit, efficient_from, efficient_to or a column in ratio(...), found 'ratio(final_loss)'",
        ),
        ("ratio(finalloss)", "unknown column 'finalloss'; did you mean 'final_loss'?"),
        ("sd(final_loss)", f"expected one of {FORMS}, found 'sd(final_loss)'; did you mean 'std'?"),
        ("per_success(final_loss)", "expected per_success of epochs_run, found 'final_loss'"),
        ("best_limit(mse)", "expected best_limit of epochs_to_converge or updates_to_converge, found 'mse'"),
        (
            "slope(mean(mse))",
            "expected slope(STATISTIC, KEY) such as slope(log2(median(epochs_to_converge)), log2(architecture)), "
            "found 'slope(mean(mse))'",
        ),
        ("slope(mean(mse), log2(epoch))", "unknown key 'epoch'; did you mean 'epochs'?"),
        ("slope(log2(mean(ms)), epochs)", "unknown column 'ms'; did you mean 'mse'?"),
        ("median(weight(3))", "expected weight[K] with whole numbers, found 'weight(3)'"),
        (
            "mean(size_ratio(1, 2))",
            "expected size_ratio(LAYER, UNIT, I, J) with whole numbers, found 'size_ratio(1, 2)'",
        ),
    ],
)
def test_a_wrong_statistic_is_told(text: object, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_statistic(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "low", "high", "strict"),
    [
        ("< 0.02", -math.inf, 0.02, True),
        ("<=1e-3", -math.inf, 1e-3, False),
        (" > 40", 40, math.inf, True),
        (">= -1", -1, math.inf, False),
        ("0.1 to 0.2", 0.1, 0.2, False),
        ("between 8 and 12", 8, 12, False),
    ],
)
def test_an_expectation_is_read(text: str, low: float, high: float, strict: bool) -> None:
    found = read_expectation(text)
    assert (found.low, found.high, found.strict) == (low, high, strict)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (0.5, 'expected a comparison such as "< 0.02", ">= 0.9" or "0.1 to 0.2", found 0.5'),
        ("small", 'expected a comparison such as "< 0.02", ">= 0.9" or "0.1 to 0.2", found \'small\''),
        ("< two", 'expected a comparison such as "< 0.02", ">= 0.9" or "0.1 to 0.2", found \'< two\''),
        ("2 to 1", "expected the smaller bound first, found '2 to 1'"),
        ("> 95", "expected a number from 0 to 1 for a rate, found 95"),
        ("< 0", "no rate is < 0"),
        ("> 1", "no rate is > 1"),
    ],
)
def test_a_wrong_expectation_is_told(text: object, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_expectation(text, (0.0, 1.0))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "low", "high", "verdict"),
    [
        ("< 0.02", 0.0, 0.019, HOLDS),
        ("< 0.02", 0.0, 0.02, UNDECIDED),
        ("<= 0.02", 0.0, 0.02, HOLDS),
        ("< 0.02", 0.02, 0.1, FAILS),
        ("<= 0.02", 0.02, 0.1, UNDECIDED),
        ("<= 0.02", 0.021, 0.1, FAILS),
        ("> 5", 6.0, math.inf, HOLDS),
        ("> 5", -math.inf, 4.0, FAILS),
        ("< 5", 7.0, math.inf, FAILS),
        ("1 to 2", 1.0, 2.0, HOLDS),
        ("1 to 2", 0.5, 1.5, UNDECIDED),
        ("1 to 2", 0.5, 2.5, UNDECIDED),
        ("1 to 2", 2.1, math.inf, FAILS),
        ("1 to 2", math.nan, math.nan, UNDECIDED),
    ],
)
def test_a_verdict_needs_the_whole_interval(text: str, low: float, high: float, verdict: str) -> None:
    assert read_expectation(text).verdict(low, high) == verdict


STUDY = """\
claims:
  - name: first
    where: {learning_rat: 0.5, epochs: ten, architecture: [2-4-1, 2]}
    statistic: rate(stuk)
    expect: "> 0.5"
  - statistic: rate(converged)
    expect: "< 20"
    were: {}
  - 17
  - name: first
    statistic: ratio(final_loss)
    expect: "> 1"
    source: 5
  - name: fourth
    statistic: max(final_loss)
    versus: {seed: 1}
    expect: 3
"""


def test_every_fault_of_a_list_of_claims_is_told_with_its_place() -> None:
    tree, problems = parse(STUDY, "s.yaml")
    assert not problems
    with pytest.raises(Invalid) as caught:
        read_claims(tree.value["claims"])
    told = [str(located(issue.under("claims"), tree)) for issue in caught.value.issues]
    assert told == [
        "s.yaml:3:13: where: unknown key 'learning_rat'; did you mean 'learning_rate'?",
        "s.yaml:3:40: where: epochs: expected a whole number from 1 to 1,000,000,000,000, found 'ten'",
        "s.yaml:3:67: where: architecture: expected at least two layer sizes such as 2-4-1, found 1",
        f"s.yaml:4:16: statistic: expected one of the outcomes {', '.join(OUTCOMES)}, found 'stuk'"
        "; did you mean 'stuck'?",
        "s.yaml:8:5: claims: unknown key 'were'; did you mean 'where'?",
        "s.yaml:6:5: claims: name is missing",
        "s.yaml:7:13: expect: expected a number from 0 to 1 for a rate, found 20",
        "s.yaml:9:5: claims: expected a mapping, found 17",
        "s.yaml:13:13: source: expected a text, found 5; put it in quotes",
        "s.yaml:10:5: claims: versus is missing: ratio compares the runs of where with others",
        's.yaml:17:13: expect: expected a comparison such as "< 0.02", ">= 0.9" or "0.1 to 0.2", found 3',
        "s.yaml:16:5: versus: only ratio and difference compare two selections, max(final_loss) does not",
    ]


def test_two_claims_of_one_name_are_told_apart() -> None:
    twice = [{"name": "a", "statistic": RATE, "expect": "> 0"}] * 2
    with pytest.raises(Invalid, match=r"^name: another claim is named 'a'$"):
        read_claims(twice)


@pytest.mark.parametrize("value", [{}, "x", 3])
def test_claims_are_a_list(value: object) -> None:
    with pytest.raises(Invalid, match=r"^claims: expected a list of claims, found "):
        read_claims(value)


def test_the_schema_names_every_field() -> None:
    item = claims_schema()["items"]
    assert set(item["properties"]) == {
        *("name", "where", "versus", "statistic", "expect", "source", "published", "tolerance")
    }
    json.dumps(item)


# --- tables


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    """Two learning rates by two widths on 400 common seeds, with times and losses."""
    rates = {"0.1": 0.05, "1.0": 0.9}
    frame = table(
        {"architecture": ("2-2-1", "2-8-1"), "learning_rate": ("0.1", "1.0")},
        lambda cell: rates[cell["learning_rate"]] + 0.05 * (cell["architecture"] == "2-8-1"),
        400,
    )
    speed = frame.learning_rate.map({"0.1": 10.0, "1.0": 1.0})
    frame["epochs_to_converge"] = np.where(frame.converged, speed * (100 + frame.seed), np.nan)
    frame["final_loss"] = np.where(frame.converged, 0.01, 0.5) + frame.seed * 1e-4
    frame["accuracy"] = np.where(frame.converged, 1.0, 0.75)
    return write(frame, tmp_path)


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path)


@pytest.mark.parametrize(
    ("where", "query"),
    [
        ({"learning_rate": 1}, "learning_rate == 1"),
        ({"learning_rate": [0.1, 1.0]}, "learning_rate > 0"),
        ({"architecture": [2, 8, 1], "learning_rate": 0.1}, "architecture == '2-8-1' and learning_rate == 0.1"),
        ({"seed": [0, 1, 2, 3, 5, 8, 13, 21]}, "seed in [0, 1, 2, 3, 5, 8, 13, 21]"),
        ({"outcome": "stuck"}, "outcome == 'stuck'"),
        ({"converged": True}, "converged"),
        ({"accuracy": 0.75}, "accuracy == 0.75"),
        ({"init": "normal(0,1)"}, "seed >= 0"),
        ({"criterion": {"max_error": 0.5}}, "seed >= 0"),
        ({}, "seed >= 0"),
    ],
)
def test_where_selects_as_pandas_does(grid: Path, where: dict[str, object], query: str) -> None:
    rows = read(grid).query(query)
    found = one(grid, where=where)
    assert (found.runs, found.seeds) == (len(rows), rows.seed.nunique())
    assert found.estimate == pytest.approx(rows.converged.mean())


def test_a_rate_of_one_cell_has_the_exact_interval(grid: Path) -> None:
    rows = read(grid).query("learning_rate == 0.1 and architecture == '2-2-1'")
    found = one(grid, expect="< 0.2", where={"learning_rate": 0.1, "architecture": "2-2-1"})
    expected = stats.binomtest(int(rows.converged.sum()), len(rows)).proportion_ci(0.99, method="exact")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.verdict == HOLDS
    assert found.more is None


def test_never_reached_is_infinite_for_quantiles_and_left_out_of_means(grid: Path) -> None:
    where = {"learning_rate": 0.1, "architecture": "2-2-1"}
    rows = read(grid).query("learning_rate == 0.1 and architecture == '2-2-1'")
    n = int(rows.epochs_to_converge.isna().sum())
    found = one(grid, "median(epochs_to_converge)", "> 1000", where=where)
    assert (found.estimate, found.low, found.high, found.verdict) == (math.inf, math.inf, math.inf, HOLDS)
    assert found.notes == (f"epochs_to_converge is missing in {n} runs, which count as infinite",)
    found = one(grid, "mean(epochs_to_converge)", "> 100", where=where)
    assert found.estimate == pytest.approx(rows.epochs_to_converge.mean())
    assert found.notes[0] == f"epochs_to_converge is missing in {n} runs, which are left out"
    assert one(grid, "max(epochs_to_converge)", "< 1e9", where=where).verdict == FAILS
    assert one(grid, "min(epochs_to_converge)", "< 1e9", where=where).verdict == HOLDS


def test_a_median_lies_between_two_of_the_values(grid: Path) -> None:
    where = {"learning_rate": 1, "architecture": "2-8-1"}
    values = np.sort(read(grid).query("learning_rate == 1 and architecture == '2-8-1'").final_loss.to_numpy())
    found = one(grid, "median(final_loss)", "< 1", where=where)
    low, high = order_ranks(400, 0.5, 0.99)
    assert found.estimate == pytest.approx(np.median(values))
    assert (found.low, found.high) == (values[low - 1], values[high - 1])


@pytest.mark.parametrize("q", [0.1, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("n", [1, 2, 5, 10, 101])
def test_quantiles_equal_numpy(q: float, n: int) -> None:
    values = np.sort(np.random.default_rng(n).normal(size=n))
    assert quantile(values, q) == pytest.approx(np.quantile(values, q, method="averaged_inverted_cdf"))


def test_a_ratio_is_the_median_over_pairs_with_the_same_seed(grid: Path) -> None:
    frame = read(grid)
    found = one(
        grid, "ratio(epochs_to_converge)", "9 to 11", where={"learning_rate": 0.1}, versus={"learning_rate": 1.0}
    )
    wide = frame.pivot(index=["architecture", "seed"], columns="learning_rate", values="epochs_to_converge")
    both = wide.fillna(np.inf)
    with np.errstate(all="ignore"):
        pairs = (both[0.1] / both[1.0]).dropna()
    assert found.estimate == pytest.approx(np.median(pairs))
    assert found.runs == len(pairs)
    silent = int((both == np.inf).all(axis=1).sum())
    assert f"{silent} pairs in which both are infinite or zero say nothing and are left out" in found.notes


def test_a_difference_of_a_column_is_paired(grid: Path) -> None:
    found = one(
        grid,
        "difference(final_loss)",
        "> -0.1",
        where={"learning_rate": 1, "architecture": "2-8-1"},
        versus={"learning_rate": 0.1, "architecture": "2-8-1"},
    )
    assert found.estimate == pytest.approx(-0.49)
    assert (found.runs, found.verdict) == (400, FAILS)


def test_pairing_makes_a_difference_of_rates_surer(tmp_path: Path) -> None:
    axes, rate = {"learning_rate": ("0.1", "1.0")}, {"0.1": 0.5, "1.0": 0.55}
    sure = write(table(axes, lambda cell: rate[cell["learning_rate"]], 400), tmp_path, "a")
    unsure = write(table(axes, lambda cell: rate[cell["learning_rate"]], 400, common=False), tmp_path, "b")
    sides = {"where": {"learning_rate": 1}, "versus": {"learning_rate": 0.1}}
    paired, apart = (one(path, "difference(rate(converged))", "> 0", **sides) for path in (sure, unsure))
    assert paired.high - paired.low < 0.6 * (apart.high - apart.low)
    assert paired.verdict == HOLDS


@pytest.mark.parametrize(
    ("more", "note"),
    [
        ({"where": {"learning_rate": 7}}, "no run has learning_rate 7.0; there are 0.1, 1.0"),
        ({"where": {"architecture": "3-1"}}, "no run has architecture 3-1; there are 2-2-1, 2-8-1"),
        ({"where": {"outcome": "diverged"}}, "no run has outcome diverged; there are stuck, converged"),
        ({"where": {"seed": 4000}}, "no run has seed 4000"),
        ({"where": {"outcome": "stuck", "converged": True}}, "these values never occur together"),
        (
            {"statistic": "ratio(final_loss)", "versus": {"optimizer": "adam"}},
            "versus: no run has optimizer adam; there is sgd",
        ),
        (
            {"statistic": "ratio(final_loss)", "where": {"seed": 1}, "versus": {"seed": 2}},
            "where and versus have no seed in common",
        ),
    ],
)
def test_a_claim_about_runs_that_there_are_not(grid: Path, more: dict[str, object], note: str) -> None:
    found = one(grid, expect="> 0.1", **{"statistic": RATE, **more})
    assert (found.verdict, found.notes) == (NO_RUNS, (note,))
    assert (exit_code([found]), exit_code([found], partial=True)) == (1, 0)


def test_an_ambiguous_pair_is_refused(grid: Path) -> None:
    both = {"architecture": ["2-2-1", "2-8-1"]}
    found = one(grid, "ratio(final_loss)", "> 1", where=both, versus=both)
    assert found.notes == ("where selects up to 2 runs for one partner; name more keys in it",)


def test_how_many_more_replicates_would_decide(tmp_path: Path) -> None:
    def path(seeds: int) -> Path:
        frame = table({}, lambda cell: 0.5, seeds)
        frame["converged"] = np.arange(seeds) % 10 < 9
        frame["outcome"] = np.where(frame.converged, "converged", "stuck")
        return write(frame, tmp_path, str(seeds))

    few = one(path(100), expect="> 0.85")
    assert (few.verdict, few.estimate) == (UNDECIDED, 0.9)
    assert few.more is not None
    about = float(f"{few.more:.2g}")
    assert few.notes == (f"about {about:,.0f} more replicates would decide it (100 seeds so far)",)
    enough = 10 * math.ceil((100 + few.more) / 10)
    assert one(path(enough), expect="> 0.85").verdict == HOLDS
    assert one(path(enough - 60), expect="> 0.85").verdict == UNDECIDED
    on_it = one(path(100), expect="> 0.9")
    assert on_it.more is None
    assert on_it.notes == ("no number of replicates would decide it while the estimate is on the bound",)


def test_a_zero_rate_tells_how_many_replicates_a_small_bound_needs(tmp_path: Path) -> None:
    path = write(table({}, lambda cell: 0.0, 100), tmp_path)
    found = one(path, expect="< 0.01")
    # 0 of n is surely below 0.01 from n = log(0.005) / log(0.99) on.
    assert found.more == pytest.approx(math.log(0.005) / math.log(0.99) - 100, abs=2)
    assert one(write(table({}, lambda cell: 0.0, 528), tmp_path), expect="< 0.01").verdict == HOLDS


def test_runs_without_chance_need_no_replicates(tmp_path: Path) -> None:
    axes = {"init": ("[0.3, -0.1]", "[0.5, 0.5]"), "learning_rate": ("0.1", "0.2")}
    frame = table(axes, lambda cell: float(cell["init"] == "[0.3, -0.1]"), 1)
    path = write(frame, tmp_path)
    found = one(path, expect=">= 1", where={"init": [[0.3, -0.1]]})
    assert (found.verdict, found.low, found.high, found.exact) == (HOLDS, 1.0, 1.0, True)
    assert one(path, expect="> 0.5").estimate == 0.5
    assert one(path, expect="> 0.5").verdict == FAILS
    assert one(path, expect="> 0.5", where={"init[1]": -0.1}).verdict == HOLDS


@pytest.mark.parametrize(
    ("init", "bias_init", "order", "fixed"),
    [
        ("zeros", "constant(1)", "sequential", True),
        ("[1]", "zeros", "sequential", True),
        ("[1]", "zeros", "shuffled", False),
        ("zeros", "uniform(0, 1)", "sequential", False),
        ("he_normal", "zeros", "sequential", False),
    ],
)
def test_what_depends_on_the_seed(init: str, bias_init: str, order: str, fixed: bool) -> None:
    assert is_deterministic([init], [bias_init], [order]) is fixed


def test_csv_data_is_matched_without_its_file(tmp_path: Path) -> None:
    spec = '{csv: a/points.csv, inputs: [x], targets: [y], sha256: "0123456789abcdef"}'
    frame = table({"data": (spec, "xor")}, lambda cell: 0.5, 50)
    path = write(frame, tmp_path)
    found = one(path, where={"data": {"csv": "a/points.csv", "inputs": ["x"], "targets": ["y"]}})
    assert found.runs == 50
    assert one(path, where={"data": {"csv": "b.csv", "inputs": ["x"], "targets": ["y"]}}).verdict == NO_RUNS


def test_missing_values_can_be_selected(tmp_path: Path) -> None:
    frame = table({"target_range": ("", "[0.1, 0.9]")}, lambda cell: 0.5, 20)
    found = one(write(frame, tmp_path), where={"target_range": "none"})
    assert found.runs == 20


def test_a_table_of_another_version_lacks_a_column(grid: Path) -> None:
    with pytest.raises(RunnerError) as caught:
        check(grid, [claim(where={"rule": "backprop"})])
    assert str(caught.value) == f"claim 'c': {grid} has no column rule"


def test_no_claims_read_no_table(tmp_path: Path) -> None:
    assert check(tmp_path / "none.csv", []) == []


def test_it_looks_like_this(grid: Path) -> None:
    claims = read_claims(
        [
            {
                "name": "a small rate needs more time",
                "where": {"learning_rate": 0.1},
                "statistic": RATE,
                "expect": "< 0.2",
                "source": "post 000",
            },
            {"name": "the answer is right", "where": {"learning_rate": 1}, "statistic": RATE, "expect": ">= 0.93"},
            {
                "name": "and it is about ten times as fast, which takes some words to say",
                "where": {"learning_rate": 0.1},
                "versus": {"learning_rate": 1},
                "statistic": "ratio(median(final_loss))",
                "expect": "< 1",
            },
            {"name": "adam", "where": {"optimizer": "adam"}, "statistic": RATE, "expect": "> 0.1"},
        ]
    )
    checked = check(grid, claims)
    stream = io.StringIO()
    show(checked, stream)
    lines = stream.getvalue().splitlines()
    assert all(len(line) <= 100 and line.isascii() and line == line.rstrip() for line in lines)
    assert lines[0].split() == ["claim", "expected", "found", "99%", "interval", "verdict", "source"]
    assert lines[1].split()[:5] == ["a", "small", "rate", "needs", "more"]
    assert lines[2] == "  rate(converged)"
    assert lines[-1] == "4 claims: 1 holds, 1 fails, 1 is undecided, 1 is about runs that there are not"
    assert exit_code(checked) == 1
    json.dumps([each.as_json() for each in checked], allow_nan=False)
    assert checked[3].as_json()["estimate"] is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.012345, "0.01235"), (41.5, "41.5"), (12345.6, "12,346"), (1e12, "1e+12"), (math.inf, "inf")],
)
def test_numbers_have_few_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_a_claim_shows_the_digits_by_which_it_fails(tmp_path: Path) -> None:
    frame = table({}, lambda cell: 1.0, 3).assign(final_loss=0.0078650549, init="zeros")
    path = write(frame, tmp_path)
    checked = check(path, [claim("median(final_loss)", "0.007865055 to 0.01")])
    stream = io.StringIO()
    show(checked, stream)
    (line,) = (line for line in stream.getvalue().splitlines() if line.startswith("c "))
    assert line.split() == ["c", "0.007865055", "to", "0.01", "0.0078650549", "exact", "fails"]


# --- claims of finished studies


def test_claims_are_read_from_the_copy_beside_the_table(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(
        f'name: x\nclaims:\n  - {{name: a, statistic: {RATE}, expect: "> 0.5"}}\n', encoding="utf-8"
    )
    assert [each.name for each in recorded_claims(tmp_path)] == ["a"]
    (tmp_path / "study.yaml").write_text("name: x\n", encoding="utf-8")
    assert recorded_claims(tmp_path) == ()
    (tmp_path / "study.yaml").write_text("name: x\nclaims:\n  - {}\n", encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        recorded_claims(tmp_path)
    path = tmp_path / "study.yaml"
    assert str(caught.value).splitlines()[0] == f"{path}:3:5: claims: name is missing"


def test_results_without_a_copy_of_their_study(tmp_path: Path) -> None:
    with pytest.raises(RunnerError) as caught:
        recorded_claims(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} has no study.yaml: pass the study itself, to check its claims on these results"
    )


# --- reading tables


def test_texts_stay_as_they_are_written(tmp_path: Path) -> None:
    frame = table({"learning_rate": ("1e-07", "1.0", "10.0")}, lambda cell: 0.5, 3)
    columns = read_columns(write(frame, tmp_path), ["learning_rate", "converged"], [])
    assert set(columns.learning_rate.cat.categories) == {"1e-07", "1.0", "10.0"}
    assert set(columns.converged.cat.categories) <= {"True", "False"}


def test_a_row_that_was_cut_off_does_not_count(grid: Path) -> None:
    text = grid.read_text()
    grid.write_text(text + text.splitlines()[5][:-7])
    assert len(read_columns(grid, ["converged"], [])) == 1600


def test_a_run_is_found_by_the_beginning_of_its_identity(grid: Path) -> None:
    frame = read(grid)
    run_id = str(frame.run_id[7])
    number, fields = find_row(grid, run_id)
    assert (number, fields["run_id"], fields["seed"]) == (7, run_id, "7")
    assert find_row(grid, run_id[:10])[0] == 7
    wrong = ("0" if run_id[-1] != "0" else "1") + run_id[1:]
    if not frame.run_id.str.startswith(wrong).any():
        with pytest.raises(RunnerError) as caught:
            find_row(grid, wrong)
        assert str(caught.value) == f"{grid} has no run '{wrong}'; did you mean '{run_id}'?"
    with pytest.raises(RunnerError, match=r"begins with 'a': give more of its 16 digits$"):
        find_row(grid, "a")
    with pytest.raises(RunnerError, match=r"has no run 'xyz'; the first column of the table lists them"):
        find_row(grid, "xyz")


def test_shares_of_nothing() -> None:
    share = share_over_seeds(np.zeros(3), np.zeros(3))
    assert math.isnan(share.rate)
    assert (share.low, share.high) == (0.0, 1.0)
    assert totals(np.array([0, 2, 2]), 4).tolist() == [1, 0, 2, 0]


# --- slopes


def test_a_slope_follows_a_statistic_over_a_key(tmp_path: Path) -> None:
    times = {"parity(2)": 10.0, "parity(3)": 20.0, "parity(4)": 40.0}
    frame = table({"data": tuple(times)}, lambda cell: 1.0, 60)
    noise = np.random.default_rng(0).lognormal(0, 0.3, 60)
    frame["epochs_to_converge"] = frame.data.map(times) * frame.seed.map(dict(enumerate(noise)))
    path = write(frame, tmp_path)
    found = one(path, "slope(log2(median(epochs_to_converge)), data)", "0.9 to 1.1")
    assert (found.estimate, found.verdict, found.runs, found.seeds) == (pytest.approx(1), HOLDS, 180, 60)
    # The same seeds are as fast or slow everywhere: apart, the medians would leave it open by 0.2.
    assert found.high - found.low < 0.05
    straight = one(path, "slope(mean(epochs_to_converge), data)", "> 0", where={"data": ["parity(2)", "parity(4)"]})
    means = frame.groupby("data").epochs_to_converge.mean()
    assert straight.estimate == pytest.approx((means["parity(4)"] - means["parity(2)"]) / 2)
    alone = one(path, "slope(log2(median(epochs_to_converge)), data)", "> 0", where={"data": "parity(2)"})
    assert (alone.verdict, alone.notes) == (NO_RUNS, ("a slope needs two values of the key",))


def test_a_slope_through_what_never_happens_says_so(tmp_path: Path) -> None:
    frame = table({"learning_rate": ("0.1", "1.0")}, lambda cell: 0.1, 20).assign(epochs_to_converge=np.nan)
    found = one(write(frame, tmp_path), "slope(log2(median(epochs_to_converge)), log2(learning_rate))", "< 0")
    assert (found.verdict, found.notes[0]) == (UNDECIDED, "there is no number to compare")
