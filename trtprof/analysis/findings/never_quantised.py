"""Q110: INT8 or FP8 was asked for, and no layer uses it."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings.asked import engine_ns, is_grouped, quantised_type, sum_ns, types_of
from trtprof.analysis.findings.flow import QUANTISED
from trtprof.analysis.findings.hardware import Speed, speed_of
from trtprof.analysis.findings.rule import NO_TYPES, Claim, Outcome, Role, Rule, Share, Subject, row_evidence
from trtprof.analysis.findings.why_not_quantised import reasons_not_quantised
from trtprof.analysis.findings.words import type_word
from trtprof.comparison import Row
from trtprof.model import DType, LayerKind, Unknown

_LARGE_REGION: Final = 0.2
_FROM_HALF: Final = Share(0.08, 0.3, 0.45)
"""INT8 over FP16 for whole engines: 1.09x (MobileNetV2, Orin Nano) to 1.83x (ResNet-50, RTX 3090)."""
_FROM_FULL: Final = Share(0.3, 0.6, 0.8)
"""INT8 over FP32: 3.6x (ResNet-18, A100) to 5.5x (ResNet-50, RTX 3090) for engines that are healthy."""


def check(subject: Subject) -> Outcome:
    """Return one claim where a quantised type was asked for and no tensor of the engine has one."""
    asked = quantised_type(subject)
    if asked is None or not subject.rows:
        return ()
    if not subject.types_known:
        return NO_TYPES
    if any(types_of(row) & QUANTISED for row in subject.rows):
        return ()
    if _may_hide(subject):
        return Unknown("opaque regions take much of it, and their inside may be quantised")
    mains = [row for row in subject.rows if row.has_matmul]
    if not mains:
        return Unknown("no layer of it is known to be a convolution or matrix product")
    reasons = reasons_not_quantised(subject, asked)
    because = f": {reasons[0].what}" if reasons else ""
    blocked = speed_of(subject.built.engine.device, asked) in (Speed.NONE, Speed.SLOW)
    return (
        Claim(
            cause=f"{asked.value.upper()} was asked for, but no layer reads it{because}",
            evidence=(*reasons, *row_evidence(mains, _words)),
            savings={} if blocked else {row.layer.index: _share(row) for row in mains if not is_grouped(row)},
            explains=frozenset(),
            saving=Unknown(f"this GPU does not multiply {asked.value.upper()} fast") if blocked else None,
            modelled=True,
        ),
    )


def _may_hide(subject: Subject) -> bool:
    """Whether regions whose inside is not shown are large enough to hold what is looked for."""
    regions = [row for row in subject.rows if row.kind is LayerKind.FOREIGN]
    return bool(regions) and sum_ns(regions) >= _LARGE_REGION * engine_ns(subject)


def _share(row: Row) -> Share:
    return _FROM_FULL if row.operand is DType.FP32 else _FROM_HALF


def _words(row: Row) -> str:
    return f"multiplies {type_word(row.operand)}"


RULE = Rule(
    code="Q110",
    name="never-quantised",
    title="Quantisation never took effect",
    role=Role.CAUSE,
    why=(
        "A build does not fail where quantisation finds no place. Keys of a calibration cache that match no tensor, "
        "Q/DQ nodes that the parser refuses, or a GPU without the type leave a float engine under an INT8 name."
    ),
    needs="layer information with types; the options, calibration cache and ONNX model tell why",
    looks_like=(
        ("layer information", "no Int8 or FP8 tensor at all; the engine is as large as the FP16 one"),
        ("profile", "the same layers and times as the FP16 or FP32 engine"),
        ("ONNX model", "DequantizeLinear of an INT32 bias, a zero point other than 0, or no Q/DQ nodes"),
        ("build log", "'Missing scale and zero-point for tensor …'"),
    ),
    cure=(
        "Make it quantised at all: calibrate again after every export (the cache is keyed by tensor names), or put "
        "Q/DQ nodes into the model with a float bias and zero points of 0. `trtprof compare` makes such a variant."
    ),
    saving=(
        "of the time of convolutions and products, what published INT8 engines gain over FP16 (1.09x to 1.83x) or over "
        "FP32 (3.6x to 5.5x)"
    ),
    false_positives="A small network, or one bound by memory, may rightly stay in float even with INT8 allowed.",
    source=(
        "Cityscapes-TRT-Pipeline (cache keys after a re-export: a silent FP16 engine); realsr-edge (INT32 bias); "
        "NVIDIA/TensorRT#2658, #3186; ranges: TREx examples, onnxsim#1742"
    ),
    check=check,
)
