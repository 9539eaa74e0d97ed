"""K204: a 3-D convolution in a quantised engine that is slower than in 16 bits, or stays in float."""

from __future__ import annotations

from trtprof.analysis.findings.asked import engine_ns, reads_quantised, sum_ns
from trtprof.analysis.findings.odd_convs import NOTEWORTHY, slower_claims
from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Subject, row_evidence
from trtprof.analysis.findings.words import type_word
from trtprof.comparison import Row
from trtprof.model import Unknown
from trtprof.units import percent, plural

_RANK = 5


def check(subject: Subject) -> Outcome:
    """Return one claim with the 3-D convolutions that lose time; a note for those that stay in float."""
    outcome = slower_claims(subject, lambda row: is_3d(subject, row), "3-D convolution")
    if isinstance(outcome, Unknown) or outcome:
        return outcome
    rows = [row for row in subject.rows if is_3d(subject, row) and not reads_quantised(row)]
    time, total = sum_ns(rows), engine_ns(subject)
    if not subject.has_quantised_rows or not rows or time < NOTEWORTHY * total:
        return ()
    said = f", {percent(time / total)} of the time" if total else ""
    return (
        Claim(
            cause=f"{plural(len(rows), '3-D convolution stays', '3-D convolutions stay')} in float{said}",
            evidence=row_evidence(rows, lambda row: f"multiplies {type_word(row.operand)}"),
            saving=Unknown("TensorRT has few INT8 kernels for 3-D convolutions, so there may be none to gain"),
            aside=True,
        ),
    )


def is_3d(subject: Subject, row: Row) -> bool:
    """Whether a row is a convolution over three spatial dimensions."""
    dims = row.layer.inputs[0].dims if row.layer.inputs else None
    kernel = row.layer.parameters.get("Kernel")
    deep = isinstance(kernel, list) and len(kernel) == _RANK - 2
    return subject.flow.is_conv(row) and (deep or (dims is not None and len(dims) == _RANK and kernel is None))


RULE = Rule(
    code="K204",
    name="conv-3d",
    title="3-D convolution gains nothing by quantisation",
    role=Role.CAUSE,
    why=(
        "INT8 Tensor Core kernels cover 2-D convolutions. For 3-D ones, above all with groups, TensorRT has few or "
        "none: they stay in float or run on CUDA cores, and Q/DQ around them only adds conversions."
    ),
    needs="layer information with types and times; the FP16 engine to be sure",
    looks_like=(
        ("layer information", "a convolution with a kernel of three extents and tensors of five dimensions"),
        ("profile", "as slow as in the FP16 engine, or slower, with its quantise and reformat"),
        ("ONNX model", "Conv with a kernel_shape of three extents, often with group above 1"),
    ),
    cure="Leave 3-D convolutions without Q/DQ, and keep what is quantised in one piece.",
    saving="quantised time with its conversions, less the FP16 time and the two conversions FP16 would add there",
    false_positives="Newer releases have INT8 kernels for some shapes: only measured losses are more than a note.",
    source="NVIDIA/TensorRT#1409 and #1198 (3-D ResNeXt-101: INT8 as fast as FP16)",
    check=check,
)
