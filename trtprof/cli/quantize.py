"""``trtprof quantize``: a float model becomes one with Q/DQ, and shows what its ranges rest on."""

from __future__ import annotations

import json
import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trtprof.cli.output import Format, FormatOption, Progress, note
from trtprof.cli.safe_text import CsvWriter
from trtprof.cli.version_word import version_word
from trtprof.language import shown

if TYPE_CHECKING:
    from trtprof.pipeline.quantize import Quantized


class Method(str, Enum):
    """How a range is chosen."""

    MINMAX = "minmax"
    ENTROPY = "entropy"
    PERCENTILE = "percentile"
    MSE = "mse"
    ENTROPY_ORT = "entropy-ort"


class Weights(str, Enum):
    """How many scales a weight has."""

    PER_CHANNEL = "per-channel"
    PER_TENSOR = "per-tensor"


class Remainder(str, Enum):
    """What the layers that are not quantised run in."""

    FP32 = "fp32"
    FP16 = "fp16"


CalibOption = Annotated[
    str | None,
    typer.Option(
        metavar="SRC", help="A .npz, a directory of .npy, a directory of images, or random:N. [default: random:8]"
    ),
]
PreprocessOption = Annotated[
    str | None,
    typer.Option(
        metavar="HOW", help="For images: imagenet, unit, symmetric, raw, or mean=r,g,b;std=r,g,b[;bgr][;nhwc]."
    ),
]
ShapesOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME:DIMS", help="Shape of a dynamic input, like x:1x3x640x640."),
]
SeedOption = Annotated[int, typer.Option(help="Seed of random calibration data.", min=0)]
MethodOption = Annotated[
    Method | None,
    typer.Option(
        help="How ranges are chosen; entropy-ort is onnxruntime's search. [default: entropy; on random data minmax]"
    ),
]
PercentileOption = Annotated[float, typer.Option(help="For --method percentile: 99.9, 99.99 or 99.999, say.")]
WeightsOption = Annotated[Weights, typer.Option(help="One scale for each output channel of a weight, or one for all.")]


def quantize(  # noqa: PLR0917 - Typer calls it by name
    model: Annotated[Path, typer.Argument(help="An ONNX model in FP32.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The quantised model.")],
    calib: CalibOption = None,
    preprocess: PreprocessOption = None,
    shapes: ShapesOption = None,
    seed: SeedOption = 0,
    method: MethodOption = None,
    percentile: PercentileOption = 99.99,
    weights: WeightsOption = Weights.PER_CHANNEL,
    include: Annotated[
        list[str] | None, typer.Option(metavar="NODE", help="Quantise these nodes only; * and ? match, repeat.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="NODE", help="Leave these nodes in float; * and ? match, repeat.")
    ] = None,
    keep_stem: Annotated[int, typer.Option(metavar="N", min=0, help="Leave the first N layers in float.")] = 0,
    keep_head: Annotated[int, typer.Option(metavar="N", min=0, help="Leave the last N layers in float.")] = 0,
    elementwise: Annotated[
        bool,
        typer.Option(
            "--elementwise", help="Q/DQ also on activations, element-wise operations and pooling between INT8 layers."
        ),
    ] = False,
    remainder: Annotated[Remainder, typer.Option(help="Type of what stays in float.")] = Remainder.FP32,
    table: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Take ranges from a table of this command or a TensorRT calibration cache."),
    ] = None,
    save_table: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The calibration table. [default: OUT.calibration.json]")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the ranges as a TensorRT calibration cache as well.")
    ] = None,
    cache_version: Annotated[
        str, typer.Option(metavar="X.Y.Z", help="The TensorRT that is to read --cache; 11 has no calibrators.")
    ] = "10.13.3",
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A page of histograms with every method's threshold.")
    ] = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Quantise a float ONNX model to INT8 with Q/DQ, from calibration data or from ranges you have."""
    from trtprof.graph.shapes import parse_shapes
    from trtprof.pipeline.quantize import QuantizeOptions, save_cache, save_json_table
    from trtprof.pipeline.quantize import quantize as run
    from trtprof.variants.layers import Selection

    options = QuantizeOptions(
        calib=calib,
        preprocess=preprocess,
        seed=seed,
        shapes=parse_shapes(shapes or ()),
        table=table,
        method=method.value if method else None,
        percentile=percentile,
        per_channel=weights is Weights.PER_CHANNEL,
        selection=Selection(tuple(include or ()), tuple(exclude or ()), keep_stem, keep_head),
        elementwise=elementwise,
        remainder=remainder.value,
    )
    version = version_word("--cache-version", cache_version) if cache is not None else None
    progress = Progress()
    try:
        progress.stage("reading ranges" if table else "running the model on calibration data")
        made = run(model, out, options)
    finally:
        progress.done()
    note(f"wrote {out}")
    where = save_table or out.with_name(f"{out.name}.calibration.json")
    save_json_table(where, made.table)
    note(f"wrote {where}")
    if cache is not None and version is not None:
        save_cache(cache, made.table, version)
        note(f"wrote {cache}")
    if html is not None:
        _page(html, model, made)
        note(f"wrote {html}")
    _show(made, model, output)


def _page(path: Path, model: Path, made: Quantized) -> None:
    from trtprof.dashboards.calibration_page import render_calibration
    from trtprof.files import replacing

    subtitle = f"{made.table.method} on {made.table.data}; {len(made.layers)} layers in INT8, {len(made.kept)} in float"
    text = render_calibration(
        model.stem, subtitle, made.table.method, made.activations, made.weights, [*made.notices, *made.advice]
    )
    with replacing(path, hint=None) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _show(made: Quantized, model: Path, output: Format) -> None:
    if output is Format.JSON:
        sys.stdout.write(json.dumps(quantized_json(made), indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    elif output is Format.CSV:
        writer = CsvWriter()
        writer.writerow(("tensor", "amax", "scale", "observed"))
        writer.writerows((item.tensor, item.amax, item.amax / 127, item.observed) for item in made.table.ranges)
    elif output is Format.MARKDOWN:
        lines = [f"## {model.name}: {shown(sentence(made))}", "", *(f"- {shown(line)}" for line in remarks(made)), ""]
        sys.stdout.write("\n".join(lines))
    else:
        from trtprof.cli.output import folded, terminal, worded

        console = terminal()
        console.print(folded(f"{model.name}: {shown(sentence(made))}", console, "bold"))
        for line in remarks(made):
            console.print(worded(f"  {line}", console))


def sentence(made: Quantized) -> str:
    """Return what was made in a sentence."""
    from trtprof.units import plural

    layers = plural(len(made.layers), "layer")
    kept = f", {len(made.kept)} kept in float" if made.kept else ""
    return f"{layers} in INT8{kept}; ranges by {made.table.method} from {made.table.data}."


def remarks(made: Quantized) -> list[str]:
    """Return accuracy, notices and advice, a line each."""
    from trtprof.model import Unknown
    from trtprof.units import decibel, percent

    lines = []
    if isinstance(made.accuracy, Unknown):
        lines.append(f"accuracy: cannot tell, {made.accuracy.reason}")
    else:
        for item in made.accuracy:
            top1 = f", top-1 agrees in {percent(item.top1_agreement)}" if item.top1_agreement is not None else ""
            cosine = "–" if item.cosine is None else f"{item.cosine:.6f}"
            lines.append(
                f"output '{item.output}' against float on {item.samples} samples: SQNR {decibel(item.sqnr_db)}, "
                f"cosine {cosine}{top1}"
            )
    lines += [f"note: {notice.message}" for notice in made.notices]
    return [*lines, *(f"advice: {notice.message}" for notice in made.advice)]


def quantized_json(made: Quantized) -> dict[str, Any]:
    """Return what was made as a JSON object."""
    from trtprof.cli.plain import finite, plain
    from trtprof.model import Unknown

    return {
        "schema_version": 1,
        "out": str(made.path),
        "method": made.table.method,
        "calibration": made.table.data,
        "synthetic": made.table.synthetic,
        "layers": list(made.layers),
        "kept_in_float": list(made.kept),
        "tensors": {item.tensor: {"amax": item.amax, "observed": item.observed} for item in made.table.ranges},
        "weights": [
            {
                "layer": item.node,
                "channels": item.channels,
                "spread_ratio": finite(item.spread),
                "per_tensor_sqnr_db": finite(item.per_tensor_db),
                "per_channel_sqnr_db": finite(item.per_channel_db),
            }
            for item in made.weights
        ],
        "accuracy": plain(made.accuracy) if isinstance(made.accuracy, Unknown) else finite(plain(made.accuracy)),
        "advice": plain(made.advice),
        "notices": plain(made.notices),
    }
