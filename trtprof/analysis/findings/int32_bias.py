"""Q111: biases go through DequantizeLinear as INT32."""

from __future__ import annotations

from trtprof.analysis.findings.model_places import places_claim
from trtprof.analysis.findings.rule import Outcome, Role, Rule, Subject
from trtprof.graph_facts import Fact


def check(subject: Subject) -> Outcome:
    """Return one claim with every DequantizeLinear of an INT32 bias in the engine's ONNX model."""
    return places_claim(
        subject, Fact.INT32_BIAS, "bias is INT32 behind DequantizeLinear", "biases are INT32 behind DequantizeLinear"
    )


RULE = Rule(
    code="Q111",
    name="int32-bias",
    title="Biases are quantised to INT32",
    role=Role.CAUSE,
    why=(
        "TensorRT takes a float bias and quantises it by itself. Its parser refuses a DequantizeLinear that reads "
        "INT32, so ONNX Runtime's TensorRT provider cuts the graph there: Q/DQ run on the CPU and convolutions in "
        "FP32 between copies. This is what onnxruntime.quantization writes by default."
    ),
    needs="the ONNX model",
    looks_like=(
        ("ONNX model", "a DequantizeLinear whose first input is an INT32 constant"),
        ("layer information", "several small engines, or none of the convolutions in Int8"),
        ("nsys", "Memcpy between many short pieces, and a large spread from one inference to the next"),
        (
            "build log",
            "'only activation types allowed as input to this layer' or 'input has type Int32' of a DQ",
        ),
    ),
    cure=(
        "Quantise again with a float bias: quantize_static(extra_options={'QuantizeBias': False, "
        "'ActivationSymmetric': True, 'WeightSymmetric': True}). `trtprof compare` keeps biases in float."
    ),
    saving="of float convolutions with such a bias, what published INT8 engines gain over FP16; unknown without layers",
    false_positives="ONNX Runtime's own CPU and CUDA providers want this bias; only TensorRT does not.",
    source=(
        "realsr-edge (RTX 3060: 4.33 ms with INT32 biases, 1.93 ms calibrated by TensorRT, FP32 3.28 ms); "
        "onnx/onnx-tensorrt#850; microsoft/onnxruntime#14229"
    ),
    check=check,
)
