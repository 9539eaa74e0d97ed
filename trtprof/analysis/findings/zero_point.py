"""Q112: a quantiser with UINT8 or a zero point other than 0."""

from __future__ import annotations

from trtprof.analysis.findings.model_places import places_claim
from trtprof.analysis.findings.rule import Outcome, Role, Rule, Subject
from trtprof.graph_facts import Fact


def check(subject: Subject) -> Outcome:
    """Return one claim with every asymmetric quantiser of the engine's ONNX model."""
    return places_claim(
        subject,
        Fact.ZERO_POINT,
        "quantiser is not symmetric (UINT8, or a zero point not 0)",
        "quantisers are not symmetric (UINT8, or a zero point not 0)",
    )


RULE = Rule(
    code="Q112",
    name="zero-point",
    title="Quantisation is not symmetric",
    role=Role.CAUSE,
    why=(
        "TensorRT quantises symmetrically: signed INT8 with a zero point of 0. Its parser refuses anything else for "
        "the GPU, or the provider that cuts the graph leaves such layers in float."
    ),
    needs="the ONNX model",
    looks_like=(
        ("ONNX model", "QuantizeLinear with a UINT8 zero point, or an INT8 one that is not 0"),
        ("layer information", "convolutions behind them in Half or Float"),
        ("build log", "'TensorRT only supports symmetric quantization'"),
    ),
    cure=(
        "Quantise again with symmetric INT8 activations and weights (activation_type=QInt8, 'ActivationSymmetric': "
        "True, 'WeightSymmetric': True in ONNX Runtime; the default of ModelOpt)."
    ),
    saving="of float convolutions behind them, what published INT8 engines gain over FP16; unknown without layers",
    false_positives="On DLA, TensorRT 10.11 and later can take UINT8 and zero points with a parser flag.",
    source=(
        "TensorRT developer guide, Working with Quantized Types (symmetric quantization); TensorRT 10.11 parser flag "
        "ENABLE_UINT8_AND_ASYMMETRIC_QUANTIZATION_DLA; realsr-edge"
    ),
    check=check,
)
