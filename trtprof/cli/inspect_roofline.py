"""``trtprof inspect --roofline``: each layer against the least time its GPU could take for it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from trtprof.analysis.layer_roofline import engine_roofline, furthest
from trtprof.bounds import Bound, EngineRoofline, RowRoof
from trtprof.cli.markdown_text import cell, said, table
from trtprof.cli.output import Format, worded
from trtprof.cli.safe_text import CsvWriter
from trtprof.language import shown
from trtprof.model import Unknown
from trtprof.units import ABSENT, ms, percent, plural, significant

if TYPE_CHECKING:
    from rich.console import Console

    from trtprof.comparison import Built

_SHOWN: Final = 30
_CSV: Final = (
    "engine", "row", "layer", "math", "flops", "moved_bytes", "operations_per_byte", "bound", "time_ns", "roof_ns",
    "roof_ratio", "above_roof_ns", "unknown",
)  # fmt: skip
_HEADINGS: Final = (
    ("#", True), ("layer", False), ("multiplies", False), ("op/byte", True), ("bound by", False), ("ms", True),
    ("roof", True), ("of roof", True), ("above", True),
)  # fmt: skip


def show_rooflines(engines: Sequence[Built], output: Format, *, every: bool) -> None:
    """Print the roofline of each engine on stdout, as a table, CSV or Markdown."""
    if output is Format.CSV:
        writer = CsvWriter()
        writer.writerow(_CSV)
        writer.writerows(line for built in engines for line in _csv_lines(built))
    elif output is Format.MARKDOWN:
        sys.stdout.writelines(f"{line}\n" for built in engines for line in _markdown(built, every=every))
    else:
        from trtprof.cli.output import terminal

        console = terminal()
        for built in engines:
            _print(built, console, every=every)


def facts(built: Built, roofline: EngineRoofline) -> Iterator[str]:
    """Yield what holds for the engine as a whole: its roofs, what bounds its rows, and which have no roof."""
    if isinstance(roofline.roofs, Unknown):
        yield f"roofline: cannot tell, {roofline.roofs.reason}"
        return
    yield f"roof of {roofline.roofs.device}: {roofline.roofs.source}"
    bounds = Counter(row.bound for row in roofline.rows if isinstance(row.bound, Bound))
    above = [row.at_stake_ns for row in roofline.rows if row.at_stake_ns is not None]
    bound = ", ".join(f"{bounds[kind]} by {kind.value}" for kind in Bound)
    scale = "scaled to its latency" if built.latency is not None else "as profiled"
    yield f"bound: {bound}; {ms(sum(above) if above else None)} ms above the roof in sum (derived, layer times {scale})"
    for reason, count in Counter(row.bound.reason for row in roofline.rows if isinstance(row.bound, Unknown)).items():
        yield f"no roof for {plural(count, 'row')}: {reason}"


def _cells(built: Built, row: RowRoof) -> tuple[str, ...]:
    names = {item.layer.index: item.layer.name for item in built.rows}
    return (
        str(row.row),
        names[row.row],
        row.math.value.upper() if row.math else "",
        "" if row.intensity is None else significant(row.intensity, 3),
        shown(row.bound.value) if isinstance(row.bound, Bound) else "?",
        ms(row.time_ns),
        ms(row.roof_ns),
        percent(row.roof_ratio),
        ms(row.at_stake_ns),
    )


def _chosen(roofline: EngineRoofline, *, every: bool) -> Sequence[RowRoof]:
    """The rows with most time above their roof; all in execution order where asked for, or where none has a time."""
    ordered = furthest(roofline)
    return roofline.rows if every or not ordered else ordered[:_SHOWN]


def _print(built: Built, console: Console, *, every: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    roofline = engine_roofline(built)
    console.print(Text(built.name, style="bold"))
    for line in facts(built, roofline):
        console.print(worded(f"  {line}", console))
    rows = _chosen(roofline, every=every)
    if rows:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for heading, figure in _HEADINGS:
            table.add_column(shown(heading), justify="right" if figure else "left", no_wrap=figure, overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) for cell in _cells(built, row)))
        console.print(table)
    if len(rows) < len(roofline.rows):
        said = f"  the {len(rows)} furthest above their roof, of {len(roofline.rows):,}; --all shows all"
        console.print(worded(said, console))
    console.print()


def _csv_lines(built: Built) -> Iterator[tuple[object, ...]]:
    names = {item.layer.index: item.layer.name for item in built.rows}
    for row in engine_roofline(built).rows:
        bound, why = (row.bound.value, "") if isinstance(row.bound, Bound) else ("", row.bound.reason)
        figures = (row.time_ns, row.roof_ns, row.roof_ratio, row.at_stake_ns)
        yield (
            built.name, row.row, names[row.row], row.math.value if row.math else "", row.flops, row.moved_bytes,
            row.intensity, bound, *figures, why,
        )  # fmt: skip


def _markdown(built: Built, *, every: bool) -> Iterator[str]:
    roofline = engine_roofline(built)
    yield from (f"## {cell(built.name)}", "", *(f"- {said(fact)}" for fact in facts(built, roofline)), "")
    rows = _chosen(roofline, every=every)
    if rows:
        lines = ([text or ABSENT for text in _cells(built, row)] for row in rows)
        yield from table([shown(heading) for heading, _ in _HEADINGS], lines)
        yield ""
