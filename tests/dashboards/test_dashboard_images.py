"""Pictures of charts: a small SVG without any tool, and PNG and SVG files where kaleido and a browser are."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import board_sample
import pytest
import sample
import trace_sample

from trtprof.api import Report
from trtprof.comparison import Comparison
from trtprof.dashboards import images, panels
from trtprof.dashboards.summary_svg import summary_svg
from trtprof.errors import UsageError
from trtprof.model import DType, Inference


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


def test_the_panels_that_can_be_asked_for_are_those_with_charts() -> None:
    drawn = [*panels.panels_of(trace_sample.comparison()), *panels.panels_of(board_sample.comparison())]
    drawn += panels.panels_of(measured_sample())
    assert set(images.CHARTED) == {panel.id for panel in drawn if panel.figures}


def measured_sample() -> Comparison:
    """The sample with single inferences, which only measured engines have, and conversions of several kinds."""
    first, second, third = sample.half_measured().engines
    timed = replace(first, engine=replace(first.engine, inference=Inference(compute_ns=(1e6, 1.1e6, 1.2e6))))
    one, other = third.conversions
    mixed = replace(third, conversions=(one, replace(other, from_dtype=DType.FP16)))
    return replace(sample.comparison(), engines=(timed, second, mixed))


@pytest.mark.parametrize(
    ("name", "hint"),
    [("timelin", "did you mean timeline? panels with charts: precision-mix, "), ("zzz", "panels with charts: ")],
)
def test_a_panel_of_no_such_name_is_refused_with_the_names(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match="expected a panel with charts") as caught:
        images.check_panels(["order", name])
    assert (caught.value.hint or "").startswith(hint)


def test_one_panel_is_written_and_one_without_a_chart_here_says_why(tmp_path: Path) -> None:
    pytest.importorskip("kaleido", reason="kaleido is not installed: pip install 'trtprof[png]'")
    with pytest.raises(UsageError, match="--panel timeline: nothing to draw here") as caught:
        images.write_images(sample.comparison(), tmp_path, ["timeline"])
    assert "no trace of Nsight Systems" in (caught.value.hint or "")
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))):
        pytest.skip("no browser for kaleido")
    files = images.write_images(sample.comparison(), tmp_path, ["memory"])
    assert [path.name for path in files] == ["memory-0.png", "memory-0.svg"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["memory-0.png", "memory-0.svg"]
