"""Which types the conv and gemm rows take, engine by engine: asked for is not the same as got."""

from __future__ import annotations

from trtprof.comparison import Built, Comparison
from trtprof.dashboards.chart import Segment, stacked_bars
from trtprof.dashboards.panel import Figure, Panel
from trtprof.dashboards.said import Said, about
from trtprof.dashboards.table import Cell, Column, Table, TableRow, draw_table, number
from trtprof.dashboards.theme import dtype_colour
from trtprof.dashboards.words import dtype_word, sentence, wanted_operand, wanted_share
from trtprof.model import DType
from trtprof.units import percent


def panel(comparison: Comparison) -> Panel:
    """Return the counts of conv/gemm rows by operand type as bars and as a table."""
    engines = [built for built in comparison.engines if built.precision_mix]
    types = types_in(engines)
    return Panel(
        id="precision-mix",
        title="Which types do the conv and gemm kernels really take?",
        text=sentence(mix_words(built) for built in comparison.engines) or "Found nothing: there is no engine.",
        how_to_read=(
            "each bar is an engine, each part the conv and gemm rows that take operands of one type, counted in the "
            "engine. What was asked for decides nothing: a row multiplies in the type of its operands."
        ),
        caveat="counts of rows, not of time: one large kernel may weigh more than ten small ones.",
        html=draw_table(_table(comparison.engines, types)) if comparison.engines else None,
        figures=(_figure(engines, types),) if engines else (),
    )


def types_in(engines: list[Built]) -> list[DType | None]:
    """Return the operand types that occur, wide to narrow, unknown last."""
    present = {dtype for built in engines for dtype, _ in built.precision_mix}
    return [dtype for dtype in (*DType, None) if dtype in present]


def mix_words(built: Built) -> str:
    """Return how many conv/gemm rows of an engine take the wanted type."""
    share = wanted_share(built)
    if share is not None and not share[1]:
        return about(built.name, "no conv/gemm rows")
    if share is None:
        listed = ", ".join(f"{count} {dtype_word(dtype)}" for dtype, count in built.precision_mix)
        return about(built.name, listed or "no conv/gemm rows")
    hit, total = share
    wanted = dtype_word(wanted_operand(built.precision))
    return about(built.name, f"{hit:,} of {total:,} conv/gemm rows take {wanted}")


def _figure(engines: list[Built], types: list[DType | None]) -> Figure:
    mixes = [dict(built.precision_mix) for built in engines]
    segments = [
        Segment(
            label=dtype_word(dtype),
            colour=dtype_colour(dtype),
            values=tuple(float(mix.get(dtype, 0)) for mix in mixes),
            texts=tuple(f"{dtype_word(dtype)} {mix[dtype]}" if dtype in mix else "" for mix in mixes),
            hovers=tuple(f"{mix.get(dtype, 0)} conv/gemm rows take {dtype_word(dtype)}" for mix in mixes),
        )
        for dtype in types
    ]
    return stacked_bars([mix_words(built) for built in engines], segments, "conv/gemm rows, counted")


def _table(engines: tuple[Built, ...], types: list[DType | None]) -> Table:
    columns = (
        Column("engine"),
        *(Column(f"{dtype_word(dtype)}, rows", numeric=True) for dtype in types),
        Column("conv/gemm rows", numeric=True),
        Column("with the wanted type", numeric=True),
    )
    return Table(
        "mix", "conv/gemm rows by operand type, counted", columns, tuple(_line(item, types) for item in engines),
        tools=False,
    )  # fmt: skip


def _line(built: Built, types: list[DType | None]) -> TableRow:
    mix, share = dict(built.precision_mix), wanted_share(built)
    counts = tuple(number(mix.get(dtype, 0), f"{mix.get(dtype, 0):,}") for dtype in types)
    total = sum(mix.values())
    ratio = None if share is None or not share[1] else share[0] / share[1]
    return TableRow((Cell(Said(built.name)), *counts, number(total, f"{total:,}"), number(ratio, percent(ratio))))
