"""Q106: the inputs of a Concat do not share one scale."""

from __future__ import annotations

from trtprof.analysis.findings.island_rule import island_check
from trtprof.analysis.findings.rule import Role, Rule
from trtprof.graph_facts import Fact

RULE = Rule(
    code="Q106",
    name="concat-scales",
    title="The inputs of a Concat do not share one scale",
    role=Role.CAUSE,
    why=(
        "TensorRT lets the layers before a Concat write into one buffer, which needs one type and one scale. With "
        "different scales, or an input without Q/DQ, tensors are converted to float and quantised again."
    ),
    needs="layer information with types; or the ONNX model",
    looks_like=(
        (
            "layer information",
            "Concat copies in Half or Float between Int8 layers; Reformats from Int8 to Int8 with Origin QDQ",
        ),
        ("nsys", "reformat kernels around the Concat"),
        ("ONNX model", "QuantizeLinear with different scales on the inputs of one Concat, or missing on some"),
        ("build log", "Generating copy for … because …"),
    ),
    cure=(
        "Give all inputs of the Concat, and its output, the same scale: the largest of them (copy _amax in "
        "pytorch-quantization). Q/DQ behind the Concat alone is fine too: TensorRT moves it before the Concat."
    ),
    saving="the quantises, dequantises and float copies around the Concat",
    false_positives=(
        "Where one branch has a much larger range, one scale costs accuracy. TensorRT may hoist a quantise above a "
        "Concat by itself and be slower for it (NVIDIA/TensorRT#4366)."
    ),
    source=(
        "NVIDIA-AI-IOT/yolo_deepstream, QAT performance guidance (YOLOv7 on Orin, 180.4 to 207.3 qps); "
        "NVIDIA/TensorRT#4366, #4401"
    ),
    check=island_check("concat", "a Concat", Fact.CONCAT_SCALES),
)
