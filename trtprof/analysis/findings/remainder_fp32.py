"""Q109: what is not quantised runs in FP32, though FP16 was possible."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings.asked import (
    HALF,
    allowed_types,
    asked_evidence,
    engine_ns,
    is_strongly_typed,
    quantised_type,
    sum_ns,
    types_of,
    works,
)
from trtprof.analysis.findings.float_shares import float_share
from trtprof.analysis.findings.flow import QUANTISED
from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Subject, row_evidence
from trtprof.comparison import Row
from trtprof.model import DType, Unknown
from trtprof.units import percent, plural

_TRIVIAL: Final = 0.02
"""Below this share of the engine's time FP32 costs nothing worth a word."""
_TAIL_LAYERS: Final = 2
_TAIL: Final = 0.1
"""One or two FP32 layers below this share are how healthy engines end, unless FP16 is known to have been ruled out."""
_HALF_TYPES: Final = frozenset({DType.FP16, DType.BF16})
_NO_FAST_HALF: Final = frozenset({(5, 0), (5, 2), (6, 1)})


def check(subject: Subject) -> Outcome:
    """Return one claim with the rows that work in FP32 in a quantised engine without any 16-bit tensor."""
    device = subject.built.engine.device
    if device is not None and device.compute_capability in _NO_FAST_HALF:
        return ()
    allowed = allowed_types(subject)
    if allowed is not None and allowed & HALF:
        return ()
    if not subject.types_known:
        return _from_options(subject)
    types = frozenset(dtype for row in subject.rows for dtype in types_of(row))
    if not types & QUANTISED or types & _HALF_TYPES:
        return ()
    rows = [row for row in subject.rows if works(row) and DType.FP32 in types_of(row)]
    rows = [row for row in rows if not _at_the_edge(subject, row)]
    plain = [row for row in rows if not row.kind.is_conversion and not types_of(row) & QUANTISED]
    if subject.ahead_of_time:
        # TensorRT-RTX hands on every quantised product in FP32, whatever the rest is in: only plain rows tell.
        rows = plain
    total = engine_ns(subject)
    known = allowed is not None or is_strongly_typed(subject)
    least = _TAIL if len(plain) <= _TAIL_LAYERS and not known else _TRIVIAL
    if not plain or (total and sum_ns(rows if known else plain) < least * total):
        return ()
    time = f", {percent(sum_ns(rows) / total)} of the time" if total else ""
    savings = {row.layer.index: float_share(subject, row) for row in rows}
    return (
        Claim(
            cause=f"{plural(len(rows), 'layer works', 'layers work')} in FP32{time}, and none in 16 bits",
            evidence=(*asked_evidence(subject), *row_evidence(rows, _words)),
            savings=savings,
            explains=frozenset(savings),
            modelled=True,
            cure=_IN_THE_MODEL if is_strongly_typed(subject) else None,
        ),
    )


def _from_options(subject: Subject) -> Outcome:
    """Names alone: options say that FP16 was not allowed, but not what that cost."""
    allowed = allowed_types(subject)
    if quantised_type(subject) is None:
        return ()
    if allowed is None:
        return Unknown("neither the layers' types nor trtexec's options are at hand")
    unknown = Unknown("the layers come without their types, so what runs in FP32 cannot be told")
    cause = "the builder was given a quantised type but no 16-bit one"
    return (Claim(cause, asked_evidence(subject), saving=unknown, modelled=True),)


def _at_the_edge(subject: Subject, row: Row) -> bool:
    """The conversion of the engine's own FP32 input or output stays."""
    return row.kind.is_conversion and (subject.flow.enters(row) or subject.flow.leaves(row))


def _words(row: Row) -> str:
    if row.kind.is_conversion:
        return "converts to or from FP32"
    return "multiplies quantised values and writes FP32" if types_of(row) & QUANTISED else "works in FP32"


_IN_THE_MODEL: Final = (
    "Types come from the ONNX model here: convert what is not quantised to FP16 in it, with ModelOpt "
    "(--high_precision_dtype fp16) or its AutoCast. `trtprof compare` makes such a variant by default."
)
RULE = Rule(
    code="Q109",
    name="remainder-fp32",
    title="What is not quantised runs in FP32",
    role=Role.CAUSE,
    why=(
        "INT8 covers only what was quantised. The rest runs in the best other type the builder may use, and without "
        "FP16 that is FP32: twice the bytes, slower products, and wider conversions at every border."
    ),
    needs="layer information with types, or trtexec's options",
    looks_like=(
        ("layer information", "Int8 and Float tensors, no Half and no BFloat16"),
        ("profile", "unquantised layers take twice as long as in the FP16 engine, and more"),
        ("ONNX model", "FP32 scales and weights outside the quantised part (TensorRT 11, strongly typed)"),
        ("build log", "'Precision: FP32+INT8'; --int8 without --fp16 or --best (up to TensorRT 10)"),
    ),
    cure="Build with --int8 --fp16 (or --best), so that layers without INT8 run in FP16.",
    saving="about half the time of the FP32 layers and two fifths of FP32 conversions; the FP16 engine narrows it",
    false_positives=(
        "Healthy engines end with one or two small FP32 layers: nothing is said below 2 % of the time, or 10 % where "
        "FP16 is not known to be ruled out. Layers kept in FP32 on purpose, for accuracy, look the same."
    ),
    source=(
        "NVIDIA/TensorRT#550 and pytorch/TensorRT#93 (enable both FP16 and INT8); all-yolo-quantized, 28 YOLO models "
        "on Xavier NX: +29 % frames a second in the median from --fp16 beside --int8; ultralytics#26159; TensorRT "
        "migration guide, strong typing"
    ),
    check=check,
)
