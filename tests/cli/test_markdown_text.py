"""Names in Markdown: read by a CommonMark parser, they are the text they were, whatever is in them."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from trtprof.cli.markdown_text import cell, line, table

NAMES = st.text(st.sampled_from("ab_|\\`*<>&~[]()!@#$:/.-+=1 \n\t;'\"") | st.characters(), max_size=20)
HOSTILE = (
    "</td></table><script>alert(1)</script>", "a|b", "a\\|b", "\\", "`a`b``", "__a__ _b_ *c*", "~~gone~~ $x$ $y$",
    "![x](http://x.y/z.png)", "[link](javascript:alert(1))", "&lt;b&gt; &amp; &copy;", "@octocat and (@team/x) a@b.c",
    "fixes #12, GH!3", "a\nb\r\n| c |", "<!-- x", "-->",
)  # fmt: skip


class _Reader(HTMLParser):
    """The texts of the cells, and every tag seen; a comment ends a text as it does for a forge's filters."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.cells: list[list[str]] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self.tags.append(tag)
        if tag in {"td", "p"}:
            self.cells.append([])

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1].append(data)

    def handle_comment(self, data: str) -> None:  # noqa: ARG002
        if self.cells:
            self.cells[-1].append("")


def _read(markdown: str) -> _Reader:
    reader = _Reader()
    reader.feed(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown))
    reader.close()
    return reader


def _seen(text: str) -> str:
    shown = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in " ".join(text.split())
    )
    return shown.strip()


def _hostile(test):
    for name in HOSTILE:
        test = example(name)(test)
    return test


@_hostile
@given(NAMES)
def test_a_cell_is_one_cell_with_the_text_it_was(name: str) -> None:
    reader = _read("\n".join(table(("a", "b"), [(name, "x"), ("y", [name, name])])))
    cells = ["".join(parts).strip() for parts in reader.cells]
    assert len(cells) == 4
    assert cells[0] == _seen(name)
    assert cells[1:3] == ["x", "y"]
    assert set(reader.tags) <= {"table", "thead", "tbody", "tr", "th", "td", "br"}


@_hostile
@given(NAMES)
def test_a_line_is_one_paragraph_with_the_text_it_was(name: str) -> None:
    reader = _read(line(name))
    assert ["".join(parts).strip() for parts in reader.cells] == ([_seen(name)] if _seen(name) else [])
    assert set(reader.tags) <= {"p"}


@_hostile
@given(NAMES)
def test_no_text_between_tags_mentions_anybody(name: str) -> None:
    for parts in _read(line(name)).cells:
        assert not [part for part in parts if re.search(r"@\w|[#!]\d", part)]


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("ampere_fp32_icudnn_int8x4_128x64_relu_medium_nn_v1", "ampere_fp32_icudnn_int8x4_128x64_relu_medium_nn_v1"),
        ("/layer1/Conv + /layer1/Relu", "/layer1/Conv + /layer1/Relu"),
        ("__myl_Add_0x1f", "\\_\\_myl_Add_0x1f"),
        ("a|b", "a\\|b"),
        ("INT8→FP16", "INT8→FP16"),
        ("-0.020", "-0.020"),
    ],
)
def test_what_needs_no_escape_stays_readable(name: str, written: str) -> None:
    assert cell(name) == written
