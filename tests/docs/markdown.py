"""What a page of documentation holds: blocks of code with their marks, links, and the anchors of headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "fixtures/**/*.md")
    for path in ROOT.glob(pattern)
    if "build" not in path.relative_to(ROOT).parts
)
RUNNABLE = ("sh", "bash", "console", "python")
_FENCE = re.compile(r"^( *)(```+)(\S*)\s*$")
_MARK = re.compile(r"^ *<!-- (not run|run with|shown by): (.+?) -->\s*$")
_HEADING = re.compile(r"^#{1,6} +(.+?)\s*#*$", re.MULTILINE)
_LINK = re.compile(r"!?\[[^\]\n]*(?:\n[^\]\n]*)?\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, its text without the indent, the line of its fence, and the mark above it."""

    page: Path
    line: int
    language: str
    text: str
    mark: str | None = None
    about: str | None = None

    @property
    def place(self) -> str:
        """File and line, as a test names them."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page. A mark is an HTML comment on the line right above the fence."""
    lines = page.read_text(encoding="utf-8").split("\n")
    at = 0
    while at < len(lines):
        fence = _FENCE.match(lines[at])
        if fence is None:
            at += 1
            continue
        indent, ticks, language = fence.groups()
        end = next(number for number in range(at + 1, len(lines)) if lines[number].strip() == ticks)
        text = "\n".join(line.removeprefix(indent) for line in lines[at + 1 : end])
        mark = _MARK.match(lines[at - 1]) if at else None
        yield Block(page, at + 1, language, text, *(mark.groups() if mark else ()))
        at = end + 1


def prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^( *)(```+).*?^\1\2\s*$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def links(page: Path) -> list[str]:
    """Return where the links and pictures of a page lead, outside its code."""
    return _LINK.findall(re.sub(r"`[^`\n]*`", "", prose(page)))


def inline_code(page: Path) -> list[str]:
    """Return what stands in backticks on a page, joined where a line was broken."""
    return [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose(page))]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and the site make them."""
    found: dict[str, int] = {}
    names = set(re.findall(r'<a (?:id|name)="([^"]+)"', prose(page)))
    for heading in _HEADING.findall(prose(page)):
        text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-")
        count = found.get(slug, 0)
        found[slug] = count + 1
        names.add(slug if count == 0 else f"{slug}-{count}")
    return names
