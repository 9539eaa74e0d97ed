"""Names as text in GitHub's and GitLab's Markdown: whatever a layer is called, it shows as it is and does nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from trtprof.language import shown

_MARKUP = re.compile(r"([\\`*\[\]|~$])")
_EDGE_UNDERSCORE = re.compile(r"(?<![^\W_])_+|_+(?![^\W_])")
"""Underscores that can open or close emphasis; one between two letters cannot, and kernel names are full of those."""
_REFERENCE = re.compile(r"@(?=\w)|[#!](?=\d)")
"""What a forge turns into a mention of a person, an issue or a merge request. Its filter looks at the text between
tags, after Markdown is read, so that a backslash does not stop it but an empty comment does."""
_BLOCK_START = re.compile(r"^(?:([#>+=-])|(\d+)([.)]))")


def cell(text: str) -> str:
    """Return text for a table cell or the middle of a line."""
    plain = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in " ".join(text.split())
    )
    plain = plain.replace("&", "&amp;").replace("<", "&lt;")
    plain = _MARKUP.sub(r"\\\1", plain)
    plain = _EDGE_UNDERSCORE.sub(lambda found: "\\_" * len(found[0]), plain)
    return _REFERENCE.sub(lambda found: f"{found[0]}<!-- -->", plain)


def line(text: str) -> str:
    """Return text that begins a line: neither a heading, a list, a quotation nor a rule."""
    return _BLOCK_START.sub(lambda found: f"\\{found[1]}" if found[1] else f"{found[2]}\\{found[3]}", cell(text))


def said(text: str) -> str:
    """Return words of ours in the language in use, for a table cell or the middle of a line."""
    return cell(shown(text))


def said_line(text: str) -> str:
    """Return words of ours in the language in use that begin a line."""
    return line(shown(text))


def all_shown(*texts: str) -> tuple[str, ...]:
    """Return words in the language in use, as the headings or cells of a table."""
    return tuple(map(shown, texts))


def table(headings: Sequence[str], rows: Iterable[Sequence[str | Sequence[str]]]) -> Iterator[str]:
    """Yield the lines of a table; a cell of several texts has them below each other."""
    yield f"| {' | '.join(map(cell, headings))} |"
    yield "|" + "---|" * len(headings)
    for row in rows:
        yield f"| {' | '.join(_parts(item) for item in row)} |"


def _parts(item: str | Sequence[str]) -> str:
    return cell(item) if isinstance(item, str) else " <br> ".join(map(cell, item))
