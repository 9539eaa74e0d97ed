"""``trtprof fix``: safe repairs of a quantised ONNX model, each listed, checked and proven."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from trtprof.cli import complete
from trtprof.cli.output import Format, FormatOption, Progress, note
from trtprof.cli.safe_text import CsvWriter
from trtprof.errors import EXIT_GATE, UsageError

if TYPE_CHECKING:
    from trtprof.analysis.findings.choices import Choices
    from trtprof.pipeline.fix import FixReport

_COLUMNS: Final = ("code", "node", "repaired", "exact", "what")
_DATA, _PROOF = "Data", "Proof"


def fix(  # noqa: PLR0917 - Typer calls it by name
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="An ONNX model, quantised by Q/DQ nodes.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="Where to write the repaired model.")],
    select: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODES", autocompletion=complete.codes, help="Only repairs for these rules: Q101, Q103, …"
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="CODES", autocompletion=complete.codes, help="All repairs but for these rules."),
    ] = None,
    calib: Annotated[
        str | None,
        typer.Option(
            metavar="SRC",
            rich_help_panel=_DATA,
            help="Data for ranges that no scale in the model gives, and for the check: a .npz, a directory of .npy or "
            "of images, or random:N. [default: no ranges; random:4 for the check]",
        ),
    ] = None,
    preprocess: Annotated[
        str | None,
        typer.Option(metavar="HOW", rich_help_panel=_DATA, help="For images: imagenet, unit, symmetric, raw, or more."),
    ] = None,
    shapes: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME:DIMS", rich_help_panel=_PROOF, help="Shape of a dynamic input for check and build."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check/--no-check", rich_help_panel=_PROOF, help="Run the model before and after.")
    ] = True,
    build: Annotated[
        bool,
        typer.Option(
            "--build/--no-build", rich_help_panel=_PROOF, help="Build it before and after, where TensorRT-RTX is."
        ),
    ] = True,
    target: Annotated[
        str, typer.Option(rich_help_panel=_PROOF, help="GPU to build for: sm75, sm80, sm86, sm89 or sm120.")
    ] = "sm89",
    force: Annotated[bool, typer.Option("--force", help="Replace OUT where it exists.")] = False,
    output: FormatOption = Format.TABLE,
) -> None:
    """Repair what can be repaired safely in a quantised model, into a new file.

    Each repair is listed. The new model is run against the given one and against its float function, and both are
    built, to show what changed. Exits with 1, and writes nothing, where accuracy would be lost.
    """
    from trtprof.backends.rtx_aot import check_target
    from trtprof.cli.fix_text import print_fix, report_json
    from trtprof.graph.shapes import parse_shapes
    from trtprof.pipeline.fix import FixOptions, fix_model

    check_target(target)
    options = FixOptions(
        choices=_choices(select, ignore), calib=calib, preprocess=preprocess, shapes=parse_shapes(shapes or []),
        check=check, build=build, target=target, force=force,
    )  # fmt: skip
    progress = Progress()
    try:
        report = fix_model(model, out, options, progress)
    finally:
        progress.done()
    if output is Format.JSON:
        sys.stdout.write(json.dumps(report_json(report), indent=1, ensure_ascii=False) + "\n")
    elif output is Format.CSV:
        _write_csv(report)
    else:
        print_fix(report, markdown=output is Format.MARKDOWN)
    if report.failed:
        for line in _failure(report):
            note(line)
        raise typer.Exit(EXIT_GATE)
    if report.written is not None:
        note(f"wrote {report.written}")


def _choices(select: list[str] | None, ignore: list[str] | None) -> Choices:
    """Only the command line: a project's own file says what is shown, not what is changed."""
    from trtprof.analysis.findings.choices import Choices
    from trtprof.pipeline.fix import CODES
    from trtprof.pipeline.settings import codes_of

    wanted = codes_of(select or (), "--select")
    for code in wanted:
        if not any(item.startswith(code) for item in CODES):
            raise UsageError(f"--select: no repair is known for {code}", hint=f"there are {', '.join(sorted(CODES))}")
    return Choices(select=wanted, ignore=codes_of(ignore or (), "--ignore"))


def _failure(report: FixReport) -> tuple[str, str]:
    from trtprof.model import Unknown

    if isinstance(report.check, Unknown):
        return (
            f"error: the repaired model cannot be checked and was not written: {report.check.reason}",
            "hint: --no-check writes it all the same; --select Q111,Q112,Q113 makes exact repairs alone",
        )
    return (
        "error: the repaired model is further from the float function than the given one; it was not written",
        "hint: leave out a repair with --ignore CODE, or calibrate on your data with --calib",
    )


def _write_csv(report: FixReport) -> None:
    writer = CsvWriter()
    writer.writerow(_COLUMNS)
    writer.writerows((item.code, item.node, "yes", str(item.exact).lower(), item.what) for item in report.repairs)
    writer.writerows((item.code, item.node, "no", "", item.why) for item in report.left)
