"""Q101: the skip input of a residual Add gets Q/DQ, with the scale its tensor has for the block's first convolution.

A skip input that nothing quantises, as behind a downsampling convolution, needs a range from data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trtprof.graph.qdq_graph import QUANTIZE, QdqGraph
from trtprof.graph.repairs.edit import Edit, Left, Ranges, Repair, Rounding, is_int8, roundings_of
from trtprof.graph.residual import residual_adds
from trtprof.graph_facts import Fact

if TYPE_CHECKING:
    import onnx

_CODE: Final = "Q101"
_LARGEST: Final = {"int8": 127.0, "float8_e4m3fn": 448.0}
"""The largest number of each type that is used; -128 is left out, to be symmetric."""


def skips_without_scale(model: onnx.ModelProto) -> tuple[str, ...]:
    """Return the skip inputs to repair whose tensor no quantiser reads: their ranges must come from data."""
    graph = QdqGraph(model)
    found = [(node, index) for node, index in _skips(graph) if _sibling(graph, node.input[index]) is None]
    return tuple(dict.fromkeys(node.input[index] for node, index in found))


def repair(model: onnx.ModelProto, ranges: Ranges) -> tuple[list[Repair], list[Left]]:
    """Quantise skip inputs; those without a known scale need their tensor in ``ranges``."""
    edit = Edit(model)
    made: list[Repair] = []
    left: list[Left] = []
    for node, index in _skips(edit.graph):
        tensor = node.input[index]
        sibling = _sibling(edit.graph, tensor)
        if sibling is not None:
            made.append(_share(edit, node, index, sibling))
            continue
        template = _template(edit.graph, node)
        if template is None:
            left.append(
                Left(_CODE, node.name, "no quantiser with a zero point is near whose types a new one could take")
            )
        elif tensor not in ranges:
            left.append(Left(_CODE, node.name, f"'{tensor}' has no scale to share; give --calib to find its range"))
        else:
            made.append(_calibrated(edit, node, index, template, ranges[tensor]))
    edit.finish()
    return made, left


def _skips(graph: QdqGraph) -> list[tuple[onnx.NodeProto, int]]:
    """The Adds whose skip input has no Q/DQ, with its index; of two equal branches the one whose scale is known."""
    from trtprof.graph.qdq_facts import qdq_facts

    wrong = {item.node for item in qdq_facts(graph.model).of(Fact.SKIP_NOT_QUANTISED)}
    nodes = {node.name: node for node in graph.model.graph.node}
    found = []
    for add in residual_adds(graph.model):
        if add.node not in wrong:
            continue
        node = nodes[add.node]
        known = [index for index in (0, 1) if _sibling(graph, node.input[index]) is not None]
        found.append((node, add.shortcut if add.shortcut is not None else (known or [1])[0]))
    return found


def _sibling(graph: QdqGraph, tensor: str) -> onnx.NodeProto | None:
    """The quantiser of the same tensor, the one with the largest scale, ``None`` where none has a constant one."""
    found = [node for node in graph.consumers.get(tensor, ()) if node.op_type == QUANTIZE and node.input[0] == tensor]
    return max((node for node in found if graph.scale(node)), key=lambda node: graph.scale(node) or 0.0, default=None)


def _template(graph: QdqGraph, add: onnx.NodeProto) -> onnx.NodeProto | None:
    """The quantiser of the input of a convolution behind the Add, whose types a new one takes."""
    for name in add.input:
        for main in graph.quantised_mains_behind(name):
            dequantiser = graph.dequantiser(main.input[0])
            quantiser = graph.quantiser(dequantiser) if dequantiser is not None else None
            if quantiser is None or graph.scale(quantiser) is None or len(quantiser.input) < 3:
                continue
            if graph.array(quantiser.input[2]) is not None:
                return quantiser
    return None


def _share(edit: Edit, add: onnx.NodeProto, index: int, sibling: onnx.NodeProto) -> Repair:
    tensor = add.input[index]
    parameters = [edit.shared(name) for name in sibling.input[1:3]]
    edit.put_pair(add, index, tensor, parameters[0], parameters[1] if len(parameters) > 1 else None)
    scale = edit.graph.scale(sibling) or 0.0
    said = f"its skip input '{tensor}' has Q/DQ now, with the scale {scale:.3g} of '{sibling.name}'"
    return Repair(_CODE, add.name, said, exact=False, roundings=roundings_of(edit.graph, sibling, None, scale))


def _calibrated(edit: Edit, add: onnx.NodeProto, index: int, template: onnx.NodeProto, amax: float) -> Repair:
    import numpy as np

    graph = edit.graph
    tensor = add.input[index]
    zero, like = graph.array(template.input[2]), graph.array(template.input[1])
    assert zero is not None and like is not None
    values = np.asarray((amax or 1.0) / _LARGEST.get(zero.dtype.name, 127.0), dtype=like.dtype)
    scale = edit.constant(f"{add.name}/{index}/scale", values)
    edit.put_pair(add, index, tensor, scale, edit.constant(f"{add.name}/{index}/zero_point", zero.reshape(())))
    said = f"its skip input '{tensor}' has Q/DQ now, with the scale {float(values):.3g} from data"
    new = Rounding(tensor, None, float(values))
    return Repair(_CODE, add.name, said, exact=False, roundings=(new,) if is_int8(graph, template) else ())
