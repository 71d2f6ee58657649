"""Tables too large for memory, read in passes: claims, tables and figures say what the same table in memory says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.made_table import made
from support.synthetic import write

from runner.analysis.claims.check import check
from runner.analysis.claims.selection import read_where
from runner.analysis.explain.answer import answer
from runner.analysis.explain.explanation import as_json, explain
from runner.figures import tables
from runner.figures.draw import Asked, plot
from runner.report.content import content_of
from runner.results.convert import write_parts
from runner.statistics import STATISTICS
from runner.statistics.estimate import Values
from runner.statistics.passes import PassedValues, Ranked
from runner.studies.claims.grammar import read_claims

_COLUMNS = ("final_loss", "epochs_to_converge")


def statistics() -> list[str]:
    """Every member of the registry, of every column that the table has for it."""
    found = ["rate(converged)", "rate(stuck)"]
    for member in STATISTICS.values():
        columns = [name for name in _COLUMNS if name in (member.columns or _COLUMNS)] or member.columns[:1]
        q = "0.9, " if member.takes_q else ""
        found += [f"{member.name}({q}{name})" for name in columns if member.of == "COLUMN"]
    return found


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A table in memory, and in parts with many row groups, whose cells are not all of one piece."""
    folder = tmp_path_factory.mktemp("large")
    made(folder)
    rows = pd.read_csv(folder / "made" / "runs.csv", dtype=str, keep_default_na=False)
    rows["updates_to_converge"] = rows["updates_to_converge"].str.removesuffix(".0")
    # Some losses have overflowed, some seeds are in a part of the cells only, and some cells come twice.
    rows.loc[::17, "final_loss"] = "inf"
    rows.loc[5::23, "final_loss"] = ""
    rows = rows[(rows["seed"] != "3") | (rows["architecture"] != "2-3-1")]
    table = write(pd.concat([rows[::2], rows[1::2]]), folder)
    copy = folder / "copy" / "made"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("runner.results.convert.GROUP_ROWS", 150)
        write_parts(table, copy)
    for name in ("environment.json", "curves.csv"):
        (copy / name).write_bytes((table.parent / name).read_bytes())
    return table, copy / "runs"


@pytest.fixture(autouse=True)
def _everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.results.large.MOST_ROWS", 0)
    monkeypatch.setattr("runner.statistics.passes._MOST_HELD", 20)


def claims(*more: dict[str, Any], statistic: str) -> Any:
    """Claims about a statistic."""
    where = {"architecture": "2-2-1"}
    every = [
        {"where": {}},
        {"where": where},
        {"where": {"learning_rate": [0.1, 1.0], "seed": [0, 3, 7]}},
        {"where": {"init": "xavier_uniform", "outcome": "stuck"}},
        {"where": {"architecture": "2-9-1"}},
        *more,
    ]
    return read_claims([{"name": f"{n}", "statistic": statistic, "expect": "> 0.3", **e} for n, e in enumerate(every)])


@pytest.mark.parametrize(
    "statistic",
    [*statistics(), "slope(log2(mean(epochs_run)), log2(epochs))", "box_dimension(converged, epochs, learning_rate)"],
)
def test_claims(both: tuple[Path, Path], statistic: str) -> None:
    asked = claims(statistic=statistic)
    in_memory, in_passes = (check(table, asked) for table in both)
    assert repr(in_passes) == repr(in_memory)


@pytest.mark.parametrize(
    ("comparison", "of"),
    [
        *(("ratio", of) for of in (*statistics()[::2], "final_loss", "epochs_to_converge")),
        *(("difference", of) for of in (*statistics()[1::2], "accuracy", "final_loss")),
    ],
)
def test_claims_that_compare(both: tuple[Path, Path], comparison: str, of: str) -> None:
    sides = [
        {"where": {"architecture": "2-2-1"}, "versus": {"architecture": "2-3-1"}},
        {"where": {"learning_rate": 0.1, "epochs": 100}, "versus": {"learning_rate": 10.0, "epochs": 1000}},
        {"where": {"learning_rate": 0.1, "seed": 1}, "versus": {"learning_rate": 0.1, "seed": 2}},
        {"where": {"learning_rate": [0.1, 1.0]}, "versus": {"learning_rate": 10.0}},
    ]
    asked = read_claims(
        [{"name": f"{n}", "statistic": f"{comparison}({of})", "expect": "> 0.1", **s} for n, s in enumerate(sides)]
    )
    in_memory, in_passes = (check(table, asked) for table in both)
    assert repr(in_passes) == repr(in_memory)


@pytest.mark.parametrize(
    ("rows", "columns", "where"),
    [
        (("architecture",), "learning_rate", ()),
        (("init", "outcome"), None, ("epochs=100",)),
        (("epochs",), "architecture", ("seed=[1, 2, 3]", "outcome=converged")),
    ],
)
def test_tables(both: tuple[Path, Path], rows: tuple[str, ...], columns: str | None, where: tuple[str, ...]) -> None:
    asked = tables.Asked(rows, columns, statistics(), where)
    in_memory, in_passes = (tables.tabulate(table, asked) for table in both)
    assert in_passes == in_memory
    for each in tables.FORMATS.values():
        assert each.write(in_passes) == each.write(in_memory)


FIGURES = [
    Asked("learning_rate", "converged", "architecture", "init"),
    Asked("architecture", "quantile(0.9, final_loss)", "learning_rate", where=("epochs=1000",)),
    Asked("learning_rate", "final_loss", "architecture", kind="heatmap"),
    Asked(None, None, "architecture", "epochs", kind="survival"),
    Asked("updates", None, "learning_rate", kind="survival"),
    Asked("architecture", "epochs_to_converge", "init", kind="distribution"),
    Asked(None, "final_loss", "init", "architecture", kind="distribution"),
]


@pytest.mark.parametrize("asked", FIGURES)
def test_figures(both: tuple[Path, Path], asked: Asked, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    in_memory, in_passes = (plot(table, asked, tmp_path / f"{n}.svg") for n, table in enumerate(both))
    assert (in_passes.runs, in_passes.pooled) == (in_memory.runs, in_memory.pooled)
    assert (tmp_path / "1.svg").read_bytes() == (tmp_path / "0.svg").read_bytes()


def test_figures_of_single_runs_say_how_many_they_can_draw(
    both: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr("runner.results.large.MOST_ROWS", 100)
    asked = Asked(kind="curves", by="learning_rate", y="loss")
    with pytest.raises(
        Exception, match="curves needs all of its runs in memory, and these are 852: choose at most 100"
    ):
        plot(both[1], asked)
    few = Asked(kind="curves", by="learning_rate", y="loss", where={"architecture": "2-2-1", "epochs": 100, "seed": 1})
    assert plot(both[1], few).runs == plot(both[0], few).runs == 6


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=60), st.sampled_from([0, 2, 100]))
def test_any_rank_of_any_numbers(numbers: list[float], most: int) -> None:
    """By NumPy's sort."""
    values = np.array(numbers)

    def read(entries: Any) -> Any:
        for first in range(0, len(values), 7):
            yield Values(values[first : first + 7], np.zeros(len(values[first : first + 7]), int), False)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("runner.statistics.passes._MOST_HELD", most)
        ordered = Ranked(PassedValues(read, np.zeros(1, int), np.zeros(1, int), False))
        assert [ordered[rank] for rank in range(len(ordered))] == sorted(values.tolist())


def test_json_of_claims_is_the_same(both: tuple[Path, Path]) -> None:
    asked = claims(statistic="median(final_loss)")
    in_memory, in_passes = (json.dumps([each.as_json() for each in check(table, asked)]) for table in both)
    assert in_passes == in_memory


@pytest.mark.parametrize("asked", ["everything", "a run", "another run", "a setting"])
def test_explain_looks_at_the_first_seeds(
    both: tuple[Path, Path], asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it says is what it says of a table that has only these."""
    monkeypatch.setattr("runner.results.large.MOST_ROWS", 300)
    rows = pd.read_csv(both[0], dtype=str, keep_default_na=False)
    also = ["20"] if asked == "another run" else []
    some = rows[rows["seed"].isin([*map(str, range(8)), *also])]
    table = write(some, tmp_path)
    (table.parent / "environment.json").write_bytes((both[0].parent / "environment.json").read_bytes())
    arguments: dict[str, Any] = {}
    if "run" in asked:
        arguments["run_id"] = some[some["seed"] == ("20" if also else "5")]["run_id"].iloc[7]
    if asked == "a setting":
        keys = {"architecture": "2-2-1", "init": "xavier_uniform", "learning_rate": 0.1, "epochs": 100}
        arguments["at"] = read_where(keys)
    alone, found = (explain(path, **arguments) for path in (table, both[1]))
    sentences = [answer(each) for each in (alone, found)]
    told = f"These are the runs of {8 + len(also)} seeds of 24: "
    told += "the table has 852 runs, too many to be looked at one by one."
    assert [said for said in sentences[1] if said not in sentences[0]] == [told]
    expected, got = (as_json(each, []) for each in (alone, found))
    assert got.pop("of") == {"runs": 852, "seeds": 24}
    assert json.dumps(got) == json.dumps(expected)


def test_the_page_is_of_the_first_seeds_too(
    both: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.results.large.MOST_ROWS", 300)
    rows = pd.read_csv(both[0], dtype=str, keep_default_na=False)
    table = write(rows[rows["seed"].astype(int) < 8], tmp_path)
    for name in ("environment.json", "curves.csv"):
        (table.parent / name).write_bytes((both[0].parent / name).read_bytes())
    alone, page = (content_of(path, ()) for path in (table, both[1]))
    assert json.dumps(page.data) == json.dumps(alone.data)
