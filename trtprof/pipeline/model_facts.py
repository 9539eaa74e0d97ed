"""What an engine's own ONNX model says of its quantisation, where the model is at hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from trtprof.errors import TrtprofError
from trtprof.graph.onnx_file import load_onnx
from trtprof.graph.qdq_facts import qdq_facts
from trtprof.graph_facts import GraphFacts
from trtprof.model import Unknown

if TYPE_CHECKING:
    import onnx


def model_facts(path: Path) -> GraphFacts | Unknown:
    """Return the Q/DQ facts of the model in a file, ``Unknown`` where it cannot be read."""
    try:
        model = load_onnx(path, weights=False)
    except TrtprofError as error:
        return Unknown(f"its ONNX model cannot be read: {error.message}")
    return facts_of(model)


def facts_of(model: onnx.ModelProto) -> GraphFacts | Unknown:
    """Return the Q/DQ facts of a model.

    One without shapes on its tensors gets them inferred: residual Adds are known by them.
    """
    import onnx

    if not model.graph.value_info:
        try:
            model = onnx.shape_inference.infer_shapes(model)
        except Exception as error:  # onnx raises its own C++ errors, which share no base
            return Unknown(f"the shapes in its ONNX model cannot be inferred: {error}")
    return qdq_facts(model)
