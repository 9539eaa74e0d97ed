"""Q114: fused attention of the 16-bit engine is in pieces in the quantised one."""

from __future__ import annotations

from trtprof.analysis.findings.model_evidence import model_evidence
from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Share, Subject, row_evidence, row_ns
from trtprof.analysis.findings.words import type_word
from trtprof.comparison import Row
from trtprof.graph_facts import Fact
from trtprof.kernels import classify
from trtprof.model import LayerKind
from trtprof.units import plural

_FACTS = (Fact.BETWEEN_DQ_AND_MATMUL, Fact.ONE_QUANTISED_MATMUL_INPUT)


def check(subject: Subject) -> Outcome:
    """Return one claim where the quantised engine has fewer fused attention kernels than its 16-bit sibling.

    Without a sibling: where a softmax runs apart, between products of a quantised engine.
    """
    if not subject.is_quantised:
        return ()
    own = [row for row in subject.rows if is_attention(row)]
    if subject.half is not None:
        before = [row for row in subject.half.rows if is_attention(row)]
        if len(own) >= len(before):
            return ()
        return (_against(subject, before, len(own)),)
    pieces = [row for row in subject.rows if _is_softmax(subject, row) and _between_products(subject, row)]
    if not pieces or own or subject.ahead_of_time or not subject.has_quantised_rows:
        return ()
    return (
        Claim(
            cause=f"{plural(len(pieces), 'softmax', 'softmaxes')} by itself between matrix products, none fused",
            evidence=(
                *row_evidence(pieces, lambda row: row.layer.tactic or "softmax by itself"),
                *model_evidence(subject, *_FACTS),
            ),
            savings={row.layer.index: Share(0.0, 0.5, 1.0) for row in pieces},
            explains=frozenset(row.layer.index for row in pieces),
        ),
    )


def is_attention(row: Row) -> bool:
    """Whether a row is a fused attention kernel, by the name of its kernel or, in Myelin, of the layer itself."""
    named = (row.kernel, classify(row.layer.name) if "mha" in row.layer.name.lower() else None)
    return any(item is not None and item.operation == "attention" for item in named)


def _against(subject: Subject, before: list[Row], left: int) -> Claim:
    groups = {row.group for row in before if row.group is not None}
    nodes = {name for row in before for name in row.nodes}
    pieces = [
        row
        for row in subject.rows
        if (row.group in groups or nodes & set(row.nodes)) and row.kind is not LayerKind.NOOP and not is_attention(row)
    ]
    fused = sum(row_ns(row) or 0.0 for row in before)
    spent = sum(row_ns(row) or 0.0 for row in pieces)
    gain = max(0.0, 1.0 - fused / spent) if spent else 0.0
    share = Share(gain * 0.5, gain, gain)
    name = subject.half.name if subject.half else "fp16"
    return Claim(
        cause=(
            f"{plural(len(before), 'fused attention kernel')} of {name}, {left} here: the quantised engine runs the "
            f"products and the softmax apart"
        ),
        evidence=(*row_evidence(pieces, _words), *model_evidence(subject, *_FACTS)),
        savings={row.layer.index: share for row in pieces},
        explains=frozenset(row.layer.index for row in pieces),
    )


def _words(row: Row) -> str:
    return f"{row.layer.tactic or row.layer.type or 'a piece of attention'} in {type_word(row.operand)}"


def _is_softmax(subject: Subject, row: Row) -> bool:
    operators = subject.flow.operators(row)
    if row.has_matmul:
        return False
    return "Softmax" in operators or (row.kernel is not None and row.kernel.operation == "softmax")


def _between_products(subject: Subject, row: Row) -> bool:
    """Whether matrix products lie on both sides, conversions looked through: a classifier's softmax has none behind."""
    return any(item.has_matmul for item in subject.flow.spread(row)) and not subject.flow.is_before_work(row)


RULE = Rule(
    code="Q114",
    name="attention-broken",
    title="Attention is not fused in the quantised engine",
    role=Role.CAUSE,
    why=(
        "TensorRT fuses product, softmax and product of attention into one kernel if Q/DQ fit its pattern: INT8 only "
        "up to a sequence length of 512 and with Q/DQ right before both products; FP8 also behind the softmax. "
        "Otherwise three kernels run, with a float softmax and conversions between them. A calibrator never fuses it."
    ),
    needs="layer information with tactic names, of the 16-bit engine too",
    looks_like=(
        ("layer information", "_gemm_mha_v2 or fmha kernels in FP16; gemm and softmax kgen rows in INT8"),
        ("profile", "more Myelin entries than in the 16-bit engine"),
        ("nsys", "kernel names with _mha or fmha vanish"),
        ("ONNX model", "Mul, Transpose or Cast between DequantizeLinear and MatMul; only one operand quantised"),
    ),
    cure=(
        "Leave the products of attention unquantised (quantise the linear layers only), or complete the pattern: Q/DQ "
        "right before both products, sequence length up to 512, for FP8 a quantise behind the softmax as well."
    ),
    saving="the pieces' time less the fused kernels' time in the 16-bit engine",
    false_positives="Short sequences may run faster in pieces; compare the region's time, not the count of kernels.",
    source="NVIDIA/TensorRT#3714, #3724, #3243, #3147, #4397; NVIDIA/Model-Optimizer#1289",
    check=check,
)
