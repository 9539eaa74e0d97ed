"""No link of the documentation is dead, and no page of it lies outside the site's table of contents."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.conftest import ROOT
from tests.docs.markdown import PAGES, anchors, links

DOCS = ROOT / "docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    dead = []
    for link in links(page):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


def test_the_reader_of_links_sees_them(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A `b` c: d\n\n[x](#a-b-c-d) ![y\nz](p.png) `[n](o)`\n\n```text\n[n](o)\n# no heading\n```\n## A\n## A\n"
    )
    assert links(page) == ["#a-b-c-d", "p.png"]
    assert anchors(page) == {"a-b-c-d", "a", "a-1"}


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: str(page.relative_to(DOCS)))
def test_a_page_of_the_site_links_to_nothing_outside_it(page: Path) -> None:
    local = [link for link in links(page) if not link.startswith(("http", "#"))]
    outside = [link for link in local if not (page.parent / link.partition("#")[0]).resolve().is_relative_to(DOCS)]
    assert outside == []
