"""The terminal form of what a trace tells: layers, ranges, inferences, gaps and copies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trtprof.cli.output import worded
from trtprof.language import shown
from trtprof.model import Unknown
from trtprof.units import byte_size, ms, percent, plural

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from trtprof.analysis.layer_time import LayerTime, LayerTimes
    from trtprof.pipeline.kernel_report import Timeline


def table_of(*columns: tuple[str, str]) -> Table:
    """Return an empty table; figures keep together, words fold."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading, justify in columns:
        figure = justify == "right"
        table.add_column(shown(heading), justify="right" if figure else "left", overflow="fold", no_wrap=figure)
    return table


def print_timeline(timeline: Timeline, console: Console, *, by_range: bool, limit: int | None) -> None:
    """Print inferences, gaps, copies, layers and, when asked for, NVTX ranges; each says why where it cannot tell."""
    spread = timeline.inferences
    if isinstance(spread, Unknown):
        console.print(worded(f"Inferences: cannot tell, {spread.reason}", console))
    else:
        console.print(
            worded(
                f"Inferences: {spread.count:,}, GPU time median {ms(spread.median_ns)} ms, from {ms(spread.min_ns)} to "
                f"{ms(spread.max_ns)} ms",
                console,
            )
        )
    _gaps(timeline, console)
    _transfers(timeline, console)
    console.print()
    _layers(timeline.layers, console, limit)
    if by_range:
        _ranges(timeline, console, limit)


def _gaps(timeline: Timeline, console: Console) -> None:

    if isinstance(timeline.devices, Unknown):
        console.print(worded(f"Gaps: cannot tell, {timeline.devices.reason}", console))
        return
    for device in timeline.devices:
        causes = ", ".join(f"{cause.cause.value} {ms(cause.total_ns)} ms" for cause in device.causes if cause.total_ns)
        busy = percent(device.busy_ns / device.span_ns, 1) if device.span_ns else "–"
        console.print(
            worded(
                f"GPU {device.device}: busy {busy} of {ms(device.span_ns)} ms, {ms(device.launch_bound_ns)} ms waiting "
                f"for the host ({causes or 'no gaps'})",
                console,
            )
        )


def _transfers(timeline: Timeline, console: Console) -> None:

    if isinstance(timeline.transfers, Unknown):
        console.print(worded(f"Copies: cannot tell, {timeline.transfers.reason}", console))
        return
    if not timeline.transfers:
        console.print(worded("Copies and memsets: found none", console))
    for item in timeline.transfers:
        rate = f", {item.size_bytes / item.total_ns:.1f} GB/s" if item.total_ns else ""
        memory = f" ({item.source} to {item.target})" if item.source else ""
        said = f"{item.kind}{memory}: {item.count:,}, {byte_size(item.size_bytes)} in {ms(item.total_ns)} ms{rate}"
        console.print(worded(said, console))


def _layers(layers: LayerTimes | Unknown, console: Console, limit: int | None) -> None:
    from rich.text import Text

    if isinstance(layers, Unknown):
        console.print(worded(f"Layers: cannot tell, {layers.reason}", console))
        console.print()
        return
    table = table_of(
        ("layer", "left"), ("runs on", "left"), ("kernels", "right"), ("runs", "right"), ("ms", "right"), ("", "right")
    )
    for layer in layers.layers[:limit]:
        table.add_row(
            Text(layer.layer), units_of(layer), f"{layer.launches:,}", f"{layer.runs:,}", ms(layer.total_ns),
            percent(layer.ratio, 1),
        )  # fmt: skip
    for rest in layers.unattributed:
        table.add_row(
            Text(shown(f"(no layer: {rest.reason.value.replace('_', ' ')})")), "", f"{rest.launches:,}", "",
            ms(rest.total_ns), percent(rest.ratio, 1),
        )  # fmt: skip
    head = f"TensorRT layers: {percent(layers.attributed_ratio, 1)} of kernel time attributed"
    console.print(worded(head, console, "bold"))
    console.print(table)
    if limit is not None and len(layers.layers) > limit:
        console.print(worded(f"  {limit} of {len(layers.layers):,} shown; --all shows every one", console))
    if layers.without_kernels:
        console.print(worded(f"  {plural(len(layers.without_kernels), 'layer')} launched nothing", console))
    for graph in layers.hidden:
        console.print(
            worded(
                f"  CUDA graph {graph.graph} hides its kernels: {graph.launches:,} launches, {ms(graph.total_ns)} ms; "
                "trace with --cuda-graph-trace=node",
                console,
            )
        )
    console.print()


def units_of(layer: LayerTime) -> str:
    """Return which cores a layer's kernels ran on, the one that took most of its time first."""
    from trtprof.kernels import classify_all

    classes = classify_all(kernel.name for kernel in layer.kernels)
    times: dict[str, int] = {}
    for kernel in layer.kernels:
        unit = classes[kernel.name].unit.value
        times[unit] = times.get(unit, 0) + kernel.total_ns
    words = {"tensor_core": "Tensor", "cuda_core": "CUDA", "none": "moves", "dla": "DLA", "unknown": "?"}
    return " + ".join(words[unit] for unit in sorted(times, key=lambda unit: (-times[unit], unit)))


def _ranges(timeline: Timeline, console: Console, limit: int | None) -> None:
    from rich.text import Text

    if isinstance(timeline.ranges, Unknown):
        console.print(worded(f"NVTX ranges: cannot tell, {timeline.ranges.reason}", console))
        return
    table = table_of(
        ("range", "left"),
        ("domain", "left"),
        ("count", "right"),
        ("kernels", "right"),
        ("ms", "right"),
        ("own ms", "right"),
    )
    for item in timeline.ranges[:limit]:
        table.add_row(
            Text(item.name), Text(item.domain or ""), f"{item.ranges:,}", f"{item.launches:,}", ms(item.kernel_ns),
            ms(item.own_kernel_ns),
        )  # fmt: skip
    title = f"NVTX ranges: {len(timeline.ranges):,}" if timeline.ranges else "NVTX ranges: found none"
    console.print(worded(title, console, "bold"))
    console.print(table)
    console.print()
