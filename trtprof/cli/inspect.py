"""``trtprof inspect``: one engine, or several, each for itself."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from trtprof.cli.output import Format, FormatOption, worded
from trtprof.cli.safe_text import CsvWriter
from trtprof.language import shown
from trtprof.units import byte_size, plural

if TYPE_CHECKING:
    from rich.console import Console

    from trtprof.comparison import Built, Latency, Row
    from trtprof.engine_facts import EngineFacts

_SHOWN: Final = 30
_COLUMNS: Final = (
    "engine",
    "row",
    "layer",
    "type",
    "kind",
    "from",
    "to",
    "unit",
    "ms",
    "share",
    "tactic",
    "onnx_nodes",
)
_HEADINGS: Final = (
    ("#", True), ("layer", False), ("type", False), ("from → to", False), ("core", False), ("ms", True), ("", True),
)  # fmt: skip
_UNITS: Final = {"tensor_core": "Tensor", "cuda_core": "CUDA", "none": "", "dla": "DLA", "unknown": "?"}


def inspect(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="Files that TensorRT or trtexec wrote (layers, profiles, times, logs), or directories with them.",
        ),
    ],
    every: Annotated[bool, typer.Option("--all", help="Every layer, not just the most expensive.")] = False,
    roofline: Annotated[
        bool, typer.Option("--roofline", help="Each layer against the least time its GPU could take for it.")
    ] = False,
    output: FormatOption = Format.TABLE,
) -> None:
    """Show an engine: its layers with types, tactics and times, its conversions, and what it was measured at.

    Files of one engine are found and put together by themselves.
    """
    from trtprof.pipeline.measured import inspect as read

    engines = read(paths)
    if roofline and output is not Format.JSON:
        from trtprof.cli.inspect_roofline import show_rooflines

        show_rooflines(engines, output, every=every)
    elif output is Format.JSON:
        from trtprof.comparison_json import engine_json, notice_json
        from trtprof.pipeline.traces import with_timelines

        answer = [
            {**engine_json(built), "notices": [notice_json(notice) for notice in built.engine.notices]}
            | (_roofline(built) if roofline else {})
            for built in with_timelines(engines)
        ]
        sys.stdout.write(json.dumps({"schema_version": 1, "engines": answer}, indent=1, ensure_ascii=False) + "\n")
    elif output is Format.CSV:
        writer = CsvWriter()
        writer.writerow(_COLUMNS)
        writer.writerows(cells(built, row) for built in engines for row in built.rows)
    elif output is Format.MARKDOWN:
        for built in engines:
            sys.stdout.write("\n".join(_markdown(built, every)) + "\n")
    else:
        from trtprof.cli.output import terminal

        console = terminal()
        for built in engines:
            _print(built, console, every)


def _roofline(built: Built) -> dict[str, object]:
    from trtprof.analysis.layer_roofline import engine_roofline
    from trtprof.roofline_json import roofline_json

    return {"roofline": roofline_json(engine_roofline(built))}


def cells(built: Built, row: Row) -> tuple[str, ...]:
    """Return a row in the order of the columns, absent values as empty text."""
    from trtprof.units import NS_PER_MS

    time = row.time_ns if isinstance(row.time_ns, float | int) else None
    total = built.total_ns if isinstance(built.total_ns, float | int) else None
    return (
        built.name,
        str(row.layer.index),
        row.layer.name,
        row.layer.type or "",
        row.kind.value,
        _side(row, 0),
        _side(row, 1),
        row.kernel.unit.value if row.kernel else "",
        "" if time is None else f"{time / NS_PER_MS:.6f}",
        "" if time is None or not total else f"{time / total:.4f}",
        row.layer.tactic or "",
        " ".join(row.layer.onnx_nodes),
    )


def _side(row: Row, side: int) -> str:
    tensors = (row.layer.inputs, row.layer.outputs)[side]
    if not tensors:
        return ""
    first = tensors[0]
    layout = first.format.word if first.format else ""
    return f"{first.dtype.value.upper() if first.dtype else '?'} {layout}".strip()


def _chosen(built: Built, every: bool) -> list[Row]:
    """The most expensive rows in execution order; the first ones where no time is known."""
    rows = list(built.rows)
    if every or len(rows) <= _SHOWN:
        return rows
    costs = {row.layer.index: row.time_ns if isinstance(row.time_ns, float | int) else -1.0 for row in rows}
    kept = {row.layer.index for row in sorted(rows, key=lambda r: (-costs[r.layer.index], r.layer.index))[:_SHOWN]}
    return [row for row in rows if row.layer.index in kept]


def _facts(built: Built) -> list[str]:
    from trtprof.board_words import board_words
    from trtprof.cli.compare_table import latency_words, mix_words, tensor_core_words
    from trtprof.units import mib, ms

    engine = built.engine
    made = " ".join(word for word in (engine.tool, engine.tool_version) if word)
    where = f" on {engine.device.name}" if engine.device else ""
    kinds = Counter(row.kind.value for row in built.rows)
    lines = [
        f"{built.precision.value if built.precision else 'unknown precision'}; {made or 'unknown tool'}{where}",
        f"{plural(len(built.rows), 'layer')}: " + ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())
        if built.rows
        else "layers: cannot tell, no file lists them",
        f"conv/gemm operands: {mix_words(built.precision_mix)}; on Tensor Cores by kernel name: "
        f"{tensor_core_words(built)}; activations {mib(built.activation_bytes)} MiB"
        + (f"; plan {byte_size(engine.size_bytes)}" if engine.size_bytes else ""),
    ]
    if built.latency is not None:
        p50, p90, p99, spread, rate = latency_words(built.latency)
        lines.append(
            f"{built.latency.what}: p50 {p50} ms, p90 {p90} ms, p99 {p99} ms, spread {spread}, {rate} a second "
            f"({_iterations(built.latency)}, measured)"
        )
    lines.extend(_memory(engine.facts))
    lines.extend(board_words(built.board_run, built.dla))
    if built.engine.timings is None:
        lines.append("layer times: cannot tell, no profile was given")
    elif isinstance(built.total_ns, float | int):
        lines.append(f"layer times: {ms(built.total_ns)} ms in sum (measured, profiler's own cost included)")
    converting = [row for row in built.rows if row.kind.is_conversion]
    spent = sum(row.time_ns for row in converting if isinstance(row.time_ns, float | int))
    if not built.rows:
        return lines
    if not converting:
        lines.append("conversions: found none")
    elif built.engine.timings is None:
        lines.append(f"conversions: {plural(len(converting), 'layer')}")
    else:
        lines.append(f"conversions: {plural(len(converting), 'layer')}, {ms(spent)} ms")
    return lines


def _iterations(latency: Latency) -> str:
    return "summary of trtexec" if latency.iterations is None else plural(latency.iterations, "iteration")


def _memory(facts: EngineFacts | None) -> list[str]:
    """What the build log says of memory; nothing without a log, since absent is not 0."""
    memory = facts.memory if facts else None
    if memory is None:
        return []
    parts = (
        ("weights", memory.weights_bytes),
        ("activations", memory.activation_bytes),
        ("scratch", memory.scratch_bytes),
        ("persistent on the device", memory.device_persistent_bytes),
        ("persistent on the host", memory.host_persistent_bytes),
        ("peak while building, GPU", memory.peak_gpu_bytes),
        ("peak while building, CPU", memory.peak_cpu_bytes),
    )
    said = [f"{what} {byte_size(size)}" for what, size in parts if size is not None]
    return [f"memory, as the builder logged it: {', '.join(said)}"] if said else []


def _print(built: Built, console: Console, every: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    console.print(Text(built.name, style="bold"))
    for line in _facts(built):
        console.print(worded(f"  {line}", console))
    rows = _chosen(built, every)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading, figure in _HEADINGS:
        table.add_column(shown(heading), justify="right" if figure else "left", no_wrap=figure, overflow="fold")
    for row in rows:
        _, index, name, kind, _, source, result, unit, time, share, _, _ = cells(built, row)
        table.add_row(
            index,
            Text(name),
            shown(kind),
            f"{source} → {result}" if source != result else source,
            _UNITS.get(unit, ""),
            time[:-3] if time else "–",
            f"{float(share):.1%}" if share else "",
        )
    console.print(table)
    if len(rows) < len(built.rows):
        said = f"  the {len(rows)} most expensive of {len(built.rows):,}; --all shows every one"
        console.print(worded(said, console))
    for notice in built.engine.notices:
        console.print(worded(f"  note: {notice.message}", console))
    console.print()


def _markdown(built: Built, every: bool) -> list[str]:
    from trtprof.cli.markdown_text import all_shown, cell, said, table

    lines = [f"## {cell(built.name)}", "", *(f"- {said(fact)}" for fact in _facts(built)), ""]
    return [*lines, *table(all_shown(*_COLUMNS[1:]), (cells(built, row)[1:] for row in _chosen(built, every))), ""]
