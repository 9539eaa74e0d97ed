"""R404: conversions at the engine's own inputs and outputs."""

from __future__ import annotations

from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Subject, row_evidence, row_ns
from trtprof.analysis.findings.words import types_words
from trtprof.comparison import Row
from trtprof.model import LayerKind, Unknown
from trtprof.units import ms, plural

_NOTABLE = 0.03
"""Share of the layer times above which the conversions at the ends are worth a line."""


def check(subject: Subject) -> Outcome:
    """Return one claim, a note, where conversions at the ends take a notable part of the engine's time."""
    if subject.ahead_of_time:
        return ()
    rows = [row for row in subject.rows if row.kind.is_conversion and _at_an_end(subject, row)]
    times = [row_ns(row) for row in rows]
    total = sum(row_ns(row) or 0.0 for row in subject.rows)
    if not rows or not total:
        return ()
    spent = sum(time or 0.0 for time in times)
    if spent < _NOTABLE * total:
        return ()
    return (
        Claim(
            cause=f"{plural(len(rows), 'conversion')} at the engine's ends: {ms(spent)} ms as profiled",
            evidence=row_evidence(rows, _words),
            saving=Unknown("it depends on what the application can deliver and take"),
            aside=True,
        ),
    )


def _at_an_end(subject: Subject, row: Row) -> bool:
    return subject.flow.enters(row) or (row.kind is not LayerKind.QUANTIZE and subject.flow.leaves(row))


def _words(row: Row) -> str:
    return types_words(row, layouts=True) or row.layer.name


RULE = Rule(
    code="R404",
    name="engine-io",
    title="The engine's inputs and outputs are converted",
    role=Role.CAUSE,
    why="Engines take and give FP32 in the linear layout unless told otherwise; the first layer wants another form.",
    needs="layer information with types, and a profile",
    looks_like=(
        ("layer information", "a Reformat or quantise that reads an input of the engine, or writes an output"),
        ("build log", "no --inputIOFormats or --outputIOFormats on the command line"),
    ),
    cure=(
        "If what comes before can deliver it: --inputIOFormats=int8:chw32 or fp16:hwc8 (and --outputIOFormats), or "
        "an FP16 or INT8 input in the ONNX model. One such conversion is normal."
    ),
    saving="not estimated: it moves the work to the application",
    false_positives="An FP32 image has to be quantised once somewhere; this is a note, never a fault.",
    source="TensorRT developer guide, I/O formats; NVIDIA/TensorRT#2136, #3492",
    check=check,
)
