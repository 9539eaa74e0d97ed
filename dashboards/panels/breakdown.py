"""``T_float - T_int8 = gain_math - T_quant - …`` as a waterfall from engine to engine, and for each node group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from markupsafe import Markup

from trtprof.comparison import Breakdown, Comparison, Gain, GroupGain, SpeedupTerm, add_gains
from trtprof.dashboards.categories import COMPUTE, CONV, CONVERT, EPILOGUE, QUANTISE, add_times, mid_ns
from trtprof.dashboards.chart import Step, Whisker, waterfall
from trtprof.dashboards.panel import Figure, Panel
from trtprof.dashboards.said import Said, about, said
from trtprof.dashboards.table import Cell, Column, Table, TableRow, draw_table, names, time_cells, time_columns
from trtprof.dashboards.theme import LIGHT, category_colour
from trtprof.dashboards.words import sentence
from trtprof.model import Estimate, Provenance
from trtprof.units import NS_PER_MS, ms, ms_range, signed_ms

_OPEN_GROUPS: Final = 10
_GROUPS: Final = 40
_CATEGORIES: Final = {
    "compute": CONV,
    "other": COMPUTE,
    "quantize": QUANTISE,
    "dequantize": QUANTISE,
    "reformat": CONVERT,
    "fusion_lost": EPILOGUE,
}


def panel(comparison: Comparison) -> Panel:
    """Return a waterfall, a table of terms and a table of node groups for each engine held against its reference."""
    items = comparison.breakdowns
    modelled = any(item.provenance is Provenance.MODELLED for item in items)
    return Panel(
        id="breakdown",
        title="What did each step down in precision gain, and what ate the gain?",
        text=sentence(gain_words(item) for item in items)
        or "Found nothing: one engine has no other to be held against.",
        how_to_read=(
            "the first bar is the reference engine, the last the other engine, and each bar between them what the "
            "other spends less or more on one thing than the reference does. Each row of either engine is in one line "
            "only, so the lines add up. A fusion is lost where one engine runs in a kernel of its own what the other "
            "computes inside one that does more; what that costs the kernel that keeps the rest is in its own line."
        ),
        caveat=(
            "modelled: bars are mid values; the range of a gain takes one engine's time at one end and the other's at "
            "the other, because the model's errors need not point the same way in two engines. Figures are rounded to "
            "0.001 ms."
            if modelled
            else ""
        ),
        html=Markup("").join(_tables(items)),
        figures=tuple(figure for item in items if (figure := _figure(item)) is not None),
    )


def gain_words(item: Breakdown) -> str:
    """Return the identity in words, and that the gain's sign cannot be told where its range has both."""
    pair, gain = pair_words(item), item.gain_ns
    if gain is None:
        return about(pair, "cannot tell, the time of a line is unknown")
    parts = ", ".join(_part(term) for term in _present(item))
    if not isinstance(gain, tuple):
        return about(pair, f"{ms(abs(gain))} ms {_verb(gain)}, {item.provenance.value} ({parts})")
    doubt = ", so gain or loss cannot be told" if gain[0] < 0 < gain[2] else ""
    spread = f"{signed_ms(gain[0])} to {signed_ms(gain[2])}"
    found = f"modelled mid {ms(abs(gain[1]))} ms {_verb(gain[1])}, range {spread} ms{doubt} (mids: {parts})"
    return about(pair, found)


def pair_words(item: Breakdown) -> Said:
    """Return which engine is held against which; both are names."""
    return Said(f"{item.engine} {said('against')} {item.reference}")


def _part(term: SpeedupTerm) -> str:
    mid = _mid(term.gain_ns) or 0.0
    return f"{term.label} {ms(abs(mid))} ms {_verb(mid)}"


def _verb(gain_ns: float) -> str:
    return "gained" if gain_ns >= 0 else "lost"


def _mid(gain: Gain) -> float | None:
    return gain[1] if isinstance(gain, tuple) else gain


def _present(item: Breakdown) -> list[SpeedupTerm]:
    return [term for term in item.terms if any(term.rows)]


def _figure(item: Breakdown) -> Figure | None:
    """Return the waterfall of the mid values; none where a time is unknown."""
    terms = _present(item)
    wholes = [add_times(term.times_ns[side] for term in terms if term.rows[side]) for side in (0, 1)]
    start, end = (mid_ns(whole) for whole in wholes)
    if item.gain_ns is None or start is None or end is None:
        return None
    label = f"{item.provenance.value}{' mid' if item.provenance is Provenance.MODELLED else ''}, ms"
    steps = [_whole(item.reference, wholes[0])]
    at = start
    for term in terms:
        below = at - (_mid(term.gain_ns) or 0.0)
        steps.append(_step(term, at, below))
        at = below
    whiskers = [
        Whisker(whole.low / NS_PER_MS, whole.mid / NS_PER_MS, whole.high / NS_PER_MS)
        for whole in wholes
        if isinstance(whole, Estimate)
    ]
    return waterfall([*steps, _whole(item.engine, wholes[1])], label, whiskers if len(whiskers) == len(wholes) else ())


def _whole(engine: str, time: Estimate | float | None) -> Step:
    text = about(engine, f"{_side(time)} ms")
    return Step(text, 0.0, (mid_ns(time) or 0.0) / NS_PER_MS, LIGHT["soft"], text)


def _step(term: SpeedupTerm, at: float, below: float) -> Step:
    rows = f"{term.rows[0]} → {term.rows[1]} rows"
    gain = term.gain_ns
    spread = f", range {signed_ms(gain[0])} to {signed_ms(gain[2])}" if isinstance(gain, tuple) else ""
    text = f"{_part(term)}{spread} ({rows})"
    hover = f"{term.label}: {_side(term.times_ns[0])} → {_side(term.times_ns[1])} ms, {rows}"
    colour = category_colour(_CATEGORIES[term.key].place)
    return Step(text, at / NS_PER_MS, below / NS_PER_MS, colour, hover)


def _side(time: Estimate | float | None) -> str:
    return ms_range(time.low, time.high) if isinstance(time, Estimate) else ms(time)


def _tables(items: Sequence[Breakdown]) -> Iterator[Markup]:
    for index, item in enumerate(items):
        yield draw_table(_table(index, item))
        if item.groups:
            yield draw_table(_group_table(index, item))


def _table(index: int, item: Breakdown) -> Table:
    kinds = [item.provenance]
    columns = (
        Column("term", wide=True),
        *(
            column
            for engine in (item.reference, item.engine)
            for column in (
                Column(about(engine, "rows", ", "), numeric=True),
                *(Column(about(engine, part.label, ", "), numeric=True) for part in time_columns(kinds, "ms")),
            )
        ),
        *_gain_columns(item),
    )
    maths = [term for term in item.terms if term.key in item.MATH]
    lines = [
        _line("gain of the arithmetic", maths, item),
        *(_line(f"of it {term.label}", [term], item) for term in maths),
        *(_line(term.label, [term], item) for term in item.terms if term not in maths),
    ]
    caption = Said(f"{pair_words(item)} ({said(item.provenance.value)})")
    foot = _line("all", item.terms, item)
    return Table(f"breakdown-{index}", caption, columns, tuple(lines), (foot,), tools=False)


def _line(label: str, terms: Sequence[SpeedupTerm], item: Breakdown) -> TableRow:
    cells = [Cell(label)]
    for side in (0, 1):
        count = sum(term.rows[side] for term in terms)
        time = add_times(term.times_ns[side] for term in terms)
        times = time_cells(time, item.provenance, [item.provenance], "ms")
        # No rows take no time, which is no measurement of 0.000 ms.
        cells += [Cell(str(count), sort=float(count)), *(times if count else [Cell("0", sort=0.0) for _ in times])]
    return TableRow((*cells, *_gain_cells(add_gains(term.gain_ns for term in terms), item)))


def _gain_columns(item: Breakdown) -> tuple[Column, ...]:
    kind = item.provenance
    if kind is Provenance.MODELLED:
        return Column("gain, modelled mid, ms", numeric=True), Column("gain, modelled range, ms", numeric=True)
    return (Column(f"gain, {kind.value}, ms", numeric=True),)


def _gain_cells(gain: Gain, item: Breakdown) -> tuple[Cell, ...]:
    if item.provenance is not Provenance.MODELLED:
        mid = _mid(gain)
        return (Cell() if mid is None else Cell(signed_ms(mid), sort=mid),)
    if not isinstance(gain, tuple):
        return Cell(), Cell()
    return Cell(signed_ms(gain[1]), sort=gain[1]), Cell(f"{signed_ms(gain[0])} to {signed_ms(gain[2])}", sort=gain[2])


def _group_table(index: int, item: Breakdown) -> Table:
    """The groups that lost most first: what ate the gain, and where."""
    ordered = sorted(item.groups, key=lambda group: (_mid(group.gain_ns) or 0.0, group.group is None, group.group or 0))
    shown = _present(item)
    columns = (
        Column("ONNX nodes", wide=True),
        *_gain_columns(item),
        *(Column(f"{term.label}, ms", numeric=True) for term in shown),
    )
    rows = tuple(_group_line(place, group, item, shown) for place, group in enumerate(ordered[:_GROUPS]))
    toggle = f"only the {_OPEN_GROUPS} that gained least" if len(rows) > _OPEN_GROUPS else ""
    part = f"the {_GROUPS} of {len(ordered):,} that gained least" if len(rows) < len(ordered) else "all"
    caption = about(pair_words(item), f"gain of each node group, {part} ({item.provenance.value}, below 0 a loss)")
    return Table(f"breakdown-groups-{index}", caption, columns, rows, toggle=toggle)


def _group_line(place: int, group: GroupGain, item: Breakdown, shown: Sequence[SpeedupTerm]) -> TableRow:
    terms = {term.key: term.gain_ns for term in group.terms}
    first = names(group.nodes) if group.group is not None else Cell("rows outside any group")
    cells = [_term_cell(terms[term.key]) if term.key in terms else Cell("0", sort=0.0) for term in shown]
    return TableRow((first, *_gain_cells(group.gain_ns, item), *cells), minor=place >= _OPEN_GROUPS, group=group.group)


def _term_cell(gain: Gain) -> Cell:
    if isinstance(gain, tuple):
        return Cell(f"{signed_ms(gain[0])} to {signed_ms(gain[2])}", sort=gain[1])
    return Cell() if gain is None else Cell(signed_ms(gain), sort=gain)
