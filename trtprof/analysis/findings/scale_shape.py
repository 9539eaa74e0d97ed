"""Q113: the scale of an activation has the shape [1] instead of none."""

from __future__ import annotations

from trtprof.analysis.findings.model_places import places_claim
from trtprof.analysis.findings.rule import Outcome, Role, Rule, Subject
from trtprof.graph_facts import Fact


def check(subject: Subject) -> Outcome:
    """Return one claim with every activation quantiser whose scale is a vector of one."""
    return places_claim(
        subject,
        Fact.SCALE_SHAPE,
        "activation has a scale of shape [1], not a scalar",
        "activations have scales of shape [1], not scalars",
    )


RULE = Rule(
    code="Q113",
    name="scale-shape",
    title="Scale of an activation is a vector of one",
    role=Role.CAUSE,
    why=(
        "Activations are quantised per tensor, with a scalar scale. A scale of shape [1] reads as per-channel with one "
        "channel; a build was seen to keep every convolution in float for it, without an error."
    ),
    needs="the ONNX model",
    looks_like=(
        ("ONNX model", "QuantizeLinear of an activation whose scale has dims [1]"),
        ("layer information", "convolutions in Half or Float behind Q/DQ"),
    ),
    cure="Write the scales of activations as scalars (no dims), by reshaping the constants of the exported model.",
    saving="of float convolutions behind them, what published INT8 engines gain over FP16; unknown without layers",
    false_positives="Many builds take [1] as a scalar: where the layers do read INT8 nothing is lost.",
    source="TensorRT operator reference, QuantizeLinear (per-tensor scale is a scalar); seen with TensorRT-RTX 1.7",
    check=check,
)
