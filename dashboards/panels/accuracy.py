"""How far each variant's outputs are from the FP32 original's."""

from __future__ import annotations

from trtprof.comparison import Built, Comparison, OutputAccuracy
from trtprof.dashboards.panel import Panel
from trtprof.dashboards.said import Said, about
from trtprof.dashboards.table import Cell, Column, Table, TableRow, draw_table, names, number
from trtprof.dashboards.words import cannot_tell, sentence
from trtprof.model import Unknown
from trtprof.units import decibel, percent, plural, significant

_CAPTION = "accuracy against the FP32 original, measured with onnxruntime"
_COLUMNS = (
    Column("engine"),
    Column("output", wide=True),
    Column("samples", numeric=True),
    Column("cosine, measured", numeric=True),
    Column("SQNR, measured", numeric=True),
    Column("largest absolute error, measured", numeric=True),
    Column("top-1 agreement, measured", numeric=True),
)


def panel(comparison: Comparison) -> Panel:
    """Return the accuracy of each output of each variant, or why it cannot be told."""
    lines = [line for built in comparison.engines for line in _lines(built)]
    words = [accuracy_words(built) for built in comparison.engines]
    words += [about(item.name, cannot_tell(item.reason)) for item in comparison.missing]
    return Panel(
        id="accuracy",
        title="Is the answer still right?",
        text=sentence(words) or "Found nothing: there is no engine.",
        how_to_read=(
            "each variant's ONNX file is run by onnxruntime on the CPU and its outputs are held against those of the "
            "FP32 original: cosine 1 and an exact SQNR are equal outputs; SQNR is the signal-to-quantisation-noise "
            "ratio, and 6 dB more is half the error. Top-1 stands only where the output is a class vector."
        ),
        caveat="the engine itself did not run here; it may round differently." if lines else "",
        html=draw_table(Table("accuracy-table", _CAPTION, _COLUMNS, tuple(lines))) if lines else None,
    )


def accuracy_words(built: Built) -> str:
    """Return the worst output of a variant in words, or why it cannot be told."""
    accuracy = built.accuracy
    if isinstance(accuracy, Unknown):
        return about(built.name, cannot_tell(accuracy))
    sqnr = [item.sqnr_db for item in accuracy if item.sqnr_db is not None]
    if not sqnr:
        return about(built.name, f"{plural(len(accuracy), 'output')} compared, no SQNR computed")
    return about(built.name, f"SQNR {decibel(min(sqnr))}, the worst of {plural(len(accuracy), 'output')}")


def _lines(built: Built) -> list[TableRow]:
    if isinstance(built.accuracy, Unknown):
        blank = tuple(Cell() for _ in _COLUMNS[2:])
        return [TableRow((Cell(Said(built.name)), Cell(cannot_tell(built.accuracy)), *blank))]
    return [_line(built.name, item) for item in built.accuracy]


def _line(engine: str, item: OutputAccuracy) -> TableRow:
    error, cosine = item.max_abs_error, item.cosine
    return TableRow(
        (
            Cell(Said(engine)),
            names([item.output]),
            number(item.samples, f"{item.samples:,}"),
            number(cosine, "" if cosine is None else f"{cosine:.6f}"),
            number(item.sqnr_db, decibel(item.sqnr_db)),
            number(error, "" if error is None else significant(error, 3)),
            number(item.top1_agreement, percent(item.top1_agreement, 1)),
        )
    )
