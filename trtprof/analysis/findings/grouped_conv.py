"""K202: a quantised grouped or depthwise convolution that is slower than in 16 bits."""

from __future__ import annotations

from dataclasses import replace

from trtprof.analysis.findings.asked import is_grouped
from trtprof.analysis.findings.odd_convs import rows_of_node, slower_claims
from trtprof.analysis.findings.rule import Outcome, Role, Rule, Subject
from trtprof.comparison import Row
from trtprof.model import DType, Unknown


def check(subject: Subject) -> Outcome:
    """Return one claim with the quantised grouped convolutions that lose time, all told."""
    outcome = slower_claims(subject, lambda row: _chosen(subject, row), "grouped or depthwise convolution")
    if isinstance(outcome, Unknown):
        return outcome
    eight = any(row.operand is DType.FP8 and _chosen(subject, row) for row in subject.rows)
    return tuple(replace(claim, cure=_FP8) for claim in outcome) if eight else outcome


def _chosen(subject: Subject, row: Row) -> bool:
    return subject.flow.is_conv(row) and (is_grouped(row) or _is_split(subject, row))


def _is_split(subject: Subject, row: Row) -> bool:
    """Whether one convolution runs as several rows, one for each group."""
    return len(rows_of_node(subject, row)) >= _SPLIT


_SPLIT = 3
"""Rows of one convolution from which it is taken to be split by groups, and not just named twice."""
_FP8 = (
    "TensorRT has no optimised FP8 kernel for grouped and depthwise convolutions: quantise them to INT8, or leave "
    "their Q/DQ out so that they run in FP16."
)
RULE = Rule(
    code="K202",
    name="grouped-conv",
    title="Grouped or depthwise convolution loses by quantisation",
    role=Role.CAUSE,
    why=(
        "A depthwise convolution multiplies too little to fill a Tensor Core and mostly moves bytes; INT8 kernels for "
        "groups want a multiple of 4 channels a group, better 32, and without them the convolution is split group by "
        "group or runs on CUDA cores, with quantise and reformat layers of its own."
    ),
    needs="layer information with types and times; the FP16 engine to be sure",
    looks_like=(
        ("layer information", "Groups above 1 with Int8 input; CudaDepthwiseConvolution, or several rows for one node"),
        ("profile", "slower than the same layer of the FP16 engine, with its quantise and reformat"),
        ("nsys", "kernels with depthwise in their name and no tensor…x…x… tile"),
        ("ONNX model", "group above 1 and channels a group not a multiple of 4"),
    ),
    cure=(
        "Leave the Q/DQ of these convolutions out, so that they run in FP16, and measure again; or make their channels "
        "a multiple of 32 a group."
    ),
    saving="quantised time with its conversions, less the FP16 time and the two conversions FP16 would add there",
    false_positives=(
        "Inside an INT8 chain a depthwise convolution is often better left in INT8: FP16 adds a dequantise and a "
        "quantise. These are reckoned in, and without the FP16 engine this stays a note."
    ),
    source=(
        "NVIDIA/TensorRT#4529, #1409, #1934 (grouped), #4524 and the TensorRT 10.12 release notes (FP8), #3205 "
        "(depthwise); TensorRT API: channels a group in INT8; onnxsim#1742 (MobileNetV2 gains 1.09x)"
    ),
    check=check,
)
