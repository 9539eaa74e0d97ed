"""``T_reference - T_... = gain`` as a table whose lines add up."""

from __future__ import annotations

from markupsafe import Markup

from trtprof.comparison import Breakdown, Comparison, SpeedupTerm
from trtprof.dashboards.panel import Panel
from trtprof.dashboards.table import Cell, Column, Table, TableRow, draw_table, number, time_cells, time_columns
from trtprof.dashboards.words import sentence
from trtprof.model import Provenance
from trtprof.units import ABSENT, ms


class _Difference:
    """A range that may go below zero, which an ``Estimate`` may not."""

    __slots__ = ("high", "low", "mid")

    def __init__(self, low: float, mid: float, high: float) -> None:
        self.low, self.mid, self.high = low, mid, high


def panel(comparison: Comparison) -> Panel:
    """Return a table of terms for each engine held against its reference."""
    items = comparison.breakdowns
    return Panel(
        id="breakdown",
        title="What did each step down in precision gain, and what ate the gain?",
        text=sentence(gain_words(item) for item in items)
        or "Found nothing: one engine has no other to be held against.",
        how_to_read=(
            "the time of all rows of the reference engine, less what the other engine spends, line by line; what is "
            "left is the gain, and a negative gain is a loss. Each row of the engine is in one line only, so the lines "
            "add up."
        ),
        caveat=(
            "modelled: the range of a gain takes the reference at one end and every line at the other, because the "
            "model's errors need not point the same way in two engines. Figures are rounded to 0.001 ms."
            if any(item.provenance is Provenance.MODELLED for item in items)
            else ""
        ),
        html=Markup("").join(draw_table(_table(index, item)) for index, item in enumerate(items)),
    )


def gain(item: Breakdown) -> _Difference | float | None:
    """Return what the terms add up to; ``None`` when the time of one is unknown."""
    result = item.gain_ns
    return _Difference(*result) if isinstance(result, tuple) else result


def gain_words(item: Breakdown) -> str:
    """Return the gain in words, and that its sign cannot be told where the range has both."""
    result = gain(item)
    pair = f"{item.engine} against {item.reference}"
    if result is None:
        return f"{pair}: cannot tell, the time of a line is unknown"
    if isinstance(result, float):
        return f"{pair}: {ms(abs(result))} ms {'gained' if result >= 0 else 'lost'}, {item.provenance.value}"
    doubt = ", so gain or loss cannot be told" if result.low < 0 < result.high else ""
    word = "gained" if result.mid >= 0 else "lost"
    return f"{pair}: modelled mid {ms(abs(result.mid))} ms {word}, range {_spread(result)} ms{doubt}"


def _spread(result: _Difference) -> str:
    return f"{_signed(result.low)} to {_signed(result.high)}"


def _signed(value_ns: float) -> str:
    """Format with a real minus sign, which a line never breaks after."""
    return ms(value_ns).replace("-", "−")


def _table(index: int, item: Breakdown) -> Table:
    columns = (
        Column("term"),
        Column("rows", numeric=True),
        *time_columns([item.provenance], "ms"),
        Column("note"),
    )
    return Table(
        id=f"breakdown-{index}",
        caption=f"T({item.reference}) − T({item.engine}), {item.provenance.value}",
        columns=columns,
        rows=tuple(_line(term, item) for term in item.terms),
        foot=(_gain_line(item),),
        tools=False,
    )


def _line(term: SpeedupTerm, item: Breakdown) -> TableRow:
    sign = "" if term.sign > 0 else "− "
    times = time_cells(term.time_ns, item.provenance, [item.provenance], "ms")
    cells = (Cell(f"{sign}{term.label}"), number(term.rows, f"{term.rows:,}"), *times)
    return TableRow((*cells, Cell(term.note or ABSENT)))


def _gain_line(item: Breakdown) -> TableRow:
    result = gain(item)
    if isinstance(result, _Difference):
        times: tuple[Cell, ...] = (Cell(_signed(result.mid)), Cell(_spread(result)))
    else:
        text = Cell() if result is None else Cell(_signed(result))
        times = (text, Cell()) if item.provenance is Provenance.MODELLED else (text,)
    both = isinstance(result, _Difference) and result.low < 0 < result.high
    note = "gain or loss cannot be told" if both else "cannot tell: a time is unknown" if result is None else ABSENT
    return TableRow((Cell("= gain"), Cell(), *times, Cell(note)))
