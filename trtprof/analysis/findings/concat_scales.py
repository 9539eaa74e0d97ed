"""Q106: the inputs of a Concat do not share one scale."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings.island_rule import island_check
from trtprof.analysis.findings.model_evidence import model_evidence
from trtprof.analysis.findings.rule import ALL, Claim, Outcome, Role, Rule, Subject, row_evidence
from trtprof.analysis.findings.words import types_words
from trtprof.comparison import Row
from trtprof.graph_facts import Fact, GraphFacts
from trtprof.model import Unknown
from trtprof.units import plural

_ISLANDS: Final = island_check("concat", "a Concat", Fact.CONCAT_SCALES)


def check(subject: Subject) -> Outcome:
    """Return a claim for Concats that run in float, and one for changes of scale that meet at a Concat."""
    outcome = _ISLANDS(subject)
    if isinstance(outcome, Unknown) or subject.ahead_of_time:
        return outcome
    rows = [row for row in subject.rows if subject.flow.rescales(row) and at_concat(subject, row)]
    if not rows:
        return outcome
    return (
        *outcome,
        Claim(
            cause=f"{plural(len(rows), 'change')} of scale from INT8 to INT8 at a Concat",
            evidence=(*row_evidence(rows, types_words), *model_evidence(subject, Fact.CONCAT_SCALES)),
            savings={row.layer.index: ALL for row in rows},
            explains=frozenset(row.layer.index for row in rows),
        ),
    )


def at_concat(subject: Subject, row: Row) -> bool:
    """Whether a change of scale belongs to a Concat: it stands at one, or the model's Concats have unequal scales.

    TensorRT does away with the Concat itself, so that in many engines only the ONNX model still tells of it.
    """
    unequal = isinstance(subject.facts, GraphFacts) and bool(subject.facts.of(Fact.CONCAT_SCALES))
    return unequal or subject.flow.joins(row)


RULE = Rule(
    code="Q106",
    name="concat-scales",
    title="The inputs of a Concat do not share one scale",
    role=Role.CAUSE,
    why=(
        "TensorRT lets the layers before a Concat write into one buffer, which needs one type and one scale. With "
        "different scales, or an input without Q/DQ, tensors are converted to float and quantised again."
    ),
    needs="layer information with types; or the ONNX model",
    looks_like=(
        (
            "layer information",
            "Concat copies in Half or Float between Int8 layers; Reformats from Int8 to Int8 with Origin QDQ",
        ),
        ("nsys", "reformat kernels around the Concat"),
        ("ONNX model", "QuantizeLinear with different scales on the inputs of one Concat, or missing on some"),
        ("build log", "Generating copy for … because …"),
    ),
    cure=(
        "Give all inputs of the Concat, and its output, the same scale: the largest of them (copy _amax in "
        "pytorch-quantization). Q/DQ behind the Concat alone is fine too: TensorRT moves it before the Concat."
    ),
    saving="the quantises, dequantises and float copies around the Concat",
    false_positives=(
        "Where one branch has a much larger range, one scale costs accuracy. TensorRT may hoist a quantise above a "
        "Concat by itself and be slower for it (NVIDIA/TensorRT#4366)."
    ),
    source=(
        "NVIDIA-AI-IOT/yolo_deepstream, QAT performance guidance (YOLOv7 on Orin, 180.4 to 207.3 qps); "
        "NVIDIA/TensorRT#4366, #4401"
    ),
    check=check,
)
