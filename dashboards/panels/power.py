"""What the board did while each engine ran: latency, power, clock, heat and memory on one axis; mJ an inference."""

from __future__ import annotations

from dataclasses import replace

from trtprof.board_run import BoardRun, Energy, MemoryPressure, Period, Throttle
from trtprof.board_words import clock_words, energy_words, memory_words, period_words
from trtprof.comparison import Built, Comparison
from trtprof.dashboards.chart import Segment, stacked_bars
from trtprof.dashboards.panel import Figure, Panel
from trtprof.dashboards.said import Said, about, mark, said
from trtprof.dashboards.table import Cell, Column, Table, TableRow, draw_table, number
from trtprof.dashboards.theme import LIGHT
from trtprof.dashboards.time_series import Series, strips
from trtprof.dashboards.words import sentence
from trtprof.model import Unknown
from trtprof.units import NS_PER_MS, significant

_COLUMNS = (
    Column("engine"),
    Column("mJ an inference, derived", numeric=True),
    Column("of it above idle, derived", numeric=True),
    Column("mean power W, measured", numeric=True),
    Column("idle power W, measured", numeric=True),
    Column("lowest GPU MHz, measured", numeric=True),
    Column("highest GPU MHz, measured", numeric=True),
    Column("hottest °C, measured", numeric=True),
    Column("most memory GiB, measured", numeric=True),
    Column("times held down", numeric=True),
)
_GIB = 1 << 30


def panel(comparison: Comparison) -> Panel:
    """Return the run of each engine that was measured on a board."""
    runs = [(built, built.board_run) for built in comparison.engines if built.board_run is not None]
    figures = [_energy_figure(runs), *(_run_figure(built.name, run) for built, run in runs)]
    captions = said(", then ").join(built.name for built, run in runs if _strips(built.name, run))
    return Panel(
        id="power",
        title="What did the board do while each engine ran?",
        text=sentence(_words(built.name, run) for built, run in runs) or "Found nothing: no engine ran on a board.",
        how_to_read=(
            "the bars are the energy of one inference. Below them is a chart for each engine"
            + (f" ({captions})" if captions else "")
            + ": its inferences as dots, and what tegrastats saw at the same seconds; zero is the first timed "
            "inference. Where a step in the clock stands under a step in latency, the board and not the engine made it."
        ),
        caveat=(
            "power is what the board's own sensors saw, a few times a second, of everything that runs on it. Energies "
            "of two boards, or of a board and a desktop GPU, are no comparison."
        ),
        html=draw_table(Table("power-table", "power, clocks, heat and memory by engine", _COLUMNS, _rows(runs))),
        figures=tuple(figure for figure in figures if figure is not None),
    )


def _words(name: str, run: BoardRun) -> str:
    parts = [energy_words(run.energy), clock_words(run)]
    if isinstance(run.memory, MemoryPressure) and run.memory.short:
        parts.append(memory_words(run.memory))
    if isinstance(run.period, Period):
        parts.append(period_words(run.period))
    return about(name, Said(mark(", ").join(map(said, parts))))


def _energy_figure(runs: list[tuple[Built, BoardRun]]) -> Figure | None:
    known = [(built.name, run.energy) for built, run in runs if isinstance(run.energy, Energy)]
    if not known:
        return None
    above = [energy.above_idle_mj or 0.0 for _, energy in known]
    whole = [energy.per_inference_mj if energy.above_idle_mj is None else 0.0 for _, energy in known]
    idle = [energy.per_inference_mj - up - all_ for (_, energy), up, all_ in zip(known, above, whole, strict=True)]
    bars = [
        about(name, f"{significant(energy.per_inference_mj, 3)} mJ an inference, derived") for name, energy in known
    ]
    segments = [
        _segment("above idle", LIGHT["t4"], above),
        _segment("what the idle board takes", LIGHT["t2"], idle),
        _segment("idle power not known", LIGHT["t3"], whole),
    ]
    return stacked_bars(bars, [segment for segment in segments if any(segment.values)], "derived, mJ an inference")


def _segment(label: str, colour: str, values: list[float]) -> Segment:
    texts = tuple(label if value else "" for value in values)
    return Segment(
        label, colour, tuple(values), texts, tuple(f"{label}: {significant(value, 3)} mJ" for value in values)
    )


def _run_figure(name: str, run: BoardRun) -> Figure | None:
    series = _strips(name, run)
    return strips(series, "seconds since the first timed inference") if series else None


def _strips(name: str, run: BoardRun) -> list[Series]:
    """The strips there is something for; the first says which engine they are of."""
    samples = run.samples
    columns = (
        ("power of the board, W, measured", [(item.time_s, item.power_mw) for item in samples], 1e-3),
        ("GPU clock, MHz, measured", [(item.time_s, item.gpu_mhz) for item in samples], 1.0),
        ("hottest sensor, °C, measured", [(item.time_s, item.hottest_c) for item in samples], 1.0),
        ("memory in use, GiB, measured", [(item.time_s, item.ram_bytes) for item in samples], 1 / _GIB),
    )
    result = []
    if run.iterations:
        points = tuple((time, latency / NS_PER_MS) for time, latency in run.iterations)
        result.append(Series("latency of each inference, ms, measured", points, dots=True))
    for label, pairs, scale in columns:
        known = tuple((time, value * scale) for time, value in pairs if value is not None)
        if known:
            result.append(Series(label, known))
    return [replace(item, label=about(name, item.label)) if item is result[0] else item for item in result]


def _rows(runs: list[tuple[Built, BoardRun]]) -> tuple[TableRow, ...]:
    return tuple(TableRow((Cell(Said(built.name)), *_cells(run))) for built, run in runs)


def _cells(run: BoardRun) -> tuple[Cell, ...]:
    energy = run.energy if isinstance(run.energy, Energy) else None
    memory = run.memory if isinstance(run.memory, MemoryPressure) else None
    low, high = run.gpu_mhz or (None, None)
    throttles: tuple[Throttle, ...] | None = None if isinstance(run.throttles, Unknown) else run.throttles
    return (
        _figure(energy.per_inference_mj if energy else None),
        _figure(energy.above_idle_mj if energy else None),
        _figure(energy.mean_mw / 1000 if energy else None),
        _figure(energy.idle_mw / 1000 if energy and energy.idle_mw is not None else None),
        number(low, f"{low}"),
        number(high, f"{high}"),
        number(run.hottest_c, f"{run.hottest_c:.1f}" if run.hottest_c is not None else ""),
        _figure(memory.peak_bytes / _GIB if memory else None),
        number(None if throttles is None else len(throttles), "" if throttles is None else str(len(throttles))),
    )


def _figure(value: float | None) -> Cell:
    return number(value, "" if value is None else significant(value, 3))
