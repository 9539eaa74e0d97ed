"""Linting a model: facts of its graph, what TensorRT's parser says, and what the project wants to see of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from trtprof.analysis.findings.choices import Choices
from trtprof.analysis.lint import NEEDS_SHAPES, REFUSED, chosen, findings_of, refusals_of
from trtprof.backends.rtx_parser import parser_refusals
from trtprof.graph.lint_facts import lint_facts
from trtprof.graph.onnx_file import load_onnx
from trtprof.graph.prepare import name_nodes
from trtprof.graph.qdq_graph import MATMULS
from trtprof.graph.weights import without_weights
from trtprof.lint_report import LintReport, NotLooked
from trtprof.model import Unknown
from trtprof.pipeline.lint_dla import DLA, dla_findings

if TYPE_CHECKING:
    import onnx

    from trtprof.backends.trtexec_flags import Version

NOT_ASKED = Unknown("TensorRT's parser was not asked (--no-parser)")


def lint_model(
    path: Path, choices: Choices | None = None, *, parser: bool = True, dla: Version | None = None
) -> LintReport:
    """Return what the documented Q/DQ rules say of the model, and with ``parser`` what TensorRT-RTX's parser refuses.

    ``dla`` is the TensorRT by whose limits of the DLA nodes are checked, ``None`` for not at all.

    Raises:
        InputError: the file is no usable ONNX model.
    """
    model = load_onnx(path)
    name_nodes(model)
    not_looked = []
    shaped = with_shapes(model)
    if isinstance(shaped, Unknown):
        codes = NEEDS_SHAPES if dla is None else (*NEEDS_SHAPES, DLA)
        not_looked.append(NotLooked(codes, shaped))
        dla = None
        shaped = model
    facts = lint_facts(shaped)
    found = findings_of(facts, {node.name for node in model.graph.node if node.op_type in MATMULS})
    found += dla_findings(shaped, dla) if dla is not None else []
    refused = parser_refusals(path) if parser else NOT_ASKED
    if isinstance(refused, Unknown):
        not_looked.append(NotLooked((REFUSED,), refused))
    else:
        found += refusals_of(refused, found)
    kept, aside, unseen = chosen(found, not_looked, choices or Choices())
    return LintReport(
        model=str(path),
        quantize_nodes=facts.quantize_nodes,
        dequantize_nodes=facts.dequantize_nodes,
        weighted=facts.weighted,
        quantised=facts.quantised,
        findings=kept,
        set_aside=aside,
        not_looked=unseen,
    )


def with_shapes(model: onnx.ModelProto) -> onnx.ModelProto | Unknown:
    """Return the model with shapes on its tensors, inferred where one has none; Unknown where that fails."""
    import onnx

    known = {value.name for value in (*model.graph.value_info, *model.graph.output)}
    if all(name in known for node in model.graph.node for name in node.output if name):
        return model
    try:
        return without_weights(model, onnx.shape_inference.infer_shapes)
    except Exception as error:  # onnx raises its own C++ errors, which share no base
        first = (str(error).strip().splitlines() or ["no reason given"])[0]
        return Unknown(f"the shapes of its tensors cannot be inferred: {first}")
