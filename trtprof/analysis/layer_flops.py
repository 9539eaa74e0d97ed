"""Operations and weights of a layer, from what the engine itself says about it; ``None`` rather than a guess."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from trtprof.analysis.convolution import Convolution, convolution_of
from trtprof.comparison import Row
from trtprof.model import Layer, Tensor

_PRODUCTS = ("gemm", "matrixmultiply", "fullyconnected")


def layer_flops(layer: Layer) -> int | None:
    """Return the operations of a convolution or matrix product, 2 for each multiply-add; ``None`` for other layers.

    A convolution's follow from the weights it holds and the places it puts them on, a product's from its tensors'
    extents. ``None`` too where an extent is dynamic, a parameter is missing, or parameters and tensors disagree.
    """
    if not layer.inputs or not layer.outputs:
        return None
    given = convolution_of(layer)
    if given is not None:
        return _convolution_flops(layer, given, layer.inputs[0], layer.outputs[0])
    if is_product(layer):
        return _product_flops(layer, layer.inputs[0], layer.outputs[0])
    return None


def with_flops(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return the rows with the operations of their conv or gemm, where the ONNX graph did not give them already."""
    return tuple(
        replace(row, flops=layer_flops(row.layer)) if row.has_matmul and row.flops is None else row for row in rows
    )


def is_product(layer: Layer) -> bool:
    """Return whether the builder's word for the layer is one for a matrix product."""
    word = (layer.type or "").lower()
    return any(word == name or word.endswith(name) for name in _PRODUCTS)


def unlisted_weight_bytes(layer: Layer) -> int:
    """Return the bytes of a product's second operand where the engine lists it neither as input nor as constant.

    Myelin leaves constant weights out; they are as many as the product has rows and columns, of the input's type.
    """
    if not is_product(layer) or layer.constants or not layer.inputs or not layer.outputs or len(_matrices(layer)) != 1:
        return 0
    source, result = layer.inputs[0], layer.outputs[0]
    if layer_flops(layer) is None or source.dims is None or result.dims is None or source.dtype is None:
        return 0
    return source.dims[-1] * result.dims[-1] * source.dtype.bits // 8


def _convolution_flops(layer: Layer, given: Convolution, source: Tensor, result: Tensor) -> int | None:
    rank = len(given.kernel or ())
    extents, results = source.dims, result.dims
    if not rank or extents is None or results is None or len(extents) != rank + 2 or min(extents) < 1:
        return None
    weights = given.weights or _weights(given, extents[1])
    if weights is None:
        return None
    if "deconv" in (layer.type or "").lower():
        return 2 * weights * extents[0] * math.prod(extents[2:])
    places = _places(given, extents[2:])
    fused_with_pool = "Pooling" + "WindowSize" in layer.parameters
    if not fused_with_pool:
        if len(results) != rank + 2 or min(results) < 1 or (places is not None and places != results[2:]):
            return None
        places = results[2:]
    return None if places is None else 2 * weights * extents[0] * math.prod(places)


def _weights(given: Convolution, channels: int) -> int | None:
    if given.out_maps is None or given.kernel is None or given.groups is None or channels % given.groups:
        return None
    return given.out_maps * channels // given.groups * math.prod(given.kernel)


def _places(given: Convolution, extents: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the extents of what a convolution writes, by its stride, padding and dilation."""
    if given.kernel is None or given.stride is None or given.dilation is None or given.padding is None:
        return None
    parts = (given.kernel, given.stride, given.dilation, *given.padding, extents)
    if len({len(part) for part in parts}) > 1:
        return None
    return tuple(
        (size + before + after - dilation * (kernel - 1) - 1) // stride + 1
        for kernel, stride, dilation, before, after, size in zip(*parts, strict=True)
    )


def _matrices(layer: Layer) -> list[Tensor]:
    """Return the inputs that may be operands: scales are listed among them, a bias has one extent above 1."""
    found = {tensor.name: tensor for tensor in layer.inputs or () if sum(size != 1 for size in tensor.dims or ()) > 1}
    first = layer.inputs[0] if layer.inputs else None
    if first is not None:
        found.setdefault(first.name, first)
    return list(found.values())


def _product_flops(layer: Layer, source: Tensor, result: Tensor) -> int | None:
    if not source.elements or not result.elements or source.dims is None or result.dims is None:
        return None
    operands = [tensor for tensor in _matrices(layer) if tensor.name != source.name]
    if not operands:
        same = len(source.dims) == len(result.dims) > 1 and source.dims[:-1] == result.dims[:-1]
        return 2 * result.elements * source.dims[-1] if same else None
    other = operands[0]
    if not other.elements or other.dims is None or len(result.dims) < 2:
        return None
    batch = math.prod(result.dims[:-2]) if other.dims[:-2] == result.dims[:-2] == source.dims[:-2] else 1
    # |A| |B| |C| = b^3 M^2 N^2 K^2, whichever of the operands is transposed.
    square = source.elements * other.elements * result.elements // batch
    products = math.isqrt(square)
    inner = products // result.elements
    fits = products * products == square and inner in source.dims[-2:] and inner in other.dims[-2:]
    return 2 * products if fits and inner * result.elements == products else None
