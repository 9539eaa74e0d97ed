"""The walk in docs/reading-the-page.md says what the program says of those engines."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import sample

from trtprof.dashboards.panels import PANELS, timeline
from trtprof.model import Engine, LayerKind
from trtprof.pipeline.measured import read_measured
from trtprof.pipeline.traces import with_timelines

DOCS = Path(__file__).parents[2] / "docs"
WALK = DOCS / "reading-the-page.md"


def test_every_quoted_sentence_stands_on_the_page(shared: Path) -> None:
    names = ("fp32", "fp16", "qat")
    files = [
        next((shared / "trex").glob(f"examples__pytorch__resnet__A100__{name}__*.engine.graph.json")) for name in names
    ]
    comparison = read_measured([(None, path) for path in files], command="test")
    text = " ".join([*(make(comparison).text for make in PANELS), traced(shared)])
    quotes = re.findall(r"^> (.*)\.$", WALK.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(quotes) == 7
    assert [quote for quote in quotes if quote not in text] == []


def traced(shared: Path) -> str:
    """What the page says of the real trace, for an engine that has the layers of the inference shown."""
    path = shared / "nsys_sqlite" / "trt_edgellm_orin_nano_nsys2025.3.1_schema3.20.sqlite"
    engine = Engine("fp16", None, (), traces=(str(path),))
    own = sample.row(0, LayerKind.COMPUTE, (), (None, None), None)
    row = replace(own, layer=replace(own.layer, name="/model/layers.0/self_attn/qkv_proj/k_proj/MatMulPlugin"))
    base = sample.comparison()
    (built,) = with_timelines([replace(base.engines[0], name="fp16", engine=engine, rows=(row,))])
    return timeline.panel(replace(base, engines=(built,))).text


def test_its_pictures_are_there_and_small() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", WALK.read_text(encoding="utf-8"))
    assert len(pictures) == 7
    assert all((DOCS / name).stat().st_size <= 150_000 for name in pictures)
    assert {path.name for path in (DOCS / "page").iterdir()} == {Path(name).name for name in pictures}
