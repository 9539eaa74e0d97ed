"""R401: a quantise that runs as a layer of its own."""

from __future__ import annotations

from trtprof.analysis.findings.rule import ALL, Claim, Outcome, Role, Rule, Subject, row_evidence, runs_alone
from trtprof.comparison import Row
from trtprof.model import LayerKind
from trtprof.units import dims


def check(subject: Subject) -> Outcome:
    """Return one claim with every stand-alone quantise that is neither the engine's input nor a change of scale."""
    if subject.ahead_of_time:
        return ()
    rows = [row for row in subject.rows if row.kind is LayerKind.QUANTIZE and not subject.flow.is_before_work(row)]
    if not rows:
        return ()
    return (
        Claim(
            cause=runs_alone(len(rows), "QuantizeLinear", "QuantizeLinear"),
            evidence=row_evidence(rows, lambda row: _words(subject, row)),
            savings={row.layer.index: ALL for row in rows},
        ),
    )


def _words(subject: Subject, row: Row) -> str:
    source = row.layer.inputs[0] if row.layer.inputs else None
    before = [item.layer.name for item in subject.flow.before(row)]
    what = f"quantises {dims(source.dims)}" if source is not None else "quantises"
    return what + (f", written by '{before[0]}'" if before else "")


RULE = Rule(
    code="R401",
    name="lone-quantize",
    title="QuantizeLinear runs as a layer of its own",
    role=Role.SYMPTOM,
    why=(
        "A quantise costs nothing where TensorRT fuses it into the layer that writes the tensor. By itself it reads "
        "the whole float tensor and writes it again."
    ),
    needs="layer information with types",
    looks_like=(
        ("layer information", "a Reformat with Origin QDQ, a Scale or a kgen that reads float and writes INT8 or FP8"),
        ("profile", "an entry named after one QuantizeLinear node"),
        ("nsys", "genericReformat::copyPackedKernel or copyVectorizedKernel with half or float in and signed char out"),
        ("build log", "no 'QuantizeDoubleInputNodes: fusing QuantizeLinear_x into …' for it"),
    ),
    cure="Find out what keeps the writer of the tensor in float: another reader of it, a float residual, or itself.",
    saving="the whole time of these layers",
    false_positives=(
        "The quantise of the engine's own input is needed and is not counted. Where the writer has no quantised "
        "kernel at all, one quantise has to stay."
    ),
    source="TensorRT developer guide, Working with Quantized Types: Q/DQ fusion; NVIDIA/TensorRT#1293, #3492",
    check=check,
)
