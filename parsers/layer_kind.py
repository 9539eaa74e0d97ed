"""What a row does, from the builder's own words: LayerType, name, Origin and the types of its tensors.

Imports the model only.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from trtprof.model import DType, LayerKind, Tensor
from trtprof.parsers import myelin

_BY_TYPE: Final = {
    "noop": LayerKind.NOOP,
    "constant": LayerKind.CONSTANT,
    "signal": LayerKind.SIGNAL,
    "wait": LayerKind.SIGNAL,
    "trainstation": LayerKind.SIGNAL,
    "myelin": LayerKind.FOREIGN,
    "foreignnode": LayerKind.FOREIGN,
    "dla": LayerKind.DLA,
    "cast": LayerKind.CAST,
    "quantize": LayerKind.QUANTIZE,
    "dynamicquantize": LayerKind.QUANTIZE,
    "dequantize": LayerKind.DEQUANTIZE,
    "slice": LayerKind.COPY,
    "padding": LayerKind.COPY,
    "shuffle": LayerKind.COPY,
    "reshape": LayerKind.COPY,
    "squeeze": LayerKind.COPY,
    "unsqueeze": LayerKind.COPY,
    "transpose": LayerKind.COPY,
    "identity": LayerKind.COPY,
    "copy": LayerKind.COPY,
    "concat": LayerKind.COPY,
    "concatenation": LayerKind.COPY,
    "gather": LayerKind.COPY,
    "move": LayerKind.COPY,
}
_BY_ROW: Final = frozenset({"reformat", "scale"})
_BY_PREFIX: Final = (("plugin", LayerKind.PLUGIN), ("shape", LayerKind.SHAPE))
_LONE_QDQ: Final = re.compile(r"(?:^|[/_.])(de)?quantize(?:linear|layer)?(?:_\d+)*(?:_clone_\d+)?$", re.IGNORECASE)
_SHAPE_CALL: Final = re.compile(r"__mye\d+_\d+_myl\d+_\d+$")
# The last part of an ONNX node's name, as exporters form it from the operator's type: "/attn/Transpose_1".
_MOVES_BY_NAME: Final = re.compile(
    r"(?:^|[/_.])(?:transpose|permute|reshape|flatten|view|squeeze|unsqueeze|slice|split|gather|expand|tile|concat|pad"
    r"|depthtospace|spacetodepth|scatter\w*|pixel_?(?:un)?shuffle)(?:_\d+)*$",
    re.IGNORECASE,
)
_QUANTIZED: Final = frozenset({DType.INT8, DType.UINT8, DType.FP8, DType.INT4, DType.FP4})


def kind_of(
    layer_type: str | None,
    name: str,
    inputs: tuple[Tensor, ...] | None,
    outputs: tuple[Tensor, ...] | None,
    *,
    origin: str | None = None,
    nodes: tuple[str, ...] | None = None,
) -> LayerKind:
    """Return the kind of a row; what no rule knows is ``compute``, since that is what engines are made of.

    ``origin`` is a Reformat's ``Origin`` (``REFORMAT``, ``QDQ``, ``CAST``). ``nodes`` are the ONNX nodes of the row's
    Metadata, ``None`` where not asked for; they tell a user's own Transpose from one that TensorRT added.
    """
    if not layer_type:
        return _kind_of_name(name)
    if layer_type == "kgen":
        return _generated_kind(name, inputs, outputs, nodes)
    kind = kind_of_type(layer_type)
    if kind is not None:
        return kind
    return _scale_kind(name) if layer_type.lower() == "scale" else _reformat_kind(name, inputs, outputs, origin)


@lru_cache(maxsize=1024)
def kind_of_type(layer_type: str) -> LayerKind | None:
    """Return the kind of every row of this LayerType, ``None`` where name or tensors decide (Reformat, Scale, kgen)."""
    word = layer_type.lower()
    if word in _BY_ROW or layer_type == "kgen":
        return None
    by_prefix = (kind for prefix, kind in _BY_PREFIX if word.startswith(prefix))
    return _BY_TYPE.get(word) or next(by_prefix, LayerKind.COMPUTE)


def is_quantized(tensor: Tensor) -> bool:
    """Return whether a tensor holds a quantised type."""
    return tensor.dtype in _QUANTIZED


def _reformat_kind(
    name: str, inputs: tuple[Tensor, ...] | None, outputs: tuple[Tensor, ...] | None, origin: str | None
) -> LayerKind:
    """A Reformat that crosses into or out of a quantised type is how TensorRT runs a lone Q or DQ."""
    if origin == "CAST":
        return LayerKind.CAST
    before = inputs[0] if inputs else None
    after = outputs[0] if outputs else None
    if before is None or after is None or before.dtype is None or after.dtype is None:
        return _lone_qdq(name) or LayerKind.REFORMAT if origin == "QDQ" else LayerKind.REFORMAT
    if is_quantized(before) == is_quantized(after):
        # INT8 in and out with Origin QDQ: a DQ and a Q with other scales, folded into one row.
        return LayerKind.QUANTIZE if origin == "QDQ" and is_quantized(after) else LayerKind.REFORMAT
    return LayerKind.QUANTIZE if is_quantized(after) else LayerKind.DEQUANTIZE


def _lone_qdq(name: str) -> LayerKind | None:
    """Return what a row is whose name is one QuantizeLinear or DequantizeLinear node and nothing fused with it."""
    found = _LONE_QDQ.search(name)
    if found is None or " + " in name:
        return None
    return LayerKind.DEQUANTIZE if found[1] else LayerKind.QUANTIZE


def _scale_kind(name: str) -> LayerKind:
    lower = name.lower()
    if "dequantize" in lower:
        return LayerKind.DEQUANTIZE
    return LayerKind.QUANTIZE if "quantize" in lower else LayerKind.COMPUTE


def _generated_kind(
    name: str,
    inputs: tuple[Tensor, ...] | None,
    outputs: tuple[Tensor, ...] | None,
    nodes: tuple[str, ...] | None = None,
) -> LayerKind:
    unnumbered, _, number = name.rpartition("_myl")
    kind = _kind_of_operations(unnumbered if number[:1].isdigit() else name)
    if kind is LayerKind.COMPUTE:
        return kind
    # A user's own Cast and Mul spell the same as a dequantise; the tensors tell them apart.
    if kind is LayerKind.QUANTIZE and not any(map(is_quantized, outputs or ())):
        return LayerKind.COMPUTE
    if kind is LayerKind.DEQUANTIZE and not any(map(is_quantized, inputs or ())):
        return LayerKind.COMPUTE
    if kind is LayerKind.REFORMAT and nodes and any(_MOVES_BY_NAME.search(node) for node in nodes):
        return LayerKind.COPY
    return kind


@lru_cache(maxsize=4096)
def _kind_of_operations(name: str) -> LayerKind:
    """The same few operation lists recur hundreds of times in a transformer's engine."""
    codes = myelin.operation_codes(name)
    return myelin.kind_of_codes(codes) if codes is not None else LayerKind.COMPUTE


def _kind_of_name(name: str) -> LayerKind:
    """All there is to go by in names-only files: a NoOp that TensorRT names like a reformat reads as one."""
    if name.startswith(("Reformatting CopyNode", "reformatted")):
        return LayerKind.REFORMAT
    if name.startswith("{ForeignNode["):
        return LayerKind.FOREIGN
    if _SHAPE_CALL.match(name):
        return LayerKind.SHAPE
    if name.startswith("__myl_"):
        return _generated_kind(name, None, None)
    return _lone_qdq(name) or LayerKind.COMPUTE
