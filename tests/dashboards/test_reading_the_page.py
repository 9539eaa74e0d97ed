"""The walk in docs/reading-the-page.md says what the program says of those engines."""

from __future__ import annotations

import re
from pathlib import Path

from trtprof.dashboards.panels import PANELS
from trtprof.pipeline.measured import read_measured

DOCS = Path(__file__).parents[2] / "docs"
WALK = DOCS / "reading-the-page.md"


def test_every_quoted_sentence_stands_on_the_page(shared: Path) -> None:
    names = ("fp32", "fp16", "qat")
    files = [
        next((shared / "trex").glob(f"examples__pytorch__resnet__A100__{name}__*.engine.graph.json")) for name in names
    ]
    comparison = read_measured([(None, path) for path in files], command="test")
    text = " ".join(make(comparison).text for make in PANELS)
    quotes = re.findall(r"^> (.*)\.$", WALK.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(quotes) == 6
    assert [quote for quote in quotes if quote not in text] == []


def test_its_pictures_are_there_and_small() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", WALK.read_text(encoding="utf-8"))
    assert len(pictures) == 6
    assert all((DOCS / name).stat().st_size <= 150_000 for name in pictures)
    assert {path.name for path in (DOCS / "page").iterdir()} == {Path(name).name for name in pictures}
