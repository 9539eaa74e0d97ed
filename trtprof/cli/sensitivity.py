"""``trtprof sensitivity``: layers ranked by what quantising them costs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trtprof.cli.output import Bar, Format, FormatOption, note
from trtprof.cli.quantize import (
    CalibOption,
    MethodOption,
    PercentileOption,
    PreprocessOption,
    SeedOption,
    ShapesOption,
    Weights,
    WeightsOption,
)
from trtprof.cli.safe_text import CsvWriter
from trtprof.language import shown

if TYPE_CHECKING:
    from trtprof.pipeline.sensitivity import SensitivityOptions
    from trtprof.quantisation import LayerSensitivity, Sensitivity

_SHOWN = 20


class Mode(str, Enum):
    """What is done to a layer."""

    ALONE = "alone"
    LEAVE_ONE_OUT = "leave-one-out"


def sensitivity(  # noqa: PLR0917 - Typer calls it by name
    model: Annotated[Path, typer.Argument(help="An ONNX model in FP32.")],
    calib: CalibOption = None,
    preprocess: PreprocessOption = None,
    shapes: ShapesOption = None,
    seed: SeedOption = 0,
    mode: Annotated[Mode, typer.Option(help="Quantise each layer alone, or all layers but each one.")] = Mode.ALONE,
    group: Annotated[
        str | None,
        typer.Option(metavar="REGEX", help="Take layers together whose names this matches alike, like 'layer\\d+'."),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(metavar="MODULE:FUNCTION", help="Your figure of merit, of outputs and reference by name."),
    ] = None,
    method: MethodOption = None,
    percentile: PercentileOption = 99.99,
    weights: WeightsOption = Weights.PER_CHANNEL,
    table: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Take ranges from a table of `quantize` or a TensorRT calibration cache."),
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", min=0, help="Layers side by side. [default: one a core]")] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where results go. [default: trtprof-out/MODEL-sensitivity-KEY]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace another measurement in --out.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Every layer, not the first 20.")] = False,
    output: FormatOption = Format.TABLE,
) -> None:
    """Rank the layers of a float ONNX model by what INT8 costs in each, and show where they lie."""
    from trtprof.graph.shapes import parse_shapes
    from trtprof.pipeline.sensitivity import SensitivityOptions, measure

    options = SensitivityOptions(
        calib=calib,
        preprocess=preprocess,
        seed=seed,
        shapes=parse_shapes(shapes or ()),
        table=table,
        method=method.value if method else None,
        percentile=percentile,
        per_channel=weights is Weights.PER_CHANNEL,
        mode=mode.value,
        group=group,
        metric=metric,
        jobs=jobs,
        force=force,
    )
    folder = out or _folder(model, options)
    bar = Bar()
    try:
        found = measure(model, folder, options, bar)
    finally:
        bar.done()
    _write(found, model, folder)
    _show(found, model, output, None if every else _SHOWN)


def _folder(model: Path, options: SensitivityOptions) -> Path:
    """One directory for each model and way to measure it."""
    from dataclasses import replace

    from trtprof.backends.capture import key_of
    from trtprof.pipeline.options import DEFAULT_WORKSPACE

    key = key_of({"model": str(model.resolve()), "options": replace(options, jobs=0, force=False)})
    return DEFAULT_WORKSPACE / f"{model.stem}-sensitivity-{key[:6]}"


def _write(found: Sensitivity, model: Path, folder: Path) -> None:
    import io

    from trtprof.analysis.depth import depth_test, depth_words
    from trtprof.dashboards.sensitivity_page import ranked, render_sensitivity
    from trtprof.files import replacing
    from trtprof.sensitivity_json import sensitivity_json

    lines = io.StringIO()
    _csv(CsvWriter(lines), ranked(found), found)
    texts = {
        "sensitivity.json": json.dumps(sensitivity_json(found), indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        "sensitivity.csv": lines.getvalue(),
        "sensitivity.html": render_sensitivity(model.stem, found, depth_words(depth_test(found.rows))),
    }
    for name, text in texts.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
        note(f"wrote {folder / name}")


def _csv(writer: Any, rows: list[LayerSensitivity], found: Sensitivity) -> None:
    metric = any(row.metric is not None for row in found.rows)
    writer.writerow(("layer", "sqnr_db", "cosine", "top1_agreement", *(("metric",) if metric else ())))
    for row in rows:
        figures = (row.sqnr_db, row.cosine, row.top1_agreement, *((row.metric,) if metric else ()))
        writer.writerow((row.layer, *("" if value is None else f"{value:.6g}" for value in figures)))


def _show(found: Sensitivity, model: Path, output: Format, limit: int | None) -> None:
    from trtprof.dashboards.sensitivity_page import ranked
    from trtprof.sensitivity_json import sensitivity_json

    rows = ranked(found)
    if output is Format.JSON:
        text = json.dumps(sensitivity_json(found), indent=1, ensure_ascii=False, allow_nan=False)
        sys.stdout.write(text + "\n")
    elif output is Format.CSV:
        _csv(CsvWriter(), rows, found)
    elif output is Format.MARKDOWN:
        said = [f"- {shown(line)}" for line in remarks(found)]
        lines = [f"## {model.name}: {shown(sentence(found))}", "", *said, ""]
        lines += ["| " + " | ".join(map(shown, _HEAD)) + " |", "|" + "---|" * len(_HEAD)]
        lines += ["| " + " | ".join(cells) + " |" for cells in _lines(rows, limit)]
        sys.stdout.write("\n".join(lines) + "\n")
    else:
        _print(found, model, rows, limit)


_HEAD = ("layer", "operators", "SQNR", "cosine", "top-1", "metric")


def _print(found: Sensitivity, model: Path, rows: list[LayerSensitivity], limit: int | None) -> None:
    from rich.text import Text

    from trtprof.cli.output import folded, terminal, worded
    from trtprof.cli.timeline import table_of

    console = terminal()
    console.print(folded(f"{model.name}: {shown(sentence(found))}", console, "bold"))
    table = table_of(*((name, "left" if name in {"layer", "operators"} else "right") for name in _HEAD))
    for cells in _lines(rows, limit):
        table.add_row(*(Text(cell) for cell in cells))
    console.print(table)
    if limit is not None and len(rows) > limit:
        console.print(worded(f"  and {len(rows) - limit} less sensitive; --all shows them", console))
    for line in remarks(found):
        console.print(worded(f"  {line}", console))


def _lines(rows: list[LayerSensitivity], limit: int | None) -> Iterator[tuple[str, ...]]:
    from trtprof.units import ABSENT, decibel, percent

    for row in rows[:limit]:
        cosine = ABSENT if row.cosine is None else f"{row.cosine:.6f}"
        metric = ABSENT if row.metric is None else f"{row.metric:.6g}"
        operators = ", ".join(dict.fromkeys(row.operators))
        yield (row.layer, operators, decibel(row.sqnr_db), cosine, percent(row.top1_agreement, 1), metric)


def sentence(found: Sensitivity) -> str:
    """Return what was measured, in a sentence."""
    from trtprof.units import decibel, plural

    how = "quantised alone" if found.mode == "alone" else "left in float with all others quantised"
    return (
        f"{plural(len(found.rows), 'layer')}, each {how}, on {plural(found.samples, 'sample')} in "
        f"{found.seconds:.0f} s; all quantised: SQNR {decibel(found.whole_db)}."
    )


def remarks(found: Sensitivity) -> list[str]:
    """Return where sensitive layers lie, and what must be known, a line each."""
    from trtprof.analysis.depth import depth_test, depth_words

    words = depth_words(depth_test(found.rows)) if found.mode == "alone" else None
    lines = [f"near input and output? {words}"] if words else []
    return [*lines, *(f"note: {notice.message}" for notice in found.notices)]
