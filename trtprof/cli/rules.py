"""``trtprof rules``: what is looked for in an engine, and why."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trtprof.cli import complete
from trtprof.cli.output import Format, FormatOption
from trtprof.cli.safe_text import CsvWriter
from trtprof.errors import UsageError
from trtprof.language import shown

if TYPE_CHECKING:
    from trtprof.analysis.findings.rule import Rule

_COLUMNS = ("code", "name", "role", "title")


def rules(
    codes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CODE]...", autocompletion=complete.codes, help="Codes, their beginnings (K, Q1) or names."
        ),
    ] = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """List the rules behind the findings; with a code, explain one: why, what it looks like, what cures it."""
    from trtprof.analysis.findings.catalogue import CATALOGUE
    from trtprof.analysis.findings.rule_text import rule_markdown

    chosen = [rule for rule in CATALOGUE if not codes or any(_is_meant(rule, code) for code in codes)]
    for code in codes or []:
        if not any(_is_meant(rule, code) for rule in CATALOGUE):
            raise UsageError(f"no rule is called {code}", hint="trtprof rules lists them all")
    if output is Format.JSON:
        listed = [_json(rule) for rule in chosen]
        sys.stdout.write(json.dumps({"schema_version": 1, "rules": listed}, indent=1, ensure_ascii=False) + "\n")
    elif output is Format.CSV:
        writer = CsvWriter()
        writer.writerow(_COLUMNS)
        writer.writerows((rule.code, rule.name, rule.role.value, rule.title) for rule in chosen)
    elif output is Format.MARKDOWN:
        sys.stdout.write("\n".join(rule_markdown(rule, shown) for rule in chosen))
    elif codes:
        for rule in chosen:
            _explain(rule)
    else:
        _list(chosen)


def _is_meant(rule: Rule, code: str) -> bool:
    return rule.code.startswith(code.upper()) or rule.name == code.lower()


def _json(rule: Rule) -> dict[str, Any]:
    return {
        "code": rule.code,
        "name": rule.name,
        "title": rule.title,
        "role": rule.role.value,
        "why": rule.why,
        "needs": rule.needs,
        "looks_like": [{"artefact": artefact, "what": what} for artefact, what in rule.looks_like],
        "cure": rule.cure,
        "saving": rule.saving,
        "false_positives": rule.false_positives,
        "source": rule.source,
    }


def _list(chosen: list[Rule]) -> None:
    from rich.table import Table
    from rich.text import Text

    from trtprof.cli.output import terminal, worded

    console = terminal()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in _COLUMNS:
        table.add_column(shown(column), no_wrap=column != "title")
    for rule in chosen:
        table.add_row(*map(Text, (rule.code, rule.name, shown(rule.role.value), shown(rule.title))))
    console.print(table)
    console.print()
    console.print(worded("trtprof rules CODE explains one", console))


def _explain(rule: Rule) -> None:
    from rich.text import Text

    from trtprof.analysis.findings.rule_text import SOURCE, parts_of
    from trtprof.cli.output import terminal, worded

    console = terminal()
    console.print(Text(f"{rule.code} {rule.name}: {shown(rule.title)}", style="bold"))
    for heading, text in parts_of(rule):
        console.print()
        console.print(worded(heading, console, "bold"))
        for line in text:
            console.print(Text(f"  {line}") if heading == SOURCE else worded(f"  {line}", console))
    console.print()
