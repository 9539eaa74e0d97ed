"""Which types were asked of the builder, and how much of an engine's time some rows take."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from trtprof.analysis.findings.flow import QUANTISED
from trtprof.analysis.findings.rule import QUANTISED_WORDS, Subject, row_ns
from trtprof.comparison import Row
from trtprof.diagnosis import Evidence
from trtprof.graph_facts import GraphFacts
from trtprof.model import DType, LayerKind, Precision

HALF: Final = frozenset({Precision.FP16, Precision.BF16})
_WORD: Final = re.compile(r"FP32|TF32|FP16|BF16|INT8|FP8|INT4|FP4")
_WORDS: Final = re.compile(r"[a-z0-9]+")
_FLAG: Final = re.compile(r"--(fp16|bf16|int8|fp8|int4|best)(?=\s|=|$)")
_BEST: Final = frozenset({Precision.FP16, Precision.INT8})
_STRONGLY_TYPED_FROM: Final = 11
"""The first release without precision flags: every network is strongly typed."""
_IDLE: Final = frozenset({LayerKind.NOOP, LayerKind.CONSTANT, LayerKind.SIGNAL, LayerKind.SHAPE})


def allowed_types(subject: Subject) -> frozenset[Precision] | None:
    """Return the types that options or flags let the builder choose from; ``None`` where neither is known.

    A strongly typed build gets no choice, so nothing is said of it either.
    """
    facts = subject.built.engine.facts
    if facts is None or is_strongly_typed(subject):
        return None
    asked = {Precision.FP32}
    line = facts.option("Build Options", "Precision")
    if line:
        asked.update(Precision(word.lower()) for word in _WORD.findall(line.upper()))
    flags = _FLAG.findall(facts.command or "")
    for flag in flags:
        asked.update(_BEST if flag == "best" else {Precision(flag)})
    return frozenset(asked) if line or flags or _builds(facts.command) else None


def is_strongly_typed(subject: Subject) -> bool:
    """Whether the types of the ONNX model decide: TensorRT 11, TensorRT-RTX, or ``--stronglyTyped`` before."""
    facts = subject.built.engine.facts
    version = (subject.built.engine.tool_version or "").split(".")[0]
    if subject.ahead_of_time or (version.isdigit() and int(version) >= _STRONGLY_TYPED_FROM):
        return True
    if facts is None:
        return False
    line = facts.option("Build Options", "Precision") or ""
    return "--stronglyTyped" in (facts.command or "") or "strong" in line.lower()


def quantised_type(subject: Subject) -> Precision | None:
    """Return the quantised type that was asked for: by the engine's precision or name, by options or by flags."""
    named = subject.built.precision
    if named is not None and named.value in QUANTISED_WORDS:
        return named
    called = next((word for word in _WORDS.findall(subject.built.name.lower()) if word in QUANTISED_WORDS), None)
    if called is not None:
        return Precision(called)
    allowed = allowed_types(subject) or frozenset()
    return next((item for item in allowed if item.value in QUANTISED_WORDS), None)


def asked_evidence(subject: Subject) -> tuple[Evidence, ...]:
    """Return what options, command and ONNX model say of the types the builder was given."""
    facts = subject.built.engine.facts
    found = []
    line = facts.option("Build Options", "Precision") if facts else None
    if line:
        found.append(Evidence(f"trtexec says 'Precision: {line}'", "options"))
    elif facts is not None and facts.command:
        found.append(Evidence(f"built by '{facts.command}'", "options"))
    if isinstance(subject.facts, GraphFacts) and subject.facts.float_type is DType.FP32:
        found.append(Evidence("what is not quantised is FP32 in the ONNX model", "onnx"))
    return tuple(found)


def types_of(row: Row) -> frozenset[DType]:
    """Return the types of the activations a row reads and writes.

    Generated kernels list scales and biases among their inputs; these have one dimension or none, and do not count
    beside a tensor with more.
    """
    tensors = (*(row.layer.inputs or ()), *(row.layer.outputs or ()))
    wide = [tensor for tensor in tensors if tensor.dims is None or len(tensor.dims) > 1]
    return frozenset(tensor.dtype for tensor in wide or tensors if tensor.dtype is not None)


def reads_quantised(row: Row) -> bool:
    """Whether a row reads a quantised type."""
    return any(tensor.dtype in QUANTISED for tensor in row.layer.inputs or ())


def works(row: Row) -> bool:
    """Whether a row runs anything on the GPU."""
    return row.kind not in _IDLE


def engine_ns(subject: Subject) -> float:
    """Return the sum of the layer times as profiled, 0 where there are none."""
    return sum_ns(subject.rows)


def sum_ns(rows: Iterable[Row]) -> float:
    """Return the sum of the known times of some rows."""
    return sum(row_ns(row) or 0.0 for row in rows)


def is_grouped(row: Row) -> bool:
    """Whether a convolution has more than one group."""
    groups = row.layer.parameters.get("Groups")
    named = row.kernel is not None and row.kernel.operation == "depthwise_convolution"
    return named or (isinstance(groups, int) and groups > 1)


def _builds(command: str | None) -> bool:
    """A command that makes an engine of a model and names no type asks for FP32."""
    return command is not None and "--onnx" in command
