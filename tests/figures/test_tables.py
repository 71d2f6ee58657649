"""Tables: their numbers are those of pandas, in four formats."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.made_table import ARCHITECTURES, INITS, SEEDS, made
from support.synthetic import table as synthetic
from support.synthetic import write

import runner
from runner.__main__ import main
from runner.figures.tables import FORMATS, Asked, tabulate
from runner.results.reader import EXACTLY


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def runs(folder: Path) -> pd.DataFrame:
    return made(folder)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """Eight of ten, none of ten, and names that mean something to LaTeX and Markdown."""
    frame = synthetic({"init": ["a_b & 50%", "x|$y$"], "epochs": ["10", "100"]}, lambda cell: 0.0, 10)
    hits = (frame["init"] == "a_b & 50%") & (frame["epochs"] == "100") & (frame["seed"] < 8)
    frame["converged"], frame["outcome"] = hits, hits.map({True: "converged", False: "stuck"})
    frame["final_loss"] = -0.25
    return write(frame, tmp_path)


def text(path: Path, form: str, **asked: Any) -> str:
    return FORMATS[form].write(tabulate(path, Asked(**asked)))


def test_the_numbers_are_those_of_pandas(folder: Path, runs: pd.DataFrame) -> None:
    show = ["rate(converged)", "median(epochs_to_converge)", "mean(final_loss)"]
    found = runner.table("made", ["architecture", "learning_rate"], "init", show, {"epochs": 1000}, out=folder)
    chosen = runs[runs["epochs"] == 1000].fillna({"epochs_to_converge": np.inf})
    by = chosen.groupby(["architecture", "learning_rate", "init"])
    expected = {show[0]: by["converged"].mean(), show[2]: by["final_loss"].mean()}
    expected[show[1]] = by["epochs_to_converge"].median()
    assert len(found) == 3 * 3 * 2 * 3
    for line in found.itertuples():
        assert line.value == pytest.approx(expected[line.statistic][line.architecture, line.learning_rate, line.init])
        assert (line.runs, line.seeds) == (SEEDS, SEEDS)
        if line.statistic == "rate(converged)":
            interval = stats.binomtest(round(line.value * SEEDS), SEEDS).proportion_ci(0.95, method="exact")
            assert (line.low, line.high) == pytest.approx((interval.low, interval.high), rel=1e-6)
    assert found["learning_rate"].dtype == float
    merged = found.merge(runs, on=["architecture", "learning_rate", "init"])
    assert len(merged) == len(found) * SEEDS * 2


def test_csv_holds_every_digit(folder: Path, runs: pd.DataFrame) -> None:
    path = folder / "made" / "runs.csv"
    asked: dict[str, Any] = {"rows": ["architecture"], "show": ["converged", "max(final_loss)"]}
    read = pd.read_csv(io.StringIO(text(path, "csv", **asked)), **EXACTLY)
    pd.testing.assert_frame_equal(read, tabulate(path, Asked(**asked)).frame(), check_exact=True)
    largest = read[read["statistic"] == "max(final_loss)"].set_index("architecture")["value"]
    assert largest.to_dict() == runs.groupby("architecture")["final_loss"].max().to_dict()


def test_text(tiny: Path) -> None:
    assert text(tiny, "text", rows=["init"], columns="epochs") == (
        "init                  epochs 10              epochs 100\n"
        "a_b & 50%  0.0% (0.0% to 30.8%)  80.0% (44.4% to 97.5%)\n"
        "x|$y$      0.0% (0.0% to 30.8%)    0.0% (0.0% to 30.8%)\n"
        "\n"
        "rate(converged)\n"
        "40 runs; in brackets 95% intervals\n"
    )


def test_markdown(tiny: Path) -> None:
    assert text(tiny, "markdown", rows=["init"], columns="epochs", where=("epochs=10",)) == (
        "| init | epochs 10 |\n"
        "| --- | ---: |\n"
        "| a\\_b & 50% | 0.0% (0.0% to 30.8%) |\n"
        "| x\\|\\$y\\$ | 0.0% (0.0% to 30.8%) |\n"
        "\n"
        "rate(converged); 20 runs; in brackets 95% intervals\n"
    )


def test_latex(tiny: Path) -> None:
    show = ["converged", "max(final_loss)"]
    assert text(tiny, "latex", rows=["init"], columns="epochs", show=show) == (
        "% 40 runs; in brackets 95% intervals\n"
        "% needs \\usepackage{booktabs}\n"
        "\\begin{tabular}{llrr}\n"
        "\\toprule\n"
        "& & \\multicolumn{2}{c}{epochs} \\\\\n"
        "\\cmidrule(lr){3-4}\n"
        "init & statistic & 10 & 100 \\\\\n"
        "\\midrule\n"
        "a\\_b \\& 50\\% & rate(converged) & 0.0\\% (0.0\\% to 30.8\\%) & 80.0\\% (44.4\\% to 97.5\\%) \\\\\n"
        " & max(final\\_loss) & $-$0.25 & $-$0.25 \\\\\n"
        "x\\textbar{}\\$y\\$ & rate(converged) & 0.0\\% (0.0\\% to 30.8\\%) & 0.0\\% (0.0\\% to 30.8\\%) \\\\\n"
        " & max(final\\_loss) & $-$0.25 & $-$0.25 \\\\\n"
        "\\bottomrule\n"
        "\\end{tabular}\n"
    )


def test_latex_of_what_is_infinite(folder: Path, runs: pd.DataFrame) -> None:
    made_text = text(
        folder / "made" / "runs.csv",
        "latex",
        rows=["epochs"],
        show=["median(epochs_to_converge)"],
        where=("learning_rate=0.1",),
    )
    line = made_text.splitlines()[-4]
    assert line.startswith("100 & ")
    assert "never" in line
    assert "% epochs_to_converge is missing in" in made_text


def test_every_format_has_as_many_columns_in_every_line(folder: Path, runs: pd.DataFrame) -> None:
    path = folder / "made" / "runs.csv"
    asked: dict[str, Any] = {"rows": ["architecture", "epochs"], "columns": "init", "show": ["converged", "final_loss"]}
    lines = text(path, "latex", **asked).splitlines()
    body = lines[lines.index("\\midrule") + 1 : -2]
    assert len(body) == 3 * 2 * 2
    assert {line.count(" & ") + line.startswith(" & ") * 0 for line in body} == {4}
    markdown = [line for line in text(path, "markdown", **asked).splitlines() if line.startswith("|")]
    assert {line.count("|") for line in markdown} == {6}
    table = text(path, "text", **asked).split("\n\n")[0].splitlines()
    assert len({len(line) for line in table}) == 1


def test_keys_without_columns_have_a_column_for_every_statistic(folder: Path, runs: pd.DataFrame) -> None:
    shown = text(folder / "made" / "runs.csv", "text", rows=["init"], show=["converged", "rate(stuck)"])
    assert shown.splitlines()[0].split() == ["init", "rate(converged)", "rate(stuck)"]
    assert [line.split("  ")[0].strip() for line in shown.splitlines()[1:3]] == list(INITS)
    assert shown.endswith("runs that differ in architecture, learning_rate and epochs are taken together\n")


def test_a_key_that_follows_from_those_shown_is_not_taken_together(folder: Path, tmp_path: Path) -> None:
    """Keys that advance together: each row of the table has one value of both."""
    study = tmp_path / "zipped.yaml"
    study.write_text(
        "data: xor\narchitecture: 2-2-1\nlearning_rate: 1\nepochs: 3\nreplicates: 2\nsweep:\n"
        "  zip:\n    - {optimizer: sgd, learning_rate: 1}\n    - {optimizer: adam, learning_rate: 0.1}\n"
        "    - {optimizer: momentum, learning_rate: 1}\n"
    )
    path = runner.run(study, out=tmp_path / "results")
    by_optimizer = text(Path(path), "text", rows=["optimizer"], show=["converged"])
    assert "taken together" not in by_optimizer
    # Of the rate alone, one value belongs to two optimizers.
    by_rate = text(Path(path), "text", rows=["learning_rate"], show=["converged"])
    assert by_rate.endswith("runs that differ in optimizer are taken together\n")


def test_where_nothing_is_drawn_there_is_no_interval(tmp_path: Path) -> None:
    frame = synthetic({"init": ["[0.5, 0.5]"]}, lambda cell: 1.0, 5)
    shown = text(write(frame, tmp_path), "text", rows=["init"])
    assert shown.splitlines()[1] == "[0.5, 0.5]           100.0%"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"rows": []}, "rows: which key? such as rows=architecture"),
        ({"rows": ["arkitecture"]}, "rows: unknown key 'arkitecture'; did you mean 'architecture'?"),
        ({"rows": ["init"], "columns": "init"}, "init is given twice"),
        ({"rows": ["init"], "show": ["rate(convergd)"]}, "show: expected one of the outcomes "),
        ({"rows": ["init"], "where": ("x=1",)}, "where: unknown key 'x'"),
        ({"rows": ["init"], "confidence": 1.0}, "confidence: expected a number between 0 and 1, found 1"),
    ],
)
def test_what_is_wrong_is_told(folder: Path, runs: pd.DataFrame, asked: dict[str, Any], message: str) -> None:
    with pytest.raises(runner.StudyError) as caught:
        tabulate(folder / "made" / "runs.csv", Asked(**asked))
    assert str(caught.value).startswith(message)


# --- the commands


def test_table_goes_to_the_terminal_or_to_a_file(
    folder: Path, runs: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["table", "made", "--out", str(folder), "--rows", "architecture", "--show", "rate(stuck)"]
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert [line.split()[0] for line in shown.splitlines()[1:4]] == list(ARCHITECTURES)
    for ending, start in (
        (".tex", "% "),
        (".md", "| architecture |"),
        (".csv", "architecture,"),
        (".txt", "architecture "),
    ):
        into = tmp_path / f"made{ending}"
        assert main([*command, "--into", str(into)]) == 0
        assert into.read_text().startswith(start)
        assert capsys.readouterr().out == f"{into}: 864 runs\n"
    assert main([*command, "--into", str(tmp_path / "made.doc")]) == 2
    assert "expected a file that ends in .txt, .md, .tex, .csv, found 'made.doc'" in capsys.readouterr().err
    assert main([*command, "--format", "latx"]) == 2
    assert capsys.readouterr().err == (
        "error: format: expected one of text, markdown, latex, csv, found 'latx'; did you mean 'latex'?\n"
    )
    assert main([*command, "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["rows"][0].keys() == {"architecture", "statistic", "value", "low", "high", "runs", "seeds"}
    assert [row["value"] for row in content["rows"]] == pytest.approx(
        (runs["outcome"] == "stuck").groupby(runs["architecture"]).mean().tolist()
    )


def test_json_of_what_is_infinite_is_a_text(
    folder: Path, runs: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["table", "made", "--out", str(folder), "--rows", "epochs", "--show", "epochs_to_converge"]
    assert main([*command, "--where", "learning_rate=0.1", "--json"]) == 0
    (row, _) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["epochs"], row["value"], row["high"]) == (100, "inf", "inf")


def test_plot_says_what_it_made(
    folder: Path, runs: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    into = tmp_path / "a.pdf"
    command = ["plot", "made", "--out", str(folder), "--x", "learning_rate", "--where", "epochs=100"]
    assert main(command) == 2
    assert capsys.readouterr().err == "error: where to? give --into FILE.pdf, FILE.svg or FILE.png\n"
    assert main([*command, "--into", str(into)]) == 0
    assert capsys.readouterr().out == (
        f"{into}: 432 runs\nruns that differ in architecture and init are taken together\n"
    )
    assert into.read_bytes().startswith(b"%PDF")
    assert main([*command, "--into", str(into), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pooled"] == ["architecture", "init"]
    assert main(["plot", "made", "other", "--x", "init", "--into", str(into)]) == 2
    assert main(["plot", "mode", "--out", str(folder), "--x", "init", "--into", str(into)]) == 2
    assert "did you mean 'made'?" in capsys.readouterr().err


def test_slopes_stand_in_a_table(folder: Path, runs: pd.DataFrame) -> None:
    slope = "slope(log2(mean(final_loss)), log10(learning_rate))"
    found = runner.table(folder / "made", rows=["architecture"], show=[slope, "std(final_loss)"])
    for architecture, part in runs.groupby("architecture"):
        means = part.groupby("learning_rate").final_loss.mean()
        line = stats.linregress(np.log10(means.index), np.log2(means))
        of = found[found.architecture == architecture].set_index("statistic").value
        assert of[slope] == pytest.approx(line.slope)
        assert of["std(final_loss)"] == pytest.approx(part.final_loss.std())


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("init", "normal(0, 1) and xavier_uniform do not differ in numbers only"),
        ("optimizer", "a slope needs two values of the key"),
    ],
)
def test_a_slope_over_what_has_no_places_is_told(folder: Path, runs: pd.DataFrame, key: str, message: str) -> None:
    asked = Asked(["architecture"], show=[f"slope(mean(final_loss), {key})"])
    with pytest.raises(runner.StudyError) as caught:
        tabulate(folder / "made" / "runs.csv", asked)
    assert str(caught.value) == f"slope(mean(final_loss), {key}): {message}"
