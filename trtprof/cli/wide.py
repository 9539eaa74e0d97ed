"""Text with characters two cells wide, as Chinese has: how wide it is, and where its lines may break."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_WIDE: Final = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uff60\u3000-\u303f"
_IS_WIDE: Final = re.compile(f"[{_WIDE}]")
_PIECE: Final = re.compile(rf"\s+|[（“《]*(?:[^\s{_WIDE}“”]+|[{_WIDE}])[，。；：、！？）”》]*|.")
"""A blank, a wide character, or a word; with an opening mark before it and the closing ones behind it."""


def is_wide(text: str) -> bool:
    """Return whether a text has characters of two cells."""
    return _IS_WIDE.search(text) is not None


def padded(text: str, width: int, *, left: bool = False) -> str:
    """Return a text with blanks behind it up to so many cells, or before it."""
    blanks = " " * max(0, width - cells(text))
    return blanks + text if left else text + blanks


def cells(text: str) -> int:
    """Return how many cells of a terminal a text takes."""
    from rich.cells import cell_len

    return cell_len(text)


def fold(text: str, width: int) -> str:
    """Return a text in lines of at most ``width`` cells, all of them indented as the first.

    Lines break at blanks and beside wide characters, but no line begins with a closing mark. A word that is wider than
    a line stays whole.
    """
    body = text.lstrip(" ")
    indent = " " * (len(text) - len(body))
    return "\n".join(indent + line for line in _lines(body, max(1, width - len(indent))))


def _lines(text: str, width: int) -> Iterator[str]:
    line, used = "", 0
    for piece in _PIECE.findall(text):
        more = cells(piece)
        if line and used + more > width and not piece.isspace():
            yield line.rstrip()
            line, used = "", 0
        line, used = line + piece, used + more
    yield line.rstrip()
