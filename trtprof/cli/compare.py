"""``trtprof compare``: the main job."""

from __future__ import annotations

import json
import shlex
import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trtprof.cli import complete
from trtprof.cli.group import print_error
from trtprof.cli.output import Format, FormatOption, Progress, note
from trtprof.cli.safe_text import safe_cell
from trtprof.errors import EXIT_FAILED, BuildError, TrtprofError, UsageError

if TYPE_CHECKING:
    from trtprof.analysis.findings.choices import Choices
    from trtprof.api import Report
    from trtprof.pipeline.options import CompareOptions


class Method(str, Enum):
    """How activation ranges are chosen from calibration data."""

    MINMAX = "minmax"
    ENTROPY = "entropy"
    PERCENTILE = "percentile"


class ResidualInputs(str, Enum):
    """Which inputs of a residual Add get Q/DQ."""

    BOTH = "both"
    SKIP = "skip"


class Backend(str, Enum):
    """What builds the engines."""

    AUTO = "auto"
    TENSORRT = "tensorrt"
    TRTEXEC = "trtexec"
    RTX_AOT = "rtx-aot"


class Typing(str, Enum):
    """Whether types come from the ONNX model, or from TensorRT's flags."""

    STRONG = "strong"
    WEAK = "weak"


_MODEL, _DATA, _QUANT, _RUN, _OUT = "Model", "Calibration data", "Quantisation", "Build", "Output"


def compare(  # noqa: PLR0917 - Typer calls it by name
    target: Annotated[
        list[str],
        typer.Argument(
            metavar="TARGET...",
            help="An ONNX model in FP32; or the directory of a finished comparison; or files and directories that "
            "trtexec wrote, one engine each, NAME=PATH to name one.",
        ),
    ],
    precision: Annotated[
        list[str] | None,
        typer.Option(
            "--precision",
            "-p",
            rich_help_panel=_MODEL,
            autocompletion=complete.precisions,
            help="fp32, tf32, fp16, bf16, int8 (FP16 remainder), int8-fp32, fp8; repeat. [default: fp32 fp16 int8]",
        ),
    ] = None,
    variant: Annotated[
        list[str] | None,
        typer.Option(metavar="P=FILE", rich_help_panel=_MODEL, help="Use this ONNX file for precision P as it is."),
    ] = None,
    shapes: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME:DIMS", rich_help_panel=_MODEL, help="Shape of a dynamic input, like x:1x3x640x640."),
    ] = None,
    calib: Annotated[
        str | None,
        typer.Option(
            metavar="SRC",
            rich_help_panel=_DATA,
            help="A .npz, a directory of .npy, a directory of images, or random:N. [default: random:8]",
        ),
    ] = None,
    preprocess: Annotated[
        str | None,
        typer.Option(
            metavar="HOW",
            rich_help_panel=_DATA,
            help="For images: imagenet, unit, symmetric, raw, or mean=r,g,b;std=r,g,b[;bgr][;nhwc].",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(rich_help_panel=_DATA, help="Seed of random calibration data.", min=0)] = 0,
    calib_method: Annotated[
        Method | None,
        typer.Option(rich_help_panel=_QUANT, help="How ranges are chosen. [default: entropy; on random data minmax]"),
    ] = None,
    percentile: Annotated[float, typer.Option(rich_help_panel=_QUANT, help="For --calib-method percentile.")] = 99.99,
    residual_qdq: Annotated[
        bool,
        typer.Option(
            "--residual-qdq/--no-residual-qdq", rich_help_panel=_QUANT, help="Q/DQ on the inputs of a residual Add."
        ),
    ] = True,
    residual_inputs: Annotated[
        ResidualInputs,
        typer.Option(rich_help_panel=_QUANT, help="With --residual-qdq: on both inputs, or on the skip branch alone."),
    ] = ResidualInputs.BOTH,
    backend: Annotated[Backend, typer.Option(rich_help_panel=_RUN, help="What builds the engines.")] = Backend.AUTO,
    trtexec: Annotated[
        Path | None, typer.Option(metavar="FILE", rich_help_panel=_RUN, help="The trtexec to use.")
    ] = None,
    typing: Annotated[
        Typing,
        typer.Option(rich_help_panel=_RUN, help="weak: by --fp16 and --int8 flags, TensorRT 10 and older."),
    ] = Typing.STRONG,
    nsys: Annotated[
        bool, typer.Option("--nsys", rich_help_panel=_RUN, help="Trace each engine under Nsight Systems too.")
    ] = False,
    gpu_target: Annotated[
        str,
        typer.Option(
            "--target",
            rich_help_panel=_RUN,
            autocompletion=complete.targets,
            help="GPU for rtx-aot: sm75, sm80, sm86, sm89 or sm120.",
        ),
    ] = "sm89",
    build_timeout: Annotated[
        float, typer.Option(metavar="SECONDS", rich_help_panel=_RUN, help="The longest one build may take.")
    ] = 1800.0,
    out: Annotated[
        Path | None,
        typer.Option(rich_help_panel=_OUT, help="Directory for capture, page and store. [default: trtprof-out/…]"),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", rich_help_panel=_OUT, help="Replace what another comparison left in --out.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", rich_help_panel=_OUT, help="Where to write the page.")
    ] = None,
    db: Annotated[
        Path | None,
        typer.Option(metavar="FILE", envvar="TRTPROF_DB", rich_help_panel=_OUT, help="The SQLite store to add to."),
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODE",
            rich_help_panel=_OUT,
            autocompletion=complete.codes,
            help="Show only findings of these rules (Q101, K); repeat.",
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODE", rich_help_panel=_OUT, autocompletion=complete.codes, help="Leave these rules out; repeat."
        ),
    ] = None,
    open_page: Annotated[
        bool, typer.Option("--open", rich_help_panel=_OUT, help="Open the page in a browser.")
    ] = False,
    png: Annotated[
        Path | None,
        typer.Option(metavar="DIR", rich_help_panel=_OUT, help="Write each chart as PNG and SVG. Needs the extra png."),
    ] = None,
    panel: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", rich_help_panel=_OUT, help="With --png: only the charts of this panel; repeat."),
    ] = None,
    summary: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", rich_help_panel=_OUT, help="Write Markdown for a pull request, and an SVG beside it."
        ),
    ] = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Compare the engines of one ONNX model across precisions, layer by layer.

    From one FP32 model it makes a variant for each precision, builds each with TensorRT, and shows which kernels,
    types, fusions and conversions differ. Without a GPU the engines are built by TensorRT-RTX ahead of time: structure
    is real, times are modelled.
    """  # fmt: skip
    from trtprof.api import PAGE_NAME
    from trtprof.backends.capture import find_capture, write_text
    from trtprof.pipeline.targets import parse_target

    choices = _choices(select or [], ignore or [])
    _check_panels(panel or [], png)
    paths = [parse_target(text) for text in target]
    path = paths[0][1]
    is_model = len(paths) == 1 and paths[0][0] is None and _is_model(path)
    if is_model:
        options = _options(
            precision or [], variant or [], shapes or [],
            target=gpu_target, calib=calib, calib_method=calib_method and calib_method.value, percentile=percentile,
            preprocess=preprocess, residual_qdq=residual_qdq, residual_inputs=residual_inputs.value, seed=seed,
            build_timeout_s=build_timeout, force=force, backend=backend.value, trtexec=trtexec, typing=typing.value,
            nsys=nsys,
        )  # fmt: skip
        folder: Path | None
        report, folder = _make(path, options, out)
    elif len(paths) == 1 and find_capture(path) is not None:
        report, folder = _reread(path)
    else:
        if any(item.suffix == ".onnx" for _, item in paths):
            raise UsageError("a model is compared alone, not beside others", hint="compare models one at a time")
        report, folder = _measured(paths, out)
    report = report.choose(choices)
    page = html or (folder / PAGE_NAME if folder else None)
    if open_page and page is None:
        raise UsageError("--open: there is no page to open", hint="name one with --html FILE")
    if page is not None:
        write_text(page, report.to_html())
        note(f"wrote {page}")
    _pictures(report, png, panel or [], summary)
    unstored = _store(report, db or _store_of(folder, default=find_capture(path) is None and out is None))
    if is_model and folder is not None:
        note(f"next: trtprof compare {shlex.quote(str(folder))} --format json")
    if open_page:
        typer.launch(str(page))
    _show(report, output)
    if unstored is not None:
        raise unstored
    _complain(report, output)


def _choices(select: list[str], ignore: list[str]) -> Choices:
    """Read them before anything is built: a typing error must not cost an hour."""
    from trtprof.pipeline.settings import choices_of

    return choices_of(select, ignore, Path.cwd())


def _options(precisions: list[str], variants: list[str], shapes: list[str], **settings: object) -> CompareOptions:
    from trtprof.api import make_options
    from trtprof.graph.shapes import parse_shapes

    given = []
    for text in variants:
        name, separator, file = text.partition("=")
        if not (name and separator and file):
            raise UsageError(f"--variant {text}: expected P=FILE", hint="for example --variant int8=qat.onnx")
        given.append((name, Path(file)))
    return make_options(precisions, given, {**settings, "shapes": tuple(parse_shapes(shapes).items())})


def _make(model: Path, options: CompareOptions, out: Path | None) -> tuple[Report, Path]:
    from trtprof.api import Report, home
    from trtprof.pipeline.make import make_capture
    from trtprof.pipeline.read import read_capture

    folder = home(model, options, out)
    progress = Progress()
    try:
        make_capture(model, folder / "capture", options, command=_command(), stages=progress)
        progress.stage("analysing")
        return Report(read_capture(folder / "capture")), folder
    finally:
        progress.done()


def _is_model(path: Path) -> bool:
    """Whether a single target is meant as a model: by its ending, else because no reader knows the file."""
    from trtprof.model import Unknown
    from trtprof.parsers.registry import sniff

    if path.is_dir():
        return False
    return path.suffix == ".onnx" or not path.is_file() or isinstance(sniff(path), Unknown)


def _measured(paths: list[tuple[str | None, Path]], out: Path | None) -> tuple[Report, Path]:
    from trtprof.api import Report
    from trtprof.pipeline.measured import read_measured
    from trtprof.pipeline.options import DEFAULT_WORKSPACE

    comparison = read_measured(paths, command=_command())
    names = "-".join(built.name for built in comparison.engines)[:60].replace("/", "_")
    return Report(comparison), out or DEFAULT_WORKSPACE / f"{names}-{comparison.made.target[:6]}"


def _reread(path: Path) -> tuple[Report, Path | None]:
    from trtprof.api import load
    from trtprof.backends.capture import find_capture

    report = load(path)
    root = find_capture(path)
    return report, root.parent if root is not None and root.name == "capture" else None


def _check_panels(names: list[str], folder: Path | None) -> None:
    if names:
        from trtprof.dashboards.images import check_panels

        if folder is None:
            raise UsageError("--panel: there is no directory to write to", hint="name one with --png DIR")
        check_panels(names)


def _pictures(report: Report, folder: Path | None, panels: list[str], summary: Path | None) -> None:
    """Write what a pull request or a document shows of a comparison."""
    from trtprof.backends.capture import write_text

    if folder is not None:
        from trtprof.dashboards.images import write_images

        note(f"wrote {len(write_images(report.comparison, folder, panels))} files in {folder}")
    if summary is not None:
        from trtprof.cli import compare_markdown
        from trtprof.dashboards.summary_svg import summary_svg

        picture = summary.with_suffix(".svg")
        write_text(picture, summary_svg(report.comparison))
        write_text(summary, compare_markdown.summary(report.comparison, picture.name))
        note(f"wrote {summary} and {picture.name}")


def _store_of(folder: Path | None, *, default: bool) -> Path | None:
    """Runs in the default workspace share its store; a directory the user chose has its own."""
    from trtprof.api import STORE_NAME

    if folder is None:
        return None
    return (folder.parent if default else folder) / STORE_NAME


def _store(report: Report, path: Path | None) -> TrtprofError | None:
    """Put the comparison into the store; what hinders that is told after the answer, which took longer to find."""
    from trtprof.store.runs import import_comparison

    if path is not None:
        try:
            note(f"wrote {path} ({import_comparison(path, report.comparison)})")
        except TrtprofError as error:
            return error
    return None


def _show(report: Report, output: Format) -> None:
    if output is Format.JSON:
        sys.stdout.write(json.dumps(report.to_json(), indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    elif output is Format.CSV:
        sys.stdout.write(report.layers().map(safe_cell).to_csv(index=False))
        for notice in report.comparison.notices:
            note(f"note: {notice.message}")
    elif output is Format.MARKDOWN:
        from trtprof.cli.compare_markdown import markdown

        sys.stdout.write(markdown(report.comparison))
    else:
        from trtprof.cli.compare_table import print_comparison
        from trtprof.cli.output import terminal

        print_comparison(report.comparison, terminal())


def _complain(report: Report, output: Format) -> None:
    """Each precision that was asked for and has no engine is an error, after everything else was shown."""
    if not report.comparison.missing:
        return
    for item in report.comparison.missing:
        print_error(BuildError(item.reason.reason, hint=item.hint), as_json=output is Format.JSON)
    raise typer.Exit(EXIT_FAILED)


def _command() -> str:
    return shlex.join(["trtprof", *sys.argv[1:]])
