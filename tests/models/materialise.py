"""Real-sized models from the ``onnx`` package's light ones, whose weights are ConstantOfShape nodes: filled here.

Filled with He-normal weights and positive batch-norm variances, so that activations stay of the size of the inputs.
Left as they are, TensorRT folds the constant weights and builds another engine.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"


def materialise(name: str, out: Path, seed: int = 0) -> Path:
    """Write ``light_NAME.onnx`` with seeded weights to ``out`` and return it; the same bytes on every call."""
    model = onnx.load(LIGHT / f"light_{name}.onnx")
    graph = model.graph
    rng = np.random.default_rng(seed)
    shapes = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    roles = _roles(graph)
    kept = []
    for node in graph.node:
        if node.op_type != "ConstantOfShape" or node.input[0] not in shapes:
            kept.append(node)
            continue
        role = roles.get(node.output[0], ("", 0, False))
        values = _fill(rng, role, tuple(int(x) for x in shapes[node.input[0]]))
        graph.initializer.append(numpy_helper.from_array(values, node.output[0]))
    del graph.node[:]
    graph.node.extend(kept)
    _drop_unused(graph)
    model.ir_version = max(model.ir_version, 4)
    out.write_bytes(model.SerializeToString(deterministic=True))
    return out


def _roles(graph: onnx.GraphProto) -> dict[str, tuple[str, int, bool]]:
    """Which operator reads each tensor, as which input, and whether its result is added to something."""
    summed = {name for node in graph.node if node.op_type in ("Add", "Sum") for name in node.input}
    return {
        name: (node.op_type, index, node.output[0] in summed)
        for node in graph.node
        for index, name in enumerate(node.input)
    }


def _fill(rng: np.random.Generator, role: tuple[str, int, bool], shape: tuple[int, ...]) -> np.ndarray:
    op_type, index, summed = role
    if op_type == "BatchNormalization":
        # What is added to a shortcut is scaled down, so that sums do not grow block by block.
        near = {1: 0.5 if summed else 1.0, 2: 0.0, 3: 0.0, 4: 1.0}.get(index, 0.0)
        return (near + 0.1 * rng.random(shape)).astype(np.float32)
    if len(shape) > 1:
        gain = 2.0 if op_type == "Conv" else 1.0
        return (rng.standard_normal(shape) * math.sqrt(gain / math.prod(shape[1:]))).astype(np.float32)
    return (0.02 * rng.standard_normal(shape)).astype(np.float32)


def _drop_unused(graph: onnx.GraphProto) -> None:
    used = {name for node in graph.node for name in node.input}
    tensors = [tensor for tensor in graph.initializer if tensor.name in used]
    values = {tensor.name for tensor in tensors}
    inputs = [value for value in graph.input if value.name not in values and value.name in used]
    for field, kept in ((graph.initializer, tensors), (graph.input, inputs)):
        del field[:]
        field.extend(kept)
