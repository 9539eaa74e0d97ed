"""``trtprof kernels`` and ``trtprof run``: where GPU time goes, and whether Tensor Cores did the work."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from trtprof.cli.output import Format, FormatOption, note, worded
from trtprof.cli.safe_text import CsvWriter
from trtprof.errors import UsageError
from trtprof.language import shown

if TYPE_CHECKING:
    from rich.console import Console

    from trtprof.analysis.kernel_time import KernelRow, TimeShare
    from trtprof.pipeline.kernel_report import KernelReport

_SHOWN: Final = 20
_UNITS: Final = {
    "tensor_core": "Tensor Cores", "cuda_core": "CUDA cores", "none": "moving data", "dla": "DLA", "unknown": "unknown",
}  # fmt: skip
RulesOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        envvar="TRTPROF_RULES",
        help="Classes that `trtprof verify --learn` kept; they overrule names.",
    ),
]


def kernels(  # noqa: PLR0917 - Typer calls it by name
    file: Annotated[
        Path,
        typer.Argument(
            help="An nsys export or report, a CSV of nsys stats or ncu, an engine's files, or a list of names."
        ),
    ],
    by_range: Annotated[bool, typer.Option("--by-range", help="Kernel time by NVTX range.")] = False,
    iteration: Annotated[
        str | None, typer.Option(metavar="RANGE", help="NVTX range that stands for one iteration.")
    ] = None,
    rules: RulesOption = None,
    every: Annotated[bool, typer.Option("--all", help="Every kernel, range and layer.")] = False,
    output: FormatOption = Format.TABLE,
) -> None:
    """Show GPU time by unit, type and operation, the share of Tensor Cores, and where the GPU waited."""
    from trtprof.pipeline.kernel_report import read_kernels, read_learned

    show(read_kernels(file, learned=read_learned(rules), iteration=iteration), output, by_range=by_range, every=every)


def run(  # noqa: PLR0917 - as above
    ctx: typer.Context,
    out: Annotated[Path, typer.Option(help="Directory for the report and its export.")] = Path("trtprof-run"),
    nsys_args: Annotated[str, typer.Option(metavar="ARGS", help="More arguments for nsys profile, as one text.")] = "",
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="The longest the program may take.")] = 3600.0,
    by_range: Annotated[bool, typer.Option("--by-range", help="Kernel time by NVTX range.")] = False,
    iteration: Annotated[
        str | None, typer.Option(metavar="RANGE", help="NVTX range that stands for one iteration.")
    ] = None,
    rules: RulesOption = None,
    every: Annotated[bool, typer.Option("--all", help="Every kernel, range and layer.")] = False,
    output: FormatOption = Format.TABLE,
) -> None:
    """Run any CUDA program under Nsight Systems and show its kernels: trtprof run -- python infer.py."""
    import shlex

    from trtprof.backends.nsys import find_nsys, open_nsys, profile
    from trtprof.pipeline.kernel_report import read_kernels, read_learned

    command = list(ctx.args)
    if not command:
        raise UsageError("there is no program to run", hint="for example: trtprof run -- python infer.py")
    nsys = open_nsys(find_nsys())
    out.mkdir(parents=True, exist_ok=True)
    note(f"running under nsys {nsys.version_text}: {shlex.join(command)}")
    extra = shlex.split(nsys_args)
    sqlite = profile(nsys, [*extra, *command], out / "trace.nsys-rep", log=out / "program.log", timeout_s=timeout)
    note(f"wrote {out / 'trace.nsys-rep'} (it holds this environment: do not share it)")
    note(f"wrote {sqlite}")
    show(read_kernels(sqlite, learned=read_learned(rules), iteration=iteration), output, by_range=by_range, every=every)


def show(report: KernelReport, output: Format, *, by_range: bool, every: bool) -> None:
    """Print a report in the format asked for."""
    if output is Format.JSON:
        sys.stdout.write(json.dumps(report_json(report), indent=1, ensure_ascii=False) + "\n")
    elif output is Format.CSV:
        writer = CsvWriter()
        writer.writerow(("kernel", "unit", "operation", "operand", "mma", "launches", "total_ns", "ratio", "why"))
        writer.writerows(_cells(row, report.timed) for row in report.rows)
    elif output is Format.MARKDOWN:
        sys.stdout.write(_markdown(report))
    else:
        from trtprof.cli.output import terminal

        _print(report, terminal(), by_range=by_range, every=every)


def report_json(report: KernelReport) -> dict[str, Any]:
    """Return the report as JSON; schema ``docs/kernels.schema.json``."""
    from dataclasses import asdict

    from trtprof.cli.explain import kernel_json
    from trtprof.cli.plain import plain

    tensor = report.tensor_cores
    return {
        "schema_version": 1,
        "source": report.source,
        "gpu": report.gpu,
        "compute_capability": list(report.compute_capability) if report.compute_capability else None,
        "timed": report.timed,
        "tensor_cores": plain(tensor)
        if not hasattr(tensor, "ratio")
        else {**plain(tensor), "ratio": plain(tensor.ratio)},
        "units": plain(report.units),
        "types": plain(report.types),
        "operations": plain(report.operations),
        "kernels": [
            {
                **{key: value for key, value in asdict(row).items() if key != "kernel_class"},
                "class": kernel_json(row.kernel_class) if row.kernel_class else None,
            }
            for row in report.rows
        ],
        "timeline": plain(report.timeline),
        "notices": plain(report.notices),
    }


def _cells(row: KernelRow, timed: bool) -> tuple[str, ...]:
    kind = row.kernel_class
    return (
        row.name,
        kind.unit.value if kind else "unknown",
        (kind.operation or "") if kind else "",
        kind.operand.value if kind and kind.operand else "",
        kind.mma.value if kind and kind.mma else "",
        str(row.launches),
        str(row.total_ns) if timed else "",
        f"{row.ratio:.6f}" if timed else "",
        kind.why if kind else "",
    )


def sentence(report: KernelReport) -> str:
    """Return the answer in a sentence: how much of what could use Tensor Cores did."""
    from trtprof.model import Unknown
    from trtprof.units import ms, percent, plural

    tensor = report.tensor_cores
    if isinstance(tensor, Unknown):
        return f"Tensor Core share: cannot tell, {tensor.reason}."
    if not tensor.eligible_ns:
        return "No kernel here does work that Tensor Cores are for."
    launches = plural(sum(row.launches for row in report.rows), "launch", "launches")
    low, high = tensor.ratio or (0.0, 0.0)
    share = percent(low) if low == high else f"{percent(low)} to {percent(high)}"
    words = (
        f"Tensor Cores did {share} of the {ms(tensor.eligible_ns)} ms that could use them "
        f"({ms(tensor.total_ns)} ms of kernels, {launches})."
    )
    if tensor.undecided_ns:
        words += f" {ms(tensor.undecided_ns)} ms of it are kernels whose names do not tell."
    if tensor.unclassified_ns:
        words += f" {ms(tensor.unclassified_ns)} ms are kernels of unknown operation."
    return words


def _print(report: KernelReport, console: Console, *, by_range: bool, every: bool) -> None:
    from rich.text import Text

    where = f" on {report.gpu}" if report.gpu else ""
    console.print(Text(f"{report.path}: {report.source}{where}", style="bold"))
    console.print(worded(sentence(report), console))
    console.print()
    for title, shares in (("unit", report.units), ("type", report.types), ("operation", report.operations)):
        _shares(console, title, shares, report.timed)
    if report.timeline is not None:
        from trtprof.cli.timeline import print_timeline

        print_timeline(report.timeline, console, by_range=by_range, limit=None if every else _SHOWN)
    _kernels(console, report, None if every else _SHOWN)
    for notice in report.notices:
        console.print(worded(f"  note: {notice.message}", console))


def _shares(console: Console, title: str, shares: tuple[TimeShare, ...], timed: bool) -> None:
    from trtprof.cli.timeline import table_of
    from trtprof.units import ms, percent

    table = table_of(("", "left"), ("kernels", "right"), ("launches", "right"), ("ms", "right"), ("", "right"))
    for share in shares:
        times = (ms(share.total_ns), percent(share.ratio, 1)) if timed else ("–", "")
        table.add_row(shown(_UNITS.get(share.key, share.key)), f"{share.kernels:,}", f"{share.launches:,}", *times)
    console.print(worded(f"By {title}" + (" (measured)" if timed else " (names only)"), console, "bold"))
    console.print(table)
    console.print()


def _kernels(console: Console, report: KernelReport, limit: int | None) -> None:
    from rich.text import Text

    from trtprof.cli.explain import verdict_words
    from trtprof.cli.timeline import table_of
    from trtprof.units import ms, percent

    table = table_of(("kernel", "left"), ("runs on", "left"), ("launches", "right"), ("ms", "right"), ("", "right"))
    for row in report.rows[:limit]:
        words = verdict_words(row.kernel_class) if row.kernel_class else "unknown"
        times = (ms(row.total_ns), percent(row.ratio, 1)) if report.timed else ("–", "")
        table.add_row(Text(_short(row.name)), Text(shown(words)), f"{row.launches:,}", *times)
    console.print(worded("Kernels", console, "bold"))
    console.print(table)
    if limit is not None and len(report.rows) > limit:
        console.print(worded(f"  {limit} of {len(report.rows):,} shown; --all shows every one", console))
    console.print()


def _short(name: str, limit: int = 100) -> str:
    return name if len(name) <= limit else name[: limit - 1] + "…"


def _markdown(report: KernelReport) -> str:
    from trtprof.cli.markdown_text import all_shown, cell, said_line, table
    from trtprof.units import ms, percent

    def times(total_ns: float, ratio: float | None) -> tuple[str, str]:
        return (ms(total_ns), percent(ratio, 1)) if report.timed else ("–", "–")

    units = [
        (shown(_UNITS.get(share.key, share.key)), f"{share.launches}", *times(share.total_ns, share.ratio))
        for share in report.units
    ]
    kernels = []
    for row in report.rows[:_SHOWN]:
        kind = row.kernel_class
        operand = kind.operand.value if kind and kind.operand else "–"
        unit = shown(_UNITS[kind.unit.value] if kind else "unknown")
        kernels.append((_short(row.name), unit, operand, f"{row.launches}", *times(row.total_ns, row.ratio)))
    lines = [
        *(f"## {cell(report.path)}", "", said_line(sentence(report)), ""),
        *table(all_shown("unit", "launches", "ms", "share"), units),
        "",
        *table(all_shown("kernel", "unit", "operand", "launches", "ms", "share"), kernels),
    ]
    return "\n".join(lines) + "\n"
