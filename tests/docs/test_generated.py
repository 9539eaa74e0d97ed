"""The pages that are made from code say what the code says."""

from __future__ import annotations

import ast
import re
import runpy
from collections.abc import Iterator

import pytest

from tests.conftest import ROOT
from trtprof.cli.environment import VARIABLES
from trtprof.parsers.registry import READERS, FileKind
from trtprof.parsers.support import SUPPORT

DOCS = ROOT / "docs"
LOOKED_AT_BY_OTHERS = {"NO_COLOR", "BROWSER_PATH"}  # rich, kaleido


def test_every_derived_page_is_what_make_docs_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DOCS)
    pages = runpy.run_path(str(DOCS / "build.py"))["PAGES"]
    stale = [name for name, page in pages.items() if (DOCS / name).read_text(encoding="utf-8") != page()]
    assert stale == [], "run make docs"


def test_every_kind_of_file_says_what_is_read_of_which_version() -> None:
    assert list(SUPPORT) == list(FileKind)
    for kind, support in SUPPORT.items():
        assert support.checked or support.documented, kind
        assert kind not in READERS or "inspect" in support.command, kind


def names_in_code() -> Iterator[str]:
    """Every name of a variable that the program asks the environment for, or gives an option."""
    for path in [*ROOT.glob("trtprof/**/*.py"), *ROOT.glob("parsers/*.py"), *ROOT.glob("dashboards/**/*.py")]:
        text = path.read_text(encoding="utf-8")
        yield from re.findall(r'(?:environ|env)(?:\.get\(|\[)"(\w+)"', text)
        yield from re.findall(r'"(\w+)" (?:not )?in os\.environ', text)
        yield from re.findall(r'os\.getenv\("(\w+)"', text)
        yield from re.findall(r'envvar="(\w+)"', text)
        for names in re.findall(r"^_ROOTS: Final = (\(.*\))$", text, re.MULTILINE):
            yield from ast.literal_eval(names)


def test_every_variable_of_the_environment_is_in_the_reference() -> None:
    assert set(names_in_code()) | LOOKED_AT_BY_OTHERS == set(VARIABLES)
