"""What templates and the page's script say is in the catalogue, and they say nothing that is not looked up."""

from __future__ import annotations

import re

import pytest

from tests.language.sources import files
from tests.language.test_catalogue import BADLY_SPACED, CHINESE
from trtprof.language import Language, entries, translate

SCRIPTS = "\n".join(path.read_text(encoding="utf-8") for path in files("dashboards/templates/*.js"))
TEMPLATES = files("dashboards/templates/*.html")
TOLD = re.compile(r'\btell\("([^"]+)"')
LOOKED_UP = re.compile(r'"([^"{}]*[a-z][^"{}]*)"\)?\|said')
OF_JINJA_AND_HTML = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<style.*?</style>|<[^>]*>", re.DOTALL)
ATTRIBUTES = re.compile(r'\b(?:aria-label|title|placeholder|alt)="([^"{]*)"')


def is_known(text: str) -> bool:
    return CHINESE.search(translate(text, Language.ZH)) is not None


def test_what_the_script_says_is_there_and_nothing_else() -> None:
    assert set(TOLD.findall(SCRIPTS)) == set(entries(Language.ZH, "page_script"))


@pytest.mark.parametrize(("english", "said"), entries(Language.ZH, "page_script").items())
def test_what_the_script_says_has_whole_holes(english: str, said: str) -> None:
    holes = {str(place + 1) for place in range(english.count("{}"))}
    assert set(re.findall(r"\{(\d)!s\}", said)) == holes
    assert BADLY_SPACED.search(re.sub(r"\{\d!s\}", "□", said)) is None


def test_the_script_shows_no_text_that_is_not_looked_up() -> None:
    """What it writes into elements, beside figures and names, comes from the catalogue."""
    written = re.findall(r"(?:textContent|ariaLabel|innerText)\s*[:=]\s*[`\"]([^`\"]*)", SCRIPTS)
    assert [text for text in written if re.search(r"[a-z]{2}", text)] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_every_text_of_a_template_is_looked_up_and_there(path: object) -> None:
    text = path.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    assert [word for word in re.findall(r"[A-Za-z]{2,}", OF_JINJA_AND_HTML.sub(" ", text)) if word != "trtprof"] == []
    assert [word for word in ATTRIBUTES.findall(text) if re.search(r"[a-z]{2}", word)] == []
    assert [said for said in LOOKED_UP.findall(text) if not is_known(said) and not is_known(f"7{said}")] == []
