from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
import sample
import trace_sample

from trtprof.dashboards.drawing import visible
from trtprof.dashboards.packing import _B85
from trtprof.dashboards.page import page_data, render
from trtprof.dashboards.panels import PANELS
from trtprof.dashboards.theme import DARK, LIGHT, to_dark

BUDGET = 2_200_000
OWN_BUDGET = 300_000
ELEMENTS = frozenset(
    {"html", "head", "meta", "title", "link", "style", "script", "body", "header", "p", "h1", "span", "button", "nav",
     "ol", "ul", "li", "a", "main", "section", "h2", "h3", "b", "div", "small", "code", "details", "summary", "table",
     "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "label", "input", "dl", "dt", "dd", "i"}
)  # fmt: skip


class Outline(HTMLParser):
    """What a browser would make of the page: its elements, attributes, scripts and visible text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.texts: list[str] = []
        self._inside: tuple[dict[str, str | None], list[str]] | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._inside = (dict(attrs), [])

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style") and self._inside is not None:
            if tag == "script":
                self.scripts.append((self._inside[0], "".join(self._inside[1])))
            self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside is not None:
            self._inside[1].append(data)
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))


@pytest.fixture(scope="module")
def page() -> str:
    return render(sample.comparison())


@pytest.fixture(scope="module")
def outline(page: str) -> Outline:
    return Outline(page)


def unpacked(attributes: dict[str, str | None], packed: str) -> str:
    digits = str.maketrans(attributes["data-alphabet"] or "", _B85)
    return gzip.decompress(base64.b85decode(packed.translate(digits))).decode()


def data_of(page: str) -> dict[str, Any]:
    attributes, packed = next(item for item in Outline(page).scripts if item[0].get("id") == "data")
    data: dict[str, Any] = json.loads(unpacked(attributes, packed))
    return data


def test_the_same_comparison_gives_the_same_bytes(page: str) -> None:
    assert render(sample.comparison()).encode() == page.encode()


def test_the_page_keeps_to_its_size(page: str) -> None:
    assert len(page.encode()) <= BUDGET
    large = render(trace_sample.large(300))
    packed = next(text for attributes, text in Outline(large).scripts if attributes.get("id") == "plotly")
    assert len(large.encode()) <= BUDGET
    assert len(large.encode()) - len(packed) <= OWN_BUDGET


def test_a_long_table_has_its_first_lines_and_all_of_them_packed() -> None:
    outline = Outline(render(sample.large(300)))
    rest = [(attributes, text) for attributes, text in outline.scripts if attributes.get("class") == "rest"]
    lines = [unpacked(attributes, text) for attributes, text in rest]
    assert [text.count("<tr ") for text in lines] == [int(attributes["data-rows"] or 0) for attributes, _ in rest]
    ids = {attributes["id"] for _, attributes in outline.elements if attributes.get("id")}
    ids |= {found for text in lines for found in re.findall(r"<tr id=(\S+?)[ >]", text)}
    assert {f"e{place}r{row}" for place in range(3) for row in range(300)} <= ids
    targets = {(attributes["href"] or "")[1:] for tag, attributes in outline.elements if tag == "a"}
    targets |= {found for text in lines for found in re.findall(r'<a href="#([^"]+)"', text)}
    assert targets <= ids
    assert not [tag for text in lines for tag in Outline(text).elements if tag[0] not in ELEMENTS]


def test_nothing_is_loaded_from_anywhere(page: str, outline: Outline) -> None:
    assert not re.search(r"https?:|//cdn|@import|url\(", page)
    for tag, attributes in outline.elements:
        assert "src" not in attributes
        assert tag != "a" or (attributes["href"] or "").startswith("#")
        assert tag != "link" or attributes["href"] == "data:,"


def test_every_inner_link_arrives(outline: Outline) -> None:
    ids = [attributes["id"] for _, attributes in outline.elements if attributes.get("id")]
    assert len(ids) == len(set(ids))
    targets = {(attributes["href"] or "")[1:] for tag, attributes in outline.elements if tag == "a"}
    assert targets <= set(ids)


def test_hostile_names_stay_text(page: str, outline: Outline) -> None:
    assert {tag for tag, _ in outline.elements} <= ELEMENTS
    handlers = [name for _, attributes in outline.elements for name in attributes if name.startswith("on")]
    assert handlers == []
    assert len(outline.scripts) == 3
    for place in ("__myl_compute_1" + sample.HOSTILE_ATTRIBUTE, f"conv1{sample.HOSTILE}", f"net{sample.HOSTILE}"):
        assert place in outline.text
    assert "<img" not in page


def test_the_data_block_cannot_end_its_script(page: str) -> None:
    data = re.search(r'<script type="application/octet-stream" id="data"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert data is not None
    assert not set("<>&\u2028\u2029") & set(data[1])
    assert set(data_of(page)) == {"dark", "figures", "layers"}


def test_the_page_knows_each_layer_by_engine_row_and_node_group(page: str) -> None:
    first, second, third = data_of(page)["layers"]
    assert (first["name"], first["rows"], first["groups"]) == ("fp32", [0, 1, 2, 3], [0, 0, 0, 0])
    assert third["times"][0] == "1.00 to 5.00 µs modelled"
    assert second["names"][0] == "__myl_compute_0"


def test_the_policy_names_the_scripts_of_the_page_and_no_other(outline: Outline) -> None:
    policy = next(attributes["content"] or "" for _, attributes in outline.elements if "http-equiv" in attributes)
    own = next(text for attributes, text in outline.scripts if not attributes)
    attributes, packed = next(item for item in outline.scripts if item[0].get("id") == "plotly")
    plotly = unpacked(attributes, packed)
    hashes = {"sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (own, plotly)}
    assert policy.startswith("default-src 'none'; script-src ")
    assert set(re.findall(r"sha256-[\w+/=]+", policy)) == hashes
    scripts = re.search(r"script-src ([^;]*)", policy)
    assert scripts is not None
    assert "unsafe" not in scripts[1]
    assert "eval" not in policy


def test_every_figure_is_one_for_plotly() -> None:
    import plotly.graph_objects as go

    for comparison in (sample.comparison(), sample.half_measured(), sample.nothing_built()):
        for figure in page_data([make(comparison) for make in PANELS])["figures"].values():
            whole = go.Figure(figure).to_plotly_json()
            assert "template" not in figure["layout"]
            if whole["data"][0]["type"] == "icicle":  # has no axes
                assert whole["layout"]["title"]["text"]
            else:
                assert whole["layout"]["xaxis"]["title"]["text"]


def test_each_panel_stands_on_the_page_with_its_title(outline: Outline) -> None:
    sections = [attributes["id"] for tag, attributes in outline.elements if tag == "section" and attributes.get("id")]
    panels = [make(sample.comparison()) for make in PANELS]
    assert sections == [panel.id for panel in panels]
    for panel in panels:
        assert panel.title.endswith("?")
        assert panel.text
        assert panel.title in outline.text


@pytest.mark.parametrize("make", [sample.nothing_built, sample.half_measured])
def test_a_page_with_gaps_is_still_a_page(make: object) -> None:
    text = Outline(render(make())).text  # type: ignore[operator]
    for panel in PANELS:
        assert panel(make()).title in text  # type: ignore[operator]
    assert not re.search(r"\bNone\b|\bnan\b", text)


def test_a_page_without_charts_carries_no_plotly() -> None:
    page = render(sample.nothing_built())
    assert len(page.encode()) < 60_000


def test_colours_of_both_themes_pair_up() -> None:
    assert LIGHT.keys() == DARK.keys()
    assert len(to_dark()) == len(LIGHT)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain/name_1", "plain/name_1"),
        ("schön → 10 µs", "schön → 10 µs"),
        ("a\x00b", "a\\u0000b"),
        ("a\u202eb", "a\\u202eb"),
        ("a\ud800b", "a\\ud800b"),
    ],
)
def test_characters_nobody_sees_are_spelled_out(text: str, expected: str) -> None:
    assert visible(text) == expected
    assert visible(text).encode()
