"""Q113: an activation's scale of shape [1] becomes a scalar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trtprof.graph.qdq_graph import DEQUANTIZE, QUANTIZE
from trtprof.graph.repairs.edit import Edit, Left, Ranges, Repair

if TYPE_CHECKING:
    import onnx

_CODE = "Q113"


def repair(model: onnx.ModelProto, _: Ranges) -> tuple[list[Repair], list[Left]]:
    """Write scales and zero points of one value as scalars; exact."""
    edit = Edit(model)
    graph = edit.graph
    made, left = [], []
    scalars: dict[str, str] = {}
    for node in graph.of(QUANTIZE):
        tensor = graph.constants.get(node.input[1])
        if node.input[0] in graph.constants or tensor is None or list(tensor.dims) != [1]:
            continue
        pair = [node, *(reader for reader in graph.next(node) if reader.op_type == DEQUANTIZE)]
        if any(graph.array(name) is None for member in pair for name in member.input[1:]):
            left.append(Left(_CODE, node.name, "a scale or zero point beside it is no constant"))
            continue
        for member in pair:
            for place in range(1, len(member.input)):
                _to_scalar(edit, member, place, scalars)
        made.append(Repair(_CODE, node.name, "its scale is a scalar now", exact=True))
    edit.finish()
    return made, left


def _to_scalar(edit: Edit, node: onnx.NodeProto, place: int, scalars: dict[str, str]) -> None:
    """Share a scalar between all that shared the vector."""
    name = node.input[place]
    values = edit.graph.array(name)
    if values is None or list(values.shape) != [1]:
        return
    if name not in scalars:
        scalars[name] = edit.constant(f"{name}_scalar", values.reshape(()))
    node.input[place] = scalars[name]
