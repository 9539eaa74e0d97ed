"""Q103: padding stands between quantised layers by itself."""

from __future__ import annotations

from trtprof.analysis.findings.island_rule import island_check
from trtprof.analysis.findings.rule import Role, Rule
from trtprof.graph_facts import Fact

RULE = Rule(
    code="Q103",
    name="pad-between",
    title="Padding stands between quantised layers by itself",
    role=Role.CAUSE,
    why=(
        "TensorRT fuses Pad into the convolution behind it. Q/DQ between the two, or a Pad in float, keep it a layer "
        "of its own that copies the tensor."
    ),
    needs="layer information with types; or the ONNX model",
    looks_like=(
        ("layer information", "a Padding or Slice layer in front of a convolution, with a quantise beside it"),
        ("ONNX model", "QuantizeLinear and DequantizeLinear between Pad and Conv"),
        ("build log", "no fusion of the Pad with the Conv"),
    ),
    cure=(
        "Take the Q/DQ between Pad and Conv out, so that Pad reads what is dequantised before it; or give the padding "
        "to the convolution itself (pads)."
    ),
    saving="the padding and the quantises beside it",
    false_positives=(
        "A Pad at the engine's input, as TensorFlow exports it, is no island. Padding with a value other than 0 does "
        "not fuse."
    ),
    source=("NVIDIA/TensorRT#2592 (28 to 21 ms); TensorRT developer guide, Q/DQ limitations"),
    check=island_check("pad", "padding", Fact.PAD_BETWEEN),
)
