"""Reading an engine's layers against the user's ONNX graph: what each row computes, in which type, how many bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from trtprof.comparison import Row
from trtprof.model import DType, Engine, Graph, GraphNode, Layer, LayerKind, Tensor

MATMUL_OPS: Final = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
MOVE_OPS: Final = frozenset(
    {"Transpose", "Concat", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Split", "Gather", "Expand",
     "Tile", "Pad", "Identity", "DepthToSpace", "SpaceToDepth"}
)  # fmt: skip
CONVERSION_OPS: Final = frozenset({"Cast", "QuantizeLinear", "DequantizeLinear"})
_MAIN_TYPES: Final = frozenset({"correlation", "deconv", "gemm", "fusion", "runtime_fusion", "conv_act_pool"})
_MAIN_WORDS: Final = ("convolution", "deconvolution", "convactpool", "matrixmultiply", "fullyconnected", "gemm")
_MAIN_CODES: Final = ("gemm", "mha", "Corr", "Fc", "MulSum")


def read_rows(engine: Engine, graph: Graph) -> tuple[Row, ...]:
    """Return a row for each layer; times and groups are filled in by later steps."""
    known = {node.name: node for node in graph.nodes}
    main = main_layers(engine.layers, known)
    computed: dict[int, list[str]] = {}
    for node, index in main.items():
        computed.setdefault(index, []).append(node)
    rows = tuple(_row(layer, known, computed.get(layer.index, [])) for layer in engine.layers)
    return _without_early_mentions(rows, main, known)


def main_layers(layers: tuple[Layer, ...], known: Mapping[str, GraphNode]) -> dict[str, int]:
    """Return, for each conv or gemm node, the index of the layer that multiplies.

    TensorRT names a node in each layer it left a trace in: the padding before a convolution, its epilogue after it.
    """
    mentions: dict[str, list[Layer]] = {}
    for layer in layers:
        for name in layer.onnx_nodes:
            if name in known and known[name].op_type in MATMUL_OPS:
                mentions.setdefault(name, []).append(layer)
    return {name: max(places, key=lambda layer: _likeness(layer, name)).index for name, places in mentions.items()}


def is_matmul_type(layer_type: str | None) -> bool:
    """Return whether the builder's word for a layer says that it multiplies matrices."""
    word = (layer_type or "").lower()
    return word in _MAIN_TYPES or any(sign in word for sign in _MAIN_WORDS)


def _likeness(layer: Layer, node: str) -> tuple[int, int, int]:
    """How much a layer looks like the one that multiplies; ties go to the earlier."""
    if is_matmul_type(layer.type):
        shape = 3
    elif layer.type == "kgen" and any(code in layer.name for code in _MAIN_CODES):
        shape = 2
    else:
        shape = 0 if layer.kind.is_conversion or layer.kind is LayerKind.COPY else 1
    return shape, int(layer.name.startswith(node)), -layer.index


def _row(layer: Layer, known: Mapping[str, GraphNode], computed: list[str]) -> Row:
    mentioned = tuple(name for name in layer.onnx_nodes if name in known)
    kind = _kind(layer, mentioned, known, bool(computed))
    inputs, outputs = _distinct(layer.inputs or ()), _distinct(layer.outputs or ())
    flops = [known[name].flops for name in computed]
    return Row(
        layer=layer,
        kind=kind,
        nodes=_computed_nodes(kind, mentioned, known),
        added_nodes=tuple(name for name in layer.onnx_nodes if name not in known),
        matmuls=tuple(computed),
        operand=inputs[0].dtype if inputs else None,
        result=outputs[0].dtype if outputs else None,
        read_bytes=total_bytes(inputs),
        written_bytes=total_bytes(outputs),
        constant_bytes=sum(tensor.size_bytes or 0 for tensor in layer.constants),
        flops=None if not computed or None in flops else sum(count or 0 for count in flops),
        time_ns=None,
        group=None,
    )


def _kind(layer: Layer, nodes: tuple[str, ...], known: Mapping[str, GraphNode], computes: bool) -> LayerKind:
    """A transpose or padding that the user's model asks for is the model's own copy, not a conversion.

    A user's own Mul beside a Cast spells the same as a dequantise; only its node tells them apart.
    """
    if computes:
        return LayerKind.COMPUTE if layer.kind.is_conversion else layer.kind
    operations = {known[name].op_type for name in nodes}
    if layer.kind is LayerKind.REFORMAT and operations & MOVE_OPS:
        return LayerKind.COPY
    if layer.kind in (LayerKind.QUANTIZE, LayerKind.DEQUANTIZE) and operations & {"Mul", "Div", "Clip"}:
        return LayerKind.COMPUTE
    return layer.kind


def _computed_nodes(kind: LayerKind, nodes: tuple[str, ...], known: Mapping[str, GraphNode]) -> tuple[str, ...]:
    """Drop nodes a conversion only mentions: the padding before a convolution names it and its activation too."""
    if not kind.is_conversion:
        return nodes
    return tuple(name for name in nodes if known[name].op_type in CONVERSION_OPS)


def _without_early_mentions(
    rows: tuple[Row, ...], main: Mapping[str, int], known: Mapping[str, GraphNode]
) -> tuple[Row, ...]:
    """Drop a conv or gemm from rows before the one that multiplies: these only ready its input."""
    return tuple(
        replace(row, nodes=kept)
        if (
            kept := tuple(
                name
                for name in row.nodes
                if known[name].op_type not in MATMUL_OPS or main.get(name, -1) <= row.layer.index
            )
        )
        != row.nodes
        else row
        for row in rows
    )


def total_bytes(tensors: tuple[Tensor, ...]) -> int | None:
    """Return the sum of sizes, ``None`` when any is unknown; 0 for no tensors."""
    sizes = [tensor.size_bytes for tensor in tensors]
    return None if None in sizes else sum(size or 0 for size in sizes)


def _distinct(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Generated kernels list a tensor again for each use."""
    return tuple({tensor.name: tensor for tensor in tensors}.values())


def precision_mix(rows: tuple[Row, ...]) -> tuple[tuple[DType | None, int], ...]:
    """Return how many conv and gemm rows take operands of each type, most frequent first."""
    counts: dict[DType | None, int] = {}
    for row in rows:
        if row.has_matmul:
            counts[row.operand] = counts.get(row.operand, 0) + 1
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0].value if item[0] else "~")))


def activation_bytes(rows: tuple[Row, ...]) -> int | None:
    """Return bytes of activations read and written by all rows, ``None`` when a size is unknown."""
    sizes = [size for row in rows for size in (row.read_bytes, row.written_bytes)]
    return None if None in sizes else sum(size or 0 for size in sizes)
