"""Raising a model's opset, where a type or an operator form needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx


def default_opset(model: onnx.ModelProto) -> int:
    """Return the version of the standard operator set the model imports, 1 if it names none."""
    return next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 1)


def raise_opset(model: onnx.ModelProto, minimum: int) -> onnx.ModelProto | None:
    """Return the model at ``minimum`` or above, the same object if it is there already, ``None`` if it cannot be.

    Shapes are inferred again after a conversion, since it may add nodes.
    """
    import onnx
    from onnx import version_converter

    if default_opset(model) >= minimum:
        return model
    try:
        converted = onnx.shape_inference.infer_shapes(version_converter.convert_version(model, minimum))
    except Exception:  # the converter raises RuntimeError, ValueError, IndexError and its own types
        return None
    needed = onnx.helper.find_min_ir_version_for(list(converted.opset_import), ignore_unknown=True)
    converted.ir_version = max(converted.ir_version, needed)
    return converted
