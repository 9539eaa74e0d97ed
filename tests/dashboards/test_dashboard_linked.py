"""What a reader does with the page in a real browser: selecting layers, themes, print, and what axe-core says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sample
from browsing import Reader, violations

from trtprof.dashboards.page import render
from trtprof.dashboards.panels import PANELS

BRIGHT = (
    "[...document.querySelectorAll('#{chart} .point')].filter(e => getComputedStyle(e).opacity === '{opacity}').length"
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    page: Path = tmp_path_factory.mktemp("page") / "page.html"
    page.write_text(render(sample.comparison()), encoding="utf-8")
    return page.as_uri()


@pytest.fixture(scope="module")
def reader(chromium: Any, address: str) -> Iterator[Reader]:
    context = chromium.new_context(
        viewport={"width": 1280, "height": 900}, color_scheme="light", reduced_motion="reduce"
    )
    yield Reader(context.new_page())
    context.close()


@pytest.fixture(autouse=True)
def opened(reader: Reader, address: str) -> Iterator[None]:
    reader.page.set_viewport_size({"width": 1280, "height": 900})
    reader.page.emulate_media(media="screen", color_scheme="light")
    reader.open(address)
    yield
    assert reader.complaints == []


def test_a_row_of_a_table_is_selected_everywhere(reader: Reader) -> None:
    reader.page.click("#e2r1 th a")
    assert reader.page.url.endswith("#layer=e2r1")
    assert {"e2r1"} <= reader.picked("this")
    assert {"e0r0", "e1r3", "e2r3", "group-0"} <= reader.picked("same")
    assert "int8 row 1, __myl_compute_1" in reader.said
    bright = reader.page.evaluate(BRIGHT.format(chart="order-chart-0", opacity=1))
    assert bright == 15, "the sample's rows are one node group"
    assert reader.page.text_content("#order-chart-0 .pointer") == "▲ row 1"
    assert reader.page.get_attribute("#e2r1", "aria-current") == "true"
    assert reader.page.is_visible("#selected")


def test_a_deep_link_survives_a_reload_and_arrives(reader: Reader, address: str) -> None:
    reader.open(f"{address}#layer=e2r5")
    for _ in range(2):
        assert "e2r5" in reader.picked("this")
        top = reader.page.evaluate("document.getElementById('e2r5').getBoundingClientRect().top")
        assert 0 < top < 900
        reader.page.reload()
        reader.page.wait_for_selector("html[data-charts]", state="attached")


def test_escape_clears_and_says_so(reader: Reader, address: str) -> None:
    reader.open(f"{address}#layer=e0r1")
    reader.page.keyboard.press("Escape")
    assert (reader.picked("this"), reader.picked("same")) == (set(), set())
    assert reader.page.url == address
    assert reader.said == "No layer is selected."
    assert not reader.page.is_visible("#selected")


def test_evidence_leads_to_the_layer_and_selects_it(reader: Reader) -> None:
    reader.page.click("#findings details[open] li a >> nth=0")
    chosen = re.search(r"#layer=(e\d+r\d+)$", reader.page.url)
    assert chosen is not None
    assert chosen[1] in reader.picked("this")
    assert reader.page.evaluate(f"document.getElementById('{chosen[1]}').getBoundingClientRect().top < innerHeight")


def test_a_bar_is_pressed(reader: Reader) -> None:
    reader.page.locator("#order").scroll_into_view_if_needed()
    bar = reader.page.locator("#order-chart-0 .bars .point path").first.bounding_box()
    reader.page.mouse.click(bar["x"] + bar["width"] / 2, bar["y"] + bar["height"] / 2)
    reader.page.wait_for_selector("[data-picked=this]")
    assert "#layer=e" in reader.page.url


def test_a_point_of_a_chart_is_pressed(reader: Reader) -> None:
    point = reader.page.locator("#layer-speedup-chart-0 .scatterlayer .point").last
    point.scroll_into_view_if_needed()
    point.click(force=True)
    reader.page.wait_for_selector("#e2r3[data-picked=this]", state="attached")


def test_layers_are_reached_and_stepped_through_by_keyboard(reader: Reader) -> None:
    reader.page.focus("#e0r0 th a")
    reader.page.keyboard.press("Enter")
    assert reader.page.url.endswith("#layer=e0r0")
    reader.page.focus("#selected button >> nth=1")
    reader.page.keyboard.press("Enter")
    reader.page.wait_for_selector("#e0r1[data-picked=this]", state="attached")


def test_a_layer_the_page_does_not_have_is_not_invented(reader: Reader, address: str) -> None:
    reader.open(f"{address}#layer=e7r99")
    assert reader.picked("this") == set()
    assert reader.said == "This page has no such layer."


def test_the_back_button_goes_to_the_layer_before(reader: Reader) -> None:
    reader.page.click("#e0r0 th a")
    reader.page.click("#e0r1 th a")
    reader.page.go_back()
    reader.page.wait_for_selector("#e0r0[data-picked=this]", state="attached")


@pytest.mark.parametrize(("scheme", "selected"), [("light", ""), ("dark", "#layer=e2r1")])
def test_axe_finds_nothing_to_complain_of(reader: Reader, address: str, scheme: str, selected: str) -> None:
    reader.page.emulate_media(color_scheme=scheme)
    reader.open(address + selected)
    assert violations(reader.page) == []


def test_the_button_switches_the_theme_of_page_and_charts(reader: Reader) -> None:
    before = reader.page.evaluate("getComputedStyle(document.body).backgroundColor")
    reader.page.click("#theme")
    assert reader.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 28)" != before
    assert reader.page.evaluate("document.getElementById('order-chart-0').layout.font.color") == "#e8ecf1"
    reader.page.click("#theme")
    reader.page.evaluate("localStorage.clear()")


@pytest.mark.parametrize("width", [1280, 360])
def test_panels_stand_one_under_the_other_and_fit(reader: Reader, address: str, width: int) -> None:
    reader.page.set_viewport_size({"width": width, "height": 900})
    reader.open(address)
    assert reader.page.evaluate("document.documentElement.scrollWidth") <= width
    boxes = reader.page.evaluate(
        "[...document.querySelectorAll('section.panel')].map(e => [e.id, e.getBoundingClientRect().toJSON()])"
    )
    assert [name for name, _ in boxes] == [make(sample.comparison()).id for make in PANELS]
    assert all(above["bottom"] <= below["top"] for (_, above), (_, below) in pairwise(boxes))
    charts = reader.page.evaluate(
        "[...document.querySelectorAll('.chart')].map(e => [e.id, e.clientHeight, e.scrollWidth - e.clientWidth, "
        "e.querySelectorAll('.point, .slice, .lines path, .hm').length])"
    )
    assert [name for name, high, over, marks in charts if high < 100 or over > 0 or not marks] == []


def test_paper_has_every_panel_and_chart(reader: Reader, tmp_path: Path) -> None:
    paper: bytes = reader.page.pdf(format="A4", print_background=True)
    assert paper.startswith(b"%PDF-")
    reader.page.emulate_media(media="print")
    reader.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    hidden = reader.page.evaluate(
        "[...document.querySelectorAll('section.panel, .chart')].filter(e => e.getBoundingClientRect().height < 20)"
        ".map(e => e.id)"
    )
    wide = reader.page.evaluate(
        "[...document.querySelectorAll('.chart .main-svg')].filter(e => e.getBoundingClientRect().width > 700).length"
    )
    assert (hidden, wide) == ([], 0)
    reader.page.evaluate("dispatchEvent(new Event('afterprint'))")
