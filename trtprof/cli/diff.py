"""``trtprof diff``: two engines of one model, before and after, and the gates of CI between them."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from trtprof.cli.output import Format, FormatOption, note
from trtprof.cli.safe_text import CsvWriter
from trtprof.errors import GateFailed, InputError, UsageError

if TYPE_CHECKING:
    from trtprof.analysis.difference import GroupChange, GroupSide
    from trtprof.analysis.gates import Gate
    from trtprof.analysis.judge import Gates
    from trtprof.pipeline.sides import EnginePair

CSV_COLUMNS: Final = (
    "group", "onnx_nodes", "base_ms", "head_ms", "delta_ms", "base_layers", "head_layers", "fusion", "base_types",
    "head_types", "base_units", "head_units", "base_conversions", "head_conversions", "base_tactics", "head_tactics",
)  # fmt: skip
FIGURE_COLUMNS: Final = ("engine", "metric", "of", "base", "head", "unit", "change", "noise", "change_unit", "why")
_RUN: Final = re.compile(r"@-\d+$")


def diff(  # noqa: PLR0917 - Typer calls it by name
    base: Annotated[
        str,
        typer.Argument(
            metavar="BASE",
            help="The engine before: a file or directory that trtexec wrote, a finished comparison, what trtprof "
            "compare --format json wrote, or a run of the store (STORE.db#RUN, @-2, MODEL@-1); NAME=PATH to "
            "name it.",
        ),
    ],
    head: Annotated[str, typer.Argument(metavar="HEAD", help="The engine after, in any of these forms.")],
    fail_if: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC:CHANGE",
            help="Exit with 1 if a figure changes so much or more, in the direction of the sign: latency:+3%, "
            "tensor-core-share:-2pp, conversions:+1, accuracy.sqnr:-1dB, findings:critical; repeat.",
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail also on a change beyond its limit that is within noise.")
    ] = False,
    engine: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Of several engines only this, by name or precision; repeat. [default: all]"),
    ] = None,
    db: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            envvar="TRTPROF_DB",
            help="The store that @-1 is a run of. [default: trtprof-out/trtprof.db]",
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every node group, not just those that changed most.")] = False,
    output: FormatOption = Format.TABLE,
) -> None:
    """Show what changed between two engines of one model: which layers, in which kernel, and by how much.

    For the question why an engine is slower after an upgrade, or faster after a repair; with --fail-if a gate for CI.
    Layers are paired through their ONNX nodes, whatever each engine made of them.
    """
    from trtprof.analysis.gates import parse_gate
    from trtprof.pipeline.sides import pair_sides, read_side

    gates = [parse_gate(text) for text in fail_if or ()]
    if strict and not gates:
        raise UsageError("--strict is for gates, and there is none", hint="add one: --fail-if latency:+3%")
    sides = [read_side(text, _store(text, db)) for text in (base, head)]
    pairs, added = pair_sides(sides[0], sides[1], engine or ())
    judged = _judge(gates, pairs, strict) if gates else None
    show(pairs, added, judged, output, every=every)
    if judged is not None:
        _answer(judged)


def _judge(gates: Sequence[Gate], pairs: Sequence[EnginePair], strict: bool) -> Gates:
    from trtprof.analysis.judge import Gates, judge

    return Gates(tuple(item for pair in pairs for item in judge(gates, pair.name, pair.base, pair.head)), strict)


def _answer(judged: Gates) -> None:
    """Say on stderr what came of the gates; what failed or cannot be judged ends the command with its code."""
    from trtprof.analysis.judge import Outcome
    from trtprof.cli.gate_words import gates_error, gates_sentence, warnings

    for warning in warnings(judged):
        note(warning)
    if judged.outcome is Outcome.FAILED:
        message, hint = gates_error(judged)
        raise GateFailed(message, hint=hint)
    if judged.outcome is Outcome.UNKNOWN:
        message, hint = gates_error(judged)
        raise InputError(message, hint=hint)
    note(gates_sentence(judged))


def _store(text: str, db: Path | None) -> Path | None:
    """The store of a run that is named alone, like @-1; a path needs none."""
    from trtprof.cli.stores import default_store

    return default_store() if db is None and _RUN.search(text) and "#" not in text else db


def show(
    pairs: Sequence[EnginePair], added: Sequence[str], judged: Gates | None, output: Format, *, every: bool
) -> None:
    """Print gates, figures and, of one pair whose files hold its layers, everything that differs."""
    from trtprof.analysis.difference import difference

    one = pairs[0] if len(pairs) == 1 else None
    found = difference(*one.built, one.findings) if one is not None and one.built else None
    if output is Format.JSON:
        from trtprof.cli.diff_json import to_json

        answer = to_json(found, pairs, added, judged)
        sys.stdout.write(json.dumps(answer, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    elif output is Format.CSV:
        writer = CsvWriter()
        if found:
            writer.writerow(CSV_COLUMNS)
            writer.writerows(cells(change) for change in found.changes)
        else:
            writer.writerow(FIGURE_COLUMNS)
            writer.writerows(line for pair in pairs for line in _figure_cells(pair))
    elif output is Format.MARKDOWN:
        from trtprof.cli.diff_markdown import markdown

        sys.stdout.write("\n".join(markdown(found, pairs, added, judged, every)) + "\n")
    else:
        from trtprof.cli.diff_text import print_difference
        from trtprof.cli.gate_text import print_figures, print_gates
        from trtprof.cli.output import terminal

        if judged is not None:
            print_gates(judged, terminal())
        if found:
            print_difference(found, terminal(), every)
        else:
            print_figures(pairs, added, terminal())


def _figure_cells(pair: EnginePair) -> Iterator[tuple[object, ...]]:
    """The figures in the order of the CSV columns, in the units of JSON."""
    from trtprof.cli.gate_json import pair_json

    def value(figure: dict[str, object] | None) -> object:
        return "" if figure is None else figure.get("value", figure.get("mid"))

    for item in pair_json(pair)["figures"]:
        sides = (value(item["base"]), value(item["head"]))
        rest = (item[key] for key in ("unit", "change", "noise", "change_unit", "why"))
        yield (pair.name, item["metric"], item["of"] or "", *sides, *("" if part is None else part for part in rest))


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
