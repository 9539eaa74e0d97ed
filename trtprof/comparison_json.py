"""A comparison as JSON: the contract other people's scripts lean on. Its schema is ``docs/compare.schema.json``.

Keys carry units and each figure its provenance. Two runs on the same input give the same text but for ``build_ns``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from trtprof.board_json import board_run_json, dla_json
from trtprof.breakdown_json import breakdown_json, time_json
from trtprof.comparison import (
    Built,
    Comparison,
    Conversion,
    FusionRow,
    Latency,
    NotBuilt,
    OutputAccuracy,
    Row,
)
from trtprof.findings_json import diagnosis_json, finding_json
from trtprof.model import DType, KernelClass, Notice, Provenance, Unknown
from trtprof.roofline_json import roofline_json, speedup_json
from trtprof.timeline_json import timeline_json

SCHEMA_VERSION: Final = 2

Json = dict[str, Any]


def to_json(comparison: Comparison) -> Json:
    """Return the comparison as one JSON object."""
    model, made = comparison.model, comparison.made
    return {
        "schema_version": SCHEMA_VERSION,
        "verdict": {
            "sentence": comparison.verdict.sentence,
            "winner": comparison.verdict.winner,
            "provenance": comparison.verdict.provenance.value,
            "because": list(comparison.verdict.because),
        },
        "model": {
            "name": model.name,
            "sha256": model.sha256,
            "opset": model.opset,
            "nodes": model.node_count,
            "parameter_bytes": model.parameter_bytes,
            "inputs": [_io(*item) for item in model.inputs],
            "outputs": [_io(*item) for item in model.outputs],
        },
        "device": {"name": comparison.device.name, "modelled": comparison.device_is_modelled, "target": made.target},
        "engines": [engine_json(built) for built in comparison.engines],
        "missing": [_missing(item) for item in comparison.missing],
        "fusions": [_fusion(row) for row in comparison.fusions],
        "findings": [finding_json(item) for item in comparison.diagnosis.findings],
        "diagnosis": diagnosis_json(comparison.diagnosis),
        "breakdowns": [breakdown_json(item) for item in comparison.breakdowns],
        "rooflines": [roofline_json(item) for item in comparison.rooflines],
        "speedups": [speedup_json(item) for item in comparison.speedups],
        "notices": [notice_json(notice) for notice in comparison.notices],
        "provenance": {
            "backend": made.backend,
            "tool": made.tool,
            "tool_version": made.tool_version,
            "calibration": made.calibration,
            "versions": dict(made.versions),
        },
    }


def engine_json(built: Built) -> Json:
    """Return one engine of the comparison with its rows and conversions."""
    return {
        "name": built.name,
        "precision": built.precision.value if built.precision else None,
        "remainder": built.remainder.value if built.remainder else None,
        "tool": built.engine.tool,
        "tool_version": built.engine.tool_version,
        "plan_bytes": built.engine.size_bytes,
        "build_ns": built.engine.build_ns,
        "rows": len(built.rows),
        "conv_gemm_rows_by_operand": [
            {"dtype": _dtype(dtype), "rows": count, "provenance": Provenance.MEASURED.value}
            for dtype, count in built.precision_mix
        ],
        "activation_bytes": built.activation_bytes,
        "activation_bytes_provenance": Provenance.DERIVED.value,
        "time": time_json(built.total_ns, built.provenance),
        "time_with_epilogues_folded": time_json(built.projected_ns, Provenance.MODELLED),
        "latency": _latency(built.latency),
        "board_run": board_run_json(built.board_run),
        "dla": dla_json(built.dla),
        "timeline": timeline_json(built.timeline),
        "accuracy": _accuracy(built.accuracy),
        "conversions": [_conversion(item, built.provenance) for item in built.conversions],
        "layers": [_row(row, built.provenance) for row in built.rows],
    }


def _latency(latency: Latency | None) -> Json | None:
    if latency is None:
        return None
    return {
        "what": latency.what,
        "iterations": latency.iterations,
        "min_ns": latency.min_ns,
        "median_ns": latency.median_ns,
        "p90_ns": latency.p90_ns,
        "p99_ns": latency.p99_ns,
        "max_ns": latency.max_ns,
        "mean_ns": latency.mean_ns,
        "spread_ratio": latency.spread_ratio,
        "throughput_per_s": latency.throughput_per_s,
        "provenance": Provenance.MEASURED.value,
    }


def notice_json(notice: Notice) -> Json:
    """Return a notice."""
    return {"code": notice.code, "message": notice.message, "where": notice.where}


def _io(name: str, dims: tuple[int, ...] | None, dtype: DType | None) -> Json:
    return {"name": name, "dims": None if dims is None else list(dims), "dtype": _dtype(dtype)}


def _dtype(dtype: DType | None) -> str | None:
    return None if dtype is None else dtype.value


def _missing(item: NotBuilt) -> Json:
    return {
        "name": item.name,
        "precision": item.precision.value if item.precision else None,
        "unknown": item.reason.reason,
        "hint": item.hint,
    }


def _accuracy(accuracy: Sequence[OutputAccuracy] | Unknown) -> Json:
    if isinstance(accuracy, Unknown):
        return {"unknown": accuracy.reason}
    return {
        "outputs": [
            {
                "output": item.output,
                "samples": item.samples,
                "cosine": item.cosine,
                "sqnr_db": _finite(item.sqnr_db),
                "exact": item.sqnr_db is not None and math.isinf(item.sqnr_db) and item.sqnr_db > 0,
                "max_abs_error": item.max_abs_error,
                "top1_agreement_ratio": item.top1_agreement,
            }
            for item in accuracy
        ],
        "provenance": Provenance.MEASURED.value,
        "measured_with": "onnxruntime on the CPU",
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _conversion(item: Conversion, provenance: Provenance) -> Json:
    return {
        "row": item.row,
        "layer": item.layer,
        "what": list(item.what),
        "from_dtype": _dtype(item.from_dtype),
        "to_dtype": _dtype(item.to_dtype),
        "from_layout": item.from_layout.value if item.from_layout else None,
        "to_layout": item.to_layout.value if item.to_layout else None,
        "bytes_moved": item.bytes_moved,
        "time": time_json(item.time_ns, provenance),
        "before": item.before,
        "after": item.after,
        "reason": item.reason,
        "removable": item.removable,
    }


def _row(row: Row, provenance: Provenance) -> Json:
    layer = row.layer
    return {
        "index": layer.index,
        "name": layer.name,
        "type": layer.type,
        "kind": row.kind.value,
        "onnx_nodes": list(row.nodes),
        "added_nodes": list(row.added_nodes),
        "conv_gemm_nodes": list(row.matmuls),
        "operand_dtype": _dtype(row.operand),
        "result_dtype": _dtype(row.result),
        "read_bytes": row.read_bytes,
        "written_bytes": row.written_bytes,
        "constant_bytes": row.constant_bytes,
        "flops": row.flops,
        "time": time_json(row.time_ns, provenance),
        "group": row.group,
        "epilogue_of": row.epilogue_of,
        "tactic": layer.tactic,
        "kernel": _kernel(row.kernel),
        "inputs": None if layer.inputs is None else [_tensor(tensor) for tensor in layer.inputs],
        "outputs": None if layer.outputs is None else [_tensor(tensor) for tensor in layer.outputs],
    }


def _kernel(kernel: KernelClass | None) -> Json | None:
    if kernel is None:
        return None
    return {
        "unit": kernel.unit.value,
        "operation": kernel.operation,
        "operand_dtype": _dtype(kernel.operand),
        "mma_dtype": _dtype(kernel.mma),
        "accumulate_dtype": _dtype(kernel.accumulate),
        "role": kernel.role.value,
        "confidence": kernel.confidence,
        "why": kernel.why,
    }


def _tensor(tensor: Any) -> Json:
    return {
        "name": tensor.name,
        "dims": None if tensor.dims is None else list(tensor.dims),
        "dtype": _dtype(tensor.dtype),
        "layout": tensor.format.layout.value if tensor.format else None,
        "vector_width": tensor.format.vector_width if tensor.format else None,
        "bytes": tensor.size_bytes,
    }


def _fusion(row: FusionRow) -> Json:
    return {
        "group": row.group,
        "onnx_nodes": list(row.nodes),
        "limit": row.limit,
        "engines": {
            cell.engine: {
                "change": cell.change.value,
                "kernels": [
                    {"row": index, "onnx_nodes": list(nodes), "operand_dtype": _dtype(a), "result_dtype": _dtype(b)}
                    for index, nodes, (a, b) in zip(cell.rows, cell.kernels, cell.types, strict=True)
                ],
            }
            for cell in row.cells
        },
    }
