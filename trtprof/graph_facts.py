"""What the ONNX model of a variant says of its quantisation, in records that rules read without loading ONNX.

Each fact is a place where the documented rules for Q/DQ are not kept, or something that decides what they mean there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from trtprof.model import DType


class Fact(str, Enum):
    """What was found at a place of the graph."""

    SKIP_NOT_QUANTISED = "skip-not-quantised"
    CONCAT_SCALES = "concat-scales"
    CONSUMER_SCALES = "consumer-scales"
    FLOAT_CONSUMER = "float-consumer"
    FLOAT_BETWEEN = "float-between"
    FLOAT_OPERATION = "float-operation"
    PAD_BETWEEN = "pad-between"
    BATCH_NORM = "batch-norm"
    INT32_BIAS = "int32-bias"
    ZERO_POINT = "zero-point"
    SCALE_SHAPE = "scale-shape"
    BETWEEN_DQ_AND_MATMUL = "between-dq-and-matmul"
    ONE_QUANTISED_MATMUL_INPUT = "one-quantised-matmul-input"
    INTEGER_OPERATOR = "integer-operator"
    SCALE_VALUE = "scale-value"
    SCALE_COMPUTED = "scale-computed"
    OPSET = "opset"
    ACTIVATION_PER_CHANNEL = "activation-per-channel"
    WEIGHT_AXIS = "weight-axis"
    WEIGHT_PER_TENSOR = "weight-per-tensor"
    ONE_QUANTISED_OPERAND = "one-quantised-operand"
    LEFT_IN_FLOAT = "left-in-float"
    OUTPUT_QUANTISED = "output-quantised"
    PAIR_SCALES = "pair-scales"
    DANGLING = "dangling"
    CAST_BESIDE = "cast-beside"
    PLUGIN = "plugin"
    GROUP_ALIGNMENT = "group-alignment"


@dataclass(frozen=True, slots=True)
class GraphFact:
    """One place: the node it is about, what was found there in words, and other nodes that take part."""

    fact: Fact
    node: str
    what: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GraphFacts:
    """The quantisation of one ONNX model.

    ``quantised`` of ``weighted`` convolutions and matrix products read dequantised activations and weights.
    ``float_type`` is what the rest computes in, ``None`` where no weight or tensor tells.
    """

    quantize_nodes: int
    dequantize_nodes: int
    weighted: int
    quantised: int
    float_type: DType | None
    facts: tuple[GraphFact, ...]

    def of(self, *kinds: Fact) -> tuple[GraphFact, ...]:
        """Return the facts of some kinds, in the order of the graph."""
        return tuple(item for item in self.facts if item.fact in kinds)
