"""Setting weights aside while onnx works on the structure: its converters copy the whole model through bytes twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

_LARGE_BYTES = 4096
"""Below this a constant may be a shape or an axis list, which shape inference reads."""


def without_weights(model: onnx.ModelProto, change: Callable[[onnx.ModelProto], onnx.ModelProto]) -> onnx.ModelProto:
    """Return ``change(model)`` computed without the bytes of large initialisers, which are put back whatever happens.

    ``change`` may return another model; an initialiser it keeps keeps its name.
    """
    aside = {tensor.name: tensor.raw_data for tensor in model.graph.initializer if len(tensor.raw_data) > _LARGE_BYTES}
    _take_out(model, aside)
    result = model
    try:
        result = change(model)
    finally:
        _put_back(model, aside)
        if result is not model:
            _put_back(result, aside)
    return result


def _take_out(model: onnx.ModelProto, aside: dict[str, bytes]) -> None:
    """Mark them as stored elsewhere: a tensor without bytes and without that mark would be invalid."""
    import onnx

    for tensor in model.graph.initializer:
        if tensor.name in aside:
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            entry = tensor.external_data.add()
            entry.key, entry.value = "location", "aside"


def _put_back(model: onnx.ModelProto, aside: dict[str, bytes]) -> None:
    for tensor in model.graph.initializer:
        if tensor.name in aside:
            tensor.raw_data = aside[tensor.name]
            tensor.ClearField("external_data")
            tensor.ClearField("data_location")
