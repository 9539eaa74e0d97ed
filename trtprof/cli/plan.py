"""``trtprof plan``: accuracy of each layer and its time, joined into a choice of INT8 layers."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trtprof.cli.output import Format, FormatOption, note
from trtprof.cli.quantize import PreprocessOption, SeedOption, ShapesOption
from trtprof.cli.safe_text import CsvWriter
from trtprof.language import shown

if TYPE_CHECKING:
    from trtprof.pipeline.plan import Written
    from trtprof.quantisation import Plan, PlanPoint


def plan(  # noqa: PLR0917 - Typer calls it by name
    model: Annotated[Path, typer.Argument(help="The float ONNX model that sensitivity and times are of.")],
    sensitivity: Annotated[
        Path, typer.Option(metavar="PATH", help="sensitivity.json, or the directory `sensitivity` left.")
    ],
    times: Annotated[
        list[str],
        typer.Option(metavar="TARGET", help="A finished comparison; or engines' files, fp16=DIR and int8=DIR; repeat."),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="The ONNX model of the chosen plan.")
    ] = None,
    budget_db: Annotated[float | None, typer.Option(metavar="DB", help="Save the most with this SQNR kept.")] = None,
    budget_ms: Annotated[float | None, typer.Option(metavar="MS", help="Keep the most SQNR with this saved.")] = None,
    float_engine: Annotated[
        str | None, typer.Option("--float", metavar="NAME", help="The float engine. [default: fp16, else the next]")
    ] = None,
    int8_engine: Annotated[
        str | None, typer.Option("--int8", metavar="NAME", help="The INT8 engine. [default: int8]")
    ] = None,
    calib: Annotated[
        str | None, typer.Option(metavar="SRC", help="Data to measure the chosen model on; with -o.")
    ] = None,
    preprocess: PreprocessOption = None,
    shapes: ShapesOption = None,
    seed: SeedOption = 0,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="A page with the Pareto front.")] = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Choose which layers to run in INT8: accuracy kept against milliseconds saved, conversions paid."""
    from trtprof.graph.shapes import parse_shapes
    from trtprof.pipeline.plan import (
        PlanOptions,
        WriteOptions,
        find_sensitivity,
        make_plan,
        plan_graph,
        plan_words,
        read_times,
        write_plan,
    )
    from trtprof.pipeline.targets import parse_target

    found = find_sensitivity(sensitivity)
    comparison = read_times([parse_target(text) for text in times], command=shlex.join(["trtprof", *sys.argv[1:]]))
    extents = parse_shapes(shapes or ())
    made = make_plan(
        found, comparison, plan_graph(model, extents), PlanOptions(budget_db, budget_ms, float_engine, int8_engine)
    )
    written = None
    if out is not None:
        options = WriteOptions(calib, preprocess, seed, extents)
        written = write_plan(model, made, found, out, options)
        note(f"wrote {out}")
    if html is not None:
        from trtprof.dashboards.plan_page import render_plan
        from trtprof.files import replacing

        with replacing(html, hint=None) as temporary:
            temporary.write_text(render_plan(model.stem, made, found, plan_words(made)), encoding="utf-8")
        note(f"wrote {html}")
    _show(made, written, plan_words(made), model, output)


def _show(made: Plan, written: Written | None, words: str, model: Path, output: Format) -> None:
    if output is Format.JSON:
        sys.stdout.write(json.dumps(plan_json(made, written), indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    elif output is Format.CSV:
        writer = CsvWriter()
        writer.writerow(_HEAD_CSV)
        writer.writerows(_figures(point, made) for point in _points(made))
    elif output is Format.MARKDOWN:
        head = " | ".join(map(shown, _HEAD))
        lines = [f"## {model.name}", "", shown(words), "", f"| {head} |", "|" + "---|" * len(_HEAD)]
        lines += ["| " + " | ".join(_cells(point, made)) + " |" for point in _points(made)]
        lines += ["", *(f"- {shown(line)}" for line in _remarks(made, written, model))]
        sys.stdout.write("\n".join(lines) + "\n")
    else:
        _print(made, written, words, model)


_HEAD = ("", "INT8 layers", "regions", "conversions", "saved ms", "range ms", "SQNR")
_HEAD_CSV = (
    "role", "int8_layers", "regions", "conversions", "saving_low_ms", "saving_mid_ms", "saving_high_ms", "sqnr_db",
)  # fmt: skip


def _print(made: Plan, written: Written | None, words: str, model: Path) -> None:
    from trtprof.cli.output import folded, terminal, worded
    from trtprof.cli.timeline import table_of

    console = terminal()
    console.print(folded(f"{model.name}: {shown(words)}", console, "bold"))
    console.print()
    console.print(worded(f"Pareto front against {made.float_engine} ({made.provenance.value} times)", console, "bold"))
    table = table_of(*((name, "right" if name else "left") for name in _HEAD))
    for point in _points(made):
        table.add_row(*_cells(point, made))
    console.print(table)
    for line in _remarks(made, written, model):
        console.print(worded(f"  {line}", console))


def _points(made: Plan) -> list[PlanPoint]:
    """The front with the chosen point in its place, and all layers in INT8 at the end where something beats that."""
    points = sorted({*made.points, made.choice}, key=lambda point: (point.saving_ns[1], -point.sqnr_db))
    return points if made.whole in points else [*points, made.whole]


def _role(point: PlanPoint, made: Plan) -> str:
    if point == made.choice:
        return "chosen"
    return "all layers" if point == made.whole else ""


def _cells(point: PlanPoint, made: Plan) -> tuple[str, ...]:
    from trtprof.units import ABSENT, decibel

    low, mid, high = (value / 1e6 for value in point.saving_ns)
    span = ABSENT if low == high else f"{low:.3f} to {high:.3f}"
    counts = (f"{len(point.layers)}", f"{point.regions}", f"{point.conversions}")
    return (shown(_role(point, made)), *counts, f"{mid:.3f}", shown(span), shown(decibel(point.sqnr_db)))


def _figures(point: PlanPoint, made: Plan) -> tuple[object, ...]:
    from math import isfinite

    saving = (f"{value / 1e6:.6f}" for value in point.saving_ns)
    sqnr = f"{point.sqnr_db:.3f}" if isfinite(point.sqnr_db) else ""
    return (_role(point, made), len(point.layers), point.regions, point.conversions, *saving, sqnr)


def _remarks(made: Plan, written: Written | None, model: Path) -> list[str]:
    from trtprof.model import Unknown
    from trtprof.units import decibel

    lines = [f"conversions: {made.conversion}"]
    if written is not None and isinstance(written.accuracy, Unknown):
        lines.append(f"accuracy of the written model: cannot tell, {written.accuracy.reason}")
    elif written is not None and written.accuracy is not None:
        lines += [
            f"measured: output '{item.output}' of the written model on {item.samples} samples, SQNR "
            f"{decibel(item.sqnr_db)} where {decibel(written.predicted_db)} was planned"
            for item in written.accuracy
        ]
    lines += [f"note: {notice.message}" for notice in made.notices]
    if written is not None:
        lines.append(f"next: trtprof compare {model} --variant int8={written.path}")
    return lines


def plan_json(made: Plan, written: Written | None) -> dict[str, Any]:
    """Return the plan as a JSON object."""
    from trtprof.cli.plain import finite, plain

    def point(item: PlanPoint) -> dict[str, Any]:
        low, mid, high = item.saving_ns
        return {
            "layers": list(item.layers),
            "saving": {"low_ns": low, "mid_ns": mid, "high_ns": high, "provenance": made.provenance.value},
            "sqnr_db": finite(item.sqnr_db),
            "sqnr_provenance": "derived",
            "regions": item.regions,
            "conversions": item.conversions,
        }

    return {
        "schema_version": 1,
        "float_engine": made.float_engine,
        "int8_engine": made.int8_engine,
        "chosen": point(made.choice),
        "why": made.why,
        "front": [point(item) for item in made.points],
        "all_layers": point(made.whole),
        "conversion_cost": made.conversion,
        "unplaced": list(made.unplaced),
        "out": str(written.path) if written is not None else None,
        "accuracy": finite(plain(written.accuracy)) if written is not None else None,
        "notices": plain(made.notices),
    }
