"""Q103: Q/DQ between Pad and a convolution move before the Pad, or go where Pad already reads what is dequantised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trtprof.graph.qdq_graph import DEQUANTIZE, QUANTIZE
from trtprof.graph.repairs.edit import Edit, Left, Ranges, Repair
from trtprof.graph_facts import Fact

if TYPE_CHECKING:
    import onnx

_CODE: Final = "Q103"
_COPYING: Final = frozenset({"reflect", "edge", "wrap"})


def repair(model: onnx.ModelProto, _: Ranges) -> tuple[list[Repair], list[Left]]:
    """Let each Pad read what is dequantised and feed the convolution; exact unless its input had another scale."""
    from trtprof.graph.qdq_facts import qdq_facts

    edit = Edit(model)
    made, left = [], []
    nodes = {node.name: node for node in model.graph.node}
    for name in dict.fromkeys(item.node for item in qdq_facts(model).of(Fact.PAD_BETWEEN)):
        pad = nodes[name]
        why = _why_not(edit, pad)
        if why is None:
            made.append(_move(edit, pad))
        else:
            left.append(Left(_CODE, name, why))
    edit.finish()
    return made, left


def _why_not(edit: Edit, pad: onnx.NodeProto) -> str | None:
    graph = edit.graph
    readers = graph.next(pad)
    scales = {graph.scale(reader) for reader in readers if reader.op_type == QUANTIZE}
    if pad.output[0] in edit.outputs or any(reader.op_type != QUANTIZE for reader in readers):
        return "something else reads the padded tensor too"
    if len(scales) != 1 or None in scales:
        return "it is quantised with several scales, or with one that is no constant"
    pairs = [reader for quantiser in readers for reader in graph.next(quantiser)]
    if any(node.op_type != DEQUANTIZE or node.output[0] in edit.outputs for node in pairs):
        return "something other than DequantizeLinear reads the quantised tensor"
    if not _pads_with_zero(edit, pad):
        return "it pads with another value than 0, which quantisation may change"
    return None


def _pads_with_zero(edit: Edit, pad: onnx.NodeProto) -> bool:
    mode = next((item.s.decode() for item in pad.attribute if item.name == "mode"), "constant")
    if mode in _COPYING:
        return True
    if len(pad.input) > 2 and pad.input[2]:
        value = edit.graph.array(pad.input[2])
        return value is not None and not value.any()
    return not next((item.f for item in pad.attribute if item.name == "value"), 0.0)


def _move(edit: Edit, pad: onnx.NodeProto) -> Repair:
    graph = edit.graph
    quantisers = graph.next(pad)
    after = graph.scale(quantisers[0])
    for quantiser in quantisers:
        for dequantiser in graph.next(quantiser):
            for reader in graph.next(dequantiser):
                _rewire(reader, dequantiser.output[0], pad.output[0])
    source = graph.dequantiser(pad.input[0])
    if source is not None:
        before = graph.scale(source)
        return Repair(_CODE, pad.name, "Q/DQ behind it went, its input has its own", exact=before == after)
    parameters = [edit.shared(name) for name in quantisers[0].input[1:3]]
    edit.put_pair(pad, 0, pad.input[0], parameters[0], parameters[1] if len(parameters) > 1 else None)
    return Repair(_CODE, pad.name, "Q/DQ behind it moved before it", exact=True)


def _rewire(reader: onnx.NodeProto, old: str, new: str) -> None:
    for place, name in enumerate(reader.input):
        if name == old:
            reader.input[place] = new
