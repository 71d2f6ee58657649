"""Comparisons: partners as pandas finds them, intervals by the formulas of papers, and how often these hold."""

from __future__ import annotations

import io
import itertools
import json
import math
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.synthetic import digest, table, write

import runner
from runner.__main__ import main
from runner.analysis.compare.comparison import CONFIDENCE, _rates

RATES, EPOCHS, SEEDS = ("0.1", "1.0"), ("100", "1000"), 40


def made(optimizer: str, rates: tuple[str, ...] = RATES, seeds: int = SEEDS, **keys: str) -> pd.DataFrame:
    """A table with measurements, whose luck depends on the seed and on the optimizer."""
    level = {"sgd": 0.4, "adam": 0.6}[optimizer]
    axes = {"learning_rate": rates, "epochs": EPOCHS, "optimizer": (optimizer,)}
    frame = table(axes, lambda cell: level + 0.1 * rates.index(cell["learning_rate"]), seeds)
    rng = np.random.default_rng(len(optimizer))
    noise = rng.exponential(size=len(frame))
    met = frame["converged"].to_numpy(bool)
    numbers = {"epochs_to_converge": np.where(met, np.round(20 * noise), np.nan), "final_loss": noise, "accuracy": 0.75}
    frame = frame.assign(**numbers, **keys)
    identities = frame.drop(columns=["run_id", "cell_id", "seed", "outcome", "converged", *numbers]).astype(str)
    return frame.assign(cell_id=[digest(tuple(row)) for row in identities.to_numpy()])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    write(made("sgd"), folder, "sgd")
    write(made("adam"), folder, "adam")
    write(pd.concat([made("sgd"), made("adam")], ignore_index=True), folder, "both")
    return folder


@pytest.fixture(scope="module")
def pairs(folder: Path) -> pd.DataFrame:
    """The partners of the two studies, as pandas joins them."""
    a, b = (pd.read_csv(folder / name / "runs.csv") for name in ("sgd", "adam"))
    joined = a.merge(b, on=["learning_rate", "epochs", "seed"], suffixes=("_a", "_b"))
    assert len(joined) == 2 * 2 * SEEDS
    return joined


def wilson(hits: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    found = stats.binomtest(int(hits), int(n)).proportion_ci(confidence, "wilson")
    return found.low, found.high


def newcombe(both: int, only_b: int, only_a: int, neither: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Method 10 of Newcombe (1998) for the rate of b less that of a, as the paper writes it."""
    e, f, g, h = both, only_b, only_a, neither
    n = e + f + g + h
    p_b, p_a = (e + f) / n, (e + g) / n
    (low_b, high_b), (low_a, high_a) = (wilson(hits, n, confidence) for hits in (e + f, e + g))
    product = (e + f) * (g + h) * (e + g) * (f + h)
    excess = e * h - f * g
    corrected = excess - n / 2 if excess > n / 2 else 0 if excess >= 0 else excess
    phi = corrected / math.sqrt(product) if product else 0.0
    down = (p_b - low_b) ** 2 - 2 * phi * (p_b - low_b) * (high_a - p_a) + (high_a - p_a) ** 2
    up = (high_b - p_b) ** 2 - 2 * phi * (high_b - p_b) * (p_a - low_a) + (p_a - low_a) ** 2
    return p_b - p_a - math.sqrt(down), p_b - p_a + math.sqrt(up)


def test_rates_are_counted_over_partners(folder: Path, pairs: pd.DataFrame) -> None:
    found = runner.compare("sgd", "adam", out=folder)
    assert (found.pairs, found.seeds, found.n_cells) == (len(pairs), SEEDS, (4, 0, 0))
    assert [(each.key, each.a, each.b) for each in found.apart] == [("optimizer", ("sgd",), ("adam",))]
    rates = found.rates
    assert rates is not None
    a, b = pairs["converged_a"], pairs["converged_b"]
    counts = (a & b).sum(), (a & ~b).sum(), (~a & b).sum(), (~a & ~b).sum()
    assert (rates.both, rates.only_a, rates.only_b, rates.neither) == counts
    assert rates.difference == pytest.approx(b.mean() - a.mean(), rel=1e-12)
    assert rates.low < rates.difference < rates.high


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_one_pair_per_seed_has_newcombes_interval(folder: Path, pairs: pd.DataFrame, confidence: float) -> None:
    where = {"learning_rate": 0.1, "epochs": 100}
    rates = runner.compare("sgd", "adam", where, out=folder, confidence=confidence).rates
    assert rates is not None
    some = pairs.query("learning_rate == 0.1 and epochs == 100")
    a, b = some["converged_a"], some["converged_b"]
    expected = newcombe((a & b).sum(), (~a & b).sum(), (a & ~b).sum(), (~a & ~b).sum(), confidence)
    assert (rates.low, rates.high) == pytest.approx(expected, rel=1e-9)


def test_settings_one_by_one_are_those_of_pandas(folder: Path, pairs: pd.DataFrame) -> None:
    found = runner.compare("sgd", "adam", out=folder)
    by_cell = pairs.groupby(["learning_rate", "epochs"])[["converged_a", "converged_b"]].sum()
    cells = found.cells.astype({"learning_rate": float, "epochs": int}).set_index(["learning_rate", "epochs"])
    assert cells["a"].to_dict() == by_cell["converged_a"].to_dict()
    assert cells["b"].to_dict() == by_cell["converged_b"].to_dict()
    assert (cells["pairs"] == SEEDS).all()
    change = (by_cell["converged_b"] - by_cell["converged_a"]) / SEEDS
    assert [each.difference for each in found.better] == sorted(change[change > 0], reverse=True)[:5]
    best = found.better[0]
    (rate, epochs), *_ = change[change == change.max()].index
    assert best.label == f"learning_rate {rate:g}, epochs {epochs}"
    some = pairs.query(f"learning_rate == {rate} and epochs == {epochs}")
    a, b = some["converged_a"], some["converged_b"]
    expected = newcombe((a & b).sum(), (~a & b).sum(), (a & ~b).sum(), (~a & ~b).sum())
    assert (best.low, best.high) == pytest.approx(expected, rel=1e-9)


def test_medians_are_of_the_differences_within_pairs(folder: Path, pairs: pd.DataFrame) -> None:
    where = {"learning_rate": 0.1, "epochs": 100}
    some = pairs.query("learning_rate == 0.1 and epochs == 100")
    for each in runner.compare("sgd", "adam", where, out=folder).medians:
        x, y = (some[f"{each.column}_{side}"].fillna(np.inf).to_numpy() for side in "ab")
        with np.errstate(invalid="ignore"):
            change = np.sort((y - x)[~np.isnan(y - x)])
        n = len(change)
        assert each.pairs == n
        assert each.difference == pytest.approx(np.median(change), rel=1e-12)
        assert (each.a, each.b) == (np.median(x), np.median(y))
        # Ranks between which a median lies with 95%, by the binomial distribution (order statistics).
        k = int(stats.binom.ppf(0.025, n, 0.5))
        k = k if stats.binom.cdf(k - 1, n, 0.5) <= 0.025 else k - 1
        assert (each.low, each.high) == (change[k - 1], change[n - k])


def test_outcomes_that_changed_are_counted(folder: Path, pairs: pd.DataFrame) -> None:
    found = runner.compare("sgd", "adam", out=folder)
    changed = pairs[pairs["outcome_a"] != pairs["outcome_b"]].value_counts(["outcome_a", "outcome_b"])
    assert {(a, b): n for a, b, n in found.outcomes} == changed.to_dict()


def test_two_parts_of_a_study_are_two_studies(folder: Path) -> None:
    whole = runner.compare("sgd", "adam", out=folder)
    parts = runner.compare("both", where={"optimizer": "sgd"}, versus={"optimizer": "adam"}, out=folder)
    assert parts.rates == whole.rates
    assert parts.medians == whole.medians
    assert (parts.better, parts.worse) == (whole.better, whole.worse)
    # With the sides changed, all is the other way round.
    back = runner.compare("both", where={"optimizer": "adam"}, versus={"optimizer": "sgd"}, out=folder)
    assert back.rates is not None
    assert whole.rates is not None
    assert (back.rates.low, back.rates.high) == pytest.approx((-whole.rates.high, -whole.rates.low), rel=1e-12)
    assert [each.difference for each in back.worse] == [-each.difference for each in whole.better]


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """With several settings per seed, whose luck is the seed's: 95% of the intervals hold the difference of rates."""
    rng = np.random.default_rng(3)
    seeds, levels_a, levels_b = 60, np.array([0.2, 0.5, 0.7]), np.array([0.3, 0.5, 0.9])
    truth, held, n = float((levels_b - levels_a).mean()), 0, 400
    of = np.repeat(np.arange(seeds), 3)
    for _ in range(n):
        luck, own = rng.random(seeds)[:, None], rng.random((seeds, 3)) < 0.3
        a = np.where(own, rng.random((seeds, 3)), luck) < levels_a
        b = np.where(own, rng.random((seeds, 3)), luck) < levels_b
        found = _rates(a.ravel(), b.ravel(), of, exact=False)
        held += found.low <= truth <= found.high
    assert 0.93 <= held / n <= 0.99


def test_what_has_no_partner_is_left_out_and_told(folder: Path, tmp_path: Path) -> None:
    write(made("sgd"), tmp_path, "a")
    b = made("adam", ("1.0", "10.0"), seeds=30)
    write(b, tmp_path, "b")
    found = runner.compare("a", "b", out=tmp_path)
    assert (found.pairs, found.seeds, found.n_cells) == (60, 30, (2, 2, 2))
    text = " ".join(str(found).split())
    assert "learning_rate: 0.1 only in A; 10 only in B." in text
    assert "2 settings in common (2 only in A and 2 only in B, which are left out), 30 seeds" in text


def test_nothing_in_common_is_told_with_the_keys_that_differ(tmp_path: Path) -> None:
    write(made("sgd"), tmp_path, "a")
    write(made("adam", ("5.0", "7.0")), tmp_path, "b")
    found = runner.compare("a", "b", out=tmp_path)
    assert (found.rates, found.medians, found.better, len(found.cells)) == (None, (), (), 0)
    text = " ".join(str(found).split())
    assert "They differ in optimizer (A sgd, B adam)." in text
    assert "learning_rate: 0.1, 1 only in A; 5, 7 only in B." in text
    assert (
        "No run of A has the same settings but for what they differ in as a run of B: nothing can be compared." in text
    )
    assert "They have no value of learning_rate in common" in text
    assert repr(found) == "<Comparison of a and b: 0 pairs, no runs in common>"
    one = runner.compare("a", "b", {"learning_rate": 0.1}, {"learning_rate": 5}, out=tmp_path)
    assert (one.pairs, {each.key for each in one.apart}) == (2 * SEEDS, {"optimizer", "learning_rate"})
    other_seeds = made("adam").assign(seed=lambda frame: frame["seed"] + 1000)
    write(other_seeds, tmp_path, "c")
    assert "They have 4 settings in common, but no seed" in " ".join(
        str(runner.compare("a", "c", out=tmp_path)).split()
    )


def test_what_makes_a_comparison_doubtful_is_told(tmp_path: Path) -> None:
    write(made("sgd"), tmp_path, "a")
    write(made("sgd", criterion="{mse: 0.1}", init="he_normal", bias="none"), tmp_path, "b")
    for name, version in (("a", 2), ("b", 3)):
        (tmp_path / name / "environment.json").write_text(json.dumps({"results_version": version}))
    found = runner.compare("a", "b", out=tmp_path)
    assert {each.key for each in found.apart} == {"criterion", "init", "bias"}
    text = " ".join(str(found).split())
    assert "a holds results of version 2 and b of version 3" in text
    assert "They have not the same criterion" in text
    assert "not the same initial weights: they differ in init" in text
    same = runner.compare("a", "a", out=tmp_path)
    assert same.rates is not None
    assert (same.rates.difference, same.rates.only_a, same.rates.only_b) == (0, 0, 0)
    assert "They have the same values of all keys." in str(same)


def test_a_key_that_only_one_table_has_is_empty_in_the_other(tmp_path: Path) -> None:
    frame = made("sgd")
    write(frame.drop(columns="bias"), tmp_path, "old")
    write(frame, tmp_path, "new")
    (each,) = runner.compare("old", "new", out=tmp_path).apart
    assert (each.key, each.a, each.b) == ("bias", ("",), ("trained",))


def test_without_chance_there_are_no_intervals(tmp_path: Path) -> None:
    weights = {"init": "[0.1, 0.2]", "bias_init": "zeros", "order": "sequential"}
    write(made("sgd", seeds=1, **weights), tmp_path, "a")
    write(made("adam", seeds=1, **weights), tmp_path, "b")
    found = runner.compare("a", "b", out=tmp_path)
    assert found.exact
    assert found.rates is not None
    assert found.rates.low == found.rates.high == found.rates.difference
    assert "exact" in str(found)


def test_several_runs_for_one_partner_are_refused(tmp_path: Path) -> None:
    """A setting that only one of two optimizers has tells no partner, and so must not have two values."""
    write(made("sgd", beta1=""), tmp_path, "sgd")
    write(pd.concat([made("adam", beta1=each) for each in ("0.8", "0.9")]), tmp_path, "adam")
    with pytest.raises(runner.RunnerError, match="2 runs of adam would have the same partner: choose one"):
        runner.compare("sgd", "adam", out=tmp_path)
    found = runner.compare("sgd", "adam", versus={"beta1": 0.9}, where={"learning_rate": [0.1, 1]}, out=tmp_path)
    assert [each.key for each in found.apart] == ["optimizer"]


class Page(HTMLParser):
    """Texts of the cells of all tables, and every element's name."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.names: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.names.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data


def test_the_page_says_what_the_command_says(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    into = tmp_path / "page.html"
    command = ["compare", "sgd", "adam", "--out", str(folder)]
    assert main([*command, "--html", "--into", str(into)]) == 0
    text = capsys.readouterr().out
    assert all(len(line) <= 80 for line in text.splitlines() if str(tmp_path) not in line)
    assert text.startswith(str(runner.compare("sgd", "adam", out=folder)))
    content = into.read_text()
    assert not {"script", "img", "link", "iframe"} & set(Page(content).names)
    assert "http" not in content.replace('http-equiv="Content-Security-Policy"', "")
    shown = " ".join(text.split())
    for cell in Page(content).cells:
        assert " ".join(cell.split("\n")[0].split()) in shown or "learning_rate" in cell
    assert len(content) < 50_000
    assert main([*command, "--html", "-q"]) == 0
    assert (folder / "sgd" / "compare_adam.html").read_text() == content
    assert capsys.readouterr().out == ""


def test_texts_of_a_study_are_no_markup(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    write(made("sgd", data=evil), tmp_path, "a")
    write(made("adam", data='"><b>'), tmp_path, "b")
    assert main(["compare", "a", "b", "--out", str(tmp_path), "--html", "-q"]) == 0
    content = (tmp_path / "a" / "compare_b.html").read_text()
    assert not {"script", "b"} & set(Page(content).names)
    assert "&lt;script&gt;alert(1)" in content


def test_json_has_the_same_numbers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "sgd", "adam", "--out", str(folder), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    found = runner.compare("sgd", "adam", out=folder)
    assert found.rates is not None
    assert content["converged"]["difference"] == found.rates.difference
    assert content["differing"][0] == {"key": "optimizer", "a": ["sgd"], "b": ["adam"]}
    assert content["cells"] == {"in_common": 4, "only_a": 0, "only_b": 0}
    assert [each["column"] for each in content["medians"]] == [each.column for each in found.medians]
    assert content["better"][0]["label"] == found.better[0].label


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sgd"], "compare looks at two studies A B, or at two parts of one, with --where and --versus"),
        (["sgd", "adam", "both"], "compare looks at two studies A B"),
        (["sgd", "adam", "--into", "a.html"], "--into FILE.html is for the page: give --html"),
        (["sgd", "adam", "--into", "a.pdf"], "into: expected a file that ends in .txt, .md, .tex, .csv, found 'a.pdf'"),
        (["sgd", "adam", "--format", "latx"], "format: expected one of text, markdown, latex, csv, found 'latx'"),
        (["sgd", "adam", "--format", "csv", "--html"], "--format is that of a table, and --html writes a page"),
        (["sgd", "adam", "--confidence", "95"], "confidence: expected a number between 0 and 1, found 95"),
        (["sgd", "adam", "--where", "epoch=1"], "where: unknown key 'epoch'; did you mean 'epochs'?"),
        (["sgd", "adam", "--versus", "loss"], "versus: expected key=value, found 'loss'"),
        (["sgd", "madam"], "madam"),
        (["sgd", "adam", "--where", "optimizer=rprop"], "no run has optimizer rprop; there is sgd"),
    ],
)
def test_what_cannot_be_compared_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["compare", *arguments, "--out", str(folder)]) in (1, 2)
    assert message in capsys.readouterr().err


def test_trained_studies_are_compared(tmp_path: Path) -> None:
    """One that the runner has made: partners start from the same weights, and derived keys tell nothing apart."""
    (tmp_path / "s.yaml").write_text(
        "data: xor\narchitecture: 2-2-1\nlearning_rate: 1\nepochs: 300\nreplicates: 20\n"
        "sweep: {grid: {learning_rate: [1, 4], loss: [mse, half_sse]}}\n"
    )
    one = runner.run(tmp_path / "s.yaml", "name=one", out=tmp_path)
    two = runner.run(tmp_path / "s.yaml", "name=two", "optimizer=adam", "learning_rate=[1, 0.1]", out=tmp_path)
    found = runner.compare(one, two)
    assert [each.key for each in found.apart] == ["optimizer"]
    a, b = (pd.read_csv(path) for path in (one, two))
    joined = a.merge(b, on=["learning_rate", "loss", "seed"])
    assert (found.pairs, found.n_cells) == (len(joined), (2, 2, 2))
    assert (joined["initial_loss_x"] == joined["initial_loss_y"]).all()
    assert not found.notes
    assert {*itertools.chain.from_iterable(each.label.split(", ") for each in (*found.better, *found.worse))} <= {
        "learning_rate 1", "loss mse", "loss half_sse",
    }  # fmt: skip


def test_nothing_to_compare_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Several values on one side against another one: the page says what to do, and the exit code that it is wrong."""
    write(made("sgd", ("0.1", "1.0", "3.0")), tmp_path, "a")
    command = [
        "compare",
        "a",
        "--out",
        str(tmp_path),
        "--where",
        "learning_rate=[0.1, 1]",
        "--versus",
        "learning_rate=3",
    ]
    assert main(command) == 2
    shown = capsys.readouterr()
    assert "give one value for each side with where and versus, or values that both have" in " ".join(shown.out.split())
    assert shown.err == "error: nothing is compared: no run of A has a partner in B\n"
    assert main([*command, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["pairs"] == 0
    # Values that both have are compared, and those keys do not tell partners apart.
    assert main([*command[:-1], "learning_rate=[1, 3]"]) == 0
    assert "not the same" not in capsys.readouterr().out


def test_differences_are_a_table_to_paste(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["compare", "sgd", "adam", "--out", str(folder), "--confidence", "0.9"]
    found = runner.compare("sgd", "adam", out=folder, confidence=0.9)
    assert found.rates is not None
    assert main([*command, "--format", "csv"]) == 0
    read = pd.read_csv(io.StringIO(capsys.readouterr().out), index_col="measurement")
    assert read.loc["converged", "difference"] == found.rates.difference
    assert (read.loc["converged", "low"], read.loc["converged", "high"]) == (found.rates.low, found.rates.high)
    for each in found.medians:
        row = read.loc[f"median({each.column})"]
        assert (row.a, row.b, row.difference, row.low, row.high, row.pairs) == (
            *(each.a, each.b, each.difference, each.low, each.high),
            each.pairs,
        )
    assert main([*command, "--into", str(tmp_path / "t.tex")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 't.tex'}: {found.pairs} pairs\n"
    lines = (tmp_path / "t.tex").read_text().splitlines()
    assert r" & A & B & B - A & 90\% interval \\" in lines
    assert all(line.count(" & ") == 4 for line in lines if line.endswith(r"\\"))
    assert not any("∞" in line for line in lines)
    assert main([*command, "--format", "markdown"]) == 0
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in table} == {6}
    assert main([*command, "--format", "text"]) == 0
    assert "90% interval" in capsys.readouterr().out
