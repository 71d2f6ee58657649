"""The page: what it says, in a browser as well, and that nothing of an author's file is taken for HTML."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from support.census import PROGRAMS
from support.right_programs import RIGHT_PROGRAMS

import runner
from runner.diagnosis.anatomy import anatomy
from runner.diagnosis.page import page_html
from runner.diagnosis.result import Diagnosis
from runner.diagnosis.show import page_text

NAME = "mine & <b>.py"


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> tuple[Diagnosis, Path]:
    folder = tmp_path_factory.mktemp("page")
    (folder / NAME).write_text(PROGRAMS["moved_weights"].file().replace("200_000", "2_000"))
    return runner.diagnose(folder / NAME, into=folder / "out", seeds=20), folder / "out" / "page.html"


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.outside += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_it_is_one_whole_file_without_scripts(wrong: tuple[Diagnosis, Path]) -> None:
    tags = _Tags()
    tags.feed(wrong[1].read_text())
    assert tags.open == []
    assert not {"script", "link", "img", "iframe", "b"} & set(tags.seen)
    assert tags.outside == []
    assert "prefers-color-scheme: dark" in wrong[1].read_text()
    assert "http" not in wrong[1].read_text()


def test_what_stands_in_an_authors_file_is_text(wrong: tuple[Diagnosis, Path]) -> None:
    evil = "<img src=x onerror=alert(1)>"
    unknown = ({"term": evil, "layer": 1, "says": evil, "numbers": {"step": [1.0, evil]}},)
    text = page_html(replace(wrong[0], unknown=unknown, notes=(evil,), advice=(evil,)))
    assert "<img" not in text
    assert text.count("&lt;img") >= 3
    assert "mine &amp; &lt;b&gt;.py" in text


def test_terms_stand_in_the_order_of_an_update(wrong: tuple[Diagnosis, Path]) -> None:
    parts = anatomy(wrong[0])
    assert [(part.term, part.layers, part.finding and part.finding.fault) for part in parts] == [
        ("forward", (1, 2), None),
        ("signal", (), None),
        ("slope", (2,), None),
        ("factor", (2,), None),
        ("bias_step", (2,), None),
        ("direction", (2,), None),
        ("sent_back", (1,), "no_output_derivative"),
        ("way_back", (1,), "moved_weights"),
        ("slope", (1,), None),
        ("factor", (1,), None),
        ("bias_step", (1,), None),
        ("direction", (1,), None),
        ("batch", (), None),
    ]


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_finding_stands_somewhere(name: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PROGRAMS[name].file())
    found = runner.diagnose(tmp_path / "mine.py", into=None)
    assert {part.finding for part in anatomy(found) if part.finding} == set(found.findings)
    text = page_text(found)
    code = re.compile(r" +(there|look|fault|line|by itself)")
    assert all(len(line) <= 80 for line in text.splitlines() if not code.match(line))
    for part in anatomy(found):
        assert part.place in page_html(found).replace("&#39;", "'")


def test_a_trace_has_a_page_too(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(RIGHT_PROGRAMS["in place"])
    found = runner.diagnose(tmp_path / "mine.py", into=None)
    assert "Your program is right." in page_html(replace(found, twin=None, found=None))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1400])
def test_a_browser_shows_it(width: int, scheme: str, wrong: tuple[Diagnosis, Path], browser: Any) -> None:
    problems: list[str] = []
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: problems.append(request.url) if "page.html" not in request.url else None)
    page.goto(wrong[1].as_uri())
    assert problems == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    said = page.inner_text("body")
    assert "2 mistakes." in said
    assert page.inner_text("h1") == NAME
    assert page.locator("li.wrong").count() == 2
    assert page.locator("li.right").count() == 11
    assert "d_j = f'(z_j) sum_k (w_kj - h g_kj) (y_k - t_k)" in said
    assert page.locator("tr").count() == len(wrong[0].rates)
    assert "These formulas alone give the weights of your program for 100 updates" in said
    ground, ink = page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    brightness = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ground, ink)]
    assert (brightness[0] > brightness[1]) is (scheme == "light")
    # A bar is as long as its share.
    for row, rate in zip(page.locator("tr").all(), wrong[0].rates, strict=True):
        track, bar = (row.locator(f"rect.{kind}").bounding_box()["width"] for kind in ("track", "bar"))
        assert bar == pytest.approx(track * rate.share, abs=1.0)
    page.close()
