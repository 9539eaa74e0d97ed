"""Every page that trtprof writes, in a real browser: silent, within its width, legible, and whole on paper."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import board_sample
import numpy as np
import pytest
import sample
import test_dashboard_history as past
import trace_sample
from browsing import Reader, violations

from trtprof.dashboards.calibration_page import render_calibration
from trtprof.dashboards.history import render_history
from trtprof.dashboards.page import render
from trtprof.dashboards.plan_page import render_plan
from trtprof.dashboards.sensitivity_page import render_sensitivity
from trtprof.model import Notice, Provenance
from trtprof.pipeline.measured import read_measured
from trtprof.quantisation import Activation, LayerSensitivity, Plan, PlanPoint, Sensitivity, Weight

HOSTILE = sample.HOSTILE
TREX = "examples__pytorch__resnet__A100__{0}__*.engine.graph.json"


def sensitivity() -> Sensitivity:
    rows = tuple(
        LayerSensitivity(f"conv{place}{HOSTILE}", (f"conv{place}",), ("Conv",), place / 29, 30.0 + place, 0.999, None)
        for place in range(30)
    )
    return Sensitivity("net", "ab" * 32, "alone", "minmax", True, "random", 8, True, 21.5, rows, {}, 3.0)


def plan() -> Plan:
    points = [
        PlanPoint(tuple(f"conv{i}" for i in range(count)), (count * 1e4,) * 3, 40.0 - count, min(count, 2), count)
        for count in range(1, 9)
    ]
    empty = PlanPoint((), (0.0, 0.0, 0.0), math.inf, 0, 0)
    return Plan(
        "net", "fp16", f"int8{HOSTILE}", Provenance.MEASURED, 2e6, 1.5e6, (empty, *points), points[-1], points[3],
        "the knee", "measured", (f"fc{HOSTILE}",),
    )  # fmt: skip


def calibration() -> str:
    rng = np.random.default_rng(0)
    methods = ("minmax", "entropy", "percentile", "mse")
    amax, decibels = dict.fromkeys(methods, 3.0), dict.fromkeys(methods, 30.0)
    found = [Activation(f"t{HOSTILE}", rng.integers(0, 99, (2, 2048)), 4.0, 4.0, amax, decibels)]
    weights = [Weight(f"conv{HOSTILE}", "w", 64, 3.5, 28.0, 36.0, rng.integers(0, 99, 64), 0.5)]
    return render_calibration("net", "minmax on random", "minmax", found, weights, [Notice("x", f"advice {HOSTILE}")])


def resnet18(shared: Path) -> str:
    files = [next((shared / "trex").glob(TREX.format(name))) for name in ("fp32", "fp16", "qat")]
    return render(read_measured([(None, path) for path in files], command="trtprof compare fp32 fp16 qat"))


PAGES: dict[str, Callable[[], str]] = {
    "traced": lambda: render(trace_sample.comparison()),
    "boards": lambda: render(board_sample.comparison()),
    "history": lambda: render_history(past.runs()),
    "sensitivity": lambda: render_sensitivity("net", sensitivity(), "near the input"),
    "plan": lambda: render_plan("net", plan(), sensitivity(), "4 of 9 layers"),
    "calibration": calibration,
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], str]:
    folder = tmp_path_factory.mktemp("pages")

    def write(name: str, text: str) -> str:
        path = folder / f"{name}.html"
        path.write_text(text, encoding="utf-8")
        return path.as_uri()

    return write


def hold(chromium: Any, address: str) -> None:
    """Check what must hold of any page: wide and light, phone-narrow and dark, and on paper."""
    context = chromium.new_context(
        viewport={"width": 1280, "height": 900}, color_scheme="light", reduced_motion="reduce"
    )
    reader = Reader(context.new_page())
    reader.open(address)
    assert violations(reader.page) == []
    assert "could not be drawn" not in reader.page.inner_text("main")
    reader.page.emulate_media(color_scheme="dark")
    reader.page.set_viewport_size({"width": 390, "height": 844})
    reader.open(address)
    assert reader.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert reader.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 28)"
    reader.page.emulate_media(media="print")
    reader.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    seen = reader.page.evaluate(
        "[...document.querySelectorAll('section.panel, .chart')].filter(e => e.offsetHeight > 19).length"
    )
    assert seen == reader.page.locator("section.panel, .chart").count()
    assert reader.complaints == []
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_silent_and_legible_everywhere(chromium: Any, written: Callable[[str, str], str], name: str) -> None:
    hold(chromium, written(name, PAGES[name]()))


def test_the_page_of_real_engines_is_too(chromium: Any, written: Callable[[str, str], str], shared: Path) -> None:
    hold(chromium, written("resnet18", resnet18(shared)))


def test_a_kernel_of_the_timeline_selects_its_layer_and_its_layer_the_kernel(
    chromium: Any, written: Callable[[str, str], str]
) -> None:
    reader = Reader(chromium.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce"))
    reader.open(written("traced", PAGES["traced"]()))
    kernel = reader.page.locator("#timeline-chart-0 .bars .point path").nth(3)
    kernel.scroll_into_view_if_needed()
    box = kernel.bounding_box()
    reader.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    reader.page.wait_for_selector("tr[data-picked=this]", state="attached")
    chosen = reader.page.url.partition("#layer=")[2]
    assert chosen.startswith("e0r")
    lines = reader.page.locator(f"#timeline-0 tr[data-l={chosen}]")
    assert lines.count() > 0
    assert set(lines.evaluate_all("all => all.map(e => e.dataset.picked)")) == {"this"}
    assert reader.page.text_content("#order-chart-0 .pointer") == f"▲ row {chosen.partition('r')[2]}"
    assert reader.complaints == []


def test_a_long_table_is_filtered_sorted_and_copied_whole_without_running_a_formula(
    chromium: Any, written: Callable[[str, str], str]
) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    page.add_init_script(
        "Object.defineProperty(navigator, 'clipboard', {value: {writeText: async (text) => { window.copied = text; }}})"
    )
    reader = Reader(page)
    reader.open(written("long", render(formulas())))
    assert page.text_content("#rows-0 [role=status]") == "20 of 300 rows shown"
    page.fill("#rows-0 .filter", "conv_598")
    page.wait_for_function("document.querySelector('#rows-0 [role=status]').textContent === '1 of 300 rows shown'")
    page.fill("#rows-0 .filter", "")
    page.uncheck("#rows-0 .only")
    page.click("#rows-0 thead button >> nth=0")
    page.click("#rows-0 .csv")
    page.wait_for_function("document.querySelector('#rows-0 [role=status]').textContent === '300 rows copied'")
    lines = page.evaluate("window.copied").split("\n")
    assert len(lines) == 301
    fields = [line.split(",")[1] for line in lines[1:5]]
    assert fields == ["'=1+1", "'+cmd|x", "'-2+3", "'@SUM(A1)"]
    assert page.evaluate("window.copied").count("\n0,") == 1, "rows are in the order of the engine"
    assert reader.complaints == []
    context.close()


def formulas() -> Any:
    """A long engine whose first layers are called like a spreadsheet's formulas."""
    from dataclasses import replace

    names = ["=1+1", "+cmd|x", "-2+3", "@SUM(A1)"]
    base = sample.large(300)
    first = base.engines[0]
    rows = tuple(
        replace(row, layer=replace(row.layer, name=names[place])) if place < len(names) else row
        for place, row in enumerate(first.rows)
    )
    return replace(base, engines=(replace(first, rows=rows), *base.engines[1:]))


def test_a_deep_link_draws_the_line_it_leads_to(chromium: Any, written: Callable[[str, str], str]) -> None:
    reader = Reader(chromium.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce"))
    reader.open(written("long", render(formulas())) + "#layer=e1r5")
    reader.page.wait_for_selector("#e1r5[data-picked=this]", state="attached")
    reader.page.wait_for_function(
        "(top => top > 0 && top < 900)(document.getElementById('e1r5').getBoundingClientRect().top)"
    )
    assert reader.page.is_visible("#e1r5")
    assert reader.complaints == []
