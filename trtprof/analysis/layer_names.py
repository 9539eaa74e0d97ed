"""Layer names of TensorRT up to 8.5, which carry no Metadata: the ONNX nodes are in the name itself.

Read off real exports: ``Conv_5 + Add_6 + Relu_7``, ``layer1.0.conv1.weight + QuantizeLinear_20 + Conv_22``,
``PWN(PWN(Sigmoid_3), Mul_4)``, ``Conv_1 || Conv_2``, and what TensorRT puts in by itself, which is no node of a user.
"""

from __future__ import annotations

import re
from typing import Final

_OWN: Final = re.compile(
    r"^(?:Reformatting CopyNode|\(Unnamed Layer|(?:un)?squeeze_node_after_|copied_squeeze_after_"
    r"|reshape_(?:before|after)_|ONNXTRT_|__my|\{ForeignNode|Reformatted )"
)
_CONSTANT: Final = re.compile(r"\.(?:weight|bias)$|^(?:onnx::|.*_clone_\d+$)")
_QDQ: Final = re.compile(r"(?:^|[_/.])(?:Quantize|Dequantize)Linear", re.IGNORECASE)
_POINTWISE: Final = re.compile(r"^PWN\((?P<inside>.*)\)$")
_PROFILE: Final = re.compile(r" \[profile \d+\]$")
_NUMBERED: Final = re.compile(r"^(?P<op>[A-Za-z][A-Za-z0-9]*?)(?:_\d+)?$")
_TORCH: Final = re.compile(r"^\[\w+\]-\[aten_ops\.(\w+)[\w.]*\]-\[")
_ATEN: Final = {
    "relu": "Relu", "hardtanh": "Clip", "clamp": "Clip", "sigmoid": "Sigmoid", "gelu": "Gelu", "tanh": "Tanh",
    "add": "Add", "mul": "Mul", "sub": "Sub", "div": "Div", "cat": "Concat", "softmax": "Softmax",
    "max_pool2d": "MaxPool", "avg_pool2d": "AveragePool", "mean": "GlobalAveragePool",
    "adaptive_avg_pool2d": "GlobalAveragePool", "layer_norm": "LayerNormalization",
}  # fmt: skip


def named_nodes(name: str) -> tuple[str, ...]:
    """Return the ONNX nodes a layer's name lists, Q/DQ, weights and TensorRT's own inserts left out."""
    text = _PROFILE.sub("", name)
    if _OWN.match(text):
        return ()
    nodes: list[str] = []
    for part in _split(text):
        inside = _POINTWISE.match(part)
        if inside:
            nodes.extend(named_nodes(inside["inside"].replace(", ", " + ")))
        elif part and not (_OWN.match(part) or _CONSTANT.search(part) or _QDQ.search(part)):
            nodes.append(part)
    return tuple(dict.fromkeys(nodes))


def operator_of(node: str) -> str:
    """Return the operator an exporter's node name ends in (``/layer1/conv1/Conv_3``: ``Conv``), ``""`` if none."""
    found = _NUMBERED.match(node.rpartition("/")[2])
    word = found["op"] if found else ""
    return word if word[:1].isupper() else ""


def is_qdq(node: str) -> bool:
    """Return whether a node is a QuantizeLinear or DequantizeLinear by its name."""
    return _QDQ.search(node) is not None


def torch_operator_of(node: str) -> str:
    """Return the ONNX operator of a node that Torch-TensorRT names (``[RELU]-[aten_ops.relu.default]-[/relu]``)."""
    found = _TORCH.match(node)
    return _ATEN.get(found[1], "") if found else ""


def _split(text: str) -> list[str]:
    """Split at `` + `` and `` || `` outside of parentheses."""
    parts, depth, start = [], 0, 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and text.startswith((" + ", " || "), place):
            parts.append(text[start:place].strip())
            start = place + (3 if text.startswith(" + ", place) else 4)
    parts.append(text[start:].strip())
    return parts
