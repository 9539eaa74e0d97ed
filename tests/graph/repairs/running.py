"""Repairing a model and running it before and after."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from trtprof.graph.prepare import name_nodes
from trtprof.graph.repairs.edit import Left, Repair
from trtprof.graph.repairs.registry import repair

EXACT = 1e-5


def repaired(
    model: onnx.ModelProto, code: str | None = None, ranges: dict[str, float] | None = None
) -> tuple[onnx.ModelProto, list[Repair], list[Left]]:
    """Return a repaired copy, checked by onnx, with what was made and left."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    name_nodes(copy)
    made, left = repair(copy, ranges or {}, (lambda item: item == code) if code else (lambda _: True))
    onnx.checker.check_model(copy, full_check=True)
    return copy, made, left


def run(model: onnx.ModelProto, x: np.ndarray) -> list[np.ndarray]:
    """Return the outputs as Q/DQ nodes are written, without onnxruntime's own fusions."""
    ort = pytest.importorskip("onnxruntime", reason="pip install 'trtprof[quant]'")
    options = ort.SessionOptions()
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {model.graph.input[0].name: x})


def furthest(before: onnx.ModelProto, after: onnx.ModelProto, *, size: float = 3.0) -> float:
    """Return the largest difference of the outputs on random input of about that size."""
    shape = [extent.dim_value for extent in before.graph.input[0].type.tensor_type.shape.dim]
    x = (np.random.default_rng(0).standard_normal(shape) * size).astype(np.float32)
    pairs = zip(run(before, x), run(after, x), strict=True)
    return max(float(np.abs(one - two).max()) for one, two in pairs)
