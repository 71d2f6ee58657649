"""The page in a browser: every chart is drawn, its numbers are those of pandas, and what a study says is no markup."""

from __future__ import annotations

import csv
import json
import re
import time
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from report.conftest import Open
from support.made_table import made
from support.synthetic import KEYS, table, write

from runner.analysis.summary import as_json, summarize
from runner.errors import RunnerError
from runner.report.render import html, in_script, write_page
from runner.results.files import PAGE

STUDIES = ("xor", "post", "curves", "plane")


def numbers(path: Path) -> dict[str, Any]:
    """What the charts of a page are drawn from."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', path.read_text(), re.DOTALL)
    assert found
    return json.loads(found[1])


def uri(path: Path) -> str:
    return path.resolve().as_uri()


def known(values: list[Any]) -> np.ndarray:
    """Numbers of the page, with what is infinite or missing."""
    return np.array([np.nan if value is None else float(value) for value in values])


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1400, "light")])
@pytest.mark.parametrize("name", STUDIES)
def test_every_chart_is_drawn(trained: dict[str, Path], opened: Open, name: str, width: int, scheme: str) -> None:
    file = write_page(trained[name])
    assert file.stat().st_size < 6e6
    data = numbers(file)
    with opened(uri(file), width, scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for section in ("rates", "epochs"):
            charts = page.locator(f"#{section} .chart")
            assert charts.count() == len(data["axes"])
            for at, axis in zip(data["first"], charts.all(), strict=True):
                points = axis.locator(".scatterlayer .points path").count()
                # Every value has a dot, or where half of the runs never converge a triangle.
                assert points == len(data["axes"][at]["labels"]), (section, at)
        assert page.locator("#map-chart .heatmaplayer image").count() >= 1
        bars = [len(chart["bars"]) for chart in data["decides"]]
        assert [box.locator(".barlayer .point path").count() for box in page.locator("#decides .chart").all()] == bars
        assert page.locator("#curves-chart .scatterlayer .trace").count() == (
            0 if name != "curves" else 3 + singles(data)
        )
        assert page.locator("#claims .track").count() == (0 if name != "post" else len(claims(trained[name])))
        assert page.locator("#outcomes .bar span").count() == len(data["outcomes"])
        for box in page.locator(".chart:visible").all():
            assert box.get_attribute("role") == "img"
            assert re.search(r"\d", box.get_attribute("aria-label"))


def singles(data: dict[str, Any]) -> int:
    """Thin lines, and an entry of the legend for each outcome among them."""
    runs = data["curves"]["loss"]["singles"]
    return len(runs) + len({run["outcome"] for run in runs})


def claims(table: Path) -> list[str]:
    return re.findall(r"^  - name: ", (table.parent / "study.yaml").read_text(), re.MULTILINE)


def test_light_and_dark_are_drawn_anew(trained: dict[str, Path], opened: Open) -> None:
    file = write_page(trained["xor"])
    colour = "getComputedStyle(document.querySelector('#rates .chart .xtick text')).fill"
    with opened(uri(file), 1400, "light") as page:
        light = page.evaluate(colour), page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.emulate_media(color_scheme="dark")
        deadline = time.monotonic() + 20
        while page.evaluate(colour) == light[0] and time.monotonic() < deadline:
            page.wait_for_timeout(50)
        dark = page.evaluate(colour), page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert light[1] == "rgb(255, 255, 255)"
    for text, ground in (light, dark):
        assert contrast(text, ground) >= 4.5


def contrast(one: str, other: str) -> float:
    """Between two colours, as the guidelines for accessible content (WCAG 2) have it."""

    def luminance(colour: str) -> float:
        parts = np.array([float(part) for part in re.findall(r"[\d.]+", colour)[:3]]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def hovered(page: Any) -> list[str]:
    """The lines of what the chart tells of the point under the mouse."""
    page.locator(".hoverlayer .hovertext").wait_for()
    return page.locator(".hoverlayer .hovertext .line").all_text_contents()


def test_a_second_axis_is_chosen_by_the_keyboard(trained: dict[str, Path], opened: Open) -> None:
    file = write_page(trained["xor"])
    runs = pd.read_csv(trained["xor"])
    with opened(uri(file)) as page:
        select = page.locator("#rates-by")
        select.click()
        page.keyboard.press("Escape")
        select.focus()
        page.keyboard.type("archi")
        assert select.evaluate("each => each.selectedOptions[0].textContent") == "architecture"
        panel = page.locator("#rates .panels > div", has=page.locator("h3", has_text="learning_rate"))
        assert panel.locator(".legendtext").all_text_contents() == ["2-2-1", "2-3-1", "2-4-1", "2-8-1"]
        assert panel.locator(".scatterlayer .points path").count() == 4 * 7
        # The first point of the first line.
        panel.locator(".scatterlayer .points path").first.hover(force=True)
        told = hovered(page)
    some = runs[(runs["learning_rate"] == 0.1) & (runs["architecture"] == "2-2-1")]["converged"]
    assert told[:2] == ["learning_rate 0.1", "architecture 2-2-1"]
    assert told[2].startswith(f"{some.sum():,} of {len(some):,} runs: {100 * some.mean():.1f}% (95% interval ")


def test_hover_of_the_map_tells_runs_interval_and_outcomes(trained: dict[str, Path], opened: Open) -> None:
    file = write_page(trained["xor"])
    runs = pd.read_csv(trained["xor"])
    with opened(uri(file)) as page:
        page.select_option("#map-x", label="architecture")
        page.select_option("#map-y", label="epochs")
        box = page.locator("#map-chart .nsewdrag").bounding_box()
        # The cell at the lower right.
        page.locator("#map-chart").scroll_into_view_if_needed()
        page.locator("#map-chart .nsewdrag").hover(position={"x": 0.9 * box["width"], "y": 0.9 * box["height"]})
        told = hovered(page)
    some = runs[(runs["architecture"] == "2-8-1") & (runs["epochs"] == 100)]
    assert told[:2] == ["architecture 2-8-1", "epochs 100"]
    rate = f"converged {some['converged'].sum():,} of {len(some):,} runs: {100 * some['converged'].mean():.1f}%"
    assert re.fullmatch(re.escape(rate) + r" \(95% interval [\d.]+% to [\d.]+%\)", told[2])
    shares = some["outcome"].value_counts(normalize=True)
    assert set(told[-1].split(", ")) == {f"{outcome} {100 * share:.1f}%" for outcome, share in shares.items()}


def test_the_two_sides_of_the_map_are_never_the_same(trained: dict[str, Path], opened: Open) -> None:
    with opened(uri(write_page(trained["xor"]))) as page:
        before = [page.locator(side).input_value() for side in ("#map-x", "#map-y")]
        page.select_option("#map-x", value=before[1])
        assert [page.locator(side).input_value() for side in ("#map-x", "#map-y")] == before[::-1]


@pytest.mark.parametrize("name", STUDIES)
def test_numbers_are_those_of_pandas(trained: dict[str, Path], name: str) -> None:
    data = numbers(write_page(trained[name]))
    runs = pd.read_csv(trained[name], keep_default_na=True)
    assert data["runs"] == len(runs)
    axes = [axis["name"] for axis in data["axes"]]
    columns = [axis if axis in runs else None for axis in axes]
    groupings = [([at], data["axes"][at]["groups"]) for at in range(len(axes))]
    groupings += [([i, j], data["pairs"][f"{i}-{j}"]) for i, j in combinations(range(len(axes)), 2)]
    checked = 0
    for places, groups in groupings:
        if any(columns[at] is None for at in places):
            continue  # a fault that is there or not
        names = [axes[at] for at in places]
        levels = [levels_of(runs[key]) for key in names]
        found = runs.assign(**{key: pd.Categorical(runs[key], level) for key, level in zip(names, levels, strict=True)})
        by = found.groupby(names, observed=False)
        np.testing.assert_array_equal(groups["runs"], by.size())
        np.testing.assert_allclose(known(groups["rate"]), by["converged"].mean().astype(float), rtol=1e-5)
        never = found.assign(epochs_to_converge=found["epochs_to_converge"].fillna(np.inf))
        with np.errstate(invalid="ignore"):
            median = never.groupby(names, observed=False)["epochs_to_converge"].median()
        page = known(groups["medians"]["epochs_to_converge"])
        finite = np.isfinite(page)
        np.testing.assert_allclose(page[finite], median.to_numpy()[finite], rtol=1e-5)
        # pandas' mean of a number and infinity is NaN where two infinite ones are; half of the runs never did.
        assert not np.isfinite(median.to_numpy()[~finite]).any()
        np.testing.assert_allclose(known(groups["medians"]["accuracy"]), by["accuracy"].median(), rtol=1e-5)
        np.testing.assert_array_equal(groups["epochs"][1], groups["medians"]["epochs_to_converge"])
        for outcome, shares in zip(data["outcomes"], groups["outcomes"], strict=True):
            expected = (found["outcome"] == outcome).groupby([found[name] for name in names], observed=False).mean()
            np.testing.assert_allclose(known(shares), expected, rtol=1e-5)
        checked += 1
    assert checked


def levels_of(column: pd.Series) -> list[Any]:
    """Numbers ascend, and names stand in the order in which they come."""
    values = [*column.unique()]
    return sorted(values) if pd.api.types.is_numeric_dtype(column) else values


def test_intervals_are_those_of_the_closing_table(trained: dict[str, Path]) -> None:
    data = numbers(write_page(trained["xor"]))
    summary = as_json(summarize(trained["xor"]), {})["axes"]
    for axis in data["axes"]:
        rows = summary[axis["name"]]
        for end in ("low", "high"):
            np.testing.assert_allclose(axis["groups"][end], [row[end] for row in rows], rtol=1e-5, atol=1e-9)


def test_the_table_is_sorted_and_filtered(trained: dict[str, Path], opened: Open) -> None:
    runs = pd.read_csv(trained["xor"])
    keys = ["architecture", "init", "learning_rate", "epochs"]
    rates = runs.groupby(keys)["converged"].mean()
    with opened(uri(write_page(trained["xor"]))) as page:
        rows = page.locator(".cells tbody tr:visible")
        assert rows.count() == len(rates)
        button = page.locator(".cells th button", has_text="converged")
        button.focus()
        page.keyboard.press("Enter")
        column = [float(text.rstrip("%")) for text in rows.locator("td:nth-child(6)").all_inner_texts()]
        assert column == sorted(column)
        assert page.locator(".cells th[aria-sort=ascending]").inner_text().startswith("converged")
        button.click()
        column = [float(text.rstrip("%")) for text in rows.locator("td:nth-child(6)").all_inner_texts()]
        assert column == sorted(column, reverse=True)
        page.fill("#filter", "epochs=1000 2-8-1 he_normal")
        assert page.locator("#filter-count").inner_text() == f"7 of {len(rates)}"
        found = rows.locator("td:nth-child(6)").all_inner_texts()
    expected = rates["2-8-1", "he_normal", :, 1000].sort_values(ascending=False)
    assert found == [f"{100 * rate:.1f}%" for rate in expected]


EVIL = "</script><script>window.hacked=1</script><img src=x onerror='window.hacked=2'>\"&<b>bold</b>"


def evil_study(folder: Path) -> Path:
    """A table whose names and values would be markup, if they were taken for it."""
    texts = ["tanh", EVIL, "a\"b'c", "<!--", "${x}`"]
    frame = table({"activation": texts, "epochs": ["10", "100"]}, lambda cell: 0.5, 6)
    path = write(frame, folder, "<b>x&\"'")
    study = f"name: evil\ndescription: {json.dumps(EVIL)}\nclaims:\n  - name: {json.dumps(EVIL)}\n"
    study += "    statistic: rate(converged)\n    expect: '> 0.1'\n    source: '<i>\u202esource</i>'\n"
    (path.parent / "study.yaml").write_text(study)
    return path


def test_what_a_study_says_is_never_markup(tmp_path: Path, opened: Open) -> None:
    with opened(uri(write_page(evil_study(tmp_path)))) as page:
        assert page.evaluate("window.hacked") is None
        assert page.locator("h1").inner_text() == "<b>x&\"'"
        assert page.locator(".description").inner_text() == EVIL
        assert page.locator("#claims .claim strong").inner_text() == EVIL
        assert page.locator("#claims .source").inner_text() == "<i>\\u202esource</i>"
        assert page.locator("img").count() == 0
        assert page.locator("#main b", has_text="bold").count() == 0
        assert any(text.startswith(EVIL[:30]) for text in page.locator("#cells td").all_inner_texts())
        ticks = page.locator("#rates .xtick text").all_text_contents()
        assert {"<!--", "${x}`", "a\"b'c"} <= set(ticks)
        assert any(tick.startswith("</script><") for tick in ticks)
        page.select_option("#rates-by", label="activation")
        page.locator("#rates .panels > div", has_text="epochs").locator(".points path").nth(3).hover(force=True)
        page.locator(".hoverlayer .hovertext").wait_for()
        assert page.evaluate("window.hacked") is None


def test_nothing_in_the_data_ends_the_script() -> None:
    text = in_script({"a": "</script><!--&\u2028"})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {"a": "</script><!--&\u2028"}


def test_the_same_results_give_the_same_bytes(trained: dict[str, Path]) -> None:
    first = write_page(trained["curves"]).read_bytes()
    assert write_page(trained["curves"]).read_bytes() == first
    assert not [each for each in trained["curves"].parent.iterdir() if each.suffix == ".tmp"]


def test_curves_are_those_of_pandas(trained: dict[str, Path]) -> None:
    data = numbers(write_page(trained["curves"]))
    runs, points = pd.read_csv(trained["curves"]), pd.read_csv(trained["curves"].parent / "curves.csv")
    at = [axis["name"] for axis in data["axes"]].index("activation")
    for line in data["curves"]["loss"]["by"][str(at)]:
        name = data["axes"][at]["labels"][line["value"]]
        some = points[points["run_id"].isin(runs[runs["activation"] == name]["run_id"])]
        median = some.groupby("epoch")["loss"].median()
        np.testing.assert_allclose(known(line["quartiles"][1]), median[known(line["epochs"])], rtol=1e-5)


def test_thousands_of_values_and_settings_stay_short(tmp_path: Path, opened: Open) -> None:
    """A plane of 150 x 150, and as many settings: ranges of values, and a part of the table."""
    lines = [f"{0.001 * 1.08**k:.6g}" for k in range(150)]
    steps = [f"{k / 150:.6g}" for k in range(150)]
    cells = pd.MultiIndex.from_product([lines, steps], names=["learning_rate", "momentum"]).to_frame(index=False)
    frame = cells.assign(**{key: text for key, text in KEYS.items() if key not in cells}, seed=0)
    frame["converged"] = frame["learning_rate"].astype(float) > 1
    frame["outcome"] = np.where(frame["converged"], "converged", "stuck")
    frame.insert(0, "run_id", [f"{k:016x}" for k in range(len(frame))])
    frame.insert(1, "cell_id", frame["run_id"])
    keys = ["run_id", "cell_id", *(key for key in (*KEYS, "momentum")), "seed", "outcome", "converged"]
    path = write(frame[keys], tmp_path, "large")
    file = write_page(path)
    assert file.stat().st_size < 6e6
    data = numbers(file)
    for axis in data["axes"]:
        assert len(axis["labels"]) == 70
        assert axis["note"] == f"{axis['name']} has 150 values; neighbours are taken together in 70 ranges."
    assert sum(data["pairs"]["0-1"]["runs"]) == len(frame)
    with opened(uri(file)) as page:
        assert page.locator(".cells tbody tr").count() == 500
        assert "500 of 22,500 settings are listed" in page.locator("#cells").inner_text()


def test_a_single_setting_has_no_axes(tmp_path: Path, opened: Open) -> None:
    path = write(table({}, lambda cell: 0.5, 8), tmp_path)
    with opened(uri(write_page(path))) as page:
        assert page.locator("#rates").count() == 0
        assert page.locator("#outcomes .bar span").count() == 2
        assert page.locator(".cells tbody tr").count() == 1


def test_a_table_without_rows_is_told(tmp_path: Path) -> None:
    path = write(table({}, lambda cell: 0.5, 1), tmp_path)
    path.write_text(path.read_text().splitlines()[0] + "\n")
    with pytest.raises(RunnerError, match="has no rows yet"):
        write_page(path)
    assert not (path.parent / PAGE).exists()


def test_a_torn_row_is_left_out(tmp_path: Path) -> None:
    made(tmp_path)
    path = tmp_path / "made" / "runs.csv"
    rows = len(list(csv.reader(path.read_text().splitlines()))) - 1
    with path.open("a") as file:
        file.write("0123456789abcdef,0123")
    assert numbers(write_page(path))["runs"] == rows


def test_only_the_scripts_of_the_page_may_run(trained: dict[str, Path]) -> None:
    from runner.report.content import content_of

    page = html(content_of(trained["plane"])).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    assert "default-src &#39;none&#39;" in policy[1]
    assert "connect-src &#39;none&#39;" in policy[1]
    assert policy[1].count("sha256-") == 2
