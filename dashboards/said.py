"""Text in the reader's language, where it enters a page or a chart. Names are data and are never looked up.

A panel composes its sentences in English. What it hands to a template, a table or a chart is looked up there, once;
what is a name, or was said already, is :class:`Said` and stays as it is.
"""

from __future__ import annotations

import re
from typing import Final

from trtprof.language import Language, entries, shown, shown_language

_LETTERS: Final = re.compile(r"[A-Za-z]{2}")
_SAID_BY_SCRIPT: Final = re.compile(r'\btell\("([^"]+)"')
_CHINESE_MARKS: Final = {": ": "：", "; ": "；", ", ": "，", ".": "。"}
_HTML_CODES: Final = {Language.EN: "en", Language.ZH: "zh-Hans"}
_SANS: Final = {
    Language.EN: ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Liberation Sans", "sans-serif"),
    Language.ZH: (
        "system-ui", "-apple-system", "Segoe UI", "Roboto", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC",
        "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Micro Hei", "Liberation Sans", "sans-serif",
    ),
}  # fmt: skip


class Said(str):
    """A name out of a model or an engine, or text that is in the reader's language: shown as it is."""

    __slots__ = ()


def said(text: str) -> str:
    """Return a text in the reader's language; a name, markup, or what was said already as it is."""
    if isinstance(text, Said) or hasattr(text, "__html__") or shown_language() is Language.EN:
        return text
    return Said(shown(text) if _LETTERS.search(text) else text)


def about(name: str, text: str, joint: str = ": ") -> Said:
    """Return what is said of something that has a name: ``name: text``."""
    return Said(f"{name}{mark(joint)}{said(text)}")


def mark(english: str) -> str:
    """Return a mark between texts as the reader's language writes it: ``": "``, ``"; "``, ``", "`` or ``"."``."""
    return english if shown_language() is Language.EN else _CHINESE_MARKS[english]


def html_code() -> str:
    """Return the reader's language as HTML names it."""
    return _HTML_CODES[shown_language()]


def sans(quote: str) -> str:
    """Return the fonts to choose from, as CSS lists them: for Chinese those of each system that have its characters."""
    return ", ".join(f"{quote}{name}{quote}" if " " in name else name for name in _SANS[shown_language()])


def script_words(script: str) -> dict[str, str]:
    """Return what ``tell("…")`` of the page's script says, in the reader's language; nothing in English."""
    language = shown_language()
    if language is Language.EN:
        return {}
    known = entries(language, "page_script")
    return {text: known[text] for text in _SAID_BY_SCRIPT.findall(script) if text in known}
