"""``trtprof extract``: a sub-network with recorded inputs, to be run and built alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trtprof.cli.output import Format, FormatOption, note
from trtprof.cli.safe_text import CsvWriter
from trtprof.errors import UsageError
from trtprof.units import plural

if TYPE_CHECKING:
    from trtprof.pipeline.extract import Extracted

_DATA = "Data"


def extract(  # noqa: PLR0917 - Typer calls it by name
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="An ONNX model.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="Where to write the sub-network.")],
    node: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A node or a tensor that belongs to it; repeat.")
    ] = None,
    worst: Annotated[int | None, typer.Option(min=1, help="The N most sensitive layers, of --sensitivity.")] = None,
    sensitivity: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CSV or JSON with columns layer and sqnr_db.")
    ] = None,
    around: Annotated[int, typer.Option(min=0, help="Steps to go on each side; Q/DQ nodes are no step.")] = 1,
    calib: Annotated[
        str | None,
        typer.Option(
            metavar="SRC",
            rich_help_panel=_DATA,
            help="Data to record inputs with: a .npz, a directory of .npy or images, or random:N. [default: random:1]",
        ),
    ] = None,
    preprocess: Annotated[
        str | None,
        typer.Option(metavar="HOW", rich_help_panel=_DATA, help="For images: imagenet, unit, symmetric, raw, or more."),
    ] = None,
    shapes: Annotated[
        list[str] | None, typer.Option(metavar="NAME:DIMS", rich_help_panel=_DATA, help="Shape of a dynamic input.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    output: FormatOption = Format.TABLE,
) -> None:
    """Cut out the part of a model around nodes or tensors, with recorded inputs and outputs.

    OUT.inputs.npz holds what the part was fed inside the whole model, and serves as --calib for it alone;
    OUT.outputs.npz holds what it gave.
    """
    from trtprof.graph.shapes import parse_shapes
    from trtprof.pipeline.extract import extract_model, worst_layers

    if (worst is None) != (sensitivity is None):
        raise UsageError("--worst and --sensitivity go together", hint="--worst 3 --sensitivity sensitivity.csv")
    names = [*(node or ()), *(worst_layers(sensitivity, worst) if sensitivity is not None and worst else ())]
    if not names:
        raise UsageError("nothing says what to cut out", hint="name nodes with --node, or give --worst N")
    found = extract_model(
        model, out, names, around=around, calib=calib, preprocess=preprocess, shapes=parse_shapes(shapes or []),
        force=force,
    )  # fmt: skip
    if output is Format.JSON:
        sys.stdout.write(json.dumps(_json(found, names), indent=1, ensure_ascii=False) + "\n")
    elif output is Format.CSV:
        writer = CsvWriter()
        writer.writerow(("border", "tensor"))
        writer.writerows([("input", name) for name in found.inputs] + [("output", name) for name in found.outputs])
    else:
        mark = "- " if output is Format.MARKDOWN else ""
        sys.stdout.writelines(f"{mark}{line}\n" for line in _lines(found, names))
    note(f"wrote {found.model}, {found.inputs_file}, {found.outputs_file}")


def _lines(found: Extracted, names: list[str]) -> list[str]:
    return [
        f"{plural(len(found.nodes), 'node')} around {', '.join(names)}",
        f"reads {', '.join(found.inputs)}",
        f"gives {', '.join(found.outputs)}",
        f"run alone on the recorded inputs ({found.data}), it is off by at most {found.largest_difference:.3g}",
    ]


def _json(found: Extracted, names: list[str]) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "around": names,
        "nodes": list(found.nodes),
        "inputs": list(found.inputs),
        "outputs": list(found.outputs),
        "files": {
            "model": str(found.model),
            "inputs": str(found.inputs_file),
            "outputs": str(found.outputs_file),
        },
        "data": found.data,
        "batches": found.batches,
        "largest_difference": {"value": found.largest_difference, "provenance": "measured"},
    }
