"""What the nodes of an ONNX graph compute: shapes and floating-point work, without the weights."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from trtprof.graph.onnx_file import load_onnx
from trtprof.graph.prepare import default_opset
from trtprof.graph.shapes import static_dims
from trtprof.model import Graph, GraphNode

if TYPE_CHECKING:
    import onnx

Dims = tuple[int, ...]


def read_graph(path: Path) -> Graph:
    """Return the nodes of the model in ``path`` with shapes as far as the file declares them.

    Raises:
        InputError: the file is no usable ONNX model.
    """
    return graph_of(load_onnx(path, weights=False))


def graph_of(model: onnx.ModelProto) -> Graph:
    """Return the nodes of a model in topological order; work is ``None`` where a shape is unknown."""
    graph = model.graph
    shapes: dict[str, Dims | None] = {
        value.name: static_dims(value) for value in (*graph.input, *graph.value_info, *graph.output)
    }
    shapes.update({tensor.name: tuple(tensor.dims) for tensor in graph.initializer})
    return Graph(
        nodes=tuple(
            GraphNode(
                name=node.name,
                op_type=node.op_type,
                inputs=tuple(node.input),
                outputs=tuple(node.output),
                output_dims=tuple(shapes.get(name) for name in node.output),
                flops=_flops(node, shapes),
            )
            for node in graph.node
        ),
        inputs=tuple(value.name for value in graph.input),
        outputs=tuple(value.name for value in graph.output),
        opset=default_opset(model),
    )


def parameter_bytes(model: onnx.ModelProto) -> int:
    """Return the bytes of all initialisers as they are typed in the model."""
    import onnx

    total = 0
    for tensor in model.graph.initializer:
        itemsize = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        total += math.prod(tensor.dims) * itemsize
    return total


def _flops(node: onnx.NodeProto, shapes: dict[str, Dims | None]) -> int | None:
    """Two operations a multiply-add, bias and activation not counted."""
    output = shapes.get(node.output[0]) if node.output else None
    first = shapes.get(node.input[0]) if node.input else None
    second = shapes.get(node.input[1]) if len(node.input) > 1 else None
    if output is None or first is None or second is None:
        return None
    if node.op_type == "Conv" and len(second) > 2:
        return 2 * math.prod(output) * math.prod(second[1:])
    if node.op_type == "ConvTranspose" and len(second) > 2:
        return 2 * math.prod(first) * math.prod(second[1:])
    if node.op_type == "MatMul" and first:
        return 2 * math.prod(output) * first[-1]
    if node.op_type == "Gemm" and len(first) == 2:
        transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
        return 2 * math.prod(output) * first[0 if transposed else 1]
    return None
