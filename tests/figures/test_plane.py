"""Planes: every pixel is the run that pandas finds there, coloured by its rank; a part becomes a study that runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib.image import imread
from scipy.stats import rankdata

import runner
from runner.__main__ import main
from runner.figures.plane import CONVERGED, DIVERGED, OTHERS, Scale

X, Y = "learning_rate[0]", "learning_rate[1]"
N = 24
STUDY = f"""\
name: plane
data: gaussian(16, 8, 0)
architecture: 8-8-1
activation: tanh
output: identity
bias: none
parameterization: mean_field
init: normal(0, 1)
loss: mse
learning_rate: [1, 1]
epochs: 300
criterion: {{mse: 0.1}}
claims:
  - {{name: most, statistic: rate(converged), expect: "> 0.1"}}
sweep:
  grid:
    "{Y}": {{geomspace: [0.01, 1000, {N}]}}
    "{X}": {{geomspace: [0.02, 1000, {N}]}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the results of a plane, trained by the runner."""
    folder = tmp_path_factory.mktemp("planes")
    (folder / "plane.yaml").write_text(STUDY)
    runner.run(folder / "plane.yaml", out=folder / "results")
    return folder


@pytest.fixture(scope="module")
def runs(folder: Path) -> pd.DataFrame:
    """Its table with both rates as columns."""
    frame = runner.read_results("plane", out=folder / "results")
    return frame.assign(
        **{name: [yaml.safe_load(text)[k] for text in frame["learning_rate"]] for k, name in ((0, X), (1, Y))}
    )


def plot(folder: Path, into: Path, *flags: str) -> int:
    plane = ["--kind", "plane", "--x", X, "--y", Y]
    return main(["plot", "plane", "--out", str(folder / "results"), *plane, "--into", str(into), "-q", *flags])


def colour(scale: Scale, ranks: Any) -> np.ndarray:
    """The bytes of a scale's colours, for ranks from 1 to n."""
    shades = (np.asarray(ranks) - 1) / (len(ranks) - 1)
    part = scale.low + (scale.high - scale.low) * shades
    return np.asarray(mpl.colormaps[scale.colours](part, bytes=True))


def test_every_run_is_a_pixel_of_the_colour_of_its_rank(folder: Path, runs: pd.DataFrame, tmp_path: Path) -> None:
    assert plot(folder, tmp_path / "plane.png") == 0
    image = (255 * imread(tmp_path / "plane.png")).round().astype(np.uint8)
    assert image.shape == (N, N, 4)
    columns, rows = (sorted(runs[name].unique()) for name in (X, Y))
    # The last row of a PNG is at the bottom, where the rate of the second layer is smallest.
    found = image[[N - 1 - rows.index(y) for y in runs[Y]], [columns.index(x) for x in runs[X]]]
    kinds = {"converged": runs["outcome"] == "converged", "diverged": runs["outcome"] == "diverged"}
    assert {"converged", "diverged", "learning"} <= set(runs["outcome"])

    def ranks(chosen: pd.DataFrame, first: str, second: pd.Series) -> np.ndarray:
        pairs = list(zip(chosen[first].fillna(np.inf), second.fillna(np.inf), strict=True))
        places = {pair: k for k, pair in enumerate(sorted(set(pairs)))}
        return np.asarray(rankdata([places[pair] for pair in pairs]))

    some = runs[kinds["converged"]]
    expected = colour(CONVERGED, ranks(some, "epochs_to_converge", some["final_loss"]))
    np.testing.assert_array_equal(found[kinds["converged"]], expected)
    some = runs[kinds["diverged"]]
    expected = colour(DIVERGED, ranks(some, "epochs_to_diverge", -some["final_loss"].fillna(np.inf)))
    np.testing.assert_array_equal(found[kinds["diverged"]], expected)
    others = ~kinds["converged"] & ~kinds["diverged"]
    expected = colour(OTHERS, rankdata(runs[others]["final_loss"]))
    np.testing.assert_array_equal(found[others], expected)


def test_where_there_is_no_run_a_plane_is_transparent(folder: Path, tmp_path: Path) -> None:
    assert plot(folder, tmp_path / "part.png", "--where", "outcome=[diverged, converged]") == 0
    assert 0 < (imread(tmp_path / "part.png")[..., 3] == 0).sum() < N * N


def test_a_figure_has_axes_and_a_bar_for_each_kind(folder: Path, runs: pd.DataFrame, tmp_path: Path) -> None:
    ax: Any = runner.plot("plane", x=X, y=Y, kind="plane", out=folder / "results")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("learning rate[0]", "learning rate[1]")
    converged, diverged, others = reversed(ax.child_axes)
    titles = [bar.get_title(loc="left") for bar in (converged, diverged, others)]
    assert titles == ["converged: epochs", "diverged: epochs", "others: final loss"]
    when = runs[runs["outcome"] == "converged"]["epochs_to_converge"]
    ends = [float(text.get_text()) for text in converged.get_yticklabels()]
    assert ends == pytest.approx(when.quantile([0, 0.25, 0.5, 0.75, 1], interpolation="nearest").tolist(), rel=0.01)
    # Values stand evenly; ticks are at round numbers between them.
    columns = np.sort(runs[X].unique())
    for place, text in zip(ax.get_xticks(), ax.get_xticklabels(), strict=True):
        assert np.interp(place, np.arange(N), np.log(columns)) == pytest.approx(
            np.log(float(text.get_text())), abs=0.02
        )
    for ending in ("svg", "pdf"):
        assert plot(folder, tmp_path / f"plane.{ending}") == 0
        assert len((tmp_path / f"plane.{ending}").read_bytes()) > 10_000


def test_a_part_is_a_study_of_the_same_resolution(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    plane = ["--kind", "plane", "--x", X, "--y", Y, "--out", str(folder / "results")]
    assert main(["plot", "plane", *plane, "--zoom", "10,1000,0.5,100"]) == 0
    assert capsys.readouterr().out == f"plane_zoom.yaml: {N * N} runs\n"
    content, whole = yaml.safe_load(Path("plane_zoom.yaml").read_text()), yaml.safe_load(STUDY)
    assert content.pop("sweep") == {"grid": {Y: {"geomspace": [0.5, 100, N]}, X: {"geomspace": [10, 1000, N]}}}
    assert content == {k: v for k, v in whole.items() if k not in ("claims", "sweep")} | {"name": "plane_zoom"}
    rates = runner.plan(runner.load("plane_zoom.yaml")).cell(1).learning_rate
    assert rates == pytest.approx((np.geomspace(10, 1000, N)[1], 0.5), rel=1e-12)
    # The next one has another name, and so has a part of a part.
    assert runner.zoom("plane", X, Y, [1, 2, 3, 4], out=folder / "results") == Path("plane_zoom2.yaml")
    part = folder / "results" / "plane_zoom7"
    part.mkdir()
    for file in (folder / "results" / "plane").iterdir():
        (part / file.name).write_bytes(file.read_bytes())
    assert runner.zoom("plane_zoom7", X, Y, [1, 2, 3, 4], out=folder / "results") == Path("plane_zoom3.yaml")
    assert runner.zoom("plane", X, Y, [1, 2, 3, 4], into="mine.yaml", out=folder / "results") == Path("mine.yaml")
    assert runner.load("mine.yaml").name == "mine"


def test_a_part_keeps_what_was_chosen_and_where_its_data_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("1e3,y\n0,0\n1,1\n2,0\n")
    (tmp_path / "data" / "s.yaml").write_text(
        "data: {csv: a.csv, inputs: ['1e3'], targets: [y]}\narchitecture: 1-2-1\ndescription: '1e3'\nepochs: 2\n"
        "init: [0, 1, 2, 3, 4, 5, 6]\nlearning_rate: 1\nreplicates: 2\n"
        "sweep:\n  grid: {'init[0]': {linspace: [-1, 1, 5]}, 'init[5]': [-2, 2], optimizer: [sgd, adam]}\n"
        "  exclude: [{'init[0]': 0.5, optimizer: adam}]\n  include: [{'init[0]': 9, epochs: 5, optimizer: sgd}]\n"
    )
    results = tmp_path / "results"
    runner.run(tmp_path / "data" / "s.yaml", "learning_rate=2", out=results)
    monkeypatch.chdir(tmp_path)
    where = {"optimizer": "sgd", "seed": 1, "epochs": 2}
    path = runner.zoom("s", "init[0]", "init[5]", [-0.5, 0.5, -1, 1], where, out=results)
    content = yaml.safe_load(path.read_text())
    assert content["data"] == {"csv": "data/a.csv", "inputs": ["1e3"], "targets": ["y"]}
    assert content["sweep"] == {"grid": {"init[0]": {"linspace": [-0.5, 0.5, 5]}, "init[5]": {"linspace": [-1, 1, 2]}}}
    study = runner.load(path)
    assert (study.description, study.seeds, study.base["learning_rate"], study.base["optimizer"]) == (
        "1e3",
        (1,),
        2.0,
        "sgd",
    )
    assert runner.plan(study).n_runs == 10


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--zoom", "0.01,1,1,2"], f"zoom: {X} reaches from 0.02 to 1000: 0.01 lies beyond"),
        (["--zoom", "1,2,1,2000"], f"zoom: {Y} reaches from 0.01 to 1000: 2000 lies beyond"),
        (["--zoom", "2,1,1,1"], f"zoom: {X} begins at 2 and ends at 1: expected the smaller one first"),
        (["--zoom", "2,1,1"], "zoom: expected four numbers x0,x1,y0,y1"),
        (["--zoom", "1,2,1,nan"], "zoom: expected four numbers x0,x1,y0,y1"),
        (["--zoom", "a,1,2,3"], "expected numbers x0,x1,y0,y1, not 'a,1,2,3'"),
        (["--zoom", "1,2,1,2", "--where", "outcome=converged"], "zoom: outcome is measured, and cannot be chosen"),
        (["--zoom", "1,2,1,2", "--kind", "heatmap"], "--zoom is about a plane: give --kind plane"),
        (["--by", "init"], "by: plane has none"),
        (["--facet", "init"], "facet: plane has none"),
        (["--y", X], f"{X} is given twice"),
        (["--y", "init"], "y: a plane needs an axis of numbers; init is normal(0, 1) in some runs"),
        (["--y", "epochs"], "y: a plane needs more than one value; epochs is 300 in all runs"),
        (["--y", "learning_rate[2]"], "y: a plane needs an axis of numbers; learning_rate[2] is none in some runs"),
        (["--y", "final_loss"], "y: final_loss is measured, and different for every run"),
    ],
)  # fmt: skip
def test_what_is_no_plane_is_told(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], message: str
) -> None:
    into = tmp_path / ("part.yaml" if "--zoom" in flags else "plane.png")
    assert plot(folder, into, *flags) == 2
    assert message in capsys.readouterr().err
    assert not into.exists()


def test_a_pixel_has_one_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s.yaml").write_text(
        "data: xor\narchitecture: 2-2-1\nlearning_rate: 1\nepochs: 1\nreplicates: 3\n"
        "sweep: {grid: {learning_rate: [1, 2], weight_decay: [0, 0.1], loss: [mse, sse]}}\n"
    )
    table = runner.run(tmp_path / "s.yaml", out=tmp_path)
    flags = ["--kind", "plane", "--x", "learning_rate", "--y", "weight_decay", "--into", str(tmp_path / "a.png")]
    assert main(["plot", os.fspath(table), *flags]) == 2
    hint = "choose one with where: loss=VALUE and seed=0"
    assert f"up to 6 runs would share a pixel of the plane: {hint}" in capsys.readouterr().err
    assert main(["plot", os.fspath(table), *flags, "--where", "loss=mse", "--where", "seed=2"]) == 0


def test_the_page_of_a_plane_is_short(folder: Path, capsys: pytest.CaptureFixture[str], runs: pd.DataFrame) -> None:
    assert main(["report", "plane", "--out", str(folder / "results")]) == 0
    page = capsys.readouterr().out
    assert X in page
    assert len(page.splitlines()) < 50
    assert main(["explain", "plane", "--out", str(folder / "results")]) == 0
    page = capsys.readouterr().out
    (line,) = [line for line in page.splitlines() if line.startswith(f"{X}  ")]
    columns, converged = np.sort(runs[X].unique()), runs["outcome"] == "converged"
    # Ranges of two neighbours.
    rates = [converged[runs[X].isin(columns[k : k + 2])].mean() for k in range(0, N, 2)]
    k = 2 * int(np.argmax(rates))
    assert f"{columns[k]:.4g} to {columns[k + 1]:.4g}: {100 * max(rates):.1f}%" in line
    assert len(page.splitlines()) < 80
    at = [f"{name}={value:.4g}" for name, value in zip((X, Y), runs[[X, Y]].iloc[30], strict=True)]
    assert main(["explain", "plane", "--out", str(folder / "results"), "--at", ",".join(at)]) == 0
    assert f"{int(converged.iloc[30])} of 1 run converged" in " ".join(capsys.readouterr().out.split())
