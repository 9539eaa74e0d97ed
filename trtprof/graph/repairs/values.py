"""What Q/DQ nodes compute on constants, as ONNX defines it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import onnx

    from trtprof.graph.qdq_graph import QdqGraph

    Array = np.ndarray[Any, Any]


def dequantised(graph: QdqGraph, node: onnx.NodeProto) -> Array | None:
    """Return what a DequantizeLinear of constants gives, in the type of its scale; ``None`` where one is not known."""
    import numpy as np

    values, scale = graph.array(node.input[0]), graph.array(node.input[1])
    zero = graph.array(node.input[2]) if len(node.input) > 2 and node.input[2] else np.zeros((), np.int32)
    if values is None or scale is None or zero is None:
        return None
    shift = values.astype(np.int32) - along(zero.astype(np.int32), node, values.ndim)
    return np.asarray(shift.astype(scale.dtype) * along(scale, node, values.ndim), dtype=scale.dtype)


def along(parameter: Array, node: onnx.NodeProto, rank: int) -> Array:
    """Return a scale or zero point in the shape that broadcasts along the node's axis of a tensor of that rank."""
    if parameter.size == 1:
        return parameter.reshape(())
    axis = axis_of(node, rank)
    return parameter.reshape([-1 if place == axis else 1 for place in range(rank)])


def axis_of(node: onnx.NodeProto, rank: int) -> int:
    """Return the axis of a Q or DQ in a tensor of that rank; a vector has only one."""
    if rank <= 1:
        return 0
    axis = int(next((item.i for item in node.attribute if item.name == "axis"), 1))
    return axis + rank if axis < 0 else axis
