"""The terminal form of a comparison: the sentence first, then one table a question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trtprof.analysis.group_times import group_times
from trtprof.board_words import board_words
from trtprof.cli.breakdown_lines import breakdown_columns, breakdown_lines, breakdown_words
from trtprof.cli.findings_text import print_findings
from trtprof.cli.output import worded
from trtprof.comparison import (
    Breakdown,
    Built,
    Comparison,
    Conversion,
    FusionCell,
    FusionChange,
    FusionRow,
    Latency,
    OutputAccuracy,
)
from trtprof.language import shown
from trtprof.model import DType, Estimate, Unknown
from trtprof.tensor_core_use import tensor_core_use
from trtprof.units import ABSENT, byte_size, decibel, mib, ms, ms_range, percent, plural, significant

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

SHOWN_ROWS: Final = 12
CHANGE_WORDS: Final = {
    FusionChange.SAME: "same",
    FusionChange.SPLIT: "split",
    FusionChange.MERGED: "merged",
    FusionChange.DIFFERENT: "cut differently",
}


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print every table of a comparison."""
    console.print(worded(heading(comparison), console, "bold"))
    console.print(worded(comparison.verdict.sentence, console))
    for reason in comparison.verdict.because:
        console.print(worded(f"  {reason}", console))
    console.print()
    if comparison.device_is_modelled:
        _print_table(console, "Engines (times modelled, ms)", _engines(comparison))
    else:
        _print_table(console, "Engines (times measured, ms)", _measured_engines(comparison))
    for item in comparison.breakdowns:
        title = f"Where the time of {item.engine} goes, against {item.reference} ({breakdown_words(item)}, ms)"
        _print_table(console, title, _breakdown(item))
    if not comparison.device_is_modelled:
        _groups(comparison, console)
    _fusions(comparison, console)
    _conversions(comparison, console)
    if comparison.made.backend != "files":
        _accuracy(comparison, console)
    _boards(comparison, console)
    console.print(worded("Read this with it", console, "bold"))
    for notice in comparison.notices:
        where = f"{notice.where}: " if notice.where else ""
        console.print(worded(f"  {where}{notice.message}", console))
    console.print()
    print_findings(comparison, console)


def _boards(comparison: Comparison, console: Console) -> None:
    """Power, clocks and DLA of engines that ran on a board; nothing for others."""
    lines = [(item.name, line) for item in comparison.engines for line in board_words(item.board_run, item.dla)]
    if lines:
        console.print(worded("On the board", console, "bold"))
        for name, line in lines:
            console.print(worded(f"  {name}: {line}", console))
        console.print()


def heading(comparison: Comparison) -> str:
    """Return what was compared, on what."""
    made = comparison.made
    if comparison.device_is_modelled:
        return f"{comparison.model.name}: {made.tool} {made.tool_version} for {made.target}, ahead of time"
    return f"{comparison.model.name}: measured with {made.tool} {made.tool_version} on {comparison.device.name}"


def time_words(time: Estimate | float | None) -> str:
    """Return a time in ms: a range when modelled, a figure when measured."""
    return ms_range(time.low, time.high) if isinstance(time, Estimate) else ms(time)


def mix_words(mix: tuple[tuple[DType | None, int], ...]) -> str:
    """Return how many conv/gemm kernels take which type."""
    return ", ".join(f"{count} {dtype_word(dtype)}" for dtype, count in mix) or "none"


def dtype_word(dtype: DType | None) -> str:
    """Return a type in capitals, ``?`` where unknown."""
    return "?" if dtype is None else dtype.value.upper()


def accuracy_words(accuracy: tuple[OutputAccuracy, ...] | Unknown) -> str:
    """Return the worst output's signal-to-noise ratio, or why it cannot be told."""
    if isinstance(accuracy, Unknown):
        return f"cannot tell: {accuracy.reason}"
    known = [item.sqnr_db for item in accuracy if item.sqnr_db is not None]
    return decibel(min(known)) if known else ABSENT


def cell_words(cell: FusionCell, *, reference: bool = False) -> str:
    """Return how an engine runs a group of nodes: the change against the reference, kernels and their types."""
    if not cell.kernels:
        return "no kernel"
    types = ", ".join(dtype_word(a) if a is b else f"{dtype_word(a)}→{dtype_word(b)}" for a, b in cell.types)
    change = plural(len(cell.kernels), "kernel") if reference else f"{CHANGE_WORDS[cell.change]}, {len(cell.kernels)}"
    return f"{change}: {types}"


def nodes_words(nodes: tuple[str, ...], limit: int = 2) -> str:
    """Return the first nodes of a group and how many more there are."""
    shown = " + ".join(nodes[:limit])
    return shown if len(nodes) <= limit else f"{shown} + {len(nodes) - limit} more"


def shown_nodes(nodes: tuple[str, ...], limit: int = 2) -> str:
    """Return :func:`nodes_words` in the language in use; names stay as they are."""
    more = f" + {len(nodes) - limit} more" if len(nodes) > limit else ""
    return " + ".join(nodes[:limit]) + shown(more)


def shown_kinds(kinds: str) -> str:
    """Return the kinds of a conversion in the language in use: ``cast + reformat``."""
    return " + ".join(map(shown, kinds.split(" + ")))


def conversion_words(item: Conversion) -> tuple[str, str]:
    """Return what a conversion does and from what to what."""
    before = [dtype_word(item.from_dtype), *([item.from_layout.word] if item.from_layout else [])]
    after = [dtype_word(item.to_dtype), *([item.to_layout.word] if item.to_layout else [])]
    return " + ".join(item.what), f"{' '.join(before)} → {' '.join(after)}"


def _table(*columns: tuple[str | Text, str]) -> Table:
    """Headings are words of ours, names of engines come as ``Text``."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading, justify in columns:
        # Figures keep together; it is the words that fold where the terminal is narrow.
        figure = justify == "right"
        said = shown(heading) if isinstance(heading, str) else heading
        table.add_column(said, justify="right" if figure else "left", overflow="fold", no_wrap=figure)
    return table


def _print_table(console: Console, title: str, table: Table) -> None:
    console.print(worded(title, console, "bold"))
    console.print(table)
    console.print()


def _plain(text: str) -> Text:
    """Names are data, never markup."""
    from rich.text import Text

    return Text(text)


def _engines(comparison: Comparison) -> Table:
    table = _table(
        ("precision", "left"), ("kernels", "right"), ("convert", "right"), ("conv/gemm\ntake", "left"),
        ("moved\nMiB", "right"), ("time", "right"), ("folded", "right"),
    )  # fmt: skip
    for built in comparison.engines:
        table.add_row(
            built.name,
            f"{len(built.rows):,}",
            f"{len(built.conversions):,}",
            mix_words(built.precision_mix),
            mib(built.activation_bytes),
            time_words(built.total_ns),
            time_words(built.projected_ns),
        )
    for item in comparison.missing:
        table.add_row(item.name, ABSENT, ABSENT, shown("no engine, see below"), ABSENT, ABSENT, ABSENT)
    return table


def _measured_engines(comparison: Comparison) -> Table:
    table = _table(
        ("precision", "left"), ("layers", "right"), ("convert", "right"), ("conv/gemm\ntake", "left"),
        ("on Tensor\nCores", "right"), ("moved\nMiB", "right"), ("p50", "right"), ("p90", "right"), ("p99", "right"),
        ("spread", "right"), ("per s", "right"), ("layer\nsum", "right"),
    )  # fmt: skip
    for built in comparison.engines:
        table.add_row(
            built.name,
            f"{len(built.rows):,}",
            f"{len(built.conversions):,}",
            mix_words(built.precision_mix),
            shown(tensor_core_words(built)),
            mib(built.activation_bytes),
            *latency_words(built.latency),
            time_words(built.total_ns),
        )
    return table


def tensor_core_words(built: Built) -> str:
    """Return how many conv/gemm kernels run on Tensor Cores by their names, and their share of that time."""
    use = tensor_core_use(built.rows)
    if not use.is_known:
        return "unknown" if use.eligible else ABSENT
    unknown = f" ({use.unknown} unknown)" if use.unknown else ""
    return f"{use.tensor} of {use.eligible}{unknown}" + (
        "" if use.time_ratio is None else f", {percent(use.time_ratio)}"
    )


def latency_words(latency: Latency | None) -> tuple[str, str, str, str, str]:
    """Return median, 90th and 99th percentile in ms, the coefficient of variation and inferences a second."""
    if latency is None:
        return (ABSENT,) * 5
    rate = latency.throughput_per_s
    return (
        ms(latency.median_ns),
        ms(latency.p90_ns),
        ms(latency.p99_ns),
        percent(latency.spread_ratio, 1),
        ABSENT if rate is None else f"{rate:,.0f}",
    )


def _groups(comparison: Comparison, console: Console) -> None:
    """The most expensive node groups with their times; the ratio is against the first engine."""
    found = group_times(comparison.groups, comparison.engines)
    if not found:
        return
    columns: list[tuple[str | Text, str]] = [("ONNX nodes", "left")]
    for place, built in enumerate(comparison.engines):
        columns += [(_plain(built.name), "right")] + ([("", "right")] if place else [])
    table = _table(*columns)
    for item in found[:SHOWN_ROWS]:
        cells: list[str] = []
        for place, time in enumerate(item.times_ns):
            ratio = item.ratio(0, place) if place else None
            cells += [ms(time)] + ([ABSENT if ratio is None else f"×{significant(ratio)}"] if place else [])
        table.add_row(_plain(shown_nodes(item.nodes, 3)), *cells)
    title = f"The most expensive of {plural(len(found), 'node group')} (layer times as profiled, ms)"
    _print_table(console, title, table)


def _breakdown(item: Breakdown) -> Table:
    words = breakdown_columns(item)
    names = (item.reference, item.engine)
    table = _table(("", "left"), *((_plain(word) if word in names else word, "right") for word in words[1:]))
    for label, *cells in breakdown_lines(item):
        table.add_row(shown(label), *map(shown, cells))
    return table


def changed_fusions(comparison: Comparison) -> tuple[list[FusionRow], list[FusionRow]]:
    """Return the groups that the engines cut differently: the model's own, and those the backend alone explains."""
    changed = [row for row in comparison.fusions if any(cell.change is not FusionChange.SAME for cell in row.cells)]
    return [row for row in changed if row.limit is None], [row for row in changed if row.limit is not None]


def _fusions(comparison: Comparison, console: Console) -> None:
    own, limited = changed_fusions(comparison)
    count = f"{len(own)} of {plural(len(comparison.fusions), 'node group')}" if own else "no node group is"
    title = f"Fusion: {count} cut into kernels differently"
    if own:
        table = _table(("ONNX nodes", "left"), *((_plain(built.name), "left") for built in comparison.engines))
        for row in own[:SHOWN_ROWS]:
            table.add_row(
                _plain(shown_nodes(row.nodes)),
                *(shown(cell_words(cell, reference=place == 0)) for place, cell in enumerate(row.cells)),
            )
        console.print(worded(title, console, "bold"))
        console.print(table)
    else:
        console.print(worded(title, console, "bold"))
    _more(console, len(own))
    for limit in sorted({row.limit for row in limited if row.limit}):
        console.print(worded(f"  {plural(len(limited), 'more group')} only because {limit}", console))
    console.print()


def _conversions(comparison: Comparison, console: Console) -> None:
    found = [(built, item) for built in comparison.engines for item in built.conversions]
    if not found:
        console.print(worded("Conversions: found none", console, "bold"))
        console.print()
        return
    table = _table(
        ("engine", "left"), ("row", "right"), ("what", "left"), ("from → to", "left"), ("moved", "right"),
        (f"ms, {'modelled' if comparison.device_is_modelled else 'measured'}", "right"), ("between", "left"),
    )  # fmt: skip
    for built, item in _spread(found):
        what, change = conversion_words(item)
        table.add_row(
            built.name,
            str(item.row),
            shown_kinds(what),
            change,
            byte_size(item.bytes_moved),
            time_words(item.time_ns),
            _plain(f"{_end(item.before)} → {_end(item.after)}"),
        )
    title = f"Conversions: {plural(len(found), 'row')} that only change type or layout"
    console.print(worded(title, console, "bold"))
    console.print(table)
    _more(console, len(found))
    console.print()


def _end(name: str | None) -> str:
    """Name what is at one end of a conversion; only an end of the engine has a word of ours before its name."""
    if name is None:
        return ABSENT
    return shown(name) if name.startswith(("engine input ", "engine output ")) else name


def _spread(found: list[tuple[Built, Conversion]]) -> list[tuple[Built, Conversion]]:
    """Keep the rows that move most, in their order: a long engine must not push the others off the screen."""
    largest = sorted(range(len(found)), key=lambda place: (-(found[place][1].bytes_moved or 0), place))[:SHOWN_ROWS]
    return [found[place] for place in sorted(largest)]


def _more(console: Console, count: int) -> None:
    if count > SHOWN_ROWS:
        console.print(worded(f"  {SHOWN_ROWS} of {count:,} shown; the page and --format json have all", console))


def _accuracy(comparison: Comparison, console: Console) -> None:
    table = _table(
        ("engine", "left"), ("output", "left"), ("samples", "right"), ("cosine", "right"), ("SQNR", "right"),
        ("max abs error", "right"), ("same top-1", "right"),
    )  # fmt: skip
    for built in comparison.engines:
        if isinstance(built.accuracy, Unknown):
            table.add_row(built.name, _plain(shown(f"cannot tell: {built.accuracy.reason}")))
            continue
        for item in built.accuracy:
            table.add_row(
                built.name,
                _plain(item.output),
                str(item.samples),
                ABSENT if item.cosine is None else f"{item.cosine:.6f}",
                shown(decibel(item.sqnr_db)),
                ABSENT if item.max_abs_error is None else f"{item.max_abs_error:.3g}",
                percent(item.top1_agreement),
            )
    title = f"Accuracy against the original, measured with onnxruntime on the CPU on {comparison.made.calibration}"
    _print_table(console, title, table)
