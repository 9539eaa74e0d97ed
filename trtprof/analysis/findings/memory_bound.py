"""H602: layers that no precision helps take a large part of a quantised engine."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings.asked import engine_ns, sum_ns
from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Subject, row_evidence
from trtprof.analysis.findings.savings import NO_TIMES
from trtprof.comparison import Row
from trtprof.model import LayerKind, Unknown
from trtprof.units import percent, plural

_LARGE: Final = 0.1
_OPERATORS: Final = frozenset({
    "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "Resize", "Upsample", "ReduceSum", "ReduceMean",
    "ReduceMax", "ReduceMin", "Softmax", "LogSoftmax", "TopK", "NonMaxSuppression", "ArgMax", "ArgMin", "Transpose",
    "Concat", "Slice", "Split", "Pad", "Gather", "GatherND", "GatherElements", "ScatterND", "ScatterElements",
    "DepthToSpace", "SpaceToDepth", "GridSample", "RoiAlign", "CumSum", "Expand", "Tile", "Where",
})  # fmt: skip
_TYPES: Final = (
    "pool", "resize", "reduce", "softmax", "topk", "shuffle", "slice", "padding", "concat", "gather", "scatter", "nms",
    "gridsample",
)  # fmt: skip
"""Words of the builder's layer types, for layers whose nodes have no known operator."""


def check(subject: Subject) -> Outcome:
    """Return a note with the layers of a quantised engine that only move, pick or reduce values."""
    if not subject.has_quantised_rows:
        return ()
    total = engine_ns(subject)
    if not total:
        return Unknown(NO_TIMES)
    rows = [row for row in subject.rows if _only_moves(subject, row) and row.time_ns]
    part = sum_ns(rows) / total
    if part < _LARGE:
        return ()
    return (
        Claim(
            cause=f"{percent(part)} of the time is in {plural(len(rows), 'layer')} that no precision speeds up much",
            evidence=row_evidence(rows, lambda row: _words(subject, row)),
            saving=Unknown("only another way to compute the same would shorten them"),
        ),
    )


def _only_moves(subject: Subject, row: Row) -> bool:
    if row.has_matmul or row.epilogue_of is not None or row.kind.is_conversion or row.kind is LayerKind.FOREIGN:
        return False
    if row.kind in (LayerKind.COPY, LayerKind.PLUGIN):
        return True
    operators = subject.flow.operators(row) - {"?", ""}
    word = (row.layer.type or "").lower()
    return bool(operators & _OPERATORS) if operators else any(sign in word for sign in _TYPES)


def _words(subject: Subject, row: Row) -> str:
    operators = sorted(subject.flow.operators(row) - {"?", ""})
    return ", ".join(operators) or (row.layer.type or row.kind.value)


RULE = Rule(
    code="H602",
    name="memory-bound-remainder",
    title="Layers that no precision helps take much of the time",
    role=Role.CONDITION,
    why=(
        "Pooling, resizing, reductions, softmax, top-k, transposes, slices and plugins move more than they multiply. "
        "Quantisation shrinks convolutions around them, so their share grows, and it bounds what INT8 can gain."
    ),
    needs="layer information and times",
    looks_like=(
        ("layer information", "Shuffle, Slice, Pooling, Resize, Reduce, TopK or PluginV2 rows"),
        ("profile", "these rows take the same time in the FP16 and the INT8 engine"),
        ("nsys", "kernels that only copy, gather or reduce"),
        ("ONNX model", "Transpose or Pad at the input, long chains of Slice and Concat, ReduceSum of a Concat"),
    ),
    cure=(
        "Take them out of the model where they can go: export in NCHW, pad within the convolution, replace reduce "
        "chains by additions, do selection after the engine."
    ),
    saving="unknown: it takes another model, not another precision",
    false_positives="Pools and copies on Int8 tensors have gained already: they move a quarter of the bytes.",
    source=(
        "NVIDIA/TensorRT#1117 (slices as copies), #4516 (memory-bound); YOLOv9 with TensorRT 10.12: reduce chains "
        "replaced by Add, 19.83 to 14.77 ms at batch 8"
    ),
    check=check,
)
