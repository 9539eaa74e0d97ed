"""F301: a quantised convolution that writes float, to be quantised again."""

from __future__ import annotations

from trtprof.analysis.findings.epilogues import epilogue_share
from trtprof.analysis.findings.flow import is_float, result_of
from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Subject, no_types, row_evidence
from trtprof.analysis.findings.words import type_word
from trtprof.comparison import Row
from trtprof.model import LayerKind
from trtprof.units import plural


def check(subject: Subject) -> Outcome:
    """Return one claim with the quantised convs and gemms whose float result is quantised again further on."""
    if subject.ahead_of_time:
        return ()
    if not subject.types_known:
        return no_types(subject)
    rows = [
        row
        for row in subject.rows
        if subject.flow.is_quantised_main(row) and is_float(result_of(row)) and _quantised_again(subject, row)
    ]
    if not rows:
        return ()
    verb = "writes" if len(rows) == 1 else "write"
    return (
        Claim(
            cause=f"{plural(len(rows), 'quantised conv or gemm', 'quantised convs and gemms')} {verb} float",
            evidence=row_evidence(rows, _words),
            savings={row.layer.index: epilogue_share(subject, row) for row in rows},
        ),
    )


def _quantised_again(subject: Subject, row: Row) -> bool:
    """Whether the values reach a quantise or another quantised conv's residual input; the network's tail does not."""
    readers = list(subject.flow.spread(row))
    for reader in tuple(readers):
        if not reader.has_matmul and reader.kind not in (LayerKind.QUANTIZE, LayerKind.REFORMAT, LayerKind.CAST):
            readers.extend(subject.flow.spread(reader))
    return any(
        reader.kind is LayerKind.QUANTIZE or subject.flow.is_quantised_main(reader)
        for reader in readers
        if reader.layer.index > row.layer.index
    )


def _words(row: Row) -> str:
    result = result_of(row)
    return f"multiplies {type_word(row.operand)} and writes {type_word(result.dtype if result else None)}"


RULE = Rule(
    code="F301",
    name="float-epilogue",
    title="Quantised convolution writes float",
    role=Role.SYMPTOM,
    why=(
        "A convolution that writes INT8 moves half the bytes of one that writes FP16, and needs no quantise behind it. "
        "It writes float when a reader wants float, or when the residual it adds is float."
    ),
    needs="layer information with types",
    looks_like=(
        ("layer information", "a convolution with Int8 in and Half or Float out, in the middle of the network"),
        ("nsys", "kernel names with i8f16 or i8f32"),
    ),
    cure="Quantise what reads it: the residual Add's skip input, the operation behind it, or the second reader.",
    saving="down to the fastest convolution of the same shape in this engine that writes INT8",
    false_positives="The last convolutions before a float output write float rightly and are not reported.",
    source="TREx ResNet-18 on A100 (i8f16 against i8i8 twins); NVIDIA/TensorRT#993",
    check=check,
)
