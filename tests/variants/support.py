"""Small models and data for the tests of variants."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from trtprof.model import DType
from trtprof.variants.calibration import CalibrationData, open_calibration

ROOT = Path(__file__).parents[2]
FLOAT, INT8, HALF = TensorProto.FLOAT, TensorProto.INT8, TensorProto.FLOAT16
DTYPES = {FLOAT: DType.FP32, HALF: DType.FP16, TensorProto.INT64: DType.INT64, TensorProto.BOOL: DType.BOOL}

# Nothing of ours shows on the versions before: they err by tens of decibels on a variant that later ones run well.
exact_half_scales = pytest.mark.skipif(
    tuple(map(int, onnxruntime.__version__.split(".")[:2])) < (1, 30),
    reason="onnxruntime before 1.30 computes Q/DQ with FP16 scales wrongly on the CPU",
)


def load_script(path: Path) -> ModuleType:
    """Import a file that is no module of a package."""
    name = f"script_{path.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec and spec.loader
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def graph_model(
    nodes: Sequence[onnx.NodeProto],
    inputs: dict[str, Sequence[int]],
    outputs: dict[str, Sequence[int] | None],
    weights: dict[str, Any],
    *,
    opset: int = 19,
    types: dict[str, int] | None = None,
) -> onnx.ModelProto:
    """Return a checked model with inferred shapes; float64 weights become FP32, types default to FP32."""
    types = types or {}
    for index, node in enumerate(nodes):
        node.name = node.name or f"{node.op_type}_{index}"
    arrays = {name: np.asarray(value) for name, value in weights.items()}
    graph = helper.make_graph(
        list(nodes),
        "test",
        [helper.make_tensor_value_info(name, types.get(name, FLOAT), dims) for name, dims in inputs.items()],
        [helper.make_tensor_value_info(name, types.get(name, FLOAT), dims) for name, dims in outputs.items()],
        [numpy_helper.from_array(a.astype(np.float32) if a.dtype == np.float64 else a, n) for n, a in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    return onnx.shape_inference.infer_shapes(model, strict_mode=True)


def save(model: onnx.ModelProto, path: Path) -> Path:
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return path


def data_for(model: onnx.ModelProto | Path, source: str | None = "random:2", **options: Any) -> CalibrationData:
    loaded = onnx.load(model) if isinstance(model, Path) else model
    inputs = tuple(
        (
            value.name,
            tuple(extent.dim_value for extent in value.type.tensor_type.shape.dim),
            DTYPES[value.type.tensor_type.elem_type],
        )
        for value in loaded.graph.input
    )
    return open_calibration(source, inputs, **options)


def initializers(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def producers(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    return {name: node for node in model.graph.node for name in node.output}


def io_of(model: onnx.ModelProto) -> list[tuple[str, int, tuple[int, ...]]]:
    """Name, type and dims of every input and output."""
    return [
        (v.name, v.type.tensor_type.elem_type, tuple(d.dim_value for d in v.type.tensor_type.shape.dim))
        for v in (*model.graph.input, *model.graph.output)
    ]


def dequantised_inputs(model: onnx.ModelProto, op_type: str) -> dict[str, list[bool]]:
    """For each node of a type, whether each of its inputs comes from a DequantizeLinear."""
    made_by = producers(model)
    return {
        node.name: [name in made_by and made_by[name].op_type == "DequantizeLinear" for name in node.input]
        for node in model.graph.node
        if node.op_type == op_type
    }


def micro(rng_seed: int = 0, width: int = 4) -> onnx.ModelProto:
    """A convolution with ReLU: the least that can be quantised."""
    rng = np.random.default_rng(rng_seed)
    return graph_model(
        [
            helper.make_node("Conv", ["x", "w", "b"], ["c"], name="conv", pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["c"], ["y"], name="relu"),
        ],
        {"x": (1, 3, 8, 8)},
        {"y": (1, width, 8, 8)},
        {"w": rng.standard_normal((width, 3, 3, 3)) / 5, "b": rng.standard_normal(width)},
    )
