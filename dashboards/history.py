"""The page of several runs: how latency, Tensor Core share and findings went over time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

from trtprof.dashboards.categories import mid_ns
from trtprof.dashboards.chart import checked, framed, plot_text
from trtprof.dashboards.page import assemble
from trtprof.dashboards.panel import Figure, Panel
from trtprof.dashboards.said import Said, about, mark, said
from trtprof.dashboards.table import Cell, Column, Table, TableRow, draw_table, number
from trtprof.dashboards.theme import LIGHT
from trtprof.dashboards.words import sentence
from trtprof.history import PastEngine, PastFinding, PastRun
from trtprof.model import Estimate, Provenance
from trtprof.units import ABSENT, NS_PER_MS, ms, ms_range, percent, plural

_SYMBOLS: Final = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "pentagon")
_SHADES: Final = ("t2", "t3", "t4", "t5", "t6")
_SAME_RATIO: Final = 0.0005
_DASHES: Final = ("solid", "dash", "dot", "dashdot")
Value = Callable[[PastEngine], "float | None"]


def render_history(runs: Sequence[PastRun]) -> str:
    """Return the page of several runs as HTML; the same runs give the same bytes."""
    models = ", ".join(dict.fromkeys(run.model for run in runs)) or said("no model")
    return assemble(models, plural(len(runs), "run"), _subtitle(runs), panels_of(runs))


def panels_of(runs: Sequence[PastRun]) -> list[Panel]:
    """Return the panels of several runs, in order."""
    return [latency_panel(runs), share_panel(runs), findings_panel(runs), runs_panel(runs)]


def _subtitle(runs: Sequence[PastRun]) -> str:
    if not runs:
        return "the store has no run"
    devices = ", ".join(dict.fromkeys(run.device for run in runs))
    return Said(f"{said(f'{runs[0].created} to {runs[-1].created}')}{mark('; ')}{devices}")


def names_of(runs: Sequence[PastRun]) -> list[str]:
    """Return the names of the engines of all runs, in order of first use."""
    return list(dict.fromkeys(engine.name for run in runs for engine in run.engines))


def latency_panel(runs: Sequence[PastRun]) -> Panel:
    """Return the time of each engine over the runs; measured and modelled never share a chart."""
    kinds = [kind for kind in Provenance if any(e.time_provenance is kind for run in runs for e in run.engines)]
    figures = [
        _lines(runs, f"{kind.value}{' mid' if kind is Provenance.MODELLED else ''}, ms", partial(_ms, kind=kind))
        for kind in kinds
    ]
    return Panel(
        id="latency",
        title="How did the latency go?",
        text=sentence(_change(runs, name) for name in names_of(runs)) or "Found nothing: there is no run.",
        how_to_read=(
            "runs stand from old to new, each line is an engine: the median of its latency where inferences were "
            "timed, else the sum over its rows. A step of less than about 4 % is within what two builds of one network "
            "differ by."
        ),
        caveat="runs of different models, devices or versions are not one history; the last table says what each was.",
        html=draw_table(_time_table(runs)) if runs else None,
        figures=tuple(figures),
    )


def share_panel(runs: Sequence[PastRun]) -> Panel:
    """Return the share of conv and gemm time on Tensor Cores over the runs."""
    known = any(engine.tensor_core_ratio is not None for run in runs for engine in run.engines)
    words = [
        about(name, f"{percent(ratio)} in the last run that tells")
        for name in names_of(runs)
        if (ratio := _last(runs, name, lambda engine: engine.tensor_core_ratio)) is not None
    ]
    return Panel(
        id="tensor-cores",
        title="How much of the eligible time is on Tensor Cores?",
        text=sentence(words) or "Cannot tell: no stored row names its kernel.",
        how_to_read=(
            "eligible are conv and gemm rows; a kernel whose name does not tell its unit counts as not."
            if known
            else ""
        ),
        html=draw_table(_share_table(runs)) if known else None,
        figures=(_lines(runs, "on Tensor Cores, % of conv and gemm time", _percent),) if known else (),
    )  # fmt: skip


def findings_panel(runs: Sequence[PastRun]) -> Panel:
    """Return which findings came, stayed and went."""
    seen = _findings(runs)
    gone = sum(1 for key, items in seen.items() if _is_gone(runs, key[0], items))
    return Panel(
        id="history-findings",
        title="Which findings came, and which went?",
        text=(
            f"{plural(len(seen), 'finding')} over {plural(len(runs), 'run')}, {gone} of them gone in the last."
            if seen
            else "Found nothing: no stored run has a finding."
        ),
        how_to_read=(
            "a cell is the saving in ms as a range of the engine's own latency, or the severity where that is unknown."
            if seen
            else ""
        ),
        caveat="runs that were stored before findings were kept have none; importing them again adds them.",
        html=draw_table(_findings_table(runs, seen)) if seen else None,
    )  # fmt: skip


def runs_panel(runs: Sequence[PastRun]) -> Panel:
    """Return what each run was."""
    columns = (
        Column("run"),
        Column("created"),
        Column("model"),
        Column("device"),
        Column("tool"),
        Column("verdict", wide=True),
    )
    lines = tuple(
        TableRow((*map(_name, (run.id, run.created, run.model, run.device, f"{run.tool} {run.tool_version}")),
                  Cell(run.verdict)))
        for run in runs
    )  # fmt: skip
    return Panel(
        id="runs",
        title="What was each run?",
        text=f"{plural(len(runs), 'run')}, oldest first." if runs else "Found nothing: there is no run.",
        html=draw_table(Table("runs-table", "runs of the store", columns, lines)) if runs else None,
    )


def _name(text: str) -> Cell:
    return Cell(Said(text))


def _ms(engine: PastEngine, kind: Provenance) -> float | None:
    mid = mid_ns(engine.time_ns)
    return round(mid / NS_PER_MS, 6) if mid is not None and engine.time_provenance is kind else None


def _percent(engine: PastEngine) -> float | None:
    return None if engine.tensor_core_ratio is None else round(engine.tensor_core_ratio * 100, 3)


def _last(runs: Sequence[PastRun], name: str, value: Value) -> float | None:
    found = [value(engine) for run in runs if (engine := run.engine(name)) is not None]
    return next((item for item in reversed(found) if item is not None), None)


def _change(runs: Sequence[PastRun], name: str) -> str:
    engines = [engine for run in runs if (engine := run.engine(name)) is not None and engine.time_ns is not None]
    if not engines:
        return about(name, "cannot tell, no stored time")
    first, last = engines[0], engines[-1]
    text = f"{_time_words(last)} ms {last.time_provenance.value if last.time_provenance else ''}"
    before, after = mid_ns(first.time_ns), mid_ns(last.time_ns)
    if len(engines) < 2 or first.time_provenance is not last.time_provenance or not before or after is None:
        return about(name, text)
    if abs(after / before - 1) < _SAME_RATIO:
        return about(name, f"{text}, as in the first run")
    change = f"{percent(abs(after / before - 1), 1)} {'more' if after > before else 'less'}"
    return about(name, f"{text}, {change} than in the first run")


def _time_words(engine: PastEngine) -> str:
    time = engine.time_ns
    return ms_range(time.low, time.high) if isinstance(time, Estimate) else ms(time)


def _lines(runs: Sequence[PastRun], axis: str, value: Value) -> Figure:
    """Return a line for each engine that has the value in a run; a run without it leaves a gap."""
    traces: list[dict[str, Any]] = []
    for place, name in enumerate(names_of(runs)):
        values = [None if (engine := run.engine(name)) is None else value(engine) for run in runs]
        if any(item is not None for item in values):
            traces.append(_line(place, name, runs, values))
    grid = {"gridcolor": LIGHT["line"], "fixedrange": True, "automargin": True}
    ticks = {"tickvals": list(range(len(runs))), "ticktext": [run.id[:6] for run in runs]} if len(runs) <= 20 else {}
    layout = {
        "height": 340,
        "margin": {"l": 8, "r": 16, "t": 8, "b": 80},
        "hovermode": "closest",
        "xaxis": {**grid, **ticks, "title": {"text": plot_text("run, old to new")}, "zeroline": False},
        "yaxis": {**grid, "title": {"text": plot_text(axis)}, "rangemode": "tozero"},
    }
    return checked(traces, framed(layout))


def _line(place: int, name: str, runs: Sequence[PastRun], values: Sequence[float | None]) -> dict[str, Any]:
    colour = LIGHT[_SHADES[place % len(_SHADES)]]
    return {
        "type": "scatter", "mode": "lines+markers", "name": plot_text(Said(name)),
        "x": list(range(len(runs))), "y": list(values), "connectgaps": False,
        "hovertext": [
            plot_text(Said(f"{name}, {run.id}, {run.created}: {item}")) for run, item in zip(runs, values, strict=True)
        ],
        "hoverinfo": "text",
        "line": {"color": colour, "width": 2, "dash": _DASHES[place % len(_DASHES)]},
        "marker": {"color": colour, "size": 9, "symbol": _SYMBOLS[place % len(_SYMBOLS)],
                   "line": {"color": LIGHT["ink"], "width": 1}},
    }  # fmt: skip


def _time_table(runs: Sequence[PastRun]) -> Table:
    columns = (
        Column("run"), Column("created"), Column("engine"), Column("provenance"),
        Column("median or sum of rows, ms", numeric=True), Column("p99, ms", numeric=True),
    )  # fmt: skip
    lines = tuple(_time_line(run, engine) for run in runs for engine in run.engines)
    return Table("latency-table", "time of each engine in each run", columns, lines)


def _time_line(run: PastRun, engine: PastEngine) -> TableRow:
    mid, p99 = mid_ns(engine.time_ns), engine.latency_p99_ns
    kind = engine.time_provenance.value if engine.time_provenance else f"no engine: {engine.unknown or ABSENT}"
    return TableRow((_name(run.id), _name(run.created), _name(engine.name), Cell(kind),
                     number(mid, _time_words(engine)), number(p99, ms(p99))))  # fmt: skip


def _share_table(runs: Sequence[PastRun]) -> Table:
    columns = (Column("run"), *(Column(Said(f"{name}, %"), numeric=True) for name in names_of(runs)))
    lines = []
    for run in runs:
        engines = [run.engine(name) for name in names_of(runs)]
        shares = [None if engine is None else engine.tensor_core_ratio for engine in engines]
        lines.append(TableRow((_name(run.id), *(number(share, percent(share).removesuffix(" %")) for share in shares))))
    return Table("tensor-cores-table", "conv and gemm time on Tensor Cores", columns, tuple(lines), tools=False)


def _findings(runs: Sequence[PastRun]) -> dict[tuple[str, str, str], dict[str, PastFinding]]:
    """Return findings by (engine, code, title), and for each the runs that have it."""
    seen: dict[tuple[str, str, str], dict[str, PastFinding]] = {}
    for run in runs:
        for engine in run.engines:
            for item in engine.findings:
                seen.setdefault((engine.name, item.code, item.title), {}).setdefault(run.id, item)
    return seen


def _findings_table(runs: Sequence[PastRun], seen: dict[tuple[str, str, str], dict[str, PastFinding]]) -> Table:
    columns = (Column("finding", wide=True), Column("engine"), *(Column(Said(run.id[:6])) for run in runs))
    lines = tuple(
        TableRow((Cell(Said(f"{code} {said(title)}")), _name(engine), *_finding_cells(runs, engine, items)))
        for (engine, code, title), items in seen.items()
    )
    return Table("history-findings-table", "findings by run, savings in ms", columns, lines)


def _is_gone(runs: Sequence[PastRun], name: str, items: dict[str, PastFinding]) -> bool:
    """Whether the last run has not the finding: a run that kept none, or lacks the engine, does not tell."""
    last = runs[-1].engine(name)
    return last is not None and last.findings_kept and runs[-1].id not in items


def _finding_cells(runs: Sequence[PastRun], name: str, items: dict[str, PastFinding]) -> Iterator[Cell]:
    for run in runs:
        item, engine = items.get(run.id), run.engine(name)
        if item is None:
            yield Cell("not kept") if engine is not None and not engine.findings_kept else Cell()
        elif item.saving_ns is None:
            yield Cell(item.severity)
        else:
            yield Cell(ms_range(item.saving_ns.low, item.saving_ns.high))
