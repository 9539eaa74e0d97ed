"""What each engine takes of memory: weights, activations, scratch, and the peaks of its build where a log says them."""

from __future__ import annotations

from typing import Final

from trtprof.comparison import Built, Comparison
from trtprof.dashboards.chart import Segment, stacked_bars
from trtprof.dashboards.panel import Figure, Panel
from trtprof.dashboards.said import Said, about
from trtprof.dashboards.table import Cell, Column, Table, TableRow, draw_table, number
from trtprof.dashboards.theme import LIGHT
from trtprof.dashboards.words import sentence
from trtprof.units import byte_size

_MIB: Final = 2**20
Sizes = dict[str, "int | None"]
_DRAWN: Final = {"weights": "t1", "activations": "t3", "scratch": "t5", "persistent": "t6"}


def panel(comparison: Comparison) -> Panel:
    """Return the sizes that the files of each engine tell."""
    engines = comparison.engines
    return Panel(
        id="memory",
        title="How much memory does each engine take?",
        text=sentence(_words(built) for built in engines) or "Found nothing: there is no engine.",
        how_to_read=(
            "weights are what the rows hold, or what the builder logged; activations are the tensors between rows, "
            "which share memory; scratch is what kernels need beside, persistent what they keep on the GPU from one "
            "inference to the next. The peaks are of the build, not of a run. What "
            "all rows read and write in one inference is traffic, not room, and in the table only."
            if engines
            else ""
        ),
        caveat=(
            "where no build log was read, weights are counted from the rows, and activations, scratch and peaks cannot "
            "be told."
            if any(built.engine.facts is None or built.engine.facts.memory is None for built in engines)
            else ""
        ),
        html=draw_table(_table(comparison)) if engines else None,
        figures=_figures(engines),
    )


def sizes_of(built: Built) -> Sizes:
    """Return bytes by what they are for, ``None`` where nothing tells; logged where the builder logged them."""
    facts = built.engine.facts
    memory = facts.memory if facts is not None else None
    weights = sum(row.constant_bytes for row in built.rows) or None
    if memory is None:
        none = dict.fromkeys(("activations", "scratch", "persistent", "build peak on the GPU", "build peak on the CPU"))
        return {"weights": weights, **none}
    return {
        "weights": weights if memory.weights_bytes is None else memory.weights_bytes,
        "activations": memory.activation_bytes,
        "scratch": memory.scratch_bytes,
        "persistent": memory.device_persistent_bytes,
        "build peak on the GPU": memory.peak_gpu_bytes,
        "build peak on the CPU": memory.peak_cpu_bytes,
    }


def _words(built: Built) -> str:
    known = [f"{what} {byte_size(size)}" for what, size in sizes_of(built).items() if size is not None]
    return about(built.name, ", ".join(known) if known else "cannot tell, no file names a size")


def _figures(engines: tuple[Built, ...]) -> tuple[Figure, ...]:
    drawn = [(built, sizes_of(built)) for built in engines]
    drawn = [(built, sizes) for built, sizes in drawn if any(sizes[what] is not None for what in _DRAWN)]
    if not drawn:
        return ()
    segments = [
        Segment(
            label=what,
            colour=LIGHT[shade],
            values=tuple((sizes[what] or 0) / _MIB for _, sizes in drawn),
            texts=tuple(what if sizes[what] else "" for _, sizes in drawn),
            hovers=tuple(f"{what}: {byte_size(sizes[what])}" for _, sizes in drawn),
        )
        for what, shade in _DRAWN.items()
        if any(sizes[what] is not None for _, sizes in drawn)
    ]
    return (stacked_bars([_bar(built, sizes) for built, sizes in drawn], segments, "MiB"),)


def _bar(built: Built, sizes: Sizes) -> str:
    unknown = [what for what in _DRAWN if sizes[what] is None]
    without = f" without {' and '.join(unknown)}, unknown" if unknown else ""
    return about(built.name, f"{byte_size(sum(sizes[what] or 0 for what in _DRAWN))}{without}")


def _table(comparison: Comparison) -> Table:
    kinds = list(sizes_of(comparison.engines[0]))
    sizes = (*kinds, "size of the plan", "read and written by all rows")
    columns = (Column("engine"), Column("said by"), *(Column(f"{size}, MiB", numeric=True) for size in sizes))
    lines = tuple(
        TableRow(
            (
                Cell(Said(built.name)),
                Cell("the build log" if built.engine.facts and built.engine.facts.memory else "its rows"),
                *(_mib(size) for size in sizes_of(built).values()),
                _mib(built.engine.size_bytes),
                _mib(built.activation_bytes),
            )
        )
        for built in comparison.engines
    )
    return Table("memory-table", "memory by what it is for", columns, lines, tools=False)


def _mib(size_bytes: int | None) -> Cell:
    return number(size_bytes, "" if size_bytes is None else f"{size_bytes / _MIB:,.1f}")
