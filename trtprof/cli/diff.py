"""``trtprof diff``: two engines of one model, before and after."""

from __future__ import annotations

import csv
import json
import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from trtprof.cli.output import Format, FormatOption

if TYPE_CHECKING:
    from trtprof.analysis.difference import GroupChange, GroupSide

CSV_COLUMNS: Final = (
    "group", "onnx_nodes", "base_ms", "head_ms", "delta_ms", "base_layers", "head_layers", "fusion", "base_types",
    "head_types", "base_units", "head_units", "base_conversions", "head_conversions", "base_tactics", "head_tactics",
)  # fmt: skip


def diff(
    base: Annotated[
        str,
        typer.Argument(
            metavar="BASE",
            help="The engine before: a file or directory that trtexec wrote, or a finished comparison of one "
            "precision; NAME=PATH to name it.",
        ),
    ],
    head: Annotated[str, typer.Argument(metavar="HEAD", help="The engine after, in any of these forms.")],
    every: Annotated[bool, typer.Option("--all", help="Every node group, not just those that changed most.")] = False,
    output: FormatOption = Format.TABLE,
) -> None:
    """Show what changed between two engines of one model: which layers, in which kernel, and by how much.

    For the question why an engine is slower after an upgrade, or faster after a repair. Layers are paired through
    their ONNX nodes, whatever each engine made of them.
    """
    from trtprof.analysis.difference import difference
    from trtprof.pipeline.engine_of import pair_of
    from trtprof.pipeline.targets import parse_target

    found = difference(*pair_of(parse_target(base), parse_target(head)))
    if output is Format.JSON:
        from trtprof.cli.diff_json import to_json

        sys.stdout.write(json.dumps(to_json(found), indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    elif output is Format.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(CSV_COLUMNS)
        writer.writerows(cells(change) for change in found.changes)
    elif output is Format.MARKDOWN:
        from trtprof.cli.diff_markdown import markdown

        sys.stdout.write("\n".join(markdown(found, every)) + "\n")
    else:
        from trtprof.cli.diff_text import print_difference
        from trtprof.cli.output import terminal

        print_difference(found, terminal(), every)


def cells(change: GroupChange) -> tuple[str, ...]:
    """Return a node group in the order of the CSV columns, absent values as empty text."""
    from trtprof.units import NS_PER_MS

    def figure(time: float | None) -> str:
        return "" if time is None else f"{time / NS_PER_MS:.6f}"

    def both(part: str) -> tuple[str, str]:
        return _listed(change.base, part), _listed(change.head, part)

    return (
        "" if change.group is None else str(change.group),
        " ".join(change.nodes),
        figure(change.base.time_ns),
        figure(change.head.time_ns),
        figure(change.delta_ns),
        *both("layers"),
        change.fusion.value if change.fusion else "",
        *both("types"),
        *both("units"),
        str(change.base.conversions),
        str(change.head.conversions),
        *both("tactics"),
    )


def _listed(side: GroupSide, part: str) -> str:
    from trtprof.cli.diff_text import type_words

    if part == "types":
        return "; ".join(map(type_words, side.types))
    if part == "units":
        return "; ".join(unit.value if unit else "" for unit in side.units)
    return "; ".join(text or "" for text in (side.layers if part == "layers" else side.tactics))
