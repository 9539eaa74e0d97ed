"""The prepared base: the user's FP32 model in the form every variant is made from.

TensorRT's rows point back at ONNX nodes by name, so each node needs one, and it must be the same in every variant.
Batch normalisation is folded into its convolution first because a Q/DQ pair between the two stops TensorRT from doing
so. Nothing here changes what the model computes; the caller checks that numerically.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trtprof.graph.batchnorm import fold_batch_norms
from trtprof.graph.onnx_file import load_onnx, save_onnx
from trtprof.graph.shapes import InputSpec, input_specs, pin_shapes
from trtprof.graph.weights import without_weights
from trtprof.model import Notice

if TYPE_CHECKING:
    import onnx

BASE_OPSET = 19
"""First opset in which Q/DQ scales may be FP16, which an INT8 model with an FP16 remainder needs."""
_MIN_IR_VERSION = 9


@dataclass(frozen=True, slots=True)
class PreparedModel:
    """A written base model: its inputs, static, and what was done to it."""

    path: Path
    inputs: tuple[InputSpec, ...]
    notices: tuple[Notice, ...]


def prepare(source: Path, shapes: Mapping[str, tuple[int, ...]], out: Path) -> PreparedModel:
    """Write the prepared base of ``source`` to ``out`` and return what is in it.

    Raises:
        InputError: the file is no usable ONNX model, or a dimension is dynamic and not in ``shapes``.
        UsageError: ``shapes`` names an input that does not exist.
        BuildError: ``out`` cannot be written.
    """
    model = load_onnx(source)
    notices: list[Notice] = []
    _drop_initializer_inputs(model)
    pin_shapes(model, shapes, source)
    _constants_to_initializers(model)
    model = _raise_opset(model, notices)
    _sums_to_adds(model)
    name_nodes(model)
    folded = fold_batch_norms(model)
    if folded:
        notices.append(Notice("bn-folded", f"{folded} BatchNormalization nodes were folded into their convolutions"))
    model = _infer_shapes(model, notices)
    save_onnx(model, out)
    return PreparedModel(out, input_specs(model), tuple(notices))


def prepare_variant(source: Path, shapes: Mapping[str, tuple[int, ...]], out: Path) -> PreparedModel:
    """Write a variant the user made, changed only by static shapes and names for unnamed nodes.

    Raises:
        InputError: the file is no usable ONNX model, or a dimension is dynamic and not in ``shapes``.
        BuildError: ``out`` cannot be written.
    """
    model = load_onnx(source)
    _drop_initializer_inputs(model)
    names = {value.name for value in model.graph.input}
    pin_shapes(model, {name: extents for name, extents in shapes.items() if name in names}, source)
    name_nodes(model)
    save_onnx(model, out)
    return PreparedModel(out, input_specs(model), ())


def name_nodes(model: onnx.ModelProto) -> None:
    """Give each node of the main graph a name of its own, derived from its first output so that it stays the same."""
    counts = Counter(node.name for node in model.graph.node)
    taken = {name for name in counts if name}
    seen: set[str] = set()
    for position, node in enumerate(model.graph.node):
        if node.name and node.name not in seen:
            seen.add(node.name)
            continue
        stem = node.name or next((name for name in node.output if name), f"{node.op_type}_{position}")
        name, suffix = stem, 1
        while name in taken or name in seen:
            name, suffix = f"{stem}_{suffix}", suffix + 1
        node.name = name
        seen.add(name)


def _drop_initializer_inputs(model: onnx.ModelProto) -> None:
    """Before IR version 4 weights had to be listed as inputs; nobody feeds them."""
    weights = {tensor.name for tensor in model.graph.initializer}
    kept = [value for value in model.graph.input if value.name not in weights]
    if len(kept) != len(model.graph.input):
        del model.graph.input[:]
        model.graph.input.extend(kept)
    model.ir_version = max(model.ir_version, _MIN_IR_VERSION)


def _constants_to_initializers(model: onnx.ModelProto) -> None:
    """Paddle exports hold weights as Constant nodes, which onnxruntime's quantiser does not look into."""
    import onnx

    kept = []
    for node in model.graph.node:
        attributes = {attribute.name: attribute for attribute in node.attribute}
        if node.op_type != "Constant" or "value" not in attributes:
            kept.append(node)
            continue
        tensor = onnx.TensorProto()
        tensor.CopyFrom(attributes["value"].t)
        tensor.name = node.output[0]
        model.graph.initializer.append(tensor)
    if len(kept) != len(model.graph.node):
        del model.graph.node[:]
        model.graph.node.extend(kept)


def _raise_opset(model: onnx.ModelProto, notices: list[Notice]) -> onnx.ModelProto:
    from onnx import version_converter

    opset = default_opset(model)
    if opset is None or opset >= BASE_OPSET:
        return model
    try:
        return without_weights(model, lambda bare: version_converter.convert_version(bare, BASE_OPSET))
    except Exception as error:  # the converter raises RuntimeError, ValueError and its own types
        notices.append(
            Notice(
                "opset-kept",
                f"opset {opset} could not be raised to {BASE_OPSET}: {_first_line(error)}",
            )
        )
        return model


def default_opset(model: onnx.ModelProto) -> int | None:
    """Return the version of the default operator set, or ``None`` when the model imports none."""
    return next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), None)


def _sums_to_adds(model: onnx.ModelProto) -> None:
    """A Sum of two inputs is an Add; only Adds are known to quantisers."""
    for node in model.graph.node:
        if node.op_type == "Sum" and node.domain in ("", "ai.onnx") and len(node.input) == 2:
            node.op_type = "Add"


def _infer_shapes(model: onnx.ModelProto, notices: list[Notice]) -> onnx.ModelProto:
    import onnx

    try:
        return without_weights(model, lambda bare: onnx.shape_inference.infer_shapes(bare, data_prop=True))
    except Exception as error:  # onnx raises InferenceError, and RuntimeError from its C++ side
        message = f"shape inference failed, so the work of each node is unknown: {_first_line(error)}"
        notices.append(Notice("shapes-unknown", message))
        return model


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
