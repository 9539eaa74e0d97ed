"""A difference of two engines in words, for the terminal: the verdict first, then what changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from trtprof.analysis.difference import Difference, GroupChange, GroupSide
from trtprof.cli.compare_table import (
    CHANGE_WORDS,
    SHOWN_ROWS,
    conversion_words,
    dtype_word,
    latency_words,
    shown_nodes,
    tensor_core_words,
)
from trtprof.cli.output import worded
from trtprof.comparison import Built, Conversion, FusionChange
from trtprof.diagnosis import Finding
from trtprof.language import shown
from trtprof.model import DType, Estimate, Unit
from trtprof.units import ABSENT, ms, plural

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_UNITS: Final = {Unit.TENSOR_CORE: "Tensor Core", Unit.CUDA_CORE: "CUDA core", Unit.DLA: "DLA"}
REST: Final = "(rows of no ONNX node)"


def type_words(types: tuple[DType | None, DType | None]) -> str:
    """Return the types a row reads and writes: ``INT8→FP16``, one word where they are the same."""
    before, after = types
    return dtype_word(before) if before is after else f"{dtype_word(before)}→{dtype_word(after)}"


def signed_ms(time_ns: float | None) -> str:
    """Return a change of time in ms with its sign, or the absent mark."""
    if time_ns is None:
        return ABSENT
    figure = ms(abs(time_ns))
    sign = "+" if time_ns > 0 else "−"
    return figure if figure == ms(0.0) else sign + figure


def summary_lines(found: Difference) -> list[str]:
    """Return the verdict and where the change lies, a sentence a line."""
    changed, stayed = found.delta_ns(same_kernels=False), found.delta_ns(same_kernels=True)
    if changed is None or stayed is None:
        return [found.sentence, "Which layers changed by how much cannot be told: layer times of both are needed."]
    if all(not change.delta_ns for change in found.changes):
        return [found.sentence, "No layer's time changed."]
    return [
        found.sentence,
        f"Layer times change by {signed_ms(changed + stayed)} ms in sum: {signed_ms(changed)} ms where kernels, types "
        f"or conversions differ, {signed_ms(stayed)} ms where they are the same (clock, memory, profiler).",
    ]


def group_lines(change: GroupChange) -> list[str]:
    """Return what changed in a group: what became of its layers, then each kernel gone (-), come (+) or kept (=)."""
    words = [_layers(change)]
    if change.base.conversions or change.head.conversions:
        words.append(f"conversions {change.base.conversions} → {change.head.conversions}")
    before, after = _kernels(change.base), _kernels(change.head)
    lines = ["; ".join(words)]
    if before == after:
        # The name of a kernel that stayed tells nothing new, and it is long.
        return lines + [f"= {kind}, same kernel" for kind in dict.fromkeys(_kinds(change.base))]
    lines += [f"- {kernel}" for kernel in before]
    return lines + [f"+ {kernel}" for kernel in after]


def _layers(change: GroupChange) -> str:
    before, after = len(change.base.rows), len(change.head.rows)
    count = plural(before, "layer") if before == after else f"{plural(before, 'layer')} → {after}"
    known = change.fusion not in (None, FusionChange.SAME)
    return f"{count}, {CHANGE_WORDS[change.fusion]}" if known and change.fusion else count


def _kinds(side: GroupSide) -> list[str]:
    return [
        " ".join(filter(None, (type_words(types), _UNITS.get(unit) if unit else None)))
        for types, unit in zip(side.types, side.units, strict=True)
    ]


def _kernels(side: GroupSide) -> list[str]:
    names = (tactic or f"'{layer}'" for tactic, layer in zip(side.tactics, side.layers, strict=True))
    return [f"{kind} {name}" for kind, name in zip(_kinds(side), names, strict=True)]


def shown_changes(found: Difference, every: bool) -> tuple[GroupChange, ...]:
    """Return the groups to show: all, or those that changed most, without those in which nothing did."""
    if every:
        return found.changes
    return tuple(item for item in found.changes if item.delta_ns or not item.same_kernels)[:SHOWN_ROWS]


def engine_rows(found: Difference) -> list[tuple[str, ...]]:
    """Return base and head as (name, engine, layers, on Tensor Cores, p50, p99, spread, layer sum)."""
    return [_engine_row(built) for built in (found.base, found.head)]


def _engine_row(built: Built) -> tuple[str, ...]:
    p50, _, p99, spread, _ = latency_words(built.latency)
    precision = built.precision.value if built.precision else "?"
    total = None if isinstance(built.total_ns, Estimate) else built.total_ns
    return (built.name, precision, f"{len(built.rows):,}", tensor_core_words(built), p50, p99, spread, ms(total))


ENGINE_HEADINGS: Final = ("engine", "precision", "layers", "on Tensor Cores", "p50", "p99", "spread", "layer sum")


def conversion_line(item: Conversion) -> str:
    """Return a conversion with its time and its place."""
    what, change = conversion_words(item)
    time = "" if item.time_ns is None or isinstance(item.time_ns, Estimate) else f"{ms(item.time_ns)} ms, "
    return f"{what}, {change}, {time}between {item.before or ABSENT} and {item.after or ABSENT}"


def finding_line(item: Finding) -> str:
    """Return a finding as code, severity and cause."""
    return f"{item.code} {item.severity.value}: {item.cause}"


def findings_lines(found: Difference) -> list[str]:
    """Return the findings that are gone, new and still there."""
    lines = [f"- gone {finding_line(item)}" for item in found.findings_gone]
    lines += [f"+ new {finding_line(item)}" for item in found.findings_new]
    kept = ", ".join(dict.fromkeys(item.code for item in found.findings_kept))
    return [*lines, *([f"= in both: {kept}"] if kept else [])] or ["found nothing in either engine"]


def untold_line(found: Difference) -> str | None:
    """Return what cannot be compared, because the files of one engine or of both do not say it."""
    if not found.untold:
        return None
    silent: dict[str, list[str]] = {}
    for item in found.untold:
        who = (found.base if item.base is None else found.head).name
        neither = item.base is None and item.head is None
        silent.setdefault("neither one's files" if neither else f"not the files of {who}", []).append(item.what)
    return "cannot tell: " + "; ".join(f"{', '.join(whats)} ({who})" for who, whats in silent.items())


def print_difference(found: Difference, console: Console, every: bool) -> None:
    """Print the whole difference."""
    for place, line in enumerate(summary_lines(found)):
        console.print(worded(line, console, "" if place else "bold"))
    console.print()
    _print_table(console, "Engines (times measured, ms)", _engines(found))
    _around(found, console)
    changes = shown_changes(found, every)
    title = f"The node groups that changed most, {len(changes)} of {len(found.changes):,} (layer times as profiled, ms)"
    if changes:
        _print_table(console, title, _changes(found, changes))
    else:
        console.print(worded("Node groups: none changed", console, "bold"))
        console.print()
    for word, items in (("added", found.conversions_added), ("gone", found.conversions_gone)):
        _section(console, f"Conversions {word}: {len(items) or 'none'}", map(conversion_line, items[:SHOWN_ROWS]))
    _section(console, "Findings, each engine by itself", findings_lines(found))


def _section(console: Console, title: str, lines: Iterator[str] | Sequence[str]) -> None:
    console.print(worded(title, console, "bold"))
    for line in lines:
        console.print(worded(f"  {line}", console))
    console.print()


def _print_table(console: Console, title: str, table: Table) -> None:
    console.print(worded(title, console, "bold"))
    console.print(table)
    console.print()


def _engines(found: Difference) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    for place, heading in enumerate(ENGINE_HEADINGS):
        table.add_column(shown(heading), justify="right" if place in (2, 4, 5, 6, 7) else "left", overflow="fold")
    for name, *cells in engine_rows(found):
        table.add_row(Text(name), *(Text(shown(cell)) for cell in cells))
    return table


def _around(found: Difference, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    console.print(worded("What differs around them", console, "bold"))
    if found.differs:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for heading in ("", found.base.name, found.head.name):
            table.add_column(heading, overflow="fold")
        for item in found.differs:
            table.add_row(*(Text(shown(word or ABSENT)) for word in (item.what, item.base, item.head)))
        console.print(table)
    else:
        console.print(worded("  nothing that the files of both tell", console))
    untold = untold_line(found)
    if untold:
        console.print(worded(f"  {untold}", console))
    console.print()


def _changes(found: Difference, changes: Sequence[GroupChange]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in (found.base.name, found.head.name, shown("change")):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column(shown("ONNX nodes, and the kernels gone (-), come (+) or kept (=)"), overflow="fold")
    for item in changes:
        words = "\n".join((shown_nodes(item.nodes, 3) or shown(REST), *map(shown, group_lines(item))))
        table.add_row(ms(item.base.time_ns), ms(item.head.time_ns), signed_ms(item.delta_ns), Text(words))
    return table
