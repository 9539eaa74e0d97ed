"""Q112: asymmetric quantisers become symmetric INT8 where every value stays what it is.

UINT8 with a zero point of 128 is INT8 with 0 under another name. A constant fits if its values less the zero point do.
Any other asymmetric activation has a range that no symmetric scale keeps without more rounding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from trtprof.graph.qdq_graph import DEQUANTIZE, QUANTIZE, QdqGraph
from trtprof.graph.repairs.edit import Edit, Left, Ranges, Repair
from trtprof.graph.repairs.values import along

if TYPE_CHECKING:
    import numpy as np
    import onnx

    Array = np.ndarray[Any, Any]

_CODE: Final = "Q112"
_MIDDLE: Final = 128
_LOWEST, _HIGHEST = -128, 127


def repair(model: onnx.ModelProto, _: Ranges) -> tuple[list[Repair], list[Left]]:
    """Make quantisers symmetric where that is exact; the others are left."""
    edit = Edit(model)
    graph = edit.graph
    found = [_quantiser(edit, node) for node in graph.of(QUANTIZE) if _is_asymmetric(graph, node)]
    stored = [node for node in graph.of(DEQUANTIZE) if node.input[0] in graph.constants]
    found += [_constant(edit, node) for node in stored if _is_asymmetric(graph, node)]
    edit.finish()
    return [item for item in found if isinstance(item, Repair)], [item for item in found if isinstance(item, Left)]


def _is_asymmetric(graph: QdqGraph, node: onnx.NodeProto) -> bool:
    import numpy as np

    zero = graph.array(node.input[2]) if len(node.input) > 2 else None
    if zero is None or zero.dtype not in (np.uint8, np.int8):
        return False
    return zero.dtype == np.uint8 or bool((zero != 0).any())


def _quantiser(edit: Edit, node: onnx.NodeProto) -> Repair | Left:
    import numpy as np

    graph = edit.graph
    zero = graph.array(node.input[2])
    readers = graph.next(node)
    if zero is None or any(reader.op_type != DEQUANTIZE for reader in readers) or node.output[0] in edit.outputs:
        return Left(_CODE, node.name, "something other than DequantizeLinear reads what it writes")
    if any(not _same_zero(graph, reader, zero) for reader in readers):
        return Left(_CODE, node.name, "its DequantizeLinear has another zero point")
    values = graph.array(node.input[0])
    middle = zero.dtype == np.uint8 and bool((zero == _MIDDLE).all())
    if not middle and (values is None or not _fits(graph, node, values, zero)):
        return Left(
            _CODE, node.name, f"no symmetric INT8 holds a zero point of {zero.reshape(-1)[0]}; quantise symmetrically"
        )
    name = edit.constant(f"{node.name}/zero_point", np.zeros(zero.shape, np.int8))
    for member in (node, *readers):
        edit.set_input(member, 2, name)
    return Repair(_CODE, node.name, f"{zero.dtype.name} with {zero.reshape(-1)[0]} is INT8 with 0 now", exact=True)


def _same_zero(graph: QdqGraph, reader: onnx.NodeProto, zero: Array) -> bool:
    import numpy as np

    other = graph.array(reader.input[2]) if len(reader.input) > 2 else None
    return other is not None and other.dtype == zero.dtype and np.array_equal(other.reshape(-1), zero.reshape(-1))


def _fits(graph: QdqGraph, node: onnx.NodeProto, values: Array, zero: Array) -> bool:
    """Whether a constant's quantised values, less the zero point, lie within INT8."""
    import numpy as np

    scale = graph.array(node.input[1])
    if scale is None:
        return False
    shift = along(zero.astype(np.int32), node, values.ndim)
    limits = np.iinfo(zero.dtype)
    levels = np.rint(values / along(scale, node, values.ndim)).clip(limits.min - shift, limits.max - shift)
    return bool(levels.min(initial=0) >= _LOWEST and levels.max(initial=0) <= _HIGHEST)


def _constant(edit: Edit, node: onnx.NodeProto) -> Repair | Left:
    """Weights stored in eight bits: shifted by their zero point."""
    import numpy as np

    values, zero = edit.graph.array(node.input[0]), edit.graph.array(node.input[2])
    if values is None or zero is None:
        return Left(_CODE, node.name, "its values lie outside the file")
    shifted = values.astype(np.int32) - along(zero.astype(np.int32), node, values.ndim)
    if shifted.size and (shifted.min() < _LOWEST or shifted.max() > _HIGHEST):
        return Left(_CODE, node.name, f"less its zero point it reaches from {shifted.min()} to {shifted.max()}")
    edit.set_input(node, 0, edit.constant(f"{node.input[0]}_int8", shifted.astype(np.int8)))
    edit.set_input(node, 2, edit.constant(f"{node.name}/zero_point", np.zeros(zero.shape, np.int8)))
    return Repair(_CODE, node.name, "its constant is shifted to INT8 with 0", exact=True)
