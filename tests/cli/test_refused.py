"""A quantised model that the parser refuses: one error line, and the finding that says why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper


def with_int32_bias(source: Path, path: Path) -> Path:
    """Write a Q/DQ model whose first bias goes through DequantizeLinear as INT32, as onnxruntime writes them."""
    model = onnx.load(source)
    place, conv = next((i, node) for i, node in enumerate(model.graph.node) if node.op_type == "Conv")
    bias = next(item for item in model.graph.initializer if item.name == conv.input[2])
    model.graph.initializer.remove(bias)
    values = np.zeros(tuple(bias.dims), np.int32)
    model.graph.initializer.append(numpy_helper.from_array(values, "bias.values"))
    model.graph.initializer.append(numpy_helper.from_array(np.array(0.1, np.float32), "bias.scale"))
    made = helper.make_node("DequantizeLinear", ["bias.values", "bias.scale"], [bias.name], "bias_DequantizeLinear")
    model.graph.node.insert(place, made)
    path.write_bytes(model.SerializeToString())
    return path


def test_the_cause_is_named_where_the_build_fails(trtprof, rtx, models: Path, tmp_path: Path) -> None:
    quantised = with_int32_bias(models / "residual_onesided_qdq.onnx", tmp_path / "bias.onnx")
    arguments = ("-p", "fp32", "-p", "int8", "--variant", f"int8={quantised}")
    result = trtprof("compare", models / "residual_micro.onnx", *arguments)
    assert result.exit_code == 5
    assert "error: int8: the ONNX parser refuses node 'bias_DequantizeLinear'" in result.stderr
    assert "critical  Q111  int8: Biases are quantised to INT32" in result.stdout
    assert "1 bias is INT32 behind DequantizeLinear" in result.stdout
