"""Writes the pages that can be derived from the program, and the picture of the README. Run with ``make docs``."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reference_pages import (
    environment_page,
    exit_codes_page,
    formats_page,
    json_page,
    records_page,
)

DOCS = Path(__file__).resolve().parent
HEAD = "# Commands\n\nWritten by `make docs` from the program itself; `trtprof COMMAND --help` says the same.\n"
RULES_HEAD = {
    "en": "# Rules\n\n[简体中文](rules.zh-CN.md). Written by `make docs` from the rules themselves; "
    "`trtprof rules CODE` says the same. How findings are made of them stands in [findings.md](findings.md).\n",
    "zh": "# 规则\n\n[English](rules.md)。由 `make docs` 从规则本身生成；`trtprof rules CODE --lang zh` "
    "显示同样的内容。发现如何由规则得出，见 [findings.md](findings.md)。\n",
}


def command_reference() -> str:
    """Return every command with its arguments and options as Markdown."""
    from typer.main import get_command

    from trtprof.cli.app import ENTRIES, app

    commands = {f"trtprof {entry.name}": entry.load() for entry in ENTRIES}
    parts = [HEAD]
    for name, command in sorted({"trtprof": get_command(app), **commands}.items()):
        parts.append(f"## `{name}`\n\n{_plain(command.help or '')}\n")
        rows = [_row(parameter) for parameter in command.params if parameter.name != "help"]
        parts.append("| | |\n|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def rule_reference(language: str = "en") -> str:
    """Return every rule behind the findings as Markdown, from the text that ``trtprof rules CODE`` prints."""
    from trtprof.analysis.findings.catalogue import CATALOGUE
    from trtprof.analysis.findings.rule_text import rule_markdown
    from trtprof.language import Language, translate

    def said(text: str) -> str:
        return translate(text, Language(language))

    rows = [
        f"| [{rule.code}](#{rule.code.lower()}-{rule.name}) | {said(rule.role.value)} | {said(rule.title)} |"
        for rule in CATALOGUE
    ]
    headings = f"| {said('code')} | {said('role')} | {said('finding')} |"
    table = f"{headings}\n|---|---|---|\n" + "\n".join(rows) + "\n"
    return "\n".join([RULES_HEAD[language], table, *(rule_markdown(rule, said) for rule in CATALOGUE)])


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": command_reference,
    "rules.md": rule_reference,
    "rules.zh-CN.md": lambda: rule_reference("zh"),
    "formats.md": formats_page,
    "json.md": json_page,
    "records.md": records_page,
    "exit-codes.md": exit_codes_page,
    "environment.md": environment_page,
}
"""What ``make docs`` writes, by file."""


def _row(parameter: Any) -> str:
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    if parameter.param_type_name == "argument":
        names = f"`{(parameter.name or '').upper()}`"
    if parameter.metavar:
        names += f" `{parameter.metavar}`"
    text = _plain(getattr(parameter, "help", None) or "")
    default = parameter.default
    if default is not None and not callable(default) and default != [] and "[default" not in text:
        shown = getattr(default, "value", default)
        text += "" if isinstance(shown, bool) else f" Default: `{shown}`."
    return f"| {names} | {text} |"


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def picture(capture: Path) -> str:
    """Return the terminal form of a finished comparison as SVG, without the web font rich would load."""
    import io

    from rich.console import Console

    from trtprof.api import load
    from trtprof.cli.compare_table import print_comparison

    console = Console(record=True, width=112, file=io.StringIO(), highlight=False, color_system="truecolor")
    print_comparison(load(capture).comparison, console)
    svg = console.export_svg(title="trtprof compare resnet18.onnx", unique_id="trtprof")
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def main() -> int:
    """Write the derived pages, and the picture when a finished comparison is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--capture", type=Path, help="a finished comparison of resnet18, for the picture")
    arguments = parser.parse_args()
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
    from man import man_page  # beside this script

    (DOCS / "trtprof.1").write_text(man_page(), encoding="utf-8")
    if arguments.capture is not None:
        (DOCS / "compare.svg").write_text(picture(arguments.capture), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
