"""``trtprof lint``: the documented Q/DQ rules on an ONNX model, before anything is built."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from trtprof.cli import complete
from trtprof.cli.safe_text import CsvWriter
from trtprof.cli.version_word import version_word
from trtprof.errors import EXIT_GATE, UsageError
from trtprof.language import shown
from trtprof.units import plural

if TYPE_CHECKING:
    from trtprof.lint_report import LintFinding, LintReport

_COLUMNS: Final = ("model", "node", "code", "level", "message")
_FAIL_WORDS: Final = {"any": 0, "note": 0, "warning": 1, "error": 2}
_LEVELS: Final = {"note": 0, "warning": 1, "error": 2}
_LAST_WITH_DLA: Final = "10.7"
"""The last TensorRT 10 that drives the DLA; 11.4.1 does again, on AGX Orin alone."""
_COLOURS: Final = {"error": "bold red", "warning": "bold yellow", "note": "bold"}


class LintFormat(str, Enum):
    """How findings are printed on stdout."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    GITHUB = "github"
    SARIF = "sarif"


def lint(  # noqa: PLR0917 - Typer calls it by name
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="An ONNX model, quantised by Q/DQ nodes.")],
    select: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODES",
            autocompletion=complete.codes,
            help="Only these rules, or beginnings of codes: Q, L8, Q101.",
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="CODES", autocompletion=complete.codes, help="All rules but these.")
    ] = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(metavar="WHAT", help="Exit with 1 on: any, warning, error, or codes. Repeat, or use commas."),
    ] = None,
    parser: Annotated[
        bool, typer.Option("--parser/--no-parser", help="Ask TensorRT-RTX's own ONNX parser too, where installed.")
    ] = True,
    dla: Annotated[
        bool, typer.Option("--dla", help="Also what the DLA of a Jetson does not take, by its documented limits.")
    ] = False,
    trt: Annotated[
        str | None, typer.Option(metavar="VERSION", help="TensorRT on the Jetson, for --dla. [default: 10.7]")
    ] = None,
    output: Annotated[
        LintFormat,
        typer.Option("--format", help="How to print the findings: table is one line each, as linters do."),
    ] = LintFormat.TABLE,
) -> None:
    """Check an ONNX model against the documented Q/DQ rules, before anything is built.

    trtprof rules CODE explains a finding; trtprof fix repairs what can be repaired safely.
    """
    from trtprof.pipeline.lint import lint_model
    from trtprof.pipeline.settings import choices_of

    gates = _gates(fail_on or ())
    choices = choices_of(select or (), ignore or (), Path.cwd())
    if trt is not None and not dla:
        raise UsageError("--trt is for --dla", hint="without it rules are those of all versions")
    version = version_word("--trt", trt or _LAST_WITH_DLA) if dla else None
    report = lint_model(model, choices, parser=parser, dla=version)
    if output is LintFormat.JSON:
        _dump(report_json(report))
    elif output is LintFormat.SARIF:
        from trtprof.cli.sarif import sarif

        _dump(sarif(report))
    elif output is LintFormat.GITHUB:
        sys.stdout.writelines(_github(report, item) + "\n" for item in report.findings)
    elif output is LintFormat.CSV:
        writer = CsvWriter()
        writer.writerow(_COLUMNS)
        writer.writerows(_cells(report, item) for item in report.findings)
    elif output is LintFormat.MARKDOWN:
        _print_markdown(report)
    else:
        _print(report)
    if any(_fails(item, gates) for item in report.findings):
        raise typer.Exit(EXIT_GATE)


def report_json(report: LintReport) -> dict[str, Any]:
    """Return the report as the JSON object that ``--format json`` prints."""
    return {
        "schema_version": 1,
        "model": report.model,
        "quantize_nodes": report.quantize_nodes,
        "dequantize_nodes": report.dequantize_nodes,
        "weighted_nodes": report.weighted,
        "quantised_weighted_nodes": report.quantised,
        "findings": [finding_json(item) for item in report.findings],
        "set_aside": [
            {"finding": finding_json(item.finding), "reason": item.reason, "where": item.where}
            for item in report.set_aside
        ],
        "cannot_tell": [{"codes": list(item.codes), "reason": item.reason.reason} for item in report.not_looked],
    }


def finding_json(finding: LintFinding) -> dict[str, Any]:
    """Return one finding as a JSON object."""
    return {
        "code": finding.code,
        "name": finding.name,
        "title": finding.title,
        "level": finding.level.value,
        "node": finding.node,
        "message": finding.what,
        "others": list(finding.others),
        "cure": finding.cure,
        "source": finding.source,
        "repairable": finding.repairable,
    }


def _gates(given: Sequence[str]) -> tuple[str, ...]:
    """Words and codes, split at commas; an unknown one is a usage error."""
    from trtprof.pipeline.settings import codes_of

    parts = [part.strip() for item in given for part in item.split(",") if part.strip()]
    codes = [part for part in parts if part.lower() not in _FAIL_WORDS]
    try:
        known = codes_of(codes, "--fail-on")
    except UsageError as error:
        raise UsageError(
            error.message, hint="--fail-on takes any, warning, error, or a code of trtprof rules"
        ) from None
    return (*(part.lower() for part in parts if part.lower() in _FAIL_WORDS), *known)


def _fails(finding: LintFinding, gates: Sequence[str]) -> bool:
    level = _LEVELS[finding.level.value]
    return any(level >= _FAIL_WORDS[gate] if gate in _FAIL_WORDS else finding.code.startswith(gate) for gate in gates)


def _print(report: LintReport) -> None:
    from rich.text import Text

    from trtprof.cli.output import terminal

    console = terminal()
    for item in report.findings:
        line = Text(f"{_place(report, item)}: ")
        line.append(item.code, style=_COLOURS[item.level.value])
        line.append(f" {shown(item.what)}")
        console.print(line, soft_wrap=True)
    for said in summary(report):
        console.print(Text(shown(said)), soft_wrap=True)


def _print_markdown(report: LintReport) -> None:
    from trtprof.cli.markdown_text import all_shown, cell, said, table

    lines = [f"## {cell(report.model)}", ""]
    if report.findings:
        lines += [*table(all_shown(*_COLUMNS[1:]), map(_shown_cells, report.findings)), ""]
    lines += [f"- {said(words)}" for words in summary(report)]
    sys.stdout.write("\n".join(lines) + "\n")


def summary(report: LintReport) -> list[str]:
    """Return what stands below the findings: how many, what was set aside, what could not be told, what to do next."""
    from trtprof.lint_report import Level

    if not report.quantize_nodes + report.dequantize_nodes:
        quantised = "the model has no Q/DQ nodes"
    else:
        products = plural(report.weighted, "convolution or matrix product", "convolutions and matrix products")
        quantised = f"{report.quantised} of {products} quantised"
    if report.findings:
        counts = ", ".join(plural(report.count(level), level.value) for level in Level if report.count(level))
        lines = [f"found {counts}; {quantised}"]
    else:
        lines = [f"found nothing; {quantised}"]
    lines += [
        f"set aside: {item.finding.code} at {item.finding.node or 'the model'} ({item.reason})"
        for item in report.set_aside
    ]
    lines += [f"cannot tell ({', '.join(item.codes)}): {item.reason.reason}" for item in report.not_looked]
    repairable = sum(item.repairable for item in report.findings)
    if repairable:
        lines.append(f"{repairable} may be repaired: trtprof fix {report.model} -o OUT.onnx")
    return lines


def _cells(report: LintReport, item: LintFinding) -> tuple[str, ...]:
    return (report.model, item.node or "", item.code, item.level.value, item.what)


def _shown_cells(item: LintFinding) -> tuple[str, ...]:
    return (item.node or "", item.code, shown(item.level.value), shown(item.what))


def _place(report: LintReport, item: LintFinding) -> str:
    return f"{report.model}:{item.node}" if item.node is not None else report.model


def _github(report: LintReport, item: LintFinding) -> str:
    """A workflow command of GitHub Actions, whose own signs are written as it asks for."""
    message = f"{item.node}: {item.what}" if item.node is not None else item.what
    kind = "notice" if item.level.value == "note" else item.level.value
    title = f"{item.code} {item.name}"
    return f"::{kind} file={_property(report.model)},title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _dump(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer, indent=1, ensure_ascii=False) + "\n")
