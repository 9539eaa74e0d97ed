"""Q105: an operation computes in float between quantised layers."""

from __future__ import annotations

from trtprof.analysis.findings.island_rule import ANY, island_check
from trtprof.analysis.findings.rule import Role, Rule
from trtprof.graph_facts import Fact

RULE = Rule(
    code="Q105",
    name="float-operation",
    title="An operation computes in float between quantised layers",
    role=Role.CAUSE,
    why=(
        "An operation that Q/DQ does not commute with runs in float unless it has Q/DQ on its inputs and behind it. "
        "What comes before it writes float, a residual added there is dequantised first, and a quantise follows."
    ),
    needs="layer information with types; or the ONNX model",
    looks_like=(
        (
            "layer information",
            "Pooling (average), Resize, Reduce or Slice with Half or Float in and out between Int8 layers",
        ),
        (
            "profile",
            "DequantizeLinear or QuantizeLinear entries around it; the convolution before it is slower than its twins",
        ),
        ("ONNX model", "such an operation between a quantised convolution and the next QuantizeLinear"),
    ),
    cure=(
        "Put Q/DQ in front of the operation (and keep the one behind it), so that the convolution before it writes "
        "INT8. For average pooling this is what TREx's qat-residual-qgap engine does."
    ),
    saving="quantises and dequantises that go, convolutions as fast as their INT8 twins, part of the operation",
    false_positives=(
        "On large GPUs resize and concat may be slower in INT8 (Cityscapes pipeline on RTX 5090). The tail of a "
        "network, which is not quantised again, is not reported."
    ),
    source=(
        "TensorRT developer guide, Q/DQ placement recommendations; TREx ResNet-18 on A100 (0.546 to 0.500 ms); "
        "NVIDIA/TensorRT#1310, #3542"
    ),
    check=island_check("other", ANY, Fact.FLOAT_OPERATION),
)
