"""INT8 and FP8 models: calibrated Q/DQ on the inputs of every convolution and matrix product, and residual Adds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trtprof.graph.onnx_file import save_onnx
from trtprof.graph.residual import residual_adds
from trtprof.model import DType, Notice, Precision, Unknown
from trtprof.scratch import Scratch
from trtprof.units import plural
from trtprof.variants.calibration import CalibrationData
from trtprof.variants.half import convert_to_half
from trtprof.variants.opset import default_opset, raise_opset
from trtprof.variants.options import VariantOptions
from trtprof.variants.qdq import Edge, QuantisedType, insert_qdq, weighted_edges
from trtprof.variants.ranges import RangeCache, TensorRange, find_ranges
from trtprof.variants.rounding import LARGEST

if TYPE_CHECKING:
    import onnx

QDQ_OPSET: Final = 13
"""First opset with per-channel Q/DQ."""
HALF_SCALE_OPSET: Final = 19
"""First opset with FP16 scales and FP8 Q/DQ."""


@dataclass(frozen=True, slots=True)
class Quantised:
    """A quantised model, what its float part runs in, and what was found on the way."""

    model: onnx.ModelProto
    remainder: Precision
    ranges: tuple[TensorRange, ...]
    notices: tuple[Notice, ...]


def quantise(
    base: Path,
    model: onnx.ModelProto,
    data: CalibrationData,
    options: VariantOptions,
    remainder: Precision,
    *,
    kind: QuantisedType = QuantisedType.INT8,
    cache: RangeCache | None = None,
) -> Quantised | Unknown:
    """Return the model with Q/DQ and its float part in ``remainder`` (FP32 or FP16), or why there is none.

    ``model`` is what ``base`` holds and is changed. Where the opset stays below 19, an INT8 model keeps an FP32
    remainder, with a notice.
    """
    needed = HALF_SCALE_OPSET if remainder is Precision.FP16 or kind is QuantisedType.FP8 else QDQ_OPSET
    if any(node.op_type in ("QuantizeLinear", "DequantizeLinear") for node in model.graph.node):
        return Unknown("the model has Q/DQ nodes already; give it as it is: --variant int8=FILE")
    opset = default_opset(model)
    raised = raise_opset(model, needed)
    notices: list[Notice] = []
    if raised is None and needed == HALF_SCALE_OPSET and kind is QuantisedType.INT8:
        raised, remainder = raise_opset(model, QDQ_OPSET), Precision.FP32
        message = f"opset {opset} cannot be raised to 19, which FP16 scales need: INT8 with an FP32 remainder"
        notices.append(Notice("int8-remainder-fp32", message))
    if raised is None:
        return Unknown(f"opset {opset} cannot be raised to {needed}, which {kind.name} Q/DQ needs; export at {needed}")
    edges = quantised_edges(raised, options)
    if not edges:
        return Unknown("no Conv, ConvTranspose, MatMul or Gemm with FP32 operands, so there is nothing to quantise")
    ranges = _find_ranges(base if raised is model else raised, edges, data, options, cache or RangeCache())
    edges, lost = _drop_unbounded(edges, ranges)
    notices += [*lost, *_range_notices(ranges, remainder)]
    if not edges:
        return Unknown(f"every tensor to quantise is NaN or infinite on {data.source}")
    insert_qdq(raised, edges, {name: found.amax for name, found in ranges.items()}, kind)
    if remainder is Precision.FP16:
        notices += convert_to_half(raised, DType.FP16).notices
    used = {edge.tensor for edge in edges}
    return Quantised(raised, remainder, tuple(r for r in ranges.values() if r.tensor in used), tuple(notices))


def quantised_edges(model: onnx.ModelProto, options: VariantOptions) -> tuple[Edge, ...]:
    """Return every edge that gets Q/DQ, in the order of the nodes."""
    edges = {(edge.node, edge.index): edge for edge in weighted_edges(model)}
    if options.residual_qdq:
        inputs = {node.name: list(node.input) for node in model.graph.node}
        for add in residual_adds(model):
            both = options.residual_inputs == "both" or add.shortcut is None
            for index in (0, 1) if both else (add.shortcut or 0,):
                edges[add.node, index] = Edge(add.node, index, inputs[add.node][index], weight=False)
    order = {node.name: position for position, node in enumerate(model.graph.node)}
    return tuple(sorted(edges.values(), key=lambda edge: (order[edge.node], edge.index)))


def _find_ranges(
    source: Path | onnx.ModelProto,
    edges: Sequence[Edge],
    data: CalibrationData,
    options: VariantOptions,
    cache: RangeCache,
) -> Mapping[str, TensorRange]:
    tensors = list(dict.fromkeys(edge.tensor for edge in edges if not edge.weight))
    method, percentile, threads = options.method, options.percentile, options.threads
    if isinstance(source, Path):
        return cache.of(source, tensors, data, method=method, percentile=percentile, threads=threads)
    # Raising the opset may have added tensors that the base file does not have, so what was raised is run.
    with Scratch() as folder:
        path = folder / "raised.onnx"
        save_onnx(source, path)
        return find_ranges(path, tensors, data, method=method, percentile=percentile, threads=threads)


def _drop_unbounded(
    edges: Sequence[Edge], ranges: Mapping[str, TensorRange]
) -> tuple[tuple[Edge, ...], tuple[Notice, ...]]:
    """Leave nodes in float whose input has no finite range: no scale is right for it."""
    bad = {name for name, found in ranges.items() if not math.isfinite(found.amax)}
    nodes = dict.fromkeys(edge.node for edge in edges if edge.tensor in bad)
    notices = tuple(
        Notice("range-infinite", f"'{name}' is NaN or infinite on the calibration data: not quantised", name)
        for name in sorted(bad)
    )
    return tuple(edge for edge in edges if edge.node not in nodes), notices


def _range_notices(ranges: Mapping[str, TensorRange], remainder: Precision) -> list[Notice]:
    notices = [
        Notice("range-zero", f"'{name}' is 0 in all calibration data: its scale is a guess, for ±1", name)
        for name, found in ranges.items()
        if found.amax == 0
    ]
    large = [name for name, found in ranges.items() if LARGEST[DType.FP16] < found.observed < math.inf]
    if large and remainder is Precision.FP16:
        message = f"{plural(len(large), 'tensor')} beyond FP16's 65504 in the FP16 remainder; int8-fp32 holds them"
        notices.append(Notice("fp16-overflow", message, large[0]))
    return notices
