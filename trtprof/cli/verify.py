"""``trtprof verify``: hardware counters against kernel names."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trtprof.cli.kernels import RulesOption
from trtprof.cli.output import Format, FormatOption, note
from trtprof.cli.safe_text import CsvWriter
from trtprof.errors import EXIT_GATE, InputError, UsageError
from trtprof.language import shown

if TYPE_CHECKING:
    from trtprof.analysis.counters import CounterReport, Score


def verify(  # noqa: PLR0917 - Typer calls it by name
    ctx: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="A raw CSV of ncu, or an .ncu-rep.")] = None,
    run: Annotated[
        bool, typer.Option("--run", help="Run a program under ncu: trtprof verify --run -- python infer.py.")
    ] = False,
    nvtx: Annotated[
        str | None, typer.Option(metavar="RANGE", help="With --run: measure inside this NVTX range only.")
    ] = None,
    out: Annotated[Path, typer.Option(help="With --run: where the CSV goes.")] = Path("trtprof-counters.csv"),
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="With --run: the longest it may take.")] = 3600.0,
    learn: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep what counters say; `kernels --rules FILE` uses it.")
    ] = None,
    rules: RulesOption = None,
    fail: Annotated[bool, typer.Option("--fail-on-disagreement", help="Exit 1 when a name was read wrong.")] = False,
    output: FormatOption = Format.TABLE,
) -> None:
    """Hold what kernel names say against what Tensor Core counters measured."""
    from trtprof.model import Unknown
    from trtprof.pipeline.kernel_report import read_learned
    from trtprof.pipeline.verification import learnt, save_rules
    from trtprof.pipeline.verification import verify as check

    if run:
        file = _run([*([str(file)] if file else []), *ctx.args], nvtx, out, timeout)
    if file is None:
        raise UsageError("there is nothing to verify", hint="give a CSV of ncu, or --run -- PROGRAM")
    known = read_learned(rules)
    found = check(file, known)
    if isinstance(found.report, Unknown):
        raise InputError(
            found.report.reason, path=file, hint="trtprof verify --run -- PROGRAM collects the metrics that tell"
        )
    _show(found.report, str(file), output)
    if learn is not None:
        count = save_rules(learn, learnt(found.report), known)
        note(f"wrote {learn} ({count:,} kernels)")
    if fail and found.report.disagreements:
        raise typer.Exit(EXIT_GATE)


def _run(command: list[str], nvtx: str | None, out: Path, timeout: float) -> Path:
    from trtprof.analysis.counters import METRICS
    from trtprof.backends.ncu import find_ncu, profile, profile_command

    if not command:
        raise UsageError("there is no program to run", hint="for example: trtprof verify --run -- python infer.py")
    note("running under ncu, which replays every kernel: this takes a while")
    line = profile_command(find_ncu(), command, METRICS, out, nvtx=nvtx)
    profile(line, out, log=out.with_suffix(".log"), timeout_s=timeout)
    note(f"wrote {out}")
    return out


def _show(report: CounterReport, path: str, output: Format) -> None:
    if output is Format.JSON:
        sys.stdout.write(json.dumps(_json(report), indent=1, ensure_ascii=False) + "\n")
        return
    lines = _lines(report)
    if output is Format.CSV:
        writer = CsvWriter()
        writer.writerow(("kernel", "measured", "name_says", "launches", "total_ns"))
        writer.writerows(lines)
    elif output is Format.MARKDOWN:
        from trtprof.cli.markdown_text import all_shown, cell, said, table

        rows = ((kernel[:120], *all_shown(measured, says)) for kernel, measured, says, _, _ in lines)
        scores = [f"- {said(score)}" for score in _scores(report)]
        headings = all_shown("kernel", "measured", "name says")
        whole = [f"## {cell(path)}", "", *scores, "", *table(headings, rows)]
        sys.stdout.write("\n".join(whole) + "\n")
    else:
        _print(report, path, lines)


def _print(report: CounterReport, path: str, lines: list[tuple[str, str, str, str, str]]) -> None:
    from rich.text import Text

    from trtprof.cli.output import folded, terminal, worded
    from trtprof.cli.timeline import table_of

    console = terminal()
    console.print(folded(f"{path}: {shown(f'{len(report.kernels):,} kernels measured')}", console, "bold"))
    for line in _scores(report):
        console.print(worded(f"  {line}", console))
    if not lines:
        console.print(worded("Disagreements: found none", console))
        return
    table = table_of(("kernel", "left"), ("measured", "left"), ("name says", "left"))
    for name, measured, says, _, _ in lines:
        table.add_row(Text(name), shown(measured), shown(says))
    console.print(worded(f"Disagreements: {len(lines):,}", console, "bold"))
    console.print(table)


def _lines(report: CounterReport) -> list[tuple[str, str, str, str, str]]:
    result = []
    for item in report.disagreements:
        measured, claimed = item.measured, item.claimed
        types = "+".join(dtype.value for dtype in measured.mma)
        truth = f"Tensor Core {types}".strip() if measured.tensor_core else "no Tensor Core"
        mma = f" {claimed.mma.value}" if claimed.mma else ""
        says = f"{claimed.unit.value.replace('_', ' ')}{mma} ({claimed.confidence:.0%})"
        time = "" if measured.total_ns is None else f"{measured.total_ns:.0f}"
        result.append((measured.name, truth, says, str(measured.launches), time))
    return result


def _scores(report: CounterReport) -> list[str]:
    scores: list[tuple[str, Score | None]] = [
        ("by name", report.by_name), ("by launch", report.by_launch), ("by time", report.by_time),
    ]  # fmt: skip
    lines = []
    for label, score in scores:
        if score is None:
            lines.append(f"{label}: cannot tell, the file has no durations")
            continue
        figures = [
            f"{what} {'–' if value is None else f'{value:.1%}'}"
            for what, value in (("right", score.accuracy), ("precision", score.precision), ("recall", score.recall))
        ]
        lines.append(f"{label}: {', '.join(figures)}")
    if report.unmeasured:
        lines.append(f"{len(report.unmeasured):,} kernels have no counters and are left out")
    return lines


def _json(report: CounterReport) -> dict[str, Any]:
    from trtprof.cli.plain import plain

    result: dict[str, Any] = {"schema_version": 1, **plain(report)}
    for key in ("by_name", "by_launch", "by_time"):
        score: Score | None = getattr(report, key)
        if score is not None:
            result[key] |= {"precision": score.precision, "recall": score.recall, "accuracy": score.accuracy}
    return result
