"""Q102: an activation computes in float between quantised convolutions."""

from __future__ import annotations

from trtprof.analysis.findings.island_rule import island_check
from trtprof.analysis.findings.rule import Role, Rule
from trtprof.graph_facts import Fact

RULE = Rule(
    code="Q102",
    name="float-activation",
    title="An activation computes in float between quantised convolutions",
    role=Role.CAUSE,
    why=(
        "TensorRT fuses ReLU and Clip into a quantised convolution. An activation it cannot fuse (SiLU, LeakyReLU on "
        "older versions, Abs, Div, Mul of two branches) reads float and writes float unless Q/DQ stand on its inputs "
        "and behind it: the convolution before it writes float, and a quantise follows."
    ),
    needs="layer information with types; or the ONNX model",
    looks_like=(
        ("layer information", "PWN(…), PointWise or kgen with Half or Float in and out between two Int8 convolutions"),
        ("profile", "the activation and the quantise behind it as entries of their own"),
        ("ONNX model", "an activation between a quantised convolution and the next QuantizeLinear"),
    ),
    cure=(
        "Put Q/DQ on every input of the operation, so that it reads and writes INT8; or use an activation that fuses "
        "(ReLU). Where accuracy suffers, leave it in float knowingly and ignore this rule there with a reason."
    ),
    saving="quantises and dequantises that go, half of the operation at most, the epilogue of the convolution",
    false_positives=(
        "SiLU is often kept in float for accuracy, on purpose. Some kernels take LeakyReLU in (CUDA 11 and later)."
    ),
    source=(
        "TensorRT developer guide, Q/DQ placement recommendations (quantize inputs and outputs of layers that do not "
        "commute); NVIDIA/TensorRT#993, #1423, #3205, #3542"
    ),
    check=island_check("activation", "an activation or element-wise operation", Fact.FLOAT_BETWEEN),
)
