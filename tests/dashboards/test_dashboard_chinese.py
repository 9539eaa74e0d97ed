"""Every page in Chinese: no English sentence is left, names stay names, and a browser shows it like any other."""

from __future__ import annotations

import contextvars
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import sample
import test_dashboard_every_page as every
import trace_sample
from browsing import Reader

from trtprof.api import Report
from trtprof.comparison import Comparison
from trtprof.dashboards import page, table
from trtprof.dashboards.page import render
from trtprof.dashboards.summary_svg import summary_svg
from trtprof.language import Language, showing, translate

SENTENCE = re.compile(r"\b[a-z]{2,} [a-z]{2,}\b")
CHINESE = re.compile("[\u4e00-\u9fff]")
KEYS = {"text", "name", "hovertext", "title", "labels", "names", "times", "x", "y", "ticktext"}
"""Where a figure or a layer holds what is shown."""
PAGES: dict[str, Callable[[], str]] = {
    **every.PAGES,
    "sample": lambda: render(sample.comparison()),
    "nothing built": lambda: render(sample.nothing_built()),
    "half measured": lambda: render(sample.half_measured()),
    "long": lambda: render(sample.large(60)),
}
OF_THE_SAMPLES = (
    sample.HOSTILE, sample.HOSTILE_ATTRIBUTE, "no calibration data", "modelopt is missing",
    "pip install nvidia-modelopt", "a guide",
    "who knows", "on purpose", "No GPU was used; every time is modelled and printed as a range.", "residual Add",
    "does not fuse the epilogue of a quantised convolution", "a tensor named", "no roof", "no layer names its kernel",
    "rank correlation", "No winner can be called between", "the input arrives as", "reads FP16", "quantise it",
    "a model",
    "no GPU", "4 of 9 layers", "DLA only supports FP16 and INT8", "tegrastats was not recorded", "minmax on random",
    "unpadded", "10 iterations are too few", "near the input", "Near the input", "SMs of an", "RTX splits it",
    "trtprof compare",
)  # fmt: skip
"""What the samples hold in place of names, reasons and sentences of the program."""


class Texts(HTMLParser):
    """The texts of a page that are words of ours: not names in ``code``, not scripts, not styles."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in {"aria-label", "title", "placeholder"} and value]
        if tag in {"code", "script", "style"}:
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._inside:
            self._inside.remove(tag)

    def handle_data(self, data: str) -> None:
        if not self._inside and data.strip():
            self.found.append(data.strip())


def strings(value: object, key: str = "") -> Iterator[str]:
    if isinstance(value, str):
        if key in KEYS:
            yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from strings(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item, key)


def texts_of(make: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return all that a page shows in Chinese, that of its charts and of its packed tables too."""
    page.prepare()  # plotly.js is packed once for all pages, and not by what stands in for it here
    carried: list[str] = []

    def noted(text: Any) -> str:
        carried.append(str(text))
        return ""

    for module in (page, table):
        monkeypatch.setattr(module, "packed", noted)
    with showing(Language.ZH):
        carried.append(make())
    found = []
    for text in carried:
        if text.startswith("{"):
            found += strings(json.loads(text))
        elif not text.startswith("/*"):
            parser = Texts()
            parser.feed(text)
            found += parser.found
    return found


@pytest.mark.parametrize("name", PAGES)
def test_no_english_sentence_is_left(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    left = []
    texts = texts_of(PAGES[name], monkeypatch)
    for text in texts:
        bare = text.replace("&lt;", "<").replace("&gt;", ">")
        for known in OF_THE_SAMPLES:
            bare = bare.replace(known, "")
        if SENTENCE.search(re.sub("“[^”]*”", "", bare)):
            left.append(text)
    assert left == []
    assert sum(CHINESE.search(text) is not None for text in texts) > 20


def named_like_sentences() -> tuple[Comparison, tuple[str, ...]]:
    """A comparison whose engine, layers, nodes, kernels, output and model are called like sentences of ours."""
    names = (
        "Pareto front", "per-channel SQNR", "thresholds of each activation", "spread of each weight",
        "your metric, measured", "in mixed precision",
    )  # fmt: skip
    engine, layer, node, output, kernel, model = names
    base = trace_sample.comparison()
    first, *rest = base.engines
    rows = (
        replace(first.rows[0], layer=replace(first.rows[0].layer, name=layer, tactic=kernel), nodes=(node,)),
        *first.rows[1:],
    )
    timeline = first.timeline
    traced = replace(timeline, kernels=tuple(replace(item, name=kernel, layer=layer) for item in timeline.kernels))  # type: ignore[type-var, union-attr]
    accuracy = tuple(replace(item, output=output) for item in first.accuracy)  # type: ignore[union-attr]
    built = replace(first, name=engine, rows=rows, timeline=traced, accuracy=accuracy)
    groups = tuple(replace(group, nodes=(node, *group.nodes[1:])) for group in base.groups)
    changed = replace(base, engines=(built, *rest), groups=groups, model=replace(base.model, name=model))
    return changed, names


def test_a_name_is_never_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    comparison, names = named_like_sentences()
    shown = "\n".join(texts_of(lambda: render(comparison) + summary_svg(comparison), monkeypatch))
    for name in names:
        assert CHINESE.search(translate(name, Language.ZH)), name
        assert translate(name, Language.ZH) not in shown, name


def test_the_page_says_its_language_and_asks_for_fonts_that_have_it() -> None:
    english = render(sample.comparison())
    with showing(Language.ZH):
        chinese = render(sample.comparison())
    assert '<html lang="en">' in english
    assert 'id="words"' not in english
    assert CHINESE.search(english) is None
    assert '<html lang="zh-Hans">' in chinese
    for font in ("PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Source Han Sans SC"):
        assert f'"{font}"' in chinese
        assert font not in english


def test_the_picture_of_a_summary_is_in_chinese_too() -> None:
    with showing(Language.ZH):
        picture = summary_svg(sample.half_measured())
    assert "实测" in picture
    assert "Noto Sans CJK SC" in picture
    assert "Noto" not in summary_svg(sample.half_measured())


@pytest.mark.parametrize(("language", "word"), [("zh", "<th>严重程度</th>"), ("en", "<th>severity</th>")])
def test_a_notebook_shows_the_language_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, language: str, word: str
) -> None:
    monkeypatch.setenv("TRTPROF_LANG", language)
    report = Report(sample.comparison())
    assert word in contextvars.Context().run(report._repr_html_)
    code = {"zh": "zh-Hans", "en": "en"}[language]
    assert f'<html lang="{code}">' in contextvars.Context().run(report.to_html)


def test_a_page_in_chinese_is_legible_everywhere(chromium: Any, tmp_path: Path) -> None:
    with showing(Language.ZH):
        text = render(trace_sample.comparison())
    path = tmp_path / "chinese.html"
    path.write_text(text, encoding="utf-8")
    every.hold(chromium, path.as_uri())
    reader = Reader(chromium.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce"))
    reader.open(path.as_uri() + "#layer=e2r1")
    assert reader.page.text_content("#conversions-table [role=status]") == "显示 2 行中的 2 行"
    assert reader.said.startswith("已选中：int8 第 1 行，__myl_compute_1")
    assert SENTENCE.search(reader.page.inner_text("#selected").split("__myl")[0]) is None
    assert reader.complaints == []
    reader.page.close()
