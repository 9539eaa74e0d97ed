"""Q111: a bias that goes through DequantizeLinear as INT32 becomes the float constant it stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trtprof.graph.qdq_graph import DEQUANTIZE
from trtprof.graph.repairs.edit import Edit, Left, Ranges, Repair
from trtprof.graph.repairs.values import dequantised

if TYPE_CHECKING:
    import onnx

_CODE = "Q111"


def repair(model: onnx.ModelProto, _: Ranges) -> tuple[list[Repair], list[Left]]:
    """Fold every DequantizeLinear of an INT32 constant; exact, for the product is the one that was computed."""
    from onnx import TensorProto

    edit = Edit(model)
    made, left = [], []
    for node in edit.graph.of(DEQUANTIZE):
        tensor = edit.graph.constants.get(node.input[0])
        if tensor is None or tensor.data_type != TensorProto.INT32:
            continue
        reader = next((item.name for item in edit.graph.next(node)), node.name)
        values = dequantised(edit.graph, node)
        if values is None or node.output[0] in edit.outputs:
            left.append(Left(_CODE, reader, f"the scale of '{node.name}' is no constant, or it is an output"))
            continue
        edit.replace_output(node, values)
        made.append(Repair(_CODE, reader, f"its bias of {values.size} values is float now", exact=True))
    edit.finish()
    return made, left
