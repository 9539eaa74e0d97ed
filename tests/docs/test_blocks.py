"""Every block of commands or Python in the README and the documentation is run, or says why it is not.

A block runs as it stands, in the order of its page. What a ``console`` block shows is held against what is printed. A
comment above a block says what is different about it:

- ``not run: REASON``: its commands are parsed, and options and subcommands have to exist;
- ``run with: published engines``: its output is NVIDIA's published engines', so it is compared where they are at hand;
- ``run with: stand-ins of a board``: trtexec, tegrastats and the like are stand-ins;
- ``shown by: COMMAND``, over a block of text: these lines are printed by that command, on the published engines;
- ``shown by: the block above``: this is all that the Python above prints.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.docs.desk import BOARD, PUBLISHED, Desk, as_pattern, commands, misfit, session
from tests.docs.markdown import PAGES, RUNNABLE, Block, blocks, inline_code
from trtprof.backends.trtexec_flags import FLAGS
from trtprof.errors import EXIT_BUG
from trtprof.language import Language

README = [block.text for block in blocks(ROOT / "README.md")]
ENGINES = "published engines"
ABOVE = "the block above"
WITH = (ENGINES, BOARD)
SHOWN = ("text", "json", "toml", "yaml", "sql", "svg", "diff")


def of_page(page: Path) -> list[Block]:
    """The blocks of a page that a reader could run or check; a translation of the README repeats its commands."""
    found = [block for block in blocks(page) if block.language in RUNNABLE or block.mark == "shown by"]
    return [block for block in found if not (page.name == "README.zh-CN.md" and block.text in README)]


RUN = [page for page in PAGES if any(block.mark != "not run" for block in of_page(page))]


@pytest.mark.parametrize("page", RUN, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_blocks_of_a_page_run(
    page: Path, rtx: None, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path / "desk", models)
    monkeypatch.chdir(desk.folder)
    printed = ""
    for block in of_page(page):
        if block.mark == "run with" and block.about == BOARD:
            desk.board()
        if block.mark == "shown by" and block.about == ABOVE:
            hold(block, "python", block.text, printed)
        elif block.mark == "shown by":
            check_shown(desk, block)
        elif block.mark != "not run" and block.language == "python":
            printed = desk.run_python(block)
        elif block.mark != "not run":
            run_block(desk, block)


def run_block(desk: Desk, block: Block) -> None:
    if block.language != "console":
        for command in commands(block.text):
            code, _, errors = desk.run(command)
            assert ended(block, command, code), f"{block.place}: {command}\n{errors}"
        return
    for command, shown in session(block.text):
        code, out, errors = desk.run(command)
        assert ended(block, command, code), f"{block.place}: {command}\n{errors}"
        if shown and (block.about != ENGINES or PUBLISHED.is_dir()):
            hold(block, command, shown, out)


def check_shown(desk: Desk, block: Block) -> None:
    """Lines that a page shows of a longer output stand in it one below the other."""
    if not PUBLISHED.is_dir():
        return
    assert block.about is not None
    code, out, errors = desk.run(block.about)
    assert code == 0, errors
    hold(block, block.about, f"…\n{block.text}\n…", out)


def hold(block: Block, command: str, shown: str, out: str) -> None:
    """Hold what a page shows against what is printed; the failure names the line where they part."""
    wrong = misfit(shown, without_trailing(out))
    assert not wrong, f"{block.place}: {command} does not print:\n{wrong}\nIt prints:\n{out}"


def without_trailing(out: str) -> str:
    """The output without the spaces that fill a table's last column."""
    return "".join(f"{line.rstrip()}\n" for line in out.rstrip("\n").split("\n"))


def ended(block: Block, command: str, code: int) -> bool:
    """Whether it ended as the page says; on made engines in place of the published ones it may say other things."""
    return code != EXIT_BUG if block.about == ENGINES and not PUBLISHED.is_dir() else code == expected_code(command)


def expected_code(command: str) -> int:
    """0, unless the page says otherwise behind the command: ``# exits with 1``."""
    said = re.search(r"# exits with (\d+)", command)
    return int(said[1]) if said else 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_says_what_it_is(page: Path) -> None:
    assert [block.place for block in blocks(page) if block.language not in (*RUNNABLE, *SHOWN)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_is_not_run_says_why_and_is_a_command(page: Path) -> None:
    for block in of_page(page):
        if block.mark == "run with":
            assert block.about in WITH, block.place
        if block.mark != "not run":
            continue
        assert block.about and len(block.about.split()) >= 2, f"{block.place}: no reason"
        if block.language != "python":
            lines = [command for command, _ in session(block.text)] or commands(block.text)
            for command in lines:
                parse(command, block.place)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_a_sentence_exist(page: Path) -> None:
    for code in inline_code(page):
        if re.match(r"trtprof [a-z]+( |$)", code):
            parse(code, str(page.relative_to(ROOT)), whole=False)


def parse(command: str, place: str, whole: bool = True) -> None:
    """Hold a command line against the programs it calls: trtprof, trtexec and make are known here.

    One in a sentence need not be whole: ``trtprof verify --learn`` leaves out the file.
    """
    lexer = shlex.shlex(command, posix=True, punctuation_chars="|;&")
    lexer.whitespace_split = True
    for part in re.split(r"\n[|;&]+\n", "\n".join(lexer)):
        words = part.split("\n")
        while words and (words[0] == "sudo" or re.fullmatch(r"\w+=.*", words[0])):
            words = words[1:]
        if "trtprof" in words[:1]:
            parse_trtprof(words[1:], place, whole)
        elif words[:1] == ["trtexec"]:
            known = {flag.name for flag in FLAGS}
            assert {word.partition("=")[0] for word in words[1:] if word.startswith("--")} <= known, place
        elif words[:1] == ["make"]:
            makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
            targets = [word for word in words[1:] if re.fullmatch(r"\w+", word)]
            assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets), place


def parse_trtprof(words: list[str], place: str, whole: bool) -> None:
    """Parse the options of a command as the program does, without running it or asking whether its files exist."""
    from trtprof.cli.app import ENTRIES

    entries = {entry.name: entry for entry in ENTRIES}
    if words[-2:-1] == ["--lang"]:  # of the program itself, and may stand behind any command
        assert words[-1] in set(Language), f"{place}: {words[-1]} is no language"
        words = words[:-2]
    if not words or words[0] in ("--version", "--help", "--install-completion", "--show-completion"):
        return
    assert words[0] in entries, f"{place}: there is no trtprof {words[0]}"
    command = entries[words[0]].load()
    arguments = [word for word in words[1:] if word != "…"]
    if any(word.startswith("-") for word in arguments):
        context = command.context_class(command, info_name=words[0], **command.context_settings)
        try:
            command.make_parser(context).parse_args(arguments)
        except Exception as error:  # of the click that Typer brings: no public name
            if whole or type(error).__name__ != "BadOptionUsage":
                pytest.fail(f"{place}: trtprof {' '.join(words)}: {error}")


@pytest.mark.parametrize(
    "line", ["trtprof nonsense", "trtprof lint --nonsense m.onnx", "trtexec --nonsense", "make nonsense"]
)
def test_the_parser_refuses_what_does_not_exist(line: str) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        parse(line, "here")


def test_an_output_is_compared_whole_but_for_its_gaps() -> None:
    pattern = as_pattern("a … c\n…\nlast")
    assert pattern.fullmatch("a b c\nx\ny\nlast\n")
    assert pattern.fullmatch("a  c\nlast\n")
    assert not pattern.fullmatch("a b c\nlast\nmore\n")
    assert not pattern.fullmatch("a b\nlast\n")
    assert misfit("a\n…\nlast", "a\nb\nlast\n") == ""
    assert misfit("a\n…\nlost\nlast", "a\nb\nlast\n") == "lost"
    assert session("$ one \\\n  two\nout\n\n$ three\n") == [("one two", "out"), ("three", "")]
