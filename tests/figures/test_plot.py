"""Figures: every mark is the number that pandas and NumPy find, and what cannot be drawn is told."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import LogNorm, to_rgba
from scipy import stats
from support.made_table import ARCHITECTURES, BUDGETS, INITS, RATES, SEEDS, made

import runner
from runner.__main__ import main
from runner.analysis.claims.selection import read_where
from runner.figures.draw import Asked, Drawn, plot
from runner.figures.kinds import FIGURES
from runner.figures.rows import Axis, scale_of
from runner.figures.style import _power, looks
from runner.keys.issues import Invalid

NUMBERS = [float(rate) for rate in RATES]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def runs(folder: Path) -> pd.DataFrame:
    return made(folder)


def draw(folder: Path, into: Path | None = None, **asked: Any) -> Drawn:
    return plot(folder / "made" / "runs.csv", Asked(**asked), into)


def line_of(ax: Any, label: str) -> Any:
    (line,) = [line for line in ax.get_lines() if line.get_label() == label]
    return line


# --- line


def test_a_line_is_the_rate_and_its_band_the_exact_interval(folder: Path, runs: pd.DataFrame) -> None:
    where = ("epochs=1000", "init=xavier_uniform")
    ax: Any = draw(folder, x="learning_rate", y="converged", by="architecture", where=where).axes
    for k, architecture in enumerate(ARCHITECTURES):
        chosen = runs.query(f"epochs == 1000 and init == 'xavier_uniform' and architecture == '{architecture}'")
        rates = chosen.groupby("learning_rate")["converged"]
        line = line_of(ax, architecture)
        assert line.get_xdata().tolist() == NUMBERS
        np.testing.assert_allclose(line.get_ydata(), rates.mean(), rtol=1e-12)
        band = ax.collections[k].get_paths()[0].vertices
        for x, hits in rates.sum().items():
            # One run per seed: Clopper and Pearson's interval, as SciPy has it.
            interval = stats.binomtest(int(hits), SEEDS).proportion_ci(0.95, method="exact")
            at = band[np.isclose(band[:, 0], x)][:, 1]
            assert (at.min(), at.max()) == pytest.approx((interval.low, interval.high), rel=1e-6)
    assert ax.get_xscale() == "log"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("learning rate", "share of runs: converged")
    (legend,) = ax.figure.legends
    assert legend.get_title().get_text() == "architecture"
    assert [text.get_text() for text in legend.get_texts()] == list(ARCHITECTURES)


@pytest.mark.parametrize(
    ("y", "method"),
    [
        ("median(final_loss)", "median"),
        ("mean(final_loss)", "mean"),
        ("max(final_loss)", "max"),
        ("final_loss", "median"),
    ],
)
def test_other_statistics_are_those_of_pandas(folder: Path, runs: pd.DataFrame, y: str, method: str) -> None:
    ax: Any = draw(folder, x="learning_rate", y=y, where={"architecture": "2-4-1"}).axes
    chosen = runs[runs["architecture"] == "2-4-1"]
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), chosen.groupby("learning_rate")["final_loss"].agg(method))


def test_names_stand_beside_each_other_in_the_order_of_the_study(folder: Path, runs: pd.DataFrame) -> None:
    ax: Any = draw(folder, x="init", y="mean(accuracy)", by="epochs").axes
    assert [label.get_text() for label in ax.get_xticklabels()] == list(INITS)
    first, second = line_of(ax, "100").get_xdata(), line_of(ax, "1000").get_xdata()
    assert first.tolist() == [-0.125, 0.875]
    assert second.tolist() == [0.125, 1.125]
    bars = ax.collections[0].get_segments()
    chosen = runs.query(f"epochs == 100 and init == '{INITS[0]}'").groupby("seed")["accuracy"].mean()
    half = stats.t.ppf(0.975, SEEDS - 1) * chosen.std(ddof=1) / SEEDS**0.5
    assert bars[0][:, 1].tolist() == pytest.approx([chosen.mean() - half, chosen.mean() + half])


def test_an_infinite_median_is_a_triangle_on_the_edge(folder: Path, runs: pd.DataFrame) -> None:
    ax: Any = draw(folder, x="learning_rate", y="epochs_to_converge", where={"epochs": 100}).axes
    chosen = runs[runs["epochs"] == 100].fillna({"epochs_to_converge": np.inf})
    medians = chosen.groupby("learning_rate")["epochs_to_converge"].median()
    assert np.isinf(medians[0.1])
    assert np.isfinite(medians[10.0])
    line, triangles, _ = ax.get_lines()
    np.testing.assert_array_equal(line.get_ydata(), medians)
    assert (triangles.get_xdata().tolist(), triangles.get_ydata().tolist()) == (NUMBERS[:1], [1])
    assert [text.get_text() for text in ax.figure.legends[0].get_texts()] == ["infinite"]


def test_panels_share_their_axes_and_colours(folder: Path, runs: pd.DataFrame) -> None:
    drawn = draw(folder, x="learning_rate", by="architecture", facet="init", where=("epochs=100",))
    axes: Any = drawn.axes
    assert [ax.get_title() for ax in axes] == [f"init: {init}" for init in INITS]
    assert axes[0].get_ylim() == axes[1].get_ylim()
    for ax, init in zip(axes, INITS, strict=True):
        chosen = runs[(runs["init"] == init) & (runs["architecture"] == "2-3-1") & (runs["epochs"] == 100)]
        np.testing.assert_allclose(
            line_of(ax, "2-3-1").get_ydata(), chosen.groupby("learning_rate")["converged"].mean()
        )
        assert line_of(ax, "2-3-1").get_color() == line_of(axes[0], "2-3-1").get_color()
    assert (drawn.runs, drawn.pooled) == (len(runs) // 2, [])


def test_pooled_keys_are_told(folder: Path) -> None:
    assert draw(folder, x="learning_rate", where=("architecture=2-2-1",)).pooled == ["init", "epochs"]


# --- heatmap


def test_a_map_has_the_numbers_of_a_pivot_table(folder: Path, runs: pd.DataFrame) -> None:
    ax: Any = draw(folder, kind="heatmap", x="learning_rate", by="architecture", where=("epochs=1000",)).axes
    chosen = runs[runs["epochs"] == 1000]
    expected = chosen.pivot_table(index="architecture", columns="learning_rate", values="converged", aggfunc="mean")
    np.testing.assert_allclose(ax.images[0].get_array(), expected.loc[list(ARCHITECTURES)])
    assert [text.get_text() for text in ax.texts] == [f"{100 * value:.0f}" for value in expected.to_numpy().ravel()]
    assert ax.images[0].get_clim() == (0, 1)
    assert [label.get_text() for label in ax.get_yticklabels()] == list(ARCHITECTURES)


def test_infinite_cells_are_grey_and_missing_ones_white(folder: Path, runs: pd.DataFrame) -> None:
    some = runs[~((runs["init"] == INITS[0]) & (runs["learning_rate"] == 10))]
    (folder / "some").mkdir()
    some.to_csv(folder / "some" / "runs.csv", index=False)
    asked = Asked(kind="heatmap", x="learning_rate", by="init", y="epochs_to_converge", where=("epochs=100",))
    ax: Any = plot(folder / "some" / "runs.csv", asked).axes
    chosen = some[some["epochs"] == 100].fillna({"epochs_to_converge": np.inf})
    expected = chosen.pivot_table(
        index="init", columns="learning_rate", values="epochs_to_converge", aggfunc=lambda values: np.median(values)
    )
    found = np.asarray(ax.images[0].get_array().filled(np.nan), float)
    finite = np.isfinite(expected.loc[list(INITS)].to_numpy())
    np.testing.assert_allclose(found[finite], expected.loc[list(INITS)].to_numpy()[finite])
    infinite = np.isinf(expected.loc[list(INITS)].to_numpy())
    assert infinite.any()
    np.testing.assert_array_equal(np.asarray(ax.images[1].get_array().filled(np.nan)) == 1, infinite)
    assert ax.images[1].cmap(0.0) == to_rgba("0.75")
    assert not finite[0, 2]
    assert not infinite[0, 2]
    assert isinstance(ax.images[0].norm, LogNorm) == (np.ptp(np.log10(found[finite])) >= 2)


# --- survival, distribution, curves


def test_a_survival_curve_is_the_plain_share_where_budgets_do_not_differ(folder: Path, runs: pd.DataFrame) -> None:
    ax: Any = draw(folder, kind="survival", by="architecture", where=("epochs=1000",)).axes
    for architecture in ARCHITECTURES:
        line = line_of(ax, architecture)
        chosen = runs[(runs["architecture"] == architecture) & (runs["epochs"] == 1000)]
        # The line begins at zero, whatever has converged by then.
        for x, y in zip(line.get_xdata()[1:], line.get_ydata()[1:], strict=True):
            assert y == pytest.approx((chosen["epochs_to_converge"] <= x).mean(), abs=1e-12)
        assert line.get_xdata()[-1] == pytest.approx(1000, rel=0.06)
        assert line.get_drawstyle() == "steps-post"
    assert ax.get_ylabel() == "share of runs converged"


def test_runs_with_less_epochs_are_censored(folder: Path, runs: pd.DataFrame) -> None:
    ax: Any = draw(folder, kind="survival").axes
    (line,) = ax.get_lines()
    left, at = 1.0, 0
    watched = runs["epochs_to_converge"].fillna(runs["epochs_run"])
    x, y = line.get_xdata(), line.get_ydata()
    for t, share in zip(x[1:-1], y[1:-1], strict=True):
        for u in np.unique(runs["epochs_to_converge"].dropna()):
            if at < u <= t or (u == 0 == t):
                left *= 1 - (runs["epochs_to_converge"] == u).sum() / (watched >= u).sum()
        at = t
        assert share == pytest.approx(1 - left, rel=1e-10)


def test_survival_over_updates(folder: Path, runs: pd.DataFrame) -> None:
    ax: Any = draw(folder, kind="survival", x="updates", where=("epochs=100",)).axes
    assert ax.get_xlabel() == "updates"
    assert ax.get_lines()[0].get_ydata()[-1] == pytest.approx(runs[runs["epochs"] == 100]["converged"].mean())


def test_boxes_are_quantiles(folder: Path, runs: pd.DataFrame) -> None:
    ax: Any = draw(folder, kind="distribution", x="architecture", y="final_loss").axes
    medians = [line.get_ydata()[0] for line in ax.get_lines() if line.get_linewidth() == 1.8]
    by = runs.groupby("architecture")["final_loss"]
    np.testing.assert_allclose(medians, by.median())
    for k, box in enumerate(ax.patches):
        values = by.get_group(ARCHITECTURES[k])
        expected = [np.quantile(values, q, method="averaged_inverted_cdf") for q in (0.25, 0.75)]
        heights = box.get_path().vertices[:, 1]
        assert [heights.min(), heights.max()] == pytest.approx(expected)
    ends = [line.get_ydata()[1] for line in ax.get_lines()[:2]]
    values = by.get_group(ARCHITECTURES[0])
    assert ends == pytest.approx([np.quantile(values, q, method="averaged_inverted_cdf") for q in (0.05, 0.95)])


def test_the_distribution_counts_runs_that_never_converge(folder: Path, runs: pd.DataFrame) -> None:
    ax: Any = draw(folder, kind="distribution", y="epochs_to_converge", by="epochs").axes
    for budget in BUDGETS:
        line = line_of(ax, str(budget))
        values = runs[runs["epochs"] == budget]["epochs_to_converge"]
        for x, y in zip(line.get_xdata()[1:], line.get_ydata()[1:], strict=True):
            assert y == pytest.approx((values <= x).mean(), abs=1e-12)
        assert line.get_ydata()[-1] < 1


def test_curves_are_medians_and_quartiles_at_every_epoch(folder: Path, runs: pd.DataFrame) -> None:
    ax: Any = draw(folder, kind="curves", by="learning_rate", where=("epochs=1000", "architecture=2-2-1")).axes
    points = pd.read_csv(folder / "made" / "curves.csv").merge(runs, on="run_id")
    points = points[(points["epochs"] == 1000) & (points["architecture"] == "2-2-1")]
    for k, (rate, label) in enumerate(zip(NUMBERS, ("0.1", "1", "10"), strict=True)):
        by = points[points["learning_rate"] == rate].groupby("epoch")["loss"]
        line = line_of(ax, label)
        assert line.get_xdata().tolist() == sorted(set(points["epoch"]))
        np.testing.assert_allclose(line.get_ydata(), by.median())
        band = ax.collections[k].get_paths()[0].vertices
        for epoch in (10, 316):
            at = band[band[:, 0] == epoch][:, 1]
            values = by.get_group(epoch)
            expected = [np.quantile(values, q, method="averaged_inverted_cdf") for q in (0.25, 0.75)]
            assert [at.min(), at.max()] == pytest.approx(expected)
    faint = [line for line in ax.get_lines() if line.get_alpha() == 0.25]
    assert len(faint) == 3 * 25
    assert (ax.get_xscale(), ax.get_xlabel(), ax.get_ylabel()) == ("log", "epoch", "loss")


def test_beyond_a_budget_only_longer_runs_count(folder: Path, runs: pd.DataFrame) -> None:
    ax: Any = draw(folder, kind="curves", y="accuracy").axes
    points = pd.read_csv(folder / "made" / "curves.csv")
    median = ax.get_lines()[-1]
    np.testing.assert_allclose(median.get_ydata(), points.groupby("epoch")["accuracy"].median())


# --- looks


def test_every_example_of_every_kind_is_drawn(folder: Path, runs: pd.DataFrame, tmp_path: Path) -> None:
    for kind in FIGURES.values():
        into = tmp_path / f"{kind.name}.svg"
        assert main(["plot", "made", "--out", str(folder), *shlex.split(kind.example), "--into", str(into), "-q"]) == 0
        assert into.read_bytes().startswith(b"<?xml")


@pytest.mark.parametrize("ending", ["pdf", "svg", "png"])
def test_the_same_table_gives_the_same_bytes(folder: Path, runs: pd.DataFrame, tmp_path: Path, ending: str) -> None:
    asked: dict[str, Any] = {"x": "learning_rate", "by": "architecture"}
    one, two = tmp_path / f"one.{ending}", tmp_path / f"two.{ending}"
    draw(folder, one, **asked)
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "red", "svg.hashsalt": None}):
        draw(folder, two, **asked)
    assert one.read_bytes() == two.read_bytes()
    assert b"CreationDate" not in one.read_bytes()
    assert b"dc:date" not in one.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [one.name, two.name]


def test_texts_of_a_study_are_no_formulas(folder: Path, runs: pd.DataFrame, tmp_path: Path) -> None:
    odd = runs.copy()
    odd["init"] = odd["init"].map({INITS[0]: "$\\frac{broken$", INITS[1]: "a_{1}$x$\x1b[2J"})
    (folder / "odd").mkdir()
    odd.to_csv(folder / "odd" / "runs.csv", index=False)
    for asked in (
        Asked(x="learning_rate", by="init"),
        Asked(x="init", by="architecture"),
        Asked(x="learning_rate", facet="init"),
        Asked(kind="heatmap", x="learning_rate", by="init"),
        Asked(kind="distribution", x="init", y="final_loss"),
    ):
        drawn = plot(folder / "odd" / "runs.csv", asked, tmp_path / "odd.svg")
        texts = [text for text in drawn.figure.findobj(mpl.text.Text) if "$" in text.get_text()]
        assert len(texts) >= 2
        assert not any(text.get_parse_math() for text in texts)
        assert not any("\x1b" in text.get_text() for text in texts)


def test_lines_can_be_told_apart() -> None:
    names, numbers = Axis("init", ("a", "b", "c")), Axis("epochs", ("10", "100", "1000"))
    for axis in (names, numbers):
        assert len({(look.colour, look.marker) for look in looks(axis)}) == 3
    # Numbers have shades that become lighter, so that their order is seen in print too.
    lightness = [sum(to_rgba(look.colour)[:3]) for look in looks(numbers)]
    assert lightness == sorted(lightness)


@pytest.mark.parametrize(
    ("numbers", "scale"),
    [
        ([0.1, 0.2, 0.4], "log"),
        ([0.1, 0.22, 0.46, 1.0], "log"),
        ([1, 2, 5, 10, 20, 50, 100], "log"),
        ([10, 100], "log"),
        ([1, 2], "linear"),
        ([1, 2, 3], "linear"),
        ([100, 101, 102], "linear"),
        ([-1, 0, 100], "linear"),
        ([0, 0.001, 0.1], "category"),
        ([5], "linear"),
    ],
)
def test_scales(numbers: Sequence[float], scale: str) -> None:
    assert scale_of(np.array(numbers, float)) == scale


def test_ticks_are_plain_text() -> None:
    assert [_power(value) for value in (0.001, 1, 10_000, 1e5, 1e-6, 2e-7)] == [
        "0.001",
        "1",
        "10000",
        "10⁵",
        "10⁻⁶",
        "2·10⁻⁷",
    ]


def test_from_python_it_is_axes_of_pyplot(folder: Path, runs: pd.DataFrame, tmp_path: Path) -> None:
    from matplotlib import pyplot

    with mpl.rc_context({"backend": "agg"}):
        ax: Any = runner.plot("made", "learning_rate", by="architecture", where={"epochs": [100]}, out=folder)
        assert ax.figure.number in pyplot.get_fignums()
        ax.set_title("$x$ is a formula here")
        ax.figure.savefig(tmp_path / "mine.png")
        pyplot.close(ax.figure)
    file = tmp_path / "one.png"
    axes = runner.plot("made", "learning_rate", facet="init", into=file, out=folder)
    assert axes.shape == (2,)  # type: ignore[union-attr]
    assert file.exists()


# --- what cannot be drawn


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "x: line needs a key there, such as x=learning_rate"),
        ({"x": "learningrate"}, "x: unknown key 'learningrate'; did you mean 'learning_rate'?"),
        ({"x": "seed"}, "x: seed is what repeats a run, and what intervals are taken over: expected another key"),
        (
            {"x": "accuracy"},
            "x: accuracy is measured, and different for every run: expected a key such as learning_rate",
        ),
        ({"x": "init", "by": "init"}, "init is given twice"),
        (
            {"x": "init", "kind": "lines"},
            "kind: expected one of line, heatmap, survival, distribution, curves, plane, found 'lines'",
        ),
        ({"x": "init", "kind": "heatmap"}, "by: heatmap needs a key there, such as by=learning_rate"),
        ({"x": "init", "kind": "survival"}, "x: expected epochs or updates, found 'init'"),
        (
            {"kind": "curves", "y": "losses"},
            "y: expected loss or accuracy or test_loss or test_accuracy, found 'losses'",
        ),
        ({"kind": "distribution", "x": "init"}, "y: distribution needs a measured column there, such as final_loss"),
        ({"kind": "distribution", "y": "loss"}, "y: expected a measured column, found 'loss'"),
        ({"x": "init", "where": ("epoch=5",)}, "where: unknown key 'epoch'; did you mean 'epochs'?"),
        ({"x": "init", "where": ("epochs",)}, "where: expected key=value, found 'epochs'"),
        ({"x": "init", "where": ("seed=1", "seed=2")}, "where: seed is given twice; for several values: seed=[...]"),
        ({"x": "init", "width": "3"}, "width: expected column or page, found '3'"),
        ({"x": "init", "confidence": 95.0}, "confidence: expected a number between 0 and 1, found 95"),
    ],
)
def test_what_is_wrong_is_told(folder: Path, runs: pd.DataFrame, asked: dict[str, Any], message: str) -> None:
    with pytest.raises(runner.StudyError) as caught:
        draw(folder, **asked)
    assert str(caught.value).startswith(message)


def test_all_mistakes_are_told_at_once(folder: Path, runs: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--x", "inti", "--y", "rate(convergd)", "--facet", "fooo", "--where", "epochs", "--into", "a.jpg"]
    assert main(["plot", "made", "--out", str(folder), *flags]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[1] for line in lines] == ["where", "into", "x", "facet", "y"]
    assert lines[1] == "error: into: expected a file that ends in .pdf, .svg, .png, found 'a.jpg'"


def test_axes_with_too_many_values_are_refused(folder: Path, runs: pd.DataFrame) -> None:
    many = runs.copy()
    many["learning_rate"] = np.arange(len(many)) + 0.5
    (folder / "many").mkdir()
    many.to_csv(folder / "many" / "runs.csv", index=False)
    said = "learning_rate has 864 values, and the horizontal axis of line shows at most 200: select some"
    with pytest.raises(runner.StudyError, match=said):
        plot(folder / "many" / "runs.csv", Asked(x="learning_rate"))
    with pytest.raises(runner.StudyError, match="learning_rate has 864 values, and by of line shows at most 12"):
        plot(folder / "many" / "runs.csv", Asked(x="init", by="learning_rate"))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"x": "init", "where": ("learning_rate=3",)}, "no run has learning_rate 3.0; there are 0.1, 1.0, 10.0"),
        ({"x": "init", "y": "mean(mse)"}, "has no column mse"),
        (
            {"x": "init", "y": "epochs_to_converge", "where": ("outcome=stuck",)},
            "there is nothing to draw: median(epochs_to_converge) is infinite everywhere; a rate, or a lower quantile",
        ),
    ],
)
def test_a_figure_without_data_is_an_error(
    folder: Path, runs: pd.DataFrame, asked: dict[str, Any], message: str
) -> None:
    with pytest.raises(runner.RunnerError) as caught:
        draw(folder, **asked)
    assert message in str(caught.value)
    assert caught.value.exit_code == 1


def test_curves_that_were_not_recorded(folder: Path, runs: pd.DataFrame) -> None:
    (folder / "plain").mkdir()
    runs.to_csv(folder / "plain" / "runs.csv", index=False)
    with pytest.raises(runner.RunnerError, match=r"this study records no curves; add record: {curves: 100} to it"):
        plot(folder / "plain" / "runs.csv", Asked(kind="curves"))


def test_a_file_that_cannot_be_written_leaves_the_old_one(folder: Path, runs: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(runner.RunnerError, match=r"cannot write .*: there is no folder"):
        draw(folder, tmp_path / "none" / "a.pdf", x="init")
    into = tmp_path / "a.pdf"
    into.write_text("old")
    with pytest.raises(runner.RunnerError):
        draw(folder, into, x="init", y="epochs_to_converge", where=("outcome=stuck",))
    assert into.read_text() == "old"


def test_numbers_of_explicit_weights_are_an_axis(folder: Path, runs: pd.DataFrame) -> None:
    explicit = runs[runs["epochs"] == 100].copy()
    explicit["init"] = [f"[{w}, {v}]" for w, v in zip(explicit["seed"] % 3, explicit["seed"] % 2 + 0.5, strict=True)]
    (folder / "explicit").mkdir()
    explicit.to_csv(folder / "explicit" / "runs.csv", index=False)
    ax: Any = plot(folder / "explicit" / "runs.csv", Asked(x="init[0]", by="init[1]", y="mean(accuracy)")).axes
    for half, label in ((0, "0.5"), (1, "1.5")):
        by = explicit[explicit["seed"] % 2 == half].groupby(explicit["seed"] % 3)["accuracy"].mean()
        np.testing.assert_allclose(line_of(ax, label).get_ydata(), by)
    with pytest.raises(runner.StudyError, match=r"unknown key 'init\[x\]'"):
        plot(folder / "explicit" / "runs.csv", Asked(x="init[x]"))


def test_where_is_read_as_in_claims() -> None:
    assert read_where(()) == {}
    assert read_where(("learning_rate[0]=1,init[12]=[0, 2], seed=3",)) == {
        "learning_rate[0]": (1.0,),
        "init[12]": (0.0, 2.0),
        "seed": (3,),
    }
    assert read_where({"epochs": [100, 1000], "architecture": (2, 4, 1)}) == {
        "epochs": (100, 1000),
        "architecture": ((2, 4, 1),),
    }
    assert read_where(("learning_rate=[0.1, 1]", "outcome=stuck")) == read_where(
        {"learning_rate": [0.1, 1], "outcome": "stuck"}
    )
    assert read_where(("learning_rate=1, init=uniform(-1, 1),faults=[ascent, no_factor]",)) == read_where(
        {"learning_rate": 1, "init": "uniform(-1, 1)", "faults": ["ascent", "no_factor"]}
    )
    with pytest.raises(Invalid):
        read_where(("outcome=stick",))
