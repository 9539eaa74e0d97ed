"""R402: a dequantise that runs as a layer of its own."""

from __future__ import annotations

from trtprof.analysis.findings.rule import ALL, Claim, Outcome, Role, Rule, Subject, row_evidence, runs_alone
from trtprof.comparison import Row
from trtprof.model import LayerKind
from trtprof.units import dims


def check(subject: Subject) -> Outcome:
    """Return one claim with every stand-alone dequantise whose result does not leave the engine."""
    if subject.ahead_of_time:
        return ()
    rows = [row for row in subject.rows if row.kind is LayerKind.DEQUANTIZE and not subject.flow.is_after_work(row)]
    if not rows:
        return ()
    return (
        Claim(
            cause=runs_alone(len(rows), "DequantizeLinear", "DequantizeLinear"),
            evidence=row_evidence(rows, lambda row: _words(subject, row)),
            savings={row.layer.index: ALL for row in rows},
        ),
    )


def _words(subject: Subject, row: Row) -> str:
    result = row.layer.outputs[0] if row.layer.outputs else None
    readers = [item.layer.name for item in subject.flow.after(row)]
    what = f"dequantises {dims(result.dims)}" if result is not None else "dequantises"
    return what + (f" for '{readers[0]}'" if readers else "")


RULE = Rule(
    code="R402",
    name="lone-dequantize",
    title="DequantizeLinear runs as a layer of its own",
    role=Role.SYMPTOM,
    why="A dequantise fuses into a quantised reader. A float reader needs the whole tensor written again in float.",
    needs="layer information with types",
    looks_like=(
        ("layer information", "a Reformat with Origin QDQ, or a kgen, that reads Int8 and writes Half or Float"),
        ("profile", "an entry named after one DequantizeLinear node"),
        ("nsys", "genericReformat kernels with signed char in and half or float out"),
    ),
    cure="Quantise the reader too (Q/DQ on its inputs and behind it), or end the quantised region before the writer.",
    saving="the whole time of these layers",
    false_positives="Where the reader has no quantised kernel, one dequantise has to stay.",
    source="TensorRT developer guide, Working with Quantized Types; yolo_deepstream, QAT performance guidance",
    check=check,
)
