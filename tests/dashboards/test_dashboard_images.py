"""Pictures of charts: a small SVG without any tool, and PNG and SVG files where kaleido and a browser are."""

from __future__ import annotations

import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest
import sample

from trtprof.api import Report
from trtprof.dashboards import images, panels
from trtprof.dashboards.summary_svg import summary_svg


@pytest.mark.parametrize("make", [sample.comparison, sample.half_measured, sample.nothing_built])
def test_the_small_picture_is_xml_whatever_names_it_holds(make: object) -> None:
    comparison = make()  # type: ignore[operator]
    tree = ElementTree.fromstring(summary_svg(comparison))
    assert {element.tag.rpartition("}")[2] for element in tree.iter()} <= {"svg", "title", "rect", "text", "path"}
    assert len([element for element in tree.iter() if element.tag.endswith("text")]) == len(comparison.engines)


def test_a_modelled_time_has_its_range_in_the_small_picture_and_an_unknown_one_no_bar() -> None:
    svg = summary_svg(sample.half_measured())
    assert svg.count("<path") == 1, "one of three is modelled"
    assert svg.count("<rect") == 3, "the frame and two bars"
    assert "int8: cannot tell" in svg


def test_a_chart_becomes_a_png_and_an_svg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("kaleido", reason="kaleido is not installed: pip install 'trtprof[png]'")
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))):
        pytest.skip("no browser for kaleido")
    monkeypatch.setattr(panels, "PANELS", (panels.precision_mix.panel,))
    first, second = images.write_images(sample.comparison(), tmp_path / "charts")
    assert (first.name, second.name) == ("precision-mix-0.png", "precision-mix-0.svg")
    assert first.read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in second.read_bytes()[:200]


def test_a_notebook_shows_the_findings_with_their_savings() -> None:
    text = Report(sample.comparison())._repr_html_()
    assert "0.001 to 0.003, modelled" in text
    assert "cannot tell" in text, "the note's saving is unknown"
    assert "quantise it" in text
    assert "<img" not in text
