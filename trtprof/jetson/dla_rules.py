"""Which nodes of an ONNX model the DLA does not take, by the limits that NVIDIA documents, before anything is built.

Limits: TensorRT's "Working with DLA", section layer restrictions, and the comments on DLA in NvInfer.h (8.5 to 11.1).
The builder has the last word: it knows of the DLA's own software, which these pages do not version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from trtprof.backends.trtexec_flags import Version
from trtprof.jetson.boards import DLA_AGAIN
from trtprof.units import dims as dims_text

if TYPE_CHECKING:
    import onnx

MOST_BATCH: Final = 4096
MOST_EXTENT: Final = 8192
_TYPES: Final = {1: "fp32", 10: "fp16", 3: "int8", 2: "uint8"}
_PAIR: Final = frozenset({"QuantizeLinear", "DequantizeLinear"})
_FREE: Final = frozenset({"Identity", "Dropout", "Constant", "Cast"})
_PLAIN: Final = frozenset(
    {"Relu", "Sigmoid", "Tanh", "LeakyRelu", "Add", "Sum", "Mul", "Max", "Min", "Sub", "Abs", "BatchNormalization"}
)
_RESHAPES: Final = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose"})

Dims = tuple[int | None, ...]
Check = Callable[["_Node"], Iterator[tuple[str, str, str]]]


@dataclass(frozen=True, slots=True)
class DlaRestriction:
    """A limit that a node breaks: what it is about, what the model has and what the DLA takes."""

    node: str
    op_type: str
    rule: str
    found: str
    limit: str


class _Node:
    """A node with its attributes, and the dims of its tensors as far as shape inference knows them."""

    def __init__(
        self, proto: onnx.NodeProto, shapes: Mapping[str, Dims], constants: Mapping[str, onnx.TensorProto]
    ) -> None:
        from onnx import helper

        self.inputs, self.outputs, self.op_type = list(proto.input), list(proto.output), proto.op_type
        self.attributes = {item.name: helper.get_attribute_value(item) for item in proto.attribute}
        self._shapes, self._constants = shapes, constants

    def dims(self, name: str) -> Dims | None:
        """Return the dims of a tensor."""
        constant = self._constants.get(name)
        return tuple(constant.dims) if constant is not None else self._shapes.get(name)

    def ints(self, name: str, length: int, otherwise: int) -> list[int]:
        """Return a list attribute, or its default so many times."""
        return [int(value) for value in self.attributes.get(name) or [otherwise] * length]

    def is_constant(self, place: int) -> bool:
        """Return whether an input is a weight of the model."""
        return place < len(self.inputs) and self.inputs[place] in self._constants

    def values(self, place: int) -> list[float] | None:
        """Return the values of a constant input, ``None`` for one that is computed or absent."""
        if not self.is_constant(place):
            return None
        from onnx import numpy_helper

        return [float(value) for value in numpy_helper.to_array(self._constants[self.inputs[place]]).ravel()]


def check_dla(model: onnx.ModelProto, trt: Version) -> tuple[DlaRestriction, ...]:
    """Return every limit of the DLA that the model breaks, in the order of its nodes; empty: none that is documented.

    Weights may be left out of the model, then what they hold is not checked. Raises nothing of its own.
    """
    graph = _with_shapes(model).graph
    shapes = {value.name: _declared(value) for value in (*graph.input, *graph.value_info, *graph.output)}
    types = {value.name: value.type.tensor_type.elem_type for value in (*graph.input, *graph.value_info, *graph.output)}
    constants = {item.name: item for item in graph.initializer}
    for node in graph.node:
        for attribute in node.attribute if node.op_type == "Constant" else ():
            if attribute.name == "value":
                constants[node.output[0]] = attribute.t
        if node.op_type in _PAIR and node.input[0] in constants:
            constants[node.output[0]] = constants[node.input[0]]  # a quantised weight is a constant, of the same dims
    found = [item for value in graph.input if value.name not in constants for item in _input(value.name, shapes)]
    for place, proto in enumerate(graph.node):
        name = proto.name or f"{proto.op_type} {place}"
        node = _Node(proto, shapes, constants)
        broken = [*_operator(node, trt), *_extents(node), *_type(node, types)]
        found.extend(DlaRestriction(name, proto.op_type, *item) for item in broken)
    return tuple(found)


def _with_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with the shapes that can be inferred; itself where onnx refuses it."""
    import onnx

    with suppress(Exception):  # onnx raises its own C++ errors, which share no base
        return onnx.shape_inference.infer_shapes(model)
    return model


def _declared(value: onnx.ValueInfoProto) -> Dims:
    return tuple(item.dim_value if item.HasField("dim_value") else None for item in value.type.tensor_type.shape.dim)


def _input(name: str, shapes: Mapping[str, Dims]) -> Iterator[DlaRestriction]:
    if None in shapes[name]:
        yield DlaRestriction(
            name, "input", "dynamic shapes", f"{sum(extent is None for extent in shapes[name])} dynamic dimensions",
            "every dimension fixed (smallest, best and largest shape of the profile are one)",
        )  # fmt: skip


def _operator(node: _Node, trt: Version) -> Iterator[tuple[str, str, str]]:
    if node.op_type in _PAIR:
        if trt < DLA_AGAIN:
            yield "quantisation", "Q/DQ", f"implicit quantisation with a calibration table, before TensorRT {DLA_AGAIN}"
    elif node.op_type in _CHECKS:
        yield from _CHECKS[node.op_type](node)
    elif node.op_type in _RESHAPES:
        yield from _reshape(node)
    elif node.op_type not in _FREE | _PLAIN:
        yield "operator", node.op_type, "one of " + ", ".join(sorted((_PLAIN | _RESHAPES | set(_CHECKS)) - _FREE))


def _extents(node: _Node) -> Iterator[tuple[str, str, str]]:
    for name in (*node.inputs[:1], *node.outputs):
        known = node.dims(name)
        if not known or node.op_type in _FREE:
            continue
        if known[0] is not None and known[0] > MOST_BATCH:
            yield "batch", str(known[0]), f"at most {MOST_BATCH}"
        largest = max((extent for extent in known[1:] if extent is not None), default=0)
        if largest > MOST_EXTENT:
            yield "dimensions", dims_text(extent or 0 for extent in known), f"each at most {MOST_EXTENT}"


def _type(node: _Node, types: Mapping[str, int]) -> Iterator[tuple[str, str, str]]:
    for name in node.outputs:
        code = types.get(name, 0)
        if code and code not in _TYPES and node.op_type not in _FREE:
            from onnx import TensorProto

            known = code in TensorProto.DataType.values()
            yield "type", TensorProto.DataType.Name(code).lower() if known else f"number {code}", "FP16 and INT8"


def _range(what: str, values: Sequence[int], low: int, high: int) -> Iterator[tuple[str, str, str]]:
    if any(not low <= value <= high for value in values):
        yield what, dims_text(values), f"{low} to {high}"


def _convolution(node: _Node) -> Iterator[tuple[str, str, str]]:
    weights = node.dims(node.inputs[1]) if len(node.inputs) > 1 else None
    if not node.is_constant(1):
        yield "weights", "computed", "constant"
    if weights is None:
        return
    spatial = [extent or 0 for extent in weights[2:]]
    if len(spatial) != 2:
        yield "convolution", f"{len(spatial)}-D", "2-D"
        return
    yield from _range("kernel", spatial, 1, 32)
    yield from _range("stride", node.ints("strides", 2, 1), 1, 8)
    yield from _range("padding", node.ints("pads", 4, 0), 0, 31)
    yield from _range("dilation", node.ints("dilations", 2, 1), 1, 32)
    yield from _range("output maps", [weights[0] or 0], 1, MOST_EXTENT)
    yield from _range("groups", [int(node.attributes.get("group", 1))], 1, MOST_EXTENT)


def _deconvolution(node: _Node) -> Iterator[tuple[str, str, str]]:
    weights = node.dims(node.inputs[1]) if len(node.inputs) > 1 else None
    if any(node.ints("pads", 4, 0)):
        yield "padding", dims_text(node.ints("pads", 4, 0)), "none"
    if int(node.attributes.get("group", 1)) != 1:
        yield "groups", str(node.attributes["group"]), "1"
    if any(value != 1 for value in node.ints("dilations", 2, 1)):
        yield "dilation", dims_text(node.ints("dilations", 2, 1)), "1"
    if weights is not None:
        kernel = [extent or 0 for extent in weights[2:]]
        wide = len(kernel) == 2 and kernel[0] in (64, 96, 128) and kernel[1] == 1
        if not wide:
            yield from _range("kernel", kernel, 1, 32)


def _pooling(node: _Node) -> Iterator[tuple[str, str, str]]:
    kernel = node.ints("kernel_shape", 2, 1)
    if len(kernel) != 2:
        yield "pooling", f"{len(kernel)}-D", "2-D"
        return
    yield from _range("window", kernel, 1, 8)
    yield from _range("stride", node.ints("strides", 2, 1), 1, 16)
    yield from _range("padding", node.ints("pads", 4, 0), 0, 7)


def _global_pooling(node: _Node) -> Iterator[tuple[str, str, str]]:
    known = node.dims(node.inputs[0])
    window = [extent for extent in (known or ())[2:] if extent is not None]
    yield from _range("window", window, 1, 8)


def _clip(node: _Node) -> Iterator[tuple[str, str, str]]:
    low, high = (node.attributes.get(name) for name in ("min", "max"))
    for place, current in ((1, low), (2, high)):
        values = node.values(place)
        if current is None and values:
            low, high = (values[0], high) if place == 1 else (low, values[0])
    if low is not None and low != 0:
        yield "clip", f"from {low:g}", "from 0"
    if high is not None and not 1 <= high <= 127:
        yield "clip", f"to {high:g}", "to 1 to 127"


def _slopes(node: _Node) -> Iterator[tuple[str, str, str]]:
    if not node.is_constant(1):
        yield "slopes", "computed", "constant"


def _matmul(node: _Node) -> Iterator[tuple[str, str, str]]:
    if not node.is_constant(1):
        yield "weights", "computed", "constant"


def _concat(node: _Node) -> Iterator[tuple[str, str, str]]:
    known = node.dims(node.inputs[0])
    axis = int(node.attributes.get("axis", 1))
    axis += len(known) if axis < 0 and known else 0
    if axis != 1:
        yield "concatenation", f"along axis {axis}", "along the channels, axis 1"


def _softmax(node: _Node) -> Iterator[tuple[str, str, str]]:
    known = node.dims(node.inputs[0])
    axis = int(node.attributes.get("axis", -1))
    if known and -len(known) <= axis < len(known) and (known[axis] or 0) > MOST_EXTENT:
        yield "softmax", f"over {known[axis]}", f"over at most {MOST_EXTENT}"


def _slice(node: _Node) -> Iterator[tuple[str, str, str]]:
    steps = node.values(4)
    if steps and any(step != 1 for step in steps):
        yield "slice step", ", ".join(f"{step:g}" for step in steps), "1"


def _resize(node: _Node) -> Iterator[tuple[str, str, str]]:
    scales = node.values(2) if node.op_type == "Resize" else node.values(1)
    before, after = node.dims(node.inputs[0]), node.dims(node.outputs[0])
    outer = scales[:2] if scales else None
    changed = before is not None and after is not None and before[:2] != after[:2]
    if (outer and any(scale != 1 for scale in outer)) or (not outer and changed):
        yield "scales", dims_text(int(value) for value in outer) if outer else "of batch or channels", "1x1xHxW"


def _lrn(node: _Node) -> Iterator[tuple[str, str, str]]:
    size = int(node.attributes.get("size", 0))
    if size not in (3, 5, 7, 9):
        yield "window", str(size), "3, 5, 7 or 9"


def _reshape(node: _Node) -> Iterator[tuple[str, str, str]]:
    before, after = node.dims(node.inputs[0]), node.dims(node.outputs[0])
    if before and after and before[0] is not None and after[0] is not None and before[0] != after[0]:
        yield "batch", f"{before[0]} becomes {after[0]}", "kept as it is"


_CHECKS: Final[Mapping[str, Check]] = {
    "Conv": _convolution,
    "ConvTranspose": _deconvolution,
    "MaxPool": _pooling,
    "AveragePool": _pooling,
    "GlobalAveragePool": _global_pooling,
    "GlobalMaxPool": _global_pooling,
    "Clip": _clip,
    "PRelu": _slopes,
    "MatMul": _matmul,
    "Gemm": _matmul,
    "Concat": _concat,
    "Softmax": _softmax,
    "Slice": _slice,
    "Resize": _resize,
    "Upsample": _resize,
    "LRN": _lrn,
}
